/* Columns of returns and activity: how complete, timely and clean an area reports.
 *
 * Of returns those count whose due day lies in the period (or from January on, cumulative), so that
 * the figures of a past period move only with what districts sign and correct, never with the
 * clock. Activity is by the day on which entries were written. An area that has districts shows
 * their sum; of the ages the greatest: of the areas that the answer is made for, or, when nobody
 * says which, of all that have a ledger here. */
#include <stdlib.h>

#include "daemon/figures/failing.h"
#include "daemon/figures/figures.h"
#include "daemon/figures/returns.h"
#include "daemon/fold/activity.h"
#include "daemon/fold/fold.h"

struct quality {
	const struct figures *f;
	struct returns returns;
	int first, last; /* days */
	bool asks_checks;
	uint32_t area; /* the district at hand */
	/* sums */
	struct completeness complete;
	uint64_t hard, soft;
	struct activity activity;
	int64_t age; /* the greatest; -1: no district has an entry */
	int err;
};

/* ---- checks of what is due ---- */

struct asking {
	struct quality *q;
	struct explanations explained;
};

static bool place_count(void *arg, const struct failing *place)
{
	struct asking *a = arg;

	if (place->check->hard)
		a->q->hard++;
	else if (!explanations_have(&a->explained, text_of(place->check->id), place->row))
		a->q->soft++;
	return true;
}

static bool due_check(void *arg, const char *form, const struct period *p, int due)
{
	struct quality *q = arg;
	struct asking a = { .q = q };
	const struct form *edition = forms_at(q->returns.forms, text_of(form), p);

	(void)due;
	if (!edition || !(edition->periods & 1u << p->kind))
		return true;
	q->err = explanations_read(&a.explained, &q->returns, form, p, q->area);
	if (!q->err)
		q->err = failing_walk(edition, p, q->area, q->returns.views, place_count, &a);
	explanations_deinit(&a.explained);
	return !q->err;
}

/* ---- districts ---- */

static void district_add(struct quality *q, uint32_t area)
{
	struct store_txn *views = q->returns.views;
	const struct period *p = &q->f->period;
	int last_month = period_last_month(p),
	    first_month = q->f->cumulative ? p->year * 12 : period_first_month(p);
	struct activity in = activity_read(views, area, first_month, last_month),
			ever = activity_read(views, area, PERIOD_YEAR_LEAST * 12, last_month);
	int64_t age =
		ever.last_day ? days_of_date(period_last_day(p)) - days_of_date(ever.last_day) : -1;

	q->area = area;
	q->activity.entries += in.entries;
	q->activity.corrections += in.corrections;
	q->activity.retractions += in.retractions;
	q->activity.refused += in.refused;
	if (age > q->age)
		q->age = age;
	returns_due(&q->returns, area, NULL, q->first, q->last, &q->complete);
	if (q->asks_checks && !q->err)
		calendar_walk(q->returns.forms, q->first, q->last, due_check, q);
}

/* Every district that the figures are for. */
static int districts_add(struct quality *q)
{
	const struct figures *f = q->f;
	struct fold_bound *origins;
	size_t n;

	if (f->area % 100 != 0) {
		district_add(q, f->area);
		return q->err;
	}
	for (size_t i = 0; i < f->n_areas && !q->err; i++)
		if (f->areas[i] != f->area)
			district_add(q, f->areas[i]);
	if (f->n_areas || q->err)
		return q->err;
	origins = calloc(ORIGINS_MAX, sizeof(*origins));
	if (!origins)
		return ERR_NOMEM;
	n = fold_positions(f->views, origins, ORIGINS_MAX);
	for (size_t i = 0; i < n && i < ORIGINS_MAX && !q->err; i++)
		if (origins[i].origin != f->area && !origin_is_decisions(origins[i].origin))
			district_add(q, origins[i].origin);
	free(origins);
	return q->err;
}

/* ---- into the columns ---- */

static int64_t value_of(const struct quality *q, enum measure_quality what)
{
	switch (what) {
	case QUALITY_EXPECTED:
		return (int64_t)q->complete.expected;
	case QUALITY_RECEIVED:
		return (int64_t)q->complete.received;
	case QUALITY_ON_TIME:
		return (int64_t)q->complete.on_time;
	case QUALITY_LATE:
		return (int64_t)q->complete.late;
	case QUALITY_MISSING:
		return (int64_t)q->complete.missing;
	case QUALITY_HARD:
		return (int64_t)q->hard;
	case QUALITY_SOFT:
		return (int64_t)q->soft;
	case QUALITY_ENTRIES:
		return (int64_t)q->activity.entries;
	case QUALITY_CORRECTIONS:
		return (int64_t)q->activity.corrections;
	case QUALITY_RETRACTIONS:
		return (int64_t)q->activity.retractions;
	case QUALITY_REFUSED:
		return (int64_t)q->activity.refused;
	default:
		return q->age < 0 ? 0 : q->age;
	}
}

int figures_quality(struct figures *f)
{
	const struct form *form = f->form;
	struct quality q = { .f = f,
		.returns = { .forms = form->set, .views = f->views },
		.last = (int)period_last_day(&f->period),
		.age = -1 };
	int first = f->cumulative ? f->period.year * 12 : period_first_month(&f->period), err;
	size_t at;

	if (!form_of_returns(form))
		return 0;
	q.first = first / 12 * 10000 + (first % 12 + 1) * 100 + 1;
	for (size_t i = 0; i < form->n_measures; i++)
		q.asks_checks = q.asks_checks || form->measures[i].quality == QUALITY_HARD ||
				form->measures[i].quality == QUALITY_SOFT;
	err = districts_add(&q);
	if (err)
		return err;
	at = figures_place(f, 0) * form->n_measures;
	for (size_t i = 0; i < form->n_measures; i++, at++) {
		const struct measure *mm = &form->measures[i];

		if (mm->kind != MEASURE_QUALITY)
			continue;
		f->values[at] = value_of(&q, mm->quality);
		if (mm->quality == QUALITY_AGE && q.age < 0)
			f->marks[at] |= MARK_MISSING;
	}
	return store_txn_err(f->views);
}
