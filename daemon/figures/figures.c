/* Figures: what the fold keeps, added up.
 *
 * Events and sums stand in months and in rows without totals: the months of the period are walked
 * and each cell is added to every union and total over it. Distinct counts are read as they stand:
 * in the cells of the period, or as steps from January on when cumulative. All cells of an area and
 * a year's months lie side by side, so that it is one walk (two, when the period is no month).
 * Stocks are the sums of their steps up to the point: one more walk, from the first step on. */
#include "daemon/figures/figures.h"

#include <assert.h>

#include "daemon/fold/fold.h"

/* What a walk takes out of a cell. */
enum {
	TAKE_EVENTS = 1,   /* what is added up over months and rows */
	TAKE_DISTINCT = 2, /* what stands in the cells of the period */
	TAKE_STEPS = 4,	   /* cumulative distinct counts */
	TAKE_MOVES = 8,	   /* moves of records: of the period, added up over rows */
	TAKE_STOCKS = 16,
};

size_t figures_row_number(const struct form *f, const uint16_t rows[FORM_DIMS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_dims; i++)
		n = n * form_dim_rows(f, i) + (rows[i] == ROW_TOTAL ? f->dims[i].n : rows[i]);
	return n;
}

void figures_row(const struct form *f, size_t row, uint16_t rows[FORM_DIMS_MAX])
{
	for (size_t i = f->n_dims; i-- > 0;) {
		size_t n = form_dim_rows(f, i), k = row % n;

		rows[i] = k == f->dims[i].n ? ROW_TOTAL : (uint16_t)k;
		row /= n;
	}
}

const char *figures_code(const struct form *f, size_t dim, uint16_t row)
{
	return row == ROW_TOTAL ? "_T" : f->dims[dim].rows[row].code;
}

static bool rows_fit(const struct form *f, const struct cell_key *k)
{
	for (size_t i = 0; i < f->n_dims; i++)
		if (k->rows[i] != ROW_TOTAL && k->rows[i] >= f->dims[i].n)
			return false;
	return true;
}

static bool is_point(const struct measure *mm)
{
	return mm->time == TIME_END || mm->time == TIME_START || mm->time == TIME_ANY;
}

/* Which measures have their numbers in rows without totals. */
static bool is_additive(const struct measure *mm)
{
	return mm->kind == MEASURE_EVENTS || mm->kind == MEASURE_SUM;
}

/* Does a walk that takes `take` take this measure? */
static bool takes(const struct measure *mm, unsigned take)
{
	if (is_point(mm))
		return take & TAKE_STOCKS;
	if (mm->kind == MEASURE_DISTINCT)
		return take & TAKE_DISTINCT;
	return is_additive(mm) && take & (mm->time == TIME_IN ? TAKE_EVENTS : TAKE_MOVES);
}

static int64_t *values_of(struct figures *f, const uint16_t rows[FORM_DIMS_MAX])
{
	size_t place = figures_place(f, figures_row_number(f->form, rows));

	return f->values + place * f->form->n_measures;
}

/* Adds the numbers in `slots` of the measures in `bits` to the row and, what is additive, to every
 * union and total over it. */
static void numbers_add(
	struct figures *f, const struct cell_key *k, const int64_t *slots, uint64_t bits)
{
	const struct form *form = f->form;
	uint16_t up[FORM_DIMS_MAX] = { 0 };
	uint64_t additive = 0;
	int64_t *to;

	if (!bits)
		return;
	to = values_of(f, k->rows);
	for (size_t i = 0; i < form->n_measures; i++) {
		if (!(bits & 1ull << i) || !slots[i])
			continue;
		if (is_additive(&form->measures[i]))
			additive |= 1ull << i;
		else
			to[i] += slots[i];
	}
	for (size_t n = 0; additive && form_up_next(form, k->rows, &n, up);) {
		to = values_of(f, up);
		for (uint64_t rest = additive; rest; rest &= rest - 1)
			to[__builtin_ctzll(rest)] += slots[__builtin_ctzll(rest)];
	}
}

static void cell_add(
	struct figures *f, const struct cell_key *k, const int64_t *slots, unsigned take)
{
	const struct form *form = f->form;
	int64_t *to = take & TAKE_STEPS ? values_of(f, k->rows) : NULL;
	uint64_t bits = 0;

	for (size_t i = 0; i < form->n_measures; i++) {
		const struct measure *mm = &form->measures[i];

		if (takes(mm, take))
			bits |= 1ull << i;
		if (take & TAKE_STEPS && mm->kind == MEASURE_DISTINCT && !is_point(mm))
			to[i] += slots[form->n_measures + i];
	}
	numbers_add(f, k, slots, bits);
}

/* Adds steps that lie before the point that each measure asks for. */
static void steps_add(struct figures *f, const struct cell_key *k, const int64_t *slots)
{
	const struct form *form = f->form;
	struct period p;
	uint64_t bits = 0;

	if (!period_of_code(&p, k->period))
		return;
	for (size_t i = 0; i < form->n_measures; i++) {
		const struct measure *mm = &form->measures[i];
		bool any = mm->time == TIME_ANY, in;

		if (!is_point(mm) || p.kind != (any ? f->period.kind : form->points))
			continue;
		in = mm->time == TIME_START
			     ? period_last_month(&p) < period_first_month(&f->period)
			     : period_last_month(&p) <= period_last_month(&f->period);
		if (in)
			bits |= 1ull << i;
	}
	numbers_add(f, k, slots, bits);
}

/* Walks the cells of periods first … last (as stored) of the area. */
static int walk(
	struct figures *f, struct store_txn *t, uint16_t first, uint16_t last, unsigned take)
{
	struct cell_key from = { .form = f->form->index | (take == TAKE_STOCKS ? CELL_STEPS : 0),
		.area = f->area,
		.period = first };
	struct store_cursor *c = store_cursor_open(t, VIEW_CELL);
	uint8_t bytes[CELL_KEY_MAX];
	struct text key, value;

	if (!c)
		return store_txn_err(t) ? store_txn_err(t) : ERR_NOMEM;
	for (bool more = store_seek(c,
		     (struct text){ (const char *)bytes, cell_key_put(bytes, &from, 0) }, &key,
		     &value);
		more; more = store_next(c, &key, &value)) {
		int64_t slots[2 * FORM_MEASURES_MAX] = { 0 };
		struct cell_key k;

		if (memcmp(key.p, bytes, key.n < 5 ? key.n : 5) != 0)
			break;
		if (!cell_key_get(&k, key, f->form->n_dims) || !rows_fit(f->form, &k) ||
			!cell_value_add(slots, 2 * f->form->n_measures, value)) {
			store_fail(t, ERR_DAMAGED);
			break;
		}
		if (k.period > last)
			break;
		if (take == TAKE_STOCKS)
			steps_add(f, &k, slots);
		else
			cell_add(f, &k, slots, take);
	}
	store_cursor_close(c);
	return store_txn_err(t);
}

static uint16_t month_code(int month)
{
	struct period p = period_of_month(month);

	return period_code(&p);
}

/* Reads what the form keeps of the period. */
static int cells_read(struct figures *f, struct store_txn *views)
{
	const struct form *form = f->form;
	int first = period_first_month(&f->period), last = period_last_month(&f->period), err;
	uint16_t code = period_code(&f->period);
	bool points = false;

	if (f->ever)
		return walk(f, views, 0, month_code(last), TAKE_EVENTS);
	for (size_t i = 0; i < form->n_measures; i++)
		points = points || is_point(&form->measures[i]);
	if (f->cumulative)
		err = walk(
			f, views, month_code(f->period.year * 12), code, TAKE_EVENTS | TAKE_STEPS);
	else if (f->period.kind == PERIOD_MONTH)
		err = walk(f, views, code, code, TAKE_EVENTS | TAKE_DISTINCT | TAKE_MOVES);
	else
		err = walk(f, views, code, code, TAKE_DISTINCT | TAKE_MOVES);
	if (!err && f->period.kind != PERIOD_MONTH)
		err = walk(f, views, month_code(first), month_code(last), TAKE_EVENTS);
	if (!err && points)
		err = walk(f, views, 0, month_code(f->period.year * 12 + 11), TAKE_STOCKS);
	return err;
}

int figures_open(struct figures *f, struct store_txn *views)
{
	int err;

	f->place_of = f->row_of = NULL;
	f->values = NULL;
	f->marks = NULL;
	f->views = views;
	if (f->form->always_cumulative && f->period.kind == PERIOD_MONTH)
		f->cumulative = true;
	if ((!f->inner && !(f->form->periods & 1u << f->period.kind)) ||
		(f->cumulative && (!f->form->cumulative || f->period.kind != PERIOD_MONTH)))
		return ERR_INVALID;
	err = figures_begin(f);
	if (!err)
		err = cells_read(f, views);
	if (!err && f->form->sample >= 0 && !f->ever)
		err = figures_samples(f, views);
	if (!err && !f->ever)
		err = figures_cells(f);
	if (!err && !f->ever)
		err = figures_quality(f);
	if (!err)
		figures_derive(f);
	if (!err && f->failed)
		err = ERR_NOMEM;
	if (err)
		figures_close(f);
	return err;
}

/* By hand: a year of all areas has ten thousand numbers, and snprintf() was most of their cost. */
size_t figures_print(enum measure_format format, int64_t value, char *out, size_t size)
{
	uint64_t v = value < 0 ? -(uint64_t)value : (uint64_t)value;
	unsigned decimals = format == FORMAT_MONEY || format == FORMAT_HUNDREDTHS ? 2
			    : format == FORMAT_TENTHS && v % 10			  ? 1
										  : 0;
	char digits[FIGURES_TEXT_MAX], *p = digits + sizeof(digits);
	size_t n;

	if (format == FORMAT_TENTHS && !decimals)
		v /= 10;
	for (unsigned k = 0; k <= decimals || v; k++) {
		*--p = (char)('0' + v % 10);
		v /= 10;
		if (k + 1 == decimals)
			*--p = '.';
	}
	if (value < 0)
		*--p = '-';
	n = (size_t)(digits + sizeof(digits) - p);
	assert(n < size);
	memcpy(out, p, n);
	out[n] = 0;
	return n;
}
