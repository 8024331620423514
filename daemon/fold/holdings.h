/* Holdings: which units belong to one group, as the records of a register say (`group` of a form's
 * `publish`): units of one group count as one where it is judged what may be given out.
 *
 * Stored in VIEW_HOLDING: form (1) unit (8, of a hash, as in samples.h) origin (4) → group (8, of
 * the same hash), numbers big-endian: a row for each district's record that names one. Where
 * districts name different ones the smallest code counts. */
#ifndef FOLD_HOLDINGS_H
#define FOLD_HOLDINGS_H

#include "daemon/fold/facts.h"

/* What stands for a unit: the hash of what its field says. */
uint64_t holding_unit(struct text name);
/* A record comes or goes (where->weight). Sticky errors in t. */
void holding_fold(struct store_txn *t, const struct forms *fs, const struct record *r,
	const struct record_place *where);

/* The group of units, for many questions under one snapshot. */
struct holdings;
struct holdings *holdings_open(struct store_txn *views, const struct form *form); /* NULL: memory */
void holdings_close(struct holdings *h);
/* The unit at the top of the unit's group; itself when it is in none. Units that hold one another
 * in a ring have one of them for all. Sticky errors in views. */
uint64_t holdings_top(struct holdings *h, uint64_t unit);

#endif
