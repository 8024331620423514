/* What the rows that are held back would still say by subtraction.
 *
 * Every total is the sum of its parts: in an area the rows of a dim under their total, and over all
 * areas the districts' rows under the city's. Who knows all but one of them knows that one; and
 * several sums may tell together what none tells alone. So each row that is held back (C) is made
 * the corner of a cube: beside it stands one other code on each axis (the area is one), and every
 * combination of the two codes on each is held back, too (D):
 *
 *          (a, o, l) ─── (a, o, l')        What is added to one corner and taken from its
 * neighbours, ╱           ╱ │                 all around, changes no total outside: all sums that
 * are (a', o, l) ─ (a', o, l') …            given out allow it. No corner can be computed from
 * them.
 *
 * A total may be the other code. Of all cubes whose corners have answers the one is taken that
 * holds back the fewest answers more. Rows are gone through in the order of the form, the city
 * first; the corners of a cube are safe by it. On an axis where there is no other code there is no
 * sum either.
 *
 * Only rows in which something stands are looked at; a search ends where it costs as much as what
 * was found: where many rows are held back anyway that is at once. */
#include "daemon/figures/figures.h"

#include <assert.h>
#include <stdlib.h>

#define AXES_MAX (1 + FORM_DIMS_MAX)

struct corner {
	uint32_t area, row;
};

/* Another code on an axis, and what it costs to hold back the row beside it. */
struct other {
	int64_t cost;
	uint32_t at; /* area or row */
};

struct hold {
	struct figures *areas;
	size_t n;
	uint8_t **safe;			/* by area and place: corner of a cube that is held back */
	size_t n_axes;			/* those with others */
	struct other *others[AXES_MAX]; /* of these axes, the cheapest first */
	size_t n_others[AXES_MAX];
	struct corner corners[1 << AXES_MAX], best[1 << AXES_MAX];
	int64_t cost[AXES_MAX + 1], best_cost;
};

/* How much a row says: what the quantiles are made of. */
static int64_t size_of(const struct hold *h, struct corner c)
{
	const struct figures *f = &h->areas[c.area];

	return figures_value(f, c.row, (size_t)f->form->measures[f->form->sample].of);
}

static bool is_held(const struct hold *h, struct corner c)
{
	return figures_mark(&h->areas[c.area], c.row, 0) & MARK_CONF;
}

/* What it costs to hold it back. */
static int64_t cost_of(const struct hold *h, struct corner c)
{
	return is_held(h, c) ? 0 : size_of(h, c);
}

static void hold(struct hold *h, struct corner c)
{
	struct figures *f = &h->areas[c.area];
	size_t place = figures_place(f, c.row), at = place * f->form->n_measures;

	h->safe[c.area][place] = 1;
	if (is_held(h, c))
		return;
	for (size_t m = 0; m < f->form->n_measures; m++)
		f->marks[at + m] |= MARK_SECONDARY;
}

/* ---- the axes of a row ---- */

static int by_cost(const void *a, const void *b)
{
	const struct other *x = a, *y = b;

	if (x->cost != y->cost)
		return x->cost < y->cost ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static void other_add(struct hold *h, struct corner c, uint32_t at)
{
	if (size_of(h, c))
		h->others[h->n_axes][h->n_others[h->n_axes]++] =
			(struct other){ .cost = cost_of(h, c), .at = at };
}

static void axis_end(struct hold *h)
{
	size_t n = h->n_others[h->n_axes];

	if (n)
		qsort(h->others[h->n_axes++], n, sizeof(struct other), by_cost);
}

static void axis_of_areas(struct hold *h, struct corner x)
{
	h->n_others[h->n_axes] = 0;
	for (uint32_t a = 0; a < h->n; a++)
		if (a != x.area)
			other_add(h, (struct corner){ a, x.row }, a);
	axis_end(h);
}

static void axis_of_dim(struct hold *h, struct corner x, size_t dim)
{
	const struct form *form = h->areas[0].form;
	const uint32_t *place_of = h->areas[x.area].place_of;
	uint16_t rows[FORM_DIMS_MAX] = { 0 };
	size_t first, step = 1;

	h->n_others[h->n_axes] = 0;
	figures_row(form, x.row, rows);
	rows[dim] = 0;
	first = figures_row_number(form, rows);
	for (size_t d = dim + 1; d < form->n_dims; d++)
		step *= form_dim_rows(form, d);
	for (size_t k = 0; k <= form->dims[dim].n_codes; k++) {
		bool total = k == form->dims[dim].n_codes;
		struct corner c = { x.area,
			(uint32_t)(first + (total ? form->dims[dim].n : k) * step) };

		/* most rows are not there */
		if (place_of[c.row] && c.row != x.row)
			other_add(h, c, c.row);
	}
	axis_end(h);
}

/* ---- the cube ---- */

/* The corners so far, and beside each the one that is moved along the axis as x is to the other.
 * False: there is no such cube, or it costs too much. */
static bool cube_grow(
	struct hold *h, struct corner x, size_t axis, const struct other *o, bool area)
{
	size_t n = (size_t)1 << axis;

	h->cost[axis + 1] = h->cost[axis];
	for (size_t i = 0; i < n; i++) {
		struct corner c = h->corners[i];

		if (area)
			c.area = o->at;
		else
			c.row += o->at - x.row;
		if (size_of(h, c) == 0)
			return false;
		h->cost[axis + 1] += cost_of(h, c);
		h->corners[n + i] = c;
	}
	return h->cost[axis + 1] < h->best_cost;
}

/* The cheapest cube around x, into best. `areas`: the first axis is that of the areas. */
static void cube_find(struct hold *h, struct corner x, bool areas)
{
	size_t at[AXES_MAX] = { 0 }, axis = 0;

	h->corners[0] = x;
	h->cost[0] = 0;
	h->best_cost = INT64_MAX;
	for (;;) {
		const struct other *o = &h->others[axis][at[axis]];

		if (at[axis] == h->n_others[axis] || h->cost[axis] + o->cost >= h->best_cost) {
			if (axis-- == 0)
				return;
			at[axis]++;
		} else if (!cube_grow(h, x, axis, o, areas && axis == 0)) {
			at[axis]++;
		} else if (axis + 1 == h->n_axes) {
			h->best_cost = h->cost[axis + 1];
			memcpy(h->best, h->corners, sizeof(h->best));
			at[axis]++;
		} else {
			at[++axis] = 0;
		}
	}
}

static void row_guard(struct hold *h, struct corner x)
{
	bool areas;

	h->n_axes = 0;
	axis_of_areas(h, x);
	areas = h->n_axes > 0;
	for (size_t d = 0; d < h->areas[0].form->n_dims; d++)
		axis_of_dim(h, x, d);
	if (!h->n_axes)
		return;
	cube_find(h, x, areas);
	assert(h->best_cost < INT64_MAX); /* a total stands over every row: some cube is there */
	for (size_t i = 0; i < (size_t)1 << h->n_axes; i++)
		hold(h, h->best[i]);
}

static bool needs_guard(const struct hold *h, struct corner c)
{
	const struct figures *f = &h->areas[c.area];

	return figures_mark(f, c.row, 0) & MARK_CONFIDENTIAL && size_of(h, c) &&
	       !h->safe[c.area][f->place_of[c.row]];
}

static bool hold_open(struct hold *h)
{
	size_t most = h->n;
	bool ok;

	for (size_t d = 0; d < h->areas[0].form->n_dims; d++)
		if (form_dim_rows(h->areas[0].form, d) > most)
			most = form_dim_rows(h->areas[0].form, d);
	h->safe = calloc(h->n, sizeof(*h->safe));
	ok = h->safe != NULL;
	for (size_t i = 0; i < h->n && ok; i++)
		ok = (h->safe[i] = calloc(h->areas[i].n_places, 1)) != NULL;
	for (size_t i = 0; i < AXES_MAX && ok; i++)
		ok = (h->others[i] = malloc(most * sizeof(struct other))) != NULL;
	return ok;
}

static void hold_close(struct hold *h)
{
	for (size_t i = 0; i < h->n && h->safe; i++)
		free(h->safe[i]);
	for (size_t i = 0; i < AXES_MAX; i++)
		free(h->others[i]);
	free(h->safe);
}

int figures_hold(struct figures *areas, size_t n)
{
	struct hold h = { .areas = areas, .n = n };
	int err = 0;

	if (!areas[0].form->publish)
		return 0;
	if (!hold_open(&h))
		err = ERR_NOMEM;
	for (uint32_t a = 0; a < n && !err; a++)
		for (size_t row = 0; figures_next(&areas[a], &row); row++)
			if (needs_guard(&h, (struct corner){ a, (uint32_t)row }))
				row_guard(&h, (struct corner){ a, (uint32_t)row });
	hold_close(&h);
	return err;
}
