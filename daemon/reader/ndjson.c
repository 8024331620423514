/* Normal path: a line → scan (one pass over its bytes: how deep it is, how many members, where
 * their keys and numbers stand) → jansson, which judges all of it → the members, in the order of
 * the line, each to its column.
 *
 * The scan goes first because jansson recurses (a handler has 256 KiB of stack) and because it
 * keeps no number as it was written: 12.50 and 20190501 must come out as they stand, and 18 digits
 * must be seen to be 18. It need not be right on what is no JSON: as far as a line is JSON it
 * follows it, and behind that jansson reads no further. jansson keeps members in their order, so
 * that member i of the scan is member i of the object.
 *
 * A line that is no JSON object is a row with FLAW_JSON, and the next line is read: a line's end is
 * never part of JSON text. */
#include "daemon/reader/ndjson.h"

#include <jansson.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/reader/number.h"

struct member {
	struct text key;    /* as it stands between its quotes */
	struct text number; /* p NULL: the value is none */
};

struct ndjson {
	const struct reader_column *columns;
	size_t n_columns;
	bool (*on_row)(void *arg, const struct reader_row *row);
	void *arg;
	const char *error;
	bool stopped, begun;
	uint64_t line; /* of the line that is gathered */
	bool too_long; /* it is; only its beginning is kept */
	bool after_cr;
	struct buf gathered;

	struct member members[NDJSON_KEYS_MAX];
	size_t n_members;

	struct text cells[READER_CELLS_MAX];
	uint8_t kinds[READER_CELLS_MAX];
	size_t hints[NDJSON_KEYS_MAX]; /* the column that the member at this place had last */
	unsigned flaws;
	size_t flawed;
	struct text what;
	struct buf
		made; /* joined lists and numbers of this line; never grows while they are used */
};

struct ndjson *ndjson_open(const struct reader_column *columns, size_t n,
	bool (*on_row)(void *arg, const struct reader_row *row), void *arg)
{
	struct ndjson *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->columns = columns;
	j->n_columns = n < READER_CELLS_MAX ? n : READER_CELLS_MAX;
	j->on_row = on_row;
	j->arg = arg;
	j->line = 1;
	return j;
}

void ndjson_close(struct ndjson *j)
{
	if (!j)
		return;
	buf_deinit(&j->gathered);
	buf_deinit(&j->made);
	free(j);
}

/* ---- the scan ---- */

/* The string that begins at p[*i], a quote: what stands between; *i is put behind it. */
static struct text scan_string(struct text t, size_t *i)
{
	size_t from = ++*i;

	while (*i < t.n && t.p[*i] != '"')
		*i += t.p[*i] == '\\' ? 2 : 1;
	if (*i > t.n)
		*i = t.n;
	from = from < *i ? from : *i;
	return (struct text){ t.p + from, (*i)++ - from };
}

static bool is_number(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* False: deeper or longer than is taken. */
static bool scan(struct ndjson *j, struct text t)
{
	size_t depth = 0;
	bool value = false; /* behind a colon of the object itself */

	j->n_members = 0;
	for (size_t i = 0; i < t.n;) {
		char c = t.p[i];

		if (c == '"') {
			struct text s = scan_string(t, &i);

			if (depth != 1 || value)
				continue;
			if (j->n_members == NDJSON_KEYS_MAX)
				return false;
			j->members[j->n_members++] = (struct member){ .key = s };
			continue;
		}
		if (depth == 1 && value && (c == '-' || (c >= '0' && c <= '9'))) {
			struct text *number = &j->members[j->n_members - 1].number;

			*number = (struct text){ t.p + i, 0 };
			while (i < t.n && is_number(t.p[i]))
				i++;
			number->n = (size_t)(t.p + i - number->p);
			continue;
		}
		if ((c == '{' || c == '[') && ++depth > NDJSON_DEPTH_MAX)
			return false;
		if ((c == '}' || c == ']') && depth)
			depth--;
		if (depth == 1 && (c == ':' || c == ','))
			value = c == ':' && j->n_members;
		i++;
	}
	return true;
}

/* ---- cells ---- */

static void flaw(struct ndjson *j, unsigned which, size_t column)
{
	if (which & FLAWS_OF_CELLS && !(j->flaws & FLAWS_OF_CELLS))
		j->flawed = column;
	j->flaws |= which;
}

/* The column of a key; n_columns: it is none. Programs write the same keys in the same order. */
static size_t column_of(struct ndjson *j, const char *key, size_t place)
{
	size_t hint = j->hints[place];

	if (hint < j->n_columns && strcmp(j->columns[hint].name, key) == 0)
		return hint;
	for (size_t i = 0; i < j->n_columns; i++) {
		const struct reader_column *c = &j->columns[i];

		if (strcmp(c->name, key) == 0 || (c->other && strcmp(c->other, key) == 0))
			return j->hints[place] = i;
	}
	return j->n_columns;
}

/* Digits without the zeros before them. */
static size_t significant(struct text t)
{
	size_t n = 0;

	for (size_t i = 0; i < t.n; i++)
		if (t.p[i] >= '0' && t.p[i] <= '9' && (n || t.p[i] != '0'))
			n++;
	return n;
}

static struct text put_number(struct ndjson *j, struct text written, size_t column)
{
	char plain[NUMBER_TEXT_MAX];
	size_t at = j->made.n;

	if (!memchr(written.p, 'e', written.n) && !memchr(written.p, 'E', written.n) &&
		(significant(written) <= 15 || !memchr(written.p, '.', written.n))) {
		if (significant(written) > 15)
			flaw(j, FLAW_DIGITS, column);
		return written;
	}
	if (number_plain(plain, written) != NUMBER_GOOD) {
		flaw(j, FLAW_DIGITS, column);
		return written;
	}
	buf_str(&j->made, plain);
	return (struct text){ j->made.p + at, j->made.n - at };
}

/* Texts of a list, joined by ';'. */
static bool put_list(struct ndjson *j, const json_t *list, struct text *out)
{
	size_t at = j->made.n, n = json_array_size(list);

	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(list, i);

		if (!json_is_string(v))
			return false;
		if (i)
			buf_str(&j->made, ";");
		buf_put(&j->made, json_string_value(v), json_string_length(v));
	}
	*out = (struct text){ j->made.p + at, j->made.n - at };
	return true;
}

static void put_value(struct ndjson *j, size_t column, const json_t *v, const struct member *m)
{
	struct text *cell = &j->cells[column];
	uint8_t *kind = &j->kinds[column];

	if (json_is_string(v)) {
		*cell = (struct text){ json_string_value(v), json_string_length(v) };
		if (memchr(cell->p, 0, cell->n))
			flaw(j, FLAW_NUL, column);
	} else if (json_is_number(v)) {
		*kind = CELL_NUMBER;
		*cell = put_number(j, m->number, column);
	} else if (json_is_boolean(v)) {
		*kind = CELL_BOOL;
		*cell = json_is_true(v) ? TEXT("true") : TEXT("false");
	} else if (json_is_array(v) && j->columns[column].list) {
		if (!put_list(j, v, cell)) {
			flaw(j, FLAW_VALUE, column);
			j->what = m->key;
		} else if (memchr(cell->p, 0, cell->n)) {
			flaw(j, FLAW_NUL, column);
		}
	} else if (!json_is_null(v)) {
		flaw(j, FLAW_VALUE, column);
		j->what = m->key;
	}
}

static void put_members(struct ndjson *j, json_t *object)
{
	bool seen[READER_CELLS_MAX] = { false };
	const char *key;
	json_t *v;
	size_t i = 0;

	json_object_foreach(object, key, v)
	{
		const struct member *m = &j->members[i];
		size_t column = column_of(j, key, i);

		i++;
		if (column == j->n_columns || seen[column]) {
			flaw(j, FLAW_KEY, 0);
			j->what = m->key;
			continue;
		}
		seen[column] = true;
		put_value(j, column, v, m);
	}
}

/* ---- a line ---- */

/* The key that stands twice. */
static struct text doubled(const struct ndjson *j)
{
	for (size_t i = 1; i < j->n_members; i++)
		for (size_t k = 0; k < i; k++)
			if (text_eq(j->members[i].key, j->members[k].key))
				return j->members[i].key;
	return (struct text){ NULL, 0 };
}

static void give(struct ndjson *j)
{
	struct reader_row row = { .line = j->line,
		.lines = 1,
		.n_cells = j->n_columns,
		.cells = j->cells,
		.kinds = j->kinds,
		.flaws = j->flaws,
		.flawed = j->flaws & FLAWS_OF_CELLS ? j->flawed : j->n_columns,
		.what = j->what };

	if (!j->on_row(j->arg, &row))
		j->stopped = true;
}

/* The line as an object with as many members as the scan saw; NULL: flaws say why it is none. */
static json_t *parse(struct ndjson *j, struct text t)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
	json_error_t e;
	json_t *object;

	j->flawed = j->n_columns;
	j->flaws = FLAW_NOT_UTF8;
	if (!text_utf8_ok(t))
		return NULL;
	j->flaws = FLAW_JSON;
	if (!scan(j, t))
		return NULL;
	object = json_loadb(t.p, t.n, flags, &e);
	if (!object && json_error_code(&e) == json_error_duplicate_key) {
		j->flaws = FLAW_KEY;
		j->what = doubled(j);
	}
	if (!object || !json_is_object(object) || json_object_size(object) != j->n_members) {
		json_decref(object);
		return NULL;
	}
	j->flaws = 0;
	return object;
}

/* A whole array or an object over many lines is JSON, but no lines of it. */
static const char *other_json(struct text t)
{
	if (t.p[0] == '[')
		return "the file is one JSON array: write one object a line (NDJSON), without "
		       "brackets around them and commas between them";
	if (text_is(t, "{"))
		return "the file is JSON over many lines: write each object on one line (NDJSON)";
	return NULL;
}

static void take_line(struct ndjson *j)
{
	struct text t = text_trim(buf_as_text(&j->gathered));
	json_t *object = NULL;

	if (j->line == 1 && t.n >= 3 && memcmp(t.p, "\xef\xbb\xbf", 3) == 0)
		t = text_trim((struct text){ t.p + 3, t.n - 3 });
	if (t.n == 0 && !j->too_long)
		return;
	if (!j->begun && !j->too_long)
		j->error = other_json(t);
	j->begun = true;
	if (j->error)
		return;
	memset(j->cells, 0, sizeof j->cells);
	memset(j->kinds, CELL_TEXT, sizeof j->kinds);
	buf_reset(&j->made);
	(void)buf_room(&j->made, 2 * NDJSON_LINE_MAX);
	j->flaws = 0;
	j->flawed = j->n_columns;
	j->what = (struct text){ NULL, 0 };
	j->n_members = 0;
	if (j->too_long)
		j->flaws = FLAW_TOO_LONG;
	else
		object = parse(j, t);
	if (object)
		put_members(j, object);
	if (j->flaws & (FLAW_JSON | FLAW_TOO_LONG | FLAW_NOT_UTF8))
		j->what = t;
	if (j->made.failed || j->gathered.failed)
		j->error = "out of memory while reading the file";
	else
		give(j);
	json_decref(object);
}

static void end_line(struct ndjson *j)
{
	take_line(j);
	j->line++;
	buf_reset(&j->gathered);
	j->too_long = false;
}

/* A part of a line. */
static void gather(struct ndjson *j, const char *p, size_t n)
{
	size_t room = NDJSON_LINE_MAX - j->gathered.n;

	if (n > room)
		j->too_long = true;
	buf_put(&j->gathered, p, n < room ? n : room);
}

bool ndjson_feed(struct ndjson *j, const char *p, size_t n)
{
	while (n && !j->error && !j->stopped) {
		size_t len = 0;

		if (j->after_cr && *p == '\n')
			len = 1;
		j->after_cr = false;
		if (len == 0) {
			while (len < n && p[len] != '\n' && p[len] != '\r')
				len++;
			gather(j, p, len);
			if (len == n)
				break;
			j->after_cr = p[len] == '\r';
			len++;
			end_line(j);
		}
		p += len;
		n -= len;
	}
	return !j->error && !j->stopped;
}

bool ndjson_end(struct ndjson *j)
{
	if (!j->error && !j->stopped)
		end_line(j);
	return !j->error && !j->stopped;
}

const char *ndjson_words(const struct ndjson *j)
{
	return j->error;
}
