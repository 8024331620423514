/* Reproducing a version.
 *
 * First every ledger that the version names is walked from its genesis to the position named: each
 * entry's bytes against their hash, each hash against the entry after it, the last one against the
 * version's head. So it is proven that what is folded is what was folded then, and a flipped bit is
 * named before it could make a difference. Then all is folded into a store of its own, and the text
 * made again.
 *
 * What is compared is what was kept, not what the running views say: they may be at other
 * positions, or of other forms. */
#include "daemon/periods/reproduce.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/figures/frozen.h"
#include "daemon/fold/anew.h"

#define ROOM "periods"
#define READ_MS 600000
#define RENEW_EVERY 2000
#define TELL_MS 15000

void reproduce_dir(const struct daemon *d, char *out, size_t size)
{
	snprintf(out, size, "%s/reproduce.tmp", conf_text(d->conf, "state_dir"));
}

void reproduce_clean(struct daemon *d)
{
	char dir[4096];

	reproduce_dir(d, dir, sizeof(dir));
	anew_remove(dir);
	snprintf(dir, sizeof(dir), "%s/recount.tmp", conf_text(d->conf, "state_dir"));
	anew_remove(dir);
}

static struct reproduce_fault *fault_add(
	struct reproduction *r, enum reproduce_fault_kind kind, uint32_t origin, uint64_t position)
{

	struct reproduce_fault *f;

	r->equal = false;
	if (r->n_faults == REPRODUCE_FAULTS_MAX)
		return NULL;
	f = &r->faults[r->n_faults++];
	*f = (struct reproduce_fault){ .kind = kind, .origin = origin, .position = position };
	return f;
}

/* ---- the ledgers ---- */

struct walk {
	struct reproduction *r;
	struct store_txn *t;
	uint32_t origin;
	uint64_t end;
	uint8_t before[HASH_BYTES]; /* hash of the entry before */
};

/* One entry: 0, or ERR_DAMAGED. */
static int entry_walk(struct walk *w, uint64_t position)
{
	struct entry_view e;
	struct text bytes;
	int err = ledger_get(w->t, w->origin, position, &bytes);

	if (err)
		return err;
	if (entry_unpack(&e, bytes, NULL) != 0 || memcmp(e.prev, w->before, HASH_BYTES) != 0)
		return ERR_DAMAGED;
	hash_entry(w->before, bytes);
	return 0;
}

static int ledger_walk(struct walk *w, const uint8_t head[HASH_BYTES])
{
	uint64_t here = ledger_head(w->t, w->origin).position;

	memset(w->before, 0, HASH_BYTES);
	if (here < w->end) {
		fault_add(w->r, FAULT_SHORT, w->origin, here);
		return 0;
	}
	for (uint64_t p = 1; p <= w->end; p++) {
		int err = entry_walk(w, p);

		if (err == ERR_DAMAGED || err == ERR_NOTFOUND) {
			fault_add(w->r, FAULT_BROKEN, w->origin, p);
			return store_txn_err(w->t);
		}
		if (!err && p % RENEW_EVERY == 0) {
			if (w->r->stop && w->r->stop(w->r->arg))
				return ERR_CLOSED;
			err = store_read_renew(w->t);
		}
		if (err)
			return err;
	}
	if (memcmp(w->before, head, HASH_BYTES) != 0)
		fault_add(w->r, FAULT_HEAD, w->origin, w->end);
	return store_txn_err(w->t);
}

static int ledgers_walk(struct reproduction *r)
{
	const Tally__Version *v = r->v->body;
	struct walk w = { .r = r };
	int err = store_read_begin(ledger_store(r->d->ledger), &w.t, READ_MS);

	if (err)
		return err;
	for (size_t i = 0; i < v->n_positions && !err; i++) {
		w.origin = v->positions[i]->origin;
		w.end = v->positions[i]->position;
		err = ledger_walk(&w, v->positions[i]->head.data);
	}
	store_read_end(w.t);
	return err;
}

/* ---- the figures ---- */

struct telling {
	struct reproduction *r;
	uint64_t next_ms;
};

static bool fold_stop(void *arg, uint64_t entries)
{
	struct telling *t = arg;
	uint64_t now = clock_mono_ms();

	if (now >= t->next_ms) {
		log_info(ROOM, "form %.*s %.*s version %u is reproduced: %llu entries folded",
			(int)t->r->v->body->form.len, (const char *)t->r->v->body->form.data,
			(int)t->r->v->body->period.len, (const char *)t->r->v->body->period.data,
			t->r->v->at.number, (unsigned long long)entries);
		t->next_ms = now + TELL_MS;
	}
	return t->r->stop && t->r->stop(t->r->arg);
}

static int fold_all(struct reproduction *r, struct anew *a, struct errmsg *m)
{
	const Tally__Version *v = r->v->body;
	struct fold_bound *bounds = calloc(v->n_positions + 1, sizeof(*bounds));
	int err = bounds ? 0 : ERR_NOMEM;

	for (size_t i = 0; bounds && i < v->n_positions; i++)
		bounds[i] =
			(struct fold_bound){ v->positions[i]->origin, v->positions[i]->position };
	if (!err)
		err = anew_fold(a, bounds, v->n_positions);
	r->entries = anew_entries(a);
	if (err == ERR_DAMAGED && anew_broken(a).origin) {
		fault_add(r, FAULT_BROKEN, anew_broken(a).origin, anew_broken(a).position);
		err = 0;
	} else if (err) {
		errmsg_set(m, "the ledgers cannot be folded anew: %s", err_words(err));
	}
	free(bounds);
	return err;
}

static bool cell_differs(void *arg, const struct frozen_line *kept, const struct frozen_line *anew)
{
	struct reproduction *r = arg;
	struct reproduce_fault *f = fault_add(r, FAULT_CELL, 0, 0);
	const struct frozen_line *any = kept ? kept : anew;

	r->differences++;
	if (!f)
		return true;
	f->cumulative = any->cumulative;
	snprintf(f->cell, sizeof(f->cell), "%.*s", (int)any->cell.n, any->cell.p);
	if (kept)
		snprintf(f->kept, sizeof(f->kept), "%.*s %.*s %.*s", (int)kept->value.n,
			kept->value.p, (int)kept->obs.n, kept->obs.p, (int)kept->conf.n,
			kept->conf.p);
	if (anew)
		snprintf(f->anew, sizeof(f->anew), "%.*s %.*s %.*s", (int)anew->value.n,
			anew->value.p, (int)anew->obs.n, anew->obs.p, (int)anew->conf.n,
			anew->conf.p);
	return true;
}

static int text_compare(
	struct reproduction *r, struct anew *a, const struct forms *fs, struct errmsg *m)
{
	const Tally__Version *v = r->v->body;
	struct frozen_ask ask = { .form = forms_at(fs, survey_text(v->form), &r->v->period),
		.period = r->v->period,
		.areas = v->areas,
		.n_areas = v->n_areas,
		.closed = true };
	struct buf text = { 0 };
	struct store_txn *t;
	int err;

	if (!ask.form) {
		fault_add(r, FAULT_FORMS, 0, 0);
		return 0;
	}
	err = store_read_begin(anew_store(a), &t, READ_MS);
	if (err)
		return err;
	err = frozen_text(&ask, t, &text);
	store_read_end(t);
	if (!err)
		err = frozen_compare(r->figures, buf_as_text(&text), cell_differs, r);
	if (!err && !r->n_faults && !text_eq(r->figures, buf_as_text(&text))) {
		errmsg_set(m, "the text that was kept has the same cells in another order");
		err = ERR_INVALID;
	}
	if (err && !m->text[0])
		errmsg_set(m, "the figures cannot be computed anew: %s", err_words(err));
	buf_deinit(&text);
	return err;
}

static int figures_compare(struct reproduction *r, const char *dir, struct errmsg *m)
{
	struct telling telling = { r, clock_mono_ms() + TELL_MS };
	const struct views_conf *running = views_conf(office_of(r->d)->views);
	struct anew_conf conf = { .dir = dir,
		.limit_bytes = running->limit_bytes,
		.ledger = r->d->ledger,
		.forms = forms_open_files(r->forms, m),
		.city = r->v->body->areas[0],
		.stop = fold_stop,
		.arg = &telling };
	struct anew *a;
	int err;

	if (!conf.forms) {
		struct reproduce_fault *f = fault_add(r, FAULT_FORMS, 0, 0);

		if (f)
			snprintf(f->cell, sizeof(f->cell), "%.150s", m->text);
		return 0;
	}
	err = anew_open(&a, &conf, m);
	if (!err) {
		err = fold_all(r, a, m);
		if (!err && !r->n_faults)
			err = text_compare(r, a, conf.forms, m);
		anew_close(a);
	}
	forms_close((struct forms *)(uintptr_t)conf.forms);
	return err;
}

int reproduce_run(struct reproduction *r, const char *dir, struct errmsg *m)
{
	const Tally__Version *v = r->v->body;
	uint8_t rules[HASH_BYTES];
	int err;

	m->text[0] = 0;
	r->equal = true;
	views_rules(rules);
	r->other_rules = !v->has_rules || memcmp(rules, v->rules.data, HASH_BYTES) != 0;
	r->other_software = !text_is(survey_text(v->software), "tally " TALLY_VERSION);
	for (size_t i = 0; i < r->figures.n; i++)
		r->lines += r->figures.p[i] == '\n';
	err = ledgers_walk(r);
	if (!err && !r->n_faults)
		err = figures_compare(r, dir, m);
	if (err && !m->text[0])
		errmsg_set(m, "the version cannot be reproduced: %s", err_words(err));
	return err;
}
