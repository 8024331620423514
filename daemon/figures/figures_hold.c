/* What a row that is held back would still say by subtraction.
 *
 * A line is a total and its parts: in an area the rows of one dim under their total, and over all
 * areas the districts' rows under the city's. If of the parts just one is held back and the total
 * is not, the smallest of the others is held back too (D), or the total when there is no other.
 * That may leave one alone in another line: the lines are gone through until nothing changes.
 *
 * Only rows in which something stands are parts; each dim's lines are found once, by sorting. */
#include "daemon/figures/figures.h"

#include <stdlib.h>

struct part {
	struct figures *f;
	uint32_t total, row; /* the row over it in its line; itself */
	int64_t size;
};

struct lines {
	struct part *parts;
	size_t n;
};

/* How much a row says: what the quantiles are made of. */
static int64_t size_of(const struct figures *f, size_t row)
{
	const struct form *form = f->form;

	return figures_value(f, row, (size_t)form->measures[form->sample].of);
}

static bool is_held(const struct figures *f, size_t row)
{
	return figures_mark(f, row, 0) & MARK_CONF;
}

static void hold(struct figures *f, size_t row)
{
	size_t at = figures_place(f, row) * f->form->n_measures;

	for (size_t m = 0; m < f->form->n_measures; m++)
		f->marks[at + m] |= MARK_SECONDARY;
}

/* One line; true when something more was held back. */
static bool line_hold(struct figures *total, size_t row, const struct part *parts, size_t n)
{
	const struct part *least = NULL;
	size_t held = 0;

	if (size_of(total, row) == 0 || is_held(total, row))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (is_held(parts[i].f, parts[i].row))
			held++;
		else if (!least || parts[i].size < least->size)
			least = &parts[i];
	}
	if (held != 1)
		return false;
	if (least)
		hold(least->f, least->row);
	else
		hold(total, row);
	return true;
}

/* All lines: parts of one total stand side by side. */
static bool lines_hold(struct figures *total, const struct lines *l)
{
	bool more = false;

	for (size_t i = 0, end; i < l->n; i = end) {
		for (end = i; end < l->n && l->parts[end].total == l->parts[i].total; end++)
			;
		more = line_hold(total, l->parts[i].total, &l->parts[i], end - i) || more;
	}
	return more;
}

/* ---- finding the lines ---- */

static int by_total(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	if (x->total != y->total)
		return x->total < y->total ? -1 : 1;
	if (x->f != y->f)
		return x->f < y->f ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static bool lines_room(struct lines *l, size_t n)
{
	l->parts = malloc((n + 1) * sizeof(*l->parts));
	return l->parts != NULL;
}

/* The lines of a dim in an area. */
static bool lines_of_dim(struct lines *l, struct figures *f, size_t dim)
{
	if (!lines_room(l, f->n_places))
		return false;
	for (size_t place = 1; place < f->n_places; place++) {
		uint16_t rows[FORM_DIMS_MAX] = { 0 };
		uint32_t row = f->row_of[place];

		figures_row(f->form, row, rows);
		if (rows[dim] >= f->form->dims[dim].n_codes || size_of(f, row) == 0)
			continue;
		rows[dim] = ROW_TOTAL;
		l->parts[l->n++] = (struct part){ f, (uint32_t)figures_row_number(f->form, rows),
			row, size_of(f, row) };
	}
	qsort(l->parts, l->n, sizeof(*l->parts), by_total);
	return true;
}

/* The lines over areas. */
static bool lines_of_areas(struct lines *l, struct figures *areas, size_t n)
{
	size_t most = 0;

	for (size_t i = 1; i < n; i++)
		most += areas[i].n_places;
	if (!lines_room(l, most))
		return false;
	for (size_t i = 1; i < n; i++) {
		for (size_t place = 1; place < areas[i].n_places; place++) {
			uint32_t row = areas[i].row_of[place];

			if (size_of(&areas[i], row))
				l->parts[l->n++] = (struct part){ &areas[i], row, row,
					size_of(&areas[i], row) };
		}
	}
	qsort(l->parts, l->n, sizeof(*l->parts), by_total);
	return true;
}

int figures_hold(struct figures *areas, size_t n)
{
	size_t n_dims = areas[0].form->n_dims, n_lines = 1 + n * n_dims;
	struct lines *lines = calloc(n_lines, sizeof(*lines));
	bool more = areas[0].form->publish && lines, failed = !lines;

	for (size_t i = 0; i < n_lines && more && !failed; i++)
		failed = i == 0 ? !lines_of_areas(&lines[0], areas, n)
				: !lines_of_dim(
					  &lines[i], &areas[(i - 1) / n_dims], (i - 1) % n_dims);
	while (more && !failed) {
		more = lines_hold(&areas[0], &lines[0]);
		for (size_t i = 1; i < n_lines; i++)
			more = lines_hold(&areas[(i - 1) / n_dims], &lines[i]) || more;
	}
	for (size_t i = 0; i < n_lines && lines; i++)
		free(lines[i].parts);
	free(lines);
	for (size_t i = 0; i < n; i++)
		failed = failed || areas[i].failed;
	return failed ? ERR_NOMEM : 0;
}
