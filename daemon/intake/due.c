/* Finding: is the clock to be believed? → heard.h is brought up to the newest entry → a bit for
 * everybody in the vault whose term is over → the entries of those months are read once more, and
 * who has a record among them that stands and is open loses the bit. Later entries need no look:
 * whoever they speak of has no bit.
 *
 * Letting go, 64 at a time: heard.h up to the newest entry again, in the same transaction, so that
 * who came in meanwhile is spared; then key and value of the others.
 *
 * The clock. What is erased cannot be brought back, and a clock that leaps ahead makes everybody's
 * term end. So it is asked whether the ledger agrees: its newest entry must be of the last 92 days
 * and not of tomorrow, and no entry of these 92 days may stand as far behind the one before.
 * Otherwise nothing is judged, until somebody gives the date. */
#include "daemon/intake/due.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "proto/entry.pb-c.h"

#define DAY_MS 86400000ull
#define STEP_ENTRIES 1024
#define READ_MS 60000
#define MEMORY (256u * 1024)

struct due {
	struct due_conf conf;
	uint64_t now_ms;
	int today;
	unsigned cutoff; /* month: who was last heard of then or before */
	uint64_t until;	 /* the last entry of that month */
	uint8_t *bits;	 /* by number */
	uint64_t numbers;
	struct heard_step step;
	/* of the step under way, and of the transaction at hand */
	uint64_t from, next;
	struct arena arena;
	struct due_person *at;
	size_t n;
};

void due_month(char out[8], unsigned month)
{
	(void)snprintf(out, 8, "%04u-%02u", month / 12 % 10000, month % 12 + 1);
}

static bool bit(const struct due *d, uint64_t number)
{
	return number < d->numbers && d->bits[number / 8] >> number % 8 & 1;
}

static void bit_clear(struct due *d, uint64_t number)
{
	d->bits[number / 8] &= (uint8_t) ~(1u << number % 8);
}

static void date_put(char out[16], uint64_t ms)
{
	int date = clock_date(ms);

	(void)snprintf(
		out, 16, "%04d-%02d-%02d", date / 10000 % 10000, date / 100 % 100, date % 100);
}

/* ---- the clock ---- */

static int doubt(const struct due *d, struct errmsg *m, const char *what, uint64_t at)
{
	char now[16], then[16];

	date_put(now, d->now_ms);
	date_put(then, at);
	errmsg_set(m,
		"the clock of this machine says %s, and %s %s: nobody's term is judged on its "
		"word; if that is the date, give it: --today %s",
		now, what, then, now);
	return ERR_INVALID;
}

static int clock_check(struct due *d, struct errmsg *m)
{
	uint32_t own = ledger_own(d->conf.ledger);
	struct ledger_walk walk = { .origin = own };
	struct entry_view e;
	int err = store_read_begin(ledger_store(d->conf.ledger), &walk.t, READ_MS);

	if (err)
		return err;
	err = ledger_walk_get(&walk, ledger_head(walk.t, own).position, &e);
	ledger_walk_end(&walk);
	if (!err && d->now_ms > e.at_ms + HEARD_QUIET_MS)
		err = doubt(d, m, "the newest entry of this node is of", e.at_ms);
	else if (!err && e.at_ms > d->now_ms + DAY_MS)
		err = doubt(d, m, "an entry of this node is of", e.at_ms);
	store_read_end(walk.t);
	return err;
}

/* ---- finding ---- */

static int follow_job(struct store_txn *t, void *arg)
{
	struct due *d = arg;

	heard_follow(t, &d->step);
	return store_txn_err(t);
}

static bool gives_up(const struct due *d)
{
	return d->conf.give_up && d->conf.give_up(d->conf.arg);
}

static int follow(struct due *d, struct errmsg *m)
{
	int err;

	do {
		err = gives_up(d) ? ERR_CLOSED
				  : store_write(ledger_store(d->conf.ledger), follow_job, d, 0);
		if (!err && d->step.leap_to)
			err = doubt(d, m, "its entries leap from one day to the next, to",
				d->step.leap_to);
	} while (!err && d->step.left);
	return err;
}

struct finding {
	struct due *d;
	struct store_txn *t;
};

static bool find_one(void *arg, uint64_t number, unsigned month)
{
	struct finding *f = arg;
	uint8_t pid[PID_BYTES];

	(void)month;
	if (number < f->d->numbers && vault_holds(f->t, f->d->conf.vault, number, pid))
		f->d->bits[number / 8] |= (uint8_t)(1u << number % 8);
	return !store_txn_err(f->t);
}

/* Numbers are given in order and never taken back: the last one tells how many. */
static uint64_t numbers(struct store_txn *t, const struct vault *v)
{
	struct store_cursor *c = store_cursor_open(t, v->tables.vault);
	struct text key, value;
	uint64_t n = 0;

	if (c && store_before(c, (struct text){ NULL, 0 }, &key, &value) && key.n == 8)
		n = get_u64((const uint8_t *)key.p) + 1;
	if (c)
		store_cursor_close(c);
	return n;
}

static int find(struct due *d)
{
	struct finding f = { .d = d };
	int err = store_read_begin(ledger_store(d->conf.ledger), &f.t, READ_MS), table;

	if (err)
		return err;
	table = d->conf.vault->heard;
	d->numbers = numbers(f.t, d->conf.vault);
	d->bits = calloc(1, d->numbers / 8 + 1);
	if (d->bits) {
		heard_walk(f.t, table, d->cutoff, find_one, &f);
		d->until = heard_until(f.t, table, d->cutoff);
	}
	err = d->bits ? store_txn_err(f.t) : ERR_NOMEM;
	store_read_end(f.t);
	return err;
}

/* ---- who is kept ---- */

static bool any_open(const struct talent_clause *c, const struct talent_record *r, int day)
{
	while (c && !(c->reg == r->record->reg && talent_clause_open(c, r, day)))
		c = c->next;
	return c != NULL;
}

/* Is it the newest version? When that cannot be told, it is taken to be. */
static bool stands(
	struct store_txn *t, struct due *d, const struct entry_view *e, const struct record *r)
{
	struct text key = view_key(e->reg, record_key(r, &d->arena), &d->arena);
	struct view_row row;

	if (!key.p)
		return true;
	row = view_get(t, &d->conf.view, key);
	return row.position == e->position && !row.retracted;
}

static void keep(struct store_txn *t, struct due *d, const struct entry_view *e)
{
	const struct talent_rules *rules = d->conf.rules;
	const struct talent_gate *gate = talent_gate_at(rules, d->today);
	const struct reg *reg = register_find(e->reg);
	struct record r;
	struct talent_record tr = { &r, e->origin };

	if (!reg || !reg->n_persons)
		return;
	arena_reset(&d->arena);
	if (record_unpack(reg, e->body, &d->arena, &r))
		return;
	if (!(gate && any_open(gate->clauses, &tr, d->today)) &&
		!any_open(rules->running, &tr, d->today))
		return;
	for (size_t i = 0; i < reg->n_persons; i++) {
		const uint8_t *pid = record_person(&r, i).pid;
		uint64_t number = pid ? pids_find(t, d->conf.vault->pids, pid) : 0;

		if (number && bit(d, number) && stands(t, d, e, &r))
			bit_clear(d, number);
	}
}

static int keep_job(struct store_txn *t, void *arg)
{
	struct due *d = arg;
	struct ledger_walk walk = { .t = t, .origin = ledger_own(d->conf.ledger) };

	pids_begin(t, d->conf.vault->pids);
	for (d->next = d->from; d->next <= d->until && d->next - d->from < STEP_ENTRIES;
		d->next++) {
		struct entry_view e;

		if (ledger_walk_get(&walk, d->next, &e) == 0 && e.kind == TALLY__ENTRY_KIND__RECORD)
			keep(t, d, &e);
	}
	ledger_walk_end(&walk);
	pids_end(t, d->conf.vault->pids);
	return store_txn_err(t);
}

static int keep_all(struct due *d)
{
	int err = 0;

	for (d->from = 1; d->from <= d->until && !err; d->from = d->next)
		err = gives_up(d) ? ERR_CLOSED
				  : store_write(ledger_store(d->conf.ledger), keep_job, d, 0);
	return err;
}

/* ---- opening ---- */

/* Rules that forgot to say whom to keep would let everybody go. */
static int rules_check(const struct due *d, struct errmsg *m)
{
	if (d->conf.rules->running && talent_gate_at(d->conf.rules, d->today))
		return 0;
	errmsg_set(m,
		"the rules (rules_dir) have no %s: nobody's term is judged by rules that do not "
		"say who is kept",
		d->conf.rules->running ? "gate in force" : "section running");
	return ERR_INVALID;
}

int due_open(struct due **out, const struct due_conf *conf, struct errmsg *m)
{
	struct due *d = calloc(1, sizeof *d);
	unsigned month;
	int err;

	m->text[0] = 0;
	if (!d)
		return ERR_NOMEM;
	d->conf = *conf;
	d->now_ms = clock_wall_ms();
	d->today = clock_date(d->now_ms);
	month = heard_month(d->now_ms);
	d->cutoff = month > 12 * conf->years ? month - 12 * conf->years - 1 : 0;
	d->step = (struct heard_step){ .ledger = conf->ledger,
		.vault = conf->vault,
		.now_ms = d->now_ms,
		.sure = conf->sure };
	arena_init(&d->step.arena, MEMORY);
	arena_init(&d->arena, MEMORY);
	err = rules_check(d, m);
	if (!err && !conf->sure)
		err = clock_check(d, m);
	if (!err)
		err = follow(d, m);
	if (!err)
		err = find(d);
	if (!err && due_count(d))
		err = keep_all(d);
	if (err) {
		if (!m->text[0])
			errmsg_set(m, "%s", err_words(err));
		due_close(d);
		return err;
	}
	*out = d;
	return 0;
}

void due_close(struct due *d)
{
	if (!d)
		return;
	arena_deinit(&d->step.arena);
	arena_deinit(&d->arena);
	free(d->bits);
	free(d);
}

uint64_t due_count(const struct due *d)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < d->numbers / 8 + 1; i++)
		n += (uint64_t)__builtin_popcount(d->bits[i]);
	return n;
}

int due_next(struct due *d, uint64_t *after, struct due_person *out, size_t n, size_t *got)
{
	struct store_txn *t;
	int err = store_read_begin(ledger_store(d->conf.ledger), &t, READ_MS);

	*got = 0;
	if (err)
		return err;
	for (uint64_t i = *after + 1; i < d->numbers && *got < n; i++) {
		struct due_person *p = &out[*got];

		*after = i;
		if (!bit(d, i) || !vault_holds(t, d->conf.vault, i, p->pid))
			continue;
		p->number = i;
		p->month = heard_of(t, d->conf.vault->heard, i);
		p->spared = false;
		++*got;
	}
	err = store_txn_err(t);
	store_read_end(t);
	return err;
}

/* ---- letting go ---- */

static int shred_job(struct store_txn *t, void *arg)
{
	struct due *d = arg;
	const struct vault *v = d->conf.vault;

	heard_follow(t, &d->step);
	if (store_txn_err(t) || d->step.left || d->step.leap_to)
		return store_txn_err(t);
	for (size_t i = 0; i < d->n && !store_txn_err(t); i++) {
		unsigned month = heard_of(t, v->heard, d->at[i].number);

		d->at[i].spared = !month || month > d->cutoff ||
				  vault_erase(t, v, d->at[i].pid) == ERR_NOTFOUND;
		if (!d->at[i].spared)
			heard_forget(t, v->heard, d->at[i].number);
	}
	return store_txn_err(t);
}

int due_shred(struct due *d, struct due_person *at, size_t n)
{
	int err;

	d->at = at;
	d->n = n;
	do /* entries that came in meanwhile, a step at a time */
		err = gives_up(d) ? ERR_CLOSED
				  : store_write(ledger_store(d->conf.ledger), shred_job, d,
					    STORE_RESERVE);
	while (!err && d->step.left && !d->step.leap_to);
	if (!err && d->step.leap_to)
		err = ERR_INVALID;
	return err;
}
