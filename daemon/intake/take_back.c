/* Retractions, inside their transaction, in the order of the file: what stands under the key → a
 * RETRACT entry with the natural key and the reason, the register view points to it, what it
 * replaced goes to `older`. What is retracted already is unchanged: a file may be given again. */
#include "daemon/base/clock.h"
#include "daemon/intake/take.h"
#include "proto/entry.pb-c.h"

/* The entry's position, or 0 with a sticky error. */
static uint64_t retract(struct store_txn *t, struct take *take, const struct entry_draft *draft,
	struct text key, uint64_t stood)
{
	uint64_t position = ledger_append(t, take->ledger, draft);

	view_put_older(t, &take->view, key, stood);
	view_put(t, &take->view, key, (struct view_row){ .position = position, .retracted = true });
	return position;
}

int chunk_take_back(struct store_txn *t, struct chunk *c)
{
	struct entry_draft draft = { .kind = TALLY__ENTRY_KIND__RETRACT,
		.at_ms = clock_wall_ms(),
		.author = c->author,
		.reg = c->reg };

	c->counts = (struct counts){ .refused = c->refused };
	for (size_t i = 0; i < c->n_items && !store_txn_err(t); i++) {
		const struct item *item = &c->items[i];
		struct view_row stood = view_get(t, &c->take->view, item->key);

		if (stood.position == 0 || stood.retracted) {
			c->counts.unchanged++;
			continue;
		}
		draft.key = item->natural;
		draft.reason = item->body;
		(void)retract(t, c->take, &draft, item->key, stood.position);
		c->counts.retracted++;
	}
	counts_add(t, c->take->counts, c->reg, &c->counts, &c->faults);
	refusals_put(t, c->take->refused, &c->refusals, c->reg, c->author, clock_wall_ms());
	return store_txn_err(t);
}

int chunk_look_back(struct store_txn *t, struct chunk *c, const struct look *look)
{
	c->counts = (struct counts){ .refused = c->refused };
	for (size_t i = 0; i < c->n_items; i++) {
		const struct item *item = &c->items[i];

		if (item->prior >= 0 || view_get(t, &c->take->view, item->key).retracted) {
			c->counts.unchanged++;
			continue;
		}
		c->counts.retracted++;
		if (look->retracted)
			look->retracted(look->arg, item);
	}
	return store_txn_err(t);
}

int retraction_take(struct store_txn *t, void *arg)
{
	struct retraction *r = arg;
	struct take *take = r->take;
	const struct counts one = { .retracted = 1 };
	const struct entry_draft draft = { .kind = TALLY__ENTRY_KIND__RETRACT,
		.at_ms = clock_wall_ms(),
		.author = r->author,
		.reg = r->reg,
		.key = r->key,
		.reason = r->reason };
	struct text key;
	struct view_row stood;

	arena_reset(&take->scratch);
	key = view_key(r->reg, r->key, &take->scratch);
	if (!key.p)
		return ERR_NOTFOUND;
	stood = view_get(t, &take->view, key);
	if (stood.position == 0 || stood.retracted)
		return store_txn_err(t) ? store_txn_err(t) : ERR_NOTFOUND;
	r->position = retract(t, take, &draft, key, stood.position);
	counts_add(t, take->counts, r->reg, &one, NULL);
	return store_txn_err(t);
}
