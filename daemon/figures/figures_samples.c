/* Quantiles out of single values, and what of a survey is not given out.
 *
 * The values of the period's months are read once, put into every row they count in, and sorted:
 * the quantile p of n values is the one at position p·n ÷ 100, rounded up (nearest rank). Sorted by
 * unit they tell how many units speak in a row, and how much the largest of them says.
 *
 * Units of one group (holdings.h) are one here; the column that counts units counts each.
 *
 * A row with too few values or units, or with one unit that says too much, is held back (C); what
 * follows from that for other rows: figures_hold.c. */
#include "daemon/figures/figures.h"

#include <stdlib.h>

#include "daemon/fold/fold.h"
#include "daemon/fold/holdings.h"
#include "daemon/fold/samples.h"

struct one {
	uint32_t row;
	int32_t count;
	int64_t value;
	uint64_t unit;
};

struct list {
	struct one *at;
	size_t n, room;
};

/* ---- sorting ---- */

/* A survey has some hundred thousand values in rows: they are sorted by digits, from the lowest to
 * the highest, which costs a walk a digit and no comparison. */
enum sort_key { KEY_VALUE, KEY_UNIT, KEY_ROW };

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)

static uint64_t key_of(const struct one *o, enum sort_key key)
{
	switch (key) {
	case KEY_VALUE:
		return (uint64_t)o->value ^ 1ull << 63;
	case KEY_UNIT:
		return o->unit;
	default:
		return o->row;
	}
}

/* By one digit, keeping the order of equals; false: all have the same, and nothing was moved. */
static bool digit_sort(
	struct one *to, const struct one *from, size_t n, enum sort_key key, unsigned shift)
{
	size_t at[DIGITS] = { 0 }, sum = 0;

	for (size_t i = 0; i < n; i++)
		at[key_of(&from[i], key) >> shift & (DIGITS - 1)]++;
	if (n && at[key_of(&from[0], key) >> shift & (DIGITS - 1)] == n)
		return false;
	for (size_t d = 0; d < DIGITS; d++) {
		size_t count = at[d];

		at[d] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[at[key_of(&from[i], key) >> shift & (DIGITS - 1)]++] = from[i];
	return true;
}

/* By row, and in a row by `key`. */
static int list_sort(struct list *l, enum sort_key key)
{
	const enum sort_key keys[] = { key, KEY_ROW };
	struct one *other = malloc((l->n + 1) * sizeof(*other));

	if (!other)
		return ERR_NOMEM;
	for (size_t k = 0; k < 2; k++) {
		for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS) {
			struct one *from = l->at;

			if (!digit_sort(other, from, l->n, keys[k], shift))
				continue;
			l->at = other;
			other = from;
		}
	}
	free(other);
	l->room = l->n + 1;
	return 0;
}

/* One stored value into all rows that it counts in. */
static int list_add(
	struct list *l, const struct form *f, const struct sample *s, struct holdings *groups)
{
	uint64_t unit = groups ? holdings_top(groups, s->unit) : s->unit;
	uint16_t up[FORM_DIMS_MAX] = { 0 };

	for (size_t k = 0; form_up_next(f, s->at.rows, &k, up);) {
		if (l->n == l->room) {
			size_t room = l->room ? l->room * 2 : 1024;
			struct one *more = realloc(l->at, room * sizeof(*more));

			if (!more)
				return ERR_NOMEM;
			l->at = more;
			l->room = room;
		}
		l->at[l->n++] = (struct one){ (uint32_t)figures_row_number(f, up), s->count,
			s->value, unit };
	}
	return 0;
}

static bool rows_fit(const struct form *f, const struct cell_key *k)
{
	for (size_t i = 0; i < f->n_dims; i++)
		if (k->rows[i] >= f->dims[i].n_codes)
			return false;
	return true;
}

static int list_read(struct list *l, const struct figures *f, struct store_txn *t)
{
	struct period first = period_of_month(
			      f->cumulative ? f->period.year * 12 : period_first_month(&f->period)),
		      last = period_of_month(period_last_month(&f->period));
	struct cell_key from = { f->form->index, f->area, period_code(&first), { 0 } };
	uint8_t bytes[CELL_KEY_MAX];
	struct text start = { (const char *)bytes, cell_key_put(bytes, &from, 0) }, key, value;
	bool grouped = f->form->publish && f->form->publish->group;
	struct holdings *groups = grouped ? holdings_open(t, f->form) : NULL;
	struct store_cursor *c = !grouped || groups ? store_cursor_open(t, VIEW_SAMPLE) : NULL;
	int err = c ? 0 : store_txn_err(t) ? store_txn_err(t) : ERR_NOMEM;

	for (bool more = c && store_seek(c, start, &key, &value); more && !err;
		more = store_next(c, &key, &value)) {
		struct sample s;

		if (memcmp(key.p, bytes, key.n < 5 ? key.n : 5) != 0)
			break;
		if (!sample_get(&s, key, value, f->form->n_dims) || !rows_fit(f->form, &s.at)) {
			err = ERR_DAMAGED;
			break;
		}
		if (s.at.period > period_code(&last))
			break;
		err = list_add(l, f->form, &s, groups);
	}
	if (c)
		store_cursor_close(c);
	holdings_close(groups);
	return err ? err : store_txn_err(t);
}

/* The quantiles of one row: n values in order. */
static void quantiles_put(struct figures *f, const struct one *at, size_t n)
{
	const struct form *form = f->form;
	size_t place = figures_place(f, at->row);
	int64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += at[i].count;
	for (size_t m = 0; m < form->n_measures; m++) {
		int64_t position, seen = 0;
		size_t i = 0;

		if (form->measures[m].kind != MEASURE_QUANTILE)
			continue;
		position = (form->measures[m].quantile * all + 99) / 100;
		while (i + 1 < n && seen + at[i].count < position)
			seen += at[i++].count;
		f->values[place * form->n_measures + m] = at[i].value;
	}
}

/* Holds a row back when it may not be given out: n values, those of a unit side by side. */
static void row_judge(struct figures *f, const struct one *at, size_t n)
{
	const struct form_publish *p = f->form->publish;
	int64_t all = 0, units = 0, largest = 0;
	size_t place = figures_place(f, at->row);

	for (size_t i = 0, end; i < n; i = end) {
		int64_t of_unit = 0;

		for (end = i; end < n && at[end].unit == at[i].unit; end++)
			of_unit += at[end].count;
		all += of_unit;
		units++;
		largest = of_unit > largest ? of_unit : largest;
	}
	if (units >= p->least_units && all >= p->least_values && largest * 100 <= all * p->largest)
		return;
	for (size_t m = 0; m < f->form->n_measures; m++)
		f->marks[place * f->form->n_measures + m] |= MARK_CONFIDENTIAL;
}

static void rows_each(struct figures *f, const struct list *l,
	void (*fn)(struct figures *f, const struct one *at, size_t n))
{
	for (size_t i = 0, end; i < l->n; i = end) {
		for (end = i; end < l->n && l->at[end].row == l->at[i].row; end++)
			;
		fn(f, &l->at[i], end - i);
	}
}

int figures_samples(struct figures *f, struct store_txn *views)
{
	struct list l = { 0 };
	int err = list_read(&l, f, views);

	if (!err)
		err = list_sort(&l, KEY_VALUE);
	if (!err)
		rows_each(f, &l, quantiles_put);
	if (!err && f->form->publish)
		err = list_sort(&l, KEY_UNIT);
	if (!err && f->form->publish)
		rows_each(f, &l, row_judge);
	free(l.at);
	return err;
}
