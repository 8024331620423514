/* period list, show, close, revise. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/figures/route_ask.h"
#include "daemon/figures/route_form.h"
#include "daemon/identity/named.h"
#include "daemon/periods/bulletin.h"
#include "daemon/periods/closing.h"
#include "daemon/periods/signed.h"
#include "daemon/periods/periods.h"

#define ROOM "periods"

/* ---- list ---- */

static void cell_day(struct api_table *table, uint64_t at_ms)
{
	int day = at_ms ? clock_date(at_ms) : 0;

	if (day)
		api_cell_printf(table, "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
	else
		api_cell_str(table, "");
}

struct listing {
	struct api_table *table;
	bool people, zh;
};

static bool list_one(void *arg, const struct event *e)
{
	struct listing *l = arg;
	char digest[2 * HASH_BYTES + 1];
	const Tally__Version *v;
	struct arena a;

	arena_init(&a, VERSION_MEMORY);
	v = survey_version(e->body, &a);
	if (v) {
		hex_put(digest, v->digest.data, HASH_BYTES);
		api_cell_str(l->table, e->form);
		api_cell(l->table, survey_text(v->period));
		api_cell_int(l->table, v->number);
		if (l->people)
			api_cell_str(l->table, version_class_words(survey_text(v->class_), l->zh));
		else
			api_cell(l->table, survey_text(v->class_));
		api_cell(l->table, survey_text(v->edition));
		cell_day(l->table, e->at_ms);
		api_cell_int(l->table, (int64_t)v->n_missing);
		api_cell(l->table, survey_text(v->reason));
		api_cell_printf(l->table, "%.*s", l->people ? 12 : 2 * HASH_BYTES, digest);
	}
	arena_deinit(&a);
	return true;
}

void route_period_list(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "form", "表", "form", API_TEXT },
		{ "period", "报告期", "period", API_TEXT },
		{ "version", "版本", "version", API_INT },
		{ "class", "类别", "class", API_TEXT },
		{ "edition", "版次", "edition", API_TEXT },
		{ "closed_on", "关账日期", "closed on", API_TEXT },
		{ "missing", "缺报区数", "missing", API_INT },
		{ "reason", "理由", "reason", API_TEXT },
		{ "digest", "摘要", "digest", API_TEXT },
	};
	struct office *o = office_of(daemon_of(call));
	const char *form = api_arg(call, "form");
	struct listing l = { .people = form_wants_table(call), .zh = ask_zh(call) };
	struct store_txn *views;
	int err;

	if (form && !form_id_ok(text_of(form))) {
		api_fail(call, 400, "form %s: this cannot be a form", form);
		return;
	}
	err = office_read(o, &views);
	if (err) {
		api_fail_err(call, err, "the versions cannot be read");
		return;
	}
	l.table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	versions_walk(o, views, form ? text_of(form) : (struct text){ 0 }, list_one, &l);
	store_read_end(views);
	api_table_end(l.table);
}

/* ---- show ---- */

static void missing_note(struct api_table *table, const Tally__Version *v, bool zh)
{
	struct buf names = { 0 };

	for (size_t i = 0; i < v->n_missing; i++)
		buf_printf(&names, "%s%s (%06u)", i ? ", " : "", area_name(v->missing[i], zh),
			v->missing[i]);
	if (v->n_missing)
		api_note(table, zh ? "缺报：%s。理由：%.*s" : "missing: %s. Closed despite: %.*s",
			names.p ? names.p : "", (int)v->despite.len, (const char *)v->despite.data);
	buf_deinit(&names);
}

static void signed_note(struct api_table *table, struct version_call *c)
{
	const Tally__Version *v = c->v.body;
	struct buf who = { 0 };

	for (size_t i = 1; i < v->n_areas; i++) {
		signed_names(c->views, &c->v, v->areas[i], &who);
		if (who.n)
			api_note(table, c->zh ? "%s 签报：%s" : "%s signed by %s",
				area_name(v->areas[i], c->zh), who.p);
	}
	buf_deinit(&who);
}

static void show_notes(struct api_table *table, struct version_call *c)
{
	const Tally__Version *v = c->v.body;
	char digest[2 * HASH_BYTES + 1], forms[2 * HASH_BYTES + 1];
	int day = clock_date(c->v.at_ms);

	hex_put(digest, v->digest.data, HASH_BYTES);
	hex_put(forms, v->forms_digest.data, HASH_BYTES);
	api_note(table,
		c->zh ? "%.*s %.*s 第 %u 版 · %s · %d-%02d-%02d · %.*s"
		      : "form %.*s %.*s version %u · %s · %d-%02d-%02d · by %.*s",
		(int)v->form.len, (const char *)v->form.data, (int)v->period.len,
		(const char *)v->period.data, v->number,
		version_class_words(survey_text(v->class_), c->zh), day / 10000, day / 100 % 100,
		day % 100, (int)c->v.author.n, c->v.author.p ? c->v.author.p : "");
	if (v->reason.len)
		api_note(table, c->zh ? "理由：%.*s" : "reason: %.*s", (int)v->reason.len,
			(const char *)v->reason.data);
	api_note(table, c->zh ? "数字摘要 %s" : "digest of the figures %s", digest);
	api_note(table,
		c->zh ? "报表版次 %.*s，报表摘要 %s" : "edition %.*s, digest of the forms %s",
		(int)v->edition.len, (const char *)v->edition.data, forms);
	api_note(table, c->zh ? "账本 %u 第 %llu 条" : "entry %2$llu of ledger %1$u",
		c->v.at.origin, (unsigned long long)c->v.at.position);
	missing_note(table, v, c->zh);
	signed_note(table, c);
}

static int show(struct api_call *call, struct version_call *c)
{
	static const struct api_column columns[] = {
		{ "origin", "来源", "origin", API_TEXT },
		{ "position", "位置", "position", API_INT },
		{ "head", "链头", "head", API_TEXT },
	};
	const Tally__Version *v = c->v.body;
	struct api_table *table;
	uint64_t broken;
	json_t *bulletin;
	int err;

	if (!form_wants_table(call) && !api_wants_csv(call)) {
		bulletin = bulletin_make(c, &err, &broken);
		if (bulletin)
			api_json(call, bulletin);
		else
			version_fail(call, &c->v, err, broken);
		return 0;
	}
	table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < v->n_positions; i++) {
		char head[2 * HASH_BYTES + 1];

		hex_put(head, v->positions[i]->head.data, HASH_BYTES);
		api_cell_printf(table, "%06u", v->positions[i]->origin);
		api_cell_int(table, (int64_t)v->positions[i]->position);
		api_cell_str(table, head);
	}
	show_notes(table, c);
	api_table_end(table);
	return 0;
}

void route_period_show(struct api_call *call)
{
	version_ask(call, "version", show, NULL);
}

/* ---- close, revise ---- */

/* Words of an operator that go into the ledger for ever. */
static bool words_ask(struct api_call *call, const char *name, struct text *out)
{
	const char *s = api_arg(call, name);

	*out = text_trim(text_of(s ? s : ""));
	if (s && !survey_words_ok(*out, SURVEY_WORDS_CHARS))
		api_fail(call, 400, "%s: 1 to %d characters on one line", name, SURVEY_WORDS_CHARS);
	else if (text_names_somebody(*out))
		api_fail(call, 400, "%s: " NAMED_WORDS, name);
	else
		return true;
	return false;
}

static bool class_ask(struct api_call *call, struct closing *c)
{
	const char *code = api_arg(call, "class");

	for (size_t i = 1; i < version_classes_n; i++)
		if (code && strcmp(code, version_classes[i].code) == 0) {
			c->class = text_of(version_classes[i].code);
			return true;
		}
	api_fail(call, 400,
		"class %s: routine (常规修订), error (差错更正) or definition (口径调整)",
		code ? code : "");
	return false;
}

static bool closing_ask(struct api_call *call, struct closing *c)
{
	const char *form = api_arg(call, "form"), *period = api_arg(call, "period");
	const struct forms *fs = office_of(daemon_of(call))->forms;
	char kinds[64];

	if (!period || !period_parse(&c->period, text_of(period))) {
		api_fail(call, 400,
			"period %s: not a period: write 2019, 2019-H1, 2019-Q2 or 2019-06",
			period ? period : "");
		return false;
	}
	c->form = form ? forms_at(fs, text_of(form), &c->period) : NULL;
	if (!c->form) {
		api_fail(call, 400, "form %s: there is no such form; `form list` names them",
			form ? form : "");
		return false;
	}
	ask_kinds(c->form, kinds, sizeof(kinds));
	if (!(c->form->periods & 1u << c->period.kind)) {
		api_fail(call, 400, "period %s: form %s has no figures for a %s, only for: %s",
			period, c->form->id, period_kind_name(c->period.kind), kinds);
		return false;
	}
	return words_ask(call, "despite", &c->despite) &&
	       (!c->revise || (class_ask(call, c) && words_ask(call, "reason", &c->reason)));
}

static void closed_answer(struct api_call *call, const struct closing *c)
{
	char digest[2 * HASH_BYTES + 1], period[PERIOD_TEXT_MAX];
	json_t *missing = json_array();

	hex_put(digest, c->digest, HASH_BYTES);
	period_print(&c->period, period);
	for (size_t i = 0; i < c->n_missing; i++)
		json_array_append_new(missing, json_sprintf("%06u", c->missing[i]));
	log_info(ROOM, "form %s %s is closed: version %u, entry %llu of ledger %u", c->form->id,
		period, c->at.number, (unsigned long long)c->at.position, c->at.origin);
	api_json(call,
		json_pack("{s:s, s:s, s:i, s:s, s:I, s:I, s:I, s:s, s:o}", "form", c->form->id,
			"period", period, "version", (int)c->at.number, "edition", c->form->edition,
			"position", (json_int_t)c->at.position, "ledgers", (json_int_t)c->positions,
			"cells", (json_int_t)c->lines, "digest", digest, "missing", missing));
}

static int status_of(int err)
{
	switch (err) {
	case ERR_NOTFOUND:
		return 404;
	case ERR_INVALID:
	case ERR_EXISTS:
	case ERR_BUSY:
	case ERR_DAMAGED:
	case ERR_LIMIT:
		return 409;
	case ERR_FULL:
		return 507;
	case ERR_EXPIRED:
		return 503;
	default:
		return 500;
	}
}

static void close_or_revise(struct api_call *call, bool revise)
{
	struct closing c = { .revise = revise, .author = text_of(api_user(call)) };
	struct errmsg m = { "" };
	int err;

	if (!closing_ask(call, &c))
		return;
	err = closing_run(&c, daemon_of(call), &m);
	if (err) {
		api_set_exit(call, 1);
		api_fail(call, status_of(err), "%s", m.text);
	} else {
		closed_answer(call, &c);
	}
	free(c.missing);
}

void route_period_close(struct api_call *call)
{
	close_or_revise(call, false);
}

void route_period_revise(struct api_call *call)
{
	close_or_revise(call, true);
}
