/* Texts that name somebody, and those that only look alike. Numbers are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/identity/named.h"

static void numbers_are_found(void **state)
{
	static const char *const yes[] = { "310101190301050015", "because of 310101190301050015",
		"x310101190301050015x", "31010119030101038X twice", "31010119030101038x",
		"见３１０１０１１９０３０１０５００１５号", "call 13800000001", "13800000001",
		"old: 310101030105001" };
	static const char *const no[] = { "", "entered twice", "310101190301050016" /* its check */,
		"Y000031123456193000001", "2019031004310001", "91310101MA1T000136", "12800000001",
		"138000000012", "1380000000", "T1", "310101199913050015", "张三",
		"0310101190301050015" };

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!text_names_somebody(text_of(yes[i])))
			fail_msg("not found: %s", yes[i]);
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (text_names_somebody(text_of(no[i])))
			fail_msg("found: %s", no[i]);
}

static void a_row_that_names_its_own_person(void **state)
{
	struct row row = { .reg = register_find(TEXT("training")) };
	struct identity ids[REGISTER_PERSONS_MAX] = { { .name = TEXT("王甲子"),
		.doc_type = TEXT("111"),
		.doc_number = TEXT("31010119030101038X"),
		.phone = TEXT("13800000001"),
		.present = true } };
	int key = register_field(row.reg, TEXT("enrolment_no")),
	    own = register_field(row.reg, TEXT("doc_number"));

	(void)state;
	row.cells[own] = TEXT("31010119030101038X");
	row.cells[key] = TEXT("T1");
	assert_null(row_names_own(&row, ids));
	row.cells[key] = TEXT("T31010119030101038x");
	assert_ptr_equal(row_names_own(&row, ids), &row.reg->fields[key]);
	row.cells[key] = TEXT("13800000001-1");
	assert_ptr_equal(row_names_own(&row, ids), &row.reg->fields[key]);
	ids[0].present = false;
	assert_null(row_names_own(&row, ids));
	/* A passport of few characters is too short to be told. */
	ids[0] = (struct identity){ .doc_number = TEXT("E1234"), .present = true };
	row.cells[key] = TEXT("E1234");
	assert_null(row_names_own(&row, ids));
	ids[0].doc_number = row.cells[key] = TEXT("E1234567");
	assert_ptr_equal(row_names_own(&row, ids), &row.reg->fields[key]);
}

static int setup(void **state)
{
	(void)state;
	return registers_init() ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_found),
		cmocka_unit_test(a_row_that_names_its_own_person),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
