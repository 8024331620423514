/* Counters of the intake, kept in the store and moved in the transaction of what they count: a
 * restart, a kill or a backup cannot make them wrong. */
#ifndef COLLECTOR_COUNTS_H
#define COLLECTOR_COUNTS_H

#include "daemon/store/store.h"
#include "proto/record.h"

struct counts {
	uint64_t accepted, changed, unchanged, refused; /* rows */
	uint64_t retracted;				/* records */
};

#define FAULT_DEFS_MAX 192
/* How often each fault was found since the last time it was added, by index of fault_defs(). */
struct fault_counts {
	uint32_t at[FAULT_DEFS_MAX];
	bool any;
};
void fault_counts_add(struct fault_counts *f, const struct faults *faults);

/* Adds to a register's counters, inside a job. `faults` may be NULL. */
void counts_add(struct store_txn *t, int table, struct text reg, const struct counts *c,
	const struct fault_counts *faults);

/* The sum over all registers; any transaction. */
struct counts counts_total(struct store_txn *t, int table);

/* One call for every register with counters, and for every fault code of a register that was ever
 * found. */
struct counts_visitor {
	void (*reg)(void *arg, struct text reg, const struct counts *c);
	void (*fault)(void *arg, struct text reg, struct text code, uint64_t n);
	void *arg;
};
void counts_walk(struct store_txn *t, int table, const struct counts_visitor *v);

#endif
