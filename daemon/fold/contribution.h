/* What one record brings to a form in a period: for who asks which records made a difference. Two
 * versions of a record that bring the same are no difference, whatever else was changed in them. */
#ifndef FOLD_CONTRIBUTION_H
#define FOLD_CONTRIBUTION_H

#include "daemon/fold/facts.h"

struct contribution; /* what is asked, and scratch memory; one owner */

/* The form, and what its columns take out of other forms, in the period (and from January on, where
 * its months are cumulative). NULL without memory. */
struct contribution *contribution_open(
	const struct forms *fs, const struct form *f, const struct period *p, uint32_t city);
void contribution_close(struct contribution *c);
/* May a record of this register bring anything? */
bool contribution_asks(const struct contribution *c, const struct reg *reg);
/* What the record brings, as bytes that are equal when it brings the same; empty: nothing. Into
 * `out`, emptied first. False without memory. */
MUST_CHECK bool contribution_take(
	struct contribution *c, const struct record *r, uint32_t origin, struct buf *out);

#endif
