/* Read snapshots.
 *
 * Normal path: enter the list of open reads → renew a pooled LMDB transaction (no system call, no
 * lock of LMDB's) → get and walk → reset it → back to the pool. LMDB runs without thread-local
 * readers (MDB_NOTLS): a snapshot may move between threads.
 *
 * The gate: the map can only grow while no transaction is open in the process. Then the writer
 * shuts the gate, new reads wait, the open ones end (each has a deadline), the map grows, the gate
 * opens. A read that waits longer than its own deadline gives up with ERR_EXPIRED. The list is in
 * order of beginning, so the oldest is its first. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/store/inside.h"

#define POOL_MOST 32
#define PATIENCE_S 10 /* then the wait for open reads is said aloud */

static void cond_init(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

int reads_init(struct reads *r)
{
	pthread_mutex_init(&r->lock, NULL);
	cond_init(&r->may_enter);
	cond_init(&r->left);
	return 0;
}

bool reads_deinit(struct reads *r)
{
	struct store_txn *t;

	if (r->open > 0)
		return false;
	while ((t = r->pool)) {
		r->pool = t->newer;
		mdb_txn_abort(t->txn);
		free(t);
	}
	pthread_cond_destroy(&r->may_enter);
	pthread_cond_destroy(&r->left);
	pthread_mutex_destroy(&r->lock);
	return true;
}

/* Under the lock. */
static bool wait_ms(pthread_cond_t *c, pthread_mutex_t *lock, uint32_t ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return pthread_cond_timedwait(c, lock, &at) != ETIMEDOUT;
}

int reads_enter(struct store *s, struct store_txn *t, uint32_t allowed_ms)
{
	struct reads *r = &s->reads;
	bool in_time = true;

	t->allowed_ms = allowed_ms;
	pthread_mutex_lock(&r->lock);
	while (r->shut && in_time)
		in_time = wait_ms(&r->may_enter, &r->lock, allowed_ms);
	if (r->shut) {
		pthread_mutex_unlock(&r->lock);
		return ERR_EXPIRED;
	}
	t->begun_ms = clock_mono_ms();
	t->deadline_ms = t->begun_ms + allowed_ms;
	atomic_store_explicit(&t->id, UINT64_MAX, memory_order_relaxed);
	t->newer = NULL;
	t->older = r->newest;
	*(r->newest ? &r->newest->newer : &r->oldest) = t;
	r->newest = t;
	r->open++;
	t->entered = true;
	pthread_mutex_unlock(&r->lock);
	return 0;
}

uint64_t store_read_moment(const struct store_txn *t)
{
	return mdb_txn_id(t->txn);
}

void reads_leave(struct store *s, struct store_txn *t)
{
	struct reads *r = &s->reads;

	if (!t->entered)
		return;
	pthread_mutex_lock(&r->lock);
	*(t->older ? &t->older->newer : &r->oldest) = t->newer;
	*(t->newer ? &t->newer->older : &r->newest) = t->older;
	t->entered = false;
	if (--r->open == 0 && r->shut)
		pthread_cond_signal(&r->left);
	pthread_mutex_unlock(&r->lock);
}

uint64_t reads_oldest_id(struct store *s)
{
	struct reads *r = &s->reads;
	uint64_t least = UINT64_MAX;

	pthread_mutex_lock(&r->lock);
	for (struct store_txn *t = r->oldest; t; t = t->newer) {
		uint64_t id = atomic_load_explicit(&t->id, memory_order_relaxed);

		if (id < least)
			least = id;
	}
	pthread_mutex_unlock(&r->lock);
	return least;
}

uint32_t reads_oldest_ms(struct store *s)
{
	struct reads *r = &s->reads;
	uint64_t now = clock_mono_ms(), age = 0;

	pthread_mutex_lock(&r->lock);
	if (r->oldest && now > r->oldest->begun_ms)
		age = now - r->oldest->begun_ms;
	pthread_mutex_unlock(&r->lock);
	return age < UINT32_MAX ? (uint32_t)age : UINT32_MAX;
}

/* While open reads are within their deadlines the writer is not stuck, it waits its turn. Under the
 * reads' lock. */
static void tell_progress(struct store *s)
{
	uint64_t now = clock_mono_ms();

	if (s->reads.oldest && now >= s->reads.oldest->deadline_ms)
		return;
	pthread_mutex_lock(&s->lock);
	s->progress_ms = now;
	pthread_mutex_unlock(&s->lock);
}

void reads_shut(struct store *s)
{
	pthread_mutex_lock(&s->reads.lock);
	s->reads.shut = true;
	pthread_mutex_unlock(&s->reads.lock);
}

void reads_let_in(struct store *s)
{
	pthread_mutex_lock(&s->reads.lock);
	s->reads.shut = false;
	pthread_cond_broadcast(&s->reads.may_enter);
	pthread_mutex_unlock(&s->reads.lock);
}

int reads_alone(struct store *s, bool wait, int (*grow)(struct store *s))
{
	struct reads *r = &s->reads;
	unsigned seconds = 0;
	int rc = ERR_BUSY;

	pthread_mutex_lock(&r->lock);
	r->shut = wait;
	while (wait && r->open > 0) {
		if (wait_ms(&r->left, &r->lock, 1000) || r->open == 0)
			continue;
		tell_progress(s);
		if (++seconds % PATIENCE_S == 0)
			log_warning("store",
				"%s: to grow, the store waits for %zu open reads, the oldest %llu "
				"ms old",
				s->place.dir, r->open,
				(unsigned long long)(clock_mono_ms() - r->oldest->begun_ms));
	}
	if (r->open == 0)
		rc = grow(s);
	r->shut = false;
	pthread_cond_broadcast(&r->may_enter);
	pthread_mutex_unlock(&r->lock);
	return rc;
}

/* ---- the public side ---- */

static struct store_txn *take(struct store *s)
{
	struct reads *r = &s->reads;
	struct store_txn *t;

	pthread_mutex_lock(&r->lock);
	t = r->pool;
	if (t) {
		r->pool = t->newer;
		r->pooled--;
	}
	pthread_mutex_unlock(&r->lock);
	return t ? t : calloc(1, sizeof *t);
}

static void put_back(struct store *s, struct store_txn *t)
{
	struct reads *r = &s->reads;
	bool keep;

	pthread_mutex_lock(&r->lock);
	keep = t->txn && r->pooled < POOL_MOST;
	if (keep) {
		t->newer = r->pool;
		r->pool = t;
		r->pooled++;
	}
	pthread_mutex_unlock(&r->lock);
	if (keep)
		return;
	if (t->txn)
		mdb_txn_abort(t->txn);
	free(t);
}

/* Enters and sees the newest commit. */
static int look(struct store *s, struct store_txn *t, uint32_t deadline_ms)
{
	MDB_txn *txn = t->txn;
	int rc = reads_enter(s, t, deadline_ms);

	if (rc)
		return rc;
	rc = txn ? mdb_txn_renew(txn) : mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (rc) {
		reads_leave(s, t);
		return store_err(rc);
	}
	t->txn = txn;
	atomic_store_explicit(&t->id, mdb_txn_id(txn), memory_order_relaxed);
	return 0;
}

int store_read_begin(struct store *s, struct store_txn **out, uint32_t deadline_ms)
{
	struct store_txn *t = take(s);
	int rc;

	*out = NULL;
	if (!t)
		return ERR_NOMEM;
	rc = look(s, t, deadline_ms);
	if (rc) {
		put_back(s, t);
		return rc;
	}
	txn_begin(t, s, t->txn);
	*out = t;
	return 0;
}

int store_read_renew(struct store_txn *t)
{
	struct store *s = t->s;
	int rc;

	assert(!t->writing);
	if (t->err && t->err != ERR_EXPIRED)
		return t->err;
	if (t->entered)
		mdb_txn_reset(t->txn);
	reads_leave(s, t);
	t->err = look(s, t, t->allowed_ms);
	if (t->err)
		return t->err;
	rc = txn_renew_cursors(t);
	return rc ? txn_keep(t, rc) : 0;
}

void store_read_end(struct store_txn *t)
{
	struct store *s;

	if (!t)
		return;
	s = t->s;
	txn_close_cursors(t);
	if (t->entered)
		mdb_txn_reset(t->txn);
	reads_leave(s, t);
	put_back(s, t);
}
