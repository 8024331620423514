/* Routes of the city: districts, findings, recount; and its part of status and metrics. Every
 * number comes from the stores or from the link's own status: nothing is counted here that a
 * restart would lose. */
#include <stdio.h>
#include <stdlib.h>

#include "aggregator/aggregator.h"
#include "aggregator/fold/finding.h"
#include "aggregator/fold/recount.h"

#define READ_MS 30000
#define CHILDREN_MAX ORIGINS_MAX

const char *area_name(uint32_t area, bool zh)
{
	const struct code_list *list = code_list_find(TEXT("district"));
	char code[12];
	int i;

	snprintf(code, sizeof(code), "%06u", area);
	i = list ? code_index(list, text_of(code)) : -1;
	if (i < 0)
		return "";
	return zh ? list->at[i].zh : list->at[i].en;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

size_t aggregator_areas(
	const struct aggregator *a, struct store_txn *views, uint32_t *out, size_t size)
{
	struct fold_bound *folded = calloc(ORIGINS_MAX, sizeof(*folded));
	size_t n = 0, k = 1;

	for (size_t i = 0; i < a->n_children && n < size; i++)
		out[n++] = a->children[i].origin;
	if (folded) {
		size_t n_folded = fold_positions(views, folded, ORIGINS_MAX);

		for (size_t i = 0; i < n_folded && i < ORIGINS_MAX && n < size; i++)
			if (folded[i].origin != a->city)
				out[n++] = folded[i].origin;
	}
	free(folded);
	if (n == size)
		n--;
	memmove(out + 1, out, n * sizeof(*out));
	out[0] = a->city;
	qsort(out + 1, n, sizeof(*out), by_number);
	for (size_t i = 1; i <= n; i++)
		if (i == 1 || out[i] != out[k - 1])
			out[k++] = out[i];
	return k;
}

/* ---- children ---- */

/* A child as it stands: its link, and how far it is folded. */
struct child {
	struct link_peer_status link;
	uint64_t folded;
};

/* All configured children, in the order of their codes; NULL when they cannot be read. Free it. */
static struct child *children_read(struct aggregator *a)
{
	struct child *all = calloc(a->n_children + 1, sizeof(*all));
	struct store_txn *t;

	if (!all)
		return NULL;
	/* The fold first: it can only be behind what the link says afterwards. */
	if (store_read_begin(views_store(a->views), &t, READ_MS) != 0) {
		free(all);
		return NULL;
	}
	for (size_t i = 0; i < a->n_children; i++)
		all[i].folded = fold_position(t, a->children[i].origin);
	store_read_end(t);
	for (size_t i = 0; i < a->n_children; i++)
		link_parent_status(a->parent, i, &all[i].link);
	return all;
}

static uint64_t behind(const struct link_peer_status *s)
{
	return s->claimed > s->position ? s->claimed - s->position : 0;
}

/* Where both sides are known to hold the same: what is stored here chains up to a head that the
 * child has signed, and the child claims no other ledger (a fork is a fault). */
static uint64_t proven(const struct link_peer_status *s)
{
	return s->fault == LINK_FORK || s->fault == LINK_BEHIND ? 0 : s->position;
}

void route_districts(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "origin", "区代码", "origin", API_TEXT },
		{ "name", "名称", "name", API_TEXT },
		{ "state", "连接", "state", API_TEXT },
		{ "position", "位置", "position", API_INT },
		{ "behind", "落后", "behind", API_INT },
		{ "proven", "相符至", "proven", API_INT },
		{ "folded", "入表至", "folded", API_INT },
		{ "last_entry_age_s", "距上次（秒）", "last entry (s)", API_DECIMAL },
		{ "fault", "问题", "fault", API_TEXT },
	};
	struct aggregator *a = aggregator_of(daemon_of(call));
	struct child *all = children_read(a);
	const char *lang = api_arg(call, "lang");
	bool zh = !lang || strcmp(lang, "en") != 0;
	struct api_table *table;

	if (!all) {
		api_fail_err(call, ERR_NOMEM, "the districts cannot be read");
		return;
	}
	table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	for (size_t i = 0; i < a->n_children; i++) {
		const struct link_peer_status *s = &all[i].link;

		api_cell_printf(table, "%06u", a->children[i].origin);
		api_cell_str(table, area_name(a->children[i].origin, zh));
		api_cell_str(table, s->state);
		api_cell_int(table, (int64_t)s->position);
		api_cell_int(table, (int64_t)behind(s));
		api_cell_int(table, (int64_t)proven(s));
		api_cell_int(table, (int64_t)all[i].folded);
		if (s->last_entry_age_s < 0)
			api_cell_str(table, NULL);
		else
			api_cell_printf(table, "%.1f", s->last_entry_age_s);
		if (s->fault)
			api_cell_printf(table, "%s: %s", link_fault_word(s->fault),
				s->error[0] ? s->error : link_fault_words(s->fault));
		else
			api_cell_str(table, "");
	}
	free(all);
	api_table_end(table);
}

static json_t *child_json(const struct aggregator *a, size_t i, const struct child *c)
{
	const struct link_peer_status *s = &c->link;
	char head[2 * HASH_BYTES + 1], origin[12];
	json_t *age = s->last_entry_age_s < 0 ? json_null() : json_real(s->last_entry_age_s);
	json_t *error = s->fault ? json_string(s->error[0] ? s->error : link_fault_words(s->fault))
				 : json_null();

	hex_put(head, s->head, HASH_BYTES);
	snprintf(origin, sizeof(origin), "%06u", a->children[i].origin);
	return json_pack("{s:s, s:s, s:I, s:s, s:o, s:I, s:I, s:o}", "origin", origin, "state",
		s->state, "position", (json_int_t)s->position, "head", head, "last_entry_age_s",
		age, "fold_position", (json_int_t)c->folded, "claimed", (json_int_t)s->claimed,
		"error", error);
}

/* ---- status ---- */

static json_t *fold_json(struct aggregator *a)
{
	struct views_state s;
	struct store_stats st;

	views_state(a->views, &s);
	store_stats(views_store(a->views), &st);
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "state",
		s.err		   ? err_words(s.err)
		: s.stopped_origin ? "stopped"
				   : "running",
		"left", (json_int_t)s.left, "entries", (json_int_t)s.entries, "used_bytes",
		(json_int_t)st.used_bytes, "limit_bytes", (json_int_t)st.limit_bytes,
		"stopped_origin", (json_int_t)s.stopped_origin, "stopped_at",
		(json_int_t)s.stopped_at);
}

void city_status(struct daemon *d, json_t *object)
{
	struct aggregator *a = aggregator_of(d);
	struct child *all = children_read(a);
	json_t *list = json_array();

	for (size_t i = 0; all && i < a->n_children; i++)
		json_array_append_new(list, child_json(a, i, &all[i]));
	free(all);
	json_object_set_new(object, "children", list);
	json_object_set_new(object, "views", fold_json(a));
}

/* ---- metrics ---- */

static void metrics_children(struct aggregator *a, struct buf *out)
{
	static const struct {
		const char *name, *type, *help;
	} rows[] = {
		{ "tally_child_position", "gauge",
			"Entries of a child's ledger that are stored here." },
		{ "tally_child_behind", "gauge",
			"Entries that a child holds and this node does not." },
		{ "tally_fold_lag", "gauge",
			"Entries that are stored but not yet in the figures." },
		{ "tally_child_batches_total", "counter", "Batches taken in from a child." },
		{ "tally_child_bytes_total", "counter", "Bytes of batches taken in from a child." },
		{ "tally_child_sessions_total", "counter", "Sessions of a child." },
		{ "tally_child_faults_total", "counter",
			"Sessions of a child that ended by a fault." },
	};
	struct child *all = children_read(a);

	for (size_t k = 0; all && k < sizeof(rows) / sizeof(*rows); k++) {
		for (size_t i = 0; i < a->n_children; i++) {
			const struct link_peer_status *s = &all[i].link;
			const double values[] = { (double)s->position, (double)behind(s),
				(double)(s->position > all[i].folded ? s->position - all[i].folded
								     : 0),
				(double)s->batches, (double)s->bytes, (double)s->sessions,
				(double)s->faults };
			char labels[32];

			snprintf(labels, sizeof(labels), "origin=\"%06u\"", a->children[i].origin);
			metric(out, rows[k].name, rows[k].type, rows[k].help, labels, values[k]);
		}
	}
	free(all);
}

static void metrics_views(struct aggregator *a, struct buf *out)
{
	struct store_txn *t;
	struct views_state s;

	views_state(a->views, &s);
	metric(out, "tally_fold_entries_total", "counter", "Entries folded since the start.", NULL,
		(double)s.entries);
	metric(out, "tally_fold_chunks_total", "counter",
		"Transactions of the fold since the start.", NULL, (double)s.chunks);
	metric(out, "tally_fold_stopped", "gauge",
		"1 while the fold stands still or a ledger cannot be folded on.", NULL,
		s.err || s.stopped_origin ? 1 : 0);
	if (store_read_begin(views_store(a->views), &t, READ_MS) != 0)
		return;
	for (int i = VIEW_RECORD; i < VIEW_TABLES; i++) {
		char labels[32];

		snprintf(labels, sizeof(labels), "view=\"%s\"", view_table_names[i]);
		metric(out, "tally_view_rows", "gauge", "Rows of a view.", labels,
			(double)store_count(t, i));
	}
	store_read_end(t);
}

void city_metrics(struct daemon *d, struct buf *out)
{
	struct aggregator *a = aggregator_of(d);

	metrics_children(a, out);
	metrics_views(a, out);
	for (int fault = 1; fault <= LINK_DAMAGED; fault++) {
		char labels[64];

		snprintf(labels, sizeof(labels), "fault=\"%s\"", link_fault_word(fault));
		metric(out, "tally_link_refused_total", "counter", "Frames refused, by fault.",
			labels, (double)link_parent_refused(a->parent, fault));
	}
	metric(out, "tally_link_denied_total", "counter",
		"Connections with a key that is not listed.", NULL,
		(double)link_net_denied(d->net));
}

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
	struct aggregator *a = aggregator_of(daemon_of(call));
	const char *lang = api_arg(call, "lang");
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
	err = store_read_begin(views_store(a->views), &t, READ_MS);
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
		finding_row(table, key, value, !lang || strcmp(lang, "en") != 0);
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
	struct aggregator *a = aggregator_of(d);
	struct recount r = { .stop = recount_stop, .arg = call };
	struct errmsg m = { "" };
	char dir[4096];
	int err;

	if (atomic_exchange(&a->recounting, true)) {
		api_fail(call, 409, "a recount is running already");
		return;
	}
	snprintf(dir, sizeof(dir), "%s/recount.tmp", conf_text(d->conf, "state_dir"));
	err = recount_run(&r, a->views, dir, &m);
	atomic_store(&a->recounting, false);
	if (err)
		api_fail_err(call, err, m.text[0] ? m.text : "the recount could not be finished");
	else
		recount_table(call, &r);
}
