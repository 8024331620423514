/* The end of a chunk: entity by entity the facts that changed, and what they do to the counts. */
#include <stdlib.h>

#include "daemon/fold/identities.h"
#include "daemon/fold/inside.h"

/* Changes [0, n) of one entity: its facts, and what they do to the counts. */
static int entity_write(struct fold *f, const struct fact_change *changes, size_t n)
{
	bool person = changes->entity[0] == 0;
	int table = person ? VIEW_PERSON : VIEW_GROUP;
	struct text key = { (const char *)changes->entity + (person ? 1 : 0),
		ENTITY_KEY_BYTES - (person ? 1 : 0) };
	struct fact_list old = { 0 }, new = { 0 };
	struct text value = { 0 };
	unsigned did = 0; /* TALENTS_… */

	if (store_get(f->views, table, key, &value) == 0) {
		if (value.n % FACT_BYTES)
			return ERR_DAMAGED;
		old = (struct fact_list){ (const uint8_t(*)[FACT_BYTES])value.p,
			value.n / FACT_BYTES };
	}
	if (old.n + n > f->facts_room) {
		size_t room = (old.n + n) * 2;
		void *more = realloc(f->facts, room * FACT_BYTES);

		if (!more)
			return ERR_NOMEM;
		f->facts = more;
		f->facts_room = room;
	}
	new = (struct fact_list){ (const uint8_t(*)[FACT_BYTES])f->facts,
		facts_apply(old, changes, n, f->facts) };
	if (new.n == SIZE_MAX)
		return ERR_DAMAGED;
	if (!entity_change(f->forms, f->city, old, new, f->cells, &f->scratch))
		return ERR_NOMEM;
	/* Both look at the old facts, which the first write takes away. */
	if (person && f->talents)
		did = talents_look(old, new);
	if (person)
		names_mark(f->views, changes->entity + 1, old, new);
	if (did) {
		int err = talents_person(f->talents, changes->entity + 1, did, new, &f->before);

		if (err)
			return err;
	}
	if (new.n)
		store_put(f->views, table, key,
			(struct text){ (const char *)f->facts, new.n *FACT_BYTES });
	else if (old.n)
		store_del(f->views, table, key);
	return 0;
}

int fold_entities_write(struct fold *f)
{
	struct fact_changes *c = &f->changes;
	int err = c->failed ? ERR_NOMEM : 0;

	if (!err && c->n)
		qsort(c->at, c->n, sizeof(*c->at), fact_change_order);
	for (size_t i = 0, end; i < c->n && !err; i = end) {
		end = i + 1;
		while (end < c->n &&
			memcmp(c->at[end].entity, c->at[i].entity, ENTITY_KEY_BYTES) == 0)
			end++;
		err = entity_write(f, &c->at[i], end - i);
	}
	return err;
}
