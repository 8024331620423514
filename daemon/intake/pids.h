/* Which number a pid has in the vault. Pids are random, and random keys are what the store is slow
 * at: each new one would dirty a page of its own. So new pids gather in memory and are written into
 * the tree many at a time, when they are neighbours there. Nothing depends on that memory: the
 * vault's rows name their pids, and what is missing is read back.
 *
 * For the writer thread; one writing at a time. */
#ifndef COLLECTOR_PIDS_H
#define COLLECTOR_PIDS_H

#include "daemon/store/store.h"
#include "proto/record.h"

/* Where in a vault row the pid stands (vault.c draws the row). */
#define PIDS_AT 16

struct pids;

struct pids_tables {
	int person; /* pid → number */
	int vault;  /* number → row */
	int state;  /* holds one small row of ours */
};

/* NULL: out of memory. */
struct pids *pids_open(const struct pids_tables *tables);
void pids_close(struct pids *p);

/* Inside a job, in this order, as a whole in each run: begin, then any find and add, then end.
 * Errors are sticky in t. */
void pids_begin(struct store_txn *t, struct pids *p);
/* 0: unknown. */
uint64_t pids_find(struct store_txn *t, const struct pids *p, const uint8_t pid[PID_BYTES]);
/* `number`: the vault row that this transaction appends; greater than all before. */
void pids_add(struct store_txn *t, struct pids *p, const uint8_t pid[PID_BYTES], uint64_t number);
void pids_end(struct store_txn *t, struct pids *p);

/* In any transaction, by any thread, without the memory: the tree, else the newest rows of the
 * vault one by one (milliseconds). 0: unknown. */
uint64_t pids_search(
	struct store_txn *t, const struct pids_tables *tables, const uint8_t pid[PID_BYTES]);

#endif
