/* The reader over libcsv.
 *
 * Normal path: the first line is kept until it is whole (or HEAD_MAX): what begins it is looked at,
 * and whether tabs or commas stand in it → libcsv, which knows quotes and commas and calls on_cell
 * and on_row_end → a row of cells in `text`, one after another,
 * each followed by a NUL:
 *
 *     text:  | cell 0 | 0 | cell 1 | 0 | … | cell n-1 | 0 |        cut[i].at, cut[i].n say where
 *
 * so that one pass over it judges the UTF-8 of all cells, and no sequence can reach from one into
 * the next.
 *
 * What libcsv lacks is done around it:
 * - Lines. CSV_REPALL_NL makes it report every unquoted CR and LF; those inside quotes are counted
 * in the cells, and only while there are quotes in what is fed.
 * - A bound. Its buffer may grow to READER_CELL_MAX; when realloc says no, libcsv stops before the
 * next byte. The buffer is then emptied, the cell marked as too long and the parser goes on: a cell
 * of any length costs 64 KiB.
 * - An unclosed quote. It swallows what follows. At the end of the file CSV_STRICT_FINI tells; when
 * another quote closes it by chance, the cell is too long and spans lines, or the row has the wrong
 * number of cells: that is for the caller, who knows the number (reader_row.lines).
 *
 * libcsv is not asked to be strict: there is no way on after a strict error, and quotes inside
 * unquoted cells are read as they stand, as spreadsheets do. */
#include "daemon/reader/csv.h"

#include <csv.h>
#include <stdlib.h>

#include "daemon/base/buf.h"

#define HEAD_MAX (16 * 1024)
#define BOM "\xef\xbb\xbf"

struct cut {
	uint32_t at, n;
};

struct csv {
	struct csv_parser parser;
	bool (*on_row)(void *arg, const struct reader_row *row);
	void *arg;
	const char *error;
	bool stopped;
	bool tabs;
	bool sniffed;
	struct buf head; /* the first line with anything in it, until sniffed */
	bool inked;	 /* there is something in it */

	uint64_t line; /* the line on which the parser stands */
	bool after_cr; /* the last thing seen was a CR that ended a row: a LF belongs to it */
	bool quotes;   /* there was a quote in this piece, or a cell is open over its edge */
	bool nuls;     /* a NUL was seen somewhere in the file */

	bool dropping;	 /* the cell is too long: its beginning is in `beginning` */
	bool dropped_cr; /* the dropped piece ended with a CR */
	char beginning[READER_CELL_BEGINNING_MAX];
	uint64_t cell_line;
	uint64_t quote_line; /* where a quote began that was never closed; 0: none */

	uint64_t row_line;
	size_t n_cells;
	unsigned flaws;
	size_t flawed;
	char *text;
	size_t n_text, room;
	struct cut cuts[READER_CELLS_MAX];
	struct text cells[READER_CELLS_MAX];
};

/* libcsv gives realloc no argument of ours: the bound is the same for all. */
static void *bounded_realloc(void *p, size_t n)
{
	return n > READER_CELL_MAX ? NULL : realloc(p, n);
}

/* Line ends inside a quoted cell. `*cr` carries a CR over the edge of two pieces of one cell. */
static uint64_t count_lines(const char *p, size_t n, bool *cr)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r' || (p[i] == '\n' && !*cr))
			lines++;
		*cr = p[i] == '\r';
	}
	return lines;
}

/* Without the last character, when it has several bytes: it may be cut. */
static size_t whole_chars(const char *p, size_t n)
{
	while (n && ((unsigned char)p[n - 1] & 0xc0) == 0x80)
		n--;
	return n && (unsigned char)p[n - 1] >= 0xc0 ? n - 1 : n;
}

static void flaw(struct csv *r, unsigned which)
{
	if (!(r->flaws & (FLAW_TOO_LONG | FLAW_NOT_UTF8 | FLAW_NUL)))
		r->flawed = r->n_cells;
	r->flaws |= which;
}

/* A cell's bytes behind those of the row so far; false over the row's limit. */
static bool keep(struct csv *r, const void *p, size_t n)
{
	if (r->n_text + n + 1 > r->room) {
		size_t room = r->room ? r->room : 1024;
		char *grown;

		if (r->n_text + n + 1 > READER_ROW_MAX)
			return false;
		while (room < r->n_text + n + 1)
			room *= 2;
		grown = realloc(r->text, room);
		if (!grown)
			return false;
		r->text = grown;
		r->room = room;
	}
	memcpy(r->text + r->n_text, p, n);
	r->cuts[r->n_cells] = (struct cut){ (uint32_t)r->n_text, (uint32_t)n };
	r->n_text += n;
	r->text[r->n_text++] = 0;
	return true;
}

static void on_cell(void *p, size_t n, void *arg)
{
	struct csv *r = arg;
	uint64_t began = r->line;
	bool cr = r->dropped_cr;
	size_t stub = r->dropping && n ? 1 : 0;

	r->after_cr = false;
	if (r->quotes && n > stub)
		r->line += count_lines((const char *)p + stub, n - stub, &cr);
	if (r->dropping) {
		began = r->cell_line;
		flaw(r, r->line > began ? FLAW_TOO_LONG | FLAW_QUOTE : FLAW_TOO_LONG);
		if (r->line > began && !r->quote_line)
			r->quote_line = began;
		p = r->beginning;
		n = whole_chars(r->beginning, sizeof r->beginning);
		r->dropping = r->dropped_cr = false;
	}
	if (r->n_cells == 0)
		r->row_line = began;
	if (r->nuls && n && memchr(p, 0, n))
		flaw(r, FLAW_NUL);
	if (r->n_cells < READER_CELLS_MAX && !keep(r, p, n)) {
		flaw(r, FLAW_TOO_LONG);
		r->cuts[r->n_cells] = (struct cut){ 0, 0 };
	}
	r->cell_line = began;
	r->n_cells++;
}

static const uint8_t all_text[READER_CELLS_MAX]; /* CELL_TEXT */

static void give_row(struct csv *r)
{
	size_t kept = r->n_cells < READER_CELLS_MAX ? r->n_cells : READER_CELLS_MAX;
	struct reader_row row = { .line = r->row_line,
		.lines = r->line - r->row_line + 1,
		.n_cells = r->n_cells,
		.cells = r->cells,
		.kinds = all_text };

	for (size_t i = 0; i < kept; i++)
		r->cells[i] = (struct text){ r->text + r->cuts[i].at, r->cuts[i].n };
	if (!text_utf8_ok((struct text){ r->text, r->n_text })) {
		size_t i = 0;

		while (i < kept && text_utf8_ok(r->cells[i]))
			i++;
		if (!(r->flaws & (FLAW_TOO_LONG | FLAW_NUL)))
			r->flawed = i;
		r->flaws |= FLAW_NOT_UTF8;
	}
	row.flaws = r->flaws;
	row.flawed = r->flaws & ~(unsigned)FLAW_QUOTE ? r->flawed : r->n_cells;
	if (r->quote_line)
		row.line = r->quote_line;
	if (!r->stopped && !r->on_row(r->arg, &row))
		r->stopped = true;
}

static void on_row_end(int c, void *arg)
{
	struct csv *r = arg;

	if (r->n_cells)
		give_row(r);
	r->n_cells = r->n_text = 0;
	r->flaws = 0;
	r->quote_line = 0;
	if (c == '\r' || (c == '\n' && !r->after_cr))
		r->line++;
	r->after_cr = c == '\r';
}

struct csv *csv_open(bool tabs, bool (*on_row)(void *arg, const struct reader_row *row), void *arg)
{
	struct csv *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	if (csv_init(&r->parser, CSV_REPALL_NL)) {
		free(r);
		return NULL;
	}
	csv_set_realloc_func(&r->parser, bounded_realloc);
	csv_set_blk_size(&r->parser, 2048);
	r->tabs = tabs;
	r->on_row = on_row;
	r->arg = arg;
	r->line = 1;
	return r;
}

void csv_close(struct csv *r)
{
	if (!r)
		return;
	csv_free(&r->parser);
	buf_deinit(&r->head);
	free(r->text);
	free(r);
}

/* The buffer is full: the cell goes on, what is collected of it does not. */
static bool drop_cell(struct csv *r)
{
	size_t stub;

	if (r->parser.entry_size <= sizeof r->beginning) {
		r->error = "out of memory while reading the file";
		return false;
	}
	if (!r->dropping) {
		r->cell_line = r->line;
		memcpy(r->beginning, r->parser.entry_buf, sizeof r->beginning);
	}
	stub = r->dropping ? 1 : 0;
	r->line += count_lines((const char *)r->parser.entry_buf + stub, r->parser.entry_pos - stub,
		&r->dropped_cr);
	r->dropping = true;
	/* One byte stays, the stub: when the cell ends with a quote, libcsv takes that quote off
	 * the buffer's end. */
	r->parser.spaces = 0;
	r->parser.entry_pos = 1;
	r->parser.entry_buf[0] = ' ';
	return true;
}

/* UTF-8 without a byte order mark. */
static bool feed_text(struct csv *r, const char *p, size_t n)
{
	if (!r->nuls && memchr(p, 0, n))
		r->nuls = true;
	r->quotes = r->parser.quoted || memchr(p, '"', n) != NULL;
	while (n && !r->stopped) {
		size_t used = csv_parse(&r->parser, p, n, on_cell, on_row_end, r);

		p += used;
		n -= used;
		if (n && !drop_cell(r))
			return false;
	}
	return !r->stopped;
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* What the file is by its first line; everything but text in UTF-8 is named. */
static bool sniff(struct csv *r)
{
	struct text h = buf_as_text(&r->head);
	size_t blank = 0, line = 0;

	r->sniffed = true;
	if (h.n >= 3 && memcmp(h.p, BOM, 3) == 0)
		h = (struct text){ h.p + 3, h.n - 3 };
	else if (h.n >= 4 && memcmp(h.p, "PK\3\4", 4) == 0)
		r->error = "the file is a workbook (XLSX) or an archive, not text";
	else if (h.n >= 4 && memcmp(h.p, "\xd0\xcf\x11\xe0", 4) == 0)
		r->error = "the file is an old (XLS) or a password-protected workbook: save it as "
			   "XLSX without a password, or as CSV";
	while (blank < h.n && is_line_end(h.p[blank]))
		blank++;
	while (blank + line < h.n && !is_line_end(h.p[blank + line]))
		line++;
	if (r->tabs || (line && memchr(h.p + blank, '\t', line) && !memchr(h.p + blank, ',', line)))
		csv_set_delim(&r->parser, CSV_TAB);
	if (!r->error && h.n)
		(void)feed_text(r, h.p, h.n);
	buf_deinit(&r->head);
	return !r->error && !r->stopped;
}

/* Keeps what belongs to the first line. Returns how much of the piece it took; sniffs when it is
 * whole. */
static size_t take_head(struct csv *r, const char *p, size_t n)
{
	size_t took = 0;
	bool whole = false;

	while (took < n && !whole && r->head.n + took < HEAD_MAX) {
		size_t at = r->head.n + took;
		bool line_end = is_line_end(p[took]), bom = at < 3 && p[took] == BOM[at];

		whole = line_end && r->inked;
		r->inked = r->inked || (!line_end && !bom);
		took++;
	}
	buf_put(&r->head, p, took);
	if (r->head.failed)
		r->error = "out of memory while reading the file";
	else if (whole || r->head.n >= HEAD_MAX)
		(void)sniff(r);
	return took;
}

bool csv_feed(struct csv *r, const char *p, size_t n)
{
	if (!r->sniffed && !r->error && !r->stopped) {
		size_t took = take_head(r, p, n);

		p += took;
		n -= took;
	}
	if (r->error || r->stopped)
		return false;
	return n == 0 || feed_text(r, p, n);
}

bool csv_end(struct csv *r)
{
	if (r->error || r->stopped || (!r->sniffed && !sniff(r)))
		return false;
	r->quotes = true;
	csv_set_opts(&r->parser, CSV_REPALL_NL | CSV_STRICT | CSV_STRICT_FINI);
	if (csv_fini(&r->parser, on_cell, on_row_end, r) != 0) {
		r->flaws |= FLAW_QUOTE;
		r->quote_line = r->dropping ? r->cell_line : r->line;
		csv_set_opts(&r->parser, CSV_REPALL_NL);
		(void)csv_fini(&r->parser, on_cell, on_row_end, r);
	}
	return !r->stopped;
}

const char *csv_words(const struct csv *r)
{
	return r->error;
}
