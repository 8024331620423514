/* Closing a period.
 *
 * Normal path: the views take in what the ledgers hold → one snapshot: positions and heads out of
 * VIEW_FOLD, and the figures at just these positions → packed → one job appends to the ledger of
 * public decisions
 *
 *	FORMS … (once for a set of forms)  FIGURES …  VERSION
 *
 * and looks first whether in between another version of the same form and period has come in, and
 * whether the heads are still those of the ledgers. A kill leaves all of it or nothing.
 *
 * Ledgers of decisions are not named: what is decided is not counted. Nor are ledgers that hold
 * nothing but their genesis: they have no figures, and a second aggregator that writes an empty one
 * of its own can then prove the same version. */
#include "daemon/periods/closing.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/figures/frozen.h"
#include "daemon/figures/returns.h"
#include "proto/entry.pb-c.h"

#define ROOM "periods"
#define CATCH_UP_MS 20000
#define READ_MS 60000

struct work {
	struct closing *c;
	struct daemon *d;
	struct office *o;
	struct errmsg *m;
	uint32_t decisions; /* the ledger */
	uint64_t seen;	    /* of it, in the views */
	/* what the version will say */
	Tally__Version v;
	Tally__Version__Position *positions;
	Tally__Version__Position **refs;
	uint8_t (*heads)[HASH_BYTES];
	uint32_t *areas;
	char period[PERIOD_TEXT_MAX];
	uint8_t rules[HASH_BYTES];
	/* where the forms stand already; parts 0: nowhere */
	struct version_place forms_at;
	uint64_t forms_first;
	uint32_t forms_parts;
	struct frozen figures, forms;
	uint8_t *body;
};

/* ---- may it be closed? ---- */

static int may_close(struct work *w)
{
	const struct closing *c = w->c;
	struct period next = period_of_month(period_last_month(&c->period) + 1);
	int today = clock_date(clock_wall_ms());

	if (next.year * 10000 + next.index * 100 + 1 > today) {
		errmsg_set(w->m, "%s has not ended yet: nothing of it can be closed", w->period);
		return ERR_INVALID;
	}
	if (!c->revise && form_is_void(c->form, today)) {
		errmsg_set(w->m,
			"form %s, edition %s, was valid until %s: a void form can be read, not "
			"closed",
			c->form->id, c->form->edition, c->form->valid_until);
		return ERR_INVALID;
	}
	return 0;
}

/* Brings the views up to what the ledgers hold. While entries pour in they never get there: what is
 * folded by then is what is closed, the version says at which positions. */
static int views_stand(struct work *w)
{
	struct views_state before, s;
	int err;

	views_state(w->o->views, &before);
	err = views_catch_up(w->o->views, CATCH_UP_MS);
	if (!err)
		return 0;
	views_state(w->o->views, &s);
	if (err == ERR_EXPIRED && !s.err && !s.stopped_origin && s.entries > before.entries)
		return 0;
	if (s.stopped_origin)
		errmsg_set(w->m,
			"ledger %u cannot be folded on at position %llu (%s): nothing is closed "
			"while views stand still",
			s.stopped_origin, (unsigned long long)s.stopped_at, err_words(err));
	else
		errmsg_set(w->m, "the views stand still: %s; nothing is closed meanwhile",
			err_words(err));
	return err;
}

/* ---- returns ---- */

static int missing_take(struct work *w, struct store_txn *views)
{
	struct closing *c = w->c;
	struct returns r = { w->o->forms, views, w->decisions };
	struct return_item item;

	c->missing = calloc(w->v.n_areas + 1, sizeof(*c->missing));
	if (!c->missing)
		return ERR_NOMEM;
	for (size_t i = 1; i < w->v.n_areas; i++) {
		return_read(&r, c->form->id, &c->period, w->areas[i], &item);
		if (item.due && item.decided != RETURN_ACCEPTED)
			c->missing[c->n_missing++] = w->areas[i];
	}
	w->v.missing = c->missing;
	w->v.n_missing = c->n_missing;
	c->lacks = c->n_missing && !c->revise && !c->despite.n;
	return c->lacks ? ERR_INVALID : 0;
}

/* ---- what it will say ---- */

/* Positions and heads of the snapshot. */
static int vector_take(struct work *w, struct store_txn *views)
{
	struct store_cursor *cur = store_cursor_open(views, VIEW_FOLD);
	struct text key, value;
	size_t n = 0;

	if (!cur)
		return store_txn_err(views) ? store_txn_err(views) : ERR_NOMEM;
	for (bool more = store_seek(cur, (struct text){ 0 }, &key, &value); more;
		more = store_next(cur, &key, &value)) {
		const uint8_t *at = (const uint8_t *)value.p;
		uint32_t origin = key.n == 4 ? get_u32((const uint8_t *)key.p) : 0;

		if (value.n != 8 + HASH_BYTES || !origin) {
			store_fail(views, ERR_DAMAGED);
			break;
		}
		if (origin == w->decisions)
			w->seen = get_u64(at);
		if (origin_is_decisions(origin) || get_u64(at) <= 1)
			continue;
		if (n == CLOSING_ORIGINS_MAX) {
			errmsg_set(w->m, "there are more ledgers here than a version can name (%d)",
				CLOSING_ORIGINS_MAX);
			store_cursor_close(cur);
			return ERR_LIMIT;
		}
		memcpy(w->heads[n], at + 8, HASH_BYTES);
		w->positions[n] = (Tally__Version__Position)TALLY__VERSION__POSITION__INIT;
		w->positions[n].has_origin = w->positions[n].has_position = true;
		w->positions[n].has_head = true;
		w->positions[n].origin = origin;
		w->positions[n].position = get_u64(at);
		w->positions[n].head = (ProtobufCBinaryData){ HASH_BYTES, w->heads[n] };
		w->refs[n] = &w->positions[n];
		n++;
	}
	store_cursor_close(cur);
	w->v.positions = w->refs;
	w->v.n_positions = w->c->positions = n;
	return store_txn_err(views);
}

static bool forms_one(void *arg, const struct event *e)
{
	struct work *w = arg;
	struct arena a;
	const Tally__Version *v;

	arena_init(&a, VERSION_MEMORY);
	v = e->origin == w->decisions ? survey_version(e->body, &a) : NULL;
	if (v && v->has_forms_digest && v->forms_digest.len == HASH_BYTES &&
		memcmp(v->forms_digest.data, w->forms.digest, HASH_BYTES) == 0) {
		w->forms_first = v->forms;
		w->forms_parts = v->forms_parts;
	}
	arena_deinit(&a);
	return w->forms_parts == 0;
}

/* Which number it gets. */
static int number_take(struct work *w, struct store_txn *views)
{
	struct closing *c = w->c;
	struct version_place newest = { 0 };
	bool closed = version_find(w->o, views, text_of(c->form->id), &c->period, 0, &newest);

	if (!c->revise && closed) {
		errmsg_set(w->m,
			"form %s %s is closed (version %u): `period revise` makes the "
			"next version",
			c->form->id, w->period, newest.number);
		return ERR_EXISTS;
	}
	if (c->revise && !closed) {
		errmsg_set(w->m, "form %s %s is not closed: `period close` makes its first version",
			c->form->id, w->period);
		return ERR_NOTFOUND;
	}
	w->v.number = newest.number + 1;
	return store_txn_err(views);
}

static int text_take(struct work *w, struct store_txn *views)
{
	struct frozen_ask ask = { .form = w->c->form,
		.period = w->c->period,
		.areas = w->areas,
		.n_areas = w->v.n_areas,
		.closed = true };
	struct buf text = { 0 };
	int err = frozen_text(&ask, views, &text);

	for (size_t i = 0; i < text.n; i++)
		w->c->lines += text.p[i] == '\n';
	if (!err)
		err = frozen_pack(&w->figures, FROZEN_FIGURES, buf_as_text(&text));
	if (!err)
		err = frozen_pack(&w->forms, FROZEN_FORMS, w->o->forms->files);
	buf_deinit(&text);
	return err;
}

/* Everything that one snapshot must tell. */
static int snapshot_take(struct work *w)
{
	struct store_txn *views;
	int err = store_read_begin(views_store(w->o->views), &views, READ_MS);

	if (err)
		return err;
	w->v.areas = w->areas;
	w->v.n_areas = office_areas(w->o, views, w->areas, CLOSING_AREAS_MAX);
	err = number_take(w, views);
	if (!err)
		err = vector_take(w, views);
	if (!err)
		err = missing_take(w, views);
	if (!err)
		err = text_take(w, views);
	if (!err)
		versions_walk(w->o, views, (struct text){ 0 }, forms_one, w);
	if (!err)
		err = store_txn_err(views);
	store_read_end(views);
	return err;
}

/* ---- writing ---- */

/* What came into the ledger of decisions after the snapshot. */
static int tail_look(struct work *w, struct store_txn *t)
{
	uint64_t end = ledger_head(t, w->decisions).position;

	for (uint64_t p = w->seen + 1; p <= end; p++) {
		const Tally__Version *v = NULL;
		struct entry_view e;
		struct text bytes;
		struct arena a;
		int err = ledger_get(t, w->decisions, p, &bytes);

		if (err)
			return err;
		arena_init(&a, VERSION_MEMORY);
		if (entry_unpack(&e, bytes, NULL) == 0 && e.kind == TALLY__ENTRY_KIND__VERSION)
			v = survey_version(e.body, &a);
		if (v && text_is(survey_text(v->form), w->c->form->id) &&
			text_is(survey_text(v->period), w->period))
			err = ERR_BUSY;
		arena_deinit(&a);
		if (err)
			return err;
	}
	return 0;
}

static int heads_look(const struct work *w, struct store_txn *t)
{
	for (size_t i = 0; i < w->v.n_positions; i++) {
		const Tally__Version__Position *p = w->v.positions[i];
		uint8_t stands[HASH_BYTES];
		int err = ledger_hash_at(t, p->origin, p->position, stands);

		if (err || memcmp(stands, p->head.data, HASH_BYTES) != 0)
			return err ? err : ERR_FORK;
	}
	return 0;
}

/* What its readers would not take for a version is not written: nothing is ever taken back. */
static bool reads_back(struct text body)
{
	struct arena a;
	bool good;

	arena_init(&a, VERSION_MEMORY);
	good = survey_version(body, &a) != NULL;
	arena_deinit(&a);
	return good;
}

/* The ledger's job; may run twice. */
static int write_job(struct store_txn *t, void *arg)
{
	struct work *w = arg;
	Tally__Version v = w->v;
	struct entry_draft d = {
		.origin = w->decisions, .at_ms = clock_wall_ms(), .author = w->c->author
	};
	int err = tail_look(w, t);

	if (!err)
		err = heads_look(w, t);
	if (err)
		return err;
	v.has_forms = v.has_forms_parts = true;
	v.forms = w->forms_first;
	v.forms_parts = w->forms_parts;
	if (!w->forms_parts) {
		v.forms = frozen_append(t, w->d->ledger, &w->forms, &d);
		v.forms_parts = w->forms.n;
	}
	v.figures = frozen_append(t, w->d->ledger, &w->figures, &d);
	v.has_figures = v.figures != 0;
	if (tally__version__get_packed_size(&v) > LEDGER_ENTRY_MAX)
		return ERR_LIMIT;
	d.kind = TALLY__ENTRY_KIND__VERSION;
	d.body = (struct text){ (const char *)w->body, tally__version__pack(&v, w->body) };
	if (!reads_back(d.body))
		return ERR_INVALID;
	w->c->at = (struct version_place){ w->decisions, ledger_append(t, w->d->ledger, &d),
		v.number };
	return store_txn_err(t);
}

static void give(protobuf_c_boolean *has, ProtobufCBinaryData *to, struct text t)
{
	*has = t.n > 0;
	*to = survey_bytes(t);
}

static void version_words(struct work *w)
{
	const struct closing *c = w->c;
	Tally__Version *v = &w->v;

	give(&v->has_form, &v->form, text_of(c->form->id));
	give(&v->has_edition, &v->edition, text_of(c->form->edition));
	give(&v->has_period, &v->period, text_of(w->period));
	give(&v->has_class_, &v->class_, c->revise ? c->class : text_of(version_classes[0].code));
	give(&v->has_reason, &v->reason, c->reason);
	if (c->n_missing)
		give(&v->has_despite, &v->despite, c->despite);
	give(&v->has_software, &v->software, TEXT("tally " TALLY_VERSION));
	views_rules(w->rules);
	give(&v->has_rules, &v->rules, (struct text){ (const char *)w->rules, HASH_BYTES });
	give(&v->has_digest, &v->digest,
		(struct text){ (const char *)w->figures.digest, HASH_BYTES });
	give(&v->has_forms_digest, &v->forms_digest,
		(struct text){ (const char *)w->forms.digest, HASH_BYTES });
	v->has_number = v->has_parts = true;
	v->parts = w->figures.n;
}

static void missing_words(struct work *w)
{
	const struct closing *c = w->c;
	struct buf names = { .limit = 300 };

	for (size_t i = 0; i < c->n_missing; i++)
		buf_printf(&names, " %06u", c->missing[i]);
	errmsg_set(w->m,
		"no accepted return of form %s %s from%s%s; to close it all the same say why: "
		"--despite TEXT",
		c->form->id, w->period, names.p ? names.p : "", names.failed ? " …" : "");
	buf_deinit(&names);
}

static int words_of(struct work *w, int err)
{
	if (!err || w->m->text[0])
		return err;
	if (w->c->lacks)
		missing_words(w);
	else if (err == ERR_BUSY)
		errmsg_set(w->m, "form %s %s was closed by another request just now",
			w->c->form->id, w->period);
	else
		errmsg_set(w->m, "form %s %s cannot be closed: %s", w->c->form->id, w->period,
			err_words(err));
	return err;
}

int closing_run(struct closing *c, struct daemon *d, struct errmsg *m)
{
	struct work *w = calloc(1, sizeof(*w));
	int err = ERR_NOMEM;

	if (!w)
		return err;
	*w = (struct work){ .c = c,
		.d = d,
		.o = office_of(d),
		.m = m,
		.v = TALLY__VERSION__INIT,
		.decisions = ORIGIN_DECISIONS(office_of(d)->area),
		.positions = calloc(CLOSING_ORIGINS_MAX, sizeof(*w->positions)),
		.refs = calloc(CLOSING_ORIGINS_MAX, sizeof(Tally__Version__Position *)),
		.heads = calloc(CLOSING_ORIGINS_MAX, sizeof(*w->heads)),
		.areas = calloc(CLOSING_AREAS_MAX, sizeof(*w->areas)),
		.body = malloc(LEDGER_ENTRY_MAX) };
	m->text[0] = 0;
	period_print(&c->period, w->period);
	if (w->positions && w->refs && w->heads && w->areas && w->body)
		err = may_close(w);
	if (!err)
		err = views_stand(w);
	if (!err)
		err = snapshot_take(w);
	if (!err) {
		version_words(w);
		memcpy(c->digest, w->figures.digest, HASH_BYTES);
		err = store_write(ledger_store(d->ledger), write_job, w, 0);
	}
	if (!err) {
		daemon_ledger_grew(d);
		/* so that who is told of it can ask for it; it stands in any case */
		(void)!views_catch_up(w->o->views, CATCH_UP_MS);
	}
	err = words_of(w, err);
	frozen_deinit(&w->figures);
	frozen_deinit(&w->forms);
	free(w->positions);
	free(w->refs);
	free(w->heads);
	free(w->areas);
	free(w->body);
	free(w);
	return err;
}
