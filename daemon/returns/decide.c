/* Deciding.
 *
 * Normal path: one snapshot of the views → what is the newest signature, is the period open, what
 * do the checks say → one entry in the ledger of decisions that names the signature → the links are
 * woken, and the views caught up with it, so that whoever decided sees it.
 *
 * The decision is about the signature that was looked at: when a newer one comes in meanwhile, that
 * one is undecided. The district's side is not asked: it holds what it signed, and what the city
 * says of it comes down. */
#include "daemon/returns/decide.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/figures/frozen.h"
#include "proto/entry.pb-c.h"

#define BODY_MEMORY (512u * 1024)
#define CATCH_UP_MS 10000
#define WORDS_SHOWN 8 /* places in a refusal */

#define GIVE(m, field, v) ((m).has_##field = true, (m).field = (v))

static void what_words(const struct deciding *x, char out[96])
{
	char period[PERIOD_TEXT_MAX];

	period_print(&x->period, period);
	snprintf(out, 96, "form %s %s of %06u", x->form->id, period, x->area);
}

/* May it be decided now? */
static int state_check(struct deciding *x, const struct return_item *item, struct errmsg *m)
{
	char what[96];

	what_words(x, what);
	if (item->state == RETURN_CLOSED) {
		errmsg_set(m, "%s: the period is closed (version %u), nothing is decided any more",
			what, item->version);
		return ERR_EXISTS;
	}
	if (item->state == RETURN_OPEN) {
		errmsg_set(m, "%s: the district has signed nothing yet", what);
		return ERR_NOTFOUND;
	}
	if (item->state == RETURN_ACCEPTED && x->accept) {
		errmsg_set(m, "%s: the newest signature is accepted already", what);
		return ERR_EXISTS;
	}
	x->of = item->position;
	return 0;
}

static int hindered(const struct deciding *x, struct errmsg *m)
{
	struct buf words = { 0 };
	char what[96];

	if (!x->accept || x->hindrances.hard + x->hindrances.soft == 0)
		return 0;
	what_words(x, what);
	hindrances_words(&x->hindrances, WORDS_SHOWN, &words);
	errmsg_set(m, "%s: %zu hard checks do not hold, %zu soft ones are not explained: %s", what,
		x->hindrances.hard, x->hindrances.soft, words.p ? words.p : "");
	buf_deinit(&words);
	return ERR_BUSY;
}

static int words_check(const struct deciding *x, struct errmsg *m)
{
	const struct form_check *c = x->form->checks;

	while (x->check && c && strcmp(c->id, x->check) != 0)
		c = c->next;
	if (x->check && !c) {
		errmsg_set(m, "--check: form %s has no check %.40s", x->form->id, x->check);
		return ERR_INVALID;
	}
	if ((x->words.n || !x->accept) && !survey_words_ok(x->words, SURVEY_WORDS_CHARS)) {
		errmsg_set(m, "--words: 1 to %d characters are wanted", SURVEY_WORDS_CHARS);
		return ERR_INVALID;
	}
	return 0;
}

/* Are the figures of the area, made as the district makes them, those of the signature? */
static int figures_compare(
	struct deciding *x, const struct return_item *item, struct store_txn *views)
{
	struct frozen_ask ask = { .form = x->form,
		.period = x->period,
		.areas = &x->area,
		.n_areas = 1,
		.only = x->area,
		.closed = true };
	const Tally__Return *r;
	uint8_t digest[HASH_BYTES];
	struct buf text = { 0 };
	struct arena a;
	int err = frozen_text(&ask, views, &text);

	arena_init(&a, BODY_MEMORY);
	r = survey_return(item->body, &a);
	hash_entry(digest, buf_as_text(&text));
	x->differs = !err && r && memcmp(digest, r->digest.data, HASH_BYTES) != 0;
	arena_deinit(&a);
	buf_deinit(&text);
	return err;
}

static int snapshot_take(struct deciding *x, struct daemon *d, struct errmsg *m)
{
	struct office *o = office_of(d);
	struct returns r = { .forms = o->forms, .decisions = ORIGIN_DECISIONS(o->area) };
	struct hindrance_ask ask = { .returns = &r,
		.form = x->form,
		.period = x->period,
		.area = x->area,
		.check = x->check };
	struct return_item item;
	int err = office_read(o, &r.views);

	if (err)
		return err;
	return_read(&r, x->form->id, &x->period, x->area, &item);
	err = store_txn_err(r.views);
	if (!err)
		err = state_check(x, &item, m);
	if (!err)
		err = hindrances_find(&ask, &x->hindrances);
	if (!err)
		err = figures_compare(x, &item, r.views);
	store_read_end(r.views);
	return err ? err : hindered(x, m);
}

/* ---- writing ---- */

struct message {
	Tally__Decision d;
	Tally__Decision__Query queries[HINDRANCES_MAX + 1], *list[HINDRANCES_MAX + 1];
	char period[PERIOD_TEXT_MAX];
};

static Tally__Decision__Query *query_add(struct message *m, const char *check, bool hard)
{
	Tally__Decision__Query *q = &m->queries[m->d.n_queries];

	tally__decision__query__init(q);
	GIVE(*q, check, survey_bytes(text_of(check)));
	GIVE(*q, hard, hard);
	m->list[m->d.n_queries++] = q;
	return q;
}

/* What is asked: the places that hinder, with both sides. A check that holds is asked by name. */
static void queries_make(struct message *m, struct deciding *x)
{
	const struct form_check *c = x->form->checks;

	m->d.queries = m->list;
	for (size_t i = 0; i < x->hindrances.n; i++) {
		struct hindrance *h = &x->hindrances.at[i];
		Tally__Decision__Query *q;

		if (h->explained && !x->check)
			continue;
		q = query_add(m, h->check->id, h->check->hard);
		if (h->row[0])
			GIVE(*q, row, survey_bytes(text_of(h->row)));
		GIVE(*q, left, survey_bytes(text_of(h->left)));
		GIVE(*q, right, survey_bytes(text_of(h->right)));
	}
	while (x->check && c && strcmp(c->id, x->check) != 0)
		c = c->next;
	if (x->check && c && !m->d.n_queries)
		query_add(m, c->id, c->hard);
}

static void message_make(struct message *m, struct deciding *x)
{
	*m = (struct message){ .d = TALLY__DECISION__INIT };
	period_print(&x->period, m->period);
	GIVE(m->d, form, survey_bytes(text_of(x->form->id)));
	GIVE(m->d, period, survey_bytes(text_of(m->period)));
	GIVE(m->d, area, x->area);
	GIVE(m->d, position, x->of);
	GIVE(m->d, accepted, x->accept);
	if (x->words.n)
		GIVE(m->d, words, survey_bytes(x->words));
	if (!x->accept)
		queries_make(m, x);
}

struct writing {
	struct daemon *d;
	struct deciding *x;
	struct text body;
};

static int decide_job(struct store_txn *t, void *arg)
{
	struct writing *w = arg;
	struct entry_draft draft = { .origin = ORIGIN_DECISIONS(w->d->origin),
		.kind = TALLY__ENTRY_KIND__DECISION,
		.at_ms = clock_wall_ms(),
		.author = w->x->author,
		.body = w->body };

	w->x->position = ledger_append(t, w->d->ledger, &draft);
	return store_txn_err(t);
}

static bool reads_back(struct text body)
{
	struct arena a;
	bool good;

	arena_init(&a, BODY_MEMORY);
	good = survey_decision(body, &a) != NULL;
	arena_deinit(&a);
	return good;
}

static int decision_write(struct deciding *x, struct daemon *d)
{
	struct writing w = { .d = d, .x = x };
	struct buf body = { 0 };
	struct message m;
	int err = ERR_NOMEM;
	void *room;

	message_make(&m, x);
	room = buf_room(&body, tally__decision__get_packed_size(&m.d));
	if (room) {
		body.n += tally__decision__pack(&m.d, room);
		w.body = buf_as_text(&body);
		err = reads_back(w.body) ? store_write(ledger_store(d->ledger), decide_job, &w, 0)
					 : ERR_INVALID;
	}
	buf_deinit(&body);
	return err;
}

int deciding_run(struct deciding *x, struct daemon *d, struct errmsg *m)
{
	int err = words_check(x, m);

	if (!err)
		err = snapshot_take(x, d, m);
	if (!err)
		err = decision_write(x, d);
	if (err)
		return err;
	daemon_ledger_grew(d);
	if (views_catch_up(office_of(d)->views, CATCH_UP_MS) != 0)
		log_info("returns", "a decision stands in its ledger, and not yet in the views");
	return 0;
}
