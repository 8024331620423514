/* Numbers and dates of workbooks, against arithmetic done elsewhere. */
#include "reader_fixture.h"

#include <time.h>

#include "daemon/base/clock.h"
#include "daemon/reader/number.h"
#include "daemon/reader/styles.h"

static void expect_number(const char *in, const char *out, enum number_verdict verdict)
{
	char got[NUMBER_TEXT_MAX];

	assert_int_equal(number_plain(got, text_of(in)), verdict);
	assert_string_equal(got, out);
}

static void numbers(void **state)
{
	(void)state;
	expect_number("0", "0", NUMBER_GOOD);
	expect_number("12", "12", NUMBER_GOOD);
	expect_number("12.5", "12.5", NUMBER_GOOD);
	expect_number("-12.5", "-12.5", NUMBER_GOOD);
	expect_number("12.0", "12", NUMBER_GOOD);
	expect_number("1e6", "1000000", NUMBER_GOOD);
	expect_number("1.0E+6", "1000000", NUMBER_GOOD);
	expect_number("1.5E-3", "0.0015", NUMBER_GOOD);
	expect_number("0.1", "0.1", NUMBER_GOOD);
	expect_number(".5", "0.5", NUMBER_GOOD);
	expect_number("5.", "5", NUMBER_GOOD);
	expect_number("-0", "0", NUMBER_GOOD);
	expect_number("12.300000000000001", "12.3", NUMBER_GOOD);
	expect_number("0.30000000000000004", "0.3", NUMBER_GOOD);
	expect_number("123456789012345", "123456789012345", NUMBER_GOOD);
	expect_number("999999999999999", "999999999999999", NUMBER_GOOD);
	expect_number("1.23456789012345E14", "123456789012345", NUMBER_GOOD);
	expect_number("-99999.99", "-99999.99", NUMBER_GOOD);
	expect_number("1e-40", "0", NUMBER_GOOD);
	expect_number("5e-20", "0.00000000000000000005", NUMBER_GOOD);
	expect_number("1234567890123456", "1234567890123460", NUMBER_LONG);
	expect_number("3.10101190301050015E17", "310101190301050000", NUMBER_LONG);
	expect_number("1e15", "1000000000000000", NUMBER_LONG);
	expect_number("1e300", "1e300", NUMBER_LONG);
	expect_number("1e999", "", NUMBER_NONE);
	expect_number("", "", NUMBER_NONE);
	expect_number("-", "", NUMBER_NONE);
	expect_number("nan", "", NUMBER_NONE);
	expect_number("inf", "", NUMBER_NONE);
	expect_number("0x10", "", NUMBER_NONE);
	expect_number("1 2", "", NUMBER_NONE);
	expect_number("1e", "", NUMBER_NONE);
	expect_number("1,5", "", NUMBER_NONE);
	expect_number("1.2.3", "", NUMBER_NONE);
	expect_number("1111111111111111111111111111111111111111111111111111111111111111", "",
		NUMBER_NONE);
}

/* Fen and halves as doubles print, and come back. */
static void random_numbers(void **state)
{
	(void)state;
	random_hold(7);
	for (int i = 0; i < 200000; i++) {
		char in[40], out[NUMBER_TEXT_MAX], expected[40];
		int64_t v = (int64_t)random_below(i % 2 ? 1000 : 10000000000000);

		(void)snprintf(in, sizeof in, i % 3 ? "%.17g" : "%.16e", (double)v / 100);
		(void)snprintf(expected, sizeof expected, "%lld.%02lld", (long long)v / 100,
			(long long)v % 100);
		for (size_t n = strlen(expected); expected[n - 1] == '0'; n--)
			expected[n - 1] = 0;
		if (expected[strlen(expected) - 1] == '.')
			expected[strlen(expected) - 1] = 0;
		assert_int_equal(number_plain(out, text_of(in)), NUMBER_GOOD);
		assert_string_equal(out, expected);
	}
	random_release();
}

static void expect_date(const char *serial, bool since_1904, const char *date)
{
	char got[DATE_TEXT_MAX] = "";

	assert_int_equal(number_date(got, text_of(serial), since_1904), date != NULL);
	assert_string_equal(got, date ? date : "");
}

static void dates(void **state)
{
	(void)state;
	expect_date("1", false, "1900-01-01");
	expect_date("59", false, "1900-02-28");
	expect_date("60", false, NULL);
	expect_date("61", false, "1900-03-01");
	expect_date("36526", false, "2000-01-01");
	expect_date("43586", false, "2019-05-01");
	expect_date("43586.75", false, "2019-05-01");
	expect_date("43586.9999999", false, "2019-05-02"); /* a moment before midnight: noise */
	expect_date("43586.99998", false, "2019-05-01");
	expect_date("2958465", false, "9999-12-31");
	expect_date("2958466", false, NULL);
	expect_date("0", false, NULL);
	expect_date("0.5", false, NULL);
	expect_date("-1", false, NULL);
	expect_date("x", false, NULL);
	expect_date("0", true, "1904-01-01");
	expect_date("42124", true, "2019-05-01");
}

/* Every day, against the C library. */
static void every_day(void **state)
{
	(void)state;
	for (int day = 61; day < 80000; day++) {
		time_t t = ((time_t)day - 25569) * 86400;
		char serial[16], got[DATE_TEXT_MAX], expected[16];
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(expected, sizeof expected, "%Y-%m-%d", &tm);
		(void)snprintf(serial, sizeof serial, "%d", day);
		assert_true(number_date(got, text_of(serial), false));
		assert_string_equal(got, expected);
	}
}

static void formats(void **state)
{
	static const char *const are[] = { "yyyy-mm-dd", "m/d/yyyy", "YYYY/M/D", "d", "mmm-yy",
		"yyyy\"年\"m\"月\"d\"日\"", "yyyy\"年\"m\"月\"", "m\"月\"", "mmmm", "[$-804]aaaa",
		"[$-404]e\"年\"m\"月\"", "[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy",
		"yyyy/m/d h:mm AM/PM", "[Red]yyyy-mm-dd;@", "yyyy年m月d日", "[$-409]h:mm:ss d" };
	static const char *const are_not[] = { "General", "general", "0.00", "#,##0.00", "0.00E+00",
		"0e-0", "h:mm", "h:mm:ss AM/PM", "mm:ss", "[h]:mm:ss", "mm:ss.0", "@", "0%",
		"\"day\"0", "[Red]0.00", "0\\d", "0_d", "*d0", "[$¥-804]#,##0", "0;yyyy", "",
		"[dddd", "\"dddd", "\\", "_", "G/通用格式", "上午/下午h\"时\"mm\"分\"" };

	(void)state;
	for (size_t i = 0; i < sizeof are / sizeof *are; i++)
		if (!styles_format_is_date(are[i]))
			fail_msg("%s is a date", are[i]);
	for (size_t i = 0; i < sizeof are_not / sizeof *are_not; i++)
		if (styles_format_is_date(are_not[i]))
			fail_msg("%s is no date", are_not[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(random_numbers),
		cmocka_unit_test(dates),
		cmocka_unit_test(every_day),
		cmocka_unit_test(formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
