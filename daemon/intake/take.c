/* A chunk, inside its transaction, in an order that spares the trees:
 *
 *     1 find     for each different key, in the order of keys: what stands in the register view
 *     2 append   in the order of the file: same bytes as what stands → unchanged; else an entry
 *     3 put      in the order of keys: key → new position, and what it replaced → older
 *     4 persons  in the order of pids: vault_put; whom a record lets into the talent database is
 *                sealed to the registrar
 *     5 count    the outcomes, the faults, what was refused
 *
 * Persons are put for unchanged records too: a phone is not in their bodies. Two rows with one key
 * in a chunk are taken in the order of the file: the second is compared with the first. A record
 * that comes again after a retraction is accepted anew.
 *
 * When the entry that stands cannot be read (its hash does not fit), it cannot be compared: the row
 * becomes a new version, and the position is logged. The rest goes on. */
#include "daemon/intake/take.h"

#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "proto/entry.pb-c.h"

/* ---- on the intake's thread ---- */

static int by_key(const void *a, const void *b, void *arg)
{
	const struct item *items = arg;
	uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
	int c = text_cmp(items[x].key, items[y].key);

	return c ? c : (x > y) - (x < y);
}

void chunk_seal(struct chunk *c)
{
	bool in_order = true;

	for (size_t i = 0; i < c->n_items; i++) {
		c->sorted[i] = (uint16_t)i;
		in_order =
			in_order && (i == 0 || text_cmp(c->items[i - 1].key, c->items[i].key) < 0);
	}
	if (!in_order)
		qsort_r(c->sorted, c->n_items, sizeof c->sorted[0], by_key, c->items);
	for (size_t i = 0; i < c->n_items; i++) {
		struct item *item = &c->items[c->sorted[i]];

		item->prior = -1;
		if (!in_order && i > 0 && text_eq(c->items[c->sorted[i - 1]].key, item->key))
			item->prior = c->sorted[i - 1];
	}
	vault_items_sort(c->persons, c->n_persons);
}

/* ---- inside the transaction ---- */

static void find(struct store_txn *t, struct chunk *c)
{
	for (size_t i = 0; i < c->n_items; i++) {
		struct item *item = &c->items[c->sorted[i]];

		if (item->prior < 0)
			item->stood = view_get(t, &c->take->view, item->key);
		else
			item->stood = c->items[item->prior].stood;
	}
}

/* The body of the entry at `position`; p is NULL when it cannot be read. */
static struct text body_at(
	struct store_txn *t, const struct chunk *c, uint64_t position, struct arena *scratch)
{
	struct text bytes;
	struct entry_view e;
	int err = ledger_get(t, ledger_own(c->take->ledger), position, &bytes);

	arena_reset(scratch);
	if (!err)
		err = entry_unpack(&e, bytes, scratch);
	if (!err)
		return e.body;
	log_error("intake", "entry %llu of the own ledger cannot be read: %s",
		(unsigned long long)position, err_words(err));
	return (struct text){ NULL, 0 };
}

static bool same_body(struct store_txn *t, const struct chunk *c, uint64_t position,
	struct text body, struct arena *scratch)
{
	struct text stands = body_at(t, c, position, scratch);

	return stands.p && text_eq(stands, body);
}

/* 1 and the judgement of 2. */
static void judge(struct store_txn *t, struct chunk *c, struct item *item, struct arena *scratch)
{
	if (item->prior >= 0) {
		const struct item *prior = &c->items[item->prior];

		item->outcome =
			text_eq(prior->body, item->body) ? OUTCOME_UNCHANGED : OUTCOME_CHANGED;
		item->position = prior->position;
	} else if (item->stood.position == 0 || item->stood.retracted) {
		item->outcome = OUTCOME_ACCEPTED;
	} else {
		item->position = item->stood.position;
		item->outcome = same_body(t, c, item->position, item->body, scratch)
					? OUTCOME_UNCHANGED
					: OUTCOME_CHANGED;
	}
}

static void count(struct chunk *c, enum outcome outcome)
{
	if (outcome == OUTCOME_ACCEPTED)
		c->counts.accepted++;
	else if (outcome == OUTCOME_CHANGED)
		c->counts.changed++;
	else
		c->counts.unchanged++;
}

static void append(struct store_txn *t, struct chunk *c)
{
	struct entry_draft draft = { .kind = TALLY__ENTRY_KIND__RECORD,
		.at_ms = clock_wall_ms(),
		.author = c->author,
		.reg = c->reg };

	for (size_t i = 0; i < c->n_items && !store_txn_err(t); i++) {
		struct item *item = &c->items[i];

		judge(t, c, item, &c->take->scratch);
		count(c, item->outcome);
		if (item->outcome == OUTCOME_UNCHANGED)
			continue;
		draft.body = item->body;
		item->position = ledger_append(t, c->take->ledger, &draft);
	}
}

static void put(struct store_txn *t, struct chunk *c)
{
	const struct view *view = &c->take->view;
	uint64_t at = 0;

	for (size_t i = 0; i < c->n_items && !store_txn_err(t); i++) {
		const struct item *item = &c->items[c->sorted[i]];
		bool last = i + 1 == c->n_items || c->items[c->sorted[i + 1]].prior != c->sorted[i];

		if (item->prior < 0)
			at = item->stood.position;
		if (item->position != at && at)
			view_put_older(t, view, item->key, at);
		at = item->position;
		if (last && at != item->stood.position)
			view_put(t, view, item->key, (struct view_row){ .position = at });
	}
}

int chunk_take(struct store_txn *t, struct chunk *c)
{
	if (c->retract)
		return chunk_take_back(t, c);
	c->counts = (struct counts){ .refused = c->refused };
	find(t, c);
	append(t, c);
	put(t, c);
	vault_put(t, &c->take->vault, c->persons, c->n_persons, c->author);
	counts_add(t, c->take->counts, c->reg, &c->counts, &c->faults);
	refusals_put(t, c->take->refused, &c->refusals, c->reg, c->author, clock_wall_ms());
	return store_txn_err(t);
}

/* What stood before an item that would be changed. */
static void tell_changed(struct store_txn *t, const struct chunk *c, const struct item *item,
	const struct look *look)
{
	look->changed(look->arg, item,
		item->prior >= 0 ? c->items[item->prior].body
				 : body_at(t, c, item->stood.position, look->scratch));
}

int chunk_look(struct store_txn *t, struct chunk *c, const struct look *look)
{
	if (c->retract)
		return chunk_look_back(t, c, look);
	c->counts = (struct counts){ .refused = c->refused };
	find(t, c);
	for (size_t i = 0; i < c->n_items; i++) {
		struct item *item = &c->items[i];

		judge(t, c, item, look->scratch);
		count(c, item->outcome);
		if (item->outcome == OUTCOME_CHANGED && look->changed)
			tell_changed(t, c, item, look);
	}
	return store_txn_err(t);
}
