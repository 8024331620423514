/* Drives the fold.
 *
 * Normal path: views_wake() posts the one job, unless it is posted already (or runs: then it is
 * marked to run once more). The job takes a snapshot of the ledgers, plans a chunk, folds it. After
 * the commit, `done` posts it again while something waits.
 *
 * How it fails: an error keeps nothing of the chunk; it is logged once, shown in the state, and the
 * next wake tries again (main.c wakes now and then while it stands). A full store is such an error:
 * figures stand still, ledgers go on.
 *
 * The digest in META ties the views to what they were folded by; FOLD ties them to the ledgers
 * (position and hash). When either does not fit at open, everything is cleared and folded anew. */
#include "daemon/fold/views.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "daemon/fold/live_talents.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"

#define ROOM "fold"
#define CHUNK 4096
#define SPANS_MAX 256
#define READ_MS 60000

/* What the job is doing. RUNS from before it takes its snapshot: who has waked it until then is in
 * it, who wakes it later has to be looked at again. */
enum { IDLE, POSTED, RUNS, RUNS_AGAIN };

struct views {
	struct views_conf conf;
	struct store *store;
	struct fold *fold;
	struct store_job job;
	atomic_int posted;
	atomic_bool closing;
	/* of the run under way, writer thread only */
	struct fold_span spans[SPANS_MAX];
	size_t n_spans;
	uint64_t left;
	pthread_mutex_t lock; /* state, runs */
	pthread_cond_t ran;
	uint64_t runs; /* ended in this life */
	struct views_state state;
	struct live_talents *talents; /* NULL: without */
};

static const char *const tables[VIEW_TABLES] = { VIEW_TABLE_NAMES };

/* ---- the fold thread ---- */

static struct views *of_job(struct store_job *job)
{
	return (struct views *)((char *)job - offsetof(struct views, job));
}

static int job_run(struct store_txn *t, struct store_job *job)
{
	struct views *v = of_job(job);
	struct store_txn *ledgers;
	int err;

	atomic_store(&v->posted, RUNS);
	err = store_read_begin(ledger_store(v->conf.ledger), &ledgers, READ_MS);
	if (err)
		return err;
	v->n_spans = fold_plan(t, ledgers, NULL, 0, v->conf.chunk, v->spans, SPANS_MAX, &v->left);
	if (v->n_spans)
		err = fold_chunk(v->fold, t, ledgers, v->spans, v->n_spans);
	store_read_end(ledgers);
	return err ? err : store_txn_err(t);
}

/* Books what the job did; true when it moved. */
static bool state_book(struct views *v, int err)
{
	struct views_state *s = &v->state;
	uint64_t entries = 0;
	const struct fold_span *stopped = NULL;

	for (size_t i = 0; i < v->n_spans; i++) {
		entries += v->spans[i].last + 1 - v->spans[i].first;
		if (v->spans[i].err)
			stopped = &v->spans[i];
	}
	pthread_mutex_lock(&v->lock);
	if (err && err != s->err)
		log_error(ROOM, "the views stand still: %s", err_words(err));
	else if (!err && s->err)
		log_info(ROOM, "the views go on");
	s->err = err;
	if (!err) {
		if (stopped && (s->stopped_origin != stopped->origin ||
				       s->stopped_at != stopped->last + 1))
			log_error(ROOM, "ledger %u cannot be folded on at position %llu: %s",
				stopped->origin, (unsigned long long)stopped->last + 1,
				err_words(stopped->err));
		s->stopped_origin = stopped ? stopped->origin : 0;
		s->stopped_at = stopped ? stopped->last + 1 : 0;
		s->entries += entries;
		s->chunks += entries > 0;
		s->left = v->left;
	}
	v->runs++;
	pthread_cond_broadcast(&v->ran);
	pthread_mutex_unlock(&v->lock);
	return !err && entries > 0 && v->left > 0;
}

static void job_done(struct store_job *job, int err)
{
	struct views *v = of_job(job);
	bool again;
	int was = RUNS;

	/* Before the run counts as ended: who waited for it finds what it brought. */
	if (!err && v->talents && v->n_spans)
		live_talents_follow(v->talents, fold_talents_of(v->fold));
	again = state_book(v, err) && !atomic_load(&v->closing);
	if (!again && atomic_compare_exchange_strong(&v->posted, &was, IDLE))
		return;
	/* A job that was refused before it ran has failed for all who waked it. */
	if (!again && was == POSTED) {
		atomic_store(&v->posted, IDLE);
		return;
	}
	if (atomic_load(&v->closing)) {
		atomic_store(&v->posted, IDLE);
		return;
	}
	atomic_store(&v->posted, POSTED);
	store_post(v->store, &v->job);
}

void views_wake(struct views *v)
{
	while (!atomic_load(&v->closing)) {
		int was = IDLE;

		if (atomic_compare_exchange_strong(&v->posted, &was, POSTED)) {
			store_post(v->store, &v->job);
			return;
		}
		if (was != RUNS)
			return;
		/* What has come may be after its snapshot, so it runs once more. */
		if (atomic_compare_exchange_strong(&v->posted, &was, RUNS_AGAIN))
			return;
	}
}

/* Does any ledger hold more than is folded? */
static int anything_waits(struct views *v, bool *waits)
{
	struct store_txn *views, *ledgers;
	struct fold_span span;
	uint64_t left;
	int err = store_read_begin(v->store, &views, READ_MS);

	if (err)
		return err;
	err = store_read_begin(ledger_store(v->conf.ledger), &ledgers, READ_MS);
	if (!err) {
		*waits = fold_plan(views, ledgers, NULL, 0, 1, &span, 1, &left) > 0;
		err = store_txn_err(views) ? store_txn_err(views) : store_txn_err(ledgers);
		store_read_end(ledgers);
	}
	store_read_end(views);
	return err;
}

int views_catch_up(struct views *v, uint32_t ms)
{
	uint64_t until = clock_mono_ms() + ms;
	struct timespec at = { .tv_sec = (time_t)(until / 1000),
		.tv_nsec = (long)(until % 1000) * 1000000 };

	for (;;) {
		struct views_state s;
		bool waits = false;
		uint64_t runs;
		int err, late = 0;

		pthread_mutex_lock(&v->lock);
		runs = v->runs;
		pthread_mutex_unlock(&v->lock);
		err = anything_waits(v, &waits);
		if (err || !waits)
			return err;
		views_wake(v);
		pthread_mutex_lock(&v->lock);
		while (v->runs == runs && late == 0 && !atomic_load(&v->closing))
			late = pthread_cond_timedwait(&v->ran, &v->lock, &at);
		s = v->state;
		pthread_mutex_unlock(&v->lock);
		if (late || atomic_load(&v->closing))
			return late ? ERR_EXPIRED : ERR_CLOSED;
		if (s.err || s.stopped_origin)
			return s.err ? s.err : ERR_DAMAGED;
	}
}

void views_state(struct views *v, struct views_state *out)
{
	pthread_mutex_lock(&v->lock);
	*out = v->state;
	pthread_mutex_unlock(&v->lock);
}

struct store *views_store(struct views *v)
{
	return v->store;
}

const struct views_conf *views_conf(const struct views *v)
{
	return &v->conf;
}

/* ---- what the views depend on ---- */

static void digest_registers(struct buf *b)
{
	size_t n;
	const struct reg *regs = registers(&n);

	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "register %s", regs[i].name);
		for (size_t k = 0; k < regs[i].n_fields; k++)
			buf_printf(
				b, " %s:%d", regs[i].fields[k].name, (int)regs[i].fields[k].type);
		buf_str(b, "\n");
	}
}

static void digest_codes(struct buf *b)
{
	size_t n;
	const struct code_list *lists = code_lists(&n);

	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "codes %s", lists[i].name);
		for (size_t k = 0; k < lists[i].n; k++)
			buf_printf(b, " %s", lists[i].at[k].code);
		buf_str(b, "\n");
	}
}

static void digest_rules(struct buf *b)
{
	buf_printf(b, "fold %d\n", FOLD_VERSION);
	digest_registers(b);
	digest_codes(b);
}

void views_rules(uint8_t out[HASH_BYTES])
{
	struct buf b = { 0 };

	digest_rules(&b);
	hash_entry(out, buf_as_text(&b));
	buf_deinit(&b);
}

void views_digest(const struct forms *fs, const struct talent_rules *rules, uint8_t out[HASH_BYTES])
{
	struct buf b = { 0 };

	digest_rules(&b);
	buf_put(&b, fs->digest, sizeof(fs->digest));
	if (rules)
		buf_put(&b, rules->digest, sizeof(rules->digest));
	hash_entry(out, buf_as_text(&b));
	buf_deinit(&b);
}

/* ---- opening ---- */

struct ground {
	struct views *v;
	uint8_t digest[HASH_BYTES];
	bool cleared;
};

/* Clears the views unless they are of these forms and these ledgers. */
static int ground_job(struct store_txn *t, void *arg)
{
	struct ground *g = arg;
	struct text key = TEXT("digest"), value = { 0 };
	struct store_txn *ledgers;
	bool fits;
	int err = store_read_begin(ledger_store(g->v->conf.ledger), &ledgers, READ_MS);

	if (err)
		return err;
	fits = store_get(t, VIEW_META, key, &value) == 0 && value.n == HASH_BYTES &&
	       memcmp(value.p, g->digest, HASH_BYTES) == 0 && fold_fits(t, ledgers);
	store_read_end(ledgers);
	g->cleared = !fits && store_count(t, VIEW_FOLD) > 0;
	for (int i = 0; i < VIEW_TABLES && !fits; i++)
		store_clear(t, i);
	if (!fits)
		store_put(t, VIEW_META, key, (struct text){ (const char *)g->digest, HASH_BYTES });
	return store_txn_err(t);
}

struct talent_index *views_talents(struct views *v, int day, int *err)
{
	*err = 0;
	return v->talents ? live_talents_on(v->talents, day, err) : NULL;
}

int views_open(struct views **out, const struct views_conf *conf, struct errmsg *m)
{
	struct views *v = calloc(1, sizeof(*v));
	struct store_conf sc = { .dir = conf->dir,
		.tables = tables,
		.n_tables = VIEW_TABLES,
		.limit_bytes = conf->limit_bytes,
		.create = true,
		.derived = true };
	struct ground ground = { .v = v };
	pthread_condattr_t monotonic;
	int err;

	if (!v)
		return ERR_NOMEM;
	v->conf = *conf;
	v->conf.chunk = conf->chunk ? conf->chunk : CHUNK;
	v->job = (struct store_job){ .fn = job_run, .done = job_done };
	pthread_mutex_init(&v->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&v->ran, &monotonic);
	pthread_condattr_destroy(&monotonic);
	v->fold = fold_open(conf->forms, conf->city);
	err = v->fold ? 0 : ERR_NOMEM;
	if (!err && conf->rules)
		err = fold_talents(v->fold, conf->rules);
	if (!err)
		err = store_open(&v->store, &sc, m);
	if (err)
		goto fold;
	views_digest(conf->forms, conf->rules, ground.digest);
	err = store_write(v->store, ground_job, &ground, 0);
	if (err) {
		errmsg_set(m, "%s: the views cannot be prepared: %s", conf->dir, err_words(err));
		goto store;
	}
	if (ground.cleared)
		log_info(ROOM, "the views are of other forms or other ledgers: all is folded anew");
	err = conf->rules ? live_talents_open(&v->talents, v->store, conf->rules) : 0;
	if (err) {
		errmsg_set(m, "%s: the talents cannot be read: %s", conf->dir, err_words(err));
		goto store;
	}
	*out = v;
	return 0;
store:
	store_close(v->store);
fold:
	fold_close(v->fold);
	pthread_cond_destroy(&v->ran);
	pthread_mutex_destroy(&v->lock);
	free(v);
	return err;
}

void views_close(struct views *v)
{
	if (!v)
		return;
	atomic_store(&v->closing, true);
	store_close(v->store);
	fold_close(v->fold);
	live_talents_close(v->talents);
	pthread_cond_destroy(&v->ran);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
