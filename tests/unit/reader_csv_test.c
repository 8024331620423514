/* The CSV reader: every bad input, exact lines, flat memory, and the same rows however the file is
 * cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/reader/csv.h"
#include "daemon/base/buf.h"

/* Rows as text: "line+lines[flaws@flawed]:cell|cell…\n"; cells over 40 bytes are cut. */
static bool write_row(void *arg, const struct reader_row *row)
{
	struct buf *b = arg;

	buf_printf(b, "%llu+%llu", (unsigned long long)row->line, (unsigned long long)row->lines);
	if (row->flaws)
		buf_printf(b, "[%u@%zu]", row->flaws, row->flawed);
	buf_str(b, ":");
	for (size_t i = 0; i < row->n_cells && i < READER_CELLS_MAX; i++) {
		struct text c = row->cells[i];

		if (i)
			buf_str(b, "|");
		c.n = c.n < 40 ? c.n : 40;
		buf_text(b, c);
	}
	if (row->n_cells > READER_CELLS_MAX)
		buf_printf(b, "|(%zu)", row->n_cells);
	buf_str(b, "\n");
	return true;
}

static void read_in_pieces(struct buf *out, struct text file, size_t piece)
{
	struct csv *r = csv_open(false, write_row, out);
	bool good = true;

	assert_non_null(r);
	for (size_t at = 0; at < file.n && good;) {
		size_t n = piece ? piece : 1 + (size_t)rand() % 9;

		n = n < file.n - at ? n : file.n - at;
		good = csv_feed(r, file.p + at, n);
		at += n;
	}
	(void)csv_end(r);
	if (csv_words(r))
		buf_printf(out, "error: %s\n", csv_words(r));
	csv_close(r);
}

static void expect(struct text file, const char *rows)
{
	static const size_t pieces[] = { 1, 2, 3, 7, 4096, 0, 0, 0 };

	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct buf b = { 0 };

		read_in_pieces(&b, file, pieces[i]);
		assert_string_equal(b.p ? b.p : "", rows);
		buf_deinit(&b);
	}
}

static void plain_files(void **state)
{
	(void)state;
	expect(TEXT("a,b\n1,2\n3,4\n"), "1+1:a|b\n2+1:1|2\n3+1:3|4\n");
	expect(TEXT("a,b\r\n1,2\r\n3,4"), "1+1:a|b\n2+1:1|2\n3+1:3|4\n");
	expect(TEXT("a,b\r1,2\r3,4\r"), "1+1:a|b\n2+1:1|2\n3+1:3|4\n");
	expect(TEXT("\xef\xbb\xbf姓名,b\n1,2\n"), "1+1:姓名|b\n2+1:1|2\n");
	expect(TEXT("a,b\n\n\n1,2\r\n\r\n3,\n,\n"), "1+1:a|b\n4+1:1|2\n6+1:3|\n7+1:|\n");
	expect(TEXT(" a , b \n"), "1+1:a|b\n");
	expect(TEXT("a"), "1+1:a\n");
}

static void nothing_in_it(void **state)
{
	(void)state;
	expect(TEXT(""), "");
	expect(TEXT("\xef\xbb\xbf"), "");
	expect(TEXT("\n\r\n\n"), "");
}

static void quotes(void **state)
{
	(void)state;
	expect(TEXT("a,b\n\"x,y\",\"say \"\"hi\"\"\"\n1,2\n"),
		"1+1:a|b\n2+1:x,y|say \"hi\"\n3+1:1|2\n");
	expect(TEXT("a,b\n\"x\ny\r\nz\",2\n1,2\n"), "1+1:a|b\n2+3:x\ny\r\nz|2\n5+1:1|2\n");
	expect(TEXT("\"a\" , \"b\"\r\n\"\",2\r\n"), "1+1:a|b\n2+1:|2\n");
	expect(TEXT("5\" disk,b\n1,2\n"), "1+1:5\" disk|b\n2+1:1|2\n");
	expect(TEXT("a\n\"x\ry\"\n2\n"), "1+1:a\n2+2:x\ry\n4+1:2\n");
}

static void unclosed_quote(void **state)
{
	(void)state;
	expect(TEXT("a,b\n1,2\n3,\"4\n5,6\n"), "1+1:a|b\n2+1:1|2\n3+3[8@2]:3|4\n5,6\n\n");
	expect(TEXT("a,b\n\"x\ny\",\"4\n5,6"), "1+1:a|b\n3+3[8@2]:x\ny|4\n5,6\n");
	expect(TEXT("\""), "1+1[8@1]:\n");
	/* A later quote closes it by chance: one bad row over many lines, then it goes on. */
	expect(TEXT("a,b\n1,\"2\n3,4\n5,\"6\"\n7,8\n"), "1+1:a|b\n2+3:1|2\n3,4\n5,\"6\n5+1:7|8\n");
	expect(TEXT("a,b\n1,\"2\n3,4\",5\n7,8\n"), "1+1:a|b\n2+2:1|2\n3,4|5\n4+1:7|8\n");
}

static void not_text(void **state)
{
	(void)state;
	expect(TEXT("a,b\n1,\xce\xd2\n3,4\n"), "1+1:a|b\n2+1[2@1]:1|\xce\xd2\n3+1:3|4\n");
	expect(TEXT("a,b\n\xe4\xb8,\xad\n"),
		"1+1:a|b\n2+1[2@0]:\xe4\xb8|\xad\n"); /* no character over a comma */
}

static void nul_bytes(void **state)
{
	struct buf b = { 0 };

	(void)state;
	read_in_pieces(&b, TEXT("a,b\n1,2\0x\n4,5\n"), 3);
	assert_int_equal(b.n, sizeof("1+1:a|b\n2+1[4@1]:1|2\0x\n3+1:4|5\n") - 1);
	assert_memory_equal(b.p, "1+1:a|b\n2+1[4@1]:1|2\0x\n3+1:4|5\n", b.n);
	buf_deinit(&b);
}

static void other_kinds_of_file(void **state)
{
	struct buf b = { 0 };

	(void)state;
	read_in_pieces(&b, TEXT("PK\3\4rest of a workbook"), 0);
	assert_non_null(strstr(b.p, "error: the file is a workbook"));
	buf_reset(&b);
	read_in_pieces(&b, TEXT("\xd0\xcf\x11\xe0rest of a workbook"), 0);
	assert_non_null(strstr(b.p, "error: the file is an old (XLS)"));
	buf_deinit(&b);
}

/* The first line with anything in it decides, as a whole. */
static void tabs(void **state)
{
	(void)state;
	expect(TEXT("a\tb\n1,5\t2\n\t\n"), "1+1:a|b\n2+1:1,5|2\n3+1:|\n");
	expect(TEXT("\xef\xbb\xbf\n\r\n\"a\tx\"\tb\r\n 1 \t\"2\n3\"\r\n"),
		"3+1:a\tx|b\n4+2:1|2\n3\n");
	expect(TEXT("a,b\tc\n1,2\t3\n"), "1+1:a|b\tc\n2+1:1|2\t3\n");
	expect(TEXT("a\n1\t2\n"), "1+1:a\n2+1:1\t2\n");
	expect(TEXT("a\tb"), "1+1:a|b\n");
	expect(TEXT("甲\t乙\r1\t2\r"), "1+1:甲|乙\n2+1:1|2\n");
}

static void many_cells(void **state)
{
	struct buf file = { 0 }, b = { 0 };

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_str(&file, ",");
	buf_str(&file, "\n1,2\n");
	read_in_pieces(&b, buf_as_text(&file), 4096);
	assert_non_null(strstr(b.p, "|(100001)\n2+1:1|2\n"));
	buf_deinit(&file);
	buf_deinit(&b);
}

/* A cell of a million characters between good rows; `open` and `close` around it. */
static void long_cell(const char *open, const char *piece, const char *close, const char *row)
{
	static const size_t pieces[] = { 1, 1000, 65536, 70000, 0 };
	struct buf file = { 0 };

	buf_str(&file, "a,b\n1,2\n3,");
	buf_str(&file, open);
	while (file.n < 1000000)
		buf_str(&file, piece);
	buf_str(&file, close);
	buf_str(&file, "\n5,6\n");
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct buf b = { 0 };

		read_in_pieces(&b, buf_as_text(&file), pieces[i]);
		assert_string_equal(b.p, row);
		buf_deinit(&b);
	}
	buf_deinit(&file);
}

static void million_characters(void **state)
{
	(void)state;
	long_cell("", "x", "",
		"1+1:a|b\n2+1:1|2\n3+1[1@1]:3|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n4+1:5|6\n");
	long_cell("\"", "x", "\"",
		"1+1:a|b\n2+1:1|2\n3+1[1@1]:3|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n4+1:5|6\n");
	long_cell("\"", "甲", "\" ",
		"1+1:a|b\n2+1:1|2\n3+1[1@1]:3|甲甲甲甲甲甲甲甲甲甲甲甲甲\xe7\n4+1:5|6\n");
	long_cell("\"x", " ", "\"",
		"1+1:a|b\n2+1:1|2\n3+1[1@1]:3|x                                       \n4+1:5|6\n");
	long_cell("x", " ", "",
		"1+1:a|b\n2+1:1|2\n3+1[1@1]:3|x                                       \n4+1:5|6\n");
	long_cell("\"x", "\"\"", "\"",
		"1+1:a|b\n2+1:1|2\n3+1[1@1]:3|"
		"x\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\n4"
		"+1:5|6\n");
}

/* Line ends inside the long cell: lines behind it are still exact, and the quote is named. */
static void million_lines(void **state)
{
	struct buf expected = { 0 };
	uint64_t lines = (1000000 - 11 + 2) / 3;

	(void)state;
	for (int crlf = 0; crlf < 2; crlf++) {
		buf_reset(&expected);
		buf_printf(&expected, "1+1:a|b\n2+1:1|2\n3+%llu[9@1]:3|",
			(unsigned long long)lines + 1);
		for (int i = 0; i < 13; i++)
			buf_str(&expected, crlf ? "x\r\n" : "xy\n");
		buf_printf(&expected, "x\n%llu+1:5|6\n", (unsigned long long)lines + 4);
		long_cell("\"", crlf ? "x\r\n" : "xy\n", "\"", expected.p);
	}
	buf_deinit(&expected);
}

/* Whatever bytes come: the same rows for every way of cutting, and no sanitizer speaks. */
static void random_files(void **state)
{
	static const char alphabet[] = "a,\"\n\r x\xe4\xb8\xad,\"\n";

	(void)state;
	for (unsigned seed = 1; seed <= 3000; seed++) {
		char file[64];
		struct buf whole = { 0 };
		size_t n;

		srand(seed);
		n = (size_t)rand() % sizeof file;
		for (size_t i = 0; i < n; i++)
			file[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
		read_in_pieces(&whole, (struct text){ file, n }, sizeof file);
		for (size_t piece = 0; piece < 5; piece++) {
			struct buf b = { 0 };

			read_in_pieces(&b, (struct text){ file, n }, piece);
			if (b.n != whole.n || (b.n && memcmp(b.p, whole.p, b.n) != 0))
				fail_msg("seed %u, pieces of %zu", seed, piece);
			buf_deinit(&b);
		}
		buf_deinit(&whole);
	}
}

/* Lines by an independent count: a file in which each row says its own line. */
static void lines_are_exact(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 300; seed++) {
		struct buf file = { 0 }, expected = { 0 }, b = { 0 };
		static const char *const ends[] = { "\n", "\r\n", "\r" };
		unsigned long long line = 1;
		const char *end;

		srand(seed);
		end = ends[rand() % 3];
		for (int i = 0; i < 30; i++) {
			int inner = rand() % 4, blank = rand() % 3;

			buf_printf(&expected, "%llu+%d:%llu|", line, inner + 1, line);
			buf_printf(&file, "%llu,\"", line);
			for (int k = 0; k < inner; k++) {
				buf_printf(&file, "q\"\"%s", end);
				buf_printf(&expected, "q\"%s", end);
			}
			buf_printf(&file, "\"%s", end);
			buf_str(&expected, "\n");
			for (int k = 0; k < blank; k++)
				buf_str(&file, end);
			line += (unsigned long long)(inner + 1 + blank);
		}
		read_in_pieces(&b, buf_as_text(&file), 0);
		assert_string_equal(b.p, expected.p);
		buf_deinit(&file);
		buf_deinit(&expected);
		buf_deinit(&b);
	}
}

static bool stop_at_two(void *arg, const struct reader_row *row)
{
	int *n = arg;

	(void)row;
	return ++*n < 2;
}

static void stops_when_told(void **state)
{
	int n = 0;
	struct csv *r = csv_open(false, stop_at_two, &n);

	(void)state;
	assert_false(csv_feed(r, "a\nb\nc\nd\n", 8));
	assert_false(csv_feed(r, "e\n", 2));
	assert_false(csv_end(r));
	assert_int_equal(n, 2);
	csv_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_files),
		cmocka_unit_test(nothing_in_it),
		cmocka_unit_test(quotes),
		cmocka_unit_test(unclosed_quote),
		cmocka_unit_test(not_text),
		cmocka_unit_test(nul_bytes),
		cmocka_unit_test(other_kinds_of_file),
		cmocka_unit_test(tabs),
		cmocka_unit_test(many_cells),
		cmocka_unit_test(million_characters),
		cmocka_unit_test(million_lines),
		cmocka_unit_test(random_files),
		cmocka_unit_test(lines_are_exact),
		cmocka_unit_test(stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
