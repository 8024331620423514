/* link_asked has a lock of its own: who waits for one answer is not woken by another's. The order
 * of locks is asking → link_asked. */
#include "daemon/link/asking.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

struct link_asked {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t ended;
	int holders;
	struct link_answer answer; /* LINK_NONE: it stands */
	/* never changed */
	uint32_t kind;
	size_t n;
	char asked[LINK_ASKED_MAX];
};

/* ---- one question ---- */

static struct link_asked *asked_new(const struct link_question *q)
{
	struct link_asked *a = calloc(1, sizeof *a);
	pthread_condattr_t attr;

	assert(q->asked.n >= 1 && q->asked.n <= LINK_ASKED_MAX);
	if (!a)
		return NULL;
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->ended, &attr);
	pthread_condattr_destroy(&attr);
	a->holders = 1;
	a->kind = q->kind;
	a->n = q->asked.n;
	memcpy(a->asked, q->asked.p, q->asked.n);
	return a;
}

void link_asked_close(struct link_asked *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	bool last = --a->holders == 0;
	pthread_mutex_unlock(&a->lock);
	if (!last)
		return;
	pthread_cond_destroy(&a->ended);
	pthread_mutex_destroy(&a->lock);
	explicit_bzero(a, sizeof *a);
	free(a);
}

static void asked_end(struct link_asked *a, int answer, struct text rule)
{
	pthread_mutex_lock(&a->lock);
	assert(a->answer.answer == LINK_NONE); /* each question ends once */
	a->answer.answer = answer;
	memcpy(a->answer.rule, rule.p ? rule.p : "", rule.n);
	pthread_cond_signal(&a->ended);
	pthread_mutex_unlock(&a->lock);
}

bool link_asked_wait(struct link_asked *a, uint32_t ms, struct link_answer *out)
{
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&a->lock);
	while (a->answer.answer == LINK_NONE && err != ETIMEDOUT)
		err = pthread_cond_timedwait(&a->ended, &a->lock, &until);
	*out = a->answer;
	pthread_mutex_unlock(&a->lock);
	return out->answer != LINK_NONE;
}

/* ---- all of a link ---- */

void asking_init(struct asking *a)
{
	*a = (struct asking){ 0 };
	pthread_mutex_init(&a->lock, NULL);
}

/* Under the lock. The link lets go of it. */
static void end(struct asking *a, struct link_asked *q, int answer, struct text rule)
{
	a->ended[answer]++;
	asked_end(q, answer, rule);
	link_asked_close(q);
}

void asking_close(struct asking *a)
{
	const struct text none = { NULL, 0 };

	pthread_mutex_lock(&a->lock);
	a->closed = true;
	for (size_t i = 0; i < a->n_waiting; i++)
		end(a, a->waiting[i], LINK_AWAY, none);
	a->n_waiting = 0;
	for (size_t i = 0; i < QUESTIONS_MOST; i++)
		if (a->slots[i])
			end(a, a->slots[i], LINK_CUT, none);
	memset(a->slots, 0, sizeof a->slots);
	pthread_mutex_unlock(&a->lock);
}

void asking_deinit(struct asking *a)
{
	pthread_mutex_destroy(&a->lock);
}

struct link_asked *asking_put(struct asking *a, const struct link_question *q)
{
	struct link_asked *asked = asked_new(q);
	size_t standing = 0;

	if (!asked)
		return NULL;
	pthread_mutex_lock(&a->lock);
	for (size_t i = 0; i < QUESTIONS_MOST; i++)
		standing += a->slots[i] != NULL;
	a->asked++;
	asked->holders = 2;
	if (a->closed)
		end(a, asked, LINK_AWAY, (struct text){ NULL, 0 });
	else if (standing + a->n_waiting >= QUESTIONS_MOST)
		end(a, asked, LINK_CROWDED, (struct text){ NULL, 0 });
	else
		a->waiting[a->n_waiting++] = asked;
	pthread_mutex_unlock(&a->lock);
	return asked;
}

bool asking_take(struct asking *a, size_t *slot)
{
	size_t at = 0;

	pthread_mutex_lock(&a->lock);
	while (at < QUESTIONS_MOST && a->slots[at])
		at++;
	bool some = a->n_waiting > 0 && at < QUESTIONS_MOST;
	if (some) {
		a->slots[at] = a->waiting[0];
		a->n_waiting--;
		for (size_t i = 0; i < a->n_waiting; i++)
			a->waiting[i] = a->waiting[i + 1];
		*slot = at;
	}
	pthread_mutex_unlock(&a->lock);
	return some;
}

struct link_question asking_question(const struct asking *a, size_t slot)
{
	const struct link_asked *q = a->slots[slot];

	assert(q);
	return (struct link_question){ q->kind, { q->asked, q->n } };
}

void asking_end(struct asking *a, size_t slot, int answer, struct text rule)
{
	pthread_mutex_lock(&a->lock);
	assert(a->slots[slot]);
	end(a, a->slots[slot], answer, rule);
	a->slots[slot] = NULL;
	pthread_mutex_unlock(&a->lock);
}

void asking_status(struct asking *a, struct link_asking *out)
{
	pthread_mutex_lock(&a->lock);
	out->standing = (uint32_t)a->n_waiting;
	for (size_t i = 0; i < QUESTIONS_MOST; i++)
		out->standing += a->slots[i] != NULL;
	out->asked = a->asked;
	memcpy(out->ended, a->ended, sizeof out->ended);
	pthread_mutex_unlock(&a->lock);
}
