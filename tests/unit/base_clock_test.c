/* Dates against the C library; clocks and chance that tests hold; error words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "daemon/base/clock.h"
#include "daemon/base/err.h"
#include "proto/text.h"

static int date_of_libc(uint64_t wall_ms)
{
	time_t t = (time_t)(wall_ms / 1000) + 8 * 3600;
	struct tm tm;

	gmtime_r(&t, &tm);
	return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}

static void dates_equal_the_c_library(void **state)
{
	(void)state;
	assert_int_equal(clock_date(0), 19700101);
	assert_int_equal(clock_date(16 * 3600 * 1000ULL - 1), 19700101);
	assert_int_equal(clock_date(16 * 3600 * 1000ULL), 19700102);
	assert_int_equal(clock_date(951782400000 - 1), 20000229); /* 2000-02-29 00:00 UTC - 1 ms */
	for (uint64_t day = 0; day < 366ULL * 500; day++) {
		uint64_t ms = day * 86400000 + day * 7919 % 86400000;

		assert_int_equal(clock_date(ms), date_of_libc(ms));
	}
}

static void held_clocks_stand(void **state)
{
	uint64_t before = clock_mono_us();

	(void)state;
	assert_true(clock_mono_us() >= before);
	clock_hold(5000123, 42);
	assert_true(clock_mono_us() == 5000123);
	assert_true(clock_mono_ms() == 5000);
	assert_true(clock_wall_ms() == 42);
	clock_release();
	assert_true(clock_mono_us() >= before);
	assert_true(clock_wall_ms() > 1700000000000);
}

static void chance_is_even_and_can_be_held(void **state)
{
	uint8_t a[37], b[37];
	unsigned seen[6] = { 0 };

	(void)state;
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	random_hold(1);
	random_bytes(a, sizeof a);
	random_hold(1);
	random_bytes(b, sizeof b);
	assert_memory_equal(a, b, sizeof a);
	for (int i = 0; i < 60000; i++)
		seen[random_below(6)]++;
	for (int i = 0; i < 6; i++)
		assert_in_range(seen[i], 9500, 10500);
	assert_int_equal(random_below(1), 0);
	random_release();
}

static void errors_have_words(void **state)
{
	struct errmsg m;

	(void)state;
	assert_string_equal(err_words(0), "no error");
	assert_string_equal(err_words(ERR_EXPIRED), "took too long");
	assert_string_equal(err_words(-1), "unknown error");
	assert_string_equal(err_words(9999), "unknown error");
	errmsg_set(NULL, "nobody listens");
	for (int pad = 0; pad < 8;
		pad++) { /* a cut message is valid UTF-8 wherever the cut falls */
		char text[2000] = "";

		memset(text, 'a', (size_t)pad);
		while (strlen(text) < 900)
			strcat(text, pad % 2 ? "区" : "😀é");
		errmsg_set(&m, "%s", text);
		assert_true(strlen(m.text) >= sizeof m.text - 4);
		assert_true(text_utf8_ok(text_of(m.text)));
		assert_memory_equal(m.text, text, strlen(m.text));
	}
	errmsg_set(&m, "%s", "区"); /* not cut: left as it is */
	assert_string_equal(m.text, "区");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_equal_the_c_library),
		cmocka_unit_test(held_clocks_stand),
		cmocka_unit_test(chance_is_even_and_can_be_held),
		cmocka_unit_test(errors_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
