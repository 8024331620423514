/* Public ids come back from their text; what begins like an occupation's code. */
#include "tests/unit/talent_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/talent/talent_row.h"

static void ids_come_back(void **state)
{
	char text[TALENT_ID_TEXT];
	uint8_t pid[PID_BYTES], back[TALENT_ID_BYTES];

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		random_bytes(pid, sizeof(pid));
		talent_id_print(pid, text);
		assert_int_equal(strlen(text), TALENT_ID_TEXT - 1);
		assert_true(talent_id_parse(text_of(text), back));
		assert_memory_equal(pid, back, TALENT_ID_BYTES);
	}
	memset(pid, 0xff, sizeof(pid));
	talent_id_print(pid, text);
	assert_string_equal(text, "TZZZZZZZZZZZZZZZZ");
	assert_true(talent_id_parse(TEXT("toooooooooooooool"), back));
	assert_memory_equal(back, "\0\0\0\0\0\0\0\0\0\1", 10);
	assert_false(talent_id_parse(TEXT("TZZZZZZZZZZZZZZZ"), back));
	assert_false(talent_id_parse(TEXT("TZZZZZZZZZZZZZZZU"), back));
	assert_false(talent_id_parse(TEXT("XZZZZZZZZZZZZZZZZ"), back));
}

static void occupations_and_their_beginnings(void **state)
{
	static const struct {
		const char *text;
		uint32_t least, most;
	} rows[] = { { "6", 6000000, 6999999 }, { "6-", 6000000, 6999999 },
		{ "6-1", 6100000, 6199999 }, { "6-18-01", 6180100, 6180199 },
		{ "6-18-01-02", 6180102, 6180102 } };
	static const char *const bad[] = { "", "x", "61", "6-18-01-02-", "6-18-01-023", "-6",
		"6_18" };
	uint32_t least, most;
	char out[12];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(talent_occupation(text_of(rows[i].text), &least, &most));
		assert_int_equal(least, rows[i].least);
		assert_int_equal(most, rows[i].most);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(talent_occupation(text_of(bad[i]), &least, &most));
	talent_occupation_print(6180102, out);
	assert_string_equal(out, "6-18-01-02");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_come_back),
		cmocka_unit_test(occupations_and_their_beginnings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
