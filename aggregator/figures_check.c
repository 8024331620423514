/* Asks a check of a form in every row: the figures that its terms speak of are read once each,
 * under the same snapshot. */
#include <stdlib.h>

#include "aggregator/figures.h"

struct ask {
	const struct form_check *check;
	const struct figures *at;
	struct figures spans[SPANS]; /* by enum check_span; values NULL: not asked, or zero */
	bool used[SPANS];
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
	*out = (struct figures){ .form = at->form, .period = at->period, .area = at->area };
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

static int side_open(struct ask *a, const struct check_side *s, struct store_txn *views)
{
	int err = 0;

	for (size_t i = 0; i < s->n && !err; i++) {
		enum check_span span = s->terms[i].span;

		if (span == SPAN_SAME || a->used[span])
			continue;
		a->used[span] = true;
		if (span_of(a->at, span, &a->spans[span]))
			err = figures_open(&a->spans[span], views);
	}
	return err;
}

static double side_sum(const struct ask *a, const struct check_side *s, size_t row)
{
	size_t n_measures = a->at->form->n_measures;
	int64_t sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct check_term *t = &s->terms[i];
		const int64_t *values =
			t->span == SPAN_SAME ? a->at->values : a->spans[t->span].values;

		if (values)
			sum += t->sign * values[row * n_measures + t->measure];
	}
	return (double)sum;
}

static bool holds(const struct form_check *c, double left, double right)
{
	switch (c->relation) {
	case CHECK_EQUAL:
		return left == right;
	case CHECK_AT_MOST:
		return left <= right;
	case CHECK_AT_LEAST:
		return left >= right;
	default:
		return right == 0 || (left - right <= right * c->percent / 100 &&
					     right - left <= right * c->percent / 100);
	}
}

static bool asked(const struct form_check *c, const struct figures *at)
{
	if (at->cumulative || !(c->periods & 1u << at->period.kind))
		return false;
	return !c->last || period_last_month(&at->period) % 12 == 11;
}

int figures_check(const struct form_check *c, const struct figures *at, struct store_txn *views,
	void (*fail)(void *arg, const struct figures_check *found), void *arg)
{
	struct ask a = { .check = c, .at = at };
	int err;

	if (!asked(c, at))
		return 0;
	err = side_open(&a, &c->left, views);
	if (!err)
		err = side_open(&a, &c->right, views);
	for (size_t row = 0; row < at->n_rows && !err; row++) {
		struct figures_check found = { row, side_sum(&a, &c->left, row),
			side_sum(&a, &c->right, row) };

		if (!holds(c, found.left, found.right))
			fail(arg, &found);
	}
	for (size_t i = 0; i < SPANS; i++)
		figures_close(&a.spans[i]);
	return err;
}
