/* Routes of the forms. Each answer is made under one snapshot of the views: one consistent moment,
 * whatever the fold does meanwhile.
 *
 * CSV and JSON: one line a cell, as the contract says. As a table for people: one row for each
 * combination of rows that has a number, the measures as columns. */
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/aggregator.h"
#include "aggregator/figures.h"

#define READ_MS 30000
#define AREAS_MAX (ORIGINS_MAX + 64)
#define COLUMNS_MAX (FORM_DIMS_MAX + FORM_MEASURES_MAX + 8)

static bool wants_zh(const struct api_call *call)
{
	const char *lang = api_arg(call, "lang");

	return !lang || strcmp(lang, "en") != 0;
}

/* ---- what is asked ---- */

struct question {
	struct aggregator *a;
	const struct form *form;
	struct period period;
	bool cumulative, zeros, zh;
	bool one_area;
	uint32_t areas[AREAS_MAX];
	size_t n_areas;
};

static bool ask_form(struct api_call *call, struct question *q)
{
	const char *id = api_arg(call, "form");

	q->form = id ? forms_find(q->a->forms, text_of(id)) : NULL;
	if (!q->form)
		api_fail(call, 400, "form %s: there is no such form; `form list` names them",
			id ? id : "");
	return q->form != NULL;
}

/* "month, quarter, year" */
static void kinds_print(const struct form *f, char *out, size_t size)
{
	size_t n = 0;

	out[0] = 0;
	for (enum period_kind k = PERIOD_KINDS; k-- > 0;)
		if (f->periods & 1u << k && n < size)
			n += (size_t)snprintf(
				out + n, size - n, "%s%s", n ? ", " : "", period_kind_name(k));
}

static bool ask_period(struct api_call *call, struct question *q)
{
	const char *text = api_arg(call, "period");
	char kinds[64];

	kinds_print(q->form, kinds, sizeof(kinds));
	if (!text || !period_parse(&q->period, text_of(text))) {
		api_fail(call, 400,
			"period %s: not a period: write 2019, 2019-H1, 2019-Q2 or 2019-06",
			text ? text : "");
		return false;
	}
	if (!(q->form->periods & 1u << q->period.kind)) {
		api_fail(call, 400, "period %s: form %s has no figures for a %s, only for: %s",
			text, q->form->id, period_kind_name(q->period.kind), kinds);
		return false;
	}
	q->cumulative = api_flag(call, "cumulative");
	if (q->cumulative && (!q->form->cumulative || q->period.kind != PERIOD_MONTH)) {
		api_fail(call, 400, "cumulative: %s",
			q->form->cumulative ? "only a month has cumulative figures"
					    : "this form has no cumulative figures");
		return false;
	}
	return true;
}

static bool ask_areas(struct api_call *call, struct question *q, struct store_txn *t)
{
	const char *text = api_arg(call, "area");
	size_t n;
	char *end;
	unsigned long area;

	q->n_areas = aggregator_areas(q->a, t, q->areas, AREAS_MAX);
	if (!text)
		return true;
	q->one_area = true;
	area = strtoul(text, &end, 10);
	for (n = 0; n < q->n_areas && (*end || q->areas[n] != area); n++)
		;
	if (n == q->n_areas && (*end || strlen(text) != 6 || !district_known((uint32_t)area))) {
		api_fail(call, 400, "area %s: not the city (%06u), nor one of its districts", text,
			q->a->city);
		return false;
	}
	q->areas[0] = (uint32_t)area;
	q->n_areas = 1;
	return true;
}

static bool wants_table(const struct api_call *call)
{
	const char *accept = api_header(call, "Accept");

	return accept && strstr(accept, "application/vnd.tally.table+json");
}

/* ---- a line a cell ---- */

static size_t long_columns(const struct form *f, struct api_column *out)
{
	size_t n = 0;

	out[n++] = (struct api_column){ "form", "表", "form", API_TEXT };
	out[n++] = (struct api_column){ "period", "报告期", "period", API_TEXT };
	out[n++] = (struct api_column){ "area", "地区", "area", API_TEXT };
	for (size_t i = 0; i < f->n_dims; i++)
		out[n++] = (struct api_column){ f->dims[i].name, f->dims[i].zh, f->dims[i].en,
			API_TEXT };
	out[n++] = (struct api_column){ "measure", "指标", "measure", API_TEXT };
	out[n++] = (struct api_column){ "value", "数值", "value", API_DECIMAL };
	out[n++] = (struct api_column){ "obs_status", "数据状态", "obs_status", API_TEXT };
	out[n++] = (struct api_column){ "conf_status", "保密状态", "conf_status", API_TEXT };
	out[n++] = (struct api_column){ "version", "版本", "version", API_TEXT };
	return n;
}

static void value_cell(struct api_table *table, const struct measure *m, int64_t v)
{
	char value[FIGURES_TEXT_MAX] = "";
	size_t n = figures_print(m, v, value, sizeof(value));

	api_cell(table, (struct text){ value, n });
}

static void long_area(struct api_table *table, const struct question *q, const struct figures *f)
{
	const struct form *form = q->form;
	char period[PERIOD_TEXT_MAX], area[8];

	period_print(&q->period, period);
	snprintf(area, sizeof(area), "%06u", f->area % 1000000);
	for (size_t row = 0; row < f->n_rows; row++) {
		uint16_t rows[FORM_DIMS_MAX];

		figures_row(form, row, rows);
		for (size_t i = 0; i < form->n_measures; i++) {
			int64_t v = f->values[row * form->n_measures + i];

			if (v == 0 && !q->zeros)
				continue;
			api_cell_str(table, form->id);
			api_cell_str(table, period);
			api_cell_str(table, area);
			for (size_t d = 0; d < form->n_dims; d++)
				api_cell_str(table, figures_code(form, d, rows[d]));
			api_cell_str(table, form->measures[i].id);
			value_cell(table, &form->measures[i], v);
			api_cell_str(table,
				"P"); /* no period is closed yet: open figures may still move */
			api_cell_str(table, "F");
			api_cell_str(table, "live");
		}
	}
}

/* ---- for people ---- */

static size_t wide_columns(const struct form *f, struct api_column *out)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_dims; i++)
		out[n++] = (struct api_column){ f->dims[i].name, f->dims[i].zh, f->dims[i].en,
			API_TEXT };
	for (size_t i = 0; i < f->n_measures; i++)
		out[n++] = (struct api_column){ f->measures[i].id, f->measures[i].zh,
			f->measures[i].en, API_DECIMAL };
	return n;
}

static bool row_is_zero(const struct figures *f, size_t row)
{
	for (size_t i = 0; i < f->form->n_measures; i++)
		if (f->values[row * f->form->n_measures + i])
			return false;
	return true;
}

static const char *row_words(const struct form_dim *d, uint16_t row, bool zh)
{
	if (row == ROW_TOTAL)
		return zh ? "合计" : "total";
	return zh ? d->rows[row].zh : d->rows[row].en;
}

static void wide_rows(struct api_table *table, const struct question *q, const struct figures *f)
{
	for (size_t row = 0; row < f->n_rows; row++) {
		uint16_t rows[FORM_DIMS_MAX];

		if (row_is_zero(f, row) && !q->zeros)
			continue;
		figures_row(q->form, row, rows);
		for (size_t d = 0; d < q->form->n_dims; d++)
			api_cell_str(table, row_words(&q->form->dims[d], rows[d], q->zh));
		for (size_t i = 0; i < q->form->n_measures; i++) {
			int64_t v = f->values[row * q->form->n_measures + i];

			value_cell(table, &q->form->measures[i], v);
		}
	}
}

static void wide_notes(struct api_table *table, const struct question *q)
{
	const struct form *f = q->form;
	char period[PERIOD_TEXT_MAX];

	period_print(&q->period, period);
	if (q->zh) {
		api_note(table, "%s %s · %s%s · %s（%06u）", f->number, f->title, period,
			q->cumulative ? " 累计" : "", area_name(q->areas[0], true), q->areas[0]);
		api_note(table,
			"计量单位：%s · 制定机关：%s · 批准机关：%s · 批准文号：%s · 有效期至：%s",
			f->unit, f->issuer, f->approver, f->approval, f->valid_until);
		if (!q->one_area)
			api_note(table, "全市数；各区请加 --area，或用 -o csv 列出全部地区");
	} else {
		api_note(table, "form %s, %s · %s%s · %s (%06u)", f->id, f->title_en, period,
			q->cumulative ? " cumulative" : "", area_name(q->areas[0], false),
			q->areas[0]);
		api_note(table, "unit: %s · edition %s, valid until %s", f->unit_en, f->edition,
			f->valid_until);
		if (!q->one_area)
			api_note(table,
				"the whole city; --area for a district, -o csv for all areas");
	}
}

/* ---- form show ---- */

static int show(struct api_call *call, struct question *q, struct store_txn *t)
{
	struct api_column columns[COLUMNS_MAX];
	bool wide = wants_table(call);
	size_t n = wide ? wide_columns(q->form, columns) : long_columns(q->form, columns),
	       shown = wide ? 1 : q->n_areas;
	struct figures *all = calloc(shown, sizeof(*all));
	struct api_table *table;
	int err = all ? 0 : ERR_NOMEM;

	/* All is read before the answer begins: it is whole or an error. */
	for (size_t i = 0; i < shown && !err; i++) {
		all[i] = (struct figures){ .form = q->form,
			.period = q->period,
			.cumulative = q->cumulative,
			.area = q->areas[i] };
		err = figures_open(&all[i], t);
	}
	if (!err) {
		table = api_table(call, columns, n);
		for (size_t i = 0; i < shown; i++)
			(wide ? wide_rows : long_area)(table, q, &all[i]);
		if (wide)
			wide_notes(table, q);
		api_table_end(table);
	}
	for (size_t i = 0; all && i < shown; i++)
		figures_close(&all[i]);
	free(all);
	return err;
}

/* Reads what is asked and answers by `fn`, all under one snapshot. */
static void ask(struct api_call *call,
	int (*fn)(struct api_call *call, struct question *q, struct store_txn *t))
{
	struct question *q = calloc(1, sizeof(*q));
	struct store_txn *t;
	int err = q ? 0 : ERR_NOMEM;

	if (q) {
		q->a = aggregator_of(daemon_of(call));
		q->zeros = api_flag(call, "zeros");
		q->zh = wants_zh(call);
		if (!ask_form(call, q) || !ask_period(call, q))
			goto out;
		err = store_read_begin(views_store(q->a->views), &t, READ_MS);
		if (!err) {
			if (ask_areas(call, q, t))
				err = fn(call, q, t);
			store_read_end(t);
		}
	}
	if (err)
		api_fail_err(call, err, "the figures cannot be read");
out:
	free(q);
}

void route_form_show(struct api_call *call)
{
	ask(call, show);
}

/* ---- check run ---- */

struct check_rows {
	struct api_table *table;
	const struct question *q;
	const struct figures *at;
	const struct form_check *check;
	size_t hard, soft;
};

static void side_cell(struct api_table *table, double v)
{
	api_cell_printf(table, "%.10g", v);
}

static void check_failed(void *arg, const struct figures_check *found)
{
	struct check_rows *r = arg;
	const struct form *f = r->q->form;
	uint16_t rows[FORM_DIMS_MAX];
	struct buf where = { 0 };

	figures_row(f, found->row, rows);
	for (size_t d = 0; d < f->n_dims; d++)
		buf_printf(&where, "%s%s", d ? " " : "", figures_code(f, d, rows[d]));
	api_cell_str(r->table, r->check->id);
	api_cell_str(r->table, r->check->hard ? "hard" : "soft");
	api_cell_printf(r->table, "%06u", r->at->area);
	api_cell(r->table, buf_as_text(&where));
	api_cell_str(r->table, r->check->rule);
	side_cell(r->table, found->left);
	side_cell(r->table, found->right);
	side_cell(r->table, found->left - found->right);
	api_cell_str(r->table, r->q->zh ? r->check->zh : r->check->en);
	buf_deinit(&where);
	r->hard += r->check->hard;
	r->soft += !r->check->hard;
}

static int checks(struct api_call *call, struct question *q, struct store_txn *t)
{
	static const struct api_column columns[] = {
		{ "id", "编号", "id", API_TEXT },
		{ "level", "级别", "level", API_TEXT },
		{ "area", "地区", "area", API_TEXT },
		{ "row", "行", "row", API_TEXT },
		{ "rule", "规则", "rule", API_TEXT },
		{ "left", "左侧", "left", API_DECIMAL },
		{ "right", "右侧", "right", API_DECIMAL },
		{ "imbalance", "差额", "imbalance", API_DECIMAL },
		{ "note", "说明", "note", API_TEXT },
	};
	struct api_table *table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	struct check_rows r = { .table = table, .q = q };
	int err = 0;

	for (size_t i = 0; i < q->n_areas && !err; i++) {
		struct figures at = { .form = q->form, .period = q->period, .area = q->areas[i] };

		err = figures_open(&at, t);
		r.at = &at;
		for (r.check = q->form->checks; r.check && !err; r.check = r.check->next)
			err = figures_check(r.check, &at, t, check_failed, &r);
		figures_close(&at);
	}
	if (err)
		return err;
	if (r.hard)
		api_set_exit(call, 1);
	api_note(table,
		q->zh ? "强制性审核不符 %zu 处，核实性审核不符 %zu 处"
		      : "%zu hard and %zu soft checks do not hold",
		r.hard, r.soft);
	api_table_end(table);
	return 0;
}

void route_check_run(struct api_call *call)
{
	ask(call, checks);
}

/* ---- form list ---- */

void route_form_list(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "form", "表", "form", API_TEXT },
		{ "number", "表号", "number", API_TEXT },
		{ "title", "名称", "title", API_TEXT },
		{ "edition", "版次", "edition", API_TEXT },
		{ "valid_until", "有效期至", "valid until", API_TEXT },
		{ "periods", "报告期别", "periods", API_TEXT },
		{ "cumulative", "累计", "cumulative", API_TEXT },
		{ "dims", "分组", "dims", API_TEXT },
		{ "measures", "指标数", "measures", API_INT },
		{ "file", "文件", "file", API_TEXT },
	};
	const struct forms *fs = aggregator_of(daemon_of(call))->forms;
	struct api_table *table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	bool zh = wants_zh(call);

	for (size_t i = 0; i < fs->n; i++) {
		const struct form *f = fs->forms[i];
		struct buf dims = { 0 };
		char kinds[64];

		kinds_print(f, kinds, sizeof(kinds));
		for (size_t d = 0; d < f->n_dims; d++)
			buf_printf(&dims, "%s%s", d ? " × " : "", f->dims[d].name);
		api_cell_str(table, f->id);
		api_cell_str(table, f->number);
		api_cell_str(table, zh ? f->title : f->title_en);
		api_cell_str(table, f->edition);
		api_cell_str(table, f->valid_until);
		api_cell_str(table, kinds);
		api_cell_str(table, f->cumulative ? "yes" : "no");
		api_cell(table, buf_as_text(&dims));
		api_cell_int(table, (int64_t)f->n_measures);
		api_cell_str(table, f->file);
		buf_deinit(&dims);
	}
	api_table_end(table);
}
