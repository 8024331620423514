/* A put marks its ledger dirty. When the timer rests, the job leaves at once and the timer starts;
 * while it runs, what has become dirty leaves at its next beat. So a lone ACK is stored at once,
 * and a stream of them costs a commit a beat. A job that fails (no room even in the reserve) leaves
 * its receipts dirty: they are tried again at the next beats. */
#include "daemon/link/receipts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"

struct slot {
	uint32_t origin;
	bool dirty;
	bool in_job;
	struct ledger_receipt next;    /* to be stored; meaningful while dirty */
	struct ledger_receipt in_hand; /* of the running job */
	struct receipts_state state;
};

struct receipts {
	struct store_job job;
	struct store *store;
	struct timer *timer;
	bool beating;
	char parent[64];
	pthread_mutex_t lock; /* guards busy and the slots against the writer thread and readers of
				 the state */
	pthread_cond_t idle;
	bool busy;
	size_t n;
	struct slot slots[];
};

static int job_fn(struct store_txn *t, struct store_job *job)
{
	struct receipts *r = (struct receipts *)job;
	for (size_t i = 0; i < r->n; i++)
		if (r->slots[i].in_job)
			ledger_receipt_put(t, r->parent, r->slots[i].origin, &r->slots[i].in_hand);
	return store_txn_err(t);
}

static void job_done(struct store_job *job, int err)
{
	struct receipts *r = (struct receipts *)job;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->n; i++) {
		struct slot *s = &r->slots[i];
		if (!s->in_job)
			continue;
		s->in_job = false;
		if (!err) {
			s->state.acked = s->state.proven = s->in_hand.position;
		} else if (!s->dirty) {
			s->next = s->in_hand;
			s->dirty = true;
		}
	}
	r->busy = false;
	pthread_cond_signal(&r->idle);
	pthread_mutex_unlock(&r->lock);
}

/* Posts what is dirty; false when there is nothing to do and nothing is being done. */
static bool beat(struct receipts *r)
{
	bool post = false, work;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->n && !r->busy; i++) {
		struct slot *s = &r->slots[i];
		if (!s->dirty)
			continue;
		s->dirty = false;
		s->in_job = true;
		s->in_hand = s->next;
		s->in_hand.at_ms = clock_wall_ms();
		post = true;
	}
	work = r->busy || post;
	if (post)
		r->busy = true;
	pthread_mutex_unlock(&r->lock);
	if (post)
		store_post(r->store, &r->job);
	return work;
}

static void on_timer(void *arg)
{
	struct receipts *r = arg;
	if (beat(r))
		return;
	timer_stop(r->timer);
	r->beating = false;
}

void receipts_put(struct receipts *r, size_t ledger, const struct frame_ledger *state)
{
	struct slot *s = &r->slots[ledger];

	pthread_mutex_lock(&r->lock);
	uint64_t newest = s->state.acked;
	if (s->in_job && s->in_hand.position > newest)
		newest = s->in_hand.position;
	if (s->dirty && s->next.position > newest)
		newest = s->next.position;
	/* A receipt that was stored and is not proven (another signer, another ledger) is renewed
	 * at its own position too. */
	bool news =
		state->position > newest ||
		(state->position == newest && s->state.proven < newest && !s->in_job && !s->dirty);
	if (news) {
		s->next.position = state->position;
		memcpy(s->next.head, state->head, HASH_BYTES);
		memcpy(s->next.signature, state->signature, SIGN_BYTES);
		s->dirty = true;
	}
	pthread_mutex_unlock(&r->lock);
	if (!news || r->beating)
		return;
	beat(r);
	r->beating = true;
	timer_start(r->timer, RECEIPTS_MS, RECEIPTS_MS);
}

struct receipts_state receipts_state(struct receipts *r, size_t ledger)
{
	pthread_mutex_lock(&r->lock);
	struct receipts_state s = r->slots[ledger].state;
	pthread_mutex_unlock(&r->lock);
	return s;
}

/* What the store holds from an earlier life; a restored copy or another signer leaves `proven` at
 * 0. */
static void slot_load(
	struct receipts *r, struct slot *s, struct store_txn *t, const uint8_t *signer)
{
	struct ledger_receipt at;
	uint8_t own[HASH_BYTES];

	if (ledger_receipt_get(t, r->parent, s->origin, &at) != 0)
		return;
	s->state.acked = at.position;
	if (ledger_hash_at(t, s->origin, at.position, own) == 0 &&
		memcmp(own, at.head, HASH_BYTES) == 0 &&
		sign_position_ok(
			at.signature, signer, SIGN_RECEIPT, s->origin, at.position, at.head))
		s->state.proven = at.position;
}

int receipts_open(struct receipts **out, struct loop *loop, struct ledger *l, const char *parent,
	const uint8_t signer[SIGN_PUBLIC_BYTES], const uint32_t *origins, size_t n)
{
	struct store_txn *t;
	struct receipts *r = calloc(1, sizeof *r + n * sizeof r->slots[0]);

	*out = NULL;
	if (!r)
		return ERR_NOMEM;
	r->job = (struct store_job){ .fn = job_fn, .done = job_done, .flags = STORE_RESERVE };
	r->store = ledger_store(l);
	r->n = n;
	snprintf(r->parent, sizeof r->parent, "%s", parent);
	int err = store_read_begin(r->store, &t, 5000);
	if (err)
		goto free_receipts;
	for (size_t i = 0; i < n; i++) {
		r->slots[i].origin = origins[i];
		slot_load(r, &r->slots[i], t, signer);
	}
	store_read_end(t);
	err = ERR_NOMEM;
	r->timer = timer_open(loop, on_timer, r);
	if (!r->timer)
		goto free_receipts;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->idle, NULL);
	*out = r;
	return 0;
free_receipts:
	free(r);
	return err;
}

void receipts_close(struct receipts *r)
{
	if (!r)
		return;
	timer_close(r->timer);
	pthread_mutex_lock(&r->lock);
	while (r->busy)
		pthread_cond_wait(&r->idle, &r->lock);
	pthread_mutex_unlock(&r->lock);
	pthread_cond_destroy(&r->idle);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
