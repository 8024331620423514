/* Two ledgers of one writer in one store: its area's and its decisions. Each is whole and sealed
 * whatever jobs do and however often they run; nobody else may write on either; a district that
 * follows decisions still appends its own entries. */
#include <pthread.h>

#include "tests/unit/ledger_fixture.h"

#define CITY 310000
#define DECISIONS ORIGIN_DECISIONS(CITY)
#define DISTRICT 310115

static struct world city, district;

static void also(struct world *w, uint32_t origin)
{
	struct errmsg m;
	if (ledger_also(w->l, origin, &m) != 0)
		fail_msg("%s", m.text);
}

static int setup(void **state)
{
	(void)state;
	chance_state = 7;
	world_open(&city, CITY, 1);
	world_open(&district, DISTRICT, 2);
	also(&city, DECISIONS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_close(&city);
	world_close(&district);
	return 0;
}

static void reopen(struct world *w)
{
	struct errmsg m;
	ledger_close(w->l);
	if (world_try(w, &m) != 0)
		fail_msg("%s", m.text);
}

static void whole(struct world *w, uint32_t origin, uint64_t position)
{
	struct ledger_verdict v = verdict_of(w, origin);
	assert_int_equal(v.err, 0);
	assert_int_equal(v.entries, position);
	assert_int_equal(head_of(w, origin).position, position);
}

static void test_what_an_origin_is(void **state)
{
	(void)state;
	assert_int_equal(DECISIONS, 3100001);
	assert_true(origin_is_decisions(DECISIONS));
	assert_true(origin_is_decisions(ORIGIN_DECISIONS(999999)));
	assert_false(origin_is_decisions(CITY));
	assert_false(origin_is_decisions(999991));
	assert_false(origin_is_decisions(3100002));
	assert_false(origin_is_decisions(31000001));
}

/* ---- jobs of every kind, against a count ---- */

struct step {
	uint32_t origin;
	size_t n, size;
};
struct mixed {
	struct step steps[4];
	size_t n_steps;
	int err; /* what the job ends with after its last step */
	uint64_t last[2];
};

static int mixed_job(struct store_txn *t, void *arg)
{
	struct mixed *m = arg;
	static char body[2000];
	for (size_t i = 0; i < m->n_steps; i++)
		for (size_t k = 0; k < m->steps[i].n; k++) {
			struct entry_draft d = { .origin = m->steps[i].origin,
				.kind = TALLY__ENTRY_KIND__RECORD,
				.at_ms = 1 + k,
				.body = { body, m->steps[i].size } };
			uint64_t at = ledger_append(t, city.l, &d);
			struct text bytes;
			uint32_t origin = d.origin ? d.origin : CITY;
			assert_true(at > 0);
			/* What was appended can be read by the same job, and the head says so. */
			assert_int_equal(ledger_get(t, origin, at, &bytes), 0);
			assert_int_equal(ledger_head(t, origin).position, at);
			m->last[origin == DECISIONS] = at;
		}
	return m->err;
}

static void test_random_jobs(void **state)
{
	static const uint32_t origins[] = { 0, CITY, DECISIONS };
	uint64_t want[2] = { 1, 1 };
	(void)state;
	for (int round = 0; round < 400; round++) {
		struct mixed m = { .n_steps = chance(5), .err = chance(4) ? 0 : ERR_INVALID };
		uint64_t add[2] = { 0, 0 };
		for (size_t i = 0; i < m.n_steps; i++) {
			m.steps[i] = (struct step){ origins[chance(3)],
				chance(3) ? chance(4) : chance(300), chance(600) };
			add[m.steps[i].origin == DECISIONS] += m.steps[i].n;
		}
		assert_int_equal(store_write(ledger_store(city.l), mixed_job, &m, 0), m.err);
		for (int k = 0; k < 2 && !m.err; k++)
			want[k] += add[k];
		assert_int_equal(head_of(&city, CITY).position, want[0]);
		assert_int_equal(head_of(&city, DECISIONS).position, want[1]);
		if (round % 50 == 49) {
			reopen(&city);
			also(&city, DECISIONS);
			whole(&city, CITY, want[0]);
			whole(&city, DECISIONS, want[1]);
		}
	}
}

/* ---- a group of jobs of which some fail ---- */

struct posted {
	struct store_job job;
	struct mixed m;
	int err;
	_Atomic int *done;
};

static int posted_fn(struct store_txn *t, struct store_job *job)
{
	return mixed_job(t, &((struct posted *)job)->m);
}

static void posted_done(struct store_job *job, int err)
{
	struct posted *p = (struct posted *)job;
	p->err = err;
	++*p->done;
}

static int slow_job(struct store_txn *t, void *arg)
{
	(void)t;
	(void)arg;
	usleep(20000);
	return 0;
}

static void *slow_thread(void *arg)
{
	assert_int_equal(store_write(ledger_store(city.l), slow_job, NULL, 0), 0);
	return arg;
}

/* While the writer is busy they gather: one group, done again for each that fails after it wrote.
 */
static void test_a_group_done_again(void **state)
{
	static struct posted jobs[40];
	uint64_t want[2] = { 1, 1 };
	(void)state;
	for (int round = 0; round < 20; round++) {
		_Atomic int done = 0;
		pthread_t slow;
		assert_int_equal(pthread_create(&slow, NULL, slow_thread, NULL), 0);
		usleep(5000);
		for (size_t i = 0; i < 40; i++) {
			struct posted *p = &jobs[i];
			*p = (struct posted){ .job = { .fn = posted_fn, .done = posted_done },
				.done = &done };
			p->m.n_steps = 1 + chance(2);
			p->m.err = chance(10) ? 0 : ERR_INVALID;
			for (size_t k = 0; k < p->m.n_steps; k++) {
				p->m.steps[k] = (struct step){ chance(2) ? DECISIONS : CITY,
					chance(3), 100 };
				if (!p->m.err)
					want[p->m.steps[k].origin == DECISIONS] += p->m.steps[k].n;
			}
			store_post(ledger_store(city.l), &p->job);
		}
		pthread_join(slow, NULL);
		while (done < 40)
			usleep(1000);
		for (size_t i = 0; i < 40; i++)
			assert_int_equal(jobs[i].err, jobs[i].m.err);
		assert_int_equal(head_of(&city, CITY).position, want[0]);
		assert_int_equal(head_of(&city, DECISIONS).position, want[1]);
	}
	whole(&city, CITY, want[0]);
	whole(&city, DECISIONS, want[1]);
	/* A seal stands where each commit ended: none more than commits that wrote to it. */
	assert_true(verdict_of(&city, DECISIONS).seals <= want[1]);
}

/* ---- one writer ---- */

static int foreign_job(struct store_txn *t, void *arg)
{
	struct entry_draft d = { .origin = *(const uint32_t *)arg,
		.kind = TALLY__ENTRY_KIND__RECORD };
	return ledger_append(t, city.l, &d) ? 0 : store_txn_err(t);
}

static void test_one_writer(void **state)
{
	uint32_t foreign = DISTRICT;
	struct errmsg m;
	struct buf packed = { 0 };
	struct arena a;
	struct ledger_batch b;
	uint64_t last;
	(void)state;
	assert_int_equal(store_write(ledger_store(city.l), foreign_job, &foreign, 0), ERR_DENIED);
	assert_true(ledger_is_own(city.l, CITY) && ledger_is_own(city.l, DECISIONS));
	assert_false(ledger_is_own(city.l, DISTRICT));
	assert_int_equal(ledger_also(city.l, DECISIONS, &m), 0);
	assert_int_equal(ledger_also(city.l, 4100001, &m), ERR_LIMIT);
	/* Its own decisions do not come back in. */
	arena_init(&a, 1 << 20);
	assert_int_equal(make(&city, DECISIONS, 1, LEDGER_BATCH_MAX, &packed, &last), 0);
	assert_int_equal(
		ledger_batch_check(&b, buf_as_text(&packed), DECISIONS, city.key.public_key, &a),
		0);
	assert_int_equal(accept_batch(&city, &b), ERR_DENIED);
	arena_deinit(&a);
	buf_deinit(&packed);
}

static void test_another_key_is_refused(void **state)
{
	uint8_t seed[SIGN_SEED_BYTES] = { 9 };
	struct errmsg m;
	(void)state;
	/* A district that follows these decisions cannot begin to write them. */
	send_batch(&city, &district, DECISIONS, city.key.public_key, 1, LEDGER_BATCH_MAX);
	assert_int_equal(ledger_also(district.l, DECISIONS, &m), ERR_SIGNER);
	assert_non_null(strstr(m.text, "3100001"));
	assert_int_equal(append(&district, 3, 100, 'a'), 0);
	ledger_close(city.l);
	sign_key_init(&city.key, seed);
	assert_int_equal(world_try(&city, &m), ERR_SIGNER);
	memset(seed, 1, sizeof seed);
	sign_key_init(&city.key, seed);
	assert_int_equal(world_try(&city, &m), 0);
}

/* ---- replicated down ---- */

static void test_decisions_reach_a_district(void **state)
{
	uint32_t origins[4];
	uint64_t at = 0, last;
	(void)state;
	assert_int_equal(append(&district, 30, 200, 'd'), 0);
	for (int i = 0; i < 40; i++) {
		struct mixed m = { .steps = { { DECISIONS, 1 + chance(40), 300 } }, .n_steps = 1 };
		assert_int_equal(store_write(ledger_store(city.l), mixed_job, &m, 0), 0);
		assert_int_equal(append(&district, 5, 100, 'd'), 0);
		while ((last = send_batch(&city, &district, DECISIONS, city.key.public_key, at + 1,
				20000)) != 0)
			at = last;
		assert_int_equal(append(&district, 5, 100, 'd'), 0);
		if (i == 20)
			reopen(&district);
	}
	struct ledger_head sent = head_of(&city, DECISIONS), held = head_of(&district, DECISIONS);
	assert_memory_equal(&sent, &held, sizeof sent);
	whole(&district, DECISIONS, sent.position);
	whole(&district, DISTRICT, 1 + 30 + 40 * 10);
	/* Ascending, although decisions stand first in the tables. */
	struct store_txn *t = snapshot(&district);
	assert_int_equal(ledger_origins(t, origins, 4), 2);
	assert_int_equal(origins[0], DISTRICT);
	assert_int_equal(origins[1], DECISIONS);
	assert_int_equal(ledger_origins(t, origins, 1), 2);
	store_read_end(t);
	/* The district's own entries are still appended at the tables' ends. */
	uint8_t own[ROW_KEY_BYTES], theirs[ROW_KEY_BYTES];
	assert_true(
		text_cmp(row_key(own, DISTRICT, 1), row_key(theirs, DECISIONS, 1ULL << 47)) > 0);
	assert_true(row_order(DECISIONS, DISTRICT) < 0 && row_order(DISTRICT, DECISIONS) > 0);
	assert_true(row_order(CITY, DISTRICT) < 0 && row_order(CITY, CITY) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_an_origin_is, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_group_done_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_key_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_decisions_reach_a_district, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
