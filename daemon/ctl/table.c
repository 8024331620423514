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

static void table_lines(
	struct buf *out, const struct grid *g, const json_t *columns, const json_t *rows, bool zh)
{
	struct buf room = { 0 };
	size_t begin = out->n, i;
	json_t *row;
	for (size_t c = 0; c < g->n; c++)
		grid_put(g, c, header(json_array_get(columns, c), zh), out);
	line_end(out, begin);
	json_array_foreach(rows, i, row)
	{
		begin = out->n;
		for (size_t c = 0; c < g->n; c++)
			grid_put(g, c, cell(row, c, &room), out);
		line_end(out, begin);
	}
	buf_deinit(&room);
}

int table_print(struct buf *out, const json_t *answer, bool zh)
{
	const json_t *columns = json_object_get(answer, "columns"),
		     *rows = json_object_get(answer, "rows");
	struct buf room = { 0 };
	struct grid g;
	json_t *row, *note;
	size_t i;
	if (!json_is_array(columns) || !json_is_array(rows) || json_array_size(columns) == 0)
		return ERR_INVALID;
	if (!grid_init(&g, json_array_size(columns))) {
		grid_deinit(&g);
		return ERR_NOMEM;
	}
	for (size_t c = 0; c < g.n; c++) {
		const json_t *column = json_array_get(columns, c);
		g.right[c] = json_is_true(json_object_get(column, "right"));
		grid_measure(&g, c, header(column, zh));
	}
	json_array_foreach(rows, i, row) for (size_t c = 0; c < g.n; c++)
		grid_measure(&g, c, cell(row, c, &room));
	table_lines(out, &g, columns, rows, zh);
	json_array_foreach(json_object_get(answer, "notes"), i, note)
	{
		width_put(out, scalar(note, &room));
		buf_put(out, "\n", 1);
	}
	buf_deinit(&room);
	grid_deinit(&g);
	return 0;
}

/* ---- objects ---- */

#define DEPTH_MAX 8

static bool all_objects(const json_t *list)
{
	size_t i;
	json_t *v;
	json_array_foreach(list, i, v) if (!json_is_object(v)) return false;
	return json_array_size(list) > 0;
}

/* The keys of all objects in a list, in the order in which they are first met; an object of key →
 * null. */
static json_t *keys_of(const json_t *list)
{
	json_t *keys = json_object(), *v, *ignored;
	const char *key;
	size_t i;
	json_array_foreach(list, i, v)
		json_object_foreach(v, key, ignored) if (!json_object_get(keys, key))
			json_object_set_new(keys, key, json_null());
	return keys;
}

static void list_print(struct buf *out, const json_t *list, size_t indent)
{
	struct buf room = { 0 };
	json_t *keys = keys_of(list), *v, *ignored;
	const char *key;
	struct grid g;
	size_t i, c;
	if (!grid_init(&g, json_object_size(keys)))
		goto out;
	c = 0;
	json_object_foreach(keys, key, ignored)
	{
		g.right[c] = true;
		grid_measure(&g, c, text_of(key));
		json_array_foreach(list, i, v)
		{
			const json_t *value = json_object_get(v, key);
			grid_measure(&g, c, scalar(value, &room));
			g.right[c] = g.right[c] &&
				     (!value || json_is_number(value) || json_is_null(value));
		}
		c++;
	}
	for (size_t line = 0; line <= json_array_size(list); line++) {
		size_t begin = out->n;
		spaces(out, indent);
		c = 0;
		json_object_foreach(keys, key, ignored)
		{
			const json_t *row = json_array_get(list, line - 1);
			grid_put(&g, c++,
				line ? scalar(json_object_get(row, key), &room) : text_of(key),
				out);
		}
		line_end(out, begin);
	}
out:
	grid_deinit(&g);
	json_decref(keys);
	buf_deinit(&room);
}

static void scalars_print(struct buf *out, const json_t *list, struct buf *room)
{
	size_t i;
	json_t *v;
	if (json_array_size(list) == 0)
		buf_str(out, "-");
	json_array_foreach(list, i, v)
	{
		if (i)
			buf_str(out, ", ");
		width_put(out, scalar(v, room));
	}
	buf_str(out, "\n");
}

static void value_print_at(struct buf *out, const json_t *v, size_t depth)
{
	struct buf room = { 0 };
	const char *key;
	json_t *member;
	if (json_is_array(v) && all_objects(v)) {
		list_print(out, v, depth * 2);
	} else if (json_is_array(v)) {
		scalars_print(out, v, &room);
	} else if (!json_is_object(v) || depth >= DEPTH_MAX) {
		width_put(out, scalar(v, &room));
		buf_str(out, "\n");
	} else {
		json_object_foreach((json_t *)v, key, member)
		{
			bool nested = (json_is_object(member) && json_object_size(member) > 0) ||
				      (json_is_array(member) && all_objects(member));
			spaces(out, depth * 2);
			width_put(out, text_of(key));
			buf_str(out, nested ? ":\n" : ": ");
			if (json_is_object(member) && !nested)
				buf_str(out, "-\n");
			else
				value_print_at(out, member, nested ? depth + 1 : depth);
		}
	}
	buf_deinit(&room);
}

void object_print(struct buf *out, const json_t *answer)
{
	value_print_at(out, answer, 0);
}
