/* The plan: targets with what was reached, out of the form that holds targets. No form is known by
 * name: it is the one with a forecast, and its columns are found by how they are made of one
 * another. */
#ifndef FIGURES_PLAN_H
#define FIGURES_PLAN_H

#include "daemon/figures/figures.h"

/* Measures of the form. */
struct plan_columns {
	size_t given; /* how many targets were given: 0, none was */
	size_t target, actual;
	size_t percent;	   /* actual ÷ target */
	size_t time;	   /* how much of the year is gone */
	size_t difference; /* percent − time */
	size_t forecast;
};

/* The edition in force at the period's end; NULL: there is no form of targets. */
const struct form *plan_form(
	const struct forms *fs, const struct period *p, struct plan_columns *out);
/* The newest year, up to `most`, for which an area has targets; 0: it has none. Sticky errors in
 * views. */
int plan_newest_year(const struct forms *fs, uint32_t area, int most, struct store_txn *views);

/* How a target stands. By the form's own columns: reached, from 100 percent on; on pace, where the
 * percent reached is not less than the percent of the year that is gone; else behind. */
enum plan_state {
	PLAN_REACHED,
	PLAN_ON_PACE,
	PLAN_BEHIND,
	PLAN_NO_TARGET,
	PLAN_NO_FIGURE, /* a target, and nothing to set beside it */
	PLAN_STATES,
};
enum plan_state plan_state(const struct figures *f, size_t row, const struct plan_columns *c);
/* reached, on_pace, behind, no_target, no_figure; and words for people. */
const char *plan_state_code(enum plan_state s);
const char *plan_state_words(enum plan_state s, bool zh);
/* The rows of single targets: 0 … this number. */
size_t plan_rows(const struct form *f);
/* The unit of a target, as its row says. */
const char *plan_unit(const struct form *f, size_t row, const struct plan_columns *c, bool zh);

/* How far the targets of an area are, taken together. */
struct plan_sum {
	size_t given, kept; /* targets; those that are reached or on pace */
	int64_t progress;   /* hundredths of a percent: mean of percent reached, each counted up to
			       100, a target without a figure as 0; where given > 0 */
};
struct plan_sum plan_sum(const struct figures *f, const struct plan_columns *c);

#endif
