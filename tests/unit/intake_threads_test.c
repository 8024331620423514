/* Many doors at once: single records from eight clients beside a large file, a retracting clerk and
 * a reader. Nothing is lost, nothing is taken twice; singles share commits. For the thread
 * sanitizer too. */
#include "tests/unit/intake_fixture.h"

#include <pthread.h>

#define CLIENTS 8
#define SINGLES 60
#define BULK 4000

struct client {
	struct fixture *f;
	unsigned number;
	struct counts counts;
};

static void add(struct counts *to, const struct counts *c)
{
	to->accepted += c->accepted;
	to->changed += c->changed;
	to->unchanged += c->unchanged;
	to->refused += c->refused;
}

static void import_into(struct client *c, struct buf *b)
{
	struct intake_request q = training();
	struct fed_result r = feed(c->f->intake, &q, buf_as_text(b), true);

	add(&c->counts, &r.counts);
	buf_deinit(&r.refused);
}

static void *singles(void *arg)
{
	struct client *c = arg;
	struct buf b = { 0 };

	for (unsigned i = 0; i < SINGLES; i++) {
		buf_reset(&b);
		buf_str(&b, HEAD);
		put_row(&b, 100000 + c->number * SINGLES + i, i,
			1); /* all clients name the same persons */
		if (i % 10 == 0)
			buf_str(&b, "bad\n");
		import_into(c, &b);
	}
	buf_deinit(&b);
	return NULL;
}

static void *bulk(void *arg)
{
	struct client *c = arg;
	struct buf b = { 0 };

	buf_str(&b, HEAD);
	for (unsigned i = 0; i < BULK; i++)
		put_row(&b, i, i, 1);
	import_into(c, &b);
	import_into(c, &b);
	buf_deinit(&b);
	return NULL;
}

static void *reader(void *arg)
{
	struct client *c = arg;
	uint64_t last = 0;

	for (int i = 0; i < 100; i++) {
		struct counts now = stored_counts(c->f);

		assert_true(now.accepted >= last);
		last = now.accepted;
		usleep(1000);
	}
	return NULL;
}

static void all_at_once(void **state)
{
	struct fixture *f = fixture_make();
	struct client clients[CLIENTS + 2];
	pthread_t threads[CLIENTS + 2];
	struct counts total = { 0 }, stored;
	struct store_stats stats;
	struct ledger_verdict v;

	(void)state;
	fixture_open(f);
	for (unsigned i = 0; i < CLIENTS + 2; i++) {
		clients[i] = (struct client){ .f = f, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL,
					 i < CLIENTS	? singles
					 : i == CLIENTS ? bulk
							: reader,
					 &clients[i]),
			0);
	}
	for (unsigned i = 0; i < CLIENTS + 2; i++) {
		pthread_join(threads[i], NULL);
		add(&total, &clients[i].counts);
	}
	assert_int_equal(total.accepted, CLIENTS * SINGLES + BULK);
	assert_int_equal(total.unchanged, BULK);
	assert_int_equal(total.changed, 0);
	assert_int_equal(total.refused, CLIENTS * SINGLES / 10);
	stored = stored_counts(f);
	assert_int_equal(stored.accepted, total.accepted);
	assert_int_equal(stored.unchanged, total.unchanged);
	assert_int_equal(stored.refused, total.refused);
	/* GENESIS, the records, and a note for each import that refused its row. */
	assert_int_equal(ledger_length(f), 1 + total.accepted + total.refused);
	store_stats(ledger_store(f->ledger), &stats);
	assert_true(stats.commits < stats.jobs);
	assert_int_equal(ledger_verify(f->ledger, 310115, NULL, &v, NULL, NULL), 0);
	assert_int_equal(v.broken_at, 0);
	fixture_remove(f);
}

static void *one_run(void *arg)
{
	struct client *c = arg;
	struct buf b = { 0 };

	buf_str(&b, HEAD);
	put_row(&b, c->number, c->number, 1);
	import_into(c, &b);
	buf_deinit(&b);
	return NULL;
}

/* More runs than places: the others wait, none is lost. */
static void more_runs_than_places(void **state)
{
	enum { RUNS = 2 * INTAKE_RUNS_MAX };
	struct fixture *f = fixture_make();
	struct client clients[RUNS];
	pthread_t threads[RUNS];

	(void)state;
	fixture_open(f);
	for (unsigned i = 0; i < RUNS; i++) {
		clients[i] = (struct client){ .f = f, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, one_run, &clients[i]), 0);
	}
	for (unsigned i = 0; i < RUNS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(stored_counts(f).accepted, RUNS);
	fixture_remove(f);
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static void gives_up_when_told(void **state)
{
	struct fixture *f = fixture_make();
	struct intake_request q = training();
	struct intake_run *runs[INTAKE_RUNS_MAX], *none;
	struct intake_result r;

	(void)state;
	fixture_open(f);
	for (int i = 0; i < INTAKE_RUNS_MAX; i++)
		assert_int_equal(intake_begin(&runs[i], f->intake, &q), 0);
	q.give_up = at_once;
	assert_int_equal(intake_begin(&none, f->intake, &q), ERR_CLOSED);
	for (int i = 0; i < INTAKE_RUNS_MAX; i++) {
		intake_finish(runs[i], &r);
		intake_free(runs[i]);
	}
	fixture_remove(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(more_runs_than_places),
		cmocka_unit_test(gives_up_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
