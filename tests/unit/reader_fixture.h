/* For the tests of daemon/reader: rows as text, files read in pieces, workbooks made on the spot.
 */
#ifndef READER_FIXTURE_H
#define READER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>
#include <zip.h>

#include "daemon/base/buf.h"
#include "daemon/reader/reader.h"

/* ---- rows as text: "line[flaws@flawed what]:cell|n:1|…\n"; kinds t (not shown) n d b e, absent
 * cells as -; cells over 40 bytes are cut ---- */

static inline void row_as_text(struct buf *b, const struct reader_row *row)
{
	buf_printf(b, "%llu", (unsigned long long)row->line);
	if (row->lines > 1)
		buf_printf(b, "+%llu", (unsigned long long)row->lines - 1);
	if (row->flaws) {
		buf_printf(b, "[%u@%zu", row->flaws, row->flawed);
		if (row->what.n)
			buf_printf(b, " %.*s", (int)(row->what.n < 40 ? row->what.n : 40),
				row->what.p);
		buf_str(b, "]");
	}
	for (size_t i = 0; i < row->n_cells && i < READER_CELLS_MAX; i++) {
		struct text c = row->cells[i];

		buf_str(b, i ? "|" : ":");
		if (row->kinds[i] != CELL_TEXT)
			buf_printf(b, "%c:", "tndbe"[row->kinds[i]]);
		if (!c.p)
			buf_str(b, "-");
		c.n = c.n < 40 ? c.n : 40;
		buf_text(b, c);
	}
	if (row->n_cells > READER_CELLS_MAX)
		buf_printf(b, "|(%zu)", row->n_cells);
	buf_str(b, "\n");
}

static inline bool write_row(void *arg, const struct reader_row *row)
{
	row_as_text(arg, row);
	return true;
}

static inline bool write_header(void *arg, const struct reader_row *row)
{
	buf_str(arg, "#");
	row_as_text(arg, row);
	return true;
}

/* Reads a file with the conf's format and options. piece 0: random ones. Behind the rows: "error
 * N: words" and "warning: words". */
static inline void read_with(
	struct buf *out, struct reader_conf conf, struct text file, size_t piece)
{
	struct reader *r;
	bool good = true;

	conf.dir = conf.dir ? conf.dir : "/tmp";
	conf.on_header = write_header;
	conf.on_row = write_row;
	conf.arg = out;
	assert_int_equal(reader_open(&r, &conf), 0);
	for (size_t at = 0; at < file.n && good;) {
		size_t n = piece ? piece : 1 + (size_t)rand() % 9;

		n = n < file.n - at ? n : file.n - at;
		good = reader_feed(r, file.p + at, n);
		at += n;
	}
	if (good)
		(void)reader_end(r);
	if (reader_error(r))
		buf_printf(out, "error %d: %s\n", reader_error(r), reader_words(r));
	if (reader_warning(r))
		buf_printf(out, "warning: %s\n", reader_warning(r));
	reader_close(r);
}

/* The file gives these rows, however it is cut. */
static inline void expect_with(struct reader_conf conf, struct text file, const char *rows)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 65536, 0, 0 };

	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct buf b = { 0 };

		read_with(&b, conf, file, pieces[i]);
		assert_string_equal(b.p ? b.p : "", rows);
		buf_deinit(&b);
	}
}

/* ---- workbooks ---- */

struct part {
	const char *name;
	struct text content;
	bool stored; /* else deflated */
	bool encrypted;
};

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define MAIN_NS "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define REL_NS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define ROOT_RELS \
	XML_HEAD "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/" \
		 "relationships\"><Relationship Id=\"rId1\" Type=\"" REL_NS \
		 "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
#define BOOK_RELS \
	XML_HEAD "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/" \
		 "relationships\"><Relationship Id=\"rId1\" Type=\"" REL_NS \
		 "/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" " \
		 "Type=\"" REL_NS "/sharedStrings\" Target=\"sharedStrings.xml\"/>" \
		 "<Relationship Id=\"rId3\" Type=\"" REL_NS \
		 "/styles\" Target=\"/xl/styles.xml\"/><Relationship Id=\"rId4\" Type=\"" REL_NS \
		 "/worksheet\" Target=\"worksheets/sheet2.xml\"/></Relationships>"
#define BOOK(pr, sheets) \
	XML_HEAD "<workbook xmlns=\"" MAIN_NS "\" xmlns:r=\"" REL_NS "\">" pr "<sheets>" sheets \
		 "</sheets></workbook>"
#define SHEET1 "<sheet name=\"a\" sheetId=\"1\" r:id=\"rId1\"/>"
#define STRINGS(body) XML_HEAD "<sst xmlns=\"" MAIN_NS "\">" body "</sst>"
#define STYLES(body) XML_HEAD "<styleSheet xmlns=\"" MAIN_NS "\">" body "</styleSheet>"
#define SHEET(rows) \
	XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\"><sheetData>" rows "</sheetData></worksheet>"

/* A zip file of these parts (up to one without a name). */
static inline void make_zip(struct buf *out, const struct part *parts)
{
	zip_error_t e;
	zip_source_t *to = zip_source_buffer_create(NULL, 0, 0, &e);
	zip_t *z = zip_open_from_source(to, ZIP_TRUNCATE, &e);
	zip_stat_t st;
	void *p;

	assert_non_null(z);
	zip_source_keep(to);
	for (; parts->name; parts++) {
		zip_source_t *from = zip_source_buffer(z, parts->content.p, parts->content.n, 0);
		zip_int64_t i = zip_file_add(z, parts->name, from, ZIP_FL_ENC_UTF_8);

		assert_true(i >= 0);
		zip_set_file_compression(
			z, (zip_uint64_t)i, parts->stored ? ZIP_CM_STORE : ZIP_CM_DEFLATE, 0);
		if (parts->encrypted)
			zip_file_set_encryption(z, (zip_uint64_t)i, ZIP_EM_AES_128, "secret");
	}
	assert_int_equal(zip_close(z), 0);
	assert_int_equal(zip_source_stat(to, &st), 0);
	assert_int_equal(zip_source_open(to), 0);
	p = buf_room(out, st.size);
	assert_int_equal(zip_source_read(to, p, st.size), st.size);
	out->n += st.size;
	zip_source_close(to);
	zip_source_free(to);
}

struct book {
	const char *book, *strings, *styles, *sheet, *sheet2; /* NULL: plain ones */
};

static inline void make_book(struct buf *out, const struct book *b)
{
	struct part parts[8] = {
		{ .name = "_rels/.rels", .content = TEXT(ROOT_RELS) },
		{ .name = "xl/_rels/workbook.xml.rels", .content = TEXT(BOOK_RELS) },
		{ .name = "xl/workbook.xml",
			.content = text_of(b->book ? b->book : BOOK("", SHEET1)) },
		{ .name = "xl/sharedStrings.xml",
			.content = text_of(b->strings ? b->strings : STRINGS("")) },
		{ .name = "xl/styles.xml", .content = text_of(b->styles ? b->styles : STYLES("")) },
		{ .name = "xl/worksheets/sheet1.xml",
			.content = text_of(b->sheet ? b->sheet : SHEET("")) },
		{ .name = "xl/worksheets/sheet2.xml",
			.content = text_of(b->sheet2 ? b->sheet2 : SHEET("")) },
	};

	make_zip(out, parts);
}

static inline void expect_book(const struct book *b, const char *rows)
{
	struct buf file = { 0 }, got = { 0 };

	make_book(&file, b);
	read_with(&got, (struct reader_conf){ .format = READER_XLSX }, buf_as_text(&file), 4096);
	assert_string_equal(got.p ? got.p : "", rows);
	buf_deinit(&file);
	buf_deinit(&got);
}

#endif
