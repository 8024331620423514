/*            the reading thread                  the store's writer
 *     ┌──────────────────────────┐   post    ┌──────────────────────┐
 *     │ slot 0  filling          │ ────────▶ │ chunk_take, commit   │
 *     │ slot 1  free, or posted  │ ◀──────── │ done: count, wake    │
 *     └──────────────────────────┘           └──────────────────────┘
 *
 * The second slot is made only when the first is under way: a single record costs one. Counts move
 * in `done`, which runs after the commit and at no other time. A commit that fails makes the error
 * sticky: nothing is posted after it. */
#include "daemon/intake/pipeline.h"

#include <stdlib.h>

#define CHUNK_BYTES (256 * 1024)
#define SCRATCH_BYTES (64 * 1024)
#define LOOK_MS 10000

void pipeline_init(struct pipeline *p, const struct pipeline_conf *conf)
{
	*p = (struct pipeline){ .conf = *conf };
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->done, NULL);
}

void pipeline_deinit(struct pipeline *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->slots[i])
			arena_deinit(&p->slots[i]->arena);
		free(p->slots[i]);
	}
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
}

void pipeline_fail(struct pipeline *p, int err, const char *what)
{
	pthread_mutex_lock(&p->lock);
	if (!p->err) {
		p->err = err;
		errmsg_set(&p->words, "%s: %s", what, err_words(err));
	}
	pthread_mutex_unlock(&p->lock);
}

bool pipeline_failed(struct pipeline *p)
{
	bool yes;

	pthread_mutex_lock(&p->lock);
	yes = p->err != 0;
	pthread_mutex_unlock(&p->lock);
	return yes;
}

static void add(struct counts *to, const struct counts *c)
{
	to->accepted += c->accepted;
	to->changed += c->changed;
	to->unchanged += c->unchanged;
	to->retracted += c->retracted;
}

static struct slot *slot_of(struct store_job *job)
{
	return (struct slot *)((char *)job - offsetof(struct slot, job));
}

static int slot_take(struct store_txn *t, struct store_job *job)
{
	return chunk_take(t, &slot_of(job)->chunk);
}

/* On the writer thread, after the commit or instead of it. The pipeline may be gone once the lock
 * is given back. */
static void slot_done(struct store_job *job, int err)
{
	struct slot *s = slot_of(job);
	struct pipeline *p = s->pipeline;
	const struct counts *c = &s->chunk.counts;

	if (err == ERR_FULL)
		pipeline_fail(p, err, "the import stopped; make room and import the file again");
	else if (err)
		pipeline_fail(p, err, "the import stopped; import the file again");
	else if (p->conf.grew && c->accepted + c->changed + c->retracted)
		p->conf.grew(p->conf.arg);
	pthread_mutex_lock(&p->lock);
	if (!err)
		add(&p->counts, c);
	s->posted = false;
	pthread_cond_signal(&p->done);
	pthread_mutex_unlock(&p->lock);
}

static struct store *store_of(const struct pipeline *p)
{
	return ledger_store(p->conf.take->ledger);
}

static void tell_changed(void *arg, const struct item *item, struct text old)
{
	report_changed(arg, item, old);
}

static void tell_retracted(void *arg, const struct item *item)
{
	report_retracted(arg, item);
}

/* A dry run's chunk. */
static void look(struct pipeline *p, struct slot *s)
{
	struct store_txn *t;
	struct arena scratch;
	struct look how = { .scratch = &scratch, .arg = p->conf.report };
	int err = store_read_begin(store_of(p), &t, LOOK_MS);

	if (p->conf.report) {
		how.changed = tell_changed;
		how.retracted = tell_retracted;
	}
	arena_init(&scratch, SCRATCH_BYTES);
	if (!err) {
		err = chunk_look(t, &s->chunk, &how);
		if (p->conf.report)
			report_settle(p->conf.report);
		store_read_end(t);
	}
	arena_deinit(&scratch);
	if (err)
		pipeline_fail(p, err, "the check stopped");
	else
		add(&p->counts, &s->chunk.counts);
}

static struct slot *slot_open(struct pipeline *p)
{
	struct slot *s = malloc(sizeof *s);

	if (!s) {
		pipeline_fail(p, ERR_NOMEM, "the import stopped");
		return NULL;
	}
	s->pipeline = p;
	s->posted = false;
	arena_init(&s->arena, CHUNK_BYTES);
	return s;
}

static void slot_reset(struct slot *s)
{
	const struct pipeline_conf *conf = &s->pipeline->conf;

	arena_reset(&s->arena);
	s->chunk.take = conf->take;
	s->chunk.reg = conf->reg;
	s->chunk.author = conf->author;
	s->chunk.retract = conf->retract;
	s->chunk.n_items = s->chunk.n_persons = 0;
	s->chunk.refused = 0;
	s->chunk.refusals.n = 0;
	s->chunk.faults = (struct fault_counts){ .any = false };
}

/* Under the lock. */
static struct slot *idle_slot(const struct pipeline *p)
{
	for (int i = 0; i < 2; i++)
		if (p->slots[i] && !p->slots[i]->posted)
			return p->slots[i];
	return NULL;
}

struct slot *pipeline_slot(struct pipeline *p)
{
	struct slot *s;

	if (pipeline_failed(p))
		return NULL;
	if (p->filling)
		return p->filling;
	pthread_mutex_lock(&p->lock);
	s = idle_slot(p);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < 2 && !s; i++)
		if (!p->slots[i]) {
			s = p->slots[i] = slot_open(p);
			if (!s)
				return NULL;
		}
	pthread_mutex_lock(&p->lock);
	while (!s) {
		pthread_cond_wait(&p->done, &p->lock);
		s = idle_slot(p);
	}
	pthread_mutex_unlock(&p->lock);
	if (pipeline_failed(p))
		return NULL;
	slot_reset(s);
	p->filling = s;
	return s;
}

void pipeline_post(struct pipeline *p)
{
	struct slot *s = p->filling;

	chunk_seal(&s->chunk);
	p->filling = NULL;
	if (p->conf.dry_run) {
		look(p, s);
		return;
	}
	s->job = (struct store_job){
		.fn = slot_take, .done = slot_done, .weight = s->chunk.n_items
	};
	pthread_mutex_lock(&p->lock);
	s->posted = true;
	pthread_mutex_unlock(&p->lock);
	store_post(store_of(p), &s->job);
}

void pipeline_wait(struct pipeline *p)
{
	pthread_mutex_lock(&p->lock);
	while ((p->slots[0] && p->slots[0]->posted) || (p->slots[1] && p->slots[1]->posted))
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
}
