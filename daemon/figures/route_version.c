/* `form show --version N`: the figures of a closed version, out of its ledger. They are not
 * computed: what was frozen is shown, with the form as it was then (its columns and words).
 *
 * A frozen text leaves zeros out, and what does not apply: --zeros would have to guess which of the
 * two a missing cell is, and is refused. In the table for people, where a row has some numbers, a
 * missing one is 0 if the column counts or adds up, and left empty if it is made of others. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/figures/frozen.h"
#include "daemon/figures/route_form.h"
#include "daemon/figures/versions.h"

struct show {
	struct version_call *c;
	const struct form *form; /* as it was; NULL: this program cannot read it any more */
	struct buf text;
	uint32_t area; /* 0: all */
	bool cumulative;
	char form_id[FORM_ID_MAX + 1], period[PERIOD_TEXT_MAX], number[12];
};

static bool line_next(struct show *s, struct text *rest, struct frozen_line *l)
{
	while (frozen_line_next(rest, l))
		if (l->cumulative == s->cumulative && (!s->area || l->area == s->area))
			return true;
	return false;
}

/* Columns of a line a cell; of a form that cannot be read its dims have no names. */
static size_t columns_make(const struct show *s, struct api_column *out)
{
	static const char *const names[FORM_DIMS_MAX] = { "dim1", "dim2", "dim3", "dim4" };
	static const struct form nothing;
	struct text rest = buf_as_text(&s->text);
	struct frozen_line l = { .n_dims = 0 };
	size_t n;

	if (s->form)
		return form_long_columns(s->form, out);
	n = form_long_columns(&nothing, out);
	frozen_line_next(&rest, &l);
	memmove(out + 3 + l.n_dims, out + 3, (n - 3) * sizeof(*out));
	for (size_t i = 0; i < l.n_dims; i++)
		out[3 + i] = (struct api_column){ names[i], names[i], names[i], API_TEXT };
	return n + l.n_dims;
}

static void csv_show(struct api_call *call, struct show *s)
{
	struct api_column columns[FORM_COLUMNS_MAX];
	size_t n = columns_make(s, columns);
	struct text rest = buf_as_text(&s->text);
	struct frozen_line l;
	struct buf out = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&out, "%s%s", i ? "," : "", columns[i].name);
	buf_str(&out, "\r\n");
	while (line_next(s, &rest, &l)) {
		buf_printf(&out, "%s,%s,", s->form_id, s->period);
		buf_put(&out, l.whole.p + 2, l.whole.n - 2);
		buf_printf(&out, ",%s\r\n", s->number);
	}
	if (out.failed) {
		buf_deinit(&out);
		api_fail_err(call, ERR_NOMEM, "the figures cannot be written");
		return;
	}
	api_text(call, "text/csv; charset=utf-8", &out);
}

static void long_show(struct api_call *call, struct show *s)
{
	struct api_column columns[FORM_COLUMNS_MAX];
	struct api_table *table = api_table(call, columns, columns_make(s, columns));
	struct text rest = buf_as_text(&s->text);
	struct frozen_line l;

	while (line_next(s, &rest, &l)) {
		api_cell_str(table, s->form_id);
		api_cell_str(table, s->period);
		api_cell_printf(table, "%06u", l.area);
		for (size_t i = 0; i < l.n_dims; i++)
			api_cell(table, l.dims[i]);
		api_cell(table, l.measure);
		api_cell(table, l.value);
		api_cell(table, l.obs);
		api_cell(table, l.conf);
		api_cell_str(table, s->number);
	}
	api_table_end(table);
}

/* ---- for people ---- */

/* The row of a line in the form; false: the form has no such row. */
static bool row_of(const struct form *f, const struct frozen_line *l, size_t *row)
{
	uint16_t rows[FORM_DIMS_MAX] = { 0 };

	if (l->n_dims != f->n_dims)
		return false;
	for (size_t d = 0; d < f->n_dims; d++) {
		uint16_t r = 0;

		while (r < f->dims[d].n && !text_is(l->dims[d], f->dims[d].rows[r].code))
			r++;
		if (r == f->dims[d].n && !text_is(l->dims[d], "_T"))
			return false;
		rows[d] = r == f->dims[d].n ? ROW_TOTAL : r;
	}
	*row = figures_row_number(f, rows);
	return true;
}

static bool is_counted(const struct measure *mm)
{
	return mm->kind == MEASURE_EVENTS || mm->kind == MEASURE_SUM ||
	       mm->kind == MEASURE_DISTINCT;
}

static struct text cell_or_zero(const struct show *s, const struct measure *mm, struct text value,
	char out[FIGURES_TEXT_MAX])
{
	if (value.p)
		return value;
	if (!is_counted(mm) || !(mm->periods & 1u << s->c->v.period.kind))
		return (struct text){ "", 0 };
	return (struct text){ out, figures_print(mm->format, 0, out, FIGURES_TEXT_MAX) };
}

static void wide_row(
	struct api_table *table, const struct show *s, size_t row, const struct text *values)
{
	const struct form *f = s->form;
	uint16_t rows[FORM_DIMS_MAX];

	figures_row(f, row, rows);
	for (size_t d = 0; d < f->n_dims; d++)
		api_cell_str(table, form_row_words(&f->dims[d], rows[d], s->c->zh));
	for (size_t i = 0; i < f->n_measures; i++) {
		char zero[FIGURES_TEXT_MAX];

		if (!f->measures[i].hidden)
			api_cell(table, cell_or_zero(s, &f->measures[i], values[i], zero));
	}
}

static void wide_notes(struct api_table *table, const struct show *s, bool one)
{
	const struct form *f = s->form;
	const Tally__Version *v = s->c->v.body;
	const char *class = version_class_words(survey_text(v->class_), s->c->zh);

	if (s->c->zh) {
		api_note(table, "%s %s · %s%s · %s（%06u）· 第 %s 版（%s）", f->number, f->title,
			s->period, s->cumulative ? " 累计" : "", area_name(s->area, true), s->area,
			s->number, class);
		api_note(table,
			"计量单位：%s · 制定机关：%s · 批准机关：%s · 批准文号：%s · 有效期至：%s",
			f->unit, f->issuer, f->approver, f->approval, f->valid_until);
		if (!one)
			api_note(table, "全市数；各区请加 --area，或用 -o csv 列出全部地区");
	} else {
		api_note(table, "form %s, %s · %s%s · %s (%06u) · version %s (%s)", f->id,
			f->title_en, s->period, s->cumulative ? " cumulative" : "",
			area_name(s->area, false), s->area, s->number, class);
		api_note(table, "unit: %s · edition %s, valid until %s", f->unit_en, f->edition,
			f->valid_until);
		if (!one)
			api_note(table,
				"the whole city; --area for a district, -o csv for all areas");
	}
}

static void wide_show(struct api_call *call, struct show *s)
{
	struct api_column columns[FORM_COLUMNS_MAX];
	const struct form *f = s->form;
	struct text *values = calloc(form_rows(f) * f->n_measures, sizeof(*values));
	bool *some = calloc(form_rows(f), sizeof(*some)), one = s->area != 0;
	struct text rest = buf_as_text(&s->text);
	struct api_table *table;
	struct frozen_line l;
	size_t row;

	if (values && some) {
		s->area = one ? s->area : s->c->v.body->areas[0];
		while (line_next(s, &rest, &l)) {
			int m = form_measure_find(f, l.measure);

			if (m < 0 || !row_of(f, &l, &row))
				continue;
			values[row * f->n_measures + (size_t)m] = l.value;
			some[row] = true;
		}
		table = api_table(call, columns, form_wide_columns(f, columns));
		for (row = 0; row < form_rows(f); row++)
			if (some[row])
				wide_row(table, s, row, values + row * f->n_measures);
		wide_notes(table, s, one);
		api_table_end(table);
	} else {
		api_fail_err(call, ERR_NOMEM, "the figures cannot be shown");
	}
	free(values);
	free(some);
}

/* ---- the request ---- */

static bool area_ask(struct api_call *call, struct show *s)
{
	const char *text = api_arg(call, "area");
	const Tally__Version *v = s->c->v.body;
	char *end;

	if (!text)
		return true;
	s->area = (uint32_t)strtoul(text, &end, 10);
	for (size_t i = 0; i < v->n_areas; i++)
		if (strspn(text, "0123456789") == 6 && *end == 0 && v->areas[i] == s->area)
			return true;
	api_fail(call, 400, "area %s: version %u has no figures of it", text, v->number);
	return false;
}

static bool show_ask(struct api_call *call, struct show *s)
{
	bool month = s->c->v.period.kind == PERIOD_MONTH;

	if (api_flag(call, "zeros")) {
		api_fail(call, 400,
			"a closed version keeps no zeros, nor what does not apply: leave --zeros "
			"out");
		return false;
	}
	s->cumulative = api_flag(call, "cumulative");
	if (s->cumulative && (!month || (s->form && !s->form->cumulative))) {
		api_fail(call, 400, "cumulative: %s",
			month ? "this form has no cumulative figures"
			      : "only a month has cumulative figures");
		return false;
	}
	if (month && s->form && s->form->always_cumulative)
		s->cumulative = true;
	return area_ask(call, s);
}

/* The form as it was when the period was closed. */
static int form_open(struct show *s, struct forms **out, uint64_t *broken)
{
	struct version *v = &s->c->v;
	struct buf files = { 0 };
	struct errmsg m;
	int err = version_forms(s->c->ledgers, v, &files, broken);

	*out = err ? NULL : forms_open_files(buf_as_text(&files), &m);
	buf_deinit(&files);
	if (*out)
		s->form = forms_at(*out, survey_text(v->body->form), &v->period);
	return err;
}

static int show(struct api_call *call, struct version_call *c)
{
	struct show s = { .c = c };
	struct forms *forms = NULL;
	uint64_t broken = 0;
	int err = form_open(&s, &forms, &broken);

	snprintf(s.form_id, sizeof(s.form_id), "%.*s", (int)c->v.body->form.len,
		(const char *)c->v.body->form.data);
	snprintf(s.number, sizeof(s.number), "%u", c->v.body->number);
	period_print(&c->v.period, s.period);
	if (!err && !show_ask(call, &s))
		goto out;
	if (!err)
		err = version_figures(c->ledgers, &c->v, &s.text, &broken);
	if (err)
		version_fail(call, &c->v, err, broken);
	else if (form_wants_table(call) && s.form)
		wide_show(call, &s);
	else if (api_wants_csv(call))
		csv_show(call, &s);
	else
		long_show(call, &s);
out:
	forms_close(forms);
	buf_deinit(&s.text);
	return 0;
}

void route_version_show(struct api_call *call)
{
	version_ask(call, "version", show, NULL);
}
