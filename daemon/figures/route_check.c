/* check run: every check of a form in every row of every area, under one snapshot; what does not
 * hold is listed with both sides. */
#include "daemon/figures/figures.h"
#include "daemon/figures/route_ask.h"

struct check_rows {
	struct api_table *table;
	const struct question *q;
	const struct figures *at;
	const struct form_check *check;
	size_t hard, soft;
};

static void side_cell(struct api_table *table, enum measure_format format, int64_t v)
{
	char text[FIGURES_TEXT_MAX];

	api_cell(table, (struct text){ text, figures_print(format, v, text, sizeof(text)) });
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
	if (r->check->dim >= 0)
		buf_printf(&where, " %s", f->measures[found->measure].id);
	api_cell_str(r->table, r->check->id);
	api_cell_str(r->table, r->check->hard ? "hard" : "soft");
	api_cell_printf(r->table, "%06u", r->at->area);
	api_cell(r->table, buf_as_text(&where));
	api_cell_str(r->table, r->check->rule);
	side_cell(r->table, found->format, found->left);
	side_cell(r->table, found->format, found->right);
	side_cell(r->table, found->format, found->left - found->right);
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
		struct figures at = { .form = q->form,
			.period = q->period,
			.area = q->areas[i],
			.areas = q->everyone,
			.n_areas = q->n_everyone };

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
	route_ask(call, checks);
}
