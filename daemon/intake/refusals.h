/* Rows refused lately: when, by whom, which line, which faults. No value of a row stands here; the
 * rows themselves are in the refused file that the import gave back. The newest REFUSALS_KEPT are
 * kept, in the store, with the counters. */
#ifndef COLLECTOR_REFUSALS_H
#define COLLECTOR_REFUSALS_H

#include "daemon/store/store.h"
#include "proto/record.h"

#define REFUSALS_KEPT 1000
#define REFUSAL_FAULTS_MAX 160 /* bytes of "E101 name;E205 doc_number" that are kept */
#define REFUSALS_MAX 64	       /* in one chunk */

struct refusal {
	uint64_t line;
	size_t n;
	char faults[REFUSAL_FAULTS_MAX]; /* "CODE FIELD;CODE FIELD", as many as fit; n bytes */
};

/* Refusals that wait for a chunk; when there are more, the oldest give way. */
struct refusals {
	size_t n; /* in all; at[i % REFUSALS_MAX] */
	struct refusal at[REFUSALS_MAX];
};

/* Adds one. */
void refusals_add(struct refusals *r, uint64_t line, const struct faults *faults);
/* Stores them under the next numbers and forgets the oldest, inside a job. */
void refusals_put(struct store_txn *t, int table, const struct refusals *r, struct text reg,
	struct text author, uint64_t at_ms);

/* One of the list; borrowed for the call. */
struct refusal_view {
	uint64_t at_ms, line;
	struct text reg, author, faults;
};
/* The newest `limit`, newest first; fn returns false to stop. */
void refusals_walk(struct store_txn *t, int table, uint64_t limit,
	bool (*fn)(void *arg, const struct refusal_view *v), void *arg);

#endif
