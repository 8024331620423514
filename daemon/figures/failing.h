/* Where the checks of a form do not hold, for one area and period: place by place. */
#ifndef FIGURES_FAILING_H
#define FIGURES_FAILING_H

#include "daemon/figures/figures.h"

/* One place: a row of the form, and for a check of rows a column of it. Borrowed for the call. */
struct failing {
	const struct form_check *check;
	const struct figures *at;
	const struct figures_check *found;
	struct text row; /* codes of the row (and the column), joined by blanks */
	struct text left, right;
	char left_text[FIGURES_TEXT_MAX], right_text[FIGURES_TEXT_MAX];
};
/* Calls fn for every place of every check, in the order of the form file and of rows, until it
 * returns false. ERR_INVALID: the form has no such period. */
MUST_CHECK int failing_walk(const struct form *form, const struct period *p, uint32_t area,
	struct store_txn *views, bool (*fn)(void *arg, const struct failing *place), void *arg);

#endif
