/* Alerts as they stand, and the question that a district asks before it pays. */
#include <stdlib.h>

#include "aggregator/talents/alerts.h"
#include "daemon/registrar/registrar.h"
#include "proto/check.h"
#include "proto/message.h"

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

/* The claim as if it stood already: approved, on the day. */
static bool claim_make(struct api_call *call, struct arena *a, int day,
	const uint8_t pid[PID_BYTES], struct record *r)
{
	static const char *const given[][2] = { { "purpose", "purpose" },
		{ "occupation", "occupation" }, { "level", "level" },
		{ "enrolment", "enrolment_no" }, { "certificate", "certificate_no" },
		{ "payee", "payee" } };
	static const uint8_t tag[NAME_TAG_BYTES] = { 0 };
	struct identity id = { .present = true };

	r->reg = register_find(TEXT("subsidy"));
	r->msg = arena_alloc(a, r->reg->pb->sizeof_message);
	if (!r->msg)
		return false;
	protobuf_c_message_init(r->reg->pb, r->msg);
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
		const char *value = api_arg(call, given[i][0]);
		const struct field *f =
			&r->reg->fields[register_field(r->reg, text_of(given[i][1]))];
		int code = value && f->codes ? code_index_any(f->codes, text_of(value)) : 0;

		if (code < 0 || (value && strcmp(given[i][0], "occupation") == 0 &&
					occupation_check(text_of(value)) == OCC_BAD)) {
			api_fail(call, 400, "%s %s: no such code", given[i][0], value);
			return false;
		}
		if (value)
			message_set_text(
				r->msg, f->pb, text_of(f->codes ? f->codes->at[code].code : value));
	}
	message_set_text(r->msg, r->reg->fields[register_field(r->reg, TEXT("payee_kind"))].pb,
		text_of(api_arg(call, "payee") ? "unit" : "person"));
	message_set_text(r->msg, r->reg->fields[register_field(r->reg, TEXT("status"))].pb,
		TEXT("approved"));
	message_set_number(
		r->msg, r->reg->fields[register_field(r->reg, TEXT("claimed_on"))].pb, day);
	record_set_person(r, 0, &id, pid, tag);
	return true;
}

struct asked {
	size_t claim; /* number of the claim among the records */
	const char *rule;
};

static void asked_found(void *arg, const struct talent_alert *rule, size_t i, size_t k)
{
	struct asked *a = arg;

	if ((i == a->claim || k == a->claim) && (!a->rule || strcmp(rule->id, a->rule) < 0))
		a->rule = rule->id;
}

static int check(struct api_call *call, const struct talents_view *v, const uint8_t pid[PID_BYTES],
	int day, struct asked *asked)
{
	struct dossier d;
	int err = dossier_init(&d, v, pid);

	if (err == ERR_NOTFOUND) /* nobody yet: nothing speaks against it */
		err = 0;
	/* There is room for one more than were read; of nobody for none. */
	asked->claim = d.n;
	if (!err && d.records) {
		if (!claim_make(call, &d.arena, day, pid, &d.records[d.n])) {
			dossier_deinit(&d);
			return ERR_CLOSED;
		}
		d.facts[d.n] = (struct talent_record){ &d.records[d.n], v->office->area };
		talent_alerts_person(v->office->rules, d.facts, d.n + 1, asked_found, asked);
	}
	dossier_deinit(&d);
	return err;
}

void route_subsidy_check(struct api_call *call)
{
	const char *id = api_arg(call, "pid");
	struct talents_view v;
	struct asked asked = { 0 };
	uint8_t pid[PID_BYTES];
	int day, err;

	if (!talents_day(call, &day) || !talents_view_open(&v, call))
		return;
	err = talents_person_of(v.views, text_of(id), pid);
	if (!err)
		err = check(call, &v, pid, day, &asked);
	else if (err == ERR_NOTFOUND)
		err = 0;
	talents_view_close(&v);
	if (err == ERR_INVALID)
		api_fail(call, 400, "%s: neither a pid (32 hex digits) nor a talent's id", id);
	else if (err && err != ERR_CLOSED)
		api_fail_err(call, err, "it cannot be said now");
	else if (!err)
		api_json(call, asked.rule
				       ? json_pack("{s:s, s:s}", "answer", "no", "rule", asked.rule)
				       : json_pack("{s:s}", "answer", "yes"));
}
