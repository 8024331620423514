/* Normal path: the package's list → the workbook and its relationships → styles → shared strings,
 * put aside → the beginning of every visible sheet → the chosen sheet once through without looking
 * at it, for its checksum → its rows.
 *
 * Which sheet: the first visible one that has a row. Visible sheets that begin with the same header
 * belong to it (Excel ends a sheet at 1,048,576 rows; people make one a month): of them the one
 * with rows behind the header is read, and when several have, the file is refused before a row is
 * given out, since to read one of them would lose the others in silence. Visible sheets with
 * something else on them are named in a warning.
 *
 * The checksum first, because a flipped bit can make a digit of a number, and what was taken into a
 * ledger cannot be taken out of it; unpacking alone is cheap beside reading XML. */
#include "daemon/reader/xlsx.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/reader/sheet.h"
#include "daemon/reader/workbook.h"

#define HEADER_MAX (READER_ROW_MAX + READER_CELLS_MAX)

struct xlsx {
	const struct xlsx_conf *conf;
	struct errmsg *m;
	struct package *package;
	struct workbook book;
	struct styles styles;
	struct strings strings;
	size_t chosen; /* index of the sheet; n_sheets: none has a row */
	size_t others; /* visible sheets with something else on them */
};

/* A sheet's beginning. */
struct peek {
	struct buf
		header; /* the cells of its first row, one behind the other; empty: it has none */
	bool filled;	/* there are rows behind it */
};

static bool on_beginning(void *arg, const struct reader_row *row)
{
	struct peek *p = arg;

	p->filled = p->header.n > 0;
	for (size_t i = 0; i < row->n_cells && i < READER_CELLS_MAX && !p->filled; i++) {
		buf_text(&p->header, text_trim(row->cells[i]));
		buf_put(&p->header, "", 1);
	}
	return !p->filled;
}

static int peek(struct xlsx *x, size_t i, struct peek *p)
{
	struct sheet_result result;
	struct sheet_conf c = { .strings = &x->strings,
		.styles = &x->styles,
		.since_1904 = x->book.since_1904,
		.on_row = on_beginning,
		.arg = p };

	buf_reset(&p->header);
	p->filled = false;
	return sheet_read(&result, x->package, x->book.sheets[i], &c, x->m);
}

static int choose(struct xlsx *x)
{
	struct peek chosen = { .header = { .limit = HEADER_MAX } },
		    other = { .header = { .limit = HEADER_MAX } };
	int err = 0;

	x->chosen = x->book.n_sheets;
	for (size_t i = 0; i < x->book.n_sheets && !err; i++) {
		bool first = x->chosen == x->book.n_sheets;

		err = peek(x, i, first ? &chosen : &other);
		if (err || (first ? chosen.header.n : other.header.n) == 0)
			continue;
		if (first) {
			x->chosen = i;
		} else if (!text_eq(buf_as_text(&chosen.header), buf_as_text(&other.header))) {
			x->others++;
		} else if (other.filled && chosen.filled) {
			errmsg_set(x->m,
				"the workbook holds rows on several sheets (visible sheets %zu and "
				"%zu begin with the same header): save each sheet as a file of its "
				"own",
				x->chosen + 1, i + 1);
			err = ERR_INVALID;
		} else if (other.filled) {
			x->chosen = i;
			chosen.filled = true;
		}
	}
	buf_deinit(&chosen.header);
	buf_deinit(&other.header);
	return err;
}

static bool pass_over(void *arg, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
	return true;
}

static int prepare(struct xlsx *x, int fd)
{
	int err = package_open(&x->package, fd, x->m);

	if (!err)
		err = workbook_read(&x->book, x->package, x->m);
	if (!err && x->book.has_styles)
		err = styles_read(&x->styles, x->package, x->book.styles, x->m);
	if (!err && x->book.has_strings)
		err = strings_read(&x->strings, x->package, x->book.strings, x->m);
	if (!err)
		err = choose(x);
	if (!err && x->chosen < x->book.n_sheets)
		err = package_read(x->package, x->book.sheets[x->chosen], pass_over, NULL, x->m);
	return err;
}

static void warn(struct xlsx *x, const struct sheet_result *r)
{
	if (r->merged_in)
		errmsg_set(x->conf->warning,
			"the sheet has merged cells (row %llu): only the first cell of each holds "
			"the value, the others were read as empty",
			(unsigned long long)r->merged_in);
	else if (x->others)
		errmsg_set(x->conf->warning,
			"only visible sheet %zu was read; %zu other visible sheet%s with something "
			"else on %s",
			x->chosen + 1, x->others, x->others == 1 ? "" : "s",
			x->others == 1 ? "it" : "them");
}

int xlsx_read(int fd, const struct xlsx_conf *c, struct errmsg *m)
{
	struct sheet_result result;
	struct xlsx *x = calloc(1, sizeof *x);
	int err;

	if (!x) {
		errmsg_set(m, "out of memory while reading the workbook");
		return ERR_NOMEM;
	}
	x->conf = c;
	x->m = m;
	strings_init(&x->strings, c->dir);
	err = prepare(x, fd);
	if (!err && x->chosen < x->book.n_sheets) {
		err = sheet_read(&result, x->package, x->book.sheets[x->chosen],
			&(struct sheet_conf){ .strings = &x->strings,
				.styles = &x->styles,
				.since_1904 = x->book.since_1904,
				.on_row = c->on_row,
				.arg = c->arg },
			m);
		if (!err)
			warn(x, &result);
	}
	strings_deinit(&x->strings);
	package_close(x->package);
	free(x);
	return err;
}
