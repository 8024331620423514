/* Every rule of rules.tsv speaks in a row that breaks it, and is silent in a row that does not: a
 * rule that is added without a case here fails the last test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/tables.h"

#define TODAY 20261122
#define U "91310101MA1T000136"
#define OCC "6-18-01-01"
#define WHO "name=甲|doc_number=310101190301050015|"

/* Cells as field=value|…; a good row of each register that has rules. */
static const struct good {
	const char *reg, *cells;
} good[] = {
	{ "organisation", "uscc=" U "|name=单位|kind=evaluation|scope=" OCC
			  ";6-18-01-02|opened=2000-01-01|closed=2001-01-01" },
	{ "facility", "facility_id=1|name=工作室|kind=studio_city|host=" U
		      "|lead_name=甲|lead_doc_number=310101190301050015|"
		      "approved_on=2019-01-01|grant=100|matched=100" },
	{ "training",
		"enrolment_no=1|class_no=1|" WHO "type=upgrade|channel=enterprise|institution=" U
		"|employer=" U "|status_group=employed|enrolled_on=1960-01-01|ended_on=1960-02-01|"
		"result=completed|hours_online=2000|"
		"hours_offline=0" },
	{ "apprenticeship",
		"contract_no=1|" WHO "scheme=modern|employer=" U "|school=" U "|mentor_employer=M1|"
		"mentor_school=X.Y.|occupation=" OCC
		"|level=4|started_on=2019-01-01|ended_on=2020-01-01|"
		"status=completed|certified=1|mentor_allowance=0.01|insured=1" },
	{ "assessment",
		"assessment_no=1|" WHO "body=" U "|kind=level_social|occupation=" OCC "|level=4|"
		"registered_on=2019-01-01|sat_on=2019-01-01|theory=100|practice=0|result=passed" },
	{ "certificate", "number=S000031000123219000045|" WHO
			 "kind=level_social|source=assessment|occupation=" OCC
			 "|level=9|issued_on=2021-01-01|revoked_on=2021-01-01" },
	{ "honour", "honour_no=1|title=chief|" WHO "granted_on=2019-01-01" },
	{ "contest_entry",
		"entry_no=1|contest=C|tier=city|trade=T|" WHO "held_on=2019-01-01|rank=1" },
	{ "subsidy",
		"claim_no=1|purpose=training|channel=sme|source=talent|payee_kind=unit|payee=" U
		"|claimed=3|"
		"claimed_on=2019-01-01|approved=3|paid=3|paid_on=2019-02-01|recovered=3|recovered_"
		"on=2019-03-01|status=paid" },
	{ "fund", "fund_no=1|year=2019|source=talent|purpose=base|budget=5|allotted=5" },
	{ "introduction", "case_no=1|" WHO "route=hukou|basis=level|nationality=DEU|received_on="
			  "2019-01-01|decided_on=2019-01-01" },
	{ "expense", "uscc=" U "|year=2019|ownership=state|industry=C|staff=2|wages=9|drawn=5|"
		     "spent=5|spent_frontline=5|"
		     "staff_frontline=2|trained=1|growth_skilled=-1.5|growth_managers=2" },
	{ "demand", "uscc=" U "|period=2019-H2|stratum=S|occupation=" OCC
		    "|employed=0|vacant=0|hiring=0|urgency=5" },
	{ "figure", "code=events|period=2019|value=3" },
};

/* What is changed in the good row, and the fault that must come on the field. */
static const struct broken {
	const char *reg, *cells, *check, *field, *fault;
} broken[] = {
	{ "organisation", "scope=" OCC "、" OCC, "occupations", "scope", "W404" },
	{ "organisation", "closed=1999-12-31", "not_before", "closed", "E403" },
	{ "facility", "lead_name=|lead_doc_number=", "required_when", "lead_name", "E401" },
	{ "facility", "lead_name=|lead_doc_number=|kind=chief", "required_when", "lead_doc_number",
		"E401" },
	{ "facility", "matched=99.99", "at_least_when", "matched", "W402" },
	{ "training", "employer=", "required_when", "employer", "E401" },
	{ "training", "ended_on=|result=withdrawn", "required_when", "ended_on", "E401" },
	{ "training", "ended_on=1959-12-31", "not_before", "ended_on", "E403" },
	{ "training", "hours_online=2000.1", "between", "hours_online", "E405" },
	{ "training", "hours_offline=-0.1", "between", "hours_offline", "E405" },
	{ "training", "enrolled_on=1969-01-01|ended_on=1969-01-01", "age", "doc_number", "W403" },
	{ "apprenticeship", "mentor_employer=310101190301050015", "no_document", "mentor_employer",
		"E410" },
	{ "apprenticeship", "mentor_school=x1380000000X", "no_document", "mentor_school", "" },
	{ "apprenticeship", "mentor_school=13800000001", "no_document", "mentor_school", "E410" },
	{ "apprenticeship", "mentor_school=甲乙", "no_name", "mentor_school", "E411" },
	{ "apprenticeship", "mentor_employer=甲乙丙丁", "no_name", "mentor_employer", "E411" },
	{ "apprenticeship", "mentor_school=甲乙丙丁·戊己", "no_name", "mentor_school", "E411" },
	{ "apprenticeship", "mentor_school=甲", "no_name", "mentor_school", "" },
	{ "apprenticeship", "mentor_school=甲乙1", "no_name", "mentor_school", "" },
	{ "apprenticeship", "mentor_school=甲乙丙丁戊", "no_name", "mentor_school", "" },
	{ "apprenticeship", "mentor_school=甲　乙", "no_name", "mentor_school", "E411" },
	{ "apprenticeship", "mentor_school=x310101030105001", "no_document", "mentor_school",
		"E410" },
	{ "apprenticeship", "mentor_employer=", "required_above", "mentor_employer", "E401" },
	{ "apprenticeship", "mentor_employer=|mentor_allowance=0", "required_above",
		"mentor_employer", "" },
	{ "apprenticeship", "ended_on=|certified=|status=left", "required_unless", "ended_on",
		"E401" },
	{ "apprenticeship", "ended_on=|certified=0|status=running", "required_unless", "ended_on",
		"" },
	{ "apprenticeship", "status=left", "true_when", "certified", "E407" },
	{ "apprenticeship", "insured=", "required_when", "insured", "W401" },
	{ "apprenticeship", "insured=|scheme=new", "required_when", "insured", "" },
	{ "assessment", "kind=special", "empty_when", "level", "E402" },
	{ "assessment", "kind=newskill|level=", "empty_when", "level", "" },
	{ "assessment", "level=", "required_unless", "level", "E401" },
	{ "assessment", "sat_on=2018-12-31", "not_before", "sat_on", "E403" },
	{ "assessment", "theory=100.1", "between", "theory", "E405" },
	{ "assessment", "practice=-1", "between", "practice", "E405" },
	{ "certificate", "number=S00003100012321900004", "certificate", "number", "E221" },
	{ "certificate", "kind=foreign|number=F1", "empty_when", "level", "E402" },
	{ "certificate", "level=", "required_unless", "level", "E401" },
	{ "certificate", "revoked_on=2020-12-31", "not_before", "revoked_on", "E403" },
	{ "honour", "name=|doc_type=|doc_number=", "required_without", "name", "E401" },
	{ "honour", "name=|doc_type=|doc_number=", "required_without", "doc_type", "E401" },
	{ "honour", "name=|doc_type=|doc_number=", "required_without", "doc_number", "E401" },
	{ "honour", "name=|doc_number=|unit=" U, "required_without", "doc_number", "" },
	{ "contest_entry", "rank=0", "between", "rank", "E405" },
	{ "subsidy", "channel=", "required_when", "channel", "E401" },
	{ "subsidy", "channel=individual", "one_when", "payee_kind", "E406" },
	{ "subsidy", "channel=enterprise|payee_kind=person", "one_when", "payee_kind", "E406" },
	{ "subsidy", "payee=", "required_when", "payee", "E401" },
	{ "subsidy", "approved=3.01", "not_above", "approved", "E404" },
	{ "subsidy", "paid=3.01", "not_above", "paid", "E404" },
	{ "subsidy", "paid_on=", "required_above", "paid_on", "E401" },
	{ "subsidy", "recovered=3.01", "not_above", "recovered", "E404" },
	{ "subsidy", "recovered_on=", "required_above", "recovered_on", "E401" },
	{ "fund", "allotted=5.01", "not_above", "allotted", "E404" },
	{ "introduction", "nationality=De", "capitals", "nationality", "E409" },
	{ "introduction", "nationality=DEUT", "capitals", "nationality", "E409" },
	{ "introduction", "decided_on=2018-01-01", "not_before", "decided_on", "E403" },
	{ "expense", "spent_frontline=5.01", "not_above", "spent_frontline", "E404" },
	{ "expense", "staff_frontline=3", "not_above", "staff_frontline", "E404" },
	{ "expense", "growth_skilled=", "required_when", "growth_skilled", "E401" },
	{ "expense", "growth_managers=", "required_when", "growth_managers", "E401" },
	{ "expense", "growth_managers=|ownership=private", "required_when", "growth_managers", "" },
	{ "demand", "period=2019-Q1", "period", "period", "E408" },
	{ "demand", "period=2019-H3", "period", "period", "E408" },
	{ "demand", "urgency=6", "between", "urgency", "E405" },
	{ "demand", "urgency=0", "between", "urgency", "E405" },
	{ "figure", "period=2019-H1", "period", "period", "E408" },
	{ "figure", "period=2019-Q4", "period", "period", "" },
	{ "figure", "period=2019-Q5", "period", "period", "E408" },
	{ "figure", "period=2019-12", "period", "period", "" },
	{ "figure", "period=2019-13", "period", "period", "E408" },
	{ "figure", "period=201912", "period", "period", "E408" },
};

static struct arena arena;

static void put_cells(struct row *row, const char *cells)
{
	while (*cells) {
		size_t name = strcspn(cells, "="), value = strcspn(cells + name + 1, "|");
		int at = register_field(row->reg, (struct text){ cells, name });
		assert_true(at >= 0);
		row->cells[at] = (struct text){ cells + name + 1, value };
		cells += name + 1 + value;
		cells += *cells == '|';
	}
}

static struct faults judged(const char *reg, const char *change)
{
	struct row row = { .reg = register_find(text_of(reg)) };
	struct identity ids[REGISTER_PERSONS_MAX];
	struct faults f = { 0 };
	struct record r;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (strcmp(good[i].reg, reg) == 0)
			put_cells(&row, good[i].cells);
	put_cells(&row, change);
	arena_reset(&arena);
	assert_int_equal(record_from_row(&row, TODAY, &arena, &r, ids, &f), 0);
	return f;
}

static bool has(const struct faults *f, const char *code, const char *field)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->at[i].def->code, code) == 0 &&
			strcmp(f->at[i].field->name, field) == 0)
			return true;
	return false;
}

static void good_rows_have_no_fault(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct faults f = judged(good[i].reg, "");
		if (f.n)
			fail_msg("%s: %s %s", good[i].reg, f.at[0].def->code, f.at[0].field->name);
	}
}

static void broken_rows_have_theirs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		struct faults f = judged(broken[i].reg, broken[i].cells);
		bool right =
			*broken[i].fault ? has(&f, broken[i].fault, broken[i].field) : f.n == 0;
		if (!right)
			fail_msg("%s %s: %zu faults, first %s", broken[i].reg, broken[i].cells, f.n,
				f.n ? f.at[0].def->code : "-");
	}
}

/* A field whose cell cannot be read silences the rules on it: one mistake, one fault. */
static void what_cannot_be_read_silences_its_rules(void **state)
{
	static const struct {
		const char *reg, *cells;
	} cases[] = { { "training", "channel=?" }, { "training", "enrolled_on=x" },
		{ "training", "employer=1" }, { "certificate", "issued_on=x" },
		{ "certificate", "kind=x" }, { "honour", "doc_number=1" },
		{ "subsidy", "claimed=x" }, { "subsidy", "payee_kind=x" },
		{ "facility", "grant=x" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct faults f = judged(cases[i].reg, cases[i].cells);
		if (f.n != 1)
			fail_msg("%s %s: %zu faults", cases[i].reg, cases[i].cells, f.n);
	}
}

static void every_rule_has_a_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < table_n_rules; i++) {
		const struct table_rule *rule = &table_rules[i];
		bool found = false;
		for (size_t k = 0; k < sizeof broken / sizeof *broken && !found; k++)
			found = strcmp(rule->reg, broken[k].reg) == 0 &&
				strcmp(rule->check, broken[k].check) == 0 &&
				strcmp(rule->field, broken[k].field) == 0 &&
				strcmp(rule->fault, broken[k].fault) == 0;
		if (!found)
			fail_msg("%s %s %s has no case", rule->reg, rule->field, rule->check);
	}
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 16);
	return registers_init() != NULL;
}

static int teardown(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_rows_have_no_fault),
		cmocka_unit_test(broken_rows_have_theirs),
		cmocka_unit_test(what_cannot_be_read_silences_its_rules),
		cmocka_unit_test(every_rule_has_a_case),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
