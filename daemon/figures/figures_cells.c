/* Columns that refer to other forms: their figures are opened under the same snapshot, each once,
 * for the same area and period. A form that has no figures for such a period gives those of its
 * stock at the period's end, or else those of the year.
 *
 * Numbers are held in hundredths, so that counts and shares may stand in one column; a count is
 * marked, and printed whole. */
#include "daemon/figures/figures.h"

#define OPEN_MAX 8

struct opened {
	struct figures at[OPEN_MAX];
	size_t n;
};

/* The other form's figures. */
static int other_open(struct opened *o, const struct figures *f, const struct form *form,
	const struct measure *mm, struct figures **out)
{
	struct figures want = { .form = form, .period = f->period, .area = f->area };
	bool month = f->period.kind == PERIOD_MONTH;

	want.cumulative = month && form->cumulative;
	if (!(form->periods & 1u << f->period.kind) || (month && !form->cumulative)) {
		if (mm->time == TIME_END && form->points >= f->period.kind)
			want.inner = true;
		else
			want.period = (struct period){ PERIOD_YEAR, f->period.year, 1 };
	}
	for (size_t i = 0; i < o->n; i++) {
		*out = &o->at[i];
		if ((*out)->form == form && (*out)->period.kind == want.period.kind)
			return 0;
	}
	if (o->n == OPEN_MAX)
		return ERR_LIMIT;
	*out = &o->at[o->n];
	**out = want;
	if (!want.inner && !(form->periods & 1u << want.period.kind))
		return ERR_INVALID;
	{
		int err = figures_open(*out, f->views);

		o->n += !err;
		return err;
	}
}

static __int128 rows_sum(
	const struct figures *f, size_t measure, const char *const *rows, size_t n, uint8_t *mark)
{
	__int128 sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint16_t at[FORM_DIMS_MAX] = { 0 };
		size_t row;

		if (!form_row_find(f->form, rows[i], at)) {
			*mark |= MARK_MISSING;
			continue;
		}
		row = figures_row_number(f->form, at);
		sum += figures_value(f, row, measure);
		*mark |= figures_mark(f, row, measure) & MARK_HELD;
	}
	return sum;
}

static const int units[] = {
	[FORMAT_WHOLE] = 1, [FORMAT_TENTHS] = 10, [FORMAT_MONEY] = 100, [FORMAT_HUNDREDTHS] = 100
};

static int cell_take(struct opened *o, struct figures *f, size_t i, const struct form_cell *c)
{
	const struct form *form = forms_at(f->form->set, text_of(c->form), &f->period);
	int m = form ? form_measure_find(form, text_of(c->measure)) : -1;
	size_t at = figures_place(f, c->row) * f->form->n_measures + i;
	struct figures *other;
	__int128 num, den = 1;
	uint8_t mark = 0;
	int err;

	if (m < 0) {
		f->marks[at] |= MARK_MISSING;
		return 0;
	}
	err = other_open(o, f, form, &form->measures[m], &other);
	if (err == ERR_INVALID) {
		f->marks[at] |= MARK_NONE;
		return 0;
	}
	if (err)
		return err;
	num = rows_sum(other, (size_t)m, c->rows, c->n_rows, &mark) * 100;
	if (c->n_per)
		den = rows_sum(other, (size_t)m, c->per, c->n_per, &mark);
	else
		den = units[form->measures[m].format];
	if (den <= 0)
		mark |= MARK_NONE;
	f->marks[at] |= mark;
	if (!c->n_per && form->measures[m].format == FORMAT_WHOLE)
		f->marks[at] |= MARK_WHOLE;
	f->values[at] = mark ? 0 : figures_rounded(num * (c->percent ? 100 : 1), den);
	return 0;
}

int figures_cells(struct figures *f)
{
	struct opened o = { .n = 0 };
	int err = 0;

	for (size_t i = 0; i < f->form->n_measures && !err; i++)
		for (const struct form_cell *c = f->form->measures[i].cells; c && !err; c = c->next)
			err = cell_take(&o, f, i, c);
	for (size_t i = 0; i < o.n; i++)
		figures_close(&o.at[i]);
	return err;
}

/* ---- time gone, and what the year will bring at this pace ---- */

static const struct form_cell *cell_of(const struct measure *mm, size_t row)
{
	for (const struct form_cell *c = mm->cells; c; c = c->next)
		if (c->row == row)
			return c;
	return NULL;
}

static int months_gone(const struct figures *f)
{
	return period_last_month(&f->period) % 12 + 1;
}

void figures_pace(struct figures *f, size_t place, size_t i)
{
	const struct measure *mm = &f->form->measures[i];
	size_t at = place * f->form->n_measures + i, from;
	const struct form_cell *c;

	if (mm->kind == MEASURE_TIME) {
		f->values[at] = figures_rounded((__int128)months_gone(f) * 10000, 12);
		return;
	}
	from = place * f->form->n_measures + mm->forecast;
	c = cell_of(&f->form->measures[mm->forecast], f->row_of[place]);
	f->marks[at] |= f->marks[from];
	f->values[at] = f->values[from];
	if (c && c->pace)
		f->values[at] = figures_rounded((__int128)f->values[from] * 12, months_gone(f));
	if (f->marks[at] & MARK_WHOLE)
		f->values[at] = figures_rounded(f->values[at], 100) * 100;
}
