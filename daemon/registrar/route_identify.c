/* Opening identities. In this order: purpose, person, key; then the line in the log, durable; then
 * the sealed bytes are opened, answered, and wiped. Whatever is refused on the way is a line too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/conf/keys.h"
#include "daemon/figures/office.h"
#include "daemon/figures/route_ask.h"
#include "daemon/fold/cases.h"
#include "daemon/fold/identities.h"
#include "daemon/identity/masked.h"
#include "daemon/identity/seal.h"
#include "daemon/intake/records.h"
#include "daemon/registrar/ask.h"
#include "daemon/registrar/registrar.h"
#include "daemon/registrar/routes.h"
#include "daemon/talent/talent_row.h"
#include "proto/identity.pb-c.h"

#define MEMBERS_MAX 256
#define PUBLISH_MAX 500
#define MEMORY (64u * 1024)
#define READ_MS 60000

/* ---- the key ---- */

/* Of the body, or of the file that the configuration names. NULL: it is there; else why not. */
static const char *key_take(struct api_call *call, const struct ask *a, struct registrar_secret *s)
{
	struct daemon *d = api_context(call);
	struct text given = ask_value(a, "registrar_key");
	const char *path = conf_text(d->conf, "registrar_key"), *slash = strrchr(path, '/');
	char dir[4096], text[KEY_TEXT_MAX] = "";
	struct errmsg m;
	int err;

	if (given.n)
		return registrar_secret_init(s, given) ? "the key given is no registrar key" : NULL;
	if (!path[0] || !slash)
		return "no registrar key: give it with --registrar-key, or name its file in "
		       "registrar_key";
	(void)snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	err = key_read(dir, slash + 1, text, &m);
	if (!err)
		err = registrar_secret_init(s, text_of(text));
	explicit_bzero(text, sizeof text);
	return err ? "the registrar key's file cannot be read, or holds no registrar key" : NULL;
}

/* ---- refusing ---- */

struct opening {
	struct api_call *call;
	struct ask *ask;
	unsigned act;
	const uint8_t *subject;
	uint8_t pid[PID_BYTES]; /* the subject's */
	struct text purpose;
	struct registrar_secret secret;
	struct api_table *table;
	struct store_txn *ledgers;
	struct arena arena;
	uint64_t count, looked;
	/* a search */
	struct text name;
	uint64_t limit;
	bool more;
};

static void refuse(struct opening *o, int status, const char *why)
{
	(void)registrar_note(o->call, &(struct access_line){ .act = o->act,
					      .subject = o->subject,
					      .purpose = o->purpose,
					      .refused = why,
					      .count = 1 });
	api_fail(o->call, status, "%s", why);
}

/* Purpose and key; false: it was refused. */
static bool may_open(struct opening *o)
{
	const char *why = NULL;

	o->purpose = registrar_purpose(o->call);
	if (o->ask->too_long) {
		refuse(o, 413, "the body is too long");
		return false;
	}
	if (o->purpose.n == 0) {
		refuse(o, 400, REGISTRAR_NO_PURPOSE);
		return false;
	}
	why = key_take(o->call, o->ask, &o->secret);
	if (why)
		refuse(o, 400, why);
	return !why;
}

/* ---- opening ---- */

static void cells(struct opening *o, const struct identity_row *row, const struct identity *id,
	uint64_t at_ms)
{
	char hex[2 * PID_BYTES + 1], at[32];

	hex_put(hex, (const char *)row->pid, PID_BYTES);
	records_time(at, at_ms);
	api_cell_str(o->table, hex);
	api_cell_printf(o->table, "%06u", row->origin);
	api_cell(o->table, id->name);
	api_cell(o->table, id->doc_type);
	api_cell(o->table, id->doc_number);
	api_cell(o->table, id->phone);
	api_cell_str(o->table, at);
	api_cell_int(o->table, (int64_t)row->position);
}

/* The identity of a row; texts in plain. What cannot be opened is a note below the table. */
static bool row_open(struct opening *o, const struct identity_row *row,
	uint8_t plain[SEAL_PLAIN_MOST], struct identity *id, uint64_t *at_ms)
{
	struct identity_body body;
	struct entry_view e = { .at_ms = 0 };
	struct text bytes;
	int err = ledger_get(o->ledgers, row->origin, row->position, &bytes);

	arena_reset(&o->arena);
	if (!err)
		err = entry_unpack(&e, bytes, NULL);
	if (!err && !identity_body_read(&body, e.body, &o->arena))
		err = ERR_DAMAGED;
	if (!err)
		err = identity_open(id, plain, &o->secret, body.sealed);
	if (!err)
		*at_ms = e.at_ms;
	else if (o->table)
		api_note(o->table, "%06u/%llu: %s", row->origin, (unsigned long long)row->position,
			err == ERR_DENIED ? "sealed to another registrar key" : err_words(err));
	return !err;
}

static bool show_row(void *arg, const struct identity_row *row)
{
	struct opening *o = arg;
	uint8_t plain[SEAL_PLAIN_MOST];
	struct identity id;
	uint64_t at_ms = 0;

	if (row_open(o, row, plain, &id, &at_ms))
		cells(o, row, &id, at_ms);
	explicit_bzero(plain, sizeof plain);
	return true;
}

static bool count_row(void *arg, const struct identity_row *row)
{
	struct opening *o = arg;

	(void)row;
	o->count++;
	return true;
}

static const struct api_column columns[] = {
	{ "talent", "人才编号", "talent", API_TEXT },
	{ "district", "区代码", "district", API_TEXT },
	{ "name", "姓名", "name", API_TEXT },
	{ "doc_type", "证件类型", "doc_type", API_TEXT },
	{ "doc_number", "证件号码", "doc_number", API_TEXT },
	{ "phone", "手机", "phone", API_TEXT },
	{ "at", "报送时间", "at", API_TEXT },
	{ "position", "位置", "position", API_INT },
};

/* After the line in the log: while one waits for a commit no snapshot of the ledgers may be open.
 */
static bool table_begin(struct opening *o, const struct api_column *heads, size_t n)
{
	struct daemon *d = api_context(o->call);
	int err = store_read_begin(ledger_store(d->ledger), &o->ledgers, READ_MS);

	if (err) {
		api_fail_err(o->call, err, "the identities cannot be read");
		return false;
	}
	arena_init(&o->arena, MEMORY);
	o->table = api_table(o->call, heads, n);
	return true;
}

static void table_end(struct opening *o, struct store_txn *views)
{
	if (store_txn_err(views) || store_txn_err(o->ledgers))
		api_note(o->table, "%s",
			ask_zh(o->call) ? "未能读完：以上并非全部"
					: "not all could be read: this is not all");
	api_table_end(o->table);
	arena_deinit(&o->arena);
	store_read_end(o->ledgers);
}

/* All districts' newest identity of each pid of the person. */
static void identify(struct opening *o, struct store_txn *views)
{
	uint8_t members[MEMBERS_MAX][PID_BYTES];
	size_t n;

	o->purpose = registrar_purpose(o->call);
	if (!registrar_named(views, text_of(api_arg(o->call, "id")), o->pid)) {
		refuse(o, 404, "this is no talent's id");
		return;
	}
	o->subject = o->pid;
	n = case_members(views, o->pid, members, MEMBERS_MAX);

	if (n > MEMBERS_MAX)
		n = MEMBERS_MAX;
	for (size_t i = 0; i < n; i++)
		identity_walk(views, members[i], count_row, o);
	if (o->count == 0) {
		refuse(o, 404, "no identity of this talent is held here");
		return;
	}
	if (!may_open(o) || !registrar_note(o->call, &(struct access_line){ .act = o->act,
							     .subject = o->pid,
							     .purpose = o->purpose,
							     .count = 1 }))
		return;
	if (!table_begin(o, columns, sizeof columns / sizeof *columns))
		return;
	for (size_t i = 0; i < n; i++)
		identity_walk(views, members[i], show_row, o);
	table_end(o, views);
}

static void with_views(struct opening *o, void (*fn)(struct opening *o, struct store_txn *views))
{
	struct daemon *d = api_context(o->call);
	struct store_txn *views;
	int err = office_read(office_of(d), &views);

	if (!err) {
		fn(o, views);
		store_read_end(views);
	} else {
		api_fail_err(o->call, err, "the identities cannot be read");
	}
	registrar_secret_wipe(&o->secret);
}

static void identify_end(struct api_call *call, void *state, bool whole)
{
	struct opening o = {
		.call = call, .ask = state, .act = TALLY__ACCESS_ACT__ACCESS_IDENTIFY
	};

	if (whole)
		with_views(&o, identify);
	ask_end(state);
}

const struct api_upload identify_upload = { ask_begin, ask_data, identify_end };

/* ---- by name ---- */

static bool match_row(void *arg, const struct identity_row *row)
{
	struct opening *o = arg;
	uint8_t plain[SEAL_PLAIN_MOST];
	struct identity id;
	uint64_t at_ms = 0;

	if (row_open(o, row, plain, &id, &at_ms) && id.name.n >= o->name.n &&
		memmem(id.name.p, id.name.n, o->name.p, o->name.n)) {
		o->more = o->looked == o->limit;
		if (!o->more) {
			cells(o, row, &id, at_ms);
			o->looked++;
		}
	}
	explicit_bzero(plain, sizeof plain);
	return !o->more && !api_stopping(o->call);
}

/* The line in the log stands before the first identity is opened, and counts them all. */
static void search(struct opening *o, struct store_txn *views)
{
	if (!may_open(o))
		return;
	o->name = ask_value(o->ask, "name");
	if (o->name.n == 0) {
		refuse(o, 400, "a name, or a part of one, is asked for");
		return;
	}
	identity_walk(views, NULL, count_row, o);
	if (!registrar_note(
		    o->call, &(struct access_line){
				     .act = o->act, .purpose = o->purpose, .count = o->count }))
		return;
	if (!table_begin(o, columns, sizeof columns / sizeof *columns))
		return;
	identity_walk(views, NULL, match_row, o);
	if (o->more)
		api_note(o->table, "%s",
			ask_zh(o->call) ? "还有更多：请写得更具体"
					: "there are more: give more of the name");
	table_end(o, views);
}

static void names_end(struct api_call *call, void *state, bool whole)
{
	struct opening o = { .call = call, .ask = state, .act = TALLY__ACCESS_ACT__ACCESS_NAMES };

	if (whole && api_number(call, "limit", 50, 1, 1000, &o.limit))
		with_views(&o, search);
	ask_end(state);
}

const struct api_upload names_upload = { ask_begin, ask_data, names_end };

/* ---- for publication ---- */

/* The one way into a publication list: it takes masked values and nothing else of a person. */
static void publish_row(struct api_table *table, const uint8_t pid[PID_BYTES], uint32_t district,
	const struct masked *name, const struct masked *number)
{
	char id[TALENT_ID_TEXT];

	talent_id_print(pid, id);
	api_cell_str(table, id);
	api_cell_printf(table, "%06u", district);
	api_cell(table, (struct text){ name->text, name->n });
	api_cell(table, (struct text){ number->text, number->n });
}

static const struct api_column publish_columns[] = {
	{ "talent", "人才编号", "talent", API_TEXT },
	{ "district", "区代码", "district", API_TEXT },
	{ "name", "姓名", "name", API_TEXT },
	{ "doc_number", "证件号码", "doc_number", API_TEXT },
};

/* The newest of a person's identities, by when it was sent; on a tie the first. */
struct newest {
	struct opening *o;
	struct masked name, number;
	uint32_t district;
	uint64_t at_ms;
	bool some;
};

static bool newest_row(void *arg, const struct identity_row *row)
{
	struct newest *n = arg;
	uint8_t plain[SEAL_PLAIN_MOST];
	struct identity id;
	uint64_t at_ms = 0;

	if (row_open(n->o, row, plain, &id, &at_ms) && (!n->some || at_ms > n->at_ms)) {
		n->some = true;
		n->at_ms = at_ms;
		n->district = row->origin;
		n->name = masked_name(id.name);
		n->number = masked_number(id.doc_number);
	}
	explicit_bzero(plain, sizeof plain);
	return true;
}

static void publish_one(struct opening *o, struct store_txn *views, const uint8_t pid[PID_BYTES])
{
	uint8_t members[MEMBERS_MAX][PID_BYTES];
	size_t n = case_members(views, pid, members, MEMBERS_MAX);
	struct newest newest = { .o = o };

	for (size_t i = 0; i < n && i < MEMBERS_MAX; i++)
		identity_walk(views, members[i], newest_row, &newest);
	if (newest.some)
		publish_row(o->table, pid, newest.district, &newest.name, &newest.number);
}

/* The ids, one after the other; false: one is nobody's. */
static bool ids_each(struct opening *o, struct store_txn *views,
	void (*fn)(struct opening *o, struct store_txn *views, const uint8_t pid[PID_BYTES]))
{
	struct text ids = text_of(api_arg(o->call, "ids"));

	while (ids.n) {
		const char *comma = memchr(ids.p, ',', ids.n);
		size_t n = comma ? (size_t)(comma - ids.p) : ids.n;
		uint8_t pid[PID_BYTES];

		if (!registrar_named(views, text_trim((struct text){ ids.p, n }), pid))
			return false;
		if (fn)
			fn(o, views, pid);
		o->count += !fn;
		n += comma != NULL;
		ids = (struct text){ ids.p + n, ids.n - n };
	}
	return true;
}

static void publish(struct opening *o, struct store_txn *views)
{
	if (!may_open(o))
		return;
	if (!ids_each(o, views, NULL) || o->count == 0 || o->count > PUBLISH_MAX) {
		refuse(o, 400, "--ids names no talent, or more than 500: write A,B,…");
		return;
	}
	if (!registrar_note(o->call,
		    &(struct access_line){
			    .act = o->act, .purpose = o->purpose, .count = o->count }) ||
		!table_begin(o, publish_columns, sizeof publish_columns / sizeof *publish_columns))
		return;
	(void)ids_each(o, views, publish_one);
	table_end(o, views);
}

static void publish_end(struct api_call *call, void *state, bool whole)
{
	struct opening o = { .call = call, .ask = state, .act = TALLY__ACCESS_ACT__ACCESS_PUBLISH };

	if (whole)
		with_views(&o, publish);
	ask_end(state);
}

const struct api_upload publish_upload = { ask_begin, ask_data, publish_end };
