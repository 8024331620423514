/* The register view: which entry of the ledger holds the newest version of a record, and which held
 * the older ones. It is folded in the transaction that appends the entry, so it is never behind.
 *
 * Keys stand in the order of the natural keys, not under a hash: files come in that order, so the
 * pages that a commit dirties are few and lie side by side, and a list in key order is a walk.
 * (view.c draws the tables.) */
#ifndef COLLECTOR_VIEW_H
#define COLLECTOR_VIEW_H

#include "daemon/store/store.h"
#include "proto/arena.h"

#define VIEW_KEY_MAX 256

struct view {
	int view, older; /* indexes of the two tables */
};

struct view_row {
	uint64_t position; /* of the newest entry: a RECORD, or a RETRACT when retracted; 0: nothing
			      stands */
	bool retracted;
};

/* The key under which a record stands, in `a`; p is NULL when the arena is full. */
struct text view_key(struct text reg, struct text key, struct arena *a);

/* Inside any transaction. {0} when nothing stands, or on a sticky error. */
struct view_row view_get(struct store_txn *t, const struct view *v, struct text view_key);
/* Inside a job. */
void view_put(struct store_txn *t, const struct view *v, struct text view_key, struct view_row row);
/* Remembers an entry that is no longer the newest of its key. */
void view_put_older(
	struct store_txn *t, const struct view *v, struct text view_key, uint64_t position);

/* All positions of a key, oldest first, the newest last; at most `size` are written (the newest
 * ones when there are more). Returns how many are written. */
size_t view_history(struct store_txn *t, const struct view *v, struct text view_key,
	uint64_t *positions, size_t size);

/* Walks the records of a register in the order of their keys, from the first one after `after`, a
 * view key ({NULL,0}: the first). fn returns false to stop. */
void view_walk(struct store_txn *t, const struct view *v, struct text reg, struct text after,
	bool (*fn)(void *arg, struct view_row row), void *arg);
/* The same with the view keys, borrowed for the call: for who goes on later from where it stopped.
 */
void view_walk_keys(struct store_txn *t, const struct view *v, struct text reg, struct text after,
	bool (*fn)(void *arg, struct text key, struct view_row row), void *arg);

#endif
