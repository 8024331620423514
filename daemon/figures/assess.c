/* Each column is read where its numbers are kept: targets in the form of the plan, returns in the
 * survey's events, hard checks by asking those of the returns that were due, quality in each
 * ledger's activity and among the findings. Then the values, then the ranks: by counting who is
 * better.
 *
 * Returns and hard errors are those of form 12C: by due days that lie in the period, here as far as
 * it is over. */
#include "daemon/figures/assess.h"

#include "daemon/figures/failing.h"
#include "daemon/figures/plan.h"
#include "daemon/fold/fold.h"

bool assess_more_is_better(enum assess_column c)
{
	return c == ASSESS_PROGRESS || c == ASSESS_COMPLETE || c == ASSESS_ON_TIME;
}

/* ---- what is read ---- */

static int targets_read(const struct assess_ask *a, struct assess_row *r)
{
	struct figures f = { .period = a->period, .area = r->area };
	struct plan_columns c;
	struct plan_sum sum;
	int err;

	f.form = plan_form(a->forms, &a->period, &c);
	if (!f.form)
		return 0;
	err = figures_open(&f, a->views);
	if (err == ERR_INVALID)
		return 0; /* the plan has no such period: no value */
	if (err)
		return err;
	sum = plan_sum(&f, &c);
	r->targets = sum.given;
	r->kept = sum.kept;
	r->values[ASSESS_PROGRESS] =
		(struct assess_value){ .has = sum.given > 0, .value = sum.progress };
	figures_close(&f);
	return 0;
}

/* Days of the period as far as it is over. */
static int day_first(const struct assess_ask *a)
{
	int month = period_first_month(&a->period);

	return month / 12 * 10000 + (month % 12 + 1) * 100 + 1;
}

static int day_last(const struct assess_ask *a)
{
	int last = (int)period_last_day(&a->period);

	return last < a->today ? last : a->today;
}

struct hard_count {
	const struct assess_ask *ask;
	uint32_t area;
	int64_t n;
	int err;
};

static bool place_count(void *arg, const struct failing *place)
{
	((struct hard_count *)arg)->n += place->check->hard;
	return true;
}

static bool due_check(void *arg, const char *form, const struct period *p, int due)
{
	struct hard_count *h = arg;
	const struct form *edition = forms_at(h->ask->forms, text_of(form), p);

	(void)due;
	if (edition && edition->periods & 1u << p->kind)
		h->err = failing_walk(edition, p, h->area, h->ask->views, place_count, h);
	return !h->err;
}

static int hard_read(const struct assess_ask *a, struct assess_row *r)
{
	struct hard_count h = { .ask = a, .area = r->area };

	calendar_walk(a->forms, day_first(a), day_last(a), due_check, &h);
	r->values[ASSESS_HARD] =
		(struct assess_value){ .has = r->returns.expected > 0, .value = h.n };
	return h.err;
}

static uint64_t findings_count(struct store_txn *views, uint32_t origin)
{
	struct store_cursor *c = store_cursor_open(views, VIEW_FINDING);
	struct text key, value;
	uint8_t from[4];
	uint64_t n = 0;

	put_u32(from, origin);
	for (bool more = c && store_seek(c, (struct text){ (const char *)from, 4 }, &key, &value);
		more && key.n >= 4 && memcmp(key.p, from, 4) == 0;
		more = store_next(c, &key, &value))
		n++;
	if (c)
		store_cursor_close(c);
	return n;
}

static void quality_read(const struct assess_ask *a, struct assess_row *r)
{
	r->written = activity_read(
		a->views, r->area, period_first_month(&a->written), period_last_month(&a->written));
	r->entries = fold_position(a->views, r->area);
	r->findings = findings_count(a->views, r->area);
}

/* ---- values ---- */

static struct assess_value share(uint64_t of, uint64_t all, int64_t scale)
{
	struct assess_value v = { .has = all > 0 };

	if (all)
		v.value = figures_rounded((__int128)of * scale * 100, (__int128)all);
	return v;
}

static void values_make(struct assess_row *r)
{
	const struct activity *w = &r->written;

	r->values[ASSESS_COMPLETE] = share(r->returns.received, r->returns.expected, 100);
	r->values[ASSESS_ON_TIME] = share(r->returns.on_time, r->returns.expected, 100);
	r->values[ASSESS_FINDINGS] = share(r->findings, r->entries, 1000);
	r->values[ASSESS_REFUSED] = share(w->refused, w->entries + w->refused, 1000);
	r->values[ASSESS_CORRECTED] = share(w->corrections + w->retractions, w->entries, 1000);
}

int assess_read(const struct assess_ask *a, struct assess_row *rows, size_t n)
{
	struct returns returns = { a->forms, a->views, ORIGIN_DECISIONS(a->city) };
	int err = 0;

	for (size_t i = 0; i < n && !err; i++) {
		struct assess_row *r = &rows[i];

		*r = (struct assess_row){ .area = r->area };
		returns_due(&returns, r->area, NULL, day_first(a), day_last(a), &r->returns);
		err = targets_read(a, r);
		if (!err)
			err = hard_read(a, r);
		quality_read(a, r);
		values_make(r);
	}
	return err ? err : store_txn_err(a->views);
}

int assess_city(const struct assess_ask *a, const struct assess_row *rows, size_t n,
	struct assess_row *city)
{
	int err;

	*city = (struct assess_row){ .area = a->city };
	err = targets_read(a, city);
	city->values[ASSESS_HARD].has = true;
	for (size_t i = 0; i < n; i++) {
		city->returns.expected += rows[i].returns.expected;
		city->returns.received += rows[i].returns.received;
		city->returns.on_time += rows[i].returns.on_time;
		city->values[ASSESS_HARD].value += rows[i].values[ASSESS_HARD].value;
		city->written.entries += rows[i].written.entries;
		city->written.corrections += rows[i].written.corrections;
		city->written.retractions += rows[i].written.retractions;
		city->written.refused += rows[i].written.refused;
		city->entries += rows[i].entries;
		city->findings += rows[i].findings;
	}
	values_make(city);
	return err ? err : store_txn_err(a->views);
}

/* ---- ranks ---- */

static void column_rank(struct assess_row *rows, size_t n, enum assess_column c)
{
	bool more = assess_more_is_better(c);

	for (size_t i = 0; i < n; i++) {
		struct assess_value *v = &rows[i].values[c];

		v->rank = v->has;
		for (size_t k = 0; k < n && v->has; k++) {
			const struct assess_value *other = &rows[k].values[c];

			v->rank += other->has &&
				   (more ? other->value > v->value : other->value < v->value);
		}
	}
}

void assess_rank(struct assess_row *rows, size_t n)
{
	for (enum assess_column c = 0; c < ASSESS_COLUMNS; c++)
		column_rank(rows, n, c);
	for (size_t i = 0; i < n; i++) {
		int64_t sum = 0, ranks = 0;

		for (enum assess_column c = 0; c < ASSESS_COLUMNS; c++) {
			sum += rows[i].values[c].rank;
			ranks += rows[i].values[c].rank != 0;
		}
		rows[i].mean = ranks ? figures_rounded(sum * 100, ranks) : 0;
	}
	for (size_t i = 0; i < n; i++) {
		rows[i].rank = rows[i].mean != 0;
		for (size_t k = 0; k < n && rows[i].mean; k++)
			rows[i].rank += rows[k].mean && rows[k].mean < rows[i].mean;
	}
}
