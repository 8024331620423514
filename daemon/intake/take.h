/* Taking in: what happens to a chunk of checked records inside the one transaction. The writer's
 * half of the intake.
 *
 * Words: chunk = records of one register that are committed together; item = one of them; outcome =
 * what became of it. */
#ifndef COLLECTOR_TAKE_H
#define COLLECTOR_TAKE_H

#include "daemon/intake/counts.h"
#include "daemon/intake/refusals.h"
#include "daemon/intake/vault.h"
#include "daemon/intake/view.h"
#include "daemon/ledger/ledger.h"

#define CHUNK_ITEMS 512
#define CHUNK_PERSONS (CHUNK_ITEMS * REGISTER_PERSONS_MAX)
#define AUTHOR_MAX 32

/* Where things are taken to; set once at start. */
struct take {
	struct ledger *ledger;
	struct vault vault;
	struct view view;
	int counts, refused;  /* tables: the counters, and what was refused lately */
	struct arena scratch; /* the writer thread's */
};

enum outcome { OUTCOME_ACCEPTED, OUTCOME_CHANGED, OUTCOME_UNCHANGED, OUTCOME_RETRACTED };

struct item {
	struct text key;     /* in the register view */
	struct text body;    /* the packed record; of a retraction its reason */
	struct text natural; /* of a retraction: the record's key as people write it */
	uint64_t line;	     /* where the user finds it */
	int32_t prior;	     /* the item before with the same key in this chunk; -1: none. Set by
				chunk_seal() */
	/* found by the job, anew each time it runs */
	enum outcome outcome;
	uint64_t position; /* of the entry that holds this body */
	struct view_row stood;
};

/* Filled by the intake; all texts live in its own arena. */
struct chunk {
	struct take *take;
	struct text reg;
	struct text author;
	bool retract; /* the items are records to be taken back */
	struct item items[CHUNK_ITEMS];
	uint16_t sorted[CHUNK_ITEMS]; /* indexes of items by key, then by order in the file */
	size_t n_items;
	struct vault_item persons[CHUNK_PERSONS];
	size_t n_persons;
	uint64_t refused; /* rows refused since the chunk before */
	struct fault_counts faults;
	struct refusals refusals;
	struct counts counts; /* what the last run of the job found */
};

/* Sorts; before chunk_take(). */
void chunk_seal(struct chunk *c);
/* Job: takes the chunk in. Begins from its input: may run twice. */
int chunk_take(struct store_txn *t, struct chunk *c);
/* The same judgement on a snapshot, with nothing written: a dry run. Not for two threads at once on
 * one chunk. */
struct look {
	struct arena *scratch;
	/* An item that would be changed, and the body that stands (p is NULL: it cannot be read);
	 * borrowed for the call. May be NULL. */
	void (*changed)(void *arg, const struct item *item, struct text old);
	/* An item that would be taken back. May be NULL. */
	void (*retracted)(void *arg, const struct item *item);
	void *arg;
};
int chunk_look(struct store_txn *t, struct chunk *c, const struct look *look);

/* chunk_take() and chunk_look() of a chunk of retractions. What is retracted already stays as it
 * is. */
int chunk_take_back(struct store_txn *t, struct chunk *c);
int chunk_look_back(struct store_txn *t, struct chunk *c, const struct look *look);

/* A record taken back. Job for store_write(); `err` words: ERR_NOTFOUND: nothing stands under the
 * key. */
struct retraction {
	struct take *take;
	struct text reg, key, author, reason;
	uint64_t position; /* out: of the RETRACT entry */
};
int retraction_take(struct store_txn *t, void *retraction);

#endif
