/* The forms of values: dates, money, numbers, credit codes, certificates, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/check.h"
#include "proto/parse.h"

static void dates_in_every_form(void **state)
{
	static const struct {
		const char *text;
		int date;
	} cases[] = {
		{ "2019-05-01", 20190501 },
		{ "2019/5/1", 20190501 },
		{ "2019.5.1", 20190501 },
		{ "20190501", 20190501 },
		{ "2019年5月1日", 20190501 },
		{ "2019年05月01日", 20190501 },
		{ "2019-5-1", 20190501 },
		{ "\xE3\x80\x80"
		  "2019-05-01 ",
			20190501 },
		{ "２０１９年５月１日", 20190501 },
		{ "2000-02-29", 20000229 },
		{ "1900-02-29", 0 },
		{ "2019-02-29", 0 },
		{ "2020-2-29", 20200229 },
		{ "2019-13-01", 0 },
		{ "2019-00-01", 0 },
		{ "2019-04-31", 0 },
		{ "2019-04-00", 0 },
		{ "19-05-01", 0 },
		{ "2019-05", 0 },
		{ "2019-05/01", 0 },
		{ "2019-05-01x", 0 },
		{ "2019-05-011", 0 },
		{ "2019年5月1", 0 },
		{ "2019051", 0 },
		{ "201905011", 0 },
		{ "0000-01-01", 0 },
		{ "", 0 },
		{ "2019", 0 },
		{ "-2019-5-1", 0 },
		{ "2019-05-01 00:00:00", 0 },
		{ "43586", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (date_parse(text_of(cases[i].text)) != cases[i].date)
			fail_msg("%s: %d", cases[i].text, date_parse(text_of(cases[i].text)));
}

/* Against a calendar counted day by day. */
static void every_day_of_the_calendar(void **state)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int real = 0, ok = 0;

	(void)state;
	for (int y = 1890; y < 2110; y++) {
		bool leap = y % 400 == 0 || (y % 4 == 0 && y % 100 != 0);
		real += leap ? 366 : 365;
		for (int m = 0; m < 16; m++)
			for (int d = 0; d < 40; d++) {
				bool is = m >= 1 && m <= 12 && d >= 1 &&
					  d <= lengths[m - 1] + (m == 2 && leap);
				assert_int_equal(date_ok(y * 10000 + m * 100 + d), is);
				ok += is;
			}
	}
	assert_int_equal(ok, real);
	assert_false(date_ok(-20190501));
	assert_false(date_ok(0));
}

struct number {
	enum field_type type;
	const char *text;
	bool ok;
	int64_t value;
};

static void numbers_by_type(void **state)
{
	static const struct number cases[] = {
		{ FIELD_MONEY, "0", true, 0 },
		{ FIELD_MONEY, "12", true, 1200 },
		{ FIELD_MONEY, "12.3", true, 1230 },
		{ FIELD_MONEY, "12.34", true, 1234 },
		{ FIELD_MONEY, "1,234.50", true, 123450 },
		{ FIELD_MONEY, "1,234,567", true, 123456700 },
		{ FIELD_MONEY, "100000000000", true, MONEY_MAX },
		{ FIELD_MONEY, "12.345", false, 0 },
		{ FIELD_MONEY, "12.", false, 0 },
		{ FIELD_MONEY, ".5", false, 0 },
		{ FIELD_MONEY, "-1", false, 0 },
		{ FIELD_MONEY, "+1", false, 0 },
		{ FIELD_MONEY, "1,23", false, 0 },
		{ FIELD_MONEY, "1234,567", false, 0 },
		{ FIELD_MONEY, "1,2345", false, 0 },
		{ FIELD_MONEY, ",123", false, 0 },
		{ FIELD_MONEY, "1,234567", false, 0 },
		{ FIELD_MONEY, "1.2,3", false, 0 },
		{ FIELD_MONEY, "1e3", false, 0 },
		{ FIELD_MONEY, "", false, 0 },
		{ FIELD_MONEY, "1 000", false, 0 },
		{ FIELD_MONEY, "1.2.3", false, 0 },
		{ FIELD_MONEY, "¥1", false, 0 },
		{ FIELD_MONEY, "123,", false, 0 },
		{ FIELD_MONEY, "1,234.", false, 0 },
		{ FIELD_DEC1, "12.5", true, 125 },
		{ FIELD_DEC1, "12", true, 120 },
		{ FIELD_DEC1, "-0.5", true, -5 },
		{ FIELD_DEC1, "12.55", false, 0 },
		{ FIELD_DEC1, "-", false, 0 },
		{ FIELD_DEC1, "--1", false, 0 },
		{ FIELD_INT, "007", true, 7 },
		{ FIELD_INT, "1.0", false, 0 },
		{ FIELD_INT, "", false, 0 },
		{ FIELD_INT, "-1", false, 0 },
		{ FIELD_YEAR, "2019", true, 2019 },
		{ FIELD_YEAR, "19", false, 0 },
		{ FIELD_YEAR, "20190", false, 0 },
		{ FIELD_MONTH, "2019-06", true, 201906 },
		{ FIELD_MONTH, "201906", true, 201906 },
		{ FIELD_MONTH, "2019年6月", true, 201906 },
		{ FIELD_MONTH, "2019-13", false, 0 },
		{ FIELD_MONTH, "2019", false, 0 },
		{ FIELD_BOOL, "1", true, 1 },
		{ FIELD_BOOL, "0", true, 0 },
		{ FIELD_BOOL, "是", true, 1 },
		{ FIELD_BOOL, "否", true, 0 },
		{ FIELD_BOOL, "TRUE", true, 1 },
		{ FIELD_BOOL, "no", true, 0 },
		{ FIELD_BOOL, "2", false, 0 },
		{ FIELD_BOOL, "", false, 0 },
		{ FIELD_BOOL, "yesyesyes", false, 0 },
		{ FIELD_TEXT, "1", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t v;
		bool ok = parse_number(cases[i].type, text_of(cases[i].text), &v);
		if (ok != cases[i].ok || (ok && v != cases[i].value))
			fail_msg(
				"%d '%s': %d %lld", cases[i].type, cases[i].text, ok, (long long)v);
	}
}

/* However many digits: in form, and out of range. */
static void large_numbers_saturate(void **state)
{
	char digits[60];
	int64_t v;

	(void)state;
	memset(digits, '9', sizeof digits);
	for (size_t n = 15; n < sizeof digits; n++) {
		assert_true(parse_number(FIELD_MONEY, (struct text){ digits, n }, &v));
		assert_string_equal(number_fault(FIELD_MONEY, v, 20261122), "E108");
		assert_true(parse_number(FIELD_INT, (struct text){ digits, n }, &v));
		assert_string_equal(number_fault(FIELD_INT, v, 20261122), "E114");
		assert_true(parse_number(FIELD_DEC1, (struct text){ digits, n }, &v));
		assert_string_equal(number_fault(FIELD_DEC1, v, 20261122), "E114");
	}
	assert_null(number_fault(FIELD_MONEY, MONEY_MAX, 20261122));
	assert_string_equal(number_fault(FIELD_MONEY, MONEY_MAX + 1, 20261122), "E108");
}

static void dates_are_in_range(void **state)
{
	(void)state;
	assert_null(number_fault(FIELD_DATE, 19500101, 20261122));
	assert_string_equal(number_fault(FIELD_DATE, 19491231, 20261122), "E106");
	assert_null(number_fault(FIELD_DATE, 20311231, 20261122));
	assert_string_equal(number_fault(FIELD_DATE, 20320101, 20261122), "E106");
	assert_string_equal(number_fault(FIELD_YEAR, 2032, 20261122), "E112");
	assert_string_equal(number_fault(FIELD_MONTH, 201913, 20261122), "E113");
	assert_string_equal(number_fault(FIELD_BOOL, 2, 20261122), "E111");
}

/* One character of a good code changed in any way: never taken as well-formed and hard-checked. */
static void a_changed_credit_code_is_refused(void **state)
{
	static const char good[] = "91310101MA1T000136",
			  alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXYIOSVZ";
	const char *code;

	(void)state;
	assert_int_equal(uscc_judge(TEXT("91310101MA1T000136"), &code), VERDICT_OK);
	for (int i = 0; i < 18; i++)
		for (const char *c = alphabet; *c; c++) {
			char changed[18];
			memcpy(changed, good, sizeof changed);
			if (*c == changed[i])
				continue;
			changed[i] = *c;
			assert_int_equal(
				uscc_judge((struct text){ changed, 18 }, &code), VERDICT_HARD);
		}
	assert_int_equal(uscc_judge(TEXT(""), &code), VERDICT_HARD);
	assert_int_equal(uscc_judge(TEXT("91310101MA1T00013\xFF"), &code), VERDICT_HARD);
}

/* Rural cooperatives begin with N; B is no department. */
static void departments_of_credit_codes(void **state)
{
	static const char taken[] = "123456789ANY", first[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

	(void)state;
	for (const char *c = first; *c; c++) {
		char code[18] = "91310101MA1T00013";
		const char *fault = "E212";
		code[0] = *c;
		for (const char *last = first; *last && strcmp(fault, "E212") == 0; last++) {
			code[17] = *last;
			if (uscc_judge((struct text){ code, 18 }, &fault) == VERDICT_OK)
				fault = "";
		}
		assert_string_equal(fault, strchr(taken, *c) ? "" : "E213");
	}
}

struct paper {
	const char *kind, *number;
	int year;
	const char *level, *canonical, *fault;
};

static void certificates_agree_inside(void **state)
{
	static const struct paper cases[] = {
		{ "level_employer", "Y000131000456221000007", 2022, "1", "Y000131000456221000007",
			NULL },
		{ "level_employer", "Y000131000456221000007", 2023, "1", "Y000131000456221000007",
			"W221" },
		{ "level_employer", "Y000131000456221000007", 2022, "2", "Y000131000456221000007",
			"W222" },
		{ "level_employer", "Y000132000456221000007", 2022, "1", "Y000132000456221000007",
			"W223" },
		{ "level_employer", "Y00013100045622T000007", 2022, "T", "Y00013100045622T000007",
			NULL },
		{ "level_employer", "Y00013100045622T000007", 2022, "1", "Y00013100045622T000007",
			"W222" },
		{ "level_employer", "Y000131000456221000007", 2022, "T", "Y000131000456221000007",
			"W222" },
		{ "level_employer", "Y0001310004562210000070", 2022, "1", "", "E221" },
		{ "level_employer", "Y0001310004562210x0007", 2022, "1", "", "E221" },
		{ "qualification", "1809001023300456", 2018, "3", "1809001023300456", NULL },
		{ "qualification", "1809001023300456", 2017, "3", "1809001023300456", "W221" },
		{ "qualification", "0012345678901", 2005, "4", "0000012345678901", NULL },
		{ "qualification", "0000012345678901", 2005, "4", "0000012345678901", NULL },
		{ "qualification", "180900102330045", 2018, "3", "", "E221" },
		{ "special", " 专项 No.1/a ", 2018, "", "专项 No.1/a", NULL },
		{ "special", "1234567890123456789012345678901234567890", 0, "",
			"1234567890123456789012345678901234567890", NULL },
		{ "special", "12345678901234567890123456789012345678901", 0, "", "", "E221" },
		{ "special", "", 0, "", "", "E221" },
		{ "foreign", "a\x07", 0, "", "", "E221" },
		{ "nothing", "1", 0, "", "", "E221" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char out[CERTIFICATE_NUMBER_MAX + 1];
		struct faults f = { 0 };
		struct text c = certificate_check(text_of(cases[i].kind), text_of(cases[i].number),
			cases[i].year, text_of(cases[i].level), out, NULL, &f);
		if (!text_is(c, cases[i].canonical) || f.n != (cases[i].fault != NULL) ||
			(f.n && strcmp(f.at[0].def->code, cases[i].fault) != 0))
			fail_msg("%s %s: '%.*s' %s", cases[i].kind, cases[i].number, (int)c.n,
				c.p ? c.p : "", f.n ? f.at[0].def->code : "-");
	}
}

static void utf8_is_strict(void **state)
{
	static const struct {
		const char *bytes;
		bool ok;
	} cases[] = { { "abc", true }, { "技能", true }, { "\xF0\x9F\x98\x80", true },
		{ "\xF4\x8F\xBF\xBF", true }, { "\xF4\x90\x80\x80", false },
		{ "\xED\x9F\xBF", true }, { "\xED\xA0\x80", false }, { "\xC0\x80", false },
		{ "\xC1\xBF", false }, { "\xE0\x9F\xBF", false }, { "\xF0\x8F\xBF\xBF", false },
		{ "\x80", false }, { "abcdefgh\xE6\x8A", false }, { "\xFF", false },
		{ "\xF8\x88\x80\x80\x80", false } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(text_utf8_ok(text_of(cases[i].bytes)), cases[i].ok);
	assert_true(text_utf8_ok((struct text){ NULL, 0 }));
	assert_int_equal(text_chars(TEXT("技能a")), 3);
}

static void spaces_and_widths(void **state)
{
	char out[32];

	(void)state;
	assert_true(text_is(text_trim(TEXT("\xE3\x80\x80 \ta b\xE3\x80\x80\xE3\x80\x80")), "a b"));
	assert_int_equal(text_trim(TEXT(" \xE3\x80\x80\t")).n, 0);
	assert_int_equal(text_trim((struct text){ NULL, 0 }).n, 0);
	assert_true(text_is(
		normalise(TEXT("\xE3\x80\x80Ａｚ０９－x"), false, out, sizeof out), "Az09－x"));
	assert_true(text_is(normalise(TEXT("Ａｚx"), true, out, sizeof out), "AZX"));
	assert_true(text_is(normalise(TEXT("\xEF\xBC"), true, out, sizeof out), "\xEF\xBC"));
	assert_true(text_is(normalise(TEXT("abc"), false, out, 3), "abc"));
	assert_null(normalise(TEXT("abcd"), false, out, 3).p);
	assert_true(text_cmp(TEXT("a"), TEXT("ab")) < 0 && text_cmp(TEXT("b"), TEXT("ab")) > 0);
	assert_int_equal(text_cmp(TEXT("ab"), TEXT("ab")), 0);
	assert_true(text_cmp((struct text){ NULL, 0 }, TEXT("a")) < 0);
}

static void names_keep_what_they_are(void **state)
{
	char name[64 * 3 + 3], out[sizeof name];

	(void)state;
	assert_true(text_is(name_normalise(TEXT(" 甲•乙．丙·丁 "), out), "甲·乙·丙·丁"));
	assert_true(text_is(name_normalise(TEXT("Ａ b"), out), "Ａ b"));
	for (int i = 0; i < 65; i++)
		memcpy(name + 3 * i, "名", 3);
	assert_null(name_fault((struct text){ name, 64 * 3 }));
	assert_string_equal(name_fault((struct text){ name, 65 * 3 }), "E201");
	assert_string_equal(name_fault(TEXT("")), "E201");
}

static void names_alone_are_seen(void **state)
{
	static const struct {
		const char *text;
		bool names;
	} cases[] = {
		{ "甲乙", true },
		{ "甲乙丙丁", true },
		{ "甲乙丙丁戊", false },
		{ "甲", false },
		{ "甲乙丙丁·戊己", true },
		{ "甲·乙", true },
		{ "甲·", false },
		{ "··", false },
		{ "甲•乙丙丁戊", true },
		{ "甲．乙丙丁戊", true },
		{ "甲‧乙丙丁戊", true },
		{ "甲・乙丙丁戊", true },
		/* spaces inside a name, and between names */
		{ "甲 乙", true },
		{ "甲　乙", true },
		{ "甲 乙 丙 丁", true },
		{ "甲 乙 丙 丁 戊", false },
		{ "甲乙 丙丁 戊己", true },
		{ "甲乙　丙丁戊", true },
		{ "甲乙 丙", true },
		{ "甲乙丙 丁 戊己", false },
		/* lists */
		{ "甲乙、丙丁", true },
		{ "甲乙，丙丁；戊己／庚辛", true },
		{ "甲乙,丙丁;戊己/庚辛\\壬癸|子丑&寅卯+辰巳", true },
		{ "甲　乙、丙丁戊", true },
		{ "甲乙、丙", false },
		{ "甲乙、丙1", false },
		{ "甲乙、", true },
		{ "、/ ,", false },
		{ "甲乙丙丁戊、己庚", false },
		/* characters beyond the first plane, and beside the block */
		{ "\xF0\xA0\x80\x80乙", true },
		{ "\xEF\xA4\x80乙", true },
		{ "\xF0\x9F\x98\x80乙丙", false },
		{ "あい", false },
		/* codes */
		{ "", false },
		{ "甲乙1", false },
		{ "甲乙A", false },
		{ "M甲乙", false },
		{ "M-01", false },
		{ "Z.S.", false },
		{ "第1组", false },
		{ "甲乙（丙）", false },
		{ "甲乙-丙丁", false },
		{ "T0123456789ABCDEF", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (text_names_only(text_of(cases[i].text)) != cases[i].names)
			fail_msg("%s", cases[i].text);
	/* Cut anywhere, it is still read within its bytes. */
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t n = 0; n <= strlen(cases[i].text); n++) {
			char *copy = malloc(n ? n : 1);

			assert_non_null(copy);
			memcpy(copy, cases[i].text, n);
			text_names_only((struct text){ copy, n });
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_in_every_form),
		cmocka_unit_test(every_day_of_the_calendar),
		cmocka_unit_test(numbers_by_type),
		cmocka_unit_test(large_numbers_saturate),
		cmocka_unit_test(dates_are_in_range),
		cmocka_unit_test(a_changed_credit_code_is_refused),
		cmocka_unit_test(departments_of_credit_codes),
		cmocka_unit_test(certificates_agree_inside),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(spaces_and_widths),
		cmocka_unit_test(names_keep_what_they_are),
		cmocka_unit_test(names_alone_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
