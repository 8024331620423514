/* Normal path, by the elements of a sheet:
 *
 *     sheetData → row r=12 → c r="B12" s=3 t=s → v, or is/t → … end of c: the cell is put into its
 *     place in `text`; end of row: the row is given out → mergeCells, behind the rows
 *
 * A cell's value is judged at its end by its type t:
 *
 *     s          number of a shared string        str, inlineStr   text as it stands
 *     n, none    number, or date by its style s   d                date in ISO form
 *     b          boolean                          e                error
 *
 * Row and cell references may be missing (the next one, then) but never go back: a program that
 * wrote a sheet so is none that we would trust. Rows and cells that are only coloured come out as
 * nothing. A formula's text is passed over, its stored value is the cell's; a formula that was
 * never computed has none, and that is an error of the cell: absent it would be a silent loss. */
#include "daemon/reader/sheet.h"

#include <stdlib.h>

#include "daemon/reader/number.h"
#include "daemon/reader/value.h"
#include "daemon/reader/workbook.h"
#include "daemon/reader/xml.h"

enum cell_type { T_NUMBER, T_SHARED, T_TEXT, T_BOOL, T_ERROR, T_DATE };

struct cut {
	uint32_t at, n;
};

struct sheet {
	const struct sheet_conf *conf;
	struct sheet_result *out;
	struct value value;
	bool in_data, in_row, in_cell, phonetic, collect;
	size_t n_header;
	uint64_t header_row; /* 0: not yet seen */

	enum cell_type type;
	uint32_t style;
	bool formula;
	uint64_t row;  /* its number */
	size_t column; /* of the cell, from 1; 0: before the first */

	unsigned flaws;
	size_t flawed, n_cells, n_text;
	bool any;
	struct cut cuts[READER_CELLS_MAX];
	uint8_t kinds[READER_CELLS_MAX];
	struct text cells[READER_CELLS_MAX];
	char string[READER_CELL_MAX]; /* a shared one */
	char text[READER_ROW_MAX];
};

/* ---- beginnings ---- */

/* A row's number; 0: it is none. */
static uint64_t row_number(const char *s)
{
	uint64_t n = 0;

	if (!*s)
		return 0;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || n > SHEET_ROWS_MAX)
			return 0;
		n = n * 10 + (uint64_t)(*s - '0');
	}
	return n;
}

static void begin_row(struct sheet *s, struct xml *x, const char **atts)
{
	const char *r = xml_att(atts, "r");
	uint64_t row = r ? row_number(r) : s->row + 1;

	if (row <= s->row) {
		xml_fail(x, ERR_INVALID,
			"the workbook is damaged: the rows of its sheet are out of order behind "
			"row %llu",
			(unsigned long long)s->row);
		return;
	}
	if (row > SHEET_ROWS_MAX) {
		xml_fail(x, ERR_LIMIT, "the sheet has more than %d rows: split it", SHEET_ROWS_MAX);
		return;
	}
	s->row = row;
	s->in_row = true;
	s->in_cell = s->collect = false;
	s->column = s->n_cells = s->n_text = 0;
	s->flaws = 0;
	s->any = false;
	memset(s->cuts, 0, sizeof s->cuts);
	memset(s->kinds, CELL_TEXT, sizeof s->kinds);
}

/* The column of "AB12" is 28; 0: it has none. The row in it is that of the row. */
static size_t column_of(const char *ref)
{
	size_t column = 0;

	for (; *ref >= 'A' && *ref <= 'Z' && column <= SHEET_COLUMNS_MAX; ref++)
		column = column * 26 + (size_t)(*ref - 'A') + 1;
	return column <= SHEET_COLUMNS_MAX && *ref >= '0' && *ref <= '9' ? column : 0;
}

static enum cell_type type_of(const char *t)
{
	switch (t[0]) {
	case 's':
		return t[1] ? T_TEXT : T_SHARED; /* str */
	case 'i':
		return T_TEXT; /* inlineStr */
	case 'b':
		return T_BOOL;
	case 'e':
		return T_ERROR;
	case 'd':
		return T_DATE;
	default:
		return T_NUMBER;
	}
}

static void begin_cell(struct sheet *s, struct xml *x, const char **atts)
{
	size_t column = s->column + 1;

	s->type = T_NUMBER;
	s->style = 0;
	for (; atts[0]; atts += 2) {
		if (atts[0][0] == 0 || atts[0][1] != 0)
			continue;
		if (atts[0][0] == 'r')
			column = column_of(atts[1]);
		else if (atts[0][0] == 's')
			s->style = (uint32_t)strtoul(atts[1], NULL, 10);
		else if (atts[0][0] == 't')
			s->type = type_of(atts[1]);
	}
	if (column <= s->column || column > SHEET_COLUMNS_MAX) {
		xml_fail(x, ERR_INVALID,
			"the workbook is damaged: the cells of row %llu are out of order",
			(unsigned long long)s->row);
		return;
	}
	s->column = column;
	s->in_cell = true;
	s->formula = s->phonetic = s->collect = false;
	value_reset(&s->value);
}

/* ---- a cell's end ---- */

static void flaw(struct sheet *s, unsigned which)
{
	if (!(s->flaws & FLAWS_OF_CELLS))
		s->flawed = s->column - 1;
	s->flaws |= which;
}

static void put(struct sheet *s, struct text t, enum cell_kind kind)
{
	size_t i = s->column - 1;

	if (t.n == 0 && kind != CELL_ERROR)
		return;
	s->any = true;
	s->n_cells = i + 1;
	if (i >= READER_CELLS_MAX)
		return;
	s->kinds[i] = (uint8_t)kind;
	if (s->n_text + t.n > READER_ROW_MAX) {
		flaw(s, FLAW_TOO_LONG);
		return;
	}
	memcpy(s->text + s->n_text, t.p, t.n);
	s->cuts[i] = (struct cut){ (uint32_t)s->n_text, (uint32_t)t.n };
	s->n_text += t.n;
}

static void put_error(struct sheet *s, struct text t)
{
	flaw(s, FLAW_ERROR);
	put(s, t, CELL_ERROR);
}

static void put_number(struct sheet *s, struct text t)
{
	char out[NUMBER_TEXT_MAX], date[DATE_TEXT_MAX];

	if (s->conf->styles && styles_is_date(s->conf->styles, s->style) &&
		number_date(date, t, s->conf->since_1904)) {
		put(s, text_of(date), CELL_DATE);
		return;
	}
	switch (number_plain(out, t)) {
	case NUMBER_GOOD:
		put(s, text_of(out), CELL_NUMBER);
		break;
	case NUMBER_LONG:
		flaw(s, FLAW_DIGITS);
		put(s, text_of(out), CELL_NUMBER);
		break;
	case NUMBER_NONE:
		put_error(s, t);
		break;
	}
}

static void put_shared(struct sheet *s, struct xml *x, struct text t)
{
	uint64_t i = 0;
	size_t n;
	bool cut = false;
	int err = t.n > 9 ? ERR_NOTFOUND : 0;

	for (size_t k = 0; k < t.n && !err; k++) {
		if (t.p[k] < '0' || t.p[k] > '9')
			err = ERR_NOTFOUND;
		i = i * 10 + (uint64_t)(t.p[k] - '0');
	}
	if (!err)
		err = strings_get(s->conf->strings, i, s->string, &n, &cut);
	if (err == ERR_NOTFOUND) {
		xml_fail(x, ERR_INVALID,
			"the workbook is damaged: a cell of row %llu names a text that is not "
			"there",
			(unsigned long long)s->row);
	} else if (err) {
		xml_fail(x, err, "the workbook's text cannot be read: %s", err_words(err));
	} else {
		if (cut)
			flaw(s, FLAW_TOO_LONG);
		put(s, (struct text){ s->string, n }, CELL_TEXT);
	}
}

/* 2019-05-01T00:00:00 and 2019-05-01 are dates; anything else is text. */
static void put_iso_date(struct sheet *s, struct text t)
{
	static const char form[] = "0000-00-00";
	bool date = t.n >= 10 && (t.n == 10 || t.p[10] == 'T');

	for (size_t i = 0; date && i < 10; i++)
		date = form[i] == '0' ? t.p[i] >= '0' && t.p[i] <= '9' : t.p[i] == form[i];
	put(s, date ? (struct text){ t.p, 10 } : t, date ? CELL_DATE : CELL_TEXT);
}

static void end_cell(struct sheet *s, struct xml *x)
{
	struct text t;

	s->in_cell = s->collect = false;
	if (s->value.cut)
		flaw(s, FLAW_TOO_LONG);
	if (s->type == T_TEXT || s->value.cut)
		value_finish(&s->value);
	t = value_text(&s->value);
	if (s->type != T_TEXT)
		t = text_trim(t);
	if (s->formula && t.n == 0 && s->type != T_TEXT)
		put_error(s, t);
	else if (t.n == 0)
		return;
	else if (s->value.cut || s->type == T_TEXT)
		put(s, t, CELL_TEXT);
	else if (s->type == T_SHARED)
		put_shared(s, x, t);
	else if (s->type == T_BOOL)
		put(s, t, CELL_BOOL);
	else if (s->type == T_ERROR)
		put_error(s, t);
	else if (s->type == T_DATE)
		put_iso_date(s, t);
	else
		put_number(s, t);
}

/* ---- a row's end ---- */

static void end_row(struct sheet *s, struct xml *x)
{
	struct reader_row row = {
		.line = s->row, .lines = 1, .cells = s->cells, .kinds = s->kinds
	};

	s->in_row = false;
	if (!s->any)
		return;
	row.n_cells = s->n_cells > s->n_header ? s->n_cells : s->n_header;
	for (size_t i = 0; i < row.n_cells && i < READER_CELLS_MAX; i++)
		s->cells[i] = (struct text){ s->text + s->cuts[i].at, s->cuts[i].n };
	if (!s->header_row) {
		s->n_header = s->n_cells;
		s->header_row = s->row;
	}
	row.flaws = s->flaws;
	row.flawed = s->flaws ? s->flawed : row.n_cells;
	if (!s->conf->on_row(s->conf->arg, &row)) {
		s->out->stopped = true;
		xml_stop(x);
	}
}

/* "A1:C1" behind the header: rows below its first have lost what they share. */
static void merged(struct sheet *s, const char **atts)
{
	const char *ref = xml_att(atts, "ref"), *colon = ref ? strchr(ref, ':') : NULL;
	uint64_t last;

	if (!colon || s->out->merged_in)
		return;
	last = row_number(colon + 1 + strspn(colon + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ$"));
	if (last > s->header_row)
		s->out->merged_in = last;
}

/* ---- events ---- */

static void on_start(void *arg, struct xml *x, const char *name, const char **atts)
{
	struct sheet *s = arg;

	if (s->in_cell) {
		if (strcmp(name, "v") == 0)
			s->collect = true;
		else if (strcmp(name, "t") == 0)
			s->collect = !s->phonetic;
		else if (strcmp(name, "f") == 0)
			s->formula = true;
		else if (strcmp(name, "rPh") == 0)
			s->phonetic = true;
		else if (strcmp(name, "is") == 0)
			s->type = T_TEXT;
	} else if (s->in_row) {
		if (strcmp(name, "c") == 0)
			begin_cell(s, x, atts);
	} else if (s->in_data) {
		if (strcmp(name, "row") == 0)
			begin_row(s, x, atts);
	} else if (strcmp(name, "sheetData") == 0) {
		s->in_data = true;
	} else if (strcmp(name, "mergeCell") == 0) {
		merged(s, atts);
	}
}

static void on_end(void *arg, struct xml *x, const char *name)
{
	struct sheet *s = arg;

	if (s->in_cell) {
		if (strcmp(name, "c") == 0)
			end_cell(s, x);
		else if (strcmp(name, "rPh") == 0)
			s->phonetic = false;
		else if (s->collect)
			s->collect = false;
	} else if (s->in_row) {
		if (strcmp(name, "row") == 0)
			end_row(s, x);
	} else if (s->in_data) {
		if (strcmp(name, "sheetData") == 0)
			s->in_data = false;
	}
}

static void on_text(void *arg, struct xml *x, const char *p, size_t n)
{
	struct sheet *s = arg;

	(void)x;
	if (s->collect)
		value_put(&s->value, p, n);
}

int sheet_read(struct sheet_result *out, struct package *p, uint64_t part,
	const struct sheet_conf *c, struct errmsg *m)
{
	struct xml_watch w = {
		.namespaces = workbook_namespaces, .start = on_start, .end = on_end, .text = on_text
	};
	struct sheet *s = calloc(1, sizeof *s);
	int err = s ? value_init(&s->value) : ERR_NOMEM;

	*out = (struct sheet_result){ .stopped = false };
	if (err) {
		errmsg_set(m, "out of memory while reading the workbook");
	} else {
		s->conf = c;
		s->out = out;
		w.arg = s;
		err = xml_read(p, part, &w, m);
	}
	if (s)
		value_deinit(&s->value);
	free(s);
	return err;
}
