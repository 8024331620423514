/* The assessment: districts side by side, each column with its own ranks, and the mean of the
 * ranks. There are no weights.
 *
 * Ranks: 1 is best, equals share a rank, and the next one comes as many places later. A district
 * without a value in a column has no rank there, and its mean is taken over the ranks it has. */
#ifndef FIGURES_ASSESS_H
#define FIGURES_ASSESS_H

#include "daemon/figures/returns.h"
#include "daemon/fold/activity.h"

enum assess_column {
	ASSESS_PROGRESS,  /* of its own targets, see plan_sum() */
	ASSESS_COMPLETE,  /* returns received of those expected, percent */
	ASSESS_ON_TIME,	  /* returns received in time of those expected, percent */
	ASSESS_HARD,	  /* places where a hard check of a return that was due does not hold */
	ASSESS_FINDINGS,  /* entries that could not be folded in all, of 1,000 of its ledger */
	ASSESS_REFUSED,	  /* rows refused, of 1,000 brought: entries and refused */
	ASSESS_CORRECTED, /* corrections and retractions, of 1,000 entries */
	ASSESS_COLUMNS,
};

struct assess_value {
	bool has;
	int64_t value; /* hundredths; of HARD a number */
	unsigned rank; /* 0: none */
};

struct assess_row {
	uint32_t area;
	size_t targets, kept; /* own targets; those reached or on pace */
	struct completeness returns;
	struct activity written;
	uint64_t entries, findings; /* of the whole ledger */
	struct assess_value values[ASSESS_COLUMNS];
	int64_t mean;  /* of the ranks, hundredths; 0: it has none */
	unsigned rank; /* by the mean; 0: none */
};

struct assess_ask {
	const struct forms *forms;
	struct store_txn *views;
	uint32_t city;	       /* whose ledger of decisions counts */
	struct period period;  /* of targets; in which returns were due */
	struct period written; /* when the entries were written of which the quality is taken */
	int today;	       /* yyyymmdd: up to which returns were due */
};

/* Reads the lines of the districts: rows[i].area is given. */
MUST_CHECK int assess_read(const struct assess_ask *a, struct assess_row *rows, size_t n);
/* The city's line: its own targets; the districts' returns, errors and entries added up. */
MUST_CHECK int assess_city(const struct assess_ask *a, const struct assess_row *rows, size_t n,
	struct assess_row *city);
/* Gives the ranks. Pure. */
void assess_rank(struct assess_row *rows, size_t n);
/* Is a greater value of the column the better one? */
bool assess_more_is_better(enum assess_column c);

#endif
