/* Columns made of others, when everything that is kept has been read: formulas, and the marks of
 * columns that do not apply in this kind of period.
 *
 * A quotient is exact until it is rounded once, half away from zero, to hundredths; without a
 * denominator there is none: it does not apply. What builds on a marked cell has its mark. */
#include "aggregator/figures.h"

static const int units[] = {
	[FORMAT_WHOLE] = 1, [FORMAT_TENTHS] = 10, [FORMAT_MONEY] = 100, [FORMAT_HUNDREDTHS] = 100
};

static __int128 terms_sum(
	const struct figures *f, size_t row, const struct check_side *s, uint8_t *mark)
{
	__int128 sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t at = row * f->form->n_measures + s->terms[i].measure;

		sum += (__int128)s->terms[i].sign * f->values[at];
		*mark |= f->marks[at] & MARK_HELD;
	}
	return sum;
}

/* num ÷ den, half away from zero; den > 0. */
static int64_t rounded(__int128 num, __int128 den)
{
	__int128 twice = 2 * (num < 0 ? -num : num) + den;
	int64_t q = (int64_t)(twice / (2 * den));

	return num < 0 ? -q : q;
}

static enum measure_format terms_format(const struct figures *f, const struct check_side *s)
{
	return f->form->measures[s->terms[0].measure].format;
}

static void formula(struct figures *f, size_t row, size_t i)
{
	const struct measure *mm = &f->form->measures[i];
	size_t at = row * f->form->n_measures + i;
	uint8_t mark = 0;
	__int128 num = terms_sum(f, row, mm->formula, &mark), den = mm->divisor ? mm->divisor : 1;

	if (mm->per)
		den = terms_sum(f, row, mm->per, &mark);
	if (mm->per || mm->divisor || mm->percent) {
		num *= 100 * (mm->percent ? 100 : 1);
		if (mm->per)
			num *= units[terms_format(f, mm->per)];
		den *= units[terms_format(f, mm->formula)];
	}
	if (den <= 0)
		mark |= MARK_NONE;
	f->marks[at] |= mark;
	f->values[at] = mark ? 0 : rounded(num, den);
}

void figures_derive(struct figures *f)
{
	const struct form *form = f->form;

	for (size_t i = 0; i < form->n_measures; i++) {
		bool applies = form->measures[i].periods & 1u << f->period.kind;

		if (applies && form->measures[i].kind != MEASURE_FORMULA)
			continue;
		for (size_t row = 0; row < f->n_rows; row++) {
			size_t at = row * form->n_measures + i;

			if (applies) {
				formula(f, row, i);
			} else {
				f->values[at] = 0;
				f->marks[at] |= MARK_NONE;
			}
		}
	}
}
