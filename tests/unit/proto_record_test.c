/* Rows become records: good ones whole, bad ones with all their faults at once; messages are judged
 * as rows are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "proto/check.h"
#include "proto/message.h"

#define TODAY 20261122
#define CELLS 32

/* Field and cell, in pairs; ends with NULL. */
static const char *const training[] = { "enrolment_no", "E-2019/1", "class_no", "C-1", "name",
	"测试·甲", "doc_type", "111", "doc_number", "310101190301050015", "phone", "00000000000",
	"type", "岗位技能提升培训", "channel", "enterprise", "institution", "91310101ma1t000136",
	"employer", "91310115MA1T00021A", "occupation", "6-18-01-01", "level", "三级/高级工",
	"programme", "10;2 ;先进制造业和战略性新兴产业；2", "area", "", "status_group", "employed",
	"groups", "veteran；农民工", "enrolled_on", "2019年3月1日", "ended_on", "2019/5/31",
	"hours_online", "40.5", "hours_offline", "16", "result", "结业", "fee", "1,234.50", NULL };
static const char *const certificate[] = { "number", "Y000131000456221000007", "name", "测试乙",
	"doc_type", "居民身份证", "doc_number", "310104190507180025", "kind", "level_employer",
	"source", "assessment", "occupation", "6-18-01-01", "level", "1", "body",
	"91310101MA1T000136", "issued_on", "20220601", "valid_until", "", "revoked_on", "", NULL };
static const char *const person[] = { "name", "测试丙", "doc_number",
	"３１０１１５１９０６１１３００１１０", "education", "21", "local_hukou", "是", "status",
	"在岗", "employer", "", "industry", "C", "ownership", "", "occupation", "", "groups", "",
	"as_of", "2020.1.31", NULL };

static const struct good {
	const char *reg;
	const char *const *cells;
	size_t soft;
} good[] = { { "training", training, 1 }, { "certificate", certificate, 0 },
	{ "person", person, 0 } };

static const char *const *cells_of(const char *reg)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (strcmp(good[i].reg, reg) == 0)
			return good[i].cells;
	return NULL;
}

struct fixture {
	struct arena arena;
	struct row row;
	struct record record;
	struct identity ids[REGISTER_PERSONS_MAX];
	struct faults faults;
};

static void put(struct fixture *x, const char *field, const char *cell)
{
	int i = register_field(x->row.reg, text_of(field));

	assert_true(i >= 0);
	x->row.cells[i] = text_of(cell);
}

static void fill(struct fixture *x, const char *reg)
{
	memset(&x->row, 0, sizeof x->row);
	memset(&x->faults, 0, sizeof x->faults);
	x->row.reg = register_find(text_of(reg));
	assert_non_null(x->row.reg);
	for (const char *const *c = cells_of(reg); *c; c += 2)
		put(x, c[0], c[1]);
}

static void take(struct fixture *x)
{
	assert_int_equal(
		record_from_row(&x->row, TODAY, &x->arena, &x->record, x->ids, &x->faults), 0);
}

static void name_person(struct fixture *x)
{
	static const uint8_t pid[PID_BYTES] = { 0x01, 0x23, 0xAB, 0xFF },
			     tag[NAME_TAG_BYTES] = { 9 };

	for (size_t i = 0; i < x->row.reg->n_persons; i++)
		record_set_person(&x->record, i, &x->ids[i], pid, tag);
}

static bool has_fault(const struct faults *f, const char *code, const char *field)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->at[i].def->code, code) == 0 && f->at[i].field &&
			strcmp(f->at[i].field->name, field) == 0)
			return true;
	return false;
}

static void print_faults(const struct faults *f)
{
	for (size_t i = 0; i < f->n; i++)
		print_error("  %s %s\n", f->at[i].def->code,
			f->at[i].field ? f->at[i].field->name : "-");
}

static void assert_prints(const struct fixture *x, const char *field, const char *want)
{
	const struct field *f = &x->row.reg->fields[register_field(x->row.reg, text_of(field))];
	struct value v = record_value(&x->record, f);
	char out[512];
	size_t n = value_print(f, &v, out, sizeof out);

	assert_true(n < sizeof out);
	out[n] = '\0';
	assert_string_equal(out, want);
}

static void good_rows_are_taken(void **state)
{
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct faults again = { 0 };
		fill(x, good[i].reg);
		take(x);
		if (x->faults.hard || x->faults.n != good[i].soft)
			print_faults(&x->faults);
		assert_false(x->faults.hard);
		assert_int_equal(x->faults.n, good[i].soft);
		assert_true(x->ids[0].present);
		name_person(x);
		record_check(&x->record, TODAY, &again);
		assert_int_equal(again.n, good[i].soft);
		assert_false(again.hard);
	}
}

static void values_are_as_people_write_them(void **state)
{
	struct fixture *x = *state;

	fill(x, "training");
	take(x);
	assert_prints(x, "enrolment_no", "E-2019/1");
	assert_prints(x, "type", "upgrade");
	assert_prints(x, "institution", "91310101MA1T000136");
	assert_prints(x, "level", "3");
	assert_prints(x, "programme", "2;4;10");
	assert_prints(x, "area", "");
	assert_prints(x, "groups", "migrant;veteran");
	assert_prints(x, "enrolled_on", "2019-03-01");
	assert_prints(x, "ended_on", "2019-05-31");
	assert_prints(x, "hours_online", "40.5");
	assert_prints(x, "hours_offline", "16.0");
	assert_prints(x, "fee", "1234.50");
	assert_prints(x, "name", "");
	fill(x, "person");
	take(x);
	assert_prints(x, "local_hukou", "1");
	assert_prints(x, "as_of", "2020-01-31");
	assert_prints(x, "education", "21");
}

static void identities_are_canonical(void **state)
{
	struct fixture *x = *state;
	const struct identity *id = x->ids;

	fill(x, "training");
	put(x, "name",
		"\xE3\x80\x80"
		"甲•乙．丙 ");
	put(x, "doc_number", "310108041225017");
	take(x);
	assert_false(x->faults.hard);
	assert_true(text_is(id->name, "甲·乙·丙"));
	assert_true(text_is(id->doc_type, "111"));
	assert_true(text_is(id->doc_number, "31010819041225017X"));
	assert_true(text_is(id->phone, "00000000000"));
	assert_int_equal(id->sex, SEX_MALE);
	assert_int_equal(id->birth_year, 1904);
	assert_false(x->ids[1].present);
}

/* One wrong cell in a good row: that fault, on that field, and no other hard one. */
static void each_fault_is_named(void **state)
{
	static const struct wrong {
		const char *reg, *field, *cell, *code, *at;
	} cases[] = {
		{ "training", "enrolment_no", "", "E101", NULL },
		{ "training", "enrolment_no", " \xE3\x80\x80", "E101", NULL },
		{ "training", "enrolment_no", "a\nb", "E103", NULL },
		{ "training", "enrolment_no",
			"a\xC2\x85"
			"b",
			"E103", NULL },
		{ "training", "class_no", "a\xFF", "E102", NULL },
		{ "training", "class_no", "\xED\xA0\x80", "E102", NULL },
		{ "training", "name", "", "E101", NULL },
		{ "training", "name", "甲\x01", "E201", NULL },
		{ "training", "doc_type", "", "E101", NULL },
		{ "training", "doc_type", "身份证", "E301", NULL },
		{ "training", "doc_number", "", "E101", NULL },
		{ "training", "doc_number", "310101190301050016", "E205", NULL },
		{ "training", "doc_number", "310101190302290010", "E204", NULL },
		{ "training", "doc_number", "990101190301050011", "E203", NULL },
		{ "training", "doc_number", "31010119030105001", "E202", NULL },
		{ "training", "phone", "1\t2", "E103", NULL },
		{ "training", "type", "upgrading", "E301", NULL },
		{ "training", "type", "", "E101", NULL },
		{ "training", "institution", "9131010MA1T000136", "E211", NULL },
		{ "training", "institution", "91310101MA1T00013O", "E211", NULL },
		{ "training", "institution", "91310115MA1G4L1WXK", "E212", NULL },
		{ "training", "employer", "", "E401", NULL },
		{ "training", "employer", "1", "E211", NULL },
		{ "training", "occupation", "6-18-01", "E303", NULL },
		{ "training", "level", "7", "E301", NULL },
		{ "training", "programme", "1;11", "E301", NULL },
		{ "training", "groups", "农民工,veteran", "E301", NULL },
		{ "training", "enrolled_on", "2019-02-29", "E105", NULL },
		{ "training", "enrolled_on", "1949-12-31", "E106", NULL },
		{ "training", "ended_on", "2019-02-28", "E403", NULL },
		{ "training", "ended_on", "", "E401", NULL },
		{ "training", "ended_on", "2032-01-01", "E106", NULL },
		{ "training", "hours_online", "2000.1", "E405", NULL },
		{ "training", "hours_online", "-1", "E405", NULL },
		{ "training", "hours_online", "1.25", "E110", NULL },
		{ "training", "hours_offline", "99999999999999999999", "E114", NULL },
		{ "training", "result", "done", "E301", NULL },
		{ "training", "fee", "1.234", "E107", NULL },
		{ "training", "fee", "-1", "E107", NULL },
		{ "training", "fee", "100000000000.01", "E108", NULL },
		{ "certificate", "number", "S000131000456221000007", "E221", NULL },
		{ "certificate", "number", "Y00013100045622100007", "E221", NULL },
		{ "certificate", "kind", "special", "E402", "level" },
		{ "certificate", "kind", "foreign", "E402", "level" },
		{ "certificate", "level", "", "E401", NULL },
		{ "certificate", "source", "", "E101", NULL },
		{ "certificate", "occupation", "", "E101", NULL },
		{ "certificate", "issued_on", "", "E101", NULL },
		{ "certificate", "revoked_on", "2022-05-31", "E403", NULL },
		{ "person", "local_hukou", "2", "E111", NULL },
		{ "person", "as_of", "", "E101", NULL },
		{ "person", "status", "", "E101", NULL },
		{ "person", "industry", "U", "E301", NULL },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *at = cases[i].at ? cases[i].at : cases[i].field;
		size_t hard = 0;
		fill(x, cases[i].reg);
		put(x, cases[i].field, cases[i].cell);
		take(x);
		for (size_t k = 0; k < x->faults.n; k++)
			hard += x->faults.at[k].def->code[0] == 'E';
		if (!has_fault(&x->faults, cases[i].code, at) || hard != 1 || !x->faults.hard) {
			print_error("%s.%s '%s' wants %s alone:\n", cases[i].reg, cases[i].field,
				cases[i].cell, cases[i].code);
			print_faults(&x->faults);
			fail();
		}
		arena_reset(&x->arena);
	}
}

static void soft_faults_take_the_row_in(void **state)
{
	static const struct soft {
		const char *reg, *field, *cell, *code, *at;
	} cases[] = {
		{ "training", "occupation", "6-99-99-99", "W301", NULL },
		{ "training", "doc_number", "310101190301050015", "W403", NULL },
		{ "certificate", "issued_on", "2021-06-01", "W221", "number" },
		{ "certificate", "level", "2", "W222", "number" },
		{ "certificate", "number", "Y000132000456221000007", "W223", NULL },
		{ "certificate", "body", "91310101MA1T00014\x35", "W211", NULL },
	};
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *at = cases[i].at ? cases[i].at : cases[i].field;
		char code[19];
		fill(x, cases[i].reg);
		put(x, cases[i].field, cases[i].cell);
		if (strcmp(cases[i].code, "W211") == 0) {
			/* the inner check broken, the outer one made right again */
			const char *fault = "E212";
			memcpy(code, "91310101MA1T000146", sizeof code);
			for (const char *c = "0123456789ABCDEFGHJKLMNPQRTUWXY";
				*c && strcmp(fault, "E212") == 0; c++) {
				code[17] = *c;
				uscc_judge(text_of(code), &fault);
			}
			put(x, cases[i].field, code);
		}
		take(x);
		if (x->faults.hard || !has_fault(&x->faults, cases[i].code, at))
			print_faults(&x->faults);
		assert_false(x->faults.hard);
		assert_true(has_fault(&x->faults, cases[i].code, at));
	}
}

/* Every cell wrong: one fault a cell, and no field that was given is called missing. */
static void all_faults_come_at_once(void **state)
{
	struct fixture *x = *state;
	const struct reg *reg;

	fill(x, "training");
	reg = x->row.reg;
	for (size_t i = 0; i < reg->n_fields; i++)
		x->row.cells[i] = TEXT("\x02?");
	take(x);
	assert_int_equal(
		x->faults.n, reg->n_fields - 1); /* a number of an unknown type is not judged */
	for (size_t i = 0; i < x->faults.n; i++) {
		assert_string_not_equal(x->faults.at[i].def->code, "E101");
		assert_string_not_equal(x->faults.at[i].def->code, "E401");
	}
	memset(x->row.cells, 0, sizeof x->row.cells);
	memset(&x->faults, 0, sizeof x->faults);
	take(x);
	for (size_t i = 0; i < reg->n_fields; i++)
		assert_int_equal(has_fault(&x->faults, "E101", reg->fields[i].name),
			reg->fields[i].required && reg->fields[i].type != FIELD_DOC_TYPE);
}

static void lengths_are_bounded(void **state)
{
	struct fixture *x = *state;
	static char huge[1 << 20];

	memset(huge, 'a', sizeof huge);
	fill(x, "training");
	for (size_t i = 0; i < x->row.reg->n_fields; i++)
		x->row.cells[i] = (struct text){ huge, sizeof huge };
	take(x);
	assert_true(x->faults.hard);
	assert_true(x->arena.used < 8192);

	fill(x, "training");
	x->row.cells[0] = (struct text){ huge, 200 };
	take(x);
	assert_false(x->faults.hard);
	x->row.cells[0].n = 201;
	take(x);
	assert_true(has_fault(&x->faults, "E104", "enrolment_no"));
}

static void a_full_arena_is_said(void **state)
{
	struct fixture *x = *state;
	int failed = 0;

	fill(x, "training");
	for (size_t budget = 0;; budget += 64) {
		struct arena small;
		int rc;
		arena_init(&small, budget);
		rc = record_from_row(&x->row, TODAY, &small, &x->record, x->ids, &x->faults);
		arena_deinit(&small);
		if (rc == 0)
			break;
		failed++;
	}
	assert_true(failed > 5);
	assert_false(x->faults.hard);
}

/* The column is missing: 111. The cell is empty: a fault. */
static void a_missing_document_type_is_111(void **state)
{
	struct fixture *x = *state;

	fill(x, "training");
	put(x, "doc_type", NULL);
	take(x);
	assert_false(x->faults.hard);
	assert_true(text_is(x->ids[0].doc_type, "111"));
}

static void certificate_numbers_become_canonical(void **state)
{
	struct fixture *x = *state;

	fill(x, "certificate");
	put(x, "kind", "qualification");
	put(x, "number", "0012345678901");
	take(x);
	assert_false(x->faults.hard);
	assert_prints(x, "number", "0000012345678901");
	assert_true(text_is(record_key(&x->record, &x->arena), "0000012345678901"));
	/* a message that is not canonical is not taken */
	message_set_text(x->record.msg, x->row.reg->fields[0].pb, TEXT("0012345678901"));
	name_person(x);
	memset(&x->faults, 0, sizeof x->faults);
	record_check(&x->record, TODAY, &x->faults);
	assert_true(has_fault(&x->faults, "E221", "number"));
}

static void keys_are_made_of_their_fields(void **state)
{
	struct fixture *x = *state;
	struct arena none;

	fill(x, "training");
	take(x);
	assert_true(text_is(record_key(&x->record, &x->arena), "E-2019/1"));
	fill(x, "person");
	take(x);
	name_person(x);
	assert_true(text_is(
		record_key(&x->record, &x->arena), "0123abff000000000000000000000000/2020-01-31"));
	arena_init(&none, 16);
	assert_null(record_key(&x->record, &none).p);
	arena_deinit(&none);
}

/* Optional persons: whole or not at all. */
static void an_identity_is_whole(void **state)
{
	static const char *const cells[] = { "honour_no", "H1", "title", "chief", "granted_on",
		"2020-01-01", NULL };
	struct fixture *x = *state;

	memset(&x->row, 0, sizeof x->row);
	x->row.reg = register_find(TEXT("honour"));
	for (const char *const *c = cells; *c; c += 2)
		put(x, c[0], c[1]);
	memset(&x->faults, 0, sizeof x->faults);
	take(x);
	assert_true(has_fault(&x->faults, "E401", "doc_number"));
	put(x, "unit", "91310101MA1T000136");
	memset(&x->faults, 0, sizeof x->faults);
	take(x);
	assert_int_equal(x->faults.n, 0);
	assert_false(x->ids[0].present);
	name_person(x);
	assert_null(record_person(&x->record, 0).pid);
	record_check(&x->record, TODAY, &x->faults);
	assert_int_equal(x->faults.n, 0);
	put(x, "name", "测试丁");
	take(x);
	assert_true(has_fault(&x->faults, "E207", "doc_number"));
}

static int setup(void **state)
{
	static struct fixture x;

	assert_null(registers_init());
	arena_init(&x.arena, 1 << 20);
	*state = &x;
	return 0;
}

static int teardown(void **state)
{
	arena_deinit(&((struct fixture *)*state)->arena);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(good_rows_are_taken),
		TEST(values_are_as_people_write_them),
		TEST(identities_are_canonical),
		TEST(each_fault_is_named),
		TEST(soft_faults_take_the_row_in),
		TEST(all_faults_come_at_once),
		TEST(lengths_are_bounded),
		TEST(a_full_arena_is_said),
		TEST(a_missing_document_type_is_111),
		TEST(certificate_numbers_become_canonical),
		TEST(keys_are_made_of_their_fields),
		TEST(an_identity_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
