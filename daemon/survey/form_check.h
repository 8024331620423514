/* Checks of a form: relations between its measures that must hold in every row. Here: their
 * notation, read and judged when the form is loaded.
 *
 *     rule = "3 = 8 + 9 + 10 + 11"            "4 <= 3"           "3 within 30% of year_ago 3"
 *
 * A side is measures added and subtracted. Before a measure may stand: previous (the period before,
 * of the same kind), year_ago, cumulative (from January), cumulative_previous, year (the year that
 * the period lies in), ever (all years up to the end of the period: events and sums only),
 * districts (the sum over the districts; asked of the city alone).
 *
 * A check with `dim` is a relation between rows of that dim, in each column of `measures`:
 *
 *     dim = "level"   measures = {"1", "2"}   rule = "high = 3 + 2 + 1 + T + S" */
#ifndef SURVEY_FORM_CHECK_H
#define SURVEY_FORM_CHECK_H

#include "daemon/base/err.h"
#include "proto/arena.h"

enum check_span {
	SPAN_SAME,
	SPAN_PREVIOUS,
	SPAN_YEAR_AGO,
	SPAN_CUMULATIVE,
	SPAN_CUMULATIVE_PREVIOUS,
	SPAN_YEAR,
	SPAN_EVER,
	SPAN_DISTRICTS,
	SPANS,
};
enum check_relation { CHECK_EQUAL, CHECK_AT_MOST, CHECK_AT_LEAST, CHECK_WITHIN };

#define CHECK_TERMS_MAX 24
struct check_term {
	int sign; /* 1, -1 */
	enum check_span span;
	unsigned measure; /* index in the form; of a check of rows the row, ROW_TOTAL for `_T` */
};
struct check_side {
	struct check_term terms[CHECK_TERMS_MAX];
	size_t n;
};

#define CHECK_ONLY_MAX 16
struct form_check {
	const char *id, *rule;
	bool hard;
	const char *zh, *en;		  /* a word of explanation, or "" */
	unsigned periods;		  /* bit of each period kind in which it is asked */
	bool last;			  /* only in the last period of a year */
	int dim;			  /* of a check of rows; -1: of columns */
	uint64_t measures;		  /* of a check of rows: the columns, bits */
	const char *only[CHECK_ONLY_MAX]; /* codes of the first dim; none: all rows */
	size_t n_only;
	struct check_side left, right;
	enum check_relation relation;
	unsigned percent; /* WITHIN */
	const struct form_check *next;
};

struct form;
/* Reads measures added and subtracted, without words before them. ERR_INVALID and words. */
MUST_CHECK int form_terms_parse(
	struct check_side *s, const struct form *f, struct text source, struct errmsg *m);
/* Reads c->rule into sides and relation. ERR_INVALID and words (without file and line). */
MUST_CHECK int form_check_parse(struct form_check *c, const struct form *f, struct errmsg *m);

#endif
