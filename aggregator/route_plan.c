/* plan: the targets of an area with what was reached, what is due by now, and what the year will
 * bring at this pace. Everything is a column of the form of targets; only the word and the bar are
 * made here. */
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/aggregator.h"
#include "daemon/base/clock.h"
#include "daemon/figures/plan.h"
#include "daemon/figures/route_ask.h"
#include "daemon/figures/route_form.h"

#define BAR_WIDTH 20

struct plan_ask {
	struct office *office;
	struct period period;
	uint32_t area;
	bool given; /* the period */
	bool zh, table;
};

/* `#` as far as it was reached, `|` where it should be by now. */
static void bar_cell(struct api_table *t, int64_t percent, int64_t time)
{
	char bar[BAR_WIDTH + 1];
	int64_t reached = percent * BAR_WIDTH / 10000, due = time * BAR_WIDTH / 10000;

	for (int i = 0; i < BAR_WIDTH; i++)
		bar[i] = i < reached ? '#' : '.';
	if (due > 0 && due < BAR_WIDTH)
		bar[due] = '|';
	bar[BAR_WIDTH] = 0;
	api_cell_str(t, bar);
}

static void row_put(struct api_table *t, const struct plan_ask *a, const struct figures *f,
	const struct plan_columns *c, size_t row)
{
	const size_t numbers[] = { c->target, c->actual, c->percent, c->time, c->difference,
		c->forecast };
	const struct form_row *words = &f->form->dims[0].rows[row];
	enum plan_state state = plan_state(f, row, c);

	if (!a->table)
		api_cell_str(t, words->code);
	api_cell_str(t, a->zh ? words->zh : words->en);
	api_cell_str(t, plan_unit(f->form, row, c, a->zh));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char text[FIGURES_TEXT_MAX];
		struct text v = figures_cell_text(f, row, numbers[i], text);

		if (v.n)
			api_cell(t, v);
		else
			api_cell_str(t, a->table ? "-" : NULL);
	}
	if (!a->table) {
		api_cell_str(t, plan_state_code(state));
		return;
	}
	api_cell_str(t, plan_state_words(state, a->zh));
	if (state == PLAN_NO_TARGET || state == PLAN_NO_FIGURE)
		api_cell_str(t, "");
	else
		bar_cell(t, figures_value(f, row, c->percent), figures_value(f, row, c->time));
}

static void answer(struct api_call *call, const struct plan_ask *a, const struct figures *f,
	const struct plan_columns *c)
{
	static const struct api_column columns[] = {
		{ "code", "代码", "code", API_TEXT },
		{ "target", "指标", "target", API_TEXT },
		{ "unit", "单位", "unit", API_TEXT },
		{ "value", "目标", "value", API_DECIMAL },
		{ "actual", "完成", "actual", API_DECIMAL },
		{ "percent", "完成率%", "percent", API_DECIMAL },
		{ "time_gone", "时间进度%", "time gone", API_DECIMAL },
		{ "difference", "差", "difference", API_DECIMAL },
		{ "forecast", "全年预计", "forecast", API_DECIMAL },
		{ "state", "状态", "state", API_TEXT },
		{ "progress", "进度", "progress", API_TEXT },
	};
	size_t n = sizeof(columns) / sizeof(*columns);
	struct api_table *t =
		a->table ? api_table(call, columns + 1, n - 1) : api_table(call, columns, n - 1);
	struct plan_sum sum = plan_sum(f, c);
	char period[PERIOD_TEXT_MAX];

	for (size_t row = 0; row < plan_rows(f->form); row++)
		row_put(t, a, f, c, row);
	period_print(&a->period, period);
	api_note(t,
		a->zh ? "%s · %s（%06u）：%zu 项目标，%zu 项完成或符合进度；“|” 为时间进度"
		      : "%s · %s (%06u): %zu targets, %zu reached or on pace; | is the time gone",
		period, area_name(a->area, a->zh), a->area, sum.given, sum.kept);
	api_table_end(t);
}

/* The period: the given one, else the newest year that has begun and has targets. */
static int period_find(struct plan_ask *a, struct store_txn *views)
{
	int now = clock_date(clock_wall_ms()) / 10000, year = 0;

	if (a->given)
		return 0;
	year = plan_newest_year(a->office->forms, a->area, now, views);
	if (!year)
		year = plan_newest_year(a->office->forms, a->office->area, now, views);
	a->period = (struct period){ PERIOD_YEAR, year ? year : now, 1 };
	return store_txn_err(views);
}

static int plan_read(struct api_call *call, struct plan_ask *a, struct store_txn *views)
{
	struct plan_columns c;
	struct figures f = { .area = a->area };
	int err = period_find(a, views);

	f.form = err ? NULL : plan_form(a->office->forms, &a->period, &c);
	f.period = a->period;
	if (err)
		return err;
	if (!f.form) {
		api_fail(call, 404, "none of the forms holds targets");
		return 0;
	}
	err = figures_open(&f, views);
	if (err == ERR_INVALID) {
		api_fail(call, 400, "period: the plan has figures for a month and a year only");
		return 0;
	}
	if (!err)
		answer(call, a, &f, &c);
	figures_close(&f);
	return err;
}

/* False: api_fail() was called. */
static bool ask_read(struct api_call *call, struct plan_ask *a)
{
	const char *period = api_arg(call, "period"), *area = api_arg(call, "area");

	a->zh = ask_zh(call);
	a->table = form_wants_table(call);
	a->given = period != NULL;
	if (period && !period_parse(&a->period, text_of(period))) {
		api_fail(call, 400, "period %s: not a period: write 2019 or 2019-06", period);
		return false;
	}
	a->area = a->office->area;
	if (!area)
		return true;
	a->area = (uint32_t)strtoul(area, NULL, 10);
	if (strlen(area) == 6 && strspn(area, "0123456789") == 6 &&
		(a->area == a->office->area || district_known(a->area)))
		return true;
	api_fail(call, 400, "area %s: not the city (%06u), nor one of its districts", area,
		a->office->area);
	return false;
}

void route_plan(struct api_call *call)
{
	struct plan_ask a = { .office = office_of(daemon_of(call)) };
	struct store_txn *views;
	int err;

	if (!ask_read(call, &a))
		return;
	err = office_read(a.office, &views);
	if (!err) {
		err = plan_read(call, &a, views);
		store_read_end(views);
	}
	if (err)
		api_fail_err(call, err, "the plan cannot be read");
}
