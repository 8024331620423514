/* Activity: what each ledger wrote in each month, by the date at which its origin says it wrote it
 * (Shanghai's calendar): what the quality of returns and the age of records are made of.
 *
 * Stored in VIEW_ACTIVITY: origin (4) month (2, period_code()) → entries, corrections, retractions,
 * refused rows (8 each), last day (4, yyyymmdd), numbers big-endian. Sums and a maximum: they do
 * not depend on the size of chunks. */
#ifndef FOLD_ACTIVITY_H
#define FOLD_ACTIVITY_H

#include "daemon/store/store.h"
#include "daemon/survey/period.h"

struct activity {
	uint64_t entries;     /* of every kind but GENESIS */
	uint64_t corrections; /* records that took the place of an older version */
	uint64_t retractions; /* records taken back */
	uint64_t refused;     /* rows that an import refused, by INTAKE entries */
	int last_day;	      /* of the newest of its entries, yyyymmdd; 0: none */
};

struct activities; /* changes of a chunk; one owner */

struct activities *activities_open(void);
void activities_close(struct activities *x);
void activities_reset(struct activities *x);
/* The month of a date, to be added to; NULL when the date lies in no year that periods have, or
 * without memory (then sticky: activities_write fails). Valid until the next call. */
struct activity *activities_at(struct activities *x, uint32_t origin, int yyyymmdd);
/* Adds all to the table. Sticky errors in t. */
void activities_write(struct activities *x, struct store_txn *t, int table);

/* Adds up the months `first` to `last` (numbers of months, period.h) of a ledger. Sticky errors in
 * t. */
struct activity activity_read(struct store_txn *t, uint32_t origin, int first, int last);

#endif
