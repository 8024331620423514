/* Routes of the forms. Each answer is made under one snapshot of the views: one consistent moment,
 * whatever the fold does meanwhile.
 *
 * CSV and JSON: one line a cell, as the contract says. As a table for people: one row for each
 * combination of rows that has a number, the measures as columns. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/figures/figures.h"
#include "daemon/figures/route_ask.h"
#include "daemon/figures/route_form.h"

/* What the ledgers say now: it may still move (P). */
#define VERSION "live"
#define COLUMNS_MAX FORM_COLUMNS_MAX

bool form_wants_table(const struct api_call *call)
{
	const char *accept = api_header(call, "Accept");

	return accept && strstr(accept, "application/vnd.tally.table+json");
}

/* ---- a line a cell ---- */

size_t form_long_columns(const struct form *f, struct api_column *out)
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

static void long_area(struct api_table *table, const struct question *q, const struct figures *f)
{
	const struct form *form = q->form;
	char period[PERIOD_TEXT_MAX], area[8];

	period_print(&q->period, period);
	snprintf(area, sizeof(area), "%06u", f->area % 1000000);
	for (size_t row = 0; figures_shown_next(f, &row, q->zeros); row++) {
		uint16_t rows[FORM_DIMS_MAX];

		figures_row(form, row, rows);
		for (size_t i = 0; i < form->n_measures; i++) {
			char value[FIGURES_TEXT_MAX];

			if (!figures_cell_shown(f, row, i, q->zeros))
				continue;
			api_cell_str(table, form->id);
			api_cell_str(table, period);
			api_cell_str(table, area);
			for (size_t d = 0; d < form->n_dims; d++)
				api_cell_str(table, figures_code(form, d, rows[d]));
			api_cell_str(table, form->measures[i].id);
			api_cell(table, figures_cell_text(f, row, i, value));
			api_cell_str(table, figures_obs(figures_mark(f, row, i), false));
			api_cell_str(table, figures_conf(figures_mark(f, row, i)));
			api_cell_str(table, VERSION);
		}
	}
}

/* The same lines as CSV. */
static void csv_area(struct buf *out, const struct question *q, const struct figures *f)
{
	char period[PERIOD_TEXT_MAX], before[96];
	struct figures_lines how = {
		.before = before, .after = "," VERSION "\r\n", .zeros = q->zeros
	};

	period_print(&q->period, period);
	snprintf(before, sizeof(before), "%s,%s,", q->form->id, period);
	figures_lines(out, f, &how);
}

static void csv_answer(struct api_call *call, const struct question *q)
{
	struct api_column columns[COLUMNS_MAX];
	size_t n_columns = form_long_columns(q->form, columns);
	struct buf out = { 0 };

	for (size_t i = 0; i < n_columns; i++)
		buf_printf(&out, "%s%s", i ? "," : "", columns[i].name);
	buf_str(&out, "\r\n");
	for (size_t i = 0; i < q->n_all; i++)
		if (ask_area(q, q->all[i].area, q->n_areas))
			csv_area(&out, q, &q->all[i]);
	if (out.failed) {
		buf_deinit(&out);
		api_fail_err(call, ERR_NOMEM, "the figures cannot be written");
		return;
	}
	api_text(call, "text/csv; charset=utf-8", &out);
}

/* ---- for people ---- */

size_t form_wide_columns(const struct form *f, struct api_column *out)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_dims; i++)
		out[n++] = (struct api_column){ f->dims[i].name, f->dims[i].zh, f->dims[i].en,
			API_TEXT };
	for (size_t i = 0; i < f->n_measures; i++)
		if (!f->measures[i].hidden)
			out[n++] = (struct api_column){ f->measures[i].id, f->measures[i].zh,
				f->measures[i].en, API_DECIMAL };
	return n;
}

const char *form_row_words(const struct form_dim *d, uint16_t row, bool zh)
{
	if (row == ROW_TOTAL)
		return zh ? "合计" : "total";
	return zh ? d->rows[row].zh : d->rows[row].en;
}

static void wide_rows(struct api_table *table, const struct question *q, const struct figures *f)
{
	for (size_t row = 0; figures_shown_next(f, &row, q->zeros); row++) {
		uint16_t rows[FORM_DIMS_MAX];

		figures_row(q->form, row, rows);
		for (size_t d = 0; d < q->form->n_dims; d++)
			api_cell_str(table, form_row_words(&q->form->dims[d], rows[d], q->zh));
		for (size_t i = 0; i < q->form->n_measures; i++) {
			char value[FIGURES_TEXT_MAX];

			if (!q->form->measures[i].hidden)
				api_cell(table, figures_cell_text(f, row, i, value));
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
		if (q->n_areas > 1)
			api_note(table, "全市数；各区请加 --area，或用 -o csv 列出全部地区");
	} else {
		api_note(table, "form %s, %s · %s%s · %s (%06u)", f->id, f->title_en, period,
			q->cumulative ? " cumulative" : "", area_name(q->areas[0], false),
			q->areas[0]);
		api_note(table, "unit: %s · edition %s, valid until %s", f->unit_en, f->edition,
			f->valid_until);
		if (q->n_areas > 1)
			api_note(table,
				"the whole city; --area for a district, -o csv for all areas");
	}
}

/* ---- form show ---- */

static int show(struct api_call *call, struct question *q, struct store_txn *t)
{
	struct api_column columns[COLUMNS_MAX];
	bool wide = form_wants_table(call);
	size_t n_columns = wide ? form_wide_columns(q->form, columns)
				: form_long_columns(q->form, columns),
	       n = wide ? 1 : q->n_areas;
	char moment[OFFICE_MOMENT];
	struct api_table *table;
	int err;

	office_moment(q->office, t, moment);
	if (api_unchanged(call, moment))
		return 0;
	err = ask_figures(q, t, n);

	/* All is read before the answer begins: it is whole or an error. */
	if (!err && !wide && api_wants_csv(call)) {
		csv_answer(call, q);
	} else if (!err) {
		table = api_table(call, columns, n_columns);
		for (size_t i = 0; i < q->n_all; i++)
			if (ask_area(q, q->all[i].area, n))
				(wide ? wide_rows : long_area)(table, q, &q->all[i]);
		if (wide)
			wide_notes(table, q);
		api_table_end(table);
	}
	return err;
}

void route_form_show(struct api_call *call)
{
	const char *version = api_arg(call, "version");

	if (version && strcmp(version, VERSION) != 0)
		route_version_show(call);
	else
		route_ask(call, show);
}

/* ---- form list ---- */

static size_t measures_shown(const struct form *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_measures; i++)
		n += !f->measures[i].hidden;
	return n;
}

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
	const struct forms *fs = office_of(daemon_of(call))->forms;
	struct api_table *table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	bool zh = ask_zh(call);

	for (size_t i = 0; i < fs->n; i++) {
		const struct form *f = fs->forms[i];
		struct buf dims = { 0 };
		char kinds[64];

		ask_kinds(f, kinds, sizeof(kinds));
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
		api_cell_int(table, (int64_t)measures_shown(f));
		api_cell_str(table, f->file);
		buf_deinit(&dims);
	}
	api_table_end(table);
}
