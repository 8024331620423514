/* assess: the districts side by side, and the city's line below them. For programs every number and
 * every rank has a column; on a screen a rank stands in brackets behind its value. */
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/aggregator.h"
#include "daemon/base/clock.h"
#include "daemon/figures/assess.h"
#include "daemon/figures/figures.h"
#include "daemon/figures/plan.h"
#include "daemon/figures/route_ask.h"
#include "daemon/figures/route_form.h"

struct asked {
	struct assess_ask ask;
	struct office *office;
	struct assess_row *rows; /* districts; the last one is the city */
	size_t n;		 /* districts */
	bool zh;
};

static void value_text(const struct assess_value *v, enum assess_column c, char *out, size_t size)
{
	out[0] = 0;
	if (v->has)
		figures_print(
			c == ASSESS_HARD ? FORMAT_WHOLE : FORMAT_HUNDREDTHS, v->value, out, size);
}

static void mean_text(int64_t mean, char *out, size_t size)
{
	out[0] = 0;
	if (mean)
		figures_print(FORMAT_HUNDREDTHS, mean, out, size);
}

/* ---- for programs ---- */

static void rank_cell(struct api_table *t, unsigned rank)
{
	if (rank)
		api_cell_int(t, rank);
	else
		api_cell_str(t, NULL);
}

static void long_row(struct api_table *t, const struct assess_row *r)
{
	/* what stands before the value of each column */
	const uint64_t before[ASSESS_COLUMNS][2] = { { r->targets, r->kept },
		{ r->returns.expected, r->returns.received }, { r->returns.on_time }, { 0 },
		{ r->entries, r->findings }, { r->written.entries, r->written.refused },
		{ r->written.corrections, r->written.retractions } };
	static const int n_before[ASSESS_COLUMNS] = { 2, 2, 1, 0, 2, 2, 2 };
	char text[FIGURES_TEXT_MAX];

	api_cell_printf(t, "%06u", r->area);
	for (enum assess_column c = 0; c < ASSESS_COLUMNS; c++) {
		for (int i = 0; i < n_before[c]; i++)
			api_cell_int(t, (int64_t)before[c][i]);
		value_text(&r->values[c], c, text, sizeof(text));
		api_cell_str(t, text[0] ? text : NULL);
		rank_cell(t, r->values[c].rank);
	}
	mean_text(r->mean, text, sizeof(text));
	api_cell_str(t, text[0] ? text : NULL);
	rank_cell(t, r->rank);
}

static void long_table(struct api_call *call, const struct asked *a)
{
	static const struct api_column columns[] = {
		{ "area", "地区", "area", API_TEXT },
		{ "targets", "目标数", "targets", API_INT },
		{ "kept", "完成或符合进度", "kept", API_INT },
		{ "progress", "目标完成度%", "progress", API_DECIMAL },
		{ "progress_rank", "位次", "rank", API_INT },
		{ "expected", "应报", "expected", API_INT },
		{ "received", "已报", "received", API_INT },
		{ "complete", "报送率%", "complete", API_DECIMAL },
		{ "complete_rank", "位次", "rank", API_INT },
		{ "on_time", "及时", "on time", API_INT },
		{ "timely", "及时率%", "timely", API_DECIMAL },
		{ "timely_rank", "位次", "rank", API_INT },
		{ "hard", "强制性差错", "hard errors", API_INT },
		{ "hard_rank", "位次", "rank", API_INT },
		{ "ledger", "账本条目", "ledger", API_INT },
		{ "findings", "未能汇总", "findings", API_INT },
		{ "findings_rate", "未能汇总‰", "findings rate", API_DECIMAL },
		{ "findings_rank", "位次", "rank", API_INT },
		{ "written", "期内条目", "written", API_INT },
		{ "refused", "退回行数", "refused", API_INT },
		{ "refused_rate", "退回‰", "refused rate", API_DECIMAL },
		{ "refused_rank", "位次", "rank", API_INT },
		{ "corrections", "更正", "corrections", API_INT },
		{ "retractions", "撤回", "retractions", API_INT },
		{ "corrected_rate", "更正撤回‰", "corrected rate", API_DECIMAL },
		{ "corrected_rank", "位次", "rank", API_INT },
		{ "mean_rank", "平均位次", "mean rank", API_DECIMAL },
		{ "rank", "总位次", "rank", API_INT },
	};
	struct api_table *t = api_table(call, columns, sizeof(columns) / sizeof(*columns));

	for (size_t i = 0; i <= a->n; i++)
		long_row(t, &a->rows[i]);
	api_table_end(t);
}

/* ---- for people ---- */

static void wide_row(struct api_table *t, const struct asked *a, const struct assess_row *r)
{
	char text[FIGURES_TEXT_MAX];

	api_cell_str(t, area_name(r->area, a->zh));
	if (r->targets)
		api_cell_printf(t, "%zu/%zu", r->kept, r->targets);
	else
		api_cell_str(t, "-");
	for (enum assess_column c = 0; c < ASSESS_COLUMNS; c++) {
		value_text(&r->values[c], c, text, sizeof(text));
		if (r->values[c].rank)
			api_cell_printf(t, "%s (%u)", text, r->values[c].rank);
		else
			api_cell_str(t, text[0] ? text : "-");
	}
	mean_text(r->mean, text, sizeof(text));
	api_cell_str(t, text[0] ? text : "-");
	if (r->rank)
		api_cell_int(t, r->rank);
	else
		api_cell_str(t, "-");
}

static void wide_notes(struct api_table *t, const struct asked *a)
{
	char period[PERIOD_TEXT_MAX], written[PERIOD_TEXT_MAX];

	period_print(&a->ask.period, period);
	period_print(&a->ask.written, written);
	if (a->zh) {
		api_note(t, "%s；质量按 %s 写入的条目。括号内为位次，相等者同位，不加权。", period,
			written);
		api_note(t, "目标：本区目标中完成或符合进度的项数；完成度：各目标完成率（最高计 "
			    "100）的平均");
		api_note(t,
			"报送、及时：占应报份数%%；强制：强制性审核不符处数；其余为每千条中的条数");
	} else {
		api_note(t,
			"%s; quality of what was written in %s. Ranks in brackets, equals share "
			"one; no weights.",
			period, written);
		api_note(t, "targets: its own, reached or on pace; progress: mean of percent "
			    "reached, each up to 100");
		api_note(t, "complete, timely: percent of the returns expected; hard: places where "
			    "a hard check fails; the others: of 1,000 entries");
	}
}

static void wide_table(struct api_call *call, const struct asked *a)
{
	static const struct api_column columns[] = {
		{ "area", "地区", "area", API_TEXT },
		{ "targets", "目标", "targets", API_DECIMAL },
		{ "progress", "完成度", "progress", API_DECIMAL },
		{ "complete", "报送率", "complete", API_DECIMAL },
		{ "timely", "及时率", "timely", API_DECIMAL },
		{ "hard", "强制", "hard", API_DECIMAL },
		{ "findings", "未能汇总", "findings", API_DECIMAL },
		{ "refused", "退回", "refused", API_DECIMAL },
		{ "corrected", "更正撤回", "corrected", API_DECIMAL },
		{ "mean_rank", "平均位次", "mean rank", API_DECIMAL },
		{ "rank", "位次", "rank", API_DECIMAL },
	};
	struct api_table *t = api_table(call, columns, sizeof(columns) / sizeof(*columns));

	for (size_t i = 0; i <= a->n; i++)
		wide_row(t, a, &a->rows[i]);
	wide_notes(t, a);
	api_table_end(t);
}

/* ---- what is asked ---- */

/* False: api_fail() was called. */
static bool period_arg(struct api_call *call, const char *name, struct period *p, bool *given)
{
	const char *text = api_arg(call, name);

	*given = text != NULL;
	if (!text || period_parse(p, text_of(text)))
		return true;
	api_fail(call, 400, "%s %s: not a period: write 2019, 2019-H1, 2019-Q2 or 2019-06", name,
		text);
	return false;
}

static int read_all(struct asked *a, bool given, bool written)
{
	struct assess_ask *q = &a->ask;
	uint32_t *areas = malloc(AREAS_MAX * sizeof(*areas));
	int year, err = areas ? 0 : ERR_NOMEM;

	if (!err && !given) {
		year = plan_newest_year(q->forms, q->city, q->today / 10000, q->views);
		q->period = (struct period){ PERIOD_YEAR, year ? year : q->today / 10000, 1 };
	}
	if (!written)
		q->written = q->period;
	a->n = areas ? office_areas(a->office, q->views, areas, AREAS_MAX) - 1 : 0;
	a->rows = calloc(a->n + 1, sizeof(*a->rows));
	if (!a->rows)
		err = ERR_NOMEM;
	for (size_t i = 0; i < a->n && !err; i++)
		a->rows[i].area = areas[i + 1];
	if (!err)
		err = assess_read(q, a->rows, a->n);
	if (!err)
		err = assess_city(q, a->rows, a->n, &a->rows[a->n]);
	if (!err)
		assess_rank(a->rows, a->n);
	free(areas);
	return err;
}

void route_assess(struct api_call *call)
{
	struct office *office = office_of(daemon_of(call));
	struct asked a = { .office = office,
		.zh = ask_zh(call),
		.ask = { .forms = office->forms,
			.city = office->area,
			.today = clock_date(clock_wall_ms()) } };
	bool given, written;
	int err;

	if (!period_arg(call, "period", &a.ask.period, &given) ||
		!period_arg(call, "written", &a.ask.written, &written))
		return;
	err = office_read(office, &a.ask.views);
	if (!err) {
		err = read_all(&a, given, written);
		store_read_end(a.ask.views);
	}
	if (err)
		api_fail_err(call, err, "the districts cannot be assessed");
	else if (form_wants_table(call))
		wide_table(call, &a);
	else
		long_table(call, &a);
	free(a.rows);
}
