/* The intake: what becomes of rows, and that counts are true whatever happens. */
#include <jansson.h>

#include "tests/unit/intake_fixture.h"

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

static void accept_change_unchanged(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 };

	buf_str(&b, HEAD);
	for (unsigned i = 0; i < 700; i++)
		put_row(&b, i, i, 1);
	expect_counts(f->intake, buf_as_text(&b), 700, 0, 0, 0);
	assert_int_equal(ledger_length(f), 701);
	expect_counts(f->intake, buf_as_text(&b), 0, 0, 700, 0);
	assert_int_equal(ledger_length(f), 701);
	buf_reset(&b);
	buf_str(&b, HEAD);
	for (unsigned i = 500; i < 900; i++)
		put_row(&b, i, i, i % 2 ? 1 : 2);
	expect_counts(f->intake, buf_as_text(&b), 200, 100, 100, 0);
	assert_int_equal(ledger_length(f), 1001);
	for (int i = 0; i < 5000 && fixture_grown(f) == 0; i++)
		usleep(1000);
	assert_true(fixture_grown(f) > 0);
	buf_deinit(&b);
}

static void duplicates_in_one_chunk(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 };

	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1); /* accepted */
	put_row(&b, 2, 2, 1); /* accepted */
	put_row(&b, 1, 1, 1); /* unchanged */
	put_row(&b, 1, 1, 2); /* changed */
	put_row(&b, 2, 2, 1); /* unchanged */
	put_row(&b, 1, 1, 1); /* changed back */
	put_row(&b, 0, 3, 1); /* accepted; before them in the order of keys */
	expect_counts(f->intake, buf_as_text(&b), 3, 2, 2, 0);
	assert_int_equal(ledger_length(f), 6);
	/* the newest version stands */
	buf_reset(&b);
	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	expect_counts(f->intake, buf_as_text(&b), 0, 0, 1, 0);
	buf_deinit(&b);
}

static size_t history(struct fixture *f, const char *key, uint64_t *positions, size_t size,
	struct view_row *newest)
{
	const struct view view = { T_VIEW, T_OLDER };
	struct arena a;
	struct store_txn *t;
	struct text k;
	size_t n;

	arena_init(&a, 4096);
	k = view_key(TEXT("training"), text_of(key), &a);
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	n = view_history(t, &view, k, positions, size);
	*newest = view_get(t, &view, k);
	store_read_end(t);
	arena_deinit(&a);
	return n;
}

static void retract_and_again(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct view_row newest;
	struct buf b = { 0 };
	uint64_t position, at[8];

	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	assert_int_equal(
		intake_retract(f->intake, q.reg, TEXT("T1"), "tester", TEXT("why"), &position),
		ERR_NOTFOUND);
	expect_counts(f->intake, buf_as_text(&b), 1, 0, 0, 0);
	assert_int_equal(
		intake_retract(f->intake, q.reg, TEXT("T1"), "tester", TEXT("why"), &position), 0);
	assert_int_equal(position, 3);
	assert_int_equal(
		intake_retract(f->intake, q.reg, TEXT("T1"), "tester", TEXT("why"), &position),
		ERR_NOTFOUND);
	assert_int_equal(history(f, "T1", at, 8, &newest), 2);
	assert_true(newest.retracted);
	expect_counts(f->intake, buf_as_text(&b), 1, 0, 0, 0);
	expect_counts(f->intake, buf_as_text(&b), 0, 0, 1, 0);
	assert_int_equal(history(f, "T1", at, 8, &newest), 3);
	assert_false(newest.retracted);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(at[i], 2 + i);
	assert_int_equal(history(f, "T1", at, 2, &newest), 2); /* the newest two */
	assert_int_equal(at[1], 4);
	assert_int_equal(history(f, "T", at, 8, &newest), 0); /* no prefix of a key */
	assert_int_equal(stored_counts(f).retracted, 1);
	buf_deinit(&b);
}

static void warnings_pass(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 }, metrics = { 0 };
	struct store_txn *t;
	struct text n;

	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1); /* born in 1903, trained in 2019: W403 */
	expect_counts(f->intake, buf_as_text(&b), 1, 0, 0, 0);
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	assert_int_equal(store_get(t, T_INTAKE, TEXT("fault/training/W403"), &n), 0);
	assert_int_equal(get_u64((const uint8_t *)n.p), 1);
	store_read_end(t);
	buf_deinit(&b);
	buf_deinit(&metrics);
}

static void counters_survive(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 };
	struct counts c;

	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	put_row(&b, 1, 1, 2);
	put_row(&b, 1, 1, 2);
	buf_str(&b, "bad\n");
	expect_counts(f->intake, buf_as_text(&b), 1, 1, 1, 1);
	fixture_close(f);
	fixture_open(f);
	c = stored_counts(f);
	assert_int_equal(c.accepted, 1);
	assert_int_equal(c.changed, 1);
	assert_int_equal(c.unchanged, 1);
	assert_int_equal(c.refused, 1);
	expect_counts(f->intake, buf_as_text(&b), 0, 2, 1, 1); /* version 1 comes again, then 2 */
	buf_deinit(&b);
}

static void dry_run_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct buf b = { 0 };
	struct fed_result r;

	buf_str(&b, HEAD);
	put_row(&b, 1, 1, 1);
	expect_counts(f->intake, buf_as_text(&b), 1, 0, 0, 0);
	put_row(&b, 2, 2, 1);
	buf_str(&b, "bad\n");
	q.dry_run = true;
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.counts.accepted, 1);
	assert_int_equal(r.counts.unchanged, 1);
	assert_int_equal(r.counts.refused, 1);
	assert_int_equal(ledger_length(f), 2);
	assert_int_equal(stored_counts(f).refused, 0);
	buf_deinit(&r.refused);
	buf_deinit(&b);
}

static json_t *report_of(struct fixture *f, struct intake_request *q, struct text file)
{
	struct fed_result r;
	json_t *j;

	q->dry_run = true;
	q->report = REPORT_JSON;
	r = feed(f->intake, q, file, true);
	j = json_loads(r.report.p, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_null(r.refused.p);
	buf_deinit(&r.report);
	return j;
}

static void expect_row(json_t *j, size_t i, int line, const char *outcome, const char *field,
	const char *old, const char *new)
{
	const struct {
		const char *name, *value;
	} cells[] = { { "outcome", outcome }, { "field", field }, { "old", old }, { "new", new } };
	json_t *row = json_array_get(j, i);

	assert_int_equal(json_integer_value(json_object_get(row, "line")), line);
	for (int k = 0; k < 4; k++) {
		const char *v = json_string_value(json_object_get(row, cells[k].name));

		assert_string_equal(v ? v : "", cells[k].value);
	}
}

static void expect_pid_change(json_t *j)
{
	const char *field, *old, *new;

	assert_int_equal(json_unpack(json_array_get(j, 0), "{s:s,s:s,s:s}", "field", &field, "old",
				 &old, "new", &new),
		0);
	assert_string_equal(field, "pid");
	assert_int_equal(strlen(old), 32);
	assert_string_not_equal(old, new);
}

/* Field by field, in the order of the file, without a personal value. */
static void dry_run_tells_what_would_change(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct buf b = { 0 };
	char number[19];
	json_t *j;

	buf_str(&b, HEAD);
	for (unsigned i = 0; i < 3; i++)
		put_row(&b, i, i, 1);
	expect_counts(f->intake, buf_as_text(&b), 3, 0, 0, 0);
	made_up(number, 9);
	buf_reset(&b);
	buf_str(&b, HEAD);
	put_row(&b, 0, 0, 1); /* unchanged */
	put_row(&b, 1, 1, 2);
	buf_str(&b, "T9,\n");
	buf_printf(&b,
		"T2,C1,甲2,111,%s,,upgrade,individual,91310101MA1T000136,employed,,2019-04-01,1,"
		"completed\n",
		number);
	put_row(&b, 1, 1, 3); /* the row before it in this file stands by then */
	j = report_of(f, &q, buf_as_text(&b));
	expect_row(j, 0, 3, "changed", "hours_online", "1.0", "2.0");
	expect_row(j, 1, 4, "refused", "", "", "");
	expect_row(j, 2, 5, "refused", "enrolled_on", "", "");
	expect_row(j, 3, 6, "changed", "hours_online", "2.0", "3.0");
	assert_int_equal(json_array_size(j), 4);
	json_decref(j);
	buf_reset(&b);
	buf_printf(&b,
		HEAD "T2,C1,乙,111,%s,,upgrade,individual,91310101MA1T000136,employed,2019-03-01,"
		     "2019-04-01,1,completed\n",
		number);
	j = report_of(f, &q, buf_as_text(&b));
	expect_pid_change(j);
	json_decref(j);
	made_up(number, 2);
	buf_reset(&b);
	buf_printf(&b,
		HEAD "T2,C1,乙,111,%s,,upgrade,individual,91310101MA1T000136,employed,2019-03-01,"
		     "2019-04-01,1,completed\n",
		number);
	j = report_of(f, &q, buf_as_text(&b));
	expect_row(j, 0, 2, "changed", "name", "***", "***");
	assert_int_equal(json_array_size(j), 1);
	json_decref(j);
	buf_deinit(&b);
	assert_int_equal(ledger_length(f), 4);
}

/* Nothing of a file is taken in before its end. */
static void sender_goes_away(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	struct buf b = { 0 };

	buf_str(&b, HEAD);
	for (unsigned i = 0; i < 1000; i++)
		put_row(&b, i, i, 1);
	(void)feed(f->intake, &q, (struct text){ b.p, b.n - 30 }, false);
	assert_int_equal(ledger_length(f), 1);
	expect_counts(f->intake, buf_as_text(&b), 1000, 0, 0, 0);
	buf_deinit(&b);
}

static bool after_some_rows(void *arg)
{
	return ++*(unsigned *)arg > CHUNK_ITEMS + 10;
}

/* The daemon stops in the middle: what is committed is counted, and the words say what to do. */
static void told_to_stop(void **state)
{
	struct fixture *f = *state;
	struct intake_request q = training();
	unsigned asked = 0;
	struct fed_result r;
	struct buf b = { 0 };

	buf_str(&b, HEAD);
	for (unsigned i = 0; i < CHUNK_ITEMS + 20; i++)
		put_row(&b, i, i, 1);
	q.give_up = after_some_rows;
	q.arg = &asked;
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.err, ERR_CLOSED);
	assert_non_null(strstr(r.words, "again"));
	assert_int_equal(r.counts.accepted, CHUNK_ITEMS);
	assert_int_equal(stored_counts(f).accepted, CHUNK_ITEMS);
	buf_deinit(&b);
}

static void store_is_full(void **state)
{
	struct fixture *f = fixture_make();
	struct intake_request q = training();
	struct buf b = { 0 };
	struct fed_result r;
	struct ledger_verdict v;

	(void)state;
	f->limit = 12 << 20;
	fixture_open(f);
	buf_str(&b, HEAD);
	for (unsigned i = 0; i < 60000; i++)
		put_row(&b, i, i, 1);
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.err, ERR_FULL);
	assert_non_null(strstr(r.words, "room"));
	assert_true(r.counts.accepted > 1000 && r.counts.accepted < 60000);
	assert_int_equal(ledger_length(f), r.counts.accepted + 1);
	assert_int_equal(stored_counts(f).accepted, r.counts.accepted);
	assert_int_equal(ledger_verify(f->ledger, 310115, NULL, &v, NULL, NULL), 0);
	assert_int_equal(v.broken_at, 0);
	buf_deinit(&r.refused);
	buf_deinit(&b);
	fixture_remove(f);
}

/* Random imports and retractions against a model of what stands under each key. */
static void random_history(void **state)
{
	enum { KEYS = 600 };
	struct fixture *f = *state;
	struct intake_request q = training();
	unsigned stands[KEYS] = { 0 }; /* 0: nothing */
	uint64_t length = 1;

	for (unsigned seed = 1; seed <= 60; seed++) {
		struct buf b = { 0 };
		uint64_t accepted = 0, changed = 0, unchanged = 0;
		unsigned rows, keys;

		srand(seed);
		rows = (unsigned)rand() % 800 + 1;
		keys = rand() % 3 ? KEYS : 5;
		buf_str(&b, HEAD);
		for (unsigned i = 0; i < rows; i++) {
			unsigned k = (unsigned)rand() % keys, version = (unsigned)rand() % 3 + 1;

			put_row(&b, k, k, version);
			accepted += stands[k] == 0;
			changed += stands[k] && stands[k] != version;
			unchanged += stands[k] == version;
			stands[k] = version;
		}
		expect_counts(f->intake, buf_as_text(&b), accepted, changed, unchanged, 0);
		length += accepted + changed;
		buf_deinit(&b);
		for (int i = 0; i < 5; i++) {
			unsigned k = (unsigned)rand() % keys;
			char key[16];
			uint64_t position;
			int n = snprintf(key, sizeof key, "T%u", k);

			assert_int_equal(
				intake_retract(f->intake, q.reg, (struct text){ key, (size_t)n },
					"x", TEXT("r"), &position),
				stands[k] ? 0 : ERR_NOTFOUND);
			length += stands[k] != 0;
			stands[k] = 0;
		}
		assert_int_equal(ledger_length(f), length);
		if (seed % 20 == 0) {
			fixture_close(f);
			fixture_open(f);
		}
	}
}

static bool collect(void *arg, struct view_row row)
{
	uint64_t *n = arg;

	(void)row;
	return ++*n < 1000;
}

static void keys_of_any_length(void **state)
{
	struct fixture *f = *state;
	const struct view view = { T_VIEW, T_OLDER };
	struct store_txn *t;
	struct buf b = { 0 };
	char number[19];
	uint64_t n = 0;

	made_up(number, 1);
	buf_str(&b, HEAD);
	for (int i = 0; i < 3; i++) { /* 198 Chinese characters, other ends */
		for (int k = 0; k < 198; k++)
			buf_str(&b, "号");
		buf_printf(&b,
			"%d,C1,甲,111,%s,,upgrade,individual,91310101MA1T000136,employed,2019-03-"
			"01,2019-04-01,1,completed\n",
			i, number);
	}
	expect_counts(f->intake, buf_as_text(&b), 3, 0, 0, 0);
	expect_counts(f->intake, buf_as_text(&b), 0, 0, 3, 0);
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	view_walk(t, &view, TEXT("training"), (struct text){ NULL, 0 }, collect, &n);
	assert_int_equal(n, 3);
	n = 0;
	view_walk(t, &view, TEXT("train"), (struct text){ NULL, 0 }, collect, &n);
	assert_int_equal(n, 0);
	store_read_end(t);
	buf_deinit(&b);
}

static bool count_refusals(void *arg, const struct refusal_view *v)
{
	uint64_t *n = arg;

	assert_true(v->line > 1 && v->faults.n >= 5 && text_is(v->author, "tester") &&
		    text_is(v->reg, "training"));
	++*n;
	return true;
}

static void refused_lately(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct buf b = { 0 };
	uint64_t n = 0;

	buf_str(&b, HEAD);
	for (int i = 0; i < 3000; i++)
		buf_str(&b, "bad\n");
	expect_counts(f->intake, buf_as_text(&b), 0, 0, 0, 3000);
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	refusals_walk(t, T_REFUSED, 5000, count_refusals, &n);
	assert_int_equal(n, REFUSALS_KEPT);
	store_read_end(t);
	buf_deinit(&b);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(accept_change_unchanged),
		TEST(duplicates_in_one_chunk),
		TEST(retract_and_again),
		TEST(warnings_pass),
		TEST(counters_survive),
		TEST(dry_run_writes_nothing),
		TEST(dry_run_tells_what_would_change),
		TEST(sender_goes_away),
		TEST(told_to_stop),
		TEST(random_history),
		TEST(keys_of_any_length),
		TEST(refused_lately),
		cmocka_unit_test(store_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
