/* Tables: two passes, one for the widths, one that writes. Columns stand two spaces apart, numbers
 * to the right, no spaces at the end of a line. Objects: a line a value, lists of objects as tables
 * whose columns are the keys in the order in which they are first met. */
#include "daemon/ctl/table.h"

#include <stdlib.h>

#include "daemon/ctl/width.h"

/* ---- a grid of texts ---- */

struct grid {
	size_t n; /* columns */
	size_t *widths;
	bool *right;
};

static bool grid_init(struct grid *g, size_t n)
{
	*g = (struct grid){ n, calloc(n ? n : 1, sizeof *g->widths),
		calloc(n ? n : 1, sizeof *g->right) };
	return g->widths && g->right;
}

static void grid_deinit(struct grid *g)
{
	free(g->widths);
	free(g->right);
}

static void grid_measure(struct grid *g, size_t column, struct text t)
{
	size_t w = width_of(t);
	if (w > g->widths[column])
		g->widths[column] = w;
}

static void spaces(struct buf *out, size_t n)
{
	while (n--)
		buf_put(out, " ", 1);
}

static void grid_put(const struct grid *g, size_t column, struct text t, struct buf *out)
{
	size_t gap = g->widths[column] - width_of(t);
	if (column)
		spaces(out, 2);
	if (g->right[column])
		spaces(out, gap);
	width_put(out, t);
	if (!g->right[column])
		spaces(out, gap);
}

static void line_end(struct buf *out, size_t begin)
{
	while (out->n > begin && out->p[out->n - 1] == ' ')
		out->n--;
	buf_put(out, "\n", 1);
}

/* ---- scalars ---- */

/* A scalar as text; numbers and what is nested are written into `room`. */
static struct text scalar(const json_t *v, struct buf *room)
{
	buf_reset(room);
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_STRING:
		return (struct text){ json_string_value(v), json_string_length(v) };
	case JSON_INTEGER:
		buf_printf(room, "%lld", (long long)json_integer_value(v));
		break;
	case JSON_REAL:
		buf_printf(room, "%.12g", json_real_value(v));
		break;
	case JSON_TRUE:
		return TEXT("yes");
	case JSON_FALSE:
		return TEXT("no");
	case JSON_NULL:
		return TEXT("-");
	default: {
		char *s = json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(12));
		buf_str(room, s ? s : "");
		free(s);
	}
	}
	return buf_as_text(room);
}

/* ---- the API's tables ---- */

static struct text header(const json_t *column, bool zh)
{
	const json_t *h = json_object_get(column, zh ? "zh" : "en");
	if (!json_is_string(h) || json_string_length(h) == 0)
		h = json_object_get(column, "name");
	return (struct text){ json_string_value(h), json_is_string(h) ? json_string_length(h) : 0 };
}

/* A cell of the API is a text; absent ones are empty. */
static struct text cell(const json_t *row, size_t i, struct buf *room)
{
	const json_t *v = json_array_get(row, i);
	return !v || json_is_null(v) ? (struct text){ NULL, 0 } : scalar(v, room);
}

/* Head and rows of a table whose shape was checked, `indent` columns in. */
static void table_lines(
	struct buf *out, const json_t *columns, const json_t *rows, bool zh, size_t indent)
{
	struct buf room = { 0 };
	struct grid g;
	if (!grid_init(&g, json_array_size(columns))) {
		out->failed = true;
		goto out;
	}
	for (size_t c = 0; c < g.n; c++) {
		const json_t *column = json_array_get(columns, c);
		g.right[c] = json_is_true(json_object_get(column, "right"));
		grid_measure(&g, c, header(column, zh));
		for (size_t r = 0; r < json_array_size(rows); r++)
			grid_measure(&g, c, cell(json_array_get(rows, r), c, &room));
	}
	for (size_t line = 0; line <= json_array_size(rows); line++) {
		size_t begin = out->n;
		spaces(out, indent);
		for (size_t c = 0; c < g.n; c++)
			grid_put(&g, c,
				line ? cell(json_array_get(rows, line - 1), c, &room)
				     : header(json_array_get(columns, c), zh),
				out);
		line_end(out, begin);
	}
out:
	buf_deinit(&room);
	grid_deinit(&g);
}

int table_print(struct buf *out, const json_t *answer, bool zh)
{
	const json_t *columns = json_object_get(answer, "columns"),
		     *rows = json_object_get(answer, "rows");
	const json_t *notes = json_object_get(answer, "notes");
	struct buf room = { 0 };
	if (!json_is_array(columns) || !json_is_array(rows) || json_array_size(columns) == 0)
		return ERR_INVALID;
	table_lines(out, columns, rows, zh, 0);
	for (size_t i = 0; i < json_array_size(notes); i++) {
		width_put(out, scalar(json_array_get(notes, i), &room));
		buf_str(out, "\n");
	}
	buf_deinit(&room);
	return 0;
}

/* ---- objects ---- */

#define DEPTH_MAX 8

static bool all_objects(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_object(json_array_get(list, i)))
			return false;
	return json_array_size(list) > 0;
}

/* A column of a list of objects: one that holds numbers only stands to the right. */
static json_t *column_of(const json_t *list, const char *key)
{
	bool right = true;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_object_get(json_array_get(list, i), key);
		right = right && (!v || json_is_number(v) || json_is_null(v));
	}
	return json_pack("{s:s, s:b}", "name", key, "right", right);
}

/* A list of objects as a table: a column a key, in the order in which they are first met. */
static void list_print(struct buf *out, json_t *list, size_t indent)
{
	json_t *columns = json_array(), *rows = json_array(), *met = json_object();
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *object = json_array_get(list, i);
		for (void *it = json_object_iter(object); it;
			it = json_object_iter_next(object, it)) {
			const char *key = json_object_iter_key(it);
			if (json_object_get(met, key))
				continue;
			json_object_set_new(met, key, json_true());
			json_array_append_new(columns, column_of(list, key));
		}
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *row = json_array();
		for (void *it = json_object_iter(met); it; it = json_object_iter_next(met, it)) {
			json_t *v =
				json_object_get(json_array_get(list, i), json_object_iter_key(it));
			json_array_append_new(
				row, v && !json_is_null(v) ? json_incref(v) : json_string("-"));
		}
		json_array_append_new(rows, row);
	}
	table_lines(out, columns, rows, false, indent);
	json_decref(columns);
	json_decref(rows);
	json_decref(met);
}

static void scalars_print(struct buf *out, const json_t *list, struct buf *room)
{
	if (json_array_size(list) == 0)
		buf_str(out, "-");
	for (size_t i = 0; i < json_array_size(list); i++) {
		buf_str(out, i ? ", " : "");
		width_put(out, scalar(json_array_get(list, i), room));
	}
	buf_str(out, "\n");
}

static void value_put(struct buf *out, json_t *v, size_t depth);

static void members_print(struct buf *out, json_t *object, size_t depth)
{
	for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
		json_t *v = json_object_iter_value(it);
		bool nested = json_object_size(v) > 0 || (json_is_array(v) && all_objects(v));
		spaces(out, depth * 2);
		width_put(out, text_of(json_object_iter_key(it)));
		buf_str(out, nested ? ":\n" : ": ");
		if (json_is_object(v) && !nested)
			buf_str(out, "-\n");
		else
			value_put(out, v, nested ? depth + 1 : depth);
	}
}

static void value_put(struct buf *out, json_t *v, size_t depth)
{
	struct buf room = { 0 };
	if (json_is_array(v) && all_objects(v)) {
		list_print(out, v, depth * 2);
	} else if (json_is_array(v)) {
		scalars_print(out, v, &room);
	} else if (json_is_object(v) && depth < DEPTH_MAX) {
		members_print(out, v, depth);
	} else {
		width_put(out, scalar(v, &room));
		buf_str(out, "\n");
	}
	buf_deinit(&room);
}

void object_print(struct buf *out, json_t *answer)
{
	value_put(out, answer, 0);
}
