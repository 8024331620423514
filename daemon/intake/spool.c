/* Normal path: nothing is refused, and nothing happens here. Rows are put aside
 * (aside.c) as they come. A row with several faults stands once: codes,
 * fields and reasons are joined by ';' in the same order, so that the file can be corrected and
 * imported again.
 *
 * A spreadsheet takes a cell that begins with = + - @ for a formula: such cells get an apostrophe,
 * which columns_row() takes off again. When the disk is full the error is sticky and the import
 * ends with it: a refused row must not get lost. */
#include "daemon/intake/spool.h"

#define BOM "\xef\xbb\xbf"
#define UNKNOWN "\xef\xbf\xbd" /* U+FFFD */

void spool_init(struct spool *s, const char *dir, enum spool_form form, bool english,
	const struct columns *columns)
{
	*s = (struct spool){ .form = form, .english = english, .columns = columns };
	aside_init(&s->aside, dir);
}

void spool_deinit(struct spool *s)
{
	aside_deinit(&s->aside);
	buf_deinit(&s->header);
}

/* Bytes that people typed into valid UTF-8 without NULs. Good text, the usual case, goes in one
 * piece. */
static void put_valid(struct buf *b, struct text t)
{
	size_t i = 0;

	if (t.n == 0)
		return;
	if (text_utf8_ok(t) && !memchr(t.p, 0, t.n)) {
		buf_text(b, t);
		return;
	}
	while (i < t.n) {
		size_t n = 1;

		while (n < 4 && i + n < t.n && !text_utf8_ok((struct text){ t.p + i, n }))
			n++;
		if (t.p[i] && text_utf8_ok((struct text){ t.p + i, n })) {
			buf_put(b, t.p + i, n);
			i += n;
		} else {
			buf_str(b, UNKNOWN);
			i++;
		}
	}
}

static void put_csv(struct buf *b, struct text t)
{
	struct buf valid = { 0 };
	bool quoted = false;

	for (size_t i = 0; i < t.n && !quoted; i++)
		quoted = memchr(",\"\r\n", t.p[i], 4) != NULL;
	quoted = quoted || (t.n && (t.p[0] == ' ' || t.p[0] == '\t' || t.p[t.n - 1] == ' ' ||
					   t.p[t.n - 1] == '\t'));
	if (quoted)
		buf_str(b, "\"");
	if (t.n && memchr("=+-@", t.p[0], 4))
		buf_str(b, "'");
	put_valid(&valid, t);
	for (size_t i = 0; i < valid.n;) {
		const char *quote = memchr(valid.p + i, '"', valid.n - i);
		size_t n = quote ? (size_t)(quote - valid.p) + 1 - i : valid.n - i;

		buf_put(b, valid.p + i, n);
		if (quote)
			buf_str(b, "\"");
		i += n;
	}
	if (valid.failed)
		b->failed = true;
	buf_deinit(&valid);
	if (quoted)
		buf_str(b, "\"");
}

static void put_json(struct buf *b, struct text t)
{
	struct buf valid = { 0 };

	buf_str(b, "\"");
	put_valid(&valid, t);
	for (size_t i = 0; i < valid.n; i++) {
		unsigned char c = (unsigned char)valid.p[i];

		if (c == '"' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20)
			buf_printf(b, "\\u%04x", c);
		else
			buf_put(b, &c, 1);
	}
	if (valid.failed)
		b->failed = true;
	buf_deinit(&valid);
	buf_str(b, "\"");
}

/* Cells that are the file's own; what a refused file carried behind them is made anew. */
static size_t own_cells(const struct spool *s)
{
	return s->columns->n - (s->columns->refused_file ? COLUMNS_REFUSED : 0);
}

void spool_header(struct spool *s, const struct text *cells, size_t n)
{
	if (s->form != SPOOL_CSV)
		return;
	buf_str(&s->header, BOM);
	for (size_t i = 0; i < n && i < own_cells(s); i++) {
		put_csv(&s->header, cells[i]);
		buf_str(&s->header, ",");
	}
	for (size_t i = 0; i < COLUMNS_REFUSED; i++) {
		buf_str(&s->header, columns_refused[i]);
		buf_str(&s->header, i + 1 < COLUMNS_REFUSED ? "," : "\r\n");
	}
}

static const char *reason(const struct spool *s, const struct fault *f)
{
	return s->english ? f->def->en : f->def->zh;
}

/* One of the joined columns: 0 the codes, 1 the fields, 2 the reasons. */
static void put_joined(struct spool *s, const struct faults *faults, int which)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < faults->n; i++) {
		const struct fault *f = &faults->at[i];

		if (i)
			buf_str(&b, ";");
		if (which == 0)
			buf_str(&b, f->def->code);
		else if (which == 1)
			buf_str(&b, f->field ? f->field->name : "");
		else
			buf_str(&b, reason(s, f));
	}
	put_csv(&s->aside.out, buf_as_text(&b));
	buf_deinit(&b);
}

static void row_csv(struct spool *s, const struct spool_row *row)
{
	if (s->rows == 0)
		buf_text(&s->aside.out, buf_as_text(&s->header));
	for (size_t i = 0; i < own_cells(s); i++) {
		if (i < row->n_cells)
			put_csv(&s->aside.out, row->cells[i]);
		buf_str(&s->aside.out, ",");
	}
	buf_printf(&s->aside.out, "%llu,", (unsigned long long)row->line);
	for (int i = 0; i < 3; i++) {
		put_joined(s, row->faults, i);
		buf_str(&s->aside.out, i < 2 ? "," : "\r\n");
	}
}

static void row_json(struct spool *s, const struct spool_row *row)
{
	const char *comma = "";

	buf_str(&s->aside.out, s->rows ? ",\n" : "{\"rows\":[\n");
	buf_printf(&s->aside.out, "{\"line\":%llu,\"faults\":[", (unsigned long long)row->line);
	for (size_t i = 0; i < row->faults->n; i++) {
		const struct fault *f = &row->faults->at[i];

		buf_printf(
			&s->aside.out, "%s{\"code\":\"%s\",\"field\":", i ? "," : "", f->def->code);
		if (f->field)
			buf_printf(&s->aside.out, "\"%s\"", f->field->name);
		else
			buf_str(&s->aside.out, "null");
		buf_str(&s->aside.out, ",\"reason\":");
		put_json(&s->aside.out, text_of(reason(s, f)));
		buf_str(&s->aside.out, "}");
	}
	buf_str(&s->aside.out, "],\"row\":{");
	for (size_t i = 0; i < own_cells(s) && i < row->n_cells; i++) {
		buf_printf(&s->aside.out, "%s\"%s\":", comma, columns_name(s->columns, i));
		put_json(&s->aside.out, row->cells[i]);
		comma = ",";
	}
	buf_str(&s->aside.out, "}}");
}

void spool_row(struct spool *s, const struct spool_row *row)
{
	if (s->aside.err)
		return;
	if (s->form == SPOOL_CSV)
		row_csv(s, row);
	else
		row_json(s, row);
	s->rows++;
	aside_settle(&s->aside);
}

int spool_finish(struct spool *s, const char *tail)
{
	if (s->rows == 0 || s->aside.err)
		return -1;
	if (s->form == SPOOL_JSON)
		buf_printf(&s->aside.out, "\n],%s}\n", tail);
	return aside_finish(&s->aside);
}
