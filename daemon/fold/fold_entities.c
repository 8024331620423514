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
	struct talent_todo did = { 0 };

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
		did = talents_look(old, new, changes, n, talents_crowd(f->talents));
	if (person)
		names_mark(f->views, changes->entity + 1, old, new);
	if (did.what) {
		int err = talents_person(f->talents, changes->entity + 1, &did, new, &f->before);

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

/* Where a change stands in the order of entities and facts: what is sorted is small, and its head
 * decides nearly always. */
struct change_order {
	uint64_t head; /* the first bytes of the entity */
	const struct fact_change *change;
};

static int by_change(const void *a, const void *b)
{
	const struct change_order *x = a, *y = b;

	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	return fact_change_order(x->change, y->change);
}

static bool order_make(struct fold *f)
{
	const struct fact_changes *c = &f->changes;

	if (c->n > f->order_room) {
		free(f->order);
		f->order = malloc(c->room * sizeof(*f->order));
		f->order_room = f->order ? c->room : 0;
	}
	if (c->n > f->order_room)
		return false;
	for (size_t i = 0; i < c->n; i++)
		f->order[i] = (struct change_order){ get_u64(c->at[i].entity), &c->at[i] };
	if (c->n)
		qsort(f->order, c->n, sizeof(*f->order), by_change);
	return true;
}

/* The changes from `first` on that are of one entity, side by side; their number, 0 without
 * memory. */
static size_t group_make(struct fold *f, size_t first)
{
	const struct change_order *o = f->order + first;
	size_t left = f->changes.n - first, n = 1;

	while (n < left && memcmp(o[n].change->entity, o[0].change->entity, ENTITY_KEY_BYTES) == 0)
		n++;
	if (n > f->group_room) {
		free(f->group);
		f->group = malloc(2 * n * sizeof(*f->group));
		f->group_room = f->group ? 2 * n : 0;
	}
	if (n > f->group_room)
		return 0;
	for (size_t i = 0; i < n; i++)
		f->group[i] = *o[i].change;
	return n;
}

int fold_entities_write(struct fold *f)
{
	int err = f->changes.failed || !order_make(f) ? ERR_NOMEM : 0;
	size_t n;

	for (size_t i = 0; i < f->changes.n && !err; i += n) {
		n = group_make(f, i);
		err = n ? entity_write(f, f->group, n) : ERR_NOMEM;
	}
	return err;
}
