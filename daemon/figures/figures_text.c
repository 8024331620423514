/* Figures as lines, a cell each: what `form show -o csv` prints, and what is frozen. A year of all
 * areas has some ten thousand: what the lines of a row share is written once and copied. */
#include "daemon/figures/figures.h"

#include <string.h>

const char *figures_obs(uint8_t mark, bool closed)
{
	return mark & MARK_MISSING ? "M" : mark & MARK_NONE ? "_Z" : closed ? "A" : "P";
}

const char *figures_conf(uint8_t mark)
{
	return mark & MARK_CONFIDENTIAL ? "C" : mark & MARK_SECONDARY ? "D" : "F";
}

struct text figures_cell_text(
	const struct figures *f, size_t row, size_t measure, char out[FIGURES_TEXT_MAX])
{
	int64_t value = figures_value(f, row, measure);
	uint8_t mark = figures_mark(f, row, measure);

	if (mark & (MARK_HELD | MARK_CONF))
		return (struct text){ "", 0 };
	if (mark & MARK_WHOLE)
		return (struct text){ out,
			figures_print(FORMAT_WHOLE, value / 100, out, FIGURES_TEXT_MAX) };
	return (struct text){ out,
		figures_print(f->form->measures[measure].format, value, out, FIGURES_TEXT_MAX) };
}

bool figures_cell_shown(const struct figures *f, size_t row, size_t measure, bool zeros)
{
	return !f->form->measures[measure].hidden &&
	       (zeros || figures_value(f, row, measure) ||
		       figures_mark(f, row, measure) & (MARK_MISSING | MARK_CONF));
}

bool figures_shown_next(const struct figures *f, size_t *row, bool zeros)
{
	if (zeros)
		return *row < f->n_rows;
	while (figures_next(f, row) && !figures_row_shown(f, *row))
		++*row;
	return *row < f->n_rows;
}

/* The lines of one row; `line` holds what they share. Each is put together in one go: a form asked
 * for is mostly this. */
static void row_lines(struct buf *out, const struct figures *f, size_t row, struct text line,
	const struct figures_lines *how)
{
	const struct form *form = f->form;
	size_t after = strlen(how->after);

	for (size_t i = 0; i < form->n_measures; i++) {
		char value[FIGURES_TEXT_MAX], *p, *from;
		struct text shown;
		uint8_t mark;

		if (!figures_cell_shown(f, row, i, how->zeros))
			continue;
		mark = figures_mark(f, row, i);
		shown = figures_cell_text(f, row, i, value);
		from = p =
			buf_room(out, line.n + strlen(form->measures[i].id) + shown.n + after + 8);
		if (!p)
			return;
		p = mempcpy(p, line.p, line.n);
		p = stpcpy(p, form->measures[i].id);
		*p++ = ',';
		p = mempcpy(p, shown.p, shown.n);
		*p++ = ',';
		p = stpcpy(p, figures_obs(mark, how->closed));
		*p++ = ',';
		p = stpcpy(p, figures_conf(mark));
		p = mempcpy(p, how->after, after);
		*p = 0;
		out->n += (size_t)(p - from);
	}
}

void figures_lines(struct buf *out, const struct figures *f, const struct figures_lines *how)
{
	struct buf line = { 0 };

	for (size_t row = 0; figures_shown_next(f, &row, how->zeros); row++) {
		uint16_t rows[FORM_DIMS_MAX];

		figures_row(f->form, row, rows);
		buf_reset(&line);
		buf_printf(&line, "%s%06u,", how->before, f->area);
		for (size_t d = 0; d < f->form->n_dims; d++)
			buf_printf(&line, "%s,", figures_code(f->form, d, rows[d]));
		row_lines(out, f, row, buf_as_text(&line), how);
	}
	out->failed = out->failed || line.failed;
	buf_deinit(&line);
}
