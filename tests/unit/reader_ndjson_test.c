/* Lines of JSON: good ones, every bad one, and the next line after it. */
#include "reader_fixture.h"

#include <sys/resource.h>

#include "daemon/reader/ndjson.h"

static const struct reader_column columns[] = { { "id", "编号", false }, { "name", "姓名", false },
	{ "groups", "类别", true }, { "n", NULL, false } };

#define HEAD "#0:id|name|groups|n\n"

static void expect(struct text file, const char *rows)
{
	expect_with(
		(struct reader_conf){ .format = READER_NDJSON, .columns = columns, .n_columns = 4 },
		file, rows);
}

static void good_lines(void **state)
{
	(void)state;
	expect(TEXT("{\"id\":\"a\",\"name\":\"甲\",\"groups\":\"x;y\",\"n\":\"1\"}\n"
		    "{\"编号\":\"b\",\"姓名\":\"\\u7532\\\"\",\"类别\":[\"x\",\"y\"]}\r\n"
		    "\n  \r\n{ \"n\" : 1 , \"id\" : null } \n{}\n{\"n\":true,\"id\":false}"),
		HEAD
		"1:a|甲|x;y|1\n2:b|甲\"|x;y|-\n5:-|-|-|n:1\n6:-|-|-|-\n7:b:false|-|-|b:true\n");
	expect(TEXT("\xef\xbb\xbf{\"id\":\"\"}\n{\"groups\":[]}\n{\"groups\":[\"a\"]}"),
		HEAD "1:|-|-|-\n2:-|-||-\n3:-|-|a|-\n");
	expect(TEXT("\n\n"), HEAD);
}

/* As they were written. */
static void numbers(void **state)
{
	(void)state;
	expect(TEXT("{\"n\":12.50}\n{\"n\":-3}\n{\"n\":20190501}\n{\"n\":0.30000000000000004}\n"
		    "{\"n\":1e6}\n{\"n\":1.5E3}\n{\"n\":123456789012345}\n{\"id\":1,\"n\":2}\n"
		    "{\"id\":{\"a\":9},\"n\":2}\n{\"id\":[8],\"groups\":[7],\"n\":2}\n{\"n\":-0}"),
		HEAD "1:-|-|-|n:12.50\n2:-|-|-|n:-3\n3:-|-|-|n:20190501\n4:-|-|-|n:0.3\n5:-|-|-|n:"
		     "1000000\n6:-|-|-|n:1500\n7:-|-|-|n:123456789012345\n8:n:1|-|-|n:2\n9[256@0 "
		     "id]:-|-|-|n:2\n10[256@0 groups]:-|-|-|n:2\n11:-|-|-|n:-0\n");
	/* Too many digits: it should have been text. */
	expect(TEXT("{\"id\":310101190301050015}\n{\"id\":1234567890123456789012,\"n\":1}\n{\"id\":"
		    "1e20}\n{\"id\":\"310101190301050015\"}\n{\"n\":1e999}\n"),
		HEAD
		"1[32@0]:n:310101190301050015|-|-|-\n2[32@0]:n:1234567890123456789012|-|-|n:1\n"
		"3[32@0]:n:1e20|-|-|-\n4:310101190301050015|-|-|-\n5[64@4 {\"n\":1e999}]:-|-|-"
		"|-\n");
}

static void bad_lines(void **state)
{
	(void)state;
	expect(TEXT("{\"id\":\"1\"}\n{\"id\":\n\"x\"\n[1]\n{\"id\":\"2\"} "
		    "{}\n{'id':1}\n{\"id\":\"3\"}"),
		HEAD
		"1:1|-|-|-\n2[64@4 {\"id\":]:-|-|-|-\n3[64@4 \"x\"]:-|-|-|-\n4[64@4 [1]]:-|-|-|-\n"
		"5[64@4 {\"id\":\"2\"} {}]:-|-|-|-\n6[64@4 {'id':1}]:-|-|-|-\n7:3|-|-|-\n");
	/* keys */
	expect(TEXT("{\"id\":\"1\",\"salary\":5}\n{\"id\":\"1\",\"id\":\"2\"}\n{\"id\":\"1\","
		    "\"编号\":"
		    "\"2\"}\n{\"\":1}\n{\"ID\":1}\n"),
		HEAD
		"1[128@4 salary]:1|-|-|-\n2[128@4 id]:-|-|-|-\n3[128@4 编号]:1|-|-|-\n4[128@4]:-|"
		"-|-|-\n5[128@4 ID]:-|-|-|-\n");
	/* values */
	expect(TEXT("{\"groups\":[\"a\",1]}\n{\"name\":[\"a\"]}\n{\"name\":{\"first\":\"甲\"}}\n"
		    "{\"groups\":[[\"a\"]]}\n"),
		HEAD "1[256@2 groups]:-|-|-|-\n2[256@1 name]:-|-|-|-\n3[256@1 "
		     "name]:-|-|-|-\n4[256@2 groups]:-|-|-|-\n");
}

static void nul_and_utf8(void **state)
{
	struct reader_conf c = { .format = READER_NDJSON, .columns = columns, .n_columns = 4 };
	struct buf b = { 0 };

	(void)state;
	read_with(&b, c, TEXT("{\"name\":\"a\\u0000b\"}\n{\"groups\":[\"\\u0000\"]}\n"), 5);
	assert_memory_equal(b.p,
		HEAD "1[4@1]:-|a\0b|-|-\n2[4@2]:", sizeof(HEAD "1[4@1]:-|a\0b|-|-\n2[4@2]:") - 1);
	buf_deinit(&b);
	expect(TEXT("{\"name\":\"\xff\"}\n{\"name\":\"\\ud800\"}\n{\"name\":\"甲\"}\n"), HEAD
		"1[2@4 {\"name\":\"\xff\"}]:-|-|-|-\n2[64@4 {\"name\":\"\\ud800\"}]:-|-|-|-\n3:-|"
		"甲|-|-\n");
	expect(TEXT("{\"name\":\"\xbc\xd7,\"}\n"), HEAD "1:-|甲,|-|-\n"); /* GB18030 */
}

static void not_lines(void **state)
{
	(void)state;
	expect(TEXT("[\n{\"id\":1},\n"), HEAD
		"error 7: the file is one JSON array: write one object a line (NDJSON), without "
		"brackets around them and commas between them\n");
	expect(TEXT("\n{\n\"id\":1\n}\n"),
		HEAD "error 7: the file is JSON over many lines: write each "
		     "object on one line (NDJSON)\n");
}

/* Deep and long ones cost neither stack nor memory. */
static void deep_and_long(void **state)
{
	struct buf file = { 0 }, b = { 0 };
	struct reader_conf c = { .format = READER_NDJSON, .columns = columns, .n_columns = 4 };

	(void)state;
	buf_str(&file, "{\"id\":");
	for (int i = 0; i < 60000; i++)
		buf_str(&file, "[");
	buf_str(&file, "\n{\"id\":\"1\",\"name\":\"");
	for (int i = 0; i < 1000000; i++)
		buf_str(&file, "x");
	buf_str(&file, "\"}\n{");
	for (int i = 0; i < 300; i++)
		buf_printf(&file, "\"k%d\":1,", i);
	buf_str(&file, "\"id\":1}\n{\"id\":\"2\"}\n");
	read_with(&b, c, buf_as_text(&file), 4096);
	assert_string_equal(b.p,
		HEAD "1[64@4 {\"id\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]:-|-|-|-\n"
		     "2[1@4 {\"id\":\"1\",\"name\":\"xxxxxxxxxxxxxxxxxxxxxx]:-|-|-|-\n"
		     "3[64@4 "
		     "{\"k0\":1,\"k1\":1,\"k2\":1,\"k3\":1,\"k4\":1,\"k5\"]:-|-|-|-\n4:2|-|-|-\n");
	buf_deinit(&file);
	buf_deinit(&b);
}

static void random_lines(void **state)
{
	static const char *const bits[] = { "{", "}", "[", "]", "\"id\"", ":", ",", "\"name\"", "1",
		"\"", "\\", "\n", "\r", "null", "1.5e3", "\"a\"", "{\"id\":", "\xff", " ", "-" };
	struct reader_conf c = { .format = READER_NDJSON, .columns = columns, .n_columns = 4 };

	(void)state;
	for (unsigned seed = 1; seed <= 5000; seed++) {
		struct buf file = { 0 }, whole = { 0 };

		srand(seed);
		buf_str(&file, "{}\n");
		for (int n = rand() % 30; n; n--)
			buf_str(&file, bits[rand() % (int)(sizeof bits / sizeof *bits)]);
		read_with(&whole, c, buf_as_text(&file), 65536);
		for (size_t piece = 0; piece < 3; piece++) {
			struct buf b = { 0 };

			read_with(&b, c, buf_as_text(&file), piece);
			if (b.n != whole.n || memcmp(b.p, whole.p, b.n) != 0)
				fail_msg("seed %u, pieces of %zu", seed, piece);
			buf_deinit(&b);
		}
		buf_deinit(&file);
		buf_deinit(&whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(numbers),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(nul_and_utf8),
		cmocka_unit_test(not_lines),
		cmocka_unit_test(deep_and_long),
		cmocka_unit_test(random_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
