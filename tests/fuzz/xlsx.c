/* Fuzz: a workbook, by its first byte: 0 the whole zip file; 1, 2, 3 the XML of its sheet, its
 * strings, its styles, in a zip file that is whole (or no mutation would pass the checksums). Rows
 * rise, cells keep to their limits and are UTF-8, and what cannot be read has words. */
#include "daemon/reader/reader.h"

#include <stdlib.h>
#include <unistd.h>
#include <zip.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD "<?xml version=\"1.0\"?>"
#define REL "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define RELS(body) \
	HEAD "<Relationships " \
	     "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">" body \
	     "</Relationships>"
#define RELATION(id, type, to) \
	"<Relationship Id=\"" id "\" Type=\"" REL "/" type "\" Target=\"" to "\"/>"
#define MAIN "http://schemas.openxmlformats.org/spreadsheetml/2006/main"

enum { SHEET = 3, STRINGS, STYLES, PARTS };

static const struct {
	const char *name, *content;
} parts[PARTS] = {
	{ "_rels/.rels", RELS(RELATION("w", "officeDocument", "w.xml")) },
	{ "_rels/w.xml.rels", RELS(RELATION("a", "worksheet", "a.xml") RELATION("s",
				      "sharedStrings", "s.xml") RELATION("t", "styles", "t.xml")) },
	{ "w.xml", HEAD
		"<workbook xmlns=\"" MAIN "\" xmlns:r=\"" REL
		"\"><sheets><sheet name=\"a\" sheetId=\"1\" r:id=\"a\"/></sheets></workbook>" },
	{ "a.xml",
		HEAD "<worksheet xmlns=\"" MAIN
		     "\"><sheetData><row><c t=\"s\"><v>0</v></c><c s=\"1\"><v>43586</v></c></row>"
		     "<row><c t=\"s\"><v>1</v></c></row></sheetData></worksheet>" },
	{ "s.xml", HEAD "<sst xmlns=\"" MAIN "\"><si><t>a</t></si><si><t>b</t></si></sst>" },
	{ "t.xml", HEAD "<styleSheet xmlns=\"" MAIN
			"\"><cellXfs><xf/><xf numFmtId=\"14\"/></cellXfs></styleSheet>" },
};

struct seen {
	uint64_t line;
};

static bool look(void *arg, const struct reader_row *row)
{
	struct seen *s = arg;
	size_t kept = row->n_cells < READER_CELLS_MAX ? row->n_cells : READER_CELLS_MAX;

	if (row->line <= s->line || row->n_cells == 0)
		__builtin_trap();
	s->line = row->line;
	for (size_t i = 0; i < kept; i++)
		if (row->cells[i].n > READER_CELL_MAX || row->kinds[i] > CELL_ERROR ||
			!text_utf8_ok(row->cells[i]))
			__builtin_trap();
	return true;
}

static void read_bytes(const void *p, size_t n)
{
	struct seen s = { 0 };
	struct reader_conf c = {
		.format = READER_XLSX, .dir = "/tmp", .on_header = look, .on_row = look, .arg = &s
	};
	struct reader *r;

	if (reader_open(&r, &c))
		return;
	if (reader_feed(r, p, n) && !reader_end(r) && !reader_words(r))
		__builtin_trap();
	reader_close(r);
}

/* The workbook with one part in place of its own. */
static void read_part(size_t which, const uint8_t *data, size_t size)
{
	zip_error_t e;
	zip_source_t *to = zip_source_buffer_create(NULL, 0, 0, &e);
	zip_t *z = to ? zip_open_from_source(to, ZIP_TRUNCATE, &e) : NULL;
	zip_stat_t st;
	void *p;

	if (!z)
		abort();
	zip_source_keep(to);
	for (size_t i = 0; i < PARTS; i++) {
		const void *from = i == which ? (const void *)data : parts[i].content;
		size_t n = i == which ? size : strlen(parts[i].content);
		zip_int64_t at =
			zip_file_add(z, parts[i].name, zip_source_buffer(z, from, n, 0), 0);

		if (at < 0 || zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0))
			abort();
	}
	if (zip_close(z) || zip_source_stat(to, &st) || zip_source_open(to))
		abort();
	p = malloc(st.size);
	if (!p || zip_source_read(to, p, st.size) != (zip_int64_t)st.size)
		abort();
	zip_source_close(to);
	zip_source_free(to);
	read_bytes(p, st.size);
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 4 == 0)
		read_bytes(data + 1, size - 1);
	else
		read_part(SHEET + data[0] % 4 - 1, data + 1, size - 1);
	return 0;
}
