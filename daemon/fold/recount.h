/* Recount: folds every ledger anew into a store beside the running views and compares table by
 * table, key by key, bit by bit. */
#ifndef FOLD_RECOUNT_H
#define FOLD_RECOUNT_H

#include "daemon/fold/views.h"

struct recount_table {
	const char *name;
	uint64_t running, anew; /* keys */
	uint8_t digest_running[HASH_BYTES], digest_anew[HASH_BYTES];
	bool equal;
	char differs[160]; /* the first key that differs, in hex, and how; "" when equal */
};

struct recount {
	struct recount_table tables[VIEW_TABLES];
	uint64_t entries; /* folded anew */
	bool equal;
	/* May be NULL. Asked between chunks: true ends the recount with ERR_CLOSED. */
	bool (*stop)(void *arg);
	void *arg;
};

/* Works in `dir` (removed before and after). Any thread but the loop and the writers; takes as long
 * as folding everything. The running views go on meanwhile: the new ones are folded up to theirs
 * until both stand at the same positions. */
MUST_CHECK int recount_run(struct recount *r, struct views *v, const char *dir, struct errmsg *m);

/* Digest of a table: BLAKE2b-256 chained over keys and values in order; *keys their number. Renews
 * nothing: within the deadline. */
void view_digest(struct store_txn *t, int table, uint8_t out[HASH_BYTES], uint64_t *keys);

#endif
