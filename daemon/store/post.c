/* Posting: a job into the writer's queue, and waiting for one. The writer sleeps, gathers, or works
 * (writer.c); one signal is enough to wake it. */
#include <assert.h>
#include <semaphore.h>

#include "daemon/store/inside.h"

void store_post(struct store *s, struct store_job *job)
{
	bool wake, ended;

	job->next = NULL;
	job->err = 0;
	job->state = JOB_WAITS;
	pthread_mutex_lock(&s->lock);
	ended = s->ended;
	if (!ended) {
		*s->tail = job;
		s->tail = &job->next;
		s->waiting++;
	}
	wake = s->sleeping || (s->gathering && s->waiting >= s->crowd);
	s->sleeping = false; /* one signal is enough */
	pthread_mutex_unlock(&s->lock);
	if (wake)
		pthread_cond_signal(&s->wake);
	if (ended)
		job->done(job, ERR_CLOSED);
}

/* Whoever waits in store_write(). It is gone once its semaphore is posted. */
struct waiter {
	struct store_job job;
	int (*fn)(struct store_txn *t, void *arg);
	void *arg;
	int err;
	sem_t over;
};

static int waiter_fn(struct store_txn *t, struct store_job *job)
{
	struct waiter *w = (struct waiter *)job;

	return w->fn(t, w->arg);
}

static void waiter_done(struct store_job *job, int err)
{
	struct waiter *w = (struct waiter *)job;

	w->err = err;
	sem_post(&w->over);
}

int store_write(
	struct store *s, int (*fn)(struct store_txn *t, void *arg), void *arg, unsigned flags)
{
	struct waiter w = { .job = { .fn = waiter_fn, .done = waiter_done, .flags = flags },
		.fn = fn,
		.arg = arg };

	assert(!pthread_equal(pthread_self(), s->writer));
	sem_init(&w.over, 0, 0);
	store_post(s, &w.job);
	while (sem_wait(&w.over) != 0)
		; /* a signal */
	sem_destroy(&w.over);
	return w.err;
}
