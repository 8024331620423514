/* Asks a check of a form in every row: the figures that its terms speak of are read once each,
 * under the same snapshot. Rows in which nothing stands in any of them hold. */
#include <stdlib.h>

#include "daemon/figures/figures.h"
#include "daemon/fold/fold.h"

struct ask {
	const struct form_check *check;
	const struct figures *at;
	struct figures spans[SPANS]; /* by enum check_span; values NULL: not asked, or zero */
	bool used[SPANS];
	uint64_t *rows; /* to be asked: bits */
};

static struct period before(const struct period *p)
{
	struct period b = *p;
	static const int n[] = {
		[PERIOD_YEAR] = 1, [PERIOD_HALF] = 2, [PERIOD_QUARTER] = 4, [PERIOD_MONTH] = 12
	};

	if (--b.index == 0) {
		b.index = n[p->kind];
		b.year--;
	}
	return b;
}

/* What a span means at this period. False: nothing (the months before January add up to zero). */
static bool span_of(const struct figures *at, enum check_span span, struct figures *out)
{
	*out = (struct figures){ .form = at->form,
		.period = at->period,
		.area = at->area,
		.areas = at->areas,
		.n_areas = at->n_areas };
	switch (span) {
	case SPAN_PREVIOUS:
		out->period = before(&at->period);
		return true;
	case SPAN_YEAR_AGO:
		out->period.year--;
		return true;
	case SPAN_CUMULATIVE:
		out->cumulative = true;
		return true;
	case SPAN_CUMULATIVE_PREVIOUS:
		out->cumulative = true;
		out->period = before(&at->period);
		return out->period.year == at->period.year;
	case SPAN_EVER:
		out->ever = true;
		return true;
	case SPAN_YEAR:
		out->period = (struct period){ PERIOD_YEAR, at->period.year, 1 };
		return true;
	default:
		return false;
	}
}

static void rows_add(struct figures *sum, const struct figures *f)
{
	size_t n = sum->form->n_measures;

	for (size_t row = 0; figures_next(f, &row); row++) {
		int64_t *to = sum->values + figures_place(sum, row) * n;

		for (size_t i = 0; i < n; i++)
			to[i] += figures_value(f, row, i);
	}
}

/* The figures of all districts, added up. */
static int districts_open(struct figures *sum, const struct figures *at, struct store_txn *views)
{
	struct fold_bound *origins = malloc(ORIGINS_MAX * sizeof(*origins));
	size_t n = origins ? fold_positions(views, origins, ORIGINS_MAX) : 0;
	int err = ERR_NOMEM;

	*sum = (struct figures){ .form = at->form };
	if (origins)
		err = figures_begin(sum);
	for (size_t i = 0; i < n && i < ORIGINS_MAX && !err; i++) {
		struct figures f = {
			.form = at->form, .period = at->period, .area = origins[i].origin
		};

		if (f.area == at->area || origin_is_decisions(f.area))
			continue;
		err = figures_open(&f, views);
		if (!err)
			rows_add(sum, &f);
		figures_close(&f);
	}
	free(origins);
	return err ? err : sum->failed ? ERR_NOMEM : 0;
}

static int side_open(struct ask *a, const struct check_side *s, struct store_txn *views)
{
	int err = 0;

	for (size_t i = 0; i < s->n && !err; i++) {
		enum check_span span = s->terms[i].span;

		if (span == SPAN_SAME || a->used[span])
			continue;
		a->used[span] = true;
		if (span == SPAN_DISTRICTS)
			err = districts_open(&a->spans[span], a->at, views);
		else if (span_of(a->at, span, &a->spans[span]))
			err = figures_open(&a->spans[span], views);
	}
	return err;
}

/* One side in a row; *held: a cell of it does not apply, or was not reported. */
static int64_t side_sum(const struct ask *a, const struct check_side *s, size_t row, bool *held)
{
	int64_t sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct check_term *t = &s->terms[i];
		const struct figures *f = t->span == SPAN_SAME ? a->at : &a->spans[t->span];

		if (!f->values)
			continue;
		sum += t->sign * figures_value(f, row, t->measure);
		if (figures_mark(f, row, t->measure) & MARK_HELD)
			*held = true;
	}
	return sum;
}

/* The same of a check of rows: in one column, beside the codes of the other dims. */
static int64_t rows_sum(const struct ask *a, const struct check_side *s,
	const uint16_t rows[FORM_DIMS_MAX], size_t measure)
{
	uint16_t at[FORM_DIMS_MAX];
	int64_t sum = 0;

	memcpy(at, rows, sizeof(at));
	for (size_t i = 0; i < s->n; i++) {
		at[a->check->dim] = (uint16_t)s->terms[i].measure;
		sum += s->terms[i].sign *
		       figures_value(a->at, figures_row_number(a->at->form, at), measure);
	}
	return sum;
}

static bool holds(const struct form_check *c, int64_t left, int64_t right)
{
	__int128 apart = (__int128)left - right, most = (__int128)right * c->percent;

	switch (c->relation) {
	case CHECK_EQUAL:
		return left == right;
	case CHECK_AT_MOST:
		return left <= right;
	case CHECK_AT_LEAST:
		return left >= right;
	default:
		return right == 0 || (apart * 100 <= most && -apart * 100 <= most);
	}
}

static bool has_span(const struct check_side *s, enum check_span span)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->terms[i].span == span)
			return true;
	return false;
}

static bool asked(const struct form_check *c, const struct figures *at)
{
	bool of_city = has_span(&c->left, SPAN_DISTRICTS) || has_span(&c->right, SPAN_DISTRICTS);

	/* the code of an area that has districts ends with two zeros */
	if (at->cumulative != at->form->always_cumulative && at->period.kind == PERIOD_MONTH)
		return false;
	if (!(c->periods & 1u << at->period.kind) || (of_city && at->area % 100 != 0))
		return false;
	return !c->last || period_last_month(&at->period) % 12 == 11;
}

static bool row_asked(const struct ask *a, const uint16_t rows[FORM_DIMS_MAX])
{
	for (size_t i = 0; i < a->check->n_only; i++)
		if (strcmp(figures_code(a->at->form, 0, rows[0]), a->check->only[i]) == 0)
			return true;
	return a->check->n_only == 0;
}

static void row_check(const struct ask *a, size_t row,
	void (*fail)(void *arg, const struct figures_check *found), void *arg)
{
	const struct form_check *c = a->check;
	const struct measure *measures = a->at->form->measures;
	struct figures_check found = { .row = row };
	uint16_t rows[FORM_DIMS_MAX] = { 0 };
	bool held = false;

	figures_row(a->at->form, row, rows);
	if (!row_asked(a, rows))
		return;
	if (c->dim < 0) {
		found.left = side_sum(a, &c->left, row, &held);
		found.right = side_sum(a, &c->right, row, &held);
		found.format = measures[c->left.terms[0].measure].format;
		if (!held && !holds(c, found.left, found.right))
			fail(arg, &found);
		return;
	}
	if (rows[c->dim] != ROW_TOTAL)
		return;
	for (uint64_t bits = c->measures; bits; bits &= bits - 1) {
		found.measure = (size_t)__builtin_ctzll(bits);
		found.left = rows_sum(a, &c->left, rows, found.measure);
		found.right = rows_sum(a, &c->right, rows, found.measure);
		found.format = measures[found.measure].format;
		if (!holds(c, found.left, found.right))
			fail(arg, &found);
	}
}

/* The rows in which something stands; of a check of rows those that hold the totals over them. */
static void rows_mark(const struct ask *a, const struct figures *f)
{
	const struct form *form = a->at->form;

	for (size_t row = 0; f->values && figures_next(f, &row); row++) {
		uint16_t rows[FORM_DIMS_MAX] = { 0 };
		size_t to = row;

		if (a->check->dim >= 0) {
			figures_row(form, row, rows);
			rows[a->check->dim] = ROW_TOTAL;
			to = figures_row_number(form, rows);
		}
		a->rows[to / 64] |= 1ull << to % 64;
	}
}

int figures_check(const struct form_check *c, const struct figures *at, struct store_txn *views,
	void (*fail)(void *arg, const struct figures_check *found), void *arg)
{
	struct ask a = { .check = c, .at = at };
	int err;

	if (!asked(c, at))
		return 0;
	a.rows = calloc(at->n_rows / 64 + 1, sizeof(*a.rows));
	err = a.rows ? side_open(&a, &c->left, views) : ERR_NOMEM;
	if (!err)
		err = side_open(&a, &c->right, views);
	if (!err)
		rows_mark(&a, at);
	for (size_t i = 0; i < SPANS && !err; i++)
		rows_mark(&a, &a.spans[i]);
	for (size_t row = 0; row < at->n_rows && !err; row++)
		if (a.rows[row / 64] >> row % 64 & 1)
			row_check(&a, row, fail, arg);
	for (size_t i = 0; i < SPANS; i++)
		figures_close(&a.spans[i]);
	free(a.rows);
	return err;
}
