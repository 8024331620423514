/* An import that refuses rows leaves one entry in the ledger that says how many and for which
 * faults; any other import leaves none. */
#include "tests/unit/intake_fixture.h"

#include "proto/entry.pb-c.h"
#include "proto/survey.h"

static int setup(void **state)
{
	struct fixture *f = fixture_make();

	fixture_open(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_remove(*state);
	return 0;
}

#define BAD "bad\n" /* E007: one cell */

/* The newest entry, as an INTAKE. */
static const Tally__Intake *newest(struct fixture *f, struct arena *a)
{
	struct entry_view e;
	struct store_txn *t;
	struct text bytes;
	const Tally__Intake *i;

	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	assert_int_equal(ledger_get(t, 310115, ledger_head(t, 310115).position, &bytes), 0);
	assert_int_equal(entry_unpack(&e, bytes, NULL), 0);
	assert_int_equal(e.kind, TALLY__ENTRY_KIND__INTAKE);
	assert_true(text_is(e.author, "tester"));
	assert_true(e.at_ms > 0);
	i = survey_intake(e.body, a);
	assert_non_null(i);
	store_read_end(t);
	return i;
}

static uint64_t faults_of(const Tally__Intake *i, const char *code)
{
	for (size_t k = 0; k < i->n_faults; k++)
		if (text_is(survey_text(i->faults[k]->code), code))
			return i->faults[k]->n;
	return 0;
}

static void one_entry_says_what_was_refused(void **state)
{
	struct fixture *f = *state;
	struct arena a;
	struct buf b = { 0 };
	const Tally__Intake *i;

	arena_init(&a, 1 << 16);
	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	put_row(&b, 2, 2, 1);
	expect_counts(f->intake, buf_as_text(&b), 2, 0, 0, 0);
	assert_int_equal(ledger_length(f), 3);
	buf_reset(&b);
	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	put_row(&b, 2, 2, 2);
	put_row(&b, 3, 3, 1);
	/* More than one chunk tells of. */
	for (int k = 0; k < 300; k++)
		buf_str(&b, BAD);
	put_row(&b, 4, 4, 1);
	buf_str(&b, "T9,C1,,,,,,,,,,,,\n");
	expect_counts(f->intake, buf_as_text(&b), 2, 1, 1, 301);
	assert_int_equal(ledger_length(f), 3 + 3 + 1);
	i = newest(f, &a);
	assert_true(text_is(survey_text(i->register_), "training"));
	assert_int_equal(i->accepted, 2);
	assert_int_equal(i->changed, 1);
	assert_int_equal(i->unchanged, 1);
	assert_int_equal(i->refused, 301);
	assert_int_equal(faults_of(i, "E007"), 300);
	assert_true(faults_of(i, "E101") > 1);
	/* Nothing but bad rows. */
	expect_counts(f->intake, TEXT(HEAD BAD), 0, 0, 0, 1);
	assert_int_equal(ledger_length(f), 8);
	assert_int_equal(newest(f, &a)->refused, 1);
	buf_deinit(&b);
	arena_deinit(&a);
}

static void what_is_taken_back_is_an_import_too(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct fed_result r;
	struct arena a;
	const Tally__Intake *i;

	arena_init(&a, 1 << 16);
	q.retract = true;
	q.reason = TEXT("x");
	r = feed(f->intake, &q, TEXT("key\nnone\nnobody\n"), true);
	assert_int_equal(r.counts.refused, 2);
	assert_int_equal(ledger_length(f), 2);
	i = newest(f, &a);
	assert_int_equal(i->refused, 2);
	assert_int_equal(faults_of(i, "E092"), 2);
	buf_deinit(&r.refused);
	arena_deinit(&a);
}

static void others_leave_none(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct fed_result r;

	q.dry_run = true;
	r = feed(f->intake, &q, TEXT(HEAD BAD), true);
	assert_int_equal(r.counts.refused, 1);
	buf_deinit(&r.refused);
	q.dry_run = false;
	r = feed(f->intake, &q, TEXT(HEAD BAD), false); /* the sender went away */
	r = feed(f->intake, &q, TEXT("no header\n1\n"), true);
	assert_true(r.bad_file);
	assert_int_equal(ledger_length(f), 1);
}

static void the_links_hear_of_it(void **state)
{
	struct fixture *f = *state;
	unsigned long before = f->grew;

	expect_counts(f->intake, TEXT(HEAD BAD), 0, 0, 0, 1);
	assert_int_equal(f->grew, before + 1);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_entry_says_what_was_refused),
		TEST(what_is_taken_back_is_an_import_too),
		TEST(others_leave_none),
		TEST(the_links_hear_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
