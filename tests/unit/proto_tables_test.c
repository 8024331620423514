/* The tables fit together: registers, messages, rules, faults, codes. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/check.h"
#include "proto/rules.h"

static void every_row_is_bound(void **state)
{
	const char *sentence = registers_init();
	size_t n;

	(void)state;
	if (sentence)
		fail_msg("%s", sentence);
	registers(&n);
	assert_int_equal(n, 18);
	assert_null(registers_init());
}

static void registers_are_found_by_name(void **state)
{
	const struct reg *training = register_find(TEXT("training"));

	(void)state;
	assert_non_null(training);
	assert_string_equal(training->name, "training");
	assert_null(register_find(TEXT("trainin")));
	assert_null(register_find(TEXT("training2")));
	assert_null(register_find((struct text){ NULL, 0 }));
}

/* By either header; a field keeps its place, and its message field has its name. */
static void fields_are_found_by_either_header(void **state)
{
	size_t n;
	const struct reg *regs = registers(&n);

	(void)state;
	for (size_t r = 0; r < n; r++) {
		for (size_t i = 0; i < regs[r].n_fields; i++) {
			const struct field *f = &regs[r].fields[i];
			assert_int_equal(register_field(&regs[r], text_of(f->name)), i);
			assert_int_equal(register_field(&regs[r], text_of(f->zh)), i);
			assert_int_equal(f->type >= FIELD_NAME, f->pb == NULL);
			assert_int_equal(f->type >= FIELD_NAME, f->person >= 0);
			if (f->pb)
				assert_string_equal(f->pb->name, f->name);
		}
		assert_int_equal(register_field(&regs[r], TEXT("no such column")), -1);
		assert_int_equal(register_field(&regs[r], TEXT("")), -1);
	}
}

/* A message holds what the table names and the persons, nothing else: identities cannot slip in. */
static void messages_hold_nothing_else(void **state)
{
	size_t n;
	const struct reg *regs = registers(&n);

	(void)state;
	for (size_t r = 0; r < n; r++) {
		size_t named = 0;
		for (size_t i = 0; i < regs[r].n_fields; i++)
			named += regs[r].fields[i].pb != NULL;
		assert_int_equal(regs[r].pb->n_fields, named + 4 * regs[r].n_persons);
	}
}

static void keys_are_as_the_table_counts_them(void **state)
{
	const struct reg *person = register_find(TEXT("person")),
			 *demand = register_find(TEXT("demand"));

	(void)state;
	assert_int_equal(person->key[0], -1);
	assert_int_equal(person->key[1], register_field(person, TEXT("as_of")));
	assert_int_equal(person->key[2], -2);
	assert_int_equal(demand->key[3], register_field(demand, TEXT("level")));
	assert_int_equal(demand->key[4], -2);
}

static void fault_codes_are_unique_and_worded(void **state)
{
	size_t n;
	const struct fault_def *defs = fault_defs(&n);

	(void)state;
	assert_true(n > 40);
	for (size_t i = 0; i < n; i++) {
		assert_true(defs[i].code[0] == 'E' || defs[i].code[0] == 'W');
		assert_int_equal(strlen(defs[i].code), 4);
		for (int k = 1; k < 4; k++)
			assert_true(isdigit((unsigned char)defs[i].code[k]));
		assert_true(defs[i].zh[0] && defs[i].en[0]);
		assert_true(text_utf8_ok(text_of(defs[i].zh)));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(defs[i].code, defs[k].code);
	}
}

/* A rule's own fault exists, and so does that of a pattern; every kind of certificate has a
 * pattern. */
static void rules_name_faults_and_kinds(void **state)
{
	const struct code_list *kinds = code_list_find(TEXT("certificate_kind"));

	(void)state;
	assert_true(table_n_rules > 30);
	for (size_t i = 0; i < table_n_rules; i++)
		assert_non_null(fault_find(table_rules[i].fault));
	for (size_t i = 0; i < table_n_patterns; i++) {
		assert_non_null(fault_find(table_patterns[i].fault));
		assert_true(code_index(kinds, text_of(table_patterns[i].kind)) >= 0);
	}
	for (size_t k = 0; k < kinds->n; k++) {
		bool found = false;
		for (size_t i = 0; i < table_n_patterns; i++)
			found |= strcmp(table_patterns[i].kind, kinds->at[k].code) == 0;
		assert_true(found);
	}
}

/* What does not fit is said, not taken. */
static void wrong_rules_are_refused(void **state)
{
	static const struct table_rule wrong[] = {
		{ "training", "nobody", "E401", "required_when", { "result", "completed", "" } },
		{ "training", "ended_on", "E999", "required_when", { "result", "completed", "" } },
		{ "training", "ended_on", "E401", "wanted_when", { "result", "completed", "" } },
		{ "training", "ended_on", "E401", "required_when", { "nobody", "completed", "" } },
		{ "training", "ended_on", "E401", "required_when", { "result", "complete", "" } },
		{ "training", "ended_on", "E401", "required_when", { "result", "", "" } },
		{ "training", "ended_on", "E401", "required_when", { "fee", "1", "" } },
		{ "training", "ended_on", "E403", "not_before", { "class_no", "", "" } },
		{ "training", "class_no", "E403", "not_before", { "ended_on", "", "" } },
		{ "training", "hours_online", "E405", "between", { "0", "many", "" } },
		{ "training", "fee", "W403", "age", { "enrolled_on", "16", "65" } },
	};
	const struct reg *reg = register_find(TEXT("training"));
	struct rule rule;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_non_null(rule_bind(reg, &wrong[i], &rule));
}

static void codes_are_found_exactly(void **state)
{
	const struct code_list *level = code_list_find(TEXT("level"));

	(void)state;
	assert_non_null(level);
	assert_null(code_list_find(TEXT("levels")));
	for (size_t i = 0; i < level->n; i++) {
		assert_int_equal(code_index(level, text_of(level->at[i].code)), i);
		assert_int_equal(code_index_any(level, text_of(level->at[i].zh)), i);
		assert_int_equal(code_index(level, text_of(level->at[i].zh)), -1);
	}
	assert_int_equal(code_index(level, TEXT("")), -1);
	assert_int_equal(code_index(level, TEXT("T\0")), -1);
	assert_int_equal(code_index(level, TEXT("\0")), -1);
	assert_int_equal(code_index(level, TEXT("TT")), -1);
	assert_int_equal(code_index(code_list_find(TEXT("certificate_kind")), TEXT("level")), -1);
}

/* No list holds a code or a text twice: a clerk's word has one meaning. */
static void lists_are_without_repeats(void **state)
{
	size_t n;
	const struct code_list *lists = code_lists(&n);

	(void)state;
	for (size_t l = 0; l < n; l++)
		for (size_t i = 0; i < lists[l].n; i++) {
			assert_int_equal(code_index(&lists[l], text_of(lists[l].at[i].code)), i);
			assert_int_equal(code_index_any(&lists[l], text_of(lists[l].at[i].zh)), i);
		}
}

static void levels_are_ranked(void **state)
{
	static const char order[] = "854321TS";

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(level_rank((struct text){ order + i, 1 }), i);
	assert_int_equal(level_rank(TEXT("9")), -1);
	assert_int_equal(level_rank(TEXT("")), -1);
	assert_int_equal(level_rank(TEXT("\0")), -1);
	assert_int_equal(level_rank(TEXT("54")), -1);
}

static void districts_of_today_and_before(void **state)
{
	(void)state;
	assert_true(district_known(310101));
	assert_true(district_known(310151));
	assert_false(district_known(310000));
	assert_false(district_known(310108));
	assert_false(district_known(0));
	assert_false(district_known(UINT32_MAX));
	assert_int_equal(district_now(310115), 310115);
	assert_int_equal(district_now(310108), 310106);
	assert_int_equal(district_now(310230), 310151);
	assert_int_equal(district_now(310000), 0);
}

/* Each row of the table is found; what lies between is not. */
static void occupations_are_found(void **state)
{
	char code[16];

	(void)state;
	assert_true(table_n_occupations > 1600);
	for (size_t i = 0; i < table_n_occupations; i++) {
		uint32_t n = table_occupations[i];
		snprintf(code, sizeof code, "%u-%02u-%02u-%02u", n / 1000000, n / 10000 % 100,
			n / 100 % 100, n % 100);
		assert_int_equal(occupation_check(text_of(code)), OCC_OK);
		assert_ptr_equal(occupation_name(text_of(code)), table_occupation_names[i]);
		if (i > 0)
			assert_true(table_occupations[i - 1] < n);
	}
	assert_int_equal(occupation_check(TEXT("1-00-00-00")), OCC_UNKNOWN);
	assert_int_equal(occupation_check(TEXT("0-00-00-00")), OCC_UNKNOWN);
	assert_int_equal(occupation_check(TEXT("9-99-99-99")), OCC_UNKNOWN);
	assert_int_equal(occupation_check(TEXT("1-01-00-1")), OCC_BAD);
	assert_int_equal(occupation_check(TEXT("1.01.00.01")), OCC_BAD);
	assert_int_equal(occupation_check(TEXT("")), OCC_BAD);
	assert_null(occupation_name(TEXT("9-99-99-99")));
	assert_null(occupation_name(TEXT("x")));
}

static int setup(void **state)
{
	(void)state;
	registers_init();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_bound),
		cmocka_unit_test(registers_are_found_by_name),
		cmocka_unit_test(fields_are_found_by_either_header),
		cmocka_unit_test(messages_hold_nothing_else),
		cmocka_unit_test(keys_are_as_the_table_counts_them),
		cmocka_unit_test(fault_codes_are_unique_and_worded),
		cmocka_unit_test(rules_name_faults_and_kinds),
		cmocka_unit_test(wrong_rules_are_refused),
		cmocka_unit_test(codes_are_found_exactly),
		cmocka_unit_test(lists_are_without_repeats),
		cmocka_unit_test(levels_are_ranked),
		cmocka_unit_test(districts_of_today_and_before),
		cmocka_unit_test(occupations_are_found),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
