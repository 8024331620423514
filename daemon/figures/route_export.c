/* form export: the figures are read under one snapshot, which is given back before the workbook is
 * written: thousands of rows take a while. Of a closed version the figures come out of its text,
 * with the form as it was then.
 *
 * Who signed an area's return stands under its figures. Live figures may have moved since: then it
 * is said how many entries the area has written after it signed. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/figures/export.h"
#include "daemon/figures/frozen.h"
#include "daemon/figures/returns.h"
#include "daemon/figures/route_ask.h"
#include "daemon/figures/versions.h"
#include "daemon/fold/fold.h"

#define RETURN_MEMORY (64u * 1024)
#define LAST_POSITION UINT64_MAX

struct job {
	struct export x;
	struct forms *forms; /* of a version: the form as it was; or NULL */
	struct figures *all;
	struct export_sign *signs;
	size_t n;
	bool read; /* all is there: the workbook can be written */
};

static void job_close(struct job *j)
{
	for (size_t i = 0; j->forms && i < j->n; i++)
		figures_close(&j->all[i]);
	if (j->forms)
		free(j->all);
	forms_close(j->forms);
	free(j->signs);
	free(j);
}

/* ---- who signed ---- */

static void name_copy(char out[4 * 64 + 1], ProtobufCBinaryData b)
{
	snprintf(out, 4 * 64 + 1, "%.*s", (int)b.len, (const char *)b.data);
}

/* The newest signature of an area, if it stands at `most` or before. */
static void sign_read(const struct office *o, struct store_txn *views, const struct figures *f,
	uint64_t most, struct export_sign *out)
{
	struct returns r = { o->forms, views, o->on_demand ? 0 : ORIGIN_DECISIONS(o->area) };
	struct return_item item;
	const Tally__Return *signed_by;
	struct arena a;

	*out = (struct export_sign){ .by = "" };
	return_read(&r, f->form->id, &f->period, f->area, &item);
	if (!item.position || item.position > most)
		return;
	arena_init(&a, RETURN_MEMORY);
	signed_by = survey_return(item.body, &a);
	if (signed_by) {
		uint64_t folded = fold_position(views, f->area);

		name_copy(out->by, signed_by->by);
		name_copy(out->approve, signed_by->approve);
		out->day = clock_date(item.at_ms);
		if (most == LAST_POSITION && folded > item.position)
			out->later = folded - item.position;
	}
	arena_deinit(&a);
}

/* ---- the workbook ---- */

/* What is filed is Chinese unless asked for otherwise: never by a terminal's locale. */
static bool wants_zh(const struct api_call *call)
{
	const char *lang = api_arg(call, "lang");

	return !lang || strcmp(lang, "en") != 0;
}

static int job_write(struct api_call *call, struct job *j)
{
	int err = export_open(&j->x, conf_text(daemon_of(call)->conf, "state_dir"));

	for (size_t i = 0; i < j->n && !err && !api_stopping(call); i++)
		export_area(&j->x, &j->all[i], area_name(j->all[i].area, j->x.zh), &j->signs[i]);
	if (!err)
		book_answer(call, &j->x.book);
	return err;
}

/* ---- live ---- */

static int live_read(struct api_call *call, struct question *q, struct store_txn *t)
{
	struct job *j = calloc(1, sizeof(*j));
	int err;

	q->own = j;
	if (!j)
		return ERR_NOMEM;
	err = ask_figures(q, t, q->n_areas);
	j->signs = calloc(q->n_all + 1, sizeof(*j->signs));
	if (err || !j->signs)
		return err ? err : ERR_NOMEM;
	/* those that are asked for come first; what is behind them goes with the question */
	for (size_t i = 0; i < q->n_all; i++) {
		struct figures f = q->all[i];

		if (!ask_area(q, f.area, q->n_areas))
			continue;
		q->all[i] = q->all[j->n];
		q->all[j->n] = f;
		sign_read(q->office, t, &f, LAST_POSITION, &j->signs[j->n++]);
	}
	j->all = q->all;
	j->x.form = q->form;
	j->x.period = q->period;
	j->x.cumulative =
		q->cumulative || (q->form->always_cumulative && q->period.kind == PERIOD_MONTH);
	j->x.zh = wants_zh(call);
	snprintf(j->x.state, sizeof(j->x.state), "%s",
		j->x.zh ? "数据未结账，以结账版本为准。"
			: "The period is open: figures may still move.");
	return 0;
}

static int live_write(struct api_call *call, struct question *q)
{
	return job_write(call, q->own);
}

static void live_free(void *own)
{
	if (own)
		job_close(own);
}

/* ---- a closed version ---- */

static uint64_t position_in(const Tally__Version *v, uint32_t area)
{
	for (size_t i = 0; i < v->n_positions; i++)
		if (v->positions[i]->origin == area)
			return v->positions[i]->position;
	return 0;
}

static bool version_judge(struct api_call *call, struct job *j, const Tally__Version *v)
{
	const char *area = api_arg(call, "area");
	bool month = j->x.period.kind == PERIOD_MONTH;

	j->x.cumulative = api_flag(call, "cumulative") || (month && j->x.form->always_cumulative);
	if (j->x.cumulative && (!month || !j->x.form->cumulative)) {
		api_fail(call, 400, "cumulative: this form has no such figures for the period");
		return false;
	}
	for (size_t i = 0; i < v->n_areas; i++) {
		char code[12];

		snprintf(code, sizeof(code), "%06u", v->areas[i]);
		if (!area || strcmp(code, area) == 0)
			j->all[j->n++].area = v->areas[i];
	}
	if (j->n)
		return true;
	api_fail(
		call, 400, "area %s: version %u has no figures of it", area ? area : "", v->number);
	return false;
}

static int version_fill(struct job *j, struct version_call *c, struct text text)
{
	int err = 0;

	for (size_t i = 0; i < j->n && !err; i++) {
		struct figures *f = &j->all[i];

		f->form = j->x.form;
		f->period = j->x.period;
		f->cumulative = j->x.cumulative;
		err = frozen_figures(text, f);
		if (!err)
			sign_read(c->office, c->views, f, position_in(c->v.body, f->area),
				&j->signs[i]);
	}
	return err;
}

static int version_form(struct job *j, struct version_call *c, uint64_t *broken)
{
	struct buf files = { 0 };
	struct errmsg m;
	int err = version_forms(c->ledgers, &c->v, &files, broken);

	if (!err)
		j->forms = forms_open_files(buf_as_text(&files), &m);
	buf_deinit(&files);
	if (j->forms)
		j->x.form = forms_at(j->forms, survey_text(c->v.body->form), &c->v.period);
	return err ? err : j->x.form ? 0 : ERR_INVALID;
}

/* Answers only where it cannot be read. */
static int version_read_job(struct api_call *call, struct version_call *c)
{
	struct job *j = c->arg;
	const Tally__Version *v = c->v.body;
	struct buf text = { 0 };
	uint64_t broken = 0;
	int err = version_form(j, c, &broken);

	j->x.period = c->v.period;
	j->all = calloc(v->n_areas + 1, sizeof(*j->all));
	j->signs = calloc(v->n_areas + 1, sizeof(*j->signs));
	if (!err && (!j->all || !j->signs))
		err = ERR_NOMEM;
	if (!err)
		err = version_figures(c->ledgers, &c->v, &text, &broken);
	if (!err && version_judge(call, j, v)) {
		err = version_fill(j, c, buf_as_text(&text));
		j->read = !err;
	}
	if (err)
		version_fail(call, &c->v, err, broken);
	j->x.zh = wants_zh(call);
	snprintf(j->x.state, sizeof(j->x.state),
		j->x.zh ? "结账版本第 %u 版（%s）。" : "Closed version %u (%s).", v->number,
		version_class_words(survey_text(v->class_), j->x.zh));
	buf_deinit(&text);
	return 0;
}

static void version_export(struct api_call *call)
{
	struct job *j = calloc(1, sizeof(*j));
	int err = j ? 0 : ERR_NOMEM;

	if (j)
		version_ask(call, "version", version_read_job, j);
	if (j && j->read)
		err = job_write(call, j);
	if (err)
		api_fail_err(call, err, "the workbook was not written");
	if (j)
		job_close(j);
}

void route_form_export(struct api_call *call)
{
	const char *version = api_arg(call, "version");

	if (!book_wanted(call))
		api_fail(call, 400,
			"this is a workbook: give --to FILE.xlsx; `form show -o csv` is for "
			"programs");
	else if (version && strcmp(version, "live") != 0)
		version_export(call);
	else
		route_ask_then(call, live_read, live_write, live_free);
}
