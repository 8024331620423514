/* The figures of a form for one area and period, out of one snapshot of the views.
 *
 * A form may have thousands of rows (every combination of the codes of its dims) of which few are
 * ever filled: a row in which nothing stands takes no room and no time. All of them look alike, and
 * can be asked like any other. */
#ifndef FIGURES_FIGURES_H
#define FIGURES_FIGURES_H

#include "daemon/base/buf.h"
#include "daemon/fold/cells.h"

struct figures {
	const struct form *form;
	struct period period;
	bool cumulative;	 /* from January to the end of the month */
	bool inner;		 /* its stocks at the end of a period that the form does not show */
	struct store_txn *views; /* while it is opened */
	bool ever;		 /* only what adds up: of all years up to the period's end */
	uint32_t area;
	/* All areas that the answer is made for, for what a city's returns add up to; borrowed.
	 * None: those that have a ledger here. */
	const uint32_t *areas;
	size_t n_areas;
	size_t n_rows; /* every combination, the last dim fastest, totals last */

	/* Behind figures_value(), figures_mark(), figures_next(), figures_place(): */
	uint32_t *place_of; /* by row: its place; 0: nothing stands in it */
	uint32_t *row_of;   /* by place; of place 0 no row */
	int64_t *values;    /* [place × n_measures + measure]; place 0: of every row in which
			       nothing stands */
	uint8_t *marks;	    /* of the same shape: MARK_…; the value of a marked cell is 0 */
	size_t n_places, room;
	bool all_rows; /* also a row in which nothing stands has something to show */
	bool failed;   /* no memory for a row */
};

#define MARK_NONE 1u	/* does not apply: _Z */
#define MARK_MISSING 2u /* not reported: M */
#define MARK_HELD (MARK_NONE | MARK_MISSING)
/* The value stands, for checks, but is not given out: too few (C), or else one of these could be
 * inferred (D). */
#define MARK_CONFIDENTIAL 4u
#define MARK_SECONDARY 8u
#define MARK_WHOLE 16u /* hundredths that are a count: printed whole */
#define MARK_UNSAID \
	32u /* out of a frozen text that does not say whether it is 0 or does not apply */
#define MARK_CONF (MARK_CONFIDENTIAL | MARK_SECONDARY)

/* Reads them; form, period, cumulative and area are given. ERR_INVALID: the form has no such
 * period. */
MUST_CHECK int figures_open(struct figures *f, struct store_txn *views);
void figures_close(struct figures *f);

/* The number of a cell, and its marks. */
static inline int64_t figures_value(const struct figures *f, size_t row, size_t measure)
{
	return f->values[f->place_of[row] * f->form->n_measures + measure];
}
static inline uint8_t figures_mark(const struct figures *f, size_t row, size_t measure)
{
	return f->marks[f->place_of[row] * f->form->n_measures + measure];
}
/* The first row from *row on in which something stands, ascending; false: there are no more. */
bool figures_next(const struct figures *f, size_t *row);

/* ---- inside: how they come to be ---- */

/* Figures in which nothing stands; form is given. */
MUST_CHECK int figures_begin(struct figures *f);
/* The place of a row, to write there: its values and marks begin at place × n_measures. Without
 * memory `failed` is set, and place 0 given. */
size_t figures_place(struct figures *f, size_t row);
bool figures_place_shown(const struct figures *f, size_t place); /* see figures_row_shown() */
/* Fills in the columns that are made of others (figures_derive.c); figures_open() did. */
void figures_derive(struct figures *f);
/* Fills in quantiles out of the samples of the period, and marks rows with too few of them
 * (figures_samples.c); figures_open() did. */
MUST_CHECK int figures_samples(struct figures *f, struct store_txn *views);
/* Marks what would let a row that is held back be inferred from a total: of all areas of a form and
 * period, the city first (figures_hold.c). ERR_NOMEM: nothing may be given out. */
MUST_CHECK int figures_hold(struct figures *areas, size_t n);
/* Fills in the columns that refer to other forms, and what follows from them (figures_cells.c). */
MUST_CHECK int figures_cells(struct figures *f);
/* Fills in the columns of returns and activity (figures_quality.c); figures_open() did. */
MUST_CHECK int figures_quality(struct figures *f);
void figures_pace(struct figures *f, size_t place, size_t measure);
/* num ÷ den, half away from zero; den > 0. */
int64_t figures_rounded(__int128 num, __int128 den);

/* ---- to show them ---- */

/* Is there a number that is not 0, or a mark other than MARK_NONE, in a row's shown columns? */
bool figures_row_shown(const struct figures *f, size_t row);
/* The number of a row of each dim, and back: ROW_TOTAL for a total. */
size_t figures_row_number(const struct form *f, const uint16_t rows[FORM_DIMS_MAX]);
void figures_row(const struct form *f, size_t row, uint16_t rows[FORM_DIMS_MAX]);
/* "_T", "_Z", or the code. */
const char *figures_code(const struct form *f, size_t dim, uint16_t row);
/* A value as people and CSV read it: whole numbers, yuan with two decimals, hours with one decimal
 * if they are not whole, ratios with two. Returns the length. */
size_t figures_print(enum measure_format format, int64_t value, char *out, size_t size);
#define FIGURES_TEXT_MAX 32

/* ---- a line a cell (figures_text.c) ---- */

/* The value of a cell; empty when there is none to show. */
struct text figures_cell_text(
	const struct figures *f, size_t row, size_t measure, char out[FIGURES_TEXT_MAX]);
/* obs_status of a cell: A of a closed version, P of one that may still move. */
const char *figures_obs(uint8_t mark, bool closed);
const char *figures_conf(uint8_t mark);
/* Is the cell shown? With zeros: also if it is 0 or does not apply. */
bool figures_cell_shown(const struct figures *f, size_t row, size_t measure, bool zeros);
/* The first row from *row on with a cell that is shown; false: there are no more. */
bool figures_shown_next(const struct figures *f, size_t *row, bool zeros);
/* Appends all lines: BEFORE area,<dims…>,measure,value,obs_status,conf_status AFTER. Every part is
 * a code, a number or an identifier of a form (form_read.c allows no other signs in it): nothing
 * needs quotes. */
struct figures_lines {
	const char *before, *after;
	bool zeros, closed;
};
void figures_lines(struct buf *out, const struct figures *f, const struct figures_lines *how);

/* ---- checks ---- */

/* Evaluates one check in every row; see form_check.h. */
struct figures_check {
	size_t row;
	int64_t left, right;	    /* as the format says */
	enum measure_format format; /* of the first measure on the left */
	size_t measure;		    /* of a check of rows: the column */
};
/* Calls `fail` for each row in which the check does not hold. Checks that are not asked of this
 * period hold. */
MUST_CHECK int figures_check(const struct form_check *c, const struct figures *at,
	struct store_txn *views, void (*fail)(void *arg, const struct figures_check *found),
	void *arg);

#endif
