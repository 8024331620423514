/* Workbooks that are damaged or made to hurt: refused with words, no row given out, memory flat. */
#include "reader_fixture.h"

#include <sys/resource.h>

#include "daemon/base/clock.h"

#define ONE_ROW \
	SHEET("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row><row r=\"2\"><c " \
	      "s=\"1\"><v>43586</v></c></row>")
#define ONE_STRING STRINGS("<si><t>a</t></si>")
#define ONE_STYLE STYLES("<cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs>")
#define ROWS "#1:a\n2:d:2019-05-01\n"

static const struct book good = { .strings = ONE_STRING, .styles = ONE_STYLE, .sheet = ONE_ROW };

static void read_file(struct buf *out, const struct buf *file)
{
	read_with(out, (struct reader_conf){ .format = READER_XLSX }, buf_as_text(file), 1 << 20);
	if (!out->p)
		buf_str(out, "");
}

/* The whole answer is an error that says this. */
static void expect_refused(const struct buf *file, const char *words)
{
	struct buf got = { 0 };

	read_file(&got, file);
	if (strncmp(got.p, "error ", 6) != 0 || !strstr(got.p, words))
		fail_msg("%s\nwanted: %s", got.p, words);
	buf_deinit(&got);
}

static void expect_book_refused(const struct book *b, const char *words)
{
	struct buf file = { 0 };

	make_book(&file, b);
	expect_refused(&file, words);
	buf_deinit(&file);
}

static void document_types(void **state)
{
	(void)state;
	expect_book_refused(
		&(struct book){ .sheet = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b "
					 "\"&a;&a;&a;&a;&a;&a;\">]><worksheet xmlns=\"" MAIN_NS
					 "\"><sheetData><row><c t=\"str\"><v>&b;</v></c></row>"
					 "</sheetData></worksheet>" },
		"document type definition");
	expect_book_refused(
		&(struct book){ .strings = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><sst "
					   "xmlns=\"" MAIN_NS "\"/>",
			.sheet = ONE_ROW },
		"document type definition");
	expect_book_refused(
		&(struct book){ .book = "<!DOCTYPE workbook><workbook xmlns=\"" MAIN_NS "\"/>" },
		"document type definition");
}

static struct buf repeated(const char *before, const char *piece, size_t times, const char *behind)
{
	struct buf b = { 0 };

	buf_str(&b, before);
	while (times--)
		buf_str(&b, piece);
	buf_str(&b, behind);
	return b;
}

static long memory(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* What the reader takes at its highest is counted in a child, where the test's own file is not. */
static void bombs(void **state)
{
	static const struct {
		const char *before, *piece;
		size_t times;
		const char *words;
	} rows[] = {
		{ XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\"><sheetData>", "                ",
			8 << 20, "unpacks to more than" },
		{ XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\"><sheetData>", "<row></row>     ",
			8 << 20, "more than 5000000 rows" },
		{ XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\" a=\"", "xxxxxxxxxxxxxxxx", 1 << 18,
			"a tag or names without end" },
		{ XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\"><!--", "xxxxxxxxxxxxxxxx", 1 << 18,
			"a tag or names without end" },
		{ XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\">", "<a>", 1000, "nested too deep" },
		{ XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\"><a b=\"&", "x", 1000,
			"its XML breaks off" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf sheet = repeated(rows[i].before, rows[i].piece, rows[i].times, ""),
			   file = { 0 };
		long before;

		make_book(&file, &(struct book){ .sheet = sheet.p });
		buf_deinit(&sheet);
		before = memory();
		expect_refused(&file, rows[i].words);
		if (memory() > before + 4096)
			fail_msg("bomb %zu took %ld KiB", i, memory() - before);
		buf_deinit(&file);
	}
}

/* expat keeps every name it ever saw. */
static void endless_names(void **state)
{
	struct buf sheet = { 0 }, strings = { 0 };

	(void)state;
	buf_str(&sheet, XML_HEAD "<worksheet xmlns=\"" MAIN_NS "\">");
	for (int i = 0; i < 200000; i++)
		buf_printf(&sheet, "<e%d a%d=\"\"/>", i, i);
	expect_book_refused(&(struct book){ .sheet = sheet.p }, "a tag or names without end");
	buf_deinit(&sheet);
	/* Strings without end lie on the disk; without a disk they are refused. */
	strings = repeated(XML_HEAD "<sst xmlns=\"" MAIN_NS "\">",
		"<si><t>abcdefghijklmno</t></si>", 20000, "</sst>");
	make_book(&sheet, &(struct book){ .strings = strings.p, .sheet = ONE_ROW });
	struct buf got = { 0 };
	read_with(&got, (struct reader_conf){ .dir = "/nowhere" }, buf_as_text(&sheet), 1 << 20);
	assert_string_equal(
		got.p, "error 2: the file cannot be read or put aside: the disk failed\n");
	buf_deinit(&got);
	buf_deinit(&sheet);
	buf_deinit(&strings);
}

#define PARTS 7
static void parts_of(struct part parts[PARTS + 2])
{
	const struct part all[PARTS + 2] = {
		{ "_rels/.rels", TEXT(ROOT_RELS), false, false },
		{ "xl/_rels/workbook.xml.rels", TEXT(BOOK_RELS), false, false },
		{ "xl/workbook.xml", TEXT(BOOK("", SHEET1)), false, false },
		{ "xl/sharedStrings.xml", TEXT(ONE_STRING), false, false },
		{ "xl/styles.xml", TEXT(ONE_STYLE), false, false },
		{ "xl/worksheets/sheet1.xml", TEXT(ONE_ROW), false, false },
		{ "xl/worksheets/sheet2.xml", TEXT(SHEET("")), false, false },
	};

	memcpy(parts, all, sizeof all);
}

static void expect_parts_refused(const struct part *parts, const char *words)
{
	struct buf file = { 0 };

	make_zip(&file, parts);
	expect_refused(&file, words);
	buf_deinit(&file);
}

static void missing_parts(void **state)
{
	static const char *const words[] = { "no workbook", "a part of the workbook is missing",
		"save it as XLSX", "a part of the workbook is missing",
		"a part of the workbook is missing", "a part of the workbook is missing" };
	struct part parts[PARTS + 2];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		parts_of(parts);
		parts[i].name = "other";
		expect_parts_refused(parts, words[i]);
	}
	expect_parts_refused((struct part[]){ { "mimetype", TEXT("x"), false, false }, { 0 } },
		"an archive, but no workbook");
	/* a part that goes in a circle is no sheet and no text */
	parts_of(parts);
	parts[5].content = parts[2].content;
	struct buf file = { 0 }, got = { 0 };
	make_zip(&file, parts);
	read_file(&got, &file);
	assert_string_equal(got.p, "");
	buf_deinit(&file);
	buf_deinit(&got);
	parts_of(parts);
	parts[3].content = parts[5].content;
	make_zip(&file, parts);
	read_file(&got, &file);
	assert_string_equal(got.p,
		"error 7: the workbook is damaged: a cell of row 1 names a text that is "
		"not there\n");
	buf_deinit(&file);
	buf_deinit(&got);
}

static void bad_names(void **state)
{
	static const char *const names[] = { "../../etc/cron.d/x", "/etc/passwd", "xl/../../x",
		"a\\..\\b", "xl/.." };
	struct part parts[PARTS + 2];

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		parts_of(parts);
		parts[PARTS].name = names[i];
		expect_parts_refused(parts, "an entry with a bad name");
	}
	parts_of(parts);
	parts[PARTS] = (struct part){ "XL/Workbook.xml", TEXT(BOOK("", SHEET1)), false, false };
	expect_parts_refused(parts, "two parts of one name");
	parts_of(parts);
	parts[0].content =
		TEXT("<Relationships "
		     "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
		     "<Relationship Id=\"rId1\" Type=\"" REL_NS
		     "/officeDocument\" Target=\"../../x.xml\"/>"
		     "</Relationships>");
	expect_parts_refused(parts, "outside of itself");
	parts_of(parts);
	parts[5].encrypted = true;
	expect_parts_refused(parts, "protected by a password");
}

static void bad_order(void **state)
{
	(void)state;
	expect_book(
		&(struct book){ .sheet = SHEET("<row r=\"5\"><c><v>1</v></c></row><row><c><v>2</v>"
					       "</c></row><row r=\"6\"/>") },
		"#5:n:1\n6:n:2\nerror 7: the workbook is damaged: the rows of its sheet are out of "
		"order behind row 6\n");
	expect_book(&(struct book){ .sheet = SHEET("<row r=\"0\"/>") },
		"error 7: the workbook is damaged: the rows of its sheet are out of order behind "
		"row 0\n");
	expect_book(&(struct book){ .sheet = SHEET("<row r=\"x\"/>") },
		"error 7: the workbook is damaged: the rows of its sheet are out of order behind "
		"row 0\n");
	expect_book(&(struct book){ .sheet = SHEET("<row r=\"5000001\"/>") },
		"error 8: the sheet has more than 5000000 rows: split it\n");
	expect_book(&(struct book){ .sheet = SHEET("<row r=\"99999999999999999999999\"/>") },
		"error 7: the workbook is damaged: the rows of its sheet are out of order behind "
		"row 0\n");
	expect_book(&(struct book){ .sheet = SHEET("<row><c r=\"B1\"/><c r=\"A1\"/></row>") },
		"error 7: the workbook is damaged: the cells of row 1 are out of order\n");
	expect_book(&(struct book){ .sheet = SHEET("<row><c r=\"ZZZZ1\"/></row>") },
		"error 7: the workbook is damaged: the cells of row 1 are out of order\n");
	expect_book(&(struct book){ .sheet = SHEET("<row><c r=\"1\"/></row>") },
		"error 7: the workbook is damaged: the cells of row 1 are out of order\n");
	expect_book(&(struct book){ .sheet = SHEET("<row><c t=\"s\"><v>-1</v></c></row>") },
		"error 7: the workbook is damaged: a cell of row 1 names a text that is not "
		"there\n");
	/* XML that breaks off behind a row: that row stands, and it is said. */
	expect_book(
		&(struct book){
			.sheet = XML_HEAD
			"<worksheet xmlns=\"" MAIN_NS
			"\"><sheetData><row><c><v>1</v></c></row><row><c><v>2</v></c></row><row>" },
		"#1:n:1\n2:n:2\nerror 7: the workbook is damaged: its XML breaks off or is none "
		"(no "
		"element "
		"found)\n");
}

/* Every prefix of a file, and every byte of it changed: the same rows or none at all. */
static void every_cut_and_byte(void **state)
{
	struct buf file = { 0 }, got = { 0 };
	size_t refused = 0;

	(void)state;
	make_book(&file, &good);
	read_file(&got, &file);
	assert_string_equal(got.p, ROWS);
	for (size_t n = 4; n < file.n; n++) {
		struct buf cut = { .p = file.p, .n = n };

		expect_refused(&cut, "");
	}
	random_hold(3);
	for (size_t i = 4; i < file.n; i++) {
		char was = file.p[i];

		file.p[i] = (char)(was ^ (1 << random_below(8)));
		buf_reset(&got);
		read_file(&got, &file);
		if (strncmp(got.p, "error ", 6) == 0)
			refused++;
		else if (strcmp(got.p, ROWS) != 0)
			fail_msg("byte %zu: %s", i, got.p);
		file.p[i] = was;
	}
	random_release();
	assert_true(refused > file.n / 2);
	buf_deinit(&file);
	buf_deinit(&got);
}

/* Damage of many bytes, pieces doubled and left out: an answer, whatever it is. */
static void random_damage(void **state)
{
	struct buf file = { 0 };

	(void)state;
	make_book(&file, &good);
	for (unsigned seed = 1; seed <= 3000; seed++) {
		struct buf bad = { 0 }, got = { 0 };

		random_hold(seed);
		buf_text(&bad, buf_as_text(&file));
		for (uint64_t k = 1 + random_below(20); k; k--) {
			size_t at = 4 + random_below(bad.n - 4), n = random_below(40);

			n = n < bad.n - at ? n : bad.n - at;
			if (random_below(4) == 0)
				memmove(bad.p + at, bad.p + random_below(bad.n - n), n);
			else
				bad.p[at] = (char)random_below(256);
		}
		read_file(&got, &bad);
		if (strstr(got.p, "error ") == NULL && strcmp(got.p, ROWS) != 0)
			fail_msg("seed %u: %s", seed, got.p);
		buf_deinit(&bad);
		buf_deinit(&got);
		random_release();
	}
	buf_deinit(&file);
}

/* ---- large files' end records ---- */

static void put_little(struct buf *b, uint64_t v, int n)
{
	for (int i = 0; i < n; i++)
		buf_put(b, &(char){ (char)(v >> 8 * i) }, 1);
}

/* The same file with the end record of a large one, which claims what it is told (0: the truth). */
static void as_zip64(struct buf *out, const struct buf *file, uint64_t entries, uint64_t bytes)
{
	const uint8_t *end = (const uint8_t *)file->p + file->n - 22;
	uint64_t where = file->n - 22;

	buf_put(out, file->p, file->n - 22);
	buf_put(out, "PK\6\6", 4);
	put_little(out, 44, 8);
	put_little(out, 45 | 45 << 16, 4);
	put_little(out, 0, 8);
	put_little(out, entries ? entries : end[10], 8);
	put_little(out, entries ? entries : end[10], 8);
	put_little(out, bytes ? bytes : (uint64_t)(end[12] | end[13] << 8), 8);
	put_little(out, (uint64_t)(end[16] | end[17] << 8), 8);
	buf_put(out, "PK\6\7", 4);
	put_little(out, 0, 4);
	put_little(out, where, 8);
	put_little(out, 1, 4);
	buf_put(out, "PK\5\6\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0", 22);
}

static void end_records(void **state)
{
	struct buf file = { 0 }, large = { 0 }, got = { 0 };

	(void)state;
	make_book(&file, &good);
	as_zip64(&large, &file, 0, 0);
	read_file(&got, &large);
	assert_string_equal(got.p, ROWS);
	buf_reset(&large);
	as_zip64(&large, &file, (uint64_t)1 << 40, 0);
	expect_refused(&large, "more than 4096 entries");
	buf_reset(&large);
	as_zip64(&large, &file, 0, (uint64_t)1 << 62);
	expect_refused(&large, "more than 4096 entries");
	buf_reset(&large);
	as_zip64(&large, &file, 0, 0);
	memset(large.p + large.n - 22 - 12, 0x7f, 8); /* the record lies nowhere */
	expect_refused(&large, "entries");
	/* the plain one */
	memset(file.p + file.n - 22 + 8, 0xee, 4);
	expect_refused(&file, "more than 4096 entries");
	buf_deinit(&file);
	/* so many indeed */
	struct part *parts = calloc(4200, sizeof *parts);
	char(*names)[16] = calloc(4200, sizeof *names);
	for (int i = 0; i < 4199; i++) {
		(void)snprintf(names[i], sizeof names[i], "p%d", i);
		parts[i] = (struct part){ names[i], TEXT("x"), true, false };
	}
	make_zip(&file, parts);
	expect_refused(&file, "more than 4096 entries");
	free(parts);
	free(names);
	buf_deinit(&file);
	buf_deinit(&large);
	buf_deinit(&got);
}

static void other_files(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_str(&b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old one");
	expect_refused(&b, "no XLSX workbook");
	buf_reset(&b);
	buf_str(&b, "a,b\n1,2\n");
	expect_refused(&b, "no XLSX workbook");
	buf_reset(&b);
	buf_str(&b, "PK\3\4 and nothing else");
	expect_refused(&b, "cut short or damaged");
	buf_reset(&b);
	buf_put(&b, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22);
	expect_refused(&b, "no workbook");
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bombs),
		cmocka_unit_test(document_types),
		cmocka_unit_test(endless_names),
		cmocka_unit_test(missing_parts),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(bad_order),
		cmocka_unit_test(every_cut_and_byte),
		cmocka_unit_test(random_damage),
		cmocka_unit_test(end_records),
		cmocka_unit_test(other_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
