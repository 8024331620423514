/* Routes of the views: what could not be folded, and the proof that they can be folded again. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/figures/route_ask.h"
#include "daemon/fold/finding.h"
#include "daemon/fold/recount.h"

/* ---- findings ---- */

static const struct api_column finding_columns[] = {
	{ "origin", "区代码", "origin", API_TEXT },
	{ "position", "位置", "position", API_INT },
	{ "code", "代码", "code", API_TEXT },
	{ "field", "字段", "field", API_TEXT },
	{ "reason", "原因", "reason", API_TEXT },
};

static void finding_row(struct api_table *table, struct text key, struct text value, bool zh)
{
	struct text code = value, field = { "", 0 };
	struct finding_words words;
	const char *space = memchr(value.p, ' ', value.n);

	if (key.n != 12)
		return;
	if (space) {
		code.n = (size_t)(space - value.p);
		field = (struct text){ space + 1, value.n - code.n - 1 };
	}
	words = finding_words(code);
	api_cell_printf(table, "%06u", get_u32((const uint8_t *)key.p));
	api_cell_int(table, (int64_t)get_u64((const uint8_t *)key.p + 4));
	api_cell(table, code);
	api_cell(table, field);
	api_cell_str(table, zh ? words.zh : words.en);
}

/* `after`: ORIGIN/POSITION of the last one seen. False: api_fail() was called. */
static bool finding_after(struct api_call *call, uint8_t key[12])
{
	const char *after = api_arg(call, "after");
	unsigned origin = 0;
	unsigned long long position = 0;
	char rest;

	memset(key, 0, 12);
	if (!after)
		return true;
	// NOLINTNEXTLINE(cert-err34-c): the numbers only say where to begin
	if (sscanf(after, "%u/%llu%c", &origin, &position, &rest) != 2) {
		api_fail(call, 400, "after %s: it is written ORIGIN/POSITION", after);
		return false;
	}
	put_u32(key, origin);
	put_u64(key + 4, position + 1);
	return true;
}

void route_findings(struct api_call *call)
{
	struct office *o = office_of(daemon_of(call));
	struct text key, value;
	struct store_cursor *c;
	struct api_table *table;
	struct store_txn *t;
	uint8_t from[12];
	uint64_t limit, n = 0;
	bool more;
	int err;

	if (!api_number(call, "limit", 100, 1, 100000, &limit) || !finding_after(call, from))
		return;
	err = office_read(o, &t);
	if (err) {
		api_fail_err(call, err, "the findings cannot be read");
		return;
	}
	table = api_table(
		call, finding_columns, sizeof(finding_columns) / sizeof(*finding_columns));
	c = store_cursor_open(t, VIEW_FINDING);
	for (more = c &&
		    store_seek(c, (struct text){ (const char *)from, sizeof(from) }, &key, &value);
		more && n < limit; more = store_next(c, &key, &value), n++)
		finding_row(table, key, value, ask_zh(call));
	api_note(table,
		more ? "%llu shown of %llu; --after ORIGIN/POSITION for more"
		     : "%llu shown of %llu",
		(unsigned long long)n, (unsigned long long)store_count(t, VIEW_FINDING));
	if (c)
		store_cursor_close(c);
	store_read_end(t);
	api_table_end(table);
}

/* ---- recount ---- */

static bool recount_stop(void *call)
{
	return api_stopping(call);
}

static void recount_table(struct api_call *call, const struct recount *r)
{
	static const struct api_column columns[] = {
		{ "view", "视图", "view", API_TEXT },
		{ "rows", "行数", "rows", API_INT },
		{ "anew", "重算行数", "anew", API_INT },
		{ "equal", "相符", "equal", API_TEXT },
		{ "digest", "摘要", "digest", API_TEXT },
		{ "difference", "首处差异", "first difference", API_TEXT },
	};
	struct api_table *table = api_table(call, columns, sizeof(columns) / sizeof(*columns));

	for (int i = 0; i < VIEW_TABLES; i++) {
		const struct recount_table *v = &r->tables[i];
		char digest[2 * HASH_BYTES + 1];

		hex_put(digest, v->digest_running, HASH_BYTES);
		api_cell_str(table, v->name);
		api_cell_int(table, (int64_t)v->running);
		api_cell_int(table, (int64_t)v->anew);
		api_cell_str(table, v->equal ? "yes" : "NO");
		api_cell_str(table, digest);
		api_cell_str(table, v->differs);
	}
	api_note(table, "%llu entries folded anew: %s", (unsigned long long)r->entries,
		r->equal ? "every view is equal" : "A VIEW DIFFERS");
	if (!r->equal)
		api_set_exit(call, 1);
	api_table_end(table);
}

void route_recount(struct api_call *call)
{
	struct daemon *d = daemon_of(call);
	struct office *o = office_of(d);
	struct recount r = { .stop = recount_stop, .arg = call };
	struct errmsg m = { "" };
	char dir[4096];
	int err;

	if (atomic_exchange(&o->recounting, true)) {
		api_fail(call, 409, "a recount is running already");
		return;
	}
	snprintf(dir, sizeof(dir), "%s/recount.tmp", conf_text(d->conf, "state_dir"));
	err = recount_run(&r, o->views, dir, &m);
	atomic_store(&o->recounting, false);
	if (err)
		api_fail_err(call, err, m.text[0] ? m.text : "the recount could not be finished");
	else
		recount_table(call, &r);
}
