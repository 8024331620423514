/* The way of a batch:
 *
 *     loop:   take · check (size, zstd, chain, signature) · submit
 *     writer: ledger_accept in the group's transaction · commit · on_accept · finished list · wake
 *     loop:   finished · (ACK) · drop
 *
 * What is in flight is bounded by the credit of the children, what rests here by SPARE jobs. */
#include "daemon/link/accept.h"

#include <pthread.h>
#include <stdlib.h>

#include "daemon/link/fault.h"

#define SPARE 16
/* Texts and hashes of the entries of an honest batch: small entries cost most, and one has 50 bytes
 * or more. */
#define JOB_ARENA (LEDGER_BATCH_MAX / 32 * (sizeof(struct text) + HASH_BYTES))

struct accept {
	struct accept_conf conf;
	struct store *store;
	struct squeezer *squeezer;
	struct accept_job *spare; /* the loop's */
	size_t n_spare;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t idle;
	size_t outstanding;
	struct accept_job *finished, **finished_end;
};

static int job_fn(struct store_txn *t, struct store_job *job)
{
	struct accept_job *j = (struct accept_job *)job;
	int err = ledger_accept(t, j->desk->conf.ledger, &j->batch);
	if (!err)
		j->after = ledger_head(t, j->batch.origin);
	return err ? err : store_txn_err(t);
}

static void job_done(struct store_job *job, int err)
{
	struct accept_job *j = (struct accept_job *)job;
	struct accept *a = j->desk;
	uint32_t origin = j->batch.origin;
	uint64_t position = j->after.position;

	j->err = err;
	j->next = NULL;
	pthread_mutex_lock(&a->lock);
	*a->finished_end = j;
	a->finished_end = &j->next;
	pthread_mutex_unlock(&a->lock);
	/* The job may be gone by now; the desk stays while it is counted. */
	if (!err && a->conf.on_accept)
		a->conf.on_accept(a->conf.accept_arg, origin, position);
	a->conf.wake(a->conf.wake_arg);
	pthread_mutex_lock(&a->lock);
	a->outstanding--;
	pthread_cond_signal(&a->idle);
	pthread_mutex_unlock(&a->lock);
}

int accept_open(struct accept **out, const struct accept_conf *conf)
{
	struct accept *a = calloc(1, sizeof *a);

	*out = NULL;
	if (!a)
		return ERR_NOMEM;
	a->conf = *conf;
	a->store = ledger_store(conf->ledger);
	a->squeezer = squeezer_open();
	if (!a->squeezer) {
		free(a);
		return ERR_NOMEM;
	}
	a->finished_end = &a->finished;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->idle, NULL);
	*out = a;
	return 0;
}

static void job_free(struct accept_job *j)
{
	buf_deinit(&j->bytes);
	arena_deinit(&j->arena);
	free(j);
}

void accept_close(struct accept *a)
{
	struct accept_job *j;

	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	while (a->outstanding > 0)
		pthread_cond_wait(&a->idle, &a->lock);
	pthread_mutex_unlock(&a->lock);
	while ((j = accept_finished(a)) != NULL)
		job_free(j);
	while ((j = a->spare) != NULL) {
		a->spare = j->next;
		job_free(j);
	}
	squeezer_close(a->squeezer);
	pthread_cond_destroy(&a->idle);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

struct accept_job *accept_take(struct accept *a)
{
	struct accept_job *j = a->spare;

	if (j) {
		a->spare = j->next;
		a->n_spare--;
		return j;
	}
	j = calloc(1, sizeof *j);
	if (!j)
		return NULL;
	j->desk = a;
	j->bytes.limit = LEDGER_BATCH_MAX;
	arena_init(&j->arena, JOB_ARENA);
	return j;
}

int accept_check(
	struct accept_job *j, const struct frame *f, const uint8_t signer[SIGN_PUBLIC_BYTES])
{
	int fault = unsqueeze(j->desk->squeezer, f, &j->bytes);
	if (fault)
		return fault;
	return fault_of_err(ledger_batch_check(
		&j->batch, buf_as_text(&j->bytes), f->origin, signer, &j->arena));
}

void accept_submit(struct accept_job *j)
{
	struct accept *a = j->desk;

	j->job = (struct store_job){ .fn = job_fn, .done = job_done, .weight = j->batch.n };
	pthread_mutex_lock(&a->lock);
	a->outstanding++;
	pthread_mutex_unlock(&a->lock);
	store_post(a->store, &j->job);
}

struct accept_job *accept_finished(struct accept *a)
{
	pthread_mutex_lock(&a->lock);
	struct accept_job *j = a->finished;
	if (j) {
		a->finished = j->next;
		if (!a->finished)
			a->finished_end = &a->finished;
	}
	pthread_mutex_unlock(&a->lock);
	return j;
}

void accept_drop(struct accept_job *j)
{
	struct accept *a = j->desk;

	if (a->n_spare == SPARE) {
		job_free(j);
		return;
	}
	buf_reset(&j->bytes);
	arena_reset(&j->arena);
	j->next = a->spare;
	a->spare = j;
	a->n_spare++;
}
