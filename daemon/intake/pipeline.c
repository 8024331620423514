/*            the reading thread                  the store's writer
 *     ┌──────────────────────────┐   post    ┌──────────────────────┐
 *     │ slot 0  filling          │ ────────▶ │ chunk_take, commit   │
 *     │ slot 1  free, or posted  │ ◀──────── │ done: the semaphore  │
 *     └──────────────────────────┘           └──────────────────────┘
 *
 * The second slot is made only when the first is under way: a single record costs one. A slot comes
 * back by its semaphore, which `done` posts: after the commit and at no other time; then its counts
 * move. No lock is shared: whoever is woken finds nothing held, and a wake-up costs one switch. A
 * commit that fails makes the error sticky: nothing is posted after it. */
#include "daemon/intake/pipeline.h"

#include <stdlib.h>

#define CHUNK_BYTES (256 * 1024)
#define SCRATCH_BYTES (64 * 1024)
#define LOOK_MS 10000

void pipeline_init(struct pipeline *p, const struct pipeline_conf *conf)
{
	*p = (struct pipeline){ .conf = *conf };
}

void pipeline_deinit(struct pipeline *p)
{
	for (int i = 0; i < 2; i++) {
		if (!p->slots[i])
			continue;
		arena_deinit(&p->slots[i]->arena);
		sem_destroy(&p->slots[i]->over);
		free(p->slots[i]);
	}
}

void pipeline_fail(struct pipeline *p, int err, const char *what)
{
	if (p->err)
		return;
	p->err = err;
	errmsg_set(&p->words, "%s: %s", what, err_words(err));
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

/* On the writer thread, after the commit or instead of it. The slot may be gone once its semaphore
 * is posted. */
static void slot_done(struct store_job *job, int err)
{
	struct slot *s = slot_of(job);
	const struct pipeline_conf *conf = &s->pipeline->conf;
	const struct counts *c = &s->chunk.counts;

	if (!err && conf->grew && c->accepted + c->changed + c->retracted)
		conf->grew(conf->arg);
	s->err = err;
	sem_post(&s->over);
}

/* The slot is ours again. */
static void slot_back(struct pipeline *p, struct slot *s)
{
	s->posted = false;
	if (s->err == ERR_FULL)
		pipeline_fail(p, s->err, "the import stopped; make room and import the file again");
	else if (s->err)
		pipeline_fail(p, s->err, "the import stopped; import the file again");
	else
		add(&p->counts, &s->chunk.counts);
}

static void slot_wait(struct pipeline *p, struct slot *s)
{
	if (!s || !s->posted)
		return;
	while (sem_wait(&s->over) != 0)
		; /* a signal */
	slot_back(p, s);
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
	sem_init(&s->over, 0, 0);
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

/* A slot that is not under way; NULL: none. */
static struct slot *idle_slot(struct pipeline *p)
{
	for (int i = 0; i < 2; i++) {
		struct slot *s = p->slots[i];

		if (s && s->posted && sem_trywait(&s->over) == 0)
			slot_back(p, s);
		if (s && !s->posted)
			return s;
	}
	return NULL;
}

struct slot *pipeline_slot(struct pipeline *p)
{
	struct slot *s;

	if (pipeline_failed(p))
		return NULL;
	if (p->filling)
		return p->filling;
	s = idle_slot(p);
	for (int i = 0; i < 2 && !s; i++)
		if (!p->slots[i]) {
			s = p->slots[i] = slot_open(p);
			if (!s)
				return NULL;
		}
	if (!s) {
		s = p->slots[p->older];
		slot_wait(p, s);
	}
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
	s->posted = true;
	p->older = s == p->slots[0];
	store_post(store_of(p), &s->job);
}

void pipeline_wait(struct pipeline *p)
{
	for (int i = 0; i < 2; i++)
		slot_wait(p, p->slots[i]);
}
