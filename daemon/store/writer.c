/* The writer: one thread, one transaction at a time.
 *
 * Normal path: jobs wait in a queue → the writer takes a group (until the weights reach
 * group_weight) → one transaction runs their fns in order → before_commit → one durable commit →
 * their dones in order. While it commits new jobs gather: that is the group commit, without any
 * timer.
 *
 * What fails, and what is done:
 *
 *     a job fails before it wrote        it is dropped, the group goes on
 *     a job fails after it wrote         abort; the group again without it. After REDO_MOST times
 * the jobs behind it go back to the queue, so that a row of bad jobs costs a commit each and not a
 * square the map is full                    abort, grow, again. At the limit: intake jobs of the
 * group end with ERR_FULL, again the disk is full (before the meta  nothing of it stands. Intake
 * jobs end with ERR_FULL, the ballast is given up, page)                              the rest
 * again another disk error, likewise       the group ends with ERR_IO, and the writer no longer
 * tells progress: the watchdog is not fed the meta page may be half written  nobody knows whether
 * the commit stands: no done is called, the process ends with (LMDB answers MDB_PANIC) 70; after
 * the start the positions tell
 *
 * A group ends early when its transaction holds group_pages pages: they lie in anonymous memory,
 * and LMDB keeps that memory for the next transaction. */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/store/inside.h"

#define REDO_MOST 4
#define CHECK_READERS_MS 60000
#define AGAIN (-1)
#define GATHER_LEAST 3	    /* posters that make a crowd */
#define GATHER_US 200	    /* a moment: a group leaves when one passes and nobody came */
#define SETTLE_US 2000	    /* most that store_settle() waits while groups follow one another */
#define CROWD_LASTS_US 1000 /* after this a group waits no more */

struct group {
	struct store_job *jobs;
	size_t n;
	unsigned redos;
};

/* ---- the queue ---- */

static void queue_put_back(struct store *s, struct group *g, struct store_job *last)
{
	struct store_job *tail = last->next, *end = tail;
	size_t n = 1;

	if (!tail)
		return;
	last->next = NULL;
	for (; end->next; end = end->next)
		n++;
	pthread_mutex_lock(&s->lock);
	end->next = s->head;
	if (!s->head)
		s->tail = &end->next;
	s->head = tail;
	s->waiting += n;
	pthread_mutex_unlock(&s->lock);
	g->n -= n;
}

static void chores(struct store *s)
{
	uint64_t now = clock_mono_ms();
	int dead;

	room_disk_retry(s);
	if (now - s->checked_ms < CHECK_READERS_MS)
		return;
	s->checked_ms = now;
	mdb_reader_check(s->env, &dead);
}

/* Under the lock. */
static void sleep_a_while(struct store *s)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += s->disk_full ? 1 : CHECK_READERS_MS / 1000;
	s->sleeping = true;
	pthread_cond_timedwait(&s->wake, &s->lock, &at);
	s->sleeping = false;
	if (!s->sick)
		s->progress_ms = clock_mono_ms();
}

/* Under the lock. Posters that wait for their answer (single records, each from a client of its
 * own) come back one after another when a group was told; those who are not yet back when the next
 * group leaves would make a second one, forever. So the next group waits for as many as were about
 * before, while each moment brings one: fewer commits, more in each. A lone poster makes no crowd
 * and never waits. */
static void gather(struct store *s)
{
	uint64_t until = s->crowd_us + CROWD_LASTS_US;
	size_t came = SIZE_MAX;

	if (s->crowd < GATHER_LEAST)
		return;
	s->gathering = true;
	while (s->waiting < s->crowd && s->waiting != came && clock_mono_us() < until) {
		struct timespec at;
		int rc = 0;

		came = s->waiting;
		clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_nsec += GATHER_US * 1000;
		if (at.tv_nsec >= 1000000000) {
			at.tv_nsec -= 1000000000;
			at.tv_sec++;
		}
		while (rc == 0 && s->waiting < s->crowd && !s->closing)
			rc = pthread_cond_timedwait(&s->wake, &s->lock, &at);
	}
	s->gathering = false;
}

/* On the writer thread. */
static void settle(struct store *s)
{
	void (*fn)(void *arg) = s->settle;

	s->settle = NULL;
	if (fn)
		fn(s->settle_arg);
}

void store_settle(struct store *s, void (*fn)(void *arg), void *arg)
{
	assert(pthread_equal(pthread_self(), s->writer));
	if (!s->settle)
		s->settle_us = clock_mono_us();
	s->settle = fn;
	s->settle_arg = arg;
}

/* Waits for jobs and takes a group of them; false when the store closes and nothing is left. */
static bool take_group(struct store *s, struct group *g)
{
	struct store_job *job;
	size_t weight = 0;

	*g = (struct group){ 0 };
	pthread_mutex_lock(&s->lock);
	gather(s);
	while (!s->head && !s->closing) {
		if (s->settle) {
			pthread_mutex_unlock(&s->lock);
			settle(s);
			pthread_mutex_lock(&s->lock);
			continue;
		}
		sleep_a_while(s);
		if (!s->head && !s->closing) {
			pthread_mutex_unlock(&s->lock);
			chores(s);
			pthread_mutex_lock(&s->lock);
		}
		gather(s);
	}
	g->jobs = s->head;
	for (job = s->head; job; job = job->next) {
		g->n++;
		weight += job->weight ? job->weight : 1;
		if (weight >= s->group_weight)
			break;
	}
	if (job && job->next) {
		s->head = job->next;
		job->next = NULL;
	} else {
		s->head = NULL;
		s->tail = &s->head;
	}
	s->waiting -= g->n;
	s->ended = !g->jobs;
	pthread_mutex_unlock(&s->lock);
	return g->jobs != NULL;
}

/* ---- a group ---- */

static void put_out(struct store_job *job, int err)
{
	job->state = JOB_OUT;
	job->err = err;
}

/* Refuses the intake jobs from `job` on; true when there was one. */
static bool refuse_intake(struct store_job *job)
{
	bool any = false;

	for (; job; job = job->next) {
		if (job->state == JOB_OUT || job->flags & STORE_RESERVE)
			continue;
		put_out(job, ERR_FULL);
		any = true;
	}
	return any;
}

static void abort_txn(struct store_txn *t)
{
	txn_close_cursors(t);
	if (t->txn)
		mdb_txn_abort(t->txn);
	t->txn = NULL;
}

static int open_txn(struct store *s)
{
	int64_t budget = s->room_pages - (int64_t)s->reserve_pages / 2;
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (rc == MDB_PANIC) {
		log_error("store",
			"%s: the outcome of a commit is unknown; the process ends, the next start "
			"tells",
			s->place.dir);
		_exit(70);
	}
	if (rc) {
		log_error("store", "%s: no transaction begins: %s", s->place.dir, mdb_strerror(rc));
		return store_err(rc);
	}
	txn_begin(&s->wt, s, txn);
	durable_start(s);
	s->wt.budget = budget > 0 ? (uint64_t)budget : 0;
	return 0;
}

/* The map is full at `job` (NULL: after the jobs). AGAIN, or ERR_FULL for the whole group. */
static int map_full(struct store *s, struct group *g, struct store_job *job)
{
	if (durable_behind(s)) { /* pages that are free but held */
		durable_checkpoint(s);
		return AGAIN;
	}
	if (room_grow(s, true) == 0)
		return AGAIN;
	if (job && !(job->flags & STORE_RESERVE)) {
		refuse_intake(job);
		return AGAIN;
	}
	if (refuse_intake(g->jobs)) /* what took the last room of the reserve */
		return AGAIN;
	if (!job)
		return ERR_FULL;
	put_out(job, ERR_FULL);
	return AGAIN;
}

/* Runs one job. 0: go on (also when it failed and nothing of it is there), AGAIN, or an error for
 * all. */
static int run_job(struct store *s, struct group *g, struct store_job *job)
{
	struct store_txn *t = &s->wt;
	uint64_t before = t->changes;
	int rc;

	t->reserve = job->flags & STORE_RESERVE;
	job->err = 0;
	if (!t->reserve && atomic_load(&s->full)) {
		job->err = ERR_FULL;
		return 0;
	}
	rc = job->fn(t, job);
	txn_close_cursors(t);
	job->err = rc ? rc : t->err;
	if (!job->err)
		return 0;
	if (t->changes == before && !t->dead) {
		t->err = 0;
		return 0;
	}
	bool full = t->map_full;

	abort_txn(t);
	if (full)
		return map_full(s, g, job);
	put_out(job, job->err);
	if (++g->redos >= REDO_MOST)
		queue_put_back(s, g, job);
	return AGAIN;
}

/* 0: durable. */
static int commit(struct store *s, struct group *g)
{
	struct store_txn *t = &s->wt;
	int rc = durable_commit(s, t->txn), err;

	t->txn = NULL;
	if (rc == 0)
		return 0;
	if (rc == MDB_MAP_FULL)
		return map_full(s, g, NULL);
	err = open_txn(s); /* ends the process when the meta page is in doubt */
	if (err)
		return err;
	abort_txn(t);
	if (room_disk_failed(s, rc)) {
		refuse_intake(g->jobs);
		return AGAIN;
	}
	if (s->disk_full) {
		if (refuse_intake(g->jobs))
			return AGAIN;
		return ERR_FULL;
	}
	log_error("store", "%s: a commit failed, nothing of it stands: %s", s->place.dir,
		mdb_strerror(rc));
	return store_err(rc);
}

/* Runs the group once. 0: what could be done is durable; AGAIN; an error for all of the group. */
static int attempt(struct store *s, struct group *g, bool *wrote)
{
	struct store_txn *t = &s->wt;
	int rc = open_txn(s);

	*wrote = false;
	if (rc)
		return rc;
	for (struct store_job *job = g->jobs; job; job = job->next) {
		if (job->state == JOB_OUT)
			continue;
		rc = run_job(s, g, job);
		if (rc)
			return rc;
		if (t->dirty >= s->group_pages)
			queue_put_back(s, g, job);
	}
	if (t->changes > 0 && s->before_commit) {
		t->reserve = true;
		s->before_commit(t, s->arg);
		txn_close_cursors(t);
		rc = t->err;
		if (rc) {
			bool full = t->map_full;

			abort_txn(t);
			return full ? map_full(s, g, NULL) : rc;
		}
	}
	if (t->changes == 0) {
		abort_txn(t);
		return 0;
	}
	*wrote = true;
	return commit(s, g);
}

static void run_group(struct store *s, struct group *g)
{
	struct store_job *job, *next;
	bool wrote, alone;
	int rc;

	do
		rc = attempt(s, g, &wrote);
	while (rc == AGAIN);
	durable_as_wanted(s);
	pthread_mutex_lock(&s->lock);
	s->jobs += g->n;
	s->crowd = g->n + s->waiting;
	s->crowd_us = clock_mono_us();
	s->commits += rc == 0 && wrote;
	s->sick = rc != 0 && rc != ERR_FULL;
	if (!s->sick)
		s->progress_ms = clock_mono_ms();
	pthread_mutex_unlock(&s->lock);

	for (job = g->jobs; job; job = next) {
		next = job->next;
		job->done(job, job->err ? job->err : rc);
	}
	/* Those who wait for their answer come first, and what a lone job asked to be told: nothing
	 * comes close behind it. */
	pthread_mutex_lock(&s->lock);
	alone = s->crowd < GATHER_LEAST && s->waiting == 0;
	pthread_mutex_unlock(&s->lock);
	if (alone)
		settle(s);
	if (rc == 0 && wrote) {
		durable_told(s);
		room_gauge(s);
	}
	chores(s);
	if (s->settle && clock_mono_us() - s->settle_us >= SETTLE_US)
		settle(s);
}

static void *writer_main(void *arg)
{
	struct store *s = arg;
	struct group g;
	const char *folder = strrchr(s->place.dir, '/');

	pthread_setname_np(pthread_self(), folder && strlen(folder) <= 15 ? folder + 1 : "store");
	if (s->derived)
		derived_give_way();
	while (take_group(s, &g))
		run_group(s, &g);
	settle(s);
	return NULL;
}

int writer_start(struct store *s)
{
	sigset_t all, had;
	int rc;

	s->wt.writing = true;
	s->wt.s = s;
	s->progress_ms = s->checked_ms = clock_mono_ms();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &had);
	rc = pthread_create(&s->writer, NULL, writer_main, s);
	pthread_sigmask(SIG_SETMASK, &had, NULL);
	return rc ? ERR_NOMEM : 0;
}

void writer_stop(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->writer, NULL);
}
