/* period reproduce: of a version that stands here, or of a bulletin. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/figures/frozen.h"
#include "daemon/figures/route_ask.h"
#include "daemon/figures/route_form.h"
#include "daemon/periods/bulletin.h"
#include "daemon/periods/periods.h"
#include "daemon/periods/reproduce.h"

#define READ_MS 10000

static bool stopping(void *call)
{
	return api_stopping(call);
}

static const char *const fault_names[] = { [FAULT_SHORT] = "short",
	[FAULT_HEAD] = "head",
	[FAULT_BROKEN] = "broken",
	[FAULT_FORMS] = "forms",
	[FAULT_CELL] = "cell" };
static const char *const fault_zh[] = { [FAULT_SHORT] = "本节点账本较短",
	[FAULT_HEAD] = "链头不同",
	[FAULT_BROKEN] = "条目损坏",
	[FAULT_FORMS] = "报表无法读取",
	[FAULT_CELL] = "数字不同" };
static const char *const fault_en[] = { [FAULT_SHORT] = "the ledger here ends before",
	[FAULT_HEAD] = "another entry stands here",
	[FAULT_BROKEN] = "the entry does not fit its hash",
	[FAULT_FORMS] = "the forms cannot be read",
	[FAULT_CELL] = "another figure" };

/* ---- the answer ---- */

static void rows_put(struct api_table *table, const struct reproduction *r, bool people, bool zh)
{
	for (size_t i = 0; i < r->n_faults; i++) {
		const struct reproduce_fault *f = &r->faults[i];

		api_cell_str(table, !people ? fault_names[f->kind]
				    : zh    ? fault_zh[f->kind]
					    : fault_en[f->kind]);
		if (f->origin)
			api_cell_printf(table, "%06u", f->origin);
		else
			api_cell_str(table, "");
		if (f->origin)
			api_cell_int(table, (int64_t)f->position);
		else
			api_cell_str(table, "");
		api_cell_printf(table, "%s%s",
			f->kind != FAULT_CELL ? ""
			: f->cumulative	      ? "cumulative "
					      : "",
			f->cell);
		api_cell_str(table, f->kept);
		api_cell_str(table, f->anew);
	}
}

static void rules_notes(struct api_table *table, const struct reproduction *r, bool zh)
{
	const Tally__Version *v = r->v->body;

	if (r->other_rules)
		api_note(table,
			zh ? "注意：登记册、代码表或汇总规则已与该版不同（该版由 %.*s "
			     "形成）；仍作了比较"
			   : "registers, code lists or the fold are not those of the version (made "
			     "by %.*s); compared all the same",
			(int)v->software.len, (const char *)v->software.data);
}

static void table_answer(struct api_call *call, const struct reproduction *r, const char *words)
{
	static const struct api_column columns[] = {
		{ "what", "问题", "what", API_TEXT },
		{ "origin", "来源", "origin", API_TEXT },
		{ "position", "位置", "position", API_INT },
		{ "cell", "单元格", "cell", API_TEXT },
		{ "kept", "原值", "kept", API_TEXT },
		{ "anew", "重算", "anew", API_TEXT },
	};
	struct api_table *table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	const Tally__Version *v = r->v->body;
	bool zh = ask_zh(call);

	rows_put(table, r, form_wants_table(call), zh);
	rules_notes(table, r, zh);
	if (words)
		api_note(table, "%s", words);
	if (r->differences > r->n_faults)
		api_note(table,
			zh ? "共 %llu 处不同，以上为前几处"
			   : "%llu cells differ; the first ones are shown",
			(unsigned long long)r->differences);
	api_note(table,
		zh ? "%.*s %.*s 第 %u 版：重新汇总 %llu 条，比较 %llu 格：%s"
		   : "form %.*s %.*s version %u: %llu entries folded anew, %llu cells compared: %s",
		(int)v->form.len, (const char *)v->form.data, (int)v->period.len,
		(const char *)v->period.data, v->number, (unsigned long long)r->entries,
		(unsigned long long)r->lines,
		r->equal ? zh ? "完全一致" : "equal to the last digit"
		: zh	 ? "不一致"
			 : "NOT EQUAL");
	api_table_end(table);
}

static json_t *faults_json(const struct reproduction *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_faults; i++) {
		const struct reproduce_fault *f = &r->faults[i];
		json_t *o = json_pack("{s:s}", "what", fault_names[f->kind]);

		if (f->origin) {
			json_object_set_new(o, "origin", json_sprintf("%06u", f->origin));
			json_object_set_new(o, "position", json_integer((json_int_t)f->position));
		}
		if (f->cell[0])
			json_object_set_new(o, "cell", json_string(f->cell));
		if (f->kind == FAULT_CELL) {
			json_object_set_new(o, "cumulative", json_boolean(f->cumulative));
			json_object_set_new(o, "kept", json_string(f->kept));
			json_object_set_new(o, "anew", json_string(f->anew));
		}
		json_array_append_new(list, o);
	}
	return list;
}

static void json_answer(struct api_call *call, const struct reproduction *r, const char *words)
{
	const Tally__Version *v = r->v->body;

	api_json(call,
		json_pack("{s:s#, s:s#, s:i, s:b, s:I, s:I, s:I, s:s, s:s?, s:o}", "form",
			(const char *)v->form.data, (int)v->form.len, "period",
			(const char *)v->period.data, (int)v->period.len, "version", (int)v->number,
			"equal", r->equal, "entries", (json_int_t)r->entries, "cells",
			(json_int_t)r->lines, "differences", (json_int_t)r->differences, "rules",
			r->other_rules ? "other" : "same", "signer", words, "faults",
			faults_json(r)));
}

/* Reproduces and answers. */
static void run(struct api_call *call, struct reproduction *r, const char *words)
{
	struct office *o = office_of(r->d);
	struct errmsg m = { "" };
	char dir[4096];
	int err;

	if (atomic_exchange(&o->recounting, true)) {
		api_fail(call, 409,
			"a recount, or another reproduction, is running: both need room "
			"for all views once more");
		return;
	}
	r->stop = stopping;
	r->arg = call;
	reproduce_dir(r->d, dir, sizeof(dir));
	err = reproduce_run(r, dir, &m);
	atomic_store(&o->recounting, false);
	if (err) {
		api_set_exit(call, 1);
		api_fail_err(call, err, m.text);
		return;
	}
	if (!r->equal)
		api_set_exit(call, 1);
	if (form_wants_table(call) || api_wants_csv(call))
		table_answer(call, r, words);
	else
		json_answer(call, r, words);
}

/* ---- of a version here ---- */

/* What a request for a version leaves for the time after its snapshots. */
struct taken {
	struct arena arena;
	struct version v;
	struct buf figures, forms;
	bool whole; /* else it was answered */
};

/* The snapshots end before the long work begins. */
static int take(struct api_call *call, struct version_call *c)
{
	struct taken *t = c->arg;
	uint64_t broken = 0;
	int err = version_read(c->v.entry, &t->arena, &t->v);

	if (!err)
		err = version_figures(c->ledgers, &c->v, &t->figures, &broken);
	if (!err)
		err = version_forms(c->ledgers, &c->v, &t->forms, &broken);
	if (err)
		version_fail(call, &c->v, err, broken);
	t->whole = !err;
	return 0;
}

void route_period_reproduce(struct api_call *call)
{
	struct taken *t = calloc(1, sizeof(*t));

	if (!t) {
		api_fail_err(call, ERR_NOMEM, "the version");
		return;
	}
	arena_init(&t->arena, VERSION_MEMORY);
	version_ask(call, "version", take, t);
	if (t->whole) {
		struct reproduction r = { .d = daemon_of(call),
			.v = &t->v,
			.figures = buf_as_text(&t->figures),
			.forms = buf_as_text(&t->forms) };

		run(call, &r, NULL);
	}
	buf_deinit(&t->figures);
	buf_deinit(&t->forms);
	arena_deinit(&t->arena);
	free(t);
}

/* ---- of a bulletin ---- */

static void *bulletin_begin(struct api_call *call)
{
	struct buf *text = calloc(1, sizeof(*text));

	if (!text)
		api_fail_err(call, ERR_NOMEM, "the bulletin");
	else
		text->limit = BULLETIN_MAX;
	return text;
}

static bool bulletin_data(void *state, const char *p, size_t n)
{
	struct buf *text = state;

	buf_put(text, p, n);
	return !text->failed;
}

/* What is known here of who sealed it, in words; false: it is not the key that was asked for. */
static bool signer_words(struct api_call *call, const struct bulletin *b, char *out, size_t size)
{
	struct daemon *d = daemon_of(call);
	const char *asked = api_arg(call, "signer");
	uint8_t here[SIGN_PUBLIC_BYTES];
	struct store_txn *t;
	bool known = false, zh = ask_zh(call);
	char key[64];

	base64_put(key, sizeof(key), b->signer, SIGN_PUBLIC_BYTES);
	if (asked) {
		if (base64_get(here, sizeof(here), text_of(asked)) != 0 ||
			memcmp(here, b->signer, SIGN_PUBLIC_BYTES) != 0)
			return false;
		snprintf(out, size, zh ? "由指定的公钥签封" : "sealed by the key that was given");
		return true;
	}
	if (store_read_begin(ledger_store(d->ledger), &t, READ_MS) == 0) {
		known = ledger_signer_of(t, b->v.at.origin, here) &&
			memcmp(here, b->signer, SIGN_PUBLIC_BYTES) == 0;
		store_read_end(t);
	}
	if (!known && d->program->signer_of)
		known = d->program->signer_of(d, b->v.at.origin / 10, here) &&
			memcmp(here, b->signer, SIGN_PUBLIC_BYTES) == 0;
	if (known)
		snprintf(out, size,
			zh ? "签封公钥为本节点所知" : "sealed by a key that is known here");
	else
		snprintf(out, size,
			zh ? "签封有效，但公钥 %s 不为本节点所知：请与公布的公钥核对，或用 "
			     "--signer 指定"
			   : "the seal is good, but its key %s is not known here: compare it with "
			     "the "
			     "published one, or give that as --signer",
			key);
	return true;
}

static void bulletin_run(struct api_call *call, struct text text)
{
	struct bulletin b;
	struct errmsg m = { "" };
	char words[400];
	int err = bulletin_open(&b, text, &m);

	if (err) {
		api_set_exit(call, 1);
		api_fail(call, 400, "%s", m.text[0] ? m.text : err_words(err));
	} else if (!signer_words(call, &b, words, sizeof(words))) {
		api_set_exit(call, 1);
		api_fail(call, 409, "the bulletin is refused: it is not sealed by the key given");
	} else {
		struct reproduction r = {
			.d = daemon_of(call), .v = &b.v, .figures = b.figures, .forms = b.forms
		};

		run(call, &r, words);
	}
	bulletin_close(&b);
}

static void bulletin_end(struct api_call *call, void *state, bool whole)
{
	struct buf *text = state;

	if (text->failed)
		api_fail(call, 413, "this is larger than a bulletin can be");
	else if (whole)
		bulletin_run(call, buf_as_text(text));
	buf_deinit(text);
	free(text);
}

const struct api_upload period_bulletin_upload = { bulletin_begin, bulletin_data, bulletin_end };
