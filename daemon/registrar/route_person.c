/* The subject's rights: what is held here on one document number, and its shredding. The number is
 * a line of the body (asked for at the terminal), never a part of a path, a list of processes or a
 * log.
 *
 * export: purpose, number → the line in the access log, durable → the vault's identity, every entry
 * of the own ledger that speaks of the person (all versions, what was taken back too), and who
 * looked. One walk over the ledger: nobody is asked often for it, and nothing is kept for it.
 *
 * erase: likewise → the person's key and value go (vault_erase) → the store's free pages are
 * overwritten. Records, pids and figures stay. What was sealed to the city stays in the ledger, for
 * the registrar alone. */
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/figures/route_ask.h"
#include "daemon/intake/desk.h"
#include "daemon/intake/records.h"
#include "daemon/registrar/ask.h"
#include "daemon/registrar/registrar.h"
#include "daemon/registrar/routes.h"
#include "proto/check.h"
#include "proto/entry.pb-c.h"
#include "proto/identity.pb-c.h"

#define MEMORY (512u * 1024)
#define READ_MS 60000
#define RENEW_ENTRIES 10000
#define KEYS_MAX \
	4096 /* records of one person that are told from others when they are taken back \
	      */

struct subject {
	struct api_call *call;
	struct ask *ask;
	struct daemon *daemon;
	unsigned act;
	struct text purpose;
	uint8_t pid[PID_BYTES];
};

static void refuse(struct subject *s, int status, const char *why)
{
	(void)registrar_note(s->call,
		&(struct access_line){
			.act = s->act, .purpose = s->purpose, .refused = why, .count = 1 });
	api_fail(s->call, status, "%s", why);
}

/* Purpose and number; false: it was refused. */
static bool subject_take(struct subject *s)
{
	const char *type = api_arg(s->call, "doc_type"), *code;
	struct text number = ask_value(s->ask, "number"), canonical;
	char out[DOC_NUMBER_MAX + 1];
	enum sex sex;
	int birth_year;
	bool good;

	s->purpose = registrar_purpose(s->call);
	if (!desk_of(s->daemon)->secrets) {
		api_fail(s->call, 404, "this node holds no vault");
		return false;
	}
	if (s->purpose.n == 0) {
		refuse(s, 400, REGISTRAR_NO_PURPOSE);
		return false;
	}
	good = !s->ask->too_long &&
	       doc_check(text_of(type ? type : "111"), number, clock_date(clock_wall_ms()), out,
		       &canonical, &sex, &birth_year, &code) != VERDICT_HARD;
	if (good)
		secrets_pid(desk_of(s->daemon)->secrets, text_of(type ? type : "111"), canonical,
			s->pid);
	else
		refuse(s, 400, "this is no document number of that type (--doc-type, else 111)");
	explicit_bzero(out, sizeof out);
	return good;
}

static bool note(struct subject *s)
{
	return registrar_note(s->call,
		&(struct access_line){
			.act = s->act, .subject = s->pid, .purpose = s->purpose, .count = 1 });
}

/* ---- export ---- */

struct export
{
	struct subject *s;
	struct api_table *table;
	struct store_txn *t;
	struct arena arena;
	uint8_t(*keys)[KEY_HASH_BYTES]; /* of the person's records */
	size_t n_keys;
	uint64_t found;
	/* of the entry at hand */
	const struct entry_view *e;
	const char *what;
	struct text key;
};

static void line(struct export *x, const char *field, struct text value)
{
	char at[32];

	records_time(at, x->e ? x->e->at_ms : 0);
	if (x->e)
		api_cell_int(x->table, (int64_t)x->e->position);
	else
		api_cell_str(x->table, NULL);
	api_cell_str(x->table, x->e ? at : NULL);
	api_cell(x->table, x->e ? x->e->author : (struct text){ NULL, 0 });
	api_cell_str(x->table, x->what);
	api_cell(x->table, x->key);
	api_cell_str(x->table, field);
	api_cell(x->table, value);
}

static void vault_lines(struct export *x)
{
	const struct vault *v = intake_vault(desk_of(x->s->daemon)->intake);
	struct identity id;

	if (vault_get(x->t, v, x->s->pid, &x->arena, &id))
		return;
	x->found++;
	x->what = "vault";
	line(x, "name", id.name);
	line(x, "doc_type", id.doc_type);
	line(x, "doc_number", id.doc_number);
	line(x, "phone", id.phone);
	explicit_bzero((void *)(uintptr_t)id.name.p, id.name.n);
	explicit_bzero((void *)(uintptr_t)id.doc_number.p, id.doc_number.n);
	explicit_bzero((void *)(uintptr_t)id.phone.p, id.phone.n);
}

static bool of_person(const struct record *r, const uint8_t *pid)
{
	for (size_t i = 0; i < r->reg->n_persons; i++) {
		const uint8_t *p = record_person(r, i).pid;

		if (p && memcmp(p, pid, PID_BYTES) == 0)
			return true;
	}
	return false;
}

static void record_lines(struct export *x, const struct record *r)
{
	char text[4096];

	for (size_t i = 0; i < r->reg->n_fields; i++) {
		const struct field *f = &r->reg->fields[i];
		struct value v;
		size_t n;

		if (!f->pb)
			continue;
		v = record_value(r, f);
		if (!v.present && !v.n_list)
			continue;
		n = value_print(f, &v, text, sizeof text);
		line(x, f->name, (struct text){ text, n < sizeof text ? n : sizeof text });
	}
}

static void key_remember(struct export *x, struct text reg, struct text key)
{
	if (x->n_keys < KEYS_MAX)
		hash_key(x->keys[x->n_keys++], reg, key);
}

static bool key_known(const struct export *x, struct text reg, struct text key)
{
	uint8_t hash[KEY_HASH_BYTES];

	hash_key(hash, reg, key);
	for (size_t i = 0; i < x->n_keys; i++)
		if (memcmp(x->keys[i], hash, sizeof hash) == 0)
			return true;
	return false;
}

static void record_entry(struct export *x, const struct entry_view *e)
{
	const struct reg *reg = register_find(e->reg);
	struct record r;

	if (!reg || !reg->n_persons || record_unpack(reg, e->body, &x->arena, &r) ||
		!of_person(&r, x->s->pid))
		return;
	x->key = record_key(&r, &x->arena);
	x->what = reg->name;
	x->found++;
	key_remember(x, e->reg, x->key);
	record_lines(x, &r);
}

static void entry_lines(struct export *x, const struct entry_view *e)
{
	const struct reg *reg = register_find(e->reg);

	x->e = e;
	x->key = (struct text){ NULL, 0 };
	if (e->kind == TALLY__ENTRY_KIND__RECORD) {
		record_entry(x, e);
	} else if (e->kind == TALLY__ENTRY_KIND__RETRACT && reg && key_known(x, e->reg, e->key)) {
		x->what = reg->name;
		x->key = e->key;
		line(x, "retracted", e->reason);
	} else if (e->kind == TALLY__ENTRY_KIND__IDENTITY) {
		const Tally__Identity *i = tally__identity__unpack(
			&x->arena.pb, e->body.n, (const uint8_t *)e->body.p);

		x->what = "identity";
		if (i && i->pid.len == PID_BYTES && memcmp(i->pid.data, x->s->pid, PID_BYTES) == 0)
			line(x, "sealed", TEXT("to the registrar of the city"));
	}
	x->e = NULL;
}

static int ledger_lines(struct export *x)
{
	uint32_t own = ledger_own(x->s->daemon->ledger);
	uint64_t last = ledger_head(x->t, own).position;
	int err = 0;

	for (uint64_t p = 1; p <= last && !err && !api_stopping(x->s->call); p++) {
		struct entry_view e;
		struct text bytes;

		if (p % RENEW_ENTRIES == 0)
			err = store_read_renew(x->t);
		arena_reset(&x->arena);
		if (!err && ledger_get(x->t, own, p, &bytes) == 0 &&
			entry_unpack(&e, bytes, NULL) == 0)
			entry_lines(x, &e);
		if (!err)
			err = store_txn_err(x->t);
	}
	return err;
}

static bool log_line(void *arg, const struct access_row *row)
{
	struct export *x = arg;
	struct entry_view e = {
		.position = row->position, .at_ms = row->at_ms, .author = text_of(row->user)
	};

	if (!row->subject || memcmp(row->subject, x->s->pid, PID_BYTES) != 0)
		return true;
	x->e = &e;
	x->what = "access";
	x->key = (struct text){ NULL, 0 };
	line(x, row->refused.n ? "refused" : "opened", row->purpose);
	x->e = NULL;
	return true;
}

static const struct api_column export_columns[] = {
	{ "position", "位置", "position", API_INT },
	{ "at", "时间", "at", API_TEXT },
	{ "author", "经办", "author", API_TEXT },
	{ "register", "登记册", "register", API_TEXT },
	{ "key", "键", "key", API_TEXT },
	{ "field", "字段", "field", API_TEXT },
	{ "value", "值", "value", API_TEXT },
};

static void export_run(struct subject *s)
{
	struct export x = { .s = s, .keys = calloc(KEYS_MAX, KEY_HASH_BYTES) };
	int err = x.keys ? store_read_begin(ledger_store(s->daemon->ledger), &x.t, READ_MS)
			 : ERR_NOMEM;

	if (err) {
		free(x.keys);
		api_fail_err(s->call, err, "the ledger cannot be read");
		return;
	}
	arena_init(&x.arena, MEMORY);
	x.table =
		api_table(s->call, export_columns, sizeof export_columns / sizeof *export_columns);
	vault_lines(&x);
	err = ledger_lines(&x);
	store_read_end(x.t);
	if (!err)
		err = access_walk(registrar_of(s->daemon)->log, 0, log_line, &x);
	if (err) {
		api_set_exit(s->call, 1);
		api_note(x.table, "%s",
			ask_zh(s->call) ? "未能读完：以上并非全部"
					: "not all could be read: this is not all");
	}
	if (!x.found)
		api_note(x.table, "%s",
			ask_zh(s->call) ? "本机没有此人的信息"
					: "nothing is held here on this number");
	api_table_end(x.table);
	arena_deinit(&x.arena);
	free(x.keys);
}

static void export_end(struct api_call *call, void *state, bool whole)
{
	struct subject s = { .call = call,
		.ask = state,
		.daemon = api_context(call),
		.act = TALLY__ACCESS_ACT__ACCESS_EXPORT };

	if (whole && subject_take(&s) && note(&s))
		export_run(&s);
	ask_end(state);
}

const struct api_upload export_upload = { ask_begin, ask_data, export_end };

/* ---- erase ---- */

static int erase_job(struct store_txn *t, void *arg)
{
	const struct subject *s = arg;

	return vault_erase(t, intake_vault(desk_of(s->daemon)->intake), s->pid);
}

bool registrar_scrub(struct api_call *call)
{
	struct daemon *d = api_context(call);
	int err;

	pthread_mutex_lock(&registrar_of(d)->cases);
	err = store_scrub(ledger_store(d->ledger), TABLE_SCRUB);
	pthread_mutex_unlock(&registrar_of(d)->cases);
	if (err)
		api_fail_err(call, err,
			"erased, but the remains on the disk are not overwritten: make room and "
			"erase any other, or `backup` and start from the copy");
	return !err;
}

static void erase_end(struct api_call *call, void *state, bool whole)
{
	struct subject s = { .call = call,
		.ask = state,
		.daemon = api_context(call),
		.act = TALLY__ACCESS_ACT__ACCESS_ERASE };
	struct store *store = ledger_store(s.daemon->ledger);
	int err;

	if (!whole || !subject_take(&s) || !note(&s))
		goto out;
	err = store_write(store, erase_job, &s, STORE_RESERVE);
	if (err) {
		api_fail_err(call, err,
			err == ERR_NOTFOUND ? "the vault holds no identity of this number"
					    : "the identity cannot be erased");
		goto out;
	}
	if (registrar_scrub(call))
		api_json(call, json_pack("{s:b, s:b}", "erased", 1, "overwritten", 1));
out:
	ask_end(state);
}

const struct api_upload erase_upload = { ask_begin, ask_data, erase_end };
