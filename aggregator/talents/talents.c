/* The routes' rows, and what their handlers share. */
#include "aggregator/talents/talents.h"

#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/fold/cases.h"
#include "daemon/subsidy/claim_call.h"
#include "proto/check.h"

#define READ_MS 30000

/* ---- what a request says ---- */

bool talents_zh(const struct api_call *call)
{
	return !api_english(call);
}

bool talents_day(struct api_call *call, int *day)
{
	const char *at = api_arg(call, "at");

	*day = at ? date_parse(text_of(at)) : clock_date(clock_wall_ms());
	if (*day)
		return true;
	api_fail(call, 400, "at %s: not a date (2019-06-01)", at);
	return false;
}

bool talents_after(struct api_call *call, uint8_t pid[PID_BYTES], bool *given)
{
	const char *after = api_arg(call, "after");

	*given = after != NULL;
	memset(pid, 0xff, PID_BYTES);
	if (!after || talent_id_parse(text_of(after), pid) ||
		hex_get(pid, PID_BYTES, text_of(after)) == 0)
		return true;
	api_fail(call, 400, "after %s: not the id of a talent", after);
	return false;
}

/* The first key of a table that begins so, its last PID_BYTES to pid; *n counts them up to two. */
static void begins_with(
	struct store_txn *t, int table, struct text with, uint8_t pid[PID_BYTES], size_t *n)
{
	struct store_cursor *c = store_cursor_open(t, table);
	struct text key, value;

	for (bool more = c && store_seek(c, with, &key, &value);
		more && *n < 2 && key.n >= with.n && memcmp(key.p, with.p, with.n) == 0;
		more = store_next(c, &key, &value)) {
		if (key.n < PID_BYTES)
			continue;
		memcpy(pid, key.p + key.n - PID_BYTES, PID_BYTES);
		++*n;
	}
	if (c)
		store_cursor_close(c);
}

int talents_person_known(
	struct store_txn *views, const uint8_t *known, size_t n_known, uint8_t pid[PID_BYTES])
{
	char linked[1 + TALENT_ID_BYTES] = { 'M' };
	uint8_t person[PID_BYTES];
	size_t n = 0, n_linked = 0;

	memcpy(pid, known, n_known);
	if (n_known == TALENT_ID_BYTES) {
		memcpy(linked + 1, pid, TALENT_ID_BYTES);
		memcpy(person, pid, TALENT_ID_BYTES);
		begins_with(views, VIEW_PERSON,
			(struct text){ (const char *)person, TALENT_ID_BYTES }, pid, &n);
		/* A pid that is linked has no facts of its own. */
		begins_with(
			views, VIEW_CASE, (struct text){ linked, sizeof(linked) }, pid, &n_linked);
		if (n == 0 && n_linked == 0)
			return ERR_NOTFOUND;
		if (n > 1 || n_linked > 1)
			return ERR_EXISTS;
		/* Of a linked one that is the person too, both say the same. */
	}
	case_person(views, pid, person);
	memcpy(pid, person, PID_BYTES);
	return store_txn_err(views);
}

int talents_person_of(struct store_txn *views, struct text id, uint8_t pid[PID_BYTES])
{
	uint8_t known[PID_BYTES];

	if (talent_id_parse(id, known))
		return talents_person_known(views, known, TALENT_ID_BYTES, pid);
	if (hex_get(known, PID_BYTES, id) != 0)
		return ERR_INVALID;
	return talents_person_known(views, known, PID_BYTES, pid);
}

const char *talents_words(const struct code_list *list, struct text code, bool zh)
{
	int i = list ? code_index(list, code) : -1;

	if (i < 0)
		return "";
	return zh ? list->at[i].zh : list->at[i].en;
}

/* ---- snapshots ---- */

int talents_view_begin(struct talents_view *v, struct daemon *d)
{
	int err;

	*v = (struct talents_view){ .office = office_of(d) };
	err = office_read(v->office, &v->views);
	/* The ledgers afterwards: they hold whatever the views know. */
	if (!err)
		err = store_read_begin(ledger_store(d->ledger), &v->ledgers, READ_MS);
	if (err)
		talents_view_close(v);
	return err;
}

bool talents_view_open(struct talents_view *v, struct api_call *call)
{
	int err = talents_view_begin(v, daemon_of(call));

	if (err)
		api_fail_err(call, err, "the talents cannot be read");
	return !err;
}

void talents_view_close(struct talents_view *v)
{
	if (v->ledgers)
		store_read_end(v->ledgers);
	if (v->views)
		store_read_end(v->views);
}

/* ---- the slow walk ---- */

int talents_walk(const struct talents_view *v, int day, const struct talent_query *q,
	const uint8_t after[PID_BYTES], struct talent_hit *hits, size_t limit,
	struct talent_found *found, struct talent_facets *facets)
{
	struct store_cursor *c = store_cursor_open(v->views, VIEW_TALENT);
	struct text key, row;
	struct talent_state s;

	*found = (struct talent_found){ .day = day };
	for (bool more = c && store_seek(c, (struct text){ 0 }, &key, &row); more;
		more = store_next(c, &key, &row)) {
		if (key.n != PID_BYTES || !talent_state_at(&s, v->office->rules, row, day) ||
			!talent_query_takes(q, &s))
			continue;
		found->total++;
		if (facets)
			talent_facets_add(facets, q, &s, day / 10000);
		if (found->more || (after && memcmp(key.p, after, PID_BYTES) <= 0))
			continue;
		found->more = found->n == limit;
		if (found->more)
			continue;
		memcpy(hits[found->n].pid, key.p, PID_BYTES);
		hits[found->n++].state = s;
	}
	if (c)
		store_cursor_close(c);
	return store_txn_err(v->views);
}

/* ---- metrics ---- */

void talents_metrics(struct daemon *d, struct buf *out)
{
	struct talent_index_stats s;
	int err;
	struct talent_index *x =
		views_talents(office_of(d)->views, clock_date(clock_wall_ms()), &err);

	if (!x)
		return;
	talent_index_stats(x, &s);
	metric(out, "tally_talents", "gauge", "Rows of the talent index.", NULL, (double)s.talents);
	metric(out, "tally_talents_bytes", "gauge", "Memory of the talent index.", NULL,
		(double)s.bytes);
}

/* ---- routes ---- */

const struct api_route talent_routes[TALENT_ROUTES] = {
	{ .method = "GET",
		.path = "/v1/talents",
		.command = "talent find",
		.query = "level_min occupation honour area programme industry status sex age_min "
			 "age_max at limit after facets? lang",
		.right = RIGHT_VIEWER,
		.help_en = "The high-skilled talents that fit, by pseudonym; --facets counts them "
			   "instead.",
		.help_zh = "查找高技能人才（以代号列出）；--facets 改为分类计数。",
		.handle = route_talent_find },
	{ .method = "GET",
		.path = "/v1/talents/{id}",
		.command = "talent show ID",
		.query = "at lang",
		.right = RIGHT_VIEWER,
		.help_en = "One talent: what every district's records say, each field with its "
			   "origin, on a day.",
		.help_zh = "一名人才：各区记录在某日所载的内容，逐项注明来源。",
		.handle = route_talent_show },
	{ .method = "GET",
		.path = "/v1/eligible",
		.command = "talent eligible",
		.query = "for at limit after lang",
		.right = RIGHT_VIEWER,
		.help_en = "Who may apply for what, by honours held on a day; without --for: what "
			   "there is to apply for.",
		.help_zh = "某日凭所持荣誉可申报某项的人员；不给 --for 时列出可申报的各项。",
		.handle = route_talent_eligible },
	{ .method = "GET",
		.path = "/v1/alerts",
		.command = "alert list",
		.query = "rule at limit after lang",
		.right = RIGHT_VIEWER,
		.help_en = "What only the centre can see: records that want a look, without names.",
		.help_zh = "只有汇总后才能看出的疑点：列出有关记录，不含姓名。",
		.handle = route_alert_list },
	{ .method = "GET",
		.path = "/v1/subsidy-check/{pid}",
		.command = "subsidy check PID",
		.query = CLAIM_QUERY,
		.right = RIGHT_OPERATOR,
		.help_en =
			"May this be paid? Yes, or no with the number of the rule; nothing else.",
		.help_zh = "可否拨付：是，或否及规则编号；不透露其他内容。",
		.handle = route_subsidy_check },
};
