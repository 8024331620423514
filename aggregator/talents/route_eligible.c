/* Who may apply for what, by honours held: the chains of the rules, on any day. */
#include <stdlib.h>

#include "aggregator/talents/talents.h"
#include "daemon/fold/talents.h"

#define LIMIT_MOST 1000

static const struct api_column chain_columns[] = {
	{ "for", "可申报", "for", API_TEXT },
	{ "title", "名称", "title", API_TEXT },
	{ "by", "凭", "by", API_TEXT },
	{ "words", "说明", "words", API_TEXT },
};

static const struct api_column columns[] = {
	{ "id", "代号", "id", API_TEXT },
	{ "for", "可申报", "for", API_TEXT },
	{ "by", "凭", "by", API_TEXT },
	{ "words", "说明", "words", API_TEXT },
	{ "from", "自", "from", API_TEXT },
	{ "origin", "区", "origin", API_TEXT },
	{ "register", "登记册", "register", API_TEXT },
	{ "key", "编号", "key", API_TEXT },
	{ "position", "位置", "position", API_INT },
};

static void chains_list(struct api_call *call, const struct talent_rules *t)
{
	struct api_table *table =
		api_table(call, chain_columns, sizeof(chain_columns) / sizeof(*chain_columns));
	bool zh = talents_zh(call);

	for (const struct talent_chain *x = t->chains; x; x = x->next) {
		for (const struct talent_clause *c = x->clauses; c; c = c->next) {
			api_cell_str(table, x->id);
			api_cell_str(table, zh ? x->zh : x->en);
			api_cell_str(table, c->id);
			api_cell_str(table, zh ? c->zh : c->en);
		}
	}
	api_table_end(table);
}

/* The records that speak for the person, a line each. */
static int hit_lines(struct api_table *table, const struct talents_view *v,
	const struct talent_chain *x, const struct talent_hit *h, int day, bool zh)
{
	struct dossier d;
	char id[TALENT_ID_TEXT];
	int err = dossier_init(&d, v, h->pid), from, over;

	if (err == ERR_LIMIT) /* what is held of them is shown; an alert tells of too many */
		err = 0;
	talent_id_print(h->pid, id);
	for (const struct talent_clause *c = x->clauses; c && !err; c = c->next) {
		for (size_t i = 0; i < d.n; i++) {
			if (!talent_clause_speaks(c, &d.facts[i], day) ||
				!talent_clause_days(c, &d.facts[i], &from, &over))
				continue;
			api_cell_str(table, id);
			api_cell_str(table, x->id);
			api_cell_str(table, c->id);
			api_cell_str(table, zh ? c->zh : c->en);
			api_cell_printf(table, "%04d-%02d-%02d", from / 10000, from / 100 % 100,
				from % 100);
			api_cell_printf(table, "%06u", d.refs[i].origin);
			api_cell_str(table, d.records[i].reg->name);
			api_cell(table, dossier_key(&d, i));
			api_cell_int(table, (int64_t)d.refs[i].position);
		}
	}
	dossier_deinit(&d);
	return err;
}

static int eligible(struct api_call *call, const struct talents_view *v,
	const struct talent_chain *x, int day, uint64_t limit)
{
	struct talent_query q = { .outside = true };
	struct talent_hit *hits = calloc(limit, sizeof(*hits));
	struct talent_found found;
	struct api_table *table;
	uint8_t after[PID_BYTES];
	bool given, zh = talents_zh(call);
	int err = hits ? 0 : ERR_NOMEM;

	for (const struct talent_chain *c = v->office->rules->chains; c != x; c = c->next)
		q.chains++;
	q.chains = 1u << q.chains;
	if (!talents_after(call, after, &given)) {
		free(hits);
		return ERR_CLOSED;
	}
	if (!err)
		err = talents_walk(v, day, &q, given ? after : NULL, hits, limit, &found, NULL);
	if (!err) {
		table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
		for (size_t i = 0; i < found.n && !err; i++)
			err = hit_lines(table, v, x, &hits[i], day, zh);
		api_note(table,
			zh ? "%s：%llu 人可申报，列出 %zu 人（%d）%s"
			   : "%s: %llu may apply, %zu shown, on %d%s",
			zh ? x->zh : x->en, (unsigned long long)found.total, found.n, day,
			!found.more ? ""
			: zh	    ? "；其余请加 --after 代号"
				    : "; --after ID for more");
		if (!err)
			api_table_end(table);
	}
	free(hits);
	return err;
}

void route_talent_eligible(struct api_call *call)
{
	const struct talent_rules *rules = office_of(daemon_of(call))->rules;
	const char *name = api_arg(call, "for");
	const struct talent_chain *x = name ? talent_chain_find(rules, name) : NULL;
	struct talents_view v;
	uint64_t limit;
	int day, err;

	if (!name) {
		chains_list(call, rules);
		return;
	}
	if (!x) {
		api_fail(call, 404,
			"for %s: there is no such thing to apply for; `talent eligible` lists them",
			name);
		return;
	}
	if (!talents_day(call, &day) || !api_number(call, "limit", 100, 1, LIMIT_MOST, &limit) ||
		!talents_view_open(&v, call))
		return;
	err = eligible(call, &v, x, day, limit);
	talents_view_close(&v);
	if (err && err != ERR_CLOSED)
		api_fail_err(call, err, "the list cannot be made");
}
