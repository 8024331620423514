/* return list: a row for each return of each district that is asked for or was signed; --summary: a
 * row for each form and district with completeness and timeliness.
 *
 * Which periods: those that lie in --period. Without it those that have ended, if they were due
 * within a year before today or are not due yet. */
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/figures/returns.h"
#include "daemon/figures/route_ask.h"
#include "daemon/returns/routes.h"

#define BODY_MEMORY (512u * 1024)
#define QUERIES_SHOWN 8

struct listing {
	struct api_call *call;
	struct api_table *table;
	struct office *office;
	struct returns returns;
	struct period in; /* of --period */
	bool has_period, zh;
	const char *form, *state; /* filters; NULL: all */
	int today, since;	  /* without --period: due from this day on */
	uint32_t *areas;
	size_t n_areas;
	struct completeness sum; /* of all rows, for the notes */
	struct arena arena;
};

/* ---- cells ---- */

static void day_cell(struct api_table *t, int day)
{
	if (day)
		api_cell_printf(t, "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
	else
		api_cell_str(t, NULL);
}

static void text_cell(struct api_table *t, bool has, ProtobufCBinaryData b)
{
	if (has)
		api_cell(t, survey_text(b));
	else
		api_cell_str(t, NULL);
}

/* "02-3 _T _T: 5 / 4; …": what is asked of the district. */
static void query_cell(struct api_table *t, const Tally__Decision *d)
{
	struct buf words = { 0 };

	for (size_t i = 0; d && i < d->n_queries && i < QUERIES_SHOWN; i++) {
		const Tally__Decision__Query *q = d->queries[i];

		buf_str(&words, i ? "; " : "");
		buf_text(&words, survey_text(q->check));
		if (q->has_row) {
			buf_str(&words, " ");
			buf_text(&words, survey_text(q->row));
		}
		if (q->has_left && q->has_right) {
			buf_str(&words, ": ");
			buf_text(&words, survey_text(q->left));
			buf_str(&words, " / ");
			buf_text(&words, survey_text(q->right));
		}
	}
	if (d && d->n_queries > QUERIES_SHOWN)
		buf_printf(&words, "; … %zu", d->n_queries);
	if (words.n)
		api_cell(t, buf_as_text(&words));
	else
		api_cell_str(t, NULL);
	buf_deinit(&words);
}

static const struct api_column columns[] = {
	{ "form", "表", "form", API_TEXT },
	{ "period", "报告期", "period", API_TEXT },
	{ "area", "地区", "area", API_TEXT },
	{ "state", "状态", "state", API_TEXT },
	{ "due", "期限", "due", API_TEXT },
	{ "received_on", "首次签报", "first signed", API_TEXT },
	{ "late", "迟报天数", "days late", API_INT },
	{ "zero", "零报告", "zero", API_TEXT },
	{ "signed_on", "最近签报", "last signed", API_TEXT },
	{ "signatures", "签报次数", "signatures", API_INT },
	{ "by", "填报人", "made by", API_TEXT },
	{ "approve", "负责人", "approved by", API_TEXT },
	{ "position", "签报位置", "position", API_INT },
	{ "decided_on", "决定日期", "decided on", API_TEXT },
	{ "query", "退回的问题", "query", API_TEXT },
	{ "words", "说明", "words", API_TEXT },
	{ "explained", "已作说明", "explained", API_INT },
	{ "version", "已关账版次", "version", API_INT },
};

static void state_cell(struct listing *l, enum return_state state)
{
	const char *accept = api_header(l->call, "Accept");
	bool people = accept && strstr(accept, "application/vnd.tally.table+json");

	api_cell_str(
		l->table, people ? return_state_words(state, l->zh) : return_state_code(state));
}

static void signature_cells(struct listing *l, const struct return_item *item)
{
	const Tally__Return *r = item->position ? survey_return(item->body, &l->arena) : NULL;
	struct api_table *t = l->table;

	api_cell_str(t, r ? r->parts ? "no" : "yes" : NULL);
	day_cell(t, item->position ? clock_date(item->at_ms) : 0);
	api_cell_int(t, (int64_t)item->signatures);
	text_cell(t, r != NULL, r ? r->by : (ProtobufCBinaryData){ 0 });
	text_cell(t, r != NULL, r ? r->approve : (ProtobufCBinaryData){ 0 });
	if (item->position)
		api_cell_int(t, (int64_t)item->position);
	else
		api_cell_str(t, NULL);
}

static void decision_cells(struct listing *l, const struct return_item *item)
{
	/* What was asked of an earlier signature stands until it is accepted. */
	struct text body = item->decision.n ? item->decision : item->sent_back;
	const Tally__Decision *d = body.n ? survey_decision(body, &l->arena) : NULL;
	struct api_table *t = l->table;

	day_cell(t, item->decided_at_ms ? clock_date(item->decided_at_ms) : 0);
	query_cell(t, d);
	text_cell(t, d && d->has_words, d ? d->words : (ProtobufCBinaryData){ 0 });
	api_cell_int(t, (int64_t)item->explained);
	if (item->version)
		api_cell_int(t, item->version);
	else
		api_cell_str(t, NULL);
}

static void row(struct listing *l, const struct return_item *item)
{
	char period[PERIOD_TEXT_MAX];
	struct api_table *t = l->table;

	arena_reset(&l->arena);
	period_print(&item->period, period);
	api_cell_str(t, item->form);
	api_cell_str(t, period);
	api_cell_printf(t, "%06u", item->area);
	state_cell(l, item->state);
	day_cell(t, item->due);
	day_cell(t, item->received_on);
	api_cell_int(t, return_late(item, l->today));
	signature_cells(l, item);
	decision_cells(l, item);
}

/* ---- which returns ---- */

/* What is due so far counts for the notes. */
static void add(struct listing *l, const struct return_item *item)
{
	if (!item->due || item->due > l->today)
		return;
	l->sum.expected++;
	l->sum.accepted += item->decided == RETURN_ACCEPTED;
	if (!item->signatures)
		l->sum.missing++;
	else if (item->received_on <= item->due)
		l->sum.on_time++;
	else
		l->sum.late++;
	l->sum.received += item->signatures > 0;
}

static void one_return(struct listing *l, const char *form, const struct period *p, uint32_t area)
{
	struct return_item item;
	bool ended = period_last_day(p) < l->today;

	return_read(&l->returns, form, p, area, &item);
	if (!item.due && !item.signatures)
		return;
	if (!l->has_period && (!ended || (item.due ? item.due : l->today) < l->since))
		return;
	if (l->state && strcmp(l->state, return_state_code(item.state)) != 0)
		return;
	add(l, &item);
	row(l, &item);
}

static void one_kind(struct listing *l, const struct form *f, enum period_kind kind)
{
	int first = month_of_date(l->since) - 24, last = month_of_date(l->today);

	if (l->has_period && period_months(kind) > period_months(l->in.kind))
		return;
	if (l->has_period) {
		first = period_first_month(&l->in);
		last = period_last_month(&l->in);
	}
	for (int month = first; month <= last;) {
		struct period p = period_around(kind, month);

		month = period_last_month(&p) + 1;
		if (p.year < PERIOD_YEAR_LEAST || p.year > PERIOD_YEAR_MOST)
			continue;
		for (size_t i = 0; i < l->n_areas; i++)
			one_return(l, f->id, &p, l->areas[i]);
	}
}

/* Forms by id, each once, whatever its editions; longest periods last. */
static void every_return(struct listing *l)
{
	const struct forms *fs = l->returns.forms;

	for (size_t i = 0; i < fs->n; i++) {
		const struct form *f = fs->forms[i];
		unsigned kinds = f->periods;

		if (form_of_returns(f) || (l->form && strcmp(l->form, f->id) != 0) ||
			(i && strcmp(fs->forms[i - 1]->id, f->id) == 0))
			continue;
		for (size_t k = i + 1; k < fs->n && strcmp(fs->forms[k]->id, f->id) == 0; k++)
			kinds |= fs->forms[k]->periods;
		for (enum period_kind k = PERIOD_KINDS; k-- > 0;)
			if (kinds & 1u << k)
				one_kind(l, f, k);
	}
}

/* ---- summary ---- */

static const struct api_column summary_columns[] = {
	{ "form", "表", "form", API_TEXT },
	{ "area", "地区", "area", API_TEXT },
	{ "expected", "应报", "expected", API_INT },
	{ "received", "实报", "received", API_INT },
	{ "complete", "报送率（%）", "received, percent", API_DECIMAL },
	{ "on_time", "按时", "on time", API_INT },
	{ "timely", "及时率（%）", "on time, percent", API_DECIMAL },
	{ "late", "迟报", "late", API_INT },
	{ "late_days", "迟报天数合计", "days late", API_INT },
	{ "missing", "缺报", "missing", API_INT },
	{ "zero", "零报告", "zero", API_INT },
	{ "accepted", "已接收", "accepted", API_INT },
};

static void percent_cell(struct api_table *t, uint64_t part, uint64_t whole)
{
	if (whole)
		api_cell_printf(t, "%llu.%02llu", (unsigned long long)(part * 100 / whole),
			(unsigned long long)(part * 10000 / whole % 100));
	else
		api_cell_str(t, NULL);
}

static void summary_row(
	struct listing *l, const char *form, const char *area, const struct completeness *s)
{
	struct api_table *t = l->table;

	api_cell_str(t, form);
	api_cell_str(t, area);
	api_cell_int(t, (int64_t)s->expected);
	api_cell_int(t, (int64_t)s->received);
	percent_cell(t, s->received, s->expected);
	api_cell_int(t, (int64_t)s->on_time);
	percent_cell(t, s->on_time, s->expected);
	api_cell_int(t, (int64_t)s->late);
	api_cell_int(t, (int64_t)s->late_days);
	api_cell_int(t, (int64_t)s->missing);
	api_cell_int(t, (int64_t)s->zero);
	api_cell_int(t, (int64_t)s->accepted);
}

static void summary(struct listing *l)
{
	const struct forms *fs = l->returns.forms;

	for (size_t i = 0; i < fs->n; i++) {
		const char *form = fs->forms[i]->id;

		if ((l->form && strcmp(l->form, form) != 0) ||
			(i && strcmp(fs->forms[i - 1]->id, form) == 0))
			continue;
		for (size_t k = 0; k < l->n_areas; k++) {
			struct completeness s = { 0 };
			char area[12];

			snprintf(area, sizeof(area), "%06u", l->areas[k]);
			if (l->has_period)
				returns_in(&l->returns, l->areas[k], form, &l->in, l->today, &s);
			else
				returns_due(&l->returns, l->areas[k], form, l->since, l->today, &s);
			if (s.expected)
				summary_row(l, form, area, &s);
		}
	}
}

/* ---- the request ---- */

static bool state_known(const char *state)
{
	for (int s = RETURN_OPEN; s <= RETURN_CLOSED; s++)
		if (strcmp(return_state_code((enum return_state)s), state) == 0)
			return true;
	return false;
}

/* False: api_fail() was called. */
static bool asks(struct listing *l)
{
	const char *period = api_arg(l->call, "period");

	l->form = api_arg(l->call, "form");
	l->state = api_arg(l->call, "state");
	l->has_period = period != NULL;
	if (period && !period_parse(&l->in, text_of(period))) {
		api_fail(l->call, 400,
			"period %s: not a period: write 2019, 2019-H1, 2019-Q2 or 2019-06", period);
		return false;
	}
	if (l->form && !forms_find(l->returns.forms, text_of(l->form))) {
		api_fail(l->call, 400, "form %s: there is no such form; `form list` names them",
			l->form);
		return false;
	}
	if (l->state && !state_known(l->state)) {
		api_fail(l->call, 400,
			"state %s: there are: open, signed, accepted, sent_back, closed", l->state);
		return false;
	}
	return true;
}

/* The districts that report here: in a district itself, at a city its children; or the one that is
 * asked for. */
static bool areas_take(struct listing *l)
{
	const char *area = api_arg(l->call, "area");
	size_t n;

	l->areas = calloc(ORIGINS_MAX, sizeof(*l->areas));
	if (!l->areas) {
		api_fail_err(l->call, ERR_NOMEM, "the returns cannot be listed");
		return false;
	}
	n = office_districts(l->office, l->areas, ORIGINS_MAX);
	for (size_t i = 0; i < n; i++) {
		char text[12];

		snprintf(text, sizeof(text), "%06u", l->areas[i]);
		if (!area || strcmp(area, text) == 0)
			l->areas[l->n_areas++] = l->areas[i];
	}
	if (area && !l->n_areas)
		api_fail(l->call, 400, "area %s: no district that reports here", area);
	return !area || l->n_areas;
}

static void list_notes(struct listing *l)
{
	const struct completeness *s = &l->sum;

	if (s->expected)
		api_note(l->table,
			l->zh ? "已到期应报 %llu，实报 %llu，按时 %llu，迟报 %llu，缺报 %llu"
			      : "due so far: expected %llu, received %llu, on time %llu, late "
				"%llu, "
				"missing %llu",
			(unsigned long long)s->expected, (unsigned long long)s->received,
			(unsigned long long)s->on_time, (unsigned long long)s->late,
			(unsigned long long)s->missing);
}

static void answer(struct listing *l)
{
	bool sums = api_flag(l->call, "summary");

	l->table = sums ? api_table(l->call, summary_columns,
				  sizeof(summary_columns) / sizeof(*summary_columns))
			: api_table(l->call, columns, sizeof(columns) / sizeof(*columns));
	if (sums)
		summary(l);
	else
		every_return(l);
	list_notes(l);
}

void route_return_list(struct api_call *call)
{
	struct office *o = office_of(daemon_of(call));
	int today = clock_date(clock_wall_ms()), err;
	struct listing l = { .call = call,
		.office = o,
		.returns = { .forms = o->forms,
			.decisions = o->on_demand ? 0 : ORIGIN_DECISIONS(o->area) },
		.zh = ask_zh(call),
		.today = today,
		.since = today - 10000 };

	arena_init(&l.arena, BODY_MEMORY);
	if (!asks(&l) || !areas_take(&l))
		goto out;
	err = office_read(o, &l.returns.views);
	if (err) {
		api_fail_err(call, err, "the returns cannot be listed");
		goto out;
	}
	answer(&l);
	store_read_end(l.returns.views);
	api_table_end(l.table);
out:
	free(l.areas);
	arena_deinit(&l.arena);
}
