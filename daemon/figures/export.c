/* A sheet is written from top to bottom, a row at a time: the library then keeps one row in memory,
 * however many there are. Cells of the stub that span rows are joined when their last row is known.
 *
 *      A        B        C       D   E   F …
 *     ┌─────────────────────────────────────┐
 *     │ title                               │  joined over all columns
 *     │ period                              │
 *     │                  head, five lines   │  joined over the last columns
 *     │ area                           unit │
 *     ├────────┬────────┬───────┬───┬───┬───┤
 *     │ dim    │ dim    │ code  │ titles    │
 *     │ 甲     │ 乙     │ 丙    │ 1 │ 2 │ 3 │  repeated on every page; frozen above and left
 *     │ label  │ label  │ codes │ values    │
 *     └────────┴────────┴───────┴───┴───┴───┘
 *       notes; the line to sign */
#include "daemon/figures/export.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/buf.h"

#define HEAD_WIDTH 34 /* characters: the head's block on the right is at least so wide */
#define STUB_LEAST 8
#define STUB_MOST 30
#define VALUE_LEAST 9
#define EXACT_MOST (1ll << 53) /* greater numbers lose digits in a cell that holds a number */
#define LINE_HEIGHT 15
#define ROW_HEIGHT 16.5

struct sheet {
	struct export *x;
	const struct figures *f;
	const struct export_sign *sign;
	lxw_worksheet *ws;
	uint32_t row; /* the next one */
	size_t widths[EXPORT_STUB_MAX + FORM_MEASURES_MAX], n_columns;
	size_t head; /* first column of the block on the right */
	bool all;    /* rows in which nothing stands too */
	/* the row of the table before, and since when the stub stands still, by dim */
	uint16_t before[FORM_DIMS_MAX];
	uint32_t since[FORM_DIMS_MAX];
	uint32_t n_rows;
};

/* ---- words of a row ---- */

static const char *label(const struct sheet *s, size_t dim, uint16_t row)
{
	const struct form_dim *d = &s->x->form->dims[dim];

	if (row == ROW_TOTAL)
		return export_word(EXPORT_W_TOTAL, s->x->zh);
	return s->x->zh ? d->rows[row].zh : d->rows[row].en;
}

static void codes(const struct form *f, const uint16_t rows[FORM_DIMS_MAX], struct buf *out)
{
	buf_reset(out);
	for (size_t d = 0; d < f->n_dims; d++)
		buf_printf(out, "%s%s", d ? " " : "", figures_code(f, d, rows[d]));
}

/* The rows in the order of the table, totals first: the row that is the k-th of all combinations;
 * false: it has no place in the table. */
static bool row_at(const struct sheet *s, size_t k, uint16_t rows[FORM_DIMS_MAX])
{
	const struct form *f = s->x->form;
	bool means = true;

	for (size_t d = f->n_dims; d-- > 0;) {
		size_t n = form_dim_rows(f, d), at = k % n;

		rows[d] = at ? (uint16_t)(at - 1) : ROW_TOTAL;
		means = means && (at || !f->dims[d].no_total);
		k /= n;
	}
	return means && (s->all || figures_row_shown(s->f, figures_row_number(f, rows)));
}

/* ---- cells ---- */

static void text(struct sheet *s, size_t column, const char *t, enum export_format format)
{
	book_put(&s->x->book, s->ws, s->row, column, t, s->x->formats[format]);
}

/* A text over the columns first … last of the row. */
static void wide(
	struct sheet *s, size_t first, size_t last, const char *t, enum export_format format)
{
	for (size_t c = first + 1; c <= last; c++)
		worksheet_write_blank(s->ws, s->row, (lxw_col_t)c, s->x->formats[format]);
	if (last > first)
		book_join_columns(&s->x->book, s->ws, s->row, first, last);
	text(s, first, t, format);
}

static void height(struct sheet *s, double points)
{
	worksheet_set_row(s->ws, s->row, points, NULL);
}

static enum export_format format_of(const struct figures *f, size_t row, size_t measure)
{
	enum measure_format format = f->form->measures[measure].format;

	if (format == FORMAT_WHOLE || figures_mark(f, row, measure) & MARK_WHOLE)
		return EXPORT_F_WHOLE;
	if (format == FORMAT_TENTHS)
		return figures_value(f, row, measure) % 10 ? EXPORT_F_TENTHS : EXPORT_F_WHOLE;
	return EXPORT_F_CENTS;
}

static void value(struct sheet *s, size_t column, size_t row, size_t measure)
{
	static const int units[] = { [FORMAT_WHOLE] = 1,
		[FORMAT_TENTHS] = 10,
		[FORMAT_MONEY] = 100,
		[FORMAT_HUNDREDTHS] = 100 };
	uint8_t mark = figures_mark(s->f, row, measure);
	int64_t v = figures_value(s->f, row, measure);
	char digits[FIGURES_TEXT_MAX];

	if (mark & MARK_UNSAID)
		text(s, column, "", EXPORT_F_SIGN);
	else if (mark & MARK_CONF)
		text(s, column, EXPORT_HELD, EXPORT_F_SIGN);
	else if (mark & MARK_MISSING)
		text(s, column, EXPORT_MISSING, EXPORT_F_SIGN);
	else if (mark & MARK_NONE)
		text(s, column, EXPORT_NONE, EXPORT_F_SIGN);
	else if (v > EXACT_MOST || v < -EXACT_MOST) {
		struct text t = figures_cell_text(s->f, row, measure, digits);

		digits[t.n] = 0;
		text(s, column, digits, EXPORT_F_SIGN);
	} else
		worksheet_write_number(s->ws, s->row, (lxw_col_t)column,
			(double)v / units[s->f->form->measures[measure].format],
			s->x->formats[format_of(s->f, row, measure)]);
}

/* ---- widths ---- */

static size_t between(size_t v, size_t least, size_t most)
{
	return v < least ? least : v > most ? most : v;
}

/* Digits with the commas between thousands. */
static size_t value_width(const struct figures *f, size_t row, size_t measure)
{
	char digits[FIGURES_TEXT_MAX];
	struct text t = figures_cell_text(f, row, measure, digits);
	const char *point = memchr(digits, '.', t.n);
	size_t whole = point ? (size_t)(point - digits) : t.n;

	return t.n + (whole ? (whole - 1) / 3 : 0) + 3;
}

/* The title over a column, or over one of the stub. */
static const char *title(const struct sheet *s, size_t column)
{
	const struct form *f = s->x->form;
	const struct measure *mm;

	if (column == s->x->n_stub - 1)
		return export_word(EXPORT_W_CODE, s->x->zh);
	if (column < s->x->n_stub)
		return s->x->zh ? f->dims[column].zh : f->dims[column].en;
	mm = &f->measures[s->x->shown[column - s->x->n_stub]];
	return s->x->zh ? mm->zh : mm->en;
}

static void widths_of_rows(struct sheet *s)
{
	const struct form *f = s->x->form;
	struct buf code = { 0 };

	for (size_t k = 0; k < s->f->n_rows; k++) {
		uint16_t rows[FORM_DIMS_MAX] = { 0 };
		size_t row, w;

		if (!row_at(s, k, rows))
			continue;
		row = figures_row_number(f, rows);
		for (size_t d = 0; d < f->n_dims; d++) {
			w = between(export_width(label(s, d, rows[d])) + 4, STUB_LEAST, STUB_MOST);
			s->widths[d] = w > s->widths[d] ? w : s->widths[d];
		}
		codes(f, rows, &code);
		w = between(code.n + 3, STUB_LEAST, STUB_MOST);
		s->widths[f->n_dims] = w > s->widths[f->n_dims] ? w : s->widths[f->n_dims];
		for (size_t i = 0; i < s->x->n_shown; i++) {
			size_t *to = &s->widths[s->x->n_stub + i];

			w = value_width(s->f, row, s->x->shown[i]);
			*to = w > *to ? w : *to;
		}
	}
	buf_deinit(&code);
}

static void widths(struct sheet *s)
{
	size_t right = 0;

	s->n_columns = s->x->n_stub + s->x->n_shown;
	for (size_t c = 0; c < s->n_columns; c++)
		s->widths[c] = between(export_word_width(title(s, c)) + 3,
			c < s->x->n_stub ? STUB_LEAST : VALUE_LEAST, STUB_MOST);
	widths_of_rows(s);
	for (size_t c = 0; c < s->n_columns; c++)
		worksheet_set_column(s->ws, (lxw_col_t)c, (lxw_col_t)c, (double)s->widths[c], NULL);
	s->head = s->n_columns;
	while (s->head > 1 && right < HEAD_WIDTH)
		right += s->widths[--s->head];
}

/* ---- above the table ---- */

static void pair(
	struct sheet *s, enum export_words word, const char *words, size_t first, size_t last)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s%s", export_word(word, s->x->zh), words);
	if (b.failed)
		s->x->book.failed = true;
	else
		wide(s, first, last, b.p, EXPORT_F_PLAIN);
	buf_deinit(&b);
}

static void head(struct sheet *s, const char *name)
{
	const struct form *f = s->x->form;
	const char *const lines[] = { f->number, f->issuer, f->approver, f->approval,
		f->valid_until };
	size_t last = s->n_columns - 1;
	struct buf b = { 0 };

	height(s, 28);
	wide(s, 0, last, s->x->zh ? f->title : f->title_en, EXPORT_F_TITLE);
	s->row++;
	export_period(&b, &s->x->period, s->x->cumulative, s->x->zh);
	s->x->book.failed = s->x->book.failed || b.failed;
	if (!b.failed)
		wide(s, 0, last, b.p, EXPORT_F_CENTRE);
	s->row++;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++, s->row++)
		pair(s, (enum export_words)(EXPORT_W_NUMBER + i), lines[i], s->head, last);
	buf_reset(&b);
	buf_printf(&b, s->x->zh ? "%s（%06u）" : "%s (%06u)", name, s->f->area);
	if (!b.failed)
		pair(s, EXPORT_W_AREA, b.p, 0, s->head - 1);
	pair(s, EXPORT_W_UNIT, s->x->zh ? f->unit : f->unit_en, s->head, last);
	s->row++;
	buf_deinit(&b);
}

static void columns(struct sheet *s)
{
	const struct form *f = s->x->form;
	size_t lines = 1;

	for (size_t c = 0; c < s->n_columns; c++) {
		size_t n = export_width(title(s, c)) / (s->widths[c] - 1) + 1;

		lines = n > lines ? n : lines;
		text(s, c, title(s, c), EXPORT_F_COLUMN);
	}
	height(s, (double)between(lines, 2, 8) * LINE_HEIGHT);
	s->row++;
	for (size_t c = 0; c < s->n_columns; c++)
		text(s, c,
			c < s->x->n_stub ? export_letter(c, s->x->zh)
					 : f->measures[s->x->shown[c - s->x->n_stub]].id,
			EXPORT_F_NUMBER);
	s->row++;
}

/* ---- the table ---- */

/* Ends what has stood still in the stub since some rows, from this dim inwards. */
static void stub_join(struct sheet *s, size_t dim)
{
	for (size_t d = dim; d + 1 < s->x->form->n_dims; d++)
		if (s->n_rows && s->row - s->since[d] > 1)
			book_join_rows(&s->x->book, s->ws, d, s->since[d], s->row - 1);
}

static void stub(struct sheet *s, const uint16_t rows[FORM_DIMS_MAX])
{
	const struct form *f = s->x->form;
	struct buf code = { 0 };
	bool total = true;
	size_t d = 0;

	while (s->n_rows && d + 1 < f->n_dims && rows[d] == s->before[d])
		d++;
	stub_join(s, d);
	for (size_t i = 0; i < f->n_dims; i++)
		total = total && rows[i] == ROW_TOTAL;
	for (size_t i = 0; i < d; i++)
		worksheet_write_blank(s->ws, s->row, (lxw_col_t)i, s->x->formats[EXPORT_F_LABEL]);
	for (; d < f->n_dims; d++) {
		text(s, d, label(s, d, rows[d]), total ? EXPORT_F_TOTAL : EXPORT_F_LABEL);
		s->since[d] = s->row;
		s->before[d] = rows[d];
	}
	codes(f, rows, &code);
	if (code.failed)
		s->x->book.failed = true;
	else
		text(s, f->n_dims, code.p, EXPORT_F_CODE);
	buf_deinit(&code);
}

static void table(struct sheet *s)
{
	for (size_t k = 0; k < s->f->n_rows && !s->x->book.failed; k++) {
		uint16_t rows[FORM_DIMS_MAX] = { 0 };
		size_t row;

		if (!row_at(s, k, rows))
			continue;
		row = figures_row_number(s->x->form, rows);
		stub(s, rows);
		for (size_t i = 0; i < s->x->n_shown; i++)
			value(s, s->x->n_stub + i, row, s->x->shown[i]);
		s->row++;
		s->n_rows++;
	}
	stub_join(s, 0);
	if (s->n_rows)
		return;
	wide(s, 0, s->n_columns - 1, export_word(EXPORT_W_NOTHING, s->x->zh), EXPORT_F_NUMBER);
	s->row++;
}

/* ---- below the table ---- */

static bool has_distinct(const struct form *f)
{
	for (size_t i = 0; i < f->n_measures; i++)
		if (f->measures[i].kind == MEASURE_DISTINCT && !f->measures[i].hidden)
			return true;
	return false;
}

static void note(struct sheet *s, size_t number, const char *words)
{
	size_t width = 1, lines;
	struct buf b = { 0 };

	for (size_t c = 0; c < s->n_columns; c++)
		width += s->widths[c];
	buf_printf(&b, "%s%zu. %s", number == 1 ? export_word(EXPORT_W_NOTES, s->x->zh) : "　　　",
		number, words);
	if (b.failed) {
		s->x->book.failed = true;
	} else {
		lines = export_width(b.p) / width + 1;
		height(s, (double)lines * LINE_HEIGHT);
		wide(s, 0, s->n_columns - 1, b.p, EXPORT_F_NOTE);
	}
	s->row++;
	buf_deinit(&b);
}

static void foot(struct sheet *s)
{
	const struct form *f = s->x->form;
	struct buf b = { 0 };
	size_t n = 1;

	note(s, n++, export_word(EXPORT_W_SIGNS, s->x->zh));
	if (f->publish)
		note(s, n++, export_word(EXPORT_W_HELD, s->x->zh));
	if (has_distinct(f))
		note(s, n++, export_word(EXPORT_W_DISTINCT, s->x->zh));
	if (!s->all)
		note(s, n++, export_word(EXPORT_W_SOME_ROWS, s->x->zh));
	note(s, n++, s->x->state);
	if (s->sign->later) {
		// NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): one of our own words
		buf_printf(&b, export_word(EXPORT_W_LATER, s->x->zh),
			(unsigned long long)s->sign->later);
		if (!b.failed)
			note(s, n, b.p);
		buf_reset(&b);
	}
	s->row++;
	export_sign_line(&b, s->sign, s->x->zh);
	height(s, 22);
	if (b.failed)
		s->x->book.failed = true;
	else
		wide(s, 0, s->n_columns - 1, b.p, EXPORT_F_PLAIN);
	buf_deinit(&b);
}

static void page(struct sheet *s, uint32_t titles, uint32_t first)
{
	worksheet_set_landscape(s->ws);
	worksheet_set_paper(s->ws, 9); /* A4 */
	worksheet_fit_to_pages(s->ws, 1, 0);
	worksheet_set_margins(s->ws, 0.5, 0.5, 0.6, 0.7);
	worksheet_center_horizontally(s->ws);
	worksheet_repeat_rows(s->ws, titles, first - 1);
	worksheet_set_footer(s->ws, export_word(EXPORT_W_PAGES, s->x->zh));
	worksheet_freeze_panes(s->ws, first, (lxw_col_t)s->x->n_stub);
	worksheet_gridlines(s->ws, LXW_HIDE_ALL_GRIDLINES);
	worksheet_set_default_row(s->ws, ROW_HEIGHT, LXW_FALSE);
}

/* By name; where an area before has the same, with the code. */
static lxw_worksheet *sheet_of(struct export *x, uint32_t area, const char *name)
{
	char with_code[256];

	snprintf(with_code, sizeof with_code, "%s%s%06u", name, name[0] ? " " : "", area);
	if (!name[0] || workbook_get_worksheet_by_name(x->book.workbook, name))
		name = with_code;
	return book_sheet(&x->book, name);
}

void export_area(
	struct export *x, const struct figures *f, const char *name, const struct export_sign *sign)
{
	struct sheet *s = calloc(1, sizeof *s);
	uint32_t titles;

	if (s && !x->book.failed) {
		*s = (struct sheet){ .x = x, .f = f, .sign = sign };
		s->all = f->n_rows <= EXPORT_ALL_ROWS;
		s->ws = sheet_of(x, f->area, name);
	}
	if (s && s->ws) {
		widths(s);
		head(s, name);
		titles = s->row;
		columns(s);
		page(s, titles, s->row);
		table(s);
		foot(s);
	}
	x->book.failed = x->book.failed || !s;
	free(s);
}
