/* Width of mixed text, aligned tables, objects as lines; nothing from a record may steer the
 * terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/ctl/table.h"
#include "daemon/ctl/width.h"

static void chinese_takes_two_columns(void **state)
{
	(void)state;
	assert_int_equal(width_of(TEXT("")), 0);
	assert_int_equal(width_of(TEXT("abc")), 3);
	assert_int_equal(width_of(TEXT("浦东新区")), 8);
	assert_int_equal(width_of(TEXT("ａ（）")), 6);
	assert_int_equal(width_of(TEXT("e\xcc\x81")), 1); /* e and a combining accent */
	assert_int_equal(width_of(TEXT("𠮷")), 2);
	assert_int_equal(width_of(TEXT("·–é")), 3);
}

static void nothing_steers_the_terminal(void **state)
{
	(void)state;
	struct buf b = { 0 };
	struct text bad = TEXT("a\x1b[31mb\r\nc\t\xff\xe6\xb5\xe2\x80\xae"
			       "d");
	width_put(&b, bad);
	assert_int_equal(strcspn(b.p, "\x1b\r\n\t\xff"), b.n);
	assert_string_equal(b.p,
		"a\xef\xbf\xbd[31mb  c \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		"d");
	assert_int_equal(width_of(bad), width_of(buf_as_text(&b)));
	buf_deinit(&b);
}

/* Any bytes: what is written is valid UTF-8, and as wide as was said. */
static void any_bytes_are_drawn_as_wide_as_said(void **state)
{
	(void)state;
	struct buf b = { 0 };
	srand(7);
	for (int i = 0; i < 20000; i++) {
		char bytes[12];
		size_t n = (size_t)(rand() % 12);
		for (size_t j = 0; j < n; j++)
			bytes[j] = (char)(rand() % 3 ? 0x80 + rand() % 128 : rand() % 256);
		char *exact = malloc(n ? n : 1);
		memcpy(exact, bytes, n);
		buf_reset(&b);
		width_put(&b, (struct text){ exact, n });
		assert_true(text_utf8_ok(buf_as_text(&b)));
		assert_int_equal(width_of((struct text){ exact, n }), width_of(buf_as_text(&b)));
		free(exact);
	}
	buf_deinit(&b);
}

static void prints(const char *json, bool table, bool zh, const char *expected)
{
	struct buf b = { 0 };
	json_error_t e;
	json_t *v = json_loads(json, JSON_DECODE_ANY, &e);
	if (!v)
		fail_msg("%s", e.text);
	if (table)
		assert_int_equal(table_print(&b, v, zh), 0);
	else
		object_print(&b, v);
	assert_string_equal(b.p ? b.p : "", expected);
	buf_deinit(&b);
	json_decref(v);
}

#define DISTRICTS \
	"{\"columns\": [{\"name\": \"area\", \"zh\": \"地区\", \"en\": \"area\"}," \
	"{\"name\": \"n\", \"zh\": \"人次\", \"en\": \"events\", \"right\": true}," \
	"{\"name\": \"state\"}]," \
	"\"rows\": [[\"浦东新区\", \"12\", \"open\"], [\"黄浦区\", \"3456789\", null], " \
	"[\"all\"]]," \
	"\"notes\": [\"a note\"]}"

static void tables_are_aligned(void **state)
{
	(void)state;
	prints(DISTRICTS, true, true,
		"地区         人次  state\n"
		"浦东新区       12  open\n"
		"黄浦区    3456789\n"
		"all\n"
		"a note\n");
	prints(DISTRICTS, true, false,
		"area       events  state\n"
		"浦东新区       12  open\n"
		"黄浦区    3456789\n"
		"all\n"
		"a note\n");
	prints("{\"columns\": [{\"name\": \"a\"}], \"rows\": []}", true, false, "a\n");
}

static void what_is_no_table_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "{}", "[]", "{\"columns\": [], \"rows\": []}",
		"{\"columns\": {}, \"rows\": []}", "{\"columns\": [{\"name\": \"a\"}]}" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct buf b = { 0 };
		json_t *v = json_loads(bad[i], 0, NULL);
		assert_int_equal(table_print(&b, v, false), ERR_INVALID);
		json_decref(v);
		buf_deinit(&b);
	}
	/* rows and cells of any shape do no harm */
	struct buf b = { 0 };
	json_t *v = json_loads("{\"columns\": [1, {\"name\": 2}], \"rows\": [1, [[], {\"a\": 1}], "
			       "[true, 1.5]], \"notes\": 3}",
		0, NULL);
	assert_int_equal(table_print(&b, v, false), 0);
	json_decref(v);
	buf_deinit(&b);
}

static void objects_are_lines_and_small_tables(void **state)
{
	(void)state;
	prints("{\"role\": \"collector\", \"up\": true, \"error\": null, \"age\": 0.25,"
	       " \"ledger\": {\"next\": 812345, \"oldest\": 1},"
	       " \"parents\": [{\"name\": \"city\", \"acked\": 5}, {\"name\": \"市\", \"acked\": "
	       "12, \"error\": \"x\"}],"
	       " \"tags\": [\"a\", 1], \"none\": [], \"empty\": {}}",
		false, false,
		"role: collector\n"
		"up: yes\n"
		"error: -\n"
		"age: 0.25\n"
		"ledger:\n"
		"  next: 812345\n"
		"  oldest: 1\n"
		"parents:\n"
		"  name  acked  error\n"
		"  city      5  -\n"
		"  市       12  x\n"
		"tags: a, 1\n"
		"none: -\n"
		"empty: -\n");
	prints("[{\"a\": 1}, {\"a\": 22}]", false, false, " a\n 1\n22\n");
	prints("\"words\"", false, false, "words\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chinese_takes_two_columns),
		cmocka_unit_test(nothing_steers_the_terminal),
		cmocka_unit_test(any_bytes_are_drawn_as_wide_as_said),
		cmocka_unit_test(tables_are_aligned),
		cmocka_unit_test(what_is_no_table_is_refused),
		cmocka_unit_test(objects_are_lines_and_small_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
