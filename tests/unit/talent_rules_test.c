/* Who gets in, and what an honour opens: the rules that the program carries, on the days around
 * every date that they look at; editions of the gate; every fault of a rule file with its line. */
#include "tests/unit/talent_fixture.h"

#include "proto/check.h"

static struct talent_rules *carried(void)
{
	struct errmsg m = { "" };
	struct talent_rules *t;

	assert_null(registers_init());
	assert_int_equal(hash_init(), 0);
	t = talent_rules_open(talent_sources, talent_sources_n, &m);
	if (!t)
		fail_msg("%s", m.text);
	return t;
}

static void a_record_speaks_from_day_to_day(void **state)
{
	static const struct {
		const char *reg, *words, *clause;
		int before, first, last, after; /* 0: there is no such day */
	} rows[] = {
		{ "certificate", "kind=qualification level=3 issued_on=2019-05-01", "level",
			20190430, 20190501, 20991231 },
		{ "certificate",
			"kind=level_social level=S issued_on=2019-05-01 valid_until=2020-02-29",
			"level", 20190430, 20190501, 20200229, 20200301 },
		{ "certificate",
			"kind=level_employer level=2 issued_on=2019-05-01 valid_until=2020-12-31 "
			"revoked_on=2020-06-01",
			"level", 20190430, 20190501, 20200531, 20200601 },
		{ "certificate",
			"kind=level_employer level=2 issued_on=2019-05-01 valid_until=2019-12-31 "
			"revoked_on=2020-06-01",
			"level", 20190430, 20190501, 20191231, 20200101 },
		{ "honour", "title=grand granted_on=2018-03-01 revoked_on=2018-03-02", "honour",
			20180228, 20180301, 20180301, 20180302 },
		{ "honour", "title=district granted_on=2018-03-01", "honour", 20180228, 20180301,
			20501231 },
		{ "contest_entry", "tier=city award=excellence held_on=2017-12-31", "contest",
			20171230, 20171231, 20991231 },
		{ "contest_entry", "tier=world award=gold held_on=2017-12-31", "contest", 20171230,
			20171231, 20991231 },
	};
	struct talent_rules *t = carried();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct arena a;
		struct record r;
		struct talent_record one = { &r, 310115 };
		const struct talent_clause *c;

		arena_init(&a, 65536);
		r = record_of(&a, rows[i].reg, rows[i].words);
		assert_true(talent_may_qualify(t, &one));
		assert_null(talent_qualifies(t, &one, 1, rows[i].before));
		for (int day = 0; day < 2; day++) {
			c = talent_qualifies(t, &one, 1, day ? rows[i].last : rows[i].first);
			assert_non_null(c);
			assert_string_equal(c->id, rows[i].clause);
		}
		if (rows[i].after)
			assert_null(talent_qualifies(t, &one, 1, rows[i].after));
		arena_deinit(&a);
	}
	talent_rules_close(t);
}

static void what_is_not_enough_lets_nobody_in(void **state)
{
	static const char *const rows[][2] = {
		{ "certificate", "kind=qualification level=4 issued_on=2019-05-01" },
		{ "certificate", "kind=qualification level=9 issued_on=2019-05-01" },
		{ "certificate", "kind=foreign issued_on=2019-05-01" },
		{ "certificate", "kind=newskill issued_on=2019-05-01" },
		{ "certificate",
			"kind=qualification level=3 issued_on=2019-05-01 valid_until=2019-04-30" },
		{ "certificate",
			"kind=qualification level=3 issued_on=2019-05-01 revoked_on=2019-05-01" },
		{ "honour", "title=unit granted_on=2019-05-01" },
		{ "contest_entry", "tier=city held_on=2019-05-01" },
		{ "contest_entry", "tier=district award=gold held_on=2019-05-01" },
		{ "training", "enrolled_on=2019-05-01" },
	};
	struct talent_rules *t = carried();
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct record r = record_of(&a, rows[i][0], rows[i][1]);
		struct talent_record one = { &r, 310115 };

		assert_false(talent_may_qualify(t, &one));
		for (int year = 2018; year < 2030; year++)
			assert_null(talent_qualifies(t, &one, 1, year * 10000 + 501));
	}
	/* Nobody's honour. */
	struct record r = record_of_person(&a, "honour", "title=grand granted_on=2019-05-01", NULL);
	struct talent_record one = { &r, 310115 };

	assert_false(talent_may_qualify(t, &one));
	assert_null(talent_qualifies(t, &one, 1, 20200101));
	arena_deinit(&a);
	talent_rules_close(t);
}

static void the_gate_in_force_decides(void **state)
{
	static const char text[] =
		"gate \"old\" { zh = \"旧\" en = \"old\" valid_from = \"2000-01-01\"\n"
		"clause \"a\" { zh = \"甲\" en = \"a\" register = \"certificate\" from = "
		"\"issued_on\" } }\n"
		"gate \"new\" { zh = \"新\" en = \"new\" valid_from = \"2020-01-01\"\n"
		"clause \"b\" { zh = \"乙\" en = \"b\" register = \"honour\" from = "
		"\"granted_on\" } }\n";
	struct talent_rules *t;
	struct arena a;

	(void)state;
	assert_null(registers_init());
	t = rules_of(text);
	arena_init(&a, 65536);

	struct record old = record_of(&a, "certificate", "issued_on=1999-01-01");
	struct record new = record_of(&a, "honour", "granted_on=1999-01-01");
	struct talent_record both[] = { { &old, 310115 }, { &new, 310101 } };

	assert_null(talent_gate_at(t, 19991231));
	assert_null(talent_qualifies(t, both, 2, 19991231));
	assert_string_equal(talent_gate_at(t, 20000101)->version, "old");
	assert_string_equal(talent_qualifies(t, both, 2, 20191231)->id, "a");
	assert_string_equal(talent_qualifies(t, both, 2, 20200101)->id, "b");
	assert_null(talent_qualifies(t, both, 1, 20200101));
	assert_true(talent_may_qualify(t, &both[0]));
	arena_deinit(&a);
	talent_rules_close(t);
}

static void faults_are_told_with_their_line(void **state)
{
#define CLAUSE "clause \"a\" { zh = \"x\" en = \"x\" register = \"honour\" from = \"granted_on\" }"
	static const char *const rows[][2] = {
		{ "form \"01\" { }", "test.rule:1: not a kind of rule: form" },
		{ "gate \"1\" {\n zh = \"x\"\n}", "test.rule:1: " },
		{ "gate \"1\" { zh = \"x\" en = \"x\"\nvalid_from = \"2020-13-01\" " CLAUSE " }",
			"test.rule:2: not a date: 2020-13-01" },
		{ "chain \"1\" { zh = \"x\" en = \"x\"\n" CLAUSE "\n" CLAUSE " }",
			"test.rule:3: stands twice: a" },
		{ "chain \"1\" { zh = \"x\" en = \"x\" " CLAUSE
		  " }\nchain \"1\" { zh = \"x\" en = \"x\" " CLAUSE " }",
			"test.rule:2: stands twice: 1" },
		{ "chain \"1\" { zh = \"x\" en = \"x\" clause \"a\" { zh = \"x\" en = "
		  "\"x\"\nregister = "
		  "\"fund\" from = \"year\" } }",
			"test.rule:1: the register has no person: fund" },
		{ "chain \"1\" { zh = \"x\" en = \"x\" clause \"a\" { zh = \"x\" en = \"x\" "
		  "register = "
		  "\"honour\"\nfrom = \"title\" } }",
			"test.rule:2: " },
		{ "chain \"1\" { zh = \"x\" en = \"x\" clause \"a\" { zh = \"x\" en = \"x\" "
		  "register = "
		  "\"honour\" from = \"granted_on\"\nwhere = \"title = nonsense\" } }",
			"test.rule:2: " },
		{ "chain \"a b\" { zh = \"x\" en = \"x\" " CLAUSE " }",
			"test.rule:1: a rule has a name" },
		{ "", "test.rule:1: the file is empty" },
	};

	(void)state;
	assert_null(registers_init());
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct form_source file = { "test.rule", rows[i][0] };
		struct errmsg m = { "" };

		assert_null(talent_rules_open(&file, 1, &m));
		if (strncmp(m.text, rows[i][1], strlen(rows[i][1])) != 0)
			fail_msg("%zu: %s", i, m.text);
	}
}

static void chains_open_by_honours(void **state)
{
	static const char *const rows[][2] = { { "talent", "title=grand granted_on=2018-01-01" },
		{ "model", "title=expert granted_on=2018-01-01" },
		{ "may_day", "title=outstanding granted_on=2018-01-01" } };
	struct talent_rules *t = carried();
	struct arena a;

	(void)state;
	arena_init(&a, 65536);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct record r = record_of(&a, "honour", rows[i][1]);
		struct talent_record one = { &r, 310115 };

		for (const struct talent_chain *c = t->chains; c; c = c->next)
			assert_int_equal(talent_clause_speaks(c->clauses, &one, 20190101),
				strcmp(c->id, rows[i][0]) == 0);
		assert_non_null(talent_chain_find(t, rows[i][0])->unless);
	}
	struct record studio = record_of(&a, "facility",
		"kind=studio_city approved_on=2018-01-01 grant=100.00 matched=99.99");
	struct talent_record one = { &studio, 310115 };

	assert_false(talent_clause_speaks(talent_chain_find(t, "studio")->clauses, &one, 20190101));
	field_put(&a, &studio, TEXT("matched"), TEXT("100"));
	assert_true(talent_clause_speaks(talent_chain_find(t, "studio")->clauses, &one, 20190101));
	assert_null(talent_chain_find(t, "nothing"));
	arena_deinit(&a);
	talent_rules_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_speaks_from_day_to_day),
		cmocka_unit_test(what_is_not_enough_lets_nobody_in),
		cmocka_unit_test(the_gate_in_force_decides),
		cmocka_unit_test(faults_are_told_with_their_line),
		cmocka_unit_test(chains_open_by_honours),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
