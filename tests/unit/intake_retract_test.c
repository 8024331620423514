/* Many records taken back at once: by key, by the columns of the key, with reasons, twice; and what
 * is refused. */
#include "tests/unit/intake_fixture.h"

static int setup(void **state)
{
	struct fixture *f = fixture_make();
	struct buf b = { 0 };

	fixture_open(f);
	*state = f;
	buf_str(&b, HEAD);
	for (unsigned i = 0; i < 1000; i++)
		put_row(&b, i, i, 1);
	expect_counts(f->intake, buf_as_text(&b), 1000, 0, 0, 0);
	buf_deinit(&b);
	return 0;
}

static int teardown(void **state)
{
	fixture_remove(*state);
	return 0;
}

static struct intake_request back(const char *reason)
{
	struct intake_request q = training();

	q.retract = true;
	q.reason = text_of(reason);
	return q;
}

static struct fed_result take_back(struct fixture *f, const char *reason, struct text file)
{
	struct intake_request q = back(reason);

	return feed(f->intake, &q, file, true);
}

static void expect(struct fed_result *r, uint64_t retracted, uint64_t unchanged, uint64_t refused)
{
	if (r->words[0])
		fail_msg("%s", r->words);
	if (r->counts.retracted != retracted || r->counts.unchanged != unchanged ||
		r->counts.refused != refused || r->counts.accepted + r->counts.changed)
		fail_msg("retracted %llu, unchanged %llu, refused %llu: %s",
			(unsigned long long)r->counts.retracted,
			(unsigned long long)r->counts.unchanged,
			(unsigned long long)r->counts.refused, r->refused.p ? r->refused.p : "");
	buf_deinit(&r->refused);
}

static void by_key(void **state)
{
	struct fixture *f = *state;
	struct fed_result r = take_back(f, "错了", TEXT("key\nT1\n T2 \nT1\n"));
	uint64_t before;

	expect(&r, 2, 1, 0);
	assert_int_equal(stored_counts(f).retracted, 2);
	before = ledger_length(f);
	assert_int_equal(before, 1003);
	r = take_back(f, "错了", TEXT("键\nT2\nT1\n"));
	expect(&r, 0, 2, 0);
	assert_int_equal(ledger_length(f), before);
}

/* The mistaken file itself, as it was imported: only its key is looked at. */
static void by_the_file_itself(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 };
	struct fed_result r;

	buf_str(&b, HEAD);
	for (unsigned i = 0; i < 700; i++)
		put_row(&b, i, i, 9);
	buf_str(&b, "T900,,,,,,not-a-code,,,,2019-02-31,,,\n");
	r = take_back(f, "double", buf_as_text(&b));
	expect(&r, 701, 0, 0);
	r = take_back(f, "double", buf_as_text(&b));
	expect(&r, 0, 701, 0);
	buf_deinit(&b);
}

static void refused(void **state)
{
	struct fixture *f = *state;
	struct fed_result r = take_back(
		f, "", TEXT("key,reason\nT1,twice\nT2,\nT9999,gone\n,why\nT3,\"a\nb\"\nT4,=x\n"));

	assert_int_equal(r.counts.retracted, 2);
	assert_int_equal(r.counts.refused, 4);
	assert_non_null(strstr(r.refused.p, "key,reason,line,code,field,reason\r\n"));
	assert_non_null(strstr(r.refused.p, "T2,,3,E093,,"));
	assert_non_null(strstr(r.refused.p, "T9999,gone,4,E092,,"));
	assert_non_null(strstr(r.refused.p, ",why,5,E101,enrolment_no,"));
	assert_non_null(strstr(r.refused.p, ",E093,,"));
	/* corrected and given again: the reasons of the refusal are no reasons of a retraction */
	for (char *p; (p = strstr(r.refused.p, "T9999,"));)
		memcpy(p, "T0009,", 6);
	struct fed_result again = take_back(f, "", buf_as_text(&r.refused));

	assert_int_equal(again.counts.retracted, 0);
	assert_int_equal(again.counts.refused, 4);
	buf_deinit(&again.refused);
	buf_deinit(&r.refused);
	r = take_back(f, "x", TEXT("type\nupgrade\n"));
	assert_true(r.bad_file);
	assert_non_null(strstr(r.words, "E004: column enrolment_no (or key)"));
	r = take_back(f, "x", TEXT("key,salary\nT1,3\n"));
	assert_true(r.bad_file);
	r = take_back(f, "x", TEXT("key,键\nT1,T1\n"));
	assert_true(r.bad_file);
	assert_int_equal(stored_counts(f).retracted, 2);
}

static void from_json(void **state)
{
	struct fixture *f = *state;
	struct fed_result r = take_back(f, "x",
		TEXT("{\"key\":\"T1\"}\n{\"enrolment_no\":\"T2\",\"reason\":\"own\"}\n{\"键\":"
		     "\"T7\"}\n"));

	expect(&r, 3, 0, 0);
	r = take_back(
		f, "x", TEXT("{\"key\":12}\n{\"type\":\"upgrade\"}\n[1]\n{\"keys\":\"T9\"}\n"));
	assert_int_equal(r.counts.refused, 4);
	assert_non_null(strstr(r.refused.p, ",2,E101,enrolment_no,"));
	assert_non_null(strstr(r.refused.p, ",3,E019,,"));
	assert_non_null(strstr(r.refused.p, ",4,E020,,"));
	buf_deinit(&r.refused);
}

/* A key that is made of a person. */
static void by_person(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = back("x");
	struct buf b = { 0 };
	struct fed_result r;
	char number[19];

	made_up(number, 7);
	q.reg = register_find(TEXT("person"));
	q.retract = false;
	buf_printf(&b, "name,doc_number,status,as_of\n甲,%s,employed,2019-01-02\n", number);
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.counts.accepted, 1);
	q.retract = true;
	buf_reset(&b);
	buf_printf(&b, "证件号码,情况时间\n%s,2019/1/2\n%s,2019-01-03\n%.17sZ,2019-01-02\n", number,
		number, number);
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.counts.retracted, 1);
	assert_int_equal(r.counts.refused, 2);
	assert_non_null(strstr(r.refused.p, ",3,E092,,"));
	assert_non_null(strstr(r.refused.p, ",4,E2"));
	buf_deinit(&r.refused);
	buf_deinit(&b);
}

static void dry_run(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = back("x");
	struct fed_result r;

	r = take_back(f, "x", TEXT("key\nT5\n"));
	expect(&r, 1, 0, 0);
	q.dry_run = true;
	r = feed(f->intake, &q, TEXT("key\nT6\nT5\nT6\nT7\nnone\n"), true);
	assert_int_equal(r.counts.retracted, 2);
	assert_int_equal(r.counts.unchanged, 2);
	assert_int_equal(r.counts.refused, 1);
	assert_int_equal(ledger_length(f), 1002);
	buf_deinit(&r.refused);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(by_key),
		TEST(by_the_file_itself),
		TEST(refused),
		TEST(from_json),
		TEST(by_person),
		TEST(dry_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
