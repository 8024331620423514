/* The records that made the difference between two positions of the ledgers: of all entries in
 * between, those by which what a record brings to a form and period is another. */
#ifndef PERIODS_TOUCHED_H
#define PERIODS_TOUCHED_H

#include "daemon/figures/office.h"

enum touched_what {
	TOUCHED_NEW,	   /* it was written before the first version was closed, and came after */
	TOUCHED_LATE,	   /* it was written after that */
	TOUCHED_CORRECTED, /* another version of a record that stood */
	TOUCHED_RETRACTED,
	TOUCHED_CASE, /* a decision on who is who: it may move any person */
};

struct touched {
	enum touched_what what;
	uint32_t origin;
	uint64_t before, after; /* positions of the record's versions; 0: none */
	struct text reg, key;	/* borrowed for the call; no personal value stands in a key */
};

struct touching {
	struct ledger *ledger;
	const struct forms *forms;
	const struct form *form;
	struct period period;
	uint32_t city;
	const struct fold_bound *from, *to; /* ascending by origin */
	size_t n_from, n_to;
	uint64_t closed_ms; /* when the first version was closed */
	bool (*stop)(void *arg);
	void (*fn)(void *arg, const struct touched *t);
	void *arg;
	/* out: the entry that cannot be read, when that is the error; origin 0: none */
	struct fold_bound broken;
};
/* Ledger by ledger, in the order of positions. ERR_DAMAGED, ERR_CLOSED (stop), ERR_LIMIT: more than
 * TOUCHED_MAX records of one ledger. An API thread, without a snapshot of the ledgers; takes as
 * long as reading them up to `to`. */
#define TOUCHED_MAX 2000000u
MUST_CHECK int touched_walk(struct touching *t);

#endif
