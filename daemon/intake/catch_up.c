/* A step: where did the last one stop → up to STEP_ROWS rows of the register view from there → of
 * those that live and speak for somebody, the pids (at most STEP_SEALS) → each is sealed unless it
 * is already → where this one stopped, in the same transaction. A kill in between repeats nothing:
 * who is sealed is passed over.
 *
 *     "seal" → registrar's mark (8) | rule's mark (8) | done (1) | view key of the last row
 *
 * Another mark begins anew. Registers that the rule does not take are never read. A step lasts a
 * few milliseconds, and between two of them clerks' rows come in. */
#include "daemon/intake/catch_up.h"

#include <pthread.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

#define STEP_ROWS 512
#define STEP_SEALS 64
#define STEP_MS 50
#define LOOK_MS 600000 /* the rule's mark */
#define STATE_KEY TEXT("seal")
#define MARKS (REGISTRAR_MARK_BYTES + 8)
#define STATE_MAX (MARKS + 1 + VIEW_KEY_MAX)
#define AUTHOR TEXT("tally")
#define MEMORY (256u * 1024)

struct catch_up {
	struct catch_up_conf conf;
	struct timer *timer;
	struct store_job job;
	struct arena arena;
	pthread_mutex_t lock; /* guards posted, next_ms */
	pthread_cond_t idle;
	bool posted;
	uint64_t next_ms;
	/* of the step under way; writer thread */
	int today, err;
	bool finished, grew;
	uint8_t state[STATE_MAX];
	size_t n_state;
	uint8_t pids[STEP_SEALS][PID_BYTES];
	size_t n_pids, rows;
	struct store_txn *t;
};

static struct catch_up *of_job(struct store_job *job)
{
	return (struct catch_up *)((char *)job - offsetof(struct catch_up, job));
}

/* ---- a step ---- */

/* A live record that lets somebody in adds its pid. */
static void look(struct catch_up *c, const struct reg *reg, uint64_t position)
{
	const struct sealing *s = c->conf.sealing;
	struct entry_view e;
	struct record r;
	struct text bytes;
	struct person_facts person;

	arena_reset(&c->arena);
	if (ledger_get(c->t, ledger_own(c->conf.ledger), position, &bytes) ||
		entry_unpack(&e, bytes, &c->arena) || record_unpack(reg, e.body, &c->arena, &r)) {
		if (!store_txn_err(c->t))
			log_error("intake", "entry %llu of the own ledger cannot be read",
				(unsigned long long)position);
		return;
	}
	person = record_person(&r, 0);
	if (person.pid && s->rule.speaks(s->rule.arg, &r, c->today))
		memcpy(c->pids[c->n_pids++], person.pid, PID_BYTES);
}

struct walk {
	struct catch_up *c;
	const struct reg *reg;
};

static bool walk_row(void *arg, struct text key, struct view_row row)
{
	struct walk *w = arg;
	struct catch_up *c = w->c;

	if (c->rows == STEP_ROWS || c->n_pids == STEP_SEALS)
		return false;
	c->rows++;
	if (!row.retracted)
		look(c, w->reg, row.position);
	memcpy(c->state + MARKS + 1, key.p, key.n);
	c->n_state = MARKS + 1 + key.n;
	return !store_txn_err(c->t);
}

/* Is the last row that was looked at of this register? */
static bool stands_in(const struct catch_up *c, const struct reg *reg)
{
	size_t n = strlen(reg->name);

	return c->n_state > MARKS + 1 + n && memcmp(c->state + MARKS + 1, reg->name, n) == 0 &&
	       c->state[MARKS + 1 + n] == 0;
}

/* Registers in the order of the table; those before the one in which the last step stopped are
 * done. */
static void walk_registers(struct catch_up *c)
{
	size_t n, first = 0;
	const struct reg *regs = registers(&n);

	for (size_t i = 0; i < n; i++)
		if (stands_in(c, &regs[i]))
			first = i;
	for (size_t i = first; i < n; i++) {
		struct walk w = { c, &regs[i] };
		uint8_t after[VIEW_KEY_MAX];
		struct text from = { NULL, 0 };

		if (!regs[i].n_persons ||
			!c->conf.sealing->rule.takes(c->conf.sealing->rule.arg, &regs[i]))
			continue;
		if (stands_in(c, &regs[i])) {
			from = (struct text){ (const char *)after, c->n_state - MARKS - 1 };
			memcpy(after, c->state + MARKS + 1, from.n);
		}
		view_walk_keys(c->t, &c->conf.view, text_of(regs[i].name), from, walk_row, &w);
		if (c->rows == STEP_ROWS || c->n_pids == STEP_SEALS || store_txn_err(c->t))
			return;
	}
	c->finished = true;
}

static void state_get(struct catch_up *c)
{
	const struct sealing *s = c->conf.sealing;
	uint8_t marks[MARKS];
	struct text value;

	memcpy(marks, s->registrar.mark, REGISTRAR_MARK_BYTES);
	s->rule.mark(s->rule.arg, c->today, marks + REGISTRAR_MARK_BYTES);
	if (store_get(c->t, c->conf.state, STATE_KEY, &value) == 0 && value.n > MARKS &&
		value.n <= STATE_MAX && memcmp(value.p, marks, MARKS) == 0) {
		memcpy(c->state, value.p, value.n);
		c->n_state = value.n;
	} else {
		memcpy(c->state, marks, MARKS);
		c->state[MARKS] = 0;
		c->n_state = MARKS + 1;
	}
	c->finished = c->state[MARKS] != 0;
}

static int step(struct store_txn *t, struct store_job *job)
{
	struct catch_up *c = of_job(job);

	c->t = t;
	c->today = clock_date(clock_wall_ms());
	c->n_pids = c->rows = 0;
	c->grew = false;
	state_get(c);
	if (c->finished)
		return store_txn_err(t);
	walk_registers(c);
	for (size_t i = 0; i < c->n_pids && !store_txn_err(t); i++)
		c->grew |= vault_seal(t, c->conf.vault, c->pids[i], AUTHOR);
	c->state[MARKS] = c->finished;
	store_put(t, c->conf.state, STATE_KEY,
		(struct text){ (const char *)c->state, c->finished ? MARKS + 1 : c->n_state });
	return store_txn_err(t);
}

/* ---- who drives it ---- */

static void done(struct store_job *job, int err)
{
	struct catch_up *c = of_job(job);

	if (!err && c->grew && c->conf.grew)
		c->conf.grew(c->conf.arg);
	pthread_mutex_lock(&c->lock);
	c->posted = false;
	c->err = err;
	c->next_ms = clock_mono_ms() + (err || c->finished ? LOOK_MS : 0);
	pthread_cond_broadcast(&c->idle);
	pthread_mutex_unlock(&c->lock);
}

static void post(struct catch_up *c)
{
	c->job = (struct store_job){ .fn = step, .done = done, .weight = STEP_SEALS };
	store_post(ledger_store(c->conf.ledger), &c->job);
}

static void tick(void *arg)
{
	struct catch_up *c = arg;
	uint64_t now = clock_mono_ms(), wait = 0;
	bool due;

	pthread_mutex_lock(&c->lock);
	due = !c->posted && now >= c->next_ms;
	if (!c->posted && !due)
		wait = c->next_ms - now;
	c->posted = c->posted || due;
	pthread_mutex_unlock(&c->lock);
	if (due)
		post(c);
	else if (wait > STEP_MS) /* nothing to do for long: idle is idle */
		timer_start(c->timer, wait, STEP_MS);
}

int catch_up_step(struct catch_up *c, bool *finished)
{
	int err;

	pthread_mutex_lock(&c->lock);
	while (c->posted)
		pthread_cond_wait(&c->idle, &c->lock);
	c->posted = true;
	pthread_mutex_unlock(&c->lock);
	post(c);
	pthread_mutex_lock(&c->lock);
	while (c->posted)
		pthread_cond_wait(&c->idle, &c->lock);
	*finished = c->finished;
	err = c->err;
	pthread_mutex_unlock(&c->lock);
	return err;
}

int catch_up_open(struct catch_up **out, const struct catch_up_conf *conf)
{
	struct catch_up *c = calloc(1, sizeof *c);

	if (!c)
		return ERR_NOMEM;
	c->conf = *conf;
	arena_init(&c->arena, MEMORY);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->idle, NULL);
	if (conf->loop) {
		c->timer = timer_open(conf->loop, tick, c);
		if (!c->timer) {
			catch_up_close(c);
			return ERR_NOMEM;
		}
		timer_start(c->timer, STEP_MS, STEP_MS);
	}
	*out = c;
	return 0;
}

void catch_up_close(struct catch_up *c)
{
	if (!c)
		return;
	if (c->timer)
		timer_close(c->timer);
	pthread_mutex_lock(&c->lock);
	while (c->posted)
		pthread_cond_wait(&c->idle, &c->lock);
	pthread_mutex_unlock(&c->lock);
	arena_deinit(&c->arena);
	pthread_cond_destroy(&c->idle);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
