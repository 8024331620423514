/* A frozen text back into figures, to be printed like any others.
 *
 * The text leaves out what is 0 and what does not apply. Which of the two a cell was follows from
 * the form where the column counts or adds up (0), does not have such periods (it does not apply),
 * or is a quotient by columns that are shown (by their sum). For the rest it is not said:
 * MARK_UNSAID. */
#include "daemon/figures/frozen.h"

#include <stdlib.h>

/* Digits behind the point that a format holds. */
static int digits_of(enum measure_format format)
{
	static const int digits[] = {
		[FORMAT_WHOLE] = 0, [FORMAT_TENTHS] = 1, [FORMAT_MONEY] = 2, [FORMAT_HUNDREDTHS] = 2
	};

	return digits[format];
}

/* -12.5 in tenths is -125. False: it is no such number. */
static bool value_parse(struct text t, int digits, int64_t *out)
{
	bool minus = t.n && t.p[0] == '-', point = false;
	size_t i = minus;
	uint64_t v = 0;

	if (i == t.n)
		return false;
	for (; i < t.n; i++) {
		if (t.p[i] == '.' && !point && digits) {
			point = true;
			continue;
		}
		if (t.p[i] < '0' || t.p[i] > '9' || v > (uint64_t)INT64_MAX / 10 - 1)
			return false;
		if (point && digits-- == 0)
			return false;
		v = v * 10 + (uint64_t)(t.p[i] - '0');
	}
	for (; digits > 0; digits--) {
		if (v > (uint64_t)INT64_MAX / 10 - 1)
			return false;
		v *= 10;
	}
	*out = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

/* The row of a line; false: the form has no such row. */
static bool row_find(const struct form *form, const struct frozen_line *l, size_t *row)
{
	uint16_t rows[FORM_DIMS_MAX] = { 0 };
	char codes[512];
	size_t n = 0;

	if (l->n_dims != form->n_dims)
		return false;
	for (size_t d = 0; d < l->n_dims; d++) {
		if (n + l->dims[d].n + 2 > sizeof(codes))
			return false;
		if (d)
			codes[n++] = ' ';
		memcpy(codes + n, l->dims[d].p, l->dims[d].n);
		n += l->dims[d].n;
	}
	codes[n] = 0;
	if (!form_row_find(form, codes, rows))
		return false;
	*row = figures_row_number(form, rows);
	return true;
}

static bool line_put(struct figures *f, const struct frozen_line *l)
{
	const struct form *form = f->form;
	int m = form_measure_find(form, l->measure);
	const struct measure *mm = m < 0 ? NULL : &form->measures[m];
	size_t row, at;

	if (!mm || !row_find(form, l, &row))
		return false;
	at = figures_place(f, row) * form->n_measures + (size_t)m;
	f->marks[at] = text_is(l->conf, "C")   ? MARK_CONFIDENTIAL
		       : text_is(l->conf, "D") ? MARK_SECONDARY
		       : text_is(l->obs, "M")  ? MARK_MISSING
		       : text_is(l->obs, "_Z") ? MARK_NONE
					       : 0;
	f->values[at] = 0;
	if (f->marks[at])
		return true;
	if (mm->format == FORMAT_HUNDREDTHS && !memchr(l->value.p, '.', l->value.n))
		f->marks[at] = MARK_WHOLE;
	return value_parse(l->value, digits_of(mm->format), &f->values[at]);
}

/* ---- what the text does not say ---- */

static bool is_counted(const struct measure *mm)
{
	return mm->kind == MEASURE_EVENTS || mm->kind == MEASURE_SUM ||
	       mm->kind == MEASURE_DISTINCT || mm->kind == MEASURE_QUALITY;
}

/* Of a column that was left out of a row: 0, MARK_NONE or MARK_UNSAID. */
static uint8_t left_out(const struct figures *f, size_t place, const struct measure *mm)
{
	const struct form *form = f->form;
	__int128 per = 0;

	if (!(mm->periods & 1u << f->period.kind))
		return MARK_NONE;
	if (is_counted(mm) && mm->reported < 0)
		return 0;
	if (mm->kind != MEASURE_FORMULA)
		return MARK_UNSAID;
	for (size_t i = 0; mm->per && i < mm->per->n; i++) {
		size_t of = mm->per->terms[i].measure;

		if (form->measures[of].hidden || f->marks[place * form->n_measures + of])
			return MARK_UNSAID;
		per += (__int128)mm->per->terms[i].sign * f->values[place * form->n_measures + of];
	}
	return mm->per && per <= 0 ? MARK_NONE : 0;
}

int frozen_figures(struct text text, struct figures *f)
{
	struct frozen_line l;
	size_t n = f->form->n_measures;
	int err = figures_begin(f);

	/* what no line fills is unsaid until it is judged */
	for (size_t i = 0; i < n && !err; i++)
		f->marks[i] = MARK_UNSAID;
	while (!err && frozen_line_next(&text, &l))
		if (l.cumulative == f->cumulative && l.area == f->area && !line_put(f, &l))
			err = ERR_INVALID;
	if (!err && text.n)
		err = ERR_INVALID;
	for (size_t place = 0; place < f->n_places && !err; place++)
		for (size_t i = 0; i < n; i++)
			if (f->marks[place * n + i] == MARK_UNSAID)
				f->marks[place * n + i] = left_out(f, place, &f->form->measures[i]);
	if (!err && f->failed)
		err = ERR_NOMEM;
	if (err)
		figures_close(f);
	return err;
}
