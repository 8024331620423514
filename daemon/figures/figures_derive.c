/* Columns made of others, when everything that is kept has been read: formulas, and the marks of
 * columns that do not apply in this kind of period.
 *
 * A quotient is exact until it is rounded once, half away from zero, to hundredths; without a
 * denominator there is none: it does not apply. Nor do quantiles of no values. What builds on a
 * marked cell has its mark.
 *
 * Place 0 is derived like the others: it stands for all rows that are not there. Where that is not
 * so (a total that means nothing in some rows) every row gets a place. */
#include "daemon/figures/figures.h"

static const int units[] = {
	[FORMAT_WHOLE] = 1, [FORMAT_TENTHS] = 10, [FORMAT_MONEY] = 100, [FORMAT_HUNDREDTHS] = 100
};

static __int128 terms_sum(
	const struct figures *f, size_t place, const struct check_side *s, uint8_t *mark)
{
	__int128 sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t at = place * f->form->n_measures + s->terms[i].measure;

		sum += (__int128)s->terms[i].sign * f->values[at];
		*mark |= f->marks[at] & MARK_HELD;
	}
	return sum;
}

int64_t figures_rounded(__int128 num, __int128 den)
{
	__int128 twice = 2 * (num < 0 ? -num : num) + den;
	int64_t q = (int64_t)(twice / (2 * den));

	return num < 0 ? -q : q;
}

static enum measure_format terms_format(const struct figures *f, const struct check_side *s)
{
	return f->form->measures[s->terms[0].measure].format;
}

static void formula(struct figures *f, size_t place, size_t i)
{
	const struct measure *mm = &f->form->measures[i];
	size_t at = place * f->form->n_measures + i;
	uint8_t mark = 0;
	__int128 num = terms_sum(f, place, mm->formula, &mark), den = mm->divisor ? mm->divisor : 1;

	if (mm->per)
		den = terms_sum(f, place, mm->per, &mark);
	if (mm->per || mm->divisor || mm->percent) {
		num *= 100 * (mm->percent ? 100 : 1);
		if (mm->per)
			num *= units[terms_format(f, mm->per)];
		den *= units[terms_format(f, mm->formula)];
	}
	if (den <= 0)
		mark |= MARK_NONE;
	f->marks[at] |= mark;
	f->values[at] = mark ? 0 : figures_rounded(num, den);
}

/* Does a total of the row mean anything? */
static bool row_applies(const struct figures *f, size_t row)
{
	uint16_t rows[FORM_DIMS_MAX] = { 0 };

	figures_row(f->form, row, rows);
	for (size_t d = 0; d < f->form->n_dims; d++)
		if (f->form->dims[d].no_total && rows[d] == ROW_TOTAL)
			return false;
	return true;
}

static void cell_derive(struct figures *f, size_t place, size_t i)
{
	const struct measure *mm = &f->form->measures[i];
	size_t first = place * f->form->n_measures;

	if (mm->kind == MEASURE_FORMULA)
		formula(f, place, i);
	else if (mm->kind == MEASURE_TIME || mm->kind == MEASURE_FORECAST)
		figures_pace(f, place, i);
	else if (mm->kind == MEASURE_QUANTILE && f->values[first + (size_t)mm->of] == 0)
		f->marks[first + i] |= MARK_NONE;
	else if (mm->reported >= 0 && f->values[first + (size_t)mm->reported] == 0)
		f->marks[first + i] |= MARK_MISSING;
}

void figures_derive(struct figures *f)
{
	const struct form *form = f->form;
	bool totals = true;

	for (size_t d = 0; d < form->n_dims; d++)
		totals = totals && !form->dims[d].no_total;
	for (size_t row = 0; row < f->n_rows && !totals; row++)
		(void)figures_place(f, row);
	for (size_t i = 0; i < form->n_measures; i++) {
		const struct measure *mm = &form->measures[i];
		bool applies = f->inner || mm->periods & 1u << f->period.kind;

		if (applies && totals && form_kept(mm) && mm->reported < 0 &&
			mm->kind != MEASURE_QUANTILE)
			continue;
		for (size_t place = 0; place < f->n_places; place++) {
			size_t at = place * form->n_measures + i;

			if (applies && (totals || place == 0 || row_applies(f, f->row_of[place]))) {
				cell_derive(f, place, i);
			} else {
				f->values[at] = 0;
				f->marks[at] |= MARK_NONE;
			}
		}
	}
	f->all_rows = figures_place_shown(f, 0);
}
