/* Signing.
 *
 * Normal path: the views are folded up to the ledger's end → one snapshot: is the period closed?
 * figures as text, checks → the text is packed → one job: FIGURES parts, then RETURN → the links
 * are woken. What other hands write between the snapshot and the job stands behind the position
 * that is vouched for: it is not of this signature.
 *
 *	… records │ more records │ FIGURES 1 … n │ RETURN {position ─────┐, figures, digest, names}
 *	          └──────────────────────────────────────────────────────┘ */
#include "daemon/returns/sign.h"

#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/figures/frozen.h"
#include "proto/check.h"
#include "proto/entry.pb-c.h"

#define BODY_MEMORY (64u * 1024)

#define GIVE(m, field, v) ((m).has_##field = true, (m).field = (v))

/* ---- what may be signed now ---- */

static void period_words(const struct form *f, const struct period *p, char out[64])
{
	char period[PERIOD_TEXT_MAX];

	period_print(p, period);
	snprintf(out, 64, "form %s %s", f->id, period);
}

/* The period is over, and the form is a return. */
static int season_check(const struct form *f, const struct period *p, struct errmsg *m)
{
	int today = clock_date(clock_wall_ms()), last = (int)period_last_day(p);
	char what[64];

	period_words(f, p, what);
	if (form_of_returns(f)) {
		errmsg_set(m, "form %s is made by the city of what districts sign: it is no return",
			f->id);
		return ERR_INVALID;
	}
	if (today <= last) {
		errmsg_set(m,
			"%s has not ended: it can be signed from the day after %04d-%02d-%02d on",
			what, last / 10000, last / 100 % 100, last % 100);
		return ERR_BUSY;
	}
	return 0;
}

static int void_check(const struct form *f, struct errmsg *m)
{
	if (!form_is_void(f, clock_date(clock_wall_ms())))
		return 0;
	errmsg_set(m,
		"form %s, edition %s, is void: it was valid until %s; it can be read, not signed",
		f->id, f->edition, f->valid_until);
	return ERR_BUSY;
}

static int name_check(struct text name, const char *which, struct errmsg *m)
{
	if (survey_words_ok(name, SURVEY_NAME_CHARS))
		return 0;
	errmsg_set(m, "--%s: a name of 1 to %d characters is wanted", which, SURVEY_NAME_CHARS);
	return ERR_INVALID;
}

static int closed_check(const struct returns *r, const struct form *f, const struct period *p,
	uint32_t area, struct errmsg *m)
{
	struct return_item item;
	char what[64];

	return_read(r, f->id, p, area, &item);
	if (!item.version)
		return store_txn_err(r->views);
	period_words(f, p, what);
	errmsg_set(m,
		"%s is closed (version %u): what is corrected now enters with the city's next "
		"revision",
		what, item.version);
	return ERR_EXISTS;
}

/* ---- writing ---- */

/* What its readers would not take is not written: nothing is ever taken back. */
static bool reads_back(uint32_t kind, struct text body)
{
	struct arena a;
	bool good;

	arena_init(&a, BODY_MEMORY);
	good = kind == TALLY__ENTRY_KIND__RETURN ? survey_return(body, &a) != NULL
						 : survey_explain(body, &a) != NULL;
	arena_deinit(&a);
	return good;
}

struct writing {
	struct daemon *d;
	struct signing *s;
	struct frozen figures;
	struct buf body;
	char period[PERIOD_TEXT_MAX];
};

static bool body_make(struct writing *w, uint64_t figures)
{
	const struct signing *s = w->s;
	Tally__Return r = TALLY__RETURN__INIT;
	void *room;

	GIVE(r, form, survey_bytes(text_of(s->form->id)));
	GIVE(r, edition, survey_bytes(text_of(s->form->edition)));
	GIVE(r, period, survey_bytes(text_of(w->period)));
	GIVE(r, position, s->vouched);
	GIVE(r, by, survey_bytes(s->by));
	GIVE(r, approve, survey_bytes(s->approve));
	GIVE(r, parts, w->figures.n);
	if (w->figures.n)
		GIVE(r, figures, figures);
	GIVE(r, digest, ((ProtobufCBinaryData){ HASH_BYTES, w->figures.digest }));
	GIVE(r, cells, (uint32_t)s->cells);
	buf_reset(&w->body);
	room = buf_room(&w->body, tally__return__get_packed_size(&r));
	if (room)
		w->body.n += tally__return__pack(&r, room);
	return room != NULL;
}

/* The ledger's job; may run twice. */
static int sign_job(struct store_txn *t, void *arg)
{
	struct writing *w = arg;
	struct entry_draft draft = {
		.kind = TALLY__ENTRY_KIND__RETURN, .at_ms = clock_wall_ms(), .author = w->s->author
	};
	uint64_t figures = frozen_append(t, w->d->ledger, &w->figures, &draft);

	if (store_txn_err(t))
		return store_txn_err(t);
	if (!body_make(w, figures))
		return ERR_NOMEM;
	draft.body = buf_as_text(&w->body);
	if (!reads_back(draft.kind, draft.body))
		return ERR_INVALID;
	w->s->position = ledger_append(t, w->d->ledger, &draft);
	return store_txn_err(t);
}

/* ---- signing ---- */

static int snapshot_take(struct writing *w, struct store_txn *views, struct errmsg *m)
{
	struct office *o = office_of(w->d);
	struct signing *s = w->s;
	struct returns r = { .forms = o->forms, .views = views };
	struct frozen_ask figures = { .form = s->form,
		.period = s->period,
		.areas = &o->area,
		.n_areas = 1,
		.only = o->area,
		.closed = true };
	struct hindrance_ask checks = {
		.returns = &r, .form = s->form, .period = s->period, .area = o->area
	};
	struct buf text = { 0 };
	int err = closed_check(&r, s->form, &s->period, o->area, m);

	if (err)
		return err;
	s->vouched = fold_position(views, o->area);
	err = frozen_text(&figures, views, &text);
	for (size_t i = 0; i < text.n; i++)
		s->cells += text.p[i] == '\n';
	if (!err)
		err = hindrances_find(&checks, &s->hindrances);
	if (!err)
		err = frozen_pack(&w->figures, FROZEN_FIGURES, buf_as_text(&text));
	buf_deinit(&text);
	return err ? err : store_txn_err(views);
}

int signing_run(struct signing *s, struct daemon *d, struct errmsg *m)
{
	struct writing w = { .d = d, .s = s };
	struct store_txn *views;
	int err = name_check(s->by, "by", m);

	err = err ? err : name_check(s->approve, "approve", m);
	err = err ? err : season_check(s->form, &s->period, m);
	err = err ? err : void_check(s->form, m);
	if (err)
		return err;
	s->cells = 0;
	period_print(&s->period, w.period);
	err = office_read(office_of(d), &views);
	if (err)
		return err;
	err = snapshot_take(&w, views, m);
	store_read_end(views);
	if (!err)
		err = store_write(ledger_store(d->ledger), sign_job, &w, 0);
	if (!err)
		daemon_ledger_grew(d);
	frozen_deinit(&w.figures);
	buf_deinit(&w.body);
	return err;
}

/* ---- explaining ---- */

/* Is it a row as `check run` prints it: codes, and for a check of rows the column? */
static bool row_known(const struct form *f, const struct form_check *c, struct text row)
{
	char codes[SURVEY_ROW_MAX + 1], *blank;
	uint16_t rows[FORM_DIMS_MAX];

	if (row.n > SURVEY_ROW_MAX)
		return false;
	memcpy(codes, row.p, row.n);
	codes[row.n] = 0;
	if (c->dim < 0)
		return form_row_find(f, codes, rows);
	blank = strrchr(codes, ' ');
	if (!blank || form_measure_find(f, text_of(blank + 1)) < 0)
		return false;
	*blank = 0;
	return form_row_find(f, codes, rows);
}

static int check_known(const struct explaining_words *x, struct errmsg *m)
{
	const struct form_check *c = x->form->checks;

	while (c && !text_is(x->check, c->id))
		c = c->next;
	if (!c)
		errmsg_set(m, "form %s has no check %.*s; `check run` shows those that do not hold",
			x->form->id, (int)(x->check.n < 40 ? x->check.n : 40), x->check.p);
	else if (c->hard)
		errmsg_set(m,
			"check %s is a hard one: words do not help, put the records right and sign "
			"again",
			c->id);
	else if (x->row.n && !row_known(x->form, c, x->row))
		errmsg_set(m, "--row: form %s has no such row; write it as `check run` does",
			x->form->id);
	else if (!survey_words_ok(x->words, SURVEY_WORDS_CHARS))
		errmsg_set(m, "--words: 1 to %d characters are wanted", SURVEY_WORDS_CHARS);
	else
		return 0;
	return ERR_INVALID;
}

struct telling {
	struct daemon *d;
	struct explaining_words *x;
	struct text body;
};

static int explain_job(struct store_txn *t, void *arg)
{
	struct telling *w = arg;
	struct entry_draft draft = { .kind = TALLY__ENTRY_KIND__EXPLAIN,
		.at_ms = clock_wall_ms(),
		.author = w->x->author,
		.body = w->body };

	w->x->position = ledger_append(t, w->d->ledger, &draft);
	return store_txn_err(t);
}

static int explain_write(struct explaining_words *x, struct daemon *d)
{
	Tally__Explain e = TALLY__EXPLAIN__INIT;
	struct telling w = { .d = d, .x = x };
	struct buf body = { 0 };
	char period[PERIOD_TEXT_MAX];
	int err = ERR_NOMEM;
	void *room;

	period_print(&x->period, period);
	GIVE(e, form, survey_bytes(text_of(x->form->id)));
	GIVE(e, period, survey_bytes(text_of(period)));
	GIVE(e, check, survey_bytes(x->check));
	if (x->row.n)
		GIVE(e, row, survey_bytes(x->row));
	GIVE(e, words, survey_bytes(x->words));
	room = buf_room(&body, tally__explain__get_packed_size(&e));
	if (room) {
		body.n += tally__explain__pack(&e, room);
		w.body = buf_as_text(&body);
		err = reads_back(TALLY__ENTRY_KIND__EXPLAIN, w.body)
			      ? store_write(ledger_store(d->ledger), explain_job, &w, 0)
			      : ERR_INVALID;
	}
	buf_deinit(&body);
	return err;
}

int explain_run(struct explaining_words *x, struct daemon *d, struct errmsg *m)
{
	struct office *o = office_of(d);
	struct returns r = { .forms = o->forms };
	int err = check_known(x, m);

	err = err ? err : season_check(x->form, &x->period, m);
	err = err ? err : office_read(o, &r.views);
	if (err)
		return err;
	err = closed_check(&r, x->form, &x->period, o->area, m);
	store_read_end(r.views);
	if (!err)
		err = explain_write(x, d);
	if (!err)
		daemon_ledger_grew(d);
	return err;
}
