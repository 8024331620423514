/* Alerts as they stand, and the question that is asked before something is paid. */
#include <stdlib.h>

#include "aggregator/talents/alerts.h"
#include "aggregator/talents/subsidy.h"
#include "daemon/registrar/registrar.h"
#include "daemon/subsidy/claim_call.h"

static const struct api_column columns[] = {
	{ "rule", "规则", "rule", API_TEXT },
	{ "words", "疑点", "words", API_TEXT },
	{ "person", "代号", "person", API_TEXT },
	{ "origin", "区", "origin", API_TEXT },
	{ "register", "登记册", "register", API_TEXT },
	{ "key", "编号", "key", API_TEXT },
	{ "position", "位置", "position", API_INT },
	{ "other_person", "另一代号", "other person", API_TEXT },
	{ "other_origin", "另一区", "other origin", API_TEXT },
	{ "other_register", "另一登记册", "other register", API_TEXT },
	{ "other_key", "另一编号", "other key", API_TEXT },
	{ "other_position", "另一位置", "other position", API_INT },
	{ "note", "备注", "note", API_TEXT },
};

static void record_cells(struct api_table *t, const struct alert_record *r)
{
	api_cell_str(t, r->person[0] ? r->person : NULL);
	if (r->ref.origin)
		api_cell_printf(t, "%06u", r->ref.origin);
	else
		api_cell_str(t, NULL);
	api_cell_str(t, r->reg);
	if (r->key.p)
		api_cell(t, r->key);
	else
		api_cell_str(t, NULL);
	if (r->ref.position)
		api_cell_int(t, (int64_t)r->ref.position);
	else
		api_cell_str(t, NULL);
}

/* What names an alert for --after: RULE/ORIGIN/POSITION/ORIGIN/POSITION, of figures the note, of
 * bulk reads who read. */
static void alert_name(const struct alert *a, char out[192])
{
	if (a->a.ref.position)
		snprintf(out, 192, "%s/%06u/%llu/%06u/%llu", a->rule->id, a->a.ref.origin,
			(unsigned long long)a->a.ref.position, a->b.ref.origin,
			(unsigned long long)a->b.ref.position);
	else if (a->rule->kind == ALERT_READS)
		snprintf(out, 192, "%s/%06u/%.*s", a->rule->id, a->a.ref.origin, (int)a->a.key.n,
			a->a.key.p);
	else
		snprintf(out, 192, "%s/%06u/%.7s", a->rule->id, a->a.ref.origin,
			strchr(a->note, ' ') ? strchr(a->note, ' ') + 1 : "");
}

static size_t begin_after(const struct alerts *all, const char *after)
{
	char name[192];
	size_t i = 0;

	for (; after && i < all->n; i++) {
		alert_name(&all->at[i], name);
		if (strcmp(name, after) == 0)
			return i + 1;
	}
	return after ? SIZE_MAX : 0;
}

static void alerts_answer(struct api_call *call, const struct alerts *all, uint64_t limit)
{
	bool zh = talents_zh(call);
	const char *after = api_arg(call, "after");
	size_t first = begin_after(all, after), i;
	struct api_table *table;
	char name[192] = "";

	if (first == SIZE_MAX) {
		api_fail(call, 404, "after %s: no such alert stands (any more); begin anew", after);
		return;
	}
	table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	for (i = first; i < all->n && i - first < limit; i++) {
		const struct alert *a = &all->at[i];

		api_cell_str(table, a->rule->id);
		api_cell_str(table, zh ? a->rule->zh : a->rule->en);
		record_cells(table, &a->a);
		record_cells(table, &a->b);
		api_cell_str(table, a->note);
		alert_name(a, name);
	}
	api_note(table, zh ? "共 %zu 条，列出 %zu 条%s%s" : "%zu stand, %zu shown%s%s", all->n,
		i - first, i < all->n ? "; --after " : "", i < all->n ? name : "");
	api_table_end(table);
}

void route_alert_list(struct api_call *call)
{
	const char *rule = api_arg(call, "rule");
	const struct talent_alert *r = office_of(daemon_of(call))->rules->alerts;
	struct talents_view v;
	struct alerts all;
	uint64_t limit;
	int day, err;

	while (rule && r && strcmp(r->id, rule) != 0)
		r = r->next;
	if (rule && !r) {
		api_fail(call, 404, "rule %s: there is no such rule", rule);
		return;
	}
	if (!talents_day(call, &day) || !api_number(call, "limit", 100, 1, 100000, &limit) ||
		!talents_view_open(&v, call))
		return;
	err = alerts_init(&all, &v,
		&(struct alerts_ask){ .only = rule,
			.day = day,
			.registry = registrar_of(daemon_of(call)),
			.users = api_may(call, RIGHT_ADMIN) });
	if (err == ERR_LIMIT)
		api_fail(call, 507, "more alerts stand than can be listed; ask for one --rule");
	else if (err)
		api_fail_err(call, err, "the alerts cannot be gathered");
	else
		alerts_answer(call, &all, limit);
	alerts_deinit(&all);
	talents_view_close(&v);
}

/* ---- subsidy check ---- */

void route_subsidy_check(struct api_call *call)
{
	struct daemon *d = daemon_of(call);
	const char *id = api_arg(call, "pid"), *rule;
	struct claim claim;
	int err;

	if (!claim_take(call, &claim) || !claim_take_person(call, &claim, id))
		return;
	err = subsidy_judge(d, &claim, d->origin, &rule);
	if (err)
		api_fail_err(call, err, "it cannot be said now");
	else
		claim_answer(call, rule);
}
