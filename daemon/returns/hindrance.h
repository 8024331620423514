/* What stands between a return and its acceptance: places in which a hard check does not hold, and
 * soft ones that the district has not explained. */
#ifndef RETURNS_HINDRANCE_H
#define RETURNS_HINDRANCE_H

#include "daemon/figures/returns.h"
#include "daemon/survey/form.h"

/* Of the places found at most so many are kept; all are counted. */
#define HINDRANCES_MAX 32

struct hindrance {
	const struct form_check *check;
	bool explained; /* a soft one */
	char row[SURVEY_ROW_MAX + 1], left[SURVEY_ID_MAX + 1], right[SURVEY_ID_MAX + 1];
};
struct hindrances {
	size_t hard, soft; /* places in all; soft ones without explanation */
	size_t explained;  /* soft ones with it */
	size_t n;	   /* in `at`: hard ones and soft ones, explained or not */
	struct hindrance at[HINDRANCES_MAX];
};

struct hindrance_ask {
	const struct returns *returns;
	const struct form *form; /* the edition in force at the period's end */
	struct period period;
	uint32_t area;
	const char *check; /* only this one; NULL: all */
};
/* By the figures in the snapshot. */
MUST_CHECK int hindrances_find(const struct hindrance_ask *ask, struct hindrances *out);
/* "02-3 (_T _T): 5 against 4", joined by "; ": of those that hinder, at most `most`. */
void hindrances_words(const struct hindrances *h, size_t most, struct buf *out);

#endif
