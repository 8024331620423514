/* Rows as they are filled: by row number a place, by place its numbers.
 *
 *     place_of   0 0 0 2 0 0 1 0 …        a form's rows, up to FORM_CELLS_MAX
 *                      │     │
 *     row_of     –  6  3                  by place
 *     values     ·  …  …                  place 0: what all rows look like in which nothing stands
 *
 * While figures are read a row in which nothing stands is all zeros. When columns are made of
 * others, place 0 gets them too: what does not apply, or was not reported, then holds for every row
 * that is not there, without a place for each. */
#include "daemon/figures/figures.h"

#include <stdlib.h>

#define ROOM_FIRST 32

static bool array_grow(void **at, size_t size)
{
	void *more = realloc(*at, size);

	if (more)
		*at = more;
	return more != NULL;
}

static bool grow(struct figures *f)
{
	size_t n = f->form->n_measures, room = f->room ? f->room * 2 : ROOM_FIRST;

	if (!array_grow((void **)&f->row_of, room * sizeof(*f->row_of)) ||
		!array_grow((void **)&f->values, room * n * sizeof(*f->values)) ||
		!array_grow((void **)&f->marks, room * n))
		return false;
	f->room = room;
	return true;
}

int figures_begin(struct figures *f)
{
	size_t n = f->form->n_measures;

	f->n_rows = form_rows(f->form);
	f->row_of = NULL;
	f->values = NULL;
	f->marks = NULL;
	f->n_places = f->room = 0;
	f->all_rows = f->failed = false;
	f->place_of = calloc(f->n_rows, sizeof(*f->place_of));
	if (!f->place_of || !grow(f)) {
		figures_close(f);
		return ERR_NOMEM;
	}
	f->n_places = 1;
	f->row_of[0] = UINT32_MAX;
	memset(f->values, 0, n * sizeof(*f->values));
	memset(f->marks, 0, n);
	return 0;
}

void figures_close(struct figures *f)
{
	free(f->place_of);
	free(f->row_of);
	free(f->values);
	free(f->marks);
	f->place_of = f->row_of = NULL;
	f->values = NULL;
	f->marks = NULL;
}

size_t figures_place(struct figures *f, size_t row)
{
	size_t n = f->form->n_measures, at = f->place_of[row];

	if (at)
		return at;
	if (f->n_places == f->room && !grow(f)) {
		f->failed = true;
		return 0;
	}
	at = f->n_places++;
	f->place_of[row] = (uint32_t)at;
	f->row_of[at] = (uint32_t)row;
	memcpy(f->values + at * n, f->values, n * sizeof(*f->values));
	memcpy(f->marks + at * n, f->marks, n);
	return at;
}

bool figures_next(const struct figures *f, size_t *row)
{
	while (*row < f->n_rows && !f->place_of[*row] && !f->all_rows)
		++*row;
	return *row < f->n_rows;
}

bool figures_place_shown(const struct figures *f, size_t place)
{
	const struct form *form = f->form;

	for (size_t i = 0, at = place * form->n_measures; i < form->n_measures; i++, at++)
		if (!form->measures[i].hidden &&
			(f->values[at] || f->marks[at] & (MARK_MISSING | MARK_CONF)))
			return true;
	return false;
}

bool figures_row_shown(const struct figures *f, size_t row)
{
	return figures_place_shown(f, f->place_of[row]);
}
