/* Every worked case of identity-cases.tsv comes out as written there: verdict and canonical form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/check.h"

#define TODAY 20261122

static const char *const verdicts[] = { "ok", "soft", "hard" };

struct outcome {
	enum verdict verdict;
	struct text canonical;
	char out[DOC_NUMBER_MAX + CERTIFICATE_NUMBER_MAX];
};

static void judge_case(const char *kind, struct text input, struct outcome *o)
{
	const char *code;
	enum sex sex;
	int year;

	if (strcmp(kind, "uscc") == 0) {
		o->verdict = uscc_check(input, o->out, &o->canonical, &code);
	} else if (strncmp(kind, "certificate:", 12) == 0) {
		struct faults f = { 0 };
		o->canonical =
			certificate_check(text_of(kind + 12), input, 0, TEXT(""), o->out, NULL, &f);
		o->verdict = f.hard ? VERDICT_HARD : f.n ? VERDICT_SOFT : VERDICT_OK;
	} else {
		o->verdict = doc_check(
			text_of(kind), input, TODAY, o->out, &o->canonical, &sex, &year, &code);
		assert_int_equal(o->verdict == VERDICT_OK, code == NULL);
	}
}

static void worked_cases_come_out_as_written(void **state)
{
	FILE *file = fopen("tests/unit/data/identity-cases.tsv", "r");
	char line[1024];
	int cases = 0, wrong = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof line, file)) {
		char *column[5] = { line }, *end = strchr(line, '\n');
		struct outcome o = { 0 };
		struct text canonical;
		if (line[0] == '#')
			continue;
		assert_non_null(end);
		*end = '\0';
		for (int i = 1; i < 5; i++) {
			column[i] = strchr(column[i - 1], '\t');
			assert_non_null(column[i]);
			*column[i]++ = '\0';
		}
		canonical = text_of(column[3]);
		judge_case(column[0], text_of(column[1]), &o);
		if (strcmp(verdicts[o.verdict], column[2]) != 0 ||
			!text_eq(o.canonical, canonical)) {
			print_error("%s '%s': %s '%.*s', not %s '%s'\n", column[0], column[1],
				verdicts[o.verdict], (int)o.canonical.n,
				o.canonical.p ? o.canonical.p : "", column[2], column[3]);
			wrong++;
		}
		cases++;
	}
	fclose(file);
	assert_true(cases >= 50);
	assert_int_equal(wrong, 0);
}

/* What a canonical form is made of is canonical: the city sees it as it is. */
static void canonical_is_stable(void **state)
{
	static const char *const numbers[][2] = { { "111", "310224050718002" },
		{ "516", "h1234567801" }, { "553", "usa310006110525" },
		{ "990", "\xE3\x80\x80 ab\xE5\xB7\xB2 " } };

	(void)state;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct outcome once = { 0 }, twice = { 0 };
		judge_case(numbers[i][0], text_of(numbers[i][1]), &once);
		assert_int_equal(once.verdict, VERDICT_OK);
		judge_case(numbers[i][0], once.canonical, &twice);
		assert_int_equal(twice.verdict, VERDICT_OK);
		assert_true(text_eq(once.canonical, twice.canonical));
	}
}

struct told {
	const char *type, *number, *code;
	enum sex sex;
	int birth_year;
};

static void numbers_tell_sex_birth_and_fault(void **state)
{
	static const struct told cases[] = {
		{ "111", "310101190301050015", NULL, SEX_MALE, 1903 },
		{ "111", "310104190507180025", NULL, SEX_FEMALE, 1905 },
		{ "111", "310108041225017", NULL, SEX_MALE, 1904 },
		{ "553", "931392190504120018", NULL, SEX_MALE, 1905 },
		{ "553", "DEU310005041212", NULL, SEX_UNKNOWN, 0 },
		{ "553", "DEU310005041213", "W201", SEX_UNKNOWN, 0 },
		{ "516", "M12345678", NULL, SEX_UNKNOWN, 0 },
		{ "111", "310101190301050016", "E205", SEX_UNKNOWN, 0 },
		{ "111", "310101190302290010", "E204", SEX_UNKNOWN, 0 },
		{ "111", "990101190301050011", "E203", SEX_UNKNOWN, 0 },
		{ "111", "31010119030105001", "E202", SEX_UNKNOWN, 0 },
		{ "111", "3101011903010500X5", "E202", SEX_UNKNOWN, 0 },
		{ "112", "310101190301050015", "E206", SEX_UNKNOWN, 0 },
		{ "", "310101190301050015", "E206", SEX_UNKNOWN, 0 },
		{ "553", "831392190504120018", "E202", SEX_UNKNOWN, 0 },
		{ "511", "1234567", "E202", SEX_UNKNOWN, 0 },
		{ "414", "123456789012345678", "E202", SEX_UNKNOWN, 0 },
		{ "414", "12345-", "E202", SEX_UNKNOWN, 0 },
		{ "990", "ab", "E202", SEX_UNKNOWN, 0 },
		{ "990", "a\tb", "E202", SEX_UNKNOWN, 0 },
		{ "990", "a\xC0\x80", "E202", SEX_UNKNOWN, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char out[DOC_NUMBER_MAX + 1];
		struct text canonical;
		const char *code;
		enum sex sex;
		int year;
		doc_check(text_of(cases[i].type), text_of(cases[i].number), TODAY, out, &canonical,
			&sex, &year, &code);
		if (!cases[i].code)
			assert_null(code);
		else
			assert_string_equal(code, cases[i].code);
		assert_int_equal(sex, cases[i].sex);
		assert_int_equal(year, cases[i].birth_year);
	}
}

/* The same number is a fault before its birth and none after. */
static void birth_is_not_after_today(void **state)
{
	char out[DOC_NUMBER_MAX + 1];
	struct text canonical;
	const char *code;
	enum sex sex;
	int year;

	(void)state;
	assert_int_equal(doc_check(TEXT("111"), TEXT("310101190301050015"), 19030104, out,
				 &canonical, &sex, &year, &code),
		VERDICT_HARD);
	assert_string_equal(code, "E204");
	assert_int_equal(doc_check(TEXT("111"), TEXT("310101190301050015"), 19030105, out,
				 &canonical, &sex, &year, &code),
		VERDICT_OK);
}

/* Any bytes of any length are answered, and what is taken fits its buffer. */
static void random_bytes_are_answered(void **state)
{
	static const char *const types[] = { "111", "553", "516", "511", "414", "990" };
	static const char alphabet[] = "0123456789XHMAZ \xEF\xBC\x91\xE3\x80";
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 100000; round++) {
		char in[200], out[DOC_NUMBER_MAX + 1];
		size_t n = 0, want;
		struct text canonical;
		const char *code;
		enum sex sex;
		int year;
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		want = (seed >> 33) % (round % 2 ? 20 : sizeof in);
		while (n < want) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			in[n++] = alphabet[(seed >> 33) % (sizeof alphabet - 1)];
		}
		doc_check(text_of(types[round % 6]), (struct text){ in, n }, TODAY, out, &canonical,
			&sex, &year, &code);
		assert_true(canonical.n <= DOC_NUMBER_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(worked_cases_come_out_as_written),
		cmocka_unit_test(canonical_is_stable),
		cmocka_unit_test(numbers_tell_sex_birth_and_fault),
		cmocka_unit_test(birth_is_not_after_today),
		cmocka_unit_test(random_bytes_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
