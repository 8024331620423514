/* Versions of the index: lists of blocks (talent_block.c) in the order of pids; what is asked of
 * the index from outside.
 *
 * A search goes over all rows (talent_find.c): exact counts, and no index that could disagree with
 * another. It reads a version: the blocks as they were at the end of a chunk. Who changes the index
 * copies the blocks that are touched, changes the copies (talent_edit.c), and puts a new version in
 * place; nobody waits for anybody. A version goes, with the blocks that the next one replaced, when
 * it and all older ones have no reader; it is freed with the next change, by who changes: who asks
 * does not wait for the memory of another thread.
 *
 * How it fails: without memory a change leaves the version that stands. A chunk whose changes did
 * not go in makes the index lost: it answers nobody until it is made anew of all rows
 * (talent_index_load). A turn that fails has done nothing: it is still the day before. */
#include "daemon/talent/talent_index_inside.h"

#include <assert.h>
#include <stdlib.h>

/* ---- versions ---- */

void versions_free(struct talent_index *x)
{
	struct version *v;

	pthread_mutex_lock(&x->lock);
	v = x->done;
	x->done = NULL;
	pthread_mutex_unlock(&x->lock);
	while (v) {
		struct version *next = v->next;

		for (size_t i = 0; i < v->n_replaced; i++)
			block_free(v->replaced[i]);
		free(v->replaced);
		free(v->ids);
		free(v->heads);
		free(v->blocks);
		free(v);
		v = next;
	}
}

void versions_sweep(struct talent_index *x)
{
	while (x->oldest != x->newest && x->oldest->readers == 0) {
		struct version *v = x->oldest;

		x->oldest = v->next;
		v->next = x->done;
		x->done = v;
	}
}

struct talent_index *talent_index_open(const struct talent_rules *t, int day)
{
	struct talent_index *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->rules = t;
	x->newest = x->oldest = calloc(1, sizeof(*x->newest));
	if (!x->newest) {
		free(x);
		return NULL;
	}
	x->newest->day = day;
	x->newest->n_areas = x->words.n_areas = 1; /* number 0: none */
	memset(x->words.planes.of, PLANE_NONE, sizeof(x->words.planes.of));
	pthread_mutex_init(&x->lock, NULL);
	pthread_mutex_init(&x->changing, NULL);
	return x;
}

void talent_index_close(struct talent_index *x)
{
	struct version *last;

	if (!x)
		return;
	kept_drop(x);
	versions_sweep(x);
	versions_free(x);
	last = x->newest;
	assert(x->oldest == last && !last->readers);
	for (size_t i = 0; i < last->n; i++)
		block_free(last->blocks[i]);
	free(last->ids);
	free(last->heads);
	free(last->blocks);
	free(last);
	talent_pool_deinit(&x->pool);
	pthread_mutex_destroy(&x->lock);
	pthread_mutex_destroy(&x->changing);
	free(x);
}

struct version *version_take(struct talent_index *x)
{
	struct version *v;

	pthread_mutex_lock(&x->lock);
	v = x->lost ? NULL : x->newest;
	if (v)
		v->readers++;
	pthread_mutex_unlock(&x->lock);
	return v;
}

void version_give(struct talent_index *x, struct version *v)
{
	pthread_mutex_lock(&x->lock);
	v->readers--;
	versions_sweep(x);
	pthread_mutex_unlock(&x->lock);
}

int talent_index_day(struct talent_index *x)
{
	struct version *v = version_take(x);
	int day = v ? v->day : 0;

	if (v)
		version_give(x, v);
	return day;
}

static void lost_set(struct talent_index *x, bool lost)
{
	pthread_mutex_lock(&x->lock);
	x->lost = lost;
	pthread_mutex_unlock(&x->lock);
}

/* ---- changes ---- */

bool talent_index_put(struct talent_index *x, const struct talent_change *changes, size_t n)
{
	bool ok;

	pthread_mutex_lock(&x->changing);
	/* One that is lost is made anew of rows that have these changes already. */
	ok = n == 0 || x->lost || version_edit(x, x->newest->day, changes, n);
	if (!ok)
		lost_set(x, true);
	pthread_mutex_unlock(&x->changing);
	return ok;
}

void talent_index_lose(struct talent_index *x)
{
	pthread_mutex_lock(&x->changing);
	lost_set(x, true);
	pthread_mutex_unlock(&x->changing);
}

bool talent_index_lost(struct talent_index *x)
{
	bool lost;

	pthread_mutex_lock(&x->lock);
	lost = x->lost;
	pthread_mutex_unlock(&x->lock);
	return lost;
}

int talent_index_load(struct talent_index *x, int day,
	int (*next)(void *arg, uint8_t pid[PID_BYTES], struct text *row), void *arg)
{
	int err;

	pthread_mutex_lock(&x->changing);
	lost_set(x, true);
	err = version_load(x, day, next, arg);
	if (!err)
		lost_set(x, false);
	pthread_mutex_unlock(&x->changing);
	return err;
}
