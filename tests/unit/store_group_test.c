/* Group commit: what is posted together is committed together; what fails takes only its own with
 * it. */
#include "tests/unit/store_test.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define JOBS 400

enum kind { GOOD, FAILS_CLEAN, FAILS_DIRTY, FAILS_STICKY, ONLY_READS };

struct numbered {
	struct store_job job;
	uint64_t n;
	enum kind kind;
	int runs, err, done_at;
	uint64_t value;
};

static struct numbered jobs[JOBS];
static int done_count, before_commits;
static sem_t held, gate, all_done;

static int run(struct store_txn *t, struct store_job *job)
{
	struct numbered *j = (struct numbered *)job;
	uint8_t k[8], v[8];
	struct text value;

	j->runs++;
	/* begins from its input: looks first, then writes */
	j->value = j->n;
	if (store_get(t, OTHER, TEXT("sum"), &value) == 0)
		j->value += get_u64((const uint8_t *)value.p);
	if (j->kind == FAILS_CLEAN)
		return ERR_INVALID;
	if (j->kind == ONLY_READS)
		return 0;
	store_put(t, OTHER, TEXT("sum"), key_of(v, j->value));
	store_append(t, ORDERED, key_of(k, j->n), TEXT("x"));
	store_put(t, RANDOM, key_of(k, j->n * 0x9E3779B97F4A7C15), TEXT("y"));
	if (j->kind == FAILS_STICKY)
		store_fail(t, ERR_GAP);
	return j->kind == FAILS_DIRTY ? ERR_DENIED : 0;
}

static void done(struct store_job *job, int err)
{
	struct numbered *j = (struct numbered *)job;

	j->err = err;
	j->done_at = done_count++;
	if (done_count == JOBS)
		sem_post(&all_done);
}

static int hold_writer(struct store_txn *t, struct store_job *job)
{
	(void)t;
	(void)job;
	sem_post(&held);
	sem_wait(&gate);
	return 0;
}

static void held_done(struct store_job *job, int err)
{
	(void)job;
	assert_int_equal(err, 0);
}

/* Posts all jobs while the writer is held, so that they stand in groups of group_weight. */
static void post_together(struct store *s, enum kind (*kind)(int i))
{
	static struct store_job hold = { .fn = hold_writer, .done = held_done };

	done_count = 0;
	sem_init(&gate, 0, 0);
	sem_init(&held, 0, 0);
	sem_init(&all_done, 0, 0);
	store_post(s, &hold);
	sem_wait(&held); /* alone in its group */
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct numbered){
			.job = { .fn = run, .done = done }, .n = (uint64_t)i + 1, .kind = kind(i)
		};
		store_post(s, &jobs[i].job);
	}
	sem_post(&gate);
	sem_wait(&all_done);
}

static int want_err(enum kind kind)
{
	return kind == FAILS_CLEAN    ? ERR_INVALID
	       : kind == FAILS_DIRTY  ? ERR_DENIED
	       : kind == FAILS_STICKY ? ERR_GAP
				      : 0;
}

/* The effects are those of the jobs that went well, run one after the other. */
static void check_effects(struct store *s)
{
	struct store_txn *t;
	struct text v;
	uint64_t sum = 0, n = 0;
	uint8_t k[8];

	assert_int_equal(store_read_begin(s, &t, 5000), 0);
	for (int i = 0; i < JOBS; i++) {
		struct numbered *j = &jobs[i];

		assert_int_equal(j->err, want_err(j->kind));
		assert_int_equal(j->done_at, i);
		assert_int_equal(store_get(t, ORDERED, key_of(k, j->n), &v),
			j->kind == GOOD ? 0 : ERR_NOTFOUND);
		if (j->kind != GOOD)
			continue;
		sum += j->n;
		n++;
		assert_int_equal(j->value, sum);
	}
	assert_int_equal(store_count(t, ORDERED), n);
	assert_int_equal(store_count(t, RANDOM), n);
	assert_int_equal(store_get(t, OTHER, TEXT("sum"), &v), n ? 0 : ERR_NOTFOUND);
	if (n)
		assert_int_equal(get_u64((const uint8_t *)v.p), sum);
	store_read_end(t);
}

static enum kind all_good(int i)
{
	(void)i;
	return GOOD;
}

static enum kind one_bad(int i)
{
	return i == JOBS / 2 ? FAILS_DIRTY : GOOD;
}

static enum kind any(int i)
{
	(void)i;
	return random_below(10) ? GOOD : (enum kind)random_below(5);
}

static enum kind all_bad(int i)
{
	return i % 2 ? FAILS_DIRTY : FAILS_STICKY;
}

static enum kind none_writes(int i)
{
	return i % 2 ? ONLY_READS : FAILS_CLEAN;
}

static void before_commit(struct store_txn *t, void *arg)
{
	uint8_t v[8];

	before_commits++;
	store_put(t, OTHER, TEXT("last words"), key_of(v, store_count(t, ORDERED)));
	(void)arg;
}

static struct store *fresh(char **dir)
{
	*dir = new_dir();
	struct store_conf conf = conf_of(*dir);

	conf.before_commit = before_commit;
	before_commits = 0;
	return open_with(&conf);
}

static void commits_serve_groups(void **state)
{
	struct store_stats st;
	char *dir;
	struct store *s = fresh(&dir);

	(void)state;
	post_together(s, all_good);
	check_effects(s);
	store_stats(s, &st);
	assert_in_range(st.commits, 1, 2);
	assert_int_equal(st.commits, before_commits);
	assert_int_equal(st.jobs, JOBS + 1);
	assert_int_equal(st.waiting, 0);
	store_close(s);
	remove_dir(dir);
}

static void one_bad_job_costs_one_more_run(void **state)
{
	char *dir;
	struct store *s = fresh(&dir);

	(void)state;
	post_together(s, one_bad);
	check_effects(s);
	for (int i = 0; i < JOBS; i++)
		assert_int_equal(jobs[i].runs, i < JOBS / 2 ? 2 : 1);
	store_close(s);
	remove_dir(dir);
}

static void any_mixture(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		char *dir;
		struct store *s = fresh(&dir);

		random_hold(seed);
		post_together(s, any);
		random_release();
		check_effects(s);
		store_close(s);
		s = open_at(dir);
		check_effects(s);
		store_close(s);
		remove_dir(dir);
	}
}

static void a_row_of_bad_jobs_is_no_square(void **state)
{
	struct store_stats st;
	char *dir;
	struct store *s = fresh(&dir);
	int runs = 0;

	(void)state;
	post_together(s, all_bad);
	check_effects(s);
	for (int i = 0; i < JOBS; i++)
		runs += jobs[i].runs;
	assert_in_range(runs, JOBS, JOBS * 5);
	store_stats(s, &st);
	assert_int_equal(st.commits, 0);
	store_close(s);
	remove_dir(dir);
}

static void nothing_written_is_no_commit(void **state)
{
	struct store_stats st;
	char *dir;
	struct store *s = fresh(&dir);

	(void)state;
	post_together(s, none_writes);
	check_effects(s);
	store_stats(s, &st);
	assert_int_equal(st.commits, 0);
	assert_int_equal(before_commits, 0);
	store_close(s);
	remove_dir(dir);
}

static int settled;
static struct store *settling;

static void on_settled(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
}

static void done_and_settle(struct store_job *job, int err)
{
	store_settle(settling, on_settled, &settled);
	done(job, err);
}

static void whoever_follows_is_told_once_a_group(void **state)
{
	static struct store_job hold = { .fn = hold_writer, .done = held_done };
	struct store_stats st;
	char *dir;

	(void)state;
	settling = fresh(&dir);
	settled = done_count = 0;
	sem_init(&gate, 0, 0);
	sem_init(&held, 0, 0);
	store_post(settling, &hold);
	sem_wait(&held);
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct numbered){ .job = { .fn = run, .done = done_and_settle },
			.n = (uint64_t)i + 1 };
		store_post(settling, &jobs[i].job);
	}
	sem_init(&all_done, 0, 0);
	sem_post(&gate);
	sem_wait(&all_done);
	store_stats(settling, &st);
	assert_in_range(st.commits, 1, JOBS / 10);
	store_close(settling);
	assert_in_range(settled, 1, st.commits);
	remove_dir(dir);
}

#define CHAIN 50
static sem_t chain_over;

static int slow_run(struct store_txn *t, struct store_job *job)
{
	usleep(1000);
	return run(t, job);
}

/* Posts the next one: the writer never rests. */
static void chain_done(struct store_job *job, int err)
{
	size_t at = (size_t)((struct numbered *)job - jobs);

	assert_int_equal(err, 0);
	store_settle(settling, on_settled, &settled);
	if (at + 1 < CHAIN)
		store_post(settling, &jobs[at + 1].job);
	else
		sem_post(&chain_over);
}

static void whoever_follows_is_told_while_it_goes_on(void **state)
{
	char *dir;

	(void)state;
	settling = fresh(&dir);
	settled = 0;
	sem_init(&chain_over, 0, 0);
	for (int i = 0; i < CHAIN; i++)
		jobs[i] = (struct numbered){ .job = { .fn = slow_run, .done = chain_done },
			.n = (uint64_t)i + 1 };
	store_post(settling, &jobs[0].job);
	sem_wait(&chain_over);
	assert_in_range(__atomic_load_n(&settled, __ATOMIC_RELAXED), 5, CHAIN - 1);
	store_close(settling);
	remove_dir(dir);
}

static void a_group_is_bounded_by_pages(void **state)
{
	struct store_stats st;
	char *dir = new_dir();
	struct store_conf conf = conf_of(dir);
	struct store *s;

	(void)state;
	conf.group_pages = 4;
	s = open_with(&conf);
	post_together(s, all_good);
	check_effects(s);
	store_stats(s, &st);
	assert_in_range(st.commits, 5, JOBS);
	store_close(s);
	remove_dir(dir);
}

static void close_runs_what_waits(void **state)
{
	static struct store_job hold = { .fn = hold_writer, .done = held_done };
	char *dir;
	struct store *s = fresh(&dir);

	(void)state;
	done_count = 0;
	sem_init(&gate, 0, 0);
	sem_init(&held, 0, 0);
	store_post(s, &hold);
	sem_wait(&held); /* alone in its group */
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct numbered){ .job = { .fn = run, .done = done },
			.n = (uint64_t)i + 1 };
		store_post(s, &jobs[i].job);
	}
	sem_post(&gate);
	store_close(s);
	assert_int_equal(done_count, JOBS);
	s = open_at(dir);
	check_effects(s);
	store_close(s);
	remove_dir(dir);
}

/* ---- many threads ---- */

#define THREADS 8
#define ROUNDS 100

struct client {
	struct store *s;
	uint64_t id, round;
	pthread_t thread;
};

static int add_one(struct store_txn *t, void *arg)
{
	struct client *c = arg;
	uint8_t k[8], v[8];
	struct text value;
	uint64_t total = 0;

	if (store_get(t, OTHER, TEXT("total"), &value) == 0)
		total = get_u64((const uint8_t *)value.p);
	store_put(t, OTHER, TEXT("total"), key_of(v, total + 1));
	store_put(t, RANDOM, key_of(k, c->id << 32 | c->round), TEXT("z"));
	return c->round % 10 == 9 ? ERR_BUSY : 0;
}

/* What was written is seen by the next snapshot; a snapshot is one moment: total = number of keys.
 */
static void *client(void *arg)
{
	struct client *c = arg;

	for (c->round = 0; c->round < ROUNDS; c->round++) {
		int want = c->round % 10 == 9 ? ERR_BUSY : 0;
		struct store_txn *t;
		struct text value;
		uint8_t k[8];

		assert_int_equal(store_write(c->s, add_one, c, 0), want);
		assert_int_equal(store_read_begin(c->s, &t, 10000), 0);
		assert_int_equal(store_get(t, RANDOM, key_of(k, c->id << 32 | c->round), &value),
			want ? ERR_NOTFOUND : 0);
		assert_int_equal(store_get(t, OTHER, TEXT("total"), &value), 0);
		assert_int_equal(get_u64((const uint8_t *)value.p), store_count(t, RANDOM));
		store_read_end(t);
	}
	return NULL;
}

static void many_threads_write_and_read(void **state)
{
	struct client clients[THREADS];
	struct store_stats st;
	struct store_txn *t;
	char *dir;
	struct store *s = fresh(&dir);

	(void)state;
	for (uint64_t i = 0; i < THREADS; i++) {
		clients[i] = (struct client){ .s = s, .id = i + 1 };
		pthread_create(&clients[i].thread, NULL, client, &clients[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(clients[i].thread, NULL);
	assert_int_equal(store_read_begin(s, &t, 1000), 0);
	assert_int_equal(store_count(t, RANDOM), THREADS * ROUNDS * 9 / 10);
	store_read_end(t);
	store_stats(s, &st);
	assert_int_equal(st.jobs, THREADS * ROUNDS);
	assert_true(st.commits < THREADS * ROUNDS);
	assert_true(clock_mono_ms() - st.progress_ms < 1000);
	store_close(s);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commits_serve_groups),
		cmocka_unit_test(one_bad_job_costs_one_more_run),
		cmocka_unit_test(any_mixture),
		cmocka_unit_test(a_row_of_bad_jobs_is_no_square),
		cmocka_unit_test(nothing_written_is_no_commit),
		cmocka_unit_test(whoever_follows_is_told_once_a_group),
		cmocka_unit_test(whoever_follows_is_told_while_it_goes_on),
		cmocka_unit_test(a_group_is_bounded_by_pages),
		cmocka_unit_test(close_runs_what_waits),
		cmocka_unit_test(many_threads_write_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
