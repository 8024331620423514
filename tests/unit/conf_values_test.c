/* What a good file says is what is asked for: values, defaults, sections, lists, lines, and the man
 * page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/conf/conf.h"

#define KEY "${HOME}ghijABCDEFGHIJ0123456789{}$.-:+=^"
#define SIGNER "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const struct conf_row rows[] = {
	{ .name = "area",
		.type = CONF_AREA,
		.required = true,
		.example = "310000",
		.help_en = "Own code." },
	{ .name = "dir",
		.type = CONF_PATH,
		.preset = "/var/lib/x",
		.help_en = "Where *all* of_it stands." },
	{ .name = "limit",
		.type = CONF_SIZE,
		.preset = "64MiB",
		.least = 1 << 20,
		.most = 1ull << 40 },
	{ .name = "wait", .type = CONF_DURATION, .preset = "1500ms" },
	{ .name = "n", .type = CONF_COUNT, .preset = "0" },
	{ .name = "log", .type = CONF_CHOICE, .preset = "info", .choices = "error|info" },
	{ .name = "note", .type = CONF_TEXT },
	{ .name = "tags", .type = CONF_LIST },
	{ .section = "child", .type = CONF_AREA, .help_en = "A child." },
	{ .section = "child", .name = "key", .type = CONF_Z85, .required = true },
	{ .section = "child", .name = "signer", .type = CONF_BASE64 },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static struct conf *must(const char *text)
{
	struct errmsg m;
	struct conf *c;

	if (conf_parse(&c, "x.conf", text_of(text), rows, N_ROWS, &m))
		fail_msg("%s", m.text);
	return c;
}

static void numbers_and_units(void **state)
{
	static const struct {
		const char *text, *name;
		uint64_t number;
	} cases[] = {
		{ "limit = 1MiB", "limit", 1 << 20 },
		{ "limit = \"512GiB\"", "limit", 512ull << 30 },
		{ "limit = '1048576B'", "limit", 1 << 20 },
		{ "limit = 2048KiB", "limit", 2 << 20 },
		{ "limit = 1TiB", "limit", 1ull << 40 },
		{ "", "limit", 64 << 20 },
		{ "wait = 0s", "wait", 0 },
		{ "wait = 90s", "wait", 90000 },
		{ "wait = 2h", "wait", 7200000 },
		{ "wait = 14d", "wait", 14ull * 86400000 },
		{ "wait = 3m", "wait", 180000 },
		{ "", "wait", 1500 },
		{ "n = 123456789012345678", "n", 123456789012345678ull },
		{ "n=0", "n", 0 },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf *c;

		snprintf(text, sizeof(text), "area = 310000 %s\n", cases[i].text);
		c = must(text);
		assert_int_equal(conf_number(c, cases[i].name), cases[i].number);
		assert_int_equal(conf_number(c, "area"), 310000);
		conf_close(c);
	}
}

static void texts_and_lists(void **state)
{
	struct conf *c =
		must("\xef\xbb\xbf"
		     "area=310000\r\n  dir = /srv/x//y-1.z  # said so\r\nnote = \"it's # no "
		     "comment, 上海 // {} \"\ntags = { one, \"two words\",\n three }\n");
	const char *const *items;

	(void)state;
	assert_string_equal(conf_file(c), "x.conf");
	assert_string_equal(conf_text(c, "dir"), "/srv/x//y-1.z");
	assert_string_equal(conf_text(c, "note"), "it's # no comment, 上海 // {} ");
	assert_string_equal(conf_text(c, "log"), "info");
	assert_int_equal(conf_line(c, "note"), 3);
	assert_int_equal(conf_line(c, "log"), 0);
	assert_int_equal(conf_list(c, "tags", &items), 3);
	assert_string_equal(items[0], "one");
	assert_string_equal(items[1], "two words");
	assert_string_equal(items[2], "three");
	conf_close(c);
	c = must("area = 310000\n");
	assert_string_equal(conf_text(c, "note"), "");
	assert_int_equal(conf_list(c, "tags", &items), 0);
	conf_close(c);
}

/* A key may hold ${ by chance: it is a key. */
static void keys_are_literal(void **state)
{
	struct conf *c;

	(void)state;
	setenv("HOME", "/root", 1);
	c = must("area = 310000\nchild 310101 { key = \"" KEY "\" }\nchild \"310104\" { key = '" KEY
		 "' signer = \"" SIGNER "\" }\n");
	assert_int_equal(conf_sections(c, "child"), 2);
	assert_string_equal(conf_title(c, "child", 1), "310104");
	for (size_t i = 0; i < 2; i++)
		assert_string_equal(conf_in_text(c, "child", i, "key"), KEY);
	assert_string_equal(conf_in_text(c, "child", 0, "signer"), "");
	assert_int_equal(conf_in_line(c, "child", 1, "key"), 3);
	conf_close(c);
}

static void many_sections(void **state)
{
	struct buf text = { 0 };
	struct conf *c;

	(void)state;
	buf_str(&text, "area = 310000\n");
	for (int i = 0; i < 3000; i++)
		buf_printf(&text, "child %d { key = \"" KEY "\" }\n", 100000 + i);
	c = must(text.p);
	assert_int_equal(conf_sections(c, "child"), 3000);
	assert_string_equal(conf_title(c, "child", 2999), "102999");
	conf_close(c);
	buf_deinit(&text);
}

static void put_line(void *arg, const char *section, const char *title, const char *name,
	const char *value, const char *source)
{
	buf_printf(arg, "%s|%s|%s|%s|%s\n", section ? section : "", title ? title : "", name, value,
		source);
}

static void sources(void **state)
{
	struct conf *c = must(
		"# first\narea = 310000\n\ntags = {a,b}\nchild 310101 {\n\tkey = \"" KEY "\"\n}\n");
	struct buf out = { 0 };

	(void)state;
	conf_each(c, put_line, &out);
	assert_string_equal(out.p, "||area|310000|x.conf:2\n"
				   "||dir|/var/lib/x|default\n"
				   "||limit|64MiB|default\n"
				   "||wait|1500ms|default\n"
				   "||n|0|default\n"
				   "||log|info|default\n"
				   "||tags|a, b|x.conf:4\n"
				   "child|310101|key|" KEY "|x.conf:6\n");
	buf_deinit(&out);
	conf_close(c);
}

static void man_page(void **state)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	(void)state;
	conf_man(rows, N_ROWS, out);
	fclose(out);
	for (size_t i = 0; i < N_ROWS; i++) {
		char mark[64];

		snprintf(mark, sizeof(mark), rows[i].name ? "*%s* = " : "## child _TITLE_",
			rows[i].name);
		assert_non_null(strstr(text, mark));
	}
	assert_non_null(strstr(text, "Where \\*all\\* of\\_it stands. Default: /var/lib/x."));
	assert_non_null(strstr(text, "from 1MiB to 1TiB"));
	assert_non_null(strstr(text, "error|info"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_units),
		cmocka_unit_test(texts_and_lists),
		cmocka_unit_test(keys_are_literal),
		cmocka_unit_test(many_sections),
		cmocka_unit_test(sources),
		cmocka_unit_test(man_page),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
