/* Figures as lines, a cell each: what `form show -o csv` prints, and what is frozen. A year of all
 * areas has some ten thousand: what the lines of a row share is written once and copied. */
#include "daemon/figures/figures.h"

const char *figures_obs(uint8_t mark, bool closed)
{
	return mark & MARK_MISSING ? "M" : mark & MARK_NONE ? "_Z" : closed ? "A" : "P";
}

const char *figures_conf(uint8_t mark)
{
	return mark & MARK_CONFIDENTIAL ? "C" : mark & MARK_SECONDARY ? "D" : "F";
}

struct text figures_value(
	const struct figures *f, size_t at, size_t measure, char out[FIGURES_TEXT_MAX])
{
	if (f->marks[at] & (MARK_HELD | MARK_CONF))
		return (struct text){ "", 0 };
	if (f->marks[at] & MARK_WHOLE)
		return (struct text){ out,
			figures_print(FORMAT_WHOLE, f->values[at] / 100, out, FIGURES_TEXT_MAX) };
	return (struct text){ out, figures_print(f->form->measures[measure].format, f->values[at],
					   out, FIGURES_TEXT_MAX) };
}

bool figures_shown(const struct figures *f, size_t at, size_t measure, bool zeros)
{
	return !f->form->measures[measure].hidden &&
	       (zeros || f->values[at] || f->marks[at] & (MARK_MISSING | MARK_CONF));
}

/* The lines of one row; `line` holds what they share. */
static void row_lines(struct buf *out, const struct figures *f, size_t row, struct text line,
	const struct figures_lines *how)
{
	const struct form *form = f->form;

	for (size_t i = 0; i < form->n_measures; i++) {
		size_t at = row * form->n_measures + i;
		char value[FIGURES_TEXT_MAX];

		if (!figures_shown(f, at, i, how->zeros))
			continue;
		buf_text(out, line);
		buf_str(out, form->measures[i].id);
		buf_put(out, ",", 1);
		buf_text(out, figures_value(f, at, i, value));
		buf_put(out, ",", 1);
		buf_str(out, figures_obs(f->marks[at], how->closed));
		buf_put(out, ",", 1);
		buf_str(out, figures_conf(f->marks[at]));
		buf_str(out, how->after);
	}
}

void figures_lines(struct buf *out, const struct figures *f, const struct figures_lines *how)
{
	struct buf line = { 0 };

	for (size_t row = 0; row < f->n_rows; row++) {
		uint16_t rows[FORM_DIMS_MAX];

		if (!how->zeros && !figures_row_shown(f, row))
			continue;
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
