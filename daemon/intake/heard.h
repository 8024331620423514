/* When this node last heard of each person of its vault: the month of the newest entry of its own
 * ledger that holds a record of theirs. By it retention (due.h) knows whose term is over.
 *
 * The time is the entry's own: a row that changed nothing made no entry and does not count, nor
 * does a retraction, nor a sealing. An identity that was shredded and comes back by an import is
 * heard of on that day, whether or not the import made an entry.
 *
 * The import pays nothing for it: the ledger is read on from where it was left when somebody asks.
 */
#ifndef INTAKE_HEARD_H
#define INTAKE_HEARD_H

#include "daemon/ledger/ledger.h"
#include "proto/arena.h"

struct vault;

/* A month as a number: year × 12 + month − 1; 0: none. Of Shanghai's calendar. */
unsigned heard_month(uint64_t wall_ms);

/* The node is told of nothing for so long, or its entries leap so far: is its clock right? */
#define HEARD_QUIET_MS (92ull * 86400000)

#define HEARD_STEP 2048 /* persons; a few milliseconds */
struct heard_mark {
	uint64_t number;
	uint16_t month;
};
struct heard_step {
	struct ledger *ledger;
	const struct vault *vault; /* vault->heard is the table */
	uint64_t now_ms;	   /* no entry is of a later time than this */
	bool sure;		   /* somebody vouches for the clock: leaps are believed */
	/* Out. */
	uint64_t left;		     /* entries that are not read yet */
	uint64_t leap_from, leap_to; /* times: reading stopped before a leap that ends within
					HEARD_QUIET_MS of now; 0: none */
	/* Its own. */
	struct arena arena;
	struct heard_mark marks[HEARD_STEP];
	size_t n_marks;
};
/* Reads at most HEARD_STEP / 2 entries on, inside a job; may run twice. Errors are sticky in t. */
void heard_follow(struct store_txn *t, struct heard_step *s);

/* ---- one person, by the number in the vault; inside a job ---- */

/* Heard of now, whatever the ledger says: the identity came back. */
void heard_back(struct store_txn *t, int table, uint64_t number, uint64_t now_ms);
/* As if never heard of. */
void heard_forget(struct store_txn *t, int table, uint64_t number);

/* ---- reading; any transaction ---- */

/* 0: not heard of, as far as was read. */
unsigned heard_of(struct store_txn *t, int table, uint64_t number);
/* All that were last heard of in `month` or before, by number. fn returns false to stop. */
void heard_walk(struct store_txn *t, int table, unsigned month,
	bool (*fn)(void *arg, uint64_t number, unsigned month), void *arg);
/* The last position that was read of `month` or before. */
uint64_t heard_until(struct store_txn *t, int table, unsigned month);

#endif
