/* Encodings: what decides, what is decoded, what is flawed; the same however the file is cut. */
#include "reader_fixture.h"

#include <iconv.h>

#include "daemon/base/clock.h"
#include "daemon/reader/decode.h"

static const struct reader_conf csv = { .format = READER_CSV };

static struct buf convert(const char *to, struct text t)
{
	struct buf b = { 0 };
	iconv_t table = iconv_open(to, "UTF-8");
	char *in = (char *)(uintptr_t)t.p, *out = buf_room(&b, t.n * 4 + 8);
	size_t left = t.n, room = t.n * 4 + 8;

	assert_true(table != (iconv_t)-1);
	assert_int_equal(iconv(table, &in, &left, &out, &room), 0);
	b.n = t.n * 4 + 8 - room;
	iconv_close(table);
	return b;
}

#define TABLE "姓名,编号\n甲子安,1\n㐀𠮷€ḿ\xef\xa0\x80\u3000,é\n\"多行\n值\",\n"
#define ROWS "#1:姓名|编号\n2:甲子安|1\n3:㐀𠮷€ḿ\xef\xa0\x80\u3000|é\n4+1:多行\n值|\n"

static void every_encoding(void **state)
{
	static const char *const names[] = { "GB18030", "UTF-16", "UTF-8" };
	struct buf b;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		b = convert(names[i], TEXT(TABLE));
		expect_with(csv, buf_as_text(&b), ROWS);
		buf_deinit(&b);
		b = convert(names[i], TEXT("\xef\xbb\xbf" TABLE));
		if (i != 1) /* iconv's UTF-16 has a BOM of its own */
			expect_with(csv, buf_as_text(&b), ROWS);
		buf_deinit(&b);
	}
	b = convert("UTF-16BE", TEXT("\xef\xbb\xbf" TABLE));
	expect_with(csv, buf_as_text(&b), ROWS);
	buf_deinit(&b);
}

/* Excel's "Unicode text". */
static void unicode_text(void **state)
{
	struct buf b = convert("UTF-16LE", TEXT("\xef\xbb\xbf姓名\t编号\r\n甲,子\t\"1\n2\"\r\n"));

	(void)state;
	expect_with((struct reader_conf){ .format = READER_AUTO }, buf_as_text(&b),
		"#1:姓名|编号\n2+1:甲,子|1\n2\n");
	buf_deinit(&b);
}

/* Bytes of "中文" and "é" in several guises. */
#define GB "\xd6\xd0\xce\xc4"

static void what_decides(void **state)
{
	(void)state;
	/* Short GB18030 that guessers take for something else. */
	expect_with(csv, TEXT("a,b\n" GB ",1\n"), "#1:a|b\n2:中文|1\n");
	/* One byte is wrong, far behind: not GB18030 (a lead byte before a comma), so UTF-8 with
	 * one bad row. */
	expect_with(csv, TEXT("a,b\n甲子安,1\n甲\xe4,2\n乙,3\n"),
		"#1:a|b\n2:甲子安|1\n3[2@0]:甲\xe4|2\n4:乙|3\n");
	/* Latin-1 before a comma, a row in GB18030 among others in UTF-8 */
	expect_with(csv, TEXT("a,b\nJos\xe9,1\n"), "#1:a|b\n2[2@0]:Jos\xe9|1\n");
	expect_with(
		csv, TEXT("a,b\n甲子安,1\n" GB ",2\n"), "#1:a|b\n2:甲子安|1\n3[2@0]:" GB "|2\n");
	/* 0x80 and 0xff are none in GB18030 */
	expect_with(csv, TEXT("a,b\n" GB ",\x80\n"), "#1:a|b\n2[2@0]:" GB "|\x80\n");
	expect_with(csv, TEXT("a,b\n" GB ",\xff\n"), "#1:a|b\n2[2@0]:" GB "|\xff\n");
	/* One damaged byte among much GB18030: that row is bad, the others are read. */
	expect_with(csv, TEXT("a,b\n" GB GB GB ",1\n" GB "\xff,2\n" GB GB GB ",3\n"),
		"#1:a|b\n2:中文中文中文|1\n3[2@0]:中文\xff|2\n4:中文中文中文|3\n");
	/* A BOM is a promise. */
	expect_with(csv,
		TEXT("\xef\xbb\xbf"
		     "a,b\n" GB ",1\n"),
		"#1:a|b\n2[2@0]:" GB "|1\n");
	/* UTF-8 cut at its end */
	expect_with(
		csv, TEXT("a,b\n1,甲子安\n2,\xe7\x94"), "#1:a|b\n2:1|甲子安\n3[2@1]:2|\xe7\x94\n");
}

static void the_option(void **state)
{
	struct reader_conf c = { .format = READER_CSV, .otherwise = READER_GB18030 };
	struct buf b;

	(void)state;
	expect_with(c, TEXT("a,b\n" GB ",1\n\x80" GB ",2\n" GB "\xd6,3\n"),
		"#1:a|b\n2:中文|1\n3[2@0]:\xff中文|2\n4[2@0]:中文\xff|3\n");
	expect_with(c, TEXT("a,b\n甲子安,1\n"), "#1:a|b\n2:甲子安|1\n"); /* UTF-8 all the same */
	c.otherwise = READER_UTF16LE;
	b = convert("UTF-16LE", TEXT("a,b\n甲\xc2\x80,2\n"));
	expect_with(c, buf_as_text(&b), "#1:a|b\n2:甲\xc2\x80|2\n");
	buf_deinit(&b);
}

static void damaged_utf16(void **state)
{
	(void)state;
	/* half of a pair, and half a unit at the end */
	expect_with(csv,
		TEXT("\xff\xfe"
		     "a\0\n\0\x00\xd8z\0\n\0y"),
		"#1:a\n2[2@0]:\xffz\n3[2@0]:\xff\n");
	expect_with(csv, TEXT("\xff\xfe\0\0a\0\0\0"),
		"error 7: the file is UTF-32 text: save it as UTF-8\n");
}

static void nothing_in_it(void **state)
{
	(void)state;
	expect_with(csv, TEXT(""), "");
	expect_with(csv, TEXT("\xef\xbb\xbf"), "");
	expect_with(csv, TEXT("\xff\xfe"), "");
	expect_with((struct reader_conf){ .format = READER_NDJSON }, TEXT(""), "");
	expect_with((struct reader_conf){ .format = READER_AUTO }, TEXT(""), "");
}

/* The judge in pieces says what text_utf8_ok says of the whole. */
static void judge_in_pieces(void **state)
{
	static const char *const bits[] = { "a", "é", "中", "𠮷", "\xe4", "\xb8", "\xf0\x9f",
		"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80" };

	(void)state;
	random_hold(11);
	for (int i = 0; i < 100000; i++) {
		struct utf8_judge j = { 0 };
		struct buf b = { 0 };
		size_t few = random_below(3) ? 4 : 11;

		for (uint64_t n = random_below(8); n; n--)
			buf_str(&b, bits[random_below(few)]);
		for (size_t at = 0; at < b.n;) {
			size_t n = 1 + random_below(b.n - at);

			utf8_judge_feed(&j, b.p + at, n);
			at += n;
		}
		assert_int_equal(utf8_judge_good(&j), text_utf8_ok(buf_as_text(&b)));
		buf_deinit(&b);
	}
	random_release();
}

/* Whatever bytes come: the same rows for every cut. */
static void random_bytes_same_rows(void **state)
{
	static const char alphabet[] = "a,\"\n\t\x80\x81\x30\x39\xfe\xff\xd6\xd0\xe4\xb8\xad\0,\n";

	(void)state;
	for (unsigned seed = 1; seed <= 3000; seed++) {
		char file[48];
		struct buf whole = { 0 };
		struct reader_conf c = { .format = READER_CSV,
			.otherwise = (enum reader_encoding)(seed % 4) };
		size_t n;

		srand(seed);
		n = (size_t)rand() % sizeof file;
		for (size_t i = 0; i < n; i++)
			file[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
		read_with(&whole, c, (struct text){ file, n }, sizeof file);
		for (size_t piece = 0; piece < 4; piece++) {
			struct buf b = { 0 };

			read_with(&b, c, (struct text){ file, n }, piece);
			if (b.n != whole.n || (b.n && memcmp(b.p, whole.p, b.n) != 0))
				fail_msg("seed %u, pieces of %zu", seed, piece);
			buf_deinit(&b);
		}
		buf_deinit(&whole);
	}
}

/* A decoder is fed by pieces of the tape: characters over their edges. */
static void large_file(void **state)
{
	struct buf text = { 0 }, got = { 0 }, gb;
	size_t lines = 0;

	(void)state;
	buf_str(&text, "a,b\n");
	for (int i = 0; text.n < 700000; i++)
		buf_printf(&text, "%.*s甲𠮷,%d\n", i % 7, "xxxxxxx", i);
	gb = convert("GB18030", buf_as_text(&text));
	read_with(&got, csv, buf_as_text(&gb), 10000);
	assert_null(strchr(got.p, '['));
	for (size_t i = 0; i < got.n; i++)
		lines += got.p[i] == '\n';
	for (size_t i = 0; i < text.n; i++)
		lines -= text.p[i] == '\n';
	assert_int_equal(lines, 0);
	assert_non_null(strstr(got.p, ":xxx甲𠮷|3\n"));
	buf_deinit(&text);
	buf_deinit(&got);
	buf_deinit(&gb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_encoding),
		cmocka_unit_test(unicode_text),
		cmocka_unit_test(what_decides),
		cmocka_unit_test(the_option),
		cmocka_unit_test(damaged_utf16),
		cmocka_unit_test(nothing_in_it),
		cmocka_unit_test(judge_in_pieces),
		cmocka_unit_test(random_bytes_same_rows),
		cmocka_unit_test(large_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
