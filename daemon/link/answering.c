/* The ring, in the order of asking; each job goes through three hands:
 *
 *     read ── answered, not yet read ── worked ── waiting ── put ── free …
 *
 * `read` and `put` are moved by the loop, `worked` by the thread, all under the lock; a job's bytes
 * are touched without it by the one whose turn it is. What an answer says is judged here: a
 * callback that leaves nothing, or a rule that is none, makes it LINK_UNABLE. */
#include "daemon/link/answering.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct answering {
	struct answering_conf conf;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows but the jobs' bytes */
	pthread_cond_t news;
	bool stopping;
	uint64_t read, worked, put; /* ever; read <= worked <= put <= read + ANSWERING_MOST */
	struct answering_job jobs[ANSWERING_MOST];
};

static void answer(struct answering *a, struct answering_job *j)
{
	struct link_question q = { j->kind, { j->asked, j->n } };

	j->answer = (struct link_answer){ LINK_NONE, "" };
	a->conf.answer(a->conf.arg, j->origin, &q, &j->answer);
	j->answer.rule[LINK_RULE_MAX] = '\0';
	bool known = j->answer.answer > LINK_NONE && j->answer.answer < LINK_ANSWER_END;
	if (!known || (j->answer.answer == LINK_NO && !j->answer.rule[0]))
		j->answer.answer = LINK_UNABLE;
	if (j->answer.answer != LINK_NO)
		j->answer.rule[0] = '\0';
}

static void *answering_main(void *arg)
{
	struct answering *a = arg;

	pthread_mutex_lock(&a->lock);
	while (!a->stopping) {
		if (a->worked == a->put) {
			pthread_cond_wait(&a->news, &a->lock);
			continue;
		}
		struct answering_job *j = &a->jobs[a->worked % ANSWERING_MOST];
		pthread_mutex_unlock(&a->lock);
		answer(a, j);
		pthread_mutex_lock(&a->lock);
		a->worked++;
		if (!a->stopping)
			a->conf.wake(a->conf.wake_arg);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

int answering_open(struct answering **out, const struct answering_conf *conf)
{
	sigset_t all, before;
	struct answering *a = calloc(1, sizeof *a);

	*out = NULL;
	if (!a)
		return ERR_NOMEM;
	a->conf = *conf;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->news, NULL);
	/* Signals belong to the loop's thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&a->thread, NULL, answering_main, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		pthread_cond_destroy(&a->news);
		pthread_mutex_destroy(&a->lock);
		free(a);
		return ERR_IO;
	}
	*out = a;
	return 0;
}

void answering_close(struct answering *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_signal(&a->news);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->news);
	pthread_mutex_destroy(&a->lock);
	explicit_bzero(a->jobs, sizeof a->jobs);
	free(a);
}

bool answering_put(struct answering *a, const struct answering_job *names, const struct frame *f)
{
	pthread_mutex_lock(&a->lock);
	bool room = a->put - a->read < ANSWERING_MOST;
	if (room) {
		struct answering_job *j = &a->jobs[a->put % ANSWERING_MOST];
		j->key = names->key;
		j->serial = names->serial;
		j->origin = names->origin;
		j->nonce = f->nonce;
		j->kind = f->question;
		j->n = f->asked.n;
		memcpy(j->asked, f->asked.p, f->asked.n);
		a->put++;
		pthread_cond_signal(&a->news);
	}
	pthread_mutex_unlock(&a->lock);
	return room;
}

bool answering_finished(struct answering *a, struct answering_job *out)
{
	pthread_mutex_lock(&a->lock);
	bool some = a->read < a->worked;
	if (some) {
		*out = a->jobs[a->read % ANSWERING_MOST];
		a->read++;
	}
	pthread_mutex_unlock(&a->lock);
	return some;
}
