/* Periods: what is written comes back, months add up, codes keep the order that cells are walked
 * in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/survey/period.h"

static void what_is_written_comes_back(void **state)
{
	static const struct {
		const char *text;
		int first, last; /* months of the year */
	} rows[] = { { "2019", 1, 12 }, { "2019-H1", 1, 6 }, { "2019-H2", 7, 12 },
		{ "2019-Q1", 1, 3 }, { "2019-Q4", 10, 12 }, { "2019-01", 1, 1 },
		{ "2019-06", 6, 6 }, { "2019-12", 12, 12 }, { "1950-12", 12, 12 },
		{ "2200", 1, 12 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char out[PERIOD_TEXT_MAX];
		struct period p, q;

		assert_true(period_parse(&p, text_of(rows[i].text)));
		period_print(&p, out);
		assert_string_equal(out, rows[i].text);
		assert_int_equal(period_first_month(&p), p.year * 12 + rows[i].first - 1);
		assert_int_equal(period_last_month(&p), p.year * 12 + rows[i].last - 1);
		assert_true(period_of_code(&q, period_code(&p)));
		assert_true(p.kind == q.kind && p.year == q.year && p.index == q.index);
	}
}

static void what_is_none_is_refused(void **state)
{
	static const char *const rows[] = { "", "19", "2019-", "2019-H0", "2019-H3", "2019-Q0",
		"2019-Q5", "2019-00", "2019-13", "2019-1", "2019-Q01", "2019-012", "2019/06",
		"1949", "2201", "20x9", "2019-Qx", "２０１９", "2019 ", " 2019", "2019-h1",
		"-019" };
	struct period p;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (period_parse(&p, text_of(rows[i])))
			fail_msg("taken: '%s'", rows[i]);
}

static void months_of_a_year_stand_together(void **state)
{
	(void)state;
	for (int month = 1950 * 12; month < 2200 * 12 + 11; month++) {
		struct period a = period_of_month(month), b = period_of_month(month + 1);

		assert_int_equal(period_first_month(&a), month);
		assert_int_equal(period_last_month(&a), month);
		assert_true(period_code(&a) < period_code(&b));
		if (a.year == b.year)
			assert_int_equal(period_code(&a) + 1, period_code(&b));
	}
}

static void dates_have_months(void **state)
{
	(void)state;
	assert_int_equal(month_of_date(20190630), 2019 * 12 + 5);
	assert_int_equal(month_of_date(19500101), 1950 * 12);
	assert_int_equal(month_of_date(0), 0);
	assert_int_equal(month_of_date(-1), 0);
	assert_int_equal(month_of_date(20191301), 0);
	assert_int_equal(month_of_date(20190001), 0);
	assert_int_equal(month_of_date(INT64_MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_comes_back),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(months_of_a_year_stand_together),
		cmocka_unit_test(dates_have_months),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
