/* Where to look stands in the marks of the views (daemon/fold/talents.h): numbers that stand in two
 * districts, persons whose traces are suspect. The look itself is taken here, at the records as
 * they stand: what was marked and is no alert leaves nothing. */
#include "aggregator/talents/alerts.h"

#include <stdlib.h>

#include "daemon/fold/cases.h"
#include "daemon/fold/record_index.h"
#include "daemon/registrar/registrar.h"

#define ALERTS_MEMORY (128u * 1024 * 1024)

struct gathering {
	struct alerts *out;
	const struct talents_view *v;
	const char *only;
	struct dossier *d; /* of the person looked at */
	char person[TALENT_ID_TEXT];
	int err;
};

static struct alert *alert_new(struct gathering *g, const struct talent_alert *rule)
{
	struct alerts *out = g->out;

	if (g->err || (g->only && strcmp(g->only, rule->id) != 0))
		return NULL;
	if (out->n == ALERTS_MAX) {
		g->err = ERR_LIMIT;
		return NULL;
	}
	if (out->n == out->room) {
		size_t room = out->room ? out->room * 2 : 256;
		struct alert *more = realloc(out->at, room * sizeof(*more));

		if (!more) {
			g->err = ERR_NOMEM;
			return NULL;
		}
		out->at = more;
		out->room = room;
	}
	out->at[out->n] = (struct alert){ .rule = rule };
	return &out->at[out->n++];
}

/* ---- persons ---- */

static void record_put(struct gathering *g, struct alert_record *out, size_t i)
{
	out->ref = g->d->refs[i];
	out->reg = g->d->records[i].reg->name;
	out->key = arena_copy(&g->out->arena, dossier_key(g->d, i));
	memcpy(out->person, g->person, sizeof(out->person));
	if (!out->key.p)
		g->err = ERR_LIMIT;
}

static bool person_found(void *arg, const struct talent_alert *rule, size_t i, size_t k)
{
	struct gathering *g = arg;
	struct alert *a = alert_new(g, rule);

	if (!a)
		return false; /* no more of a rule that was not asked for, nor when one has failed
			       */
	record_put(g, &a->a, i);
	if (k != i)
		record_put(g, &a->b, k);
	if (rule->kind == ALERT_AGE)
		snprintf(a->note, sizeof(a->note), "%d", talent_alert_age(rule, &g->d->facts[i]));
	return true;
}

/* The rule that tells of persons with too many records; NULL: none, or this one has not. */
static const struct talent_alert *crowd_rule(const struct gathering *g)
{
	const struct talent_alert *a = g->v->office->rules->alerts;

	while (a && a->kind != ALERT_RECORDS)
		a = a->next;
	return a && g->d->all > (size_t)a->most ? a : NULL;
}

static void crowd_told(struct gathering *g, const struct talent_alert *rule)
{
	struct alert *a = alert_new(g, rule);

	if (!a)
		return;
	record_put(g, &a->a, 0);
	snprintf(a->note, sizeof(a->note), "%zu", g->d->all);
}

static void person_look(struct gathering *g, const uint8_t pid[PID_BYTES])
{
	const struct talent_alert *crowd;
	struct dossier d;
	int err = dossier_init(&d, g->v, pid);

	g->d = &d;
	talent_id_print(pid, g->person);
	crowd = crowd_rule(g);
	if (crowd && d.n > 0)
		crowd_told(g, crowd);
	if (crowd && err == ERR_LIMIT) /* that is told, and the others are looked at */
		err = ERR_NOTFOUND;
	if (!err)
		err = talent_alerts_person(g->v->office->rules, d.facts, d.n, person_found, g);
	if (err && err != ERR_NOTFOUND)
		g->err = err;
	g->d = NULL;
	dossier_deinit(&d);
}

/* ---- one number, two persons ---- */

struct holding {
	struct record record;
	struct person_ref ref;
	uint8_t person[PID_BYTES];
};

static void holding_put(struct gathering *g, struct alert_record *out, const struct holding *h)
{
	out->ref = h->ref;
	out->reg = h->record.reg->name;
	out->key = record_key(&h->record, &g->out->arena);
	talent_id_print(h->person, out->person);
	if (!out->key.p)
		g->err = ERR_LIMIT;
}

/* Reads who holds a number; returns how many, ascending by origin. */
static size_t holdings_read(struct gathering *g, const struct talent_alert *rule,
	const uint8_t hash[KEY_HASH_BYTES], struct arena *a, struct holding *out, size_t size)
{
	struct record_holder holders[64];
	size_t n = record_index_holders(g->v->views, VIEW_RECORD, hash, holders, 64), n_out = 0;

	for (size_t i = 0; i < n && i < 64 && n_out < size; i++) {
		struct holding *h = &out[n_out];
		const uint8_t *pid;

		*h = (struct holding){ .ref = { holders[i].origin, holders[i].position } };
		if (person_record(g->v->ledgers, &h->ref, a, &h->record) != 0)
			continue;
		pid = record_person(&h->record, 0).pid;
		if (h->record.reg != rule->reg || !pid ||
			(rule->where && !expr_holds(rule->where, &h->record, h->ref.origin)))
			continue;
		case_person(g->v->views, pid, h->person);
		n_out++;
	}
	return n_out;
}

static void number_look(
	struct gathering *g, const struct talent_alert *rule, const uint8_t hash[KEY_HASH_BYTES])
{
	struct holding holdings[64];
	struct arena a;
	size_t n;

	arena_init(&a, 4u * 1024 * 1024);
	n = holdings_read(g, rule, hash, &a, holdings, 64);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n; k++) {
			struct alert *alert;

			if (memcmp(holdings[i].person, holdings[k].person, PID_BYTES) == 0)
				continue;
			alert = alert_new(g, rule);
			if (!alert)
				continue;
			holding_put(g, &alert->a, &holdings[i]);
			holding_put(g, &alert->b, &holdings[k]);
		}
	}
	arena_deinit(&a);
}

/* ---- figures ---- */

struct jump {
	struct gathering *g;
	const struct talent_alert *rule;
};

static bool jump_told(
	void *arg, uint32_t area, const struct period *month, int64_t now, int64_t then)
{
	struct jump *j = arg;
	struct alert *a = alert_new(j->g, j->rule);
	char period[PERIOD_TEXT_MAX];

	if (!a)
		return j->g->err == 0;
	period_print(month, period);
	a->a.ref.origin = area;
	snprintf(a->note, sizeof(a->note), "%s/%s %s: %lld, %lld", j->rule->form, j->rule->measure,
		period, (long long)now, (long long)then);
	return true;
}

/* ---- who reads much ---- */

static void reads_look(
	struct gathering *g, const struct talent_alert *rule, const struct alerts_ask *ask)
{
	struct access_load *loads = calloc(REGISTRAR_LOADS_MAX, sizeof(*loads));
	size_t n = loads ? registrar_bulk(ask->registry, loads, REGISTRAR_LOADS_MAX) : 0;

	if (!loads)
		g->err = ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct alert *a = alert_new(g, rule);
		char who[48];

		if (!a)
			break;
		snprintf(who, sizeof(who), "#%zu", i + 1);
		a->a.ref.origin = g->v->office->area;
		a->a.key = arena_copy(&g->out->arena, text_of(ask->users ? loads[i].user : who));
		snprintf(a->note, sizeof(a->note), "hour %llu, day %llu",
			(unsigned long long)loads[i].hour, (unsigned long long)loads[i].day);
		if (!a->a.key.p)
			g->err = ERR_LIMIT;
	}
	free(loads);
}

/* ---- all of them ---- */

static void marks_walk(struct gathering *g)
{
	struct store_cursor *c = store_cursor_open(g->v->views, VIEW_MARK);
	const struct talent_rules *rules = g->v->office->rules;
	struct text key, value;

	for (bool more = c && store_seek(c, (struct text){ 0 }, &key, &value); more && !g->err;
		more = store_next(c, &key, &value)) {
		const uint8_t *of = (const uint8_t *)key.p + 1;

		if (key.n != 1 + KEY_HASH_BYTES)
			continue;
		if (key.p[0] == MARK_PERSON)
			person_look(g, of);
		else if (key.p[0] == MARK_CERTIFICATE)
			for (const struct talent_alert *a = rules->alerts; a; a = a->next)
				if (a->kind == ALERT_CERTIFICATE)
					number_look(g, a, of);
	}
	if (c)
		store_cursor_close(c);
	if (!g->err)
		g->err = store_txn_err(g->v->views);
}

static int by_ref(const struct person_ref *x, const struct person_ref *y)
{
	if (x->origin != y->origin)
		return x->origin < y->origin ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

static int by_rule(const void *a, const void *b)
{
	const struct alert *x = a, *y = b;
	int order = strcmp(x->rule->id, y->rule->id);

	order = order ? order : by_ref(&x->a.ref, &y->a.ref);
	order = order ? order : by_ref(&x->b.ref, &y->b.ref);
	order = order ? order : text_cmp(x->a.key, y->a.key);
	return order ? order : strcmp(x->note, y->note);
}

int alerts_init(struct alerts *a, const struct talents_view *v, const struct alerts_ask *ask)
{
	struct gathering g = { .out = a, .v = v, .only = ask->only };

	*a = (struct alerts){ .n = 0 };
	arena_init(&a->arena, ALERTS_MEMORY);
	marks_walk(&g);
	for (const struct talent_alert *r = v->office->rules->alerts; r && !g.err; r = r->next) {
		struct jump j = { &g, r };

		if (ask->only && strcmp(ask->only, r->id) != 0)
			continue;
		if (r->kind == ALERT_READS)
			reads_look(&g, r, ask);
		if (r->kind == ALERT_JUMP) {
			int err = alert_jumps(v, r, ask->day, jump_told, &j);

			g.err = g.err ? g.err : err;
		}
	}
	if (!g.err && a->n)
		qsort(a->at, a->n, sizeof(*a->at), by_rule);
	return g.err;
}

void alerts_deinit(struct alerts *a)
{
	free(a->at);
	arena_deinit(&a->arena);
}
