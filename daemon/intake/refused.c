/* The newest rows of the `refused` table, newest first. What stands there are codes and field
 * names; the reasons are put beside them from faults.tsv, in the language that is asked for. */
#include "daemon/intake/refused.h"

#include "daemon/intake/desk.h"
#include "daemon/intake/records.h"

static const struct fault_def *fault_of(struct text code)
{
	size_t n;
	const struct fault_def *defs = fault_defs(&n);

	for (size_t i = 0; i < n; i++)
		if (text_is(code, defs[i].code))
			return &defs[i];
	return NULL;
}

struct refused_list {
	struct api_table *table;
	bool english;
};

/* A row per refused row: codes, fields and reasons joined by ';' as in the refused file. */
static bool refused_row(void *arg, const struct refusal_view *v)
{
	struct refused_list *l = arg;
	struct buf codes = { 0 }, fields = { 0 }, reasons = { 0 };
	char at[32];

	for (struct text rest = v->faults; rest.n;) {
		const char *end = memchr(rest.p, ';', rest.n);
		struct text one = { rest.p, end ? (size_t)(end - rest.p) : rest.n };
		const char *space = memchr(one.p, ' ', one.n);
		struct text code = { one.p, space ? (size_t)(space - one.p) : one.n };
		const struct fault_def *def = fault_of(code);

		if (codes.n) {
			buf_str(&codes, ";");
			buf_str(&fields, ";");
			buf_str(&reasons, ";");
		}
		buf_text(&codes, code);
		if (space)
			buf_put(&fields, space + 1, (size_t)(one.p + one.n - space) - 1);
		if (def)
			buf_str(&reasons, l->english ? def->en : def->zh);
		rest = (struct text){ one.p + one.n + (end ? 1 : 0),
			rest.n - one.n - (end ? 1 : 0) };
	}
	records_time(at, v->at_ms);
	api_cell_str(l->table, at);
	api_cell(l->table, v->reg);
	api_cell_int(l->table, (int64_t)v->line);
	api_cell(l->table, buf_as_text(&codes));
	api_cell(l->table, buf_as_text(&fields));
	api_cell(l->table, buf_as_text(&reasons));
	api_cell(l->table, v->author);
	buf_deinit(&codes);
	buf_deinit(&fields);
	buf_deinit(&reasons);
	return true;
}

void refused_list(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "at", "时间", "at", API_TEXT },
		{ "register", "登记册", "register", API_TEXT },
		{ "line", "行", "line", API_INT },
		{ "code", "代码", "code", API_TEXT },
		{ "field", "字段", "field", API_TEXT },
		{ "reason", "原因", "reason", API_TEXT },
		{ "author", "经办", "author", API_TEXT },
	};
	struct daemon *d = api_context(call);
	struct refused_list l = { .english = api_english(call) };
	struct store_txn *t;
	uint64_t limit;
	int err;

	if (!api_number(call, "limit", 20, 1, REFUSALS_KEPT, &limit))
		return;
	err = store_read_begin(ledger_store(d->ledger), &t, 10000);
	if (err) {
		api_fail_err(call, err, "the store was not read");
		return;
	}
	l.table = api_table(call, columns, sizeof columns / sizeof *columns);
	refusals_walk(t, TABLE_REFUSED, limit, refused_row, &l);
	store_read_end(t);
	api_table_end(l.table);
}
