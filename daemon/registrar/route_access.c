/* For an auditor: the log is read, verified and weighed; identities cannot be had from it. */
#include <stdlib.h>

#include "daemon/figures/route_ask.h"
#include "daemon/intake/records.h"
#include "daemon/registrar/registrar.h"
#include "daemon/registrar/routes.h"
#include "proto/identity.pb-c.h"

static const struct {
	unsigned act;
	const char *zh, *en;
} acts[] = {
	{ TALLY__ACCESS_ACT__ACCESS_IDENTIFY, "打开身份", "identify" },
	{ TALLY__ACCESS_ACT__ACCESS_NAMES, "按姓名查找", "search by name" },
	{ TALLY__ACCESS_ACT__ACCESS_EXPORT, "导出个人信息", "export" },
	{ TALLY__ACCESS_ACT__ACCESS_ERASE, "销毁身份", "erase" },
	{ TALLY__ACCESS_ACT__ACCESS_PUBLISH, "公示名单", "publish" },
	{ TALLY__ACCESS_ACT__ACCESS_DENIED, "无权查阅", "denied" },
};

static const char *act_words(unsigned act, bool zh)
{
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		if (acts[i].act == act)
			return zh ? acts[i].zh : acts[i].en;
	return "";
}

struct listing {
	struct api_table *table;
	const char *user;
	uint64_t left;
	bool zh;
};

static bool list_row(void *arg, const struct access_row *row)
{
	struct listing *l = arg;
	char at[32], hex[2 * PID_BYTES + 1] = "";

	if (l->user && strcmp(l->user, row->user) != 0)
		return true;
	if (l->left-- == 0)
		return false;
	records_time(at, row->at_ms);
	if (row->subject)
		hex_put(hex, (const char *)row->subject, PID_BYTES);
	api_cell_int(l->table, (int64_t)row->position);
	api_cell_str(l->table, at);
	api_cell_str(l->table, row->user);
	api_cell_str(l->table, act_words(row->act, l->zh));
	api_cell_str(l->table, row->subject ? hex : NULL);
	api_cell_int(l->table, (int64_t)row->count);
	api_cell(l->table, row->purpose);
	api_cell(l->table, row->refused);
	return true;
}

void route_access_list(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "position", "序号", "position", API_INT },
		{ "at", "时间", "at", API_TEXT },
		{ "user", "用户", "user", API_TEXT },
		{ "act", "事项", "act", API_TEXT },
		{ "talent", "人才编号", "talent", API_TEXT },
		{ "count", "人数", "count", API_INT },
		{ "purpose", "用途", "purpose", API_TEXT },
		{ "refused", "拒绝原因", "refused", API_TEXT },
	};
	struct daemon *d = api_context(call);
	struct listing l = { .user = api_arg(call, "user"), .zh = ask_zh(call) };
	uint64_t before;
	int err;

	if (!api_number(call, "limit", 100, 1, 100000, &l.left) ||
		!api_number(call, "before", 0, 0, UINT64_MAX, &before))
		return;
	l.table = api_table(call, columns, sizeof columns / sizeof *columns);
	err = access_walk(registrar_of(d)->log, before, list_row, &l);
	if (err) {
		api_note(l.table, "%s",
			l.zh ? "日志在此处损坏：请运行 access verify"
			     : "the log is broken here: run access verify");
		api_set_exit(call, 1);
	}
	api_table_end(l.table);
}

void route_access_verify(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "lines", "行数", "lines", API_INT },
		{ "verdict", "结论", "verdict", API_TEXT },
		{ "broken_at", "断裂位置", "broken at", API_INT },
	};
	struct daemon *d = api_context(call);
	struct access_verdict v;
	struct api_table *table;
	int err = access_verify(registrar_of(d)->log, &v);

	if (err) {
		api_fail_err(call, err, "the access log cannot be walked");
		return;
	}
	table = api_table(call, columns, sizeof columns / sizeof *columns);
	api_cell_int(table, (int64_t)v.lines);
	api_cell_str(table, v.why ? v.why : "whole");
	if (v.broken_at)
		api_cell_int(table, (int64_t)v.broken_at);
	else
		api_cell_str(table, NULL);
	if (v.why)
		api_set_exit(call, 1);
	api_table_end(table);
}

void route_access_alerts(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "user", "用户", "user", API_TEXT },
		{ "hour", "一小时内", "within an hour", API_INT },
		{ "day", "一日内", "within a day", API_INT },
		{ "rule", "规则", "rule", API_TEXT },
		{ "alert", "警示", "alert", API_TEXT },
	};
	struct daemon *d = api_context(call);
	struct registry *r = registrar_of(d);
	struct access_load *loads = calloc(REGISTRAR_LOADS_MAX, sizeof *loads);
	struct api_table *table;
	size_t n;

	if (!loads) {
		api_fail_err(call, ERR_NOMEM, "the alerts");
		return;
	}
	n = registrar_bulk(r, loads, REGISTRAR_LOADS_MAX);
	table = api_table(call, columns, sizeof columns / sizeof *columns);
	for (size_t i = 0; i < n; i++) {
		bool hour = loads[i].hour > r->alert_hour;

		api_cell_str(table, loads[i].user);
		api_cell_int(table, (int64_t)loads[i].hour);
		api_cell_int(table, (int64_t)loads[i].day);
		api_cell_printf(table, "%s > %llu", hour ? "access_hour" : "access_day",
			(unsigned long long)(hour ? r->alert_hour : r->alert_day));
		api_cell_str(table, r->rule[0] ? r->rule : NULL);
	}
	api_table_end(table);
	free(loads);
}
