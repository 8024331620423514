/* A record is read where it stands: register view → position → entry of the own ledger → body →
 * facts. One snapshot is one consistent moment. Columns come from the register's rows: of a
 * person's identity columns only the pid, the sex and the birth year are left. */
#include "daemon/intake/records.h"

#include <stdlib.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/intake/desk.h"
#include "daemon/identity/named.h"
#include "proto/entry.pb-c.h"

#define READ_MS 10000
#define ARENA_BYTES (256 * 1024)
#define FACTS_MAX (REGISTER_FIELDS_MAX + 3 * REGISTER_PERSONS_MAX + 5)
#define VERSIONS_MAX 1000
#define LIST_MAX 10000

/* ---- asking ---- */

const struct reg *records_register(struct api_call *call)
{
	const char *name = api_arg(call, "register");
	const struct reg *reg = register_find(text_of(name));
	struct buf known = { 0 };
	size_t n;

	if (reg)
		return reg;
	reg = registers(&n);
	for (size_t i = 0; i < n; i++)
		buf_printf(&known, "%s%s", i ? ", " : "", reg[i].name);
	api_fail(call, 404, "there is no register %.40s; there are: %s", name ? name : "",
		known.p ? known.p : "");
	buf_deinit(&known);
	return NULL;
}

void records_time(char out[32], uint64_t ms)
{
	int date = clock_date(ms);
	int second = (int)((ms / 1000 + 8 * 3600) % 86400); /* of Shanghai's day */

	(void)snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02d+08:00", date / 10000 % 10000,
		date / 100 % 100, date % 100, second / 3600, second / 60 % 60, second % 60);
}

/* What one answer needs; begun and ended as a whole. */
struct reading {
	struct api_call *call;
	struct daemon *d;
	struct desk *c;
	const struct reg *reg;
	struct store_txn *t;
	struct arena names; /* of columns; stands until the table is sent */
	struct arena row;
	struct api_column columns[FACTS_MAX];
	size_t n_columns;
	struct api_table *table;
	uint64_t left; /* rows that may still come */
	struct text after;
};

static struct reading *reading_begin(struct api_call *call)
{
	const struct reg *reg = records_register(call);
	struct reading *r = reg ? calloc(1, sizeof *r) : NULL;
	int err;

	if (!r) {
		if (reg)
			api_fail_err(call, ERR_NOMEM, "the record was not read");
		return NULL;
	}
	r->call = call;
	r->d = api_context(call);
	r->c = desk_of(r->d);
	r->reg = reg;
	arena_init(&r->names, ARENA_BYTES);
	arena_init(&r->row, ARENA_BYTES);
	err = store_read_begin(ledger_store(r->d->ledger), &r->t, READ_MS);
	if (err) {
		api_fail_err(call, err, "the store was not read");
		free(r);
		return NULL;
	}
	return r;
}

static void reading_end(struct reading *r)
{
	store_read_end(r->t);
	arena_deinit(&r->row);
	arena_deinit(&r->names);
	free(r);
}

/* ---- columns ---- */

static void column(struct reading *r, const char *name, const char *zh, enum api_kind kind)
{
	if (r->n_columns < FACTS_MAX)
		r->columns[r->n_columns++] =
			(struct api_column){ .name = name, .zh = zh, .en = name, .kind = kind };
}

static void person_column(
	struct reading *r, const char *prefix, const char *what, const char *zh, enum api_kind kind)
{
	size_t n = strlen(prefix) + strlen(what) + 1;
	char *name = arena_alloc(&r->names, n);

	if (!name)
		return;
	(void)snprintf(name, n, "%s%s", prefix, what);
	column(r, name, zh, kind);
}

static enum api_kind kind_of(enum field_type type)
{
	switch (type) {
	case FIELD_INT:
	case FIELD_YEAR:
	case FIELD_BOOL:
		return API_INT;
	case FIELD_DEC1:
	case FIELD_MONEY:
		return API_DECIMAL;
	default:
		return API_TEXT;
	}
}

/* Columns behind those of the answer's own. */
static void fact_columns(struct reading *r)
{
	const struct reg *reg = r->reg;

	for (size_t i = 0; i < reg->n_persons; i++) {
		person_column(r, reg->persons[i].prefix, "pid", "人员标识", API_TEXT);
		person_column(r, reg->persons[i].prefix, "sex", "性别", API_TEXT);
		person_column(r, reg->persons[i].prefix, "birth_year", "出生年份", API_INT);
	}
	for (size_t i = 0; i < reg->n_fields; i++)
		if (reg->fields[i].person < 0)
			column(r, reg->fields[i].name, reg->fields[i].zh,
				kind_of(reg->fields[i].type));
	r->table = api_table(r->call, r->columns, r->n_columns);
}

static void person_cells(struct reading *r, const struct record *rec, size_t i)
{
	static const char *const sexes[] = { NULL, "male", "female" };
	struct person_facts f = record_person(rec, i);
	char hex[2 * PID_BYTES + 1];

	if (f.pid)
		hex_put(hex, f.pid, PID_BYTES);
	api_cell_str(r->table, f.pid ? hex : NULL);
	api_cell_str(r->table, f.pid && f.sex <= SEX_FEMALE ? sexes[f.sex] : NULL);
	if (f.pid && f.birth_year)
		api_cell_int(r->table, f.birth_year);
	else
		api_cell_str(r->table, NULL);
}

/* The facts of a body; all cells empty when `rec` is NULL. */
static void fact_cells(struct reading *r, const struct record *rec)
{
	char text[1024];

	for (size_t i = 0; i < r->reg->n_persons; i++) {
		if (rec) {
			person_cells(r, rec, i);
			continue;
		}
		for (int k = 0; k < 3; k++)
			api_cell_str(r->table, NULL);
	}
	for (size_t i = 0; i < r->reg->n_fields; i++) {
		const struct field *f = &r->reg->fields[i];
		struct value v;
		size_t n;

		if (f->person >= 0)
			continue;
		v = rec ? record_value(rec, f) : (struct value){ .present = false };
		if (!v.present) {
			api_cell_str(r->table, NULL);
			continue;
		}
		n = value_print(f, &v, text, sizeof text);
		api_cell(r->table, (struct text){ text, n < sizeof text ? n : sizeof text });
	}
}

/* ---- rows ---- */

/* The entry at a position, and the record in it; rec->msg NULL: a retraction. 0, or what is wrong
 * with it. */
static int entry_at(struct reading *r, uint64_t position, struct entry_view *e, struct record *rec)
{
	struct text bytes;
	int err = ledger_get(r->t, ledger_own(r->d->ledger), position, &bytes);

	arena_reset(&r->row);
	*rec = (struct record){ .reg = r->reg };
	if (!err)
		err = entry_unpack(e, bytes, &r->row);
	if (!err && e->kind == TALLY__ENTRY_KIND__RECORD &&
		record_unpack(r->reg, e->body, &r->row, rec))
		err = ERR_DAMAGED;
	return err;
}

static struct text path_key(struct reading *r)
{
	const char *key = api_arg(r->call, "key");

	return view_key(text_of(r->reg->name), text_of(key), &r->names);
}

/* key, position, facts. */
static bool list_row(void *arg, struct view_row row)
{
	struct reading *r = arg;
	struct entry_view e;
	struct record rec;
	struct text key;

	if (row.retracted)
		return true;
	if (r->left-- == 0)
		return false;
	if (entry_at(r, row.position, &e, &rec)) {
		api_cell_str(r->table, NULL);
		api_cell_int(r->table, (int64_t)row.position);
		fact_cells(r, NULL);
		api_note(r->table, "entry %llu is damaged: see ledger verify",
			(unsigned long long)row.position);
		return true;
	}
	key = record_key(&rec, &r->row);
	api_cell(r->table, key);
	api_cell_int(r->table, (int64_t)row.position);
	fact_cells(r, &rec);
	return true;
}

static void list_columns(struct reading *r)
{
	column(r, "key", "键", API_TEXT);
	column(r, "position", "位置", API_INT);
	fact_columns(r);
}

void records_get(struct api_call *call)
{
	struct reading *r = reading_begin(call);
	struct text key;
	struct view_row row = { 0 };
	int err;

	if (!r)
		return;
	key = path_key(r);
	if (key.p)
		row = view_get(r->t, &r->c->view, key);
	err = store_txn_err(r->t);
	if (err) {
		api_fail_err(call, err, "the record was not read");
	} else if (row.position == 0 || row.retracted) {
		api_fail(call, 404,
			row.position ? "register %s: the record was retracted (see history)"
				     : "register %s holds no record under this key",
			r->reg->name);
	} else {
		r->left = 1;
		list_columns(r);
		(void)list_row(r, row);
		api_table_end(r->table);
	}
	reading_end(r);
}

void records_list(struct api_call *call)
{
	struct reading *r = reading_begin(call);
	const char *after = api_arg(call, "after");

	if (!r)
		return;
	if (!api_number(call, "limit", 100, 1, LIST_MAX, &r->left)) {
		reading_end(r);
		return;
	}
	if (after)
		r->after = view_key(text_of(r->reg->name), text_of(after), &r->names);
	list_columns(r);
	view_walk(r->t, &r->c->view, text_of(r->reg->name), r->after, list_row, r);
	if (store_txn_err(r->t))
		api_note(r->table, "the list broke off: %s", err_words(store_txn_err(r->t)));
	api_table_end(r->table);
	reading_end(r);
}

static void history_row(struct reading *r, uint64_t position)
{
	struct entry_view e;
	struct record rec;
	char at[32];
	int err = entry_at(r, position, &e, &rec);

	api_cell_int(r->table, (int64_t)position);
	if (err) {
		api_cell_str(r->table, "damaged");
		for (int i = 0; i < 3; i++)
			api_cell_str(r->table, NULL);
		fact_cells(r, NULL);
		return;
	}
	records_time(at, e.at_ms);
	api_cell_str(r->table, rec.msg ? "record" : "retracted");
	api_cell_str(r->table, at);
	api_cell(r->table, e.author);
	api_cell(r->table, e.reason);
	fact_cells(r, rec.msg ? &rec : NULL);
}

void records_history(struct api_call *call)
{
	struct reading *r = reading_begin(call);
	struct text key;
	uint64_t *positions = r ? malloc(VERSIONS_MAX * sizeof *positions) : NULL;
	size_t n = 0;

	if (!r)
		return;
	key = path_key(r);
	if (positions && key.p)
		n = view_history(r->t, &r->c->view, key, positions, VERSIONS_MAX);
	if (n == 0) {
		api_fail(call, 404, "register %s holds no record under this key", r->reg->name);
	} else {
		column(r, "position", "位置", API_INT);
		column(r, "state", "状态", API_TEXT);
		column(r, "at", "时间", API_TEXT);
		column(r, "author", "经办", API_TEXT);
		column(r, "reason", "原因", API_TEXT);
		fact_columns(r);
		for (size_t i = 0; i < n; i++)
			history_row(r, positions[i]);
		api_table_end(r->table);
	}
	free(positions);
	reading_end(r);
}

void records_retract(struct api_call *call)
{
	struct daemon *d = api_context(call);
	const struct reg *reg = records_register(call);
	struct text reason = text_trim(text_of(api_arg(call, "reason"))),
		    key = text_of(api_arg(call, "key"));
	uint64_t position;
	int err;

	if (!reg)
		return;
	if (reason.n == 0 || !text_utf8_ok(reason) || text_chars(reason) > 200 ||
		!text_utf8_ok(key)) {
		api_fail(call, 400, "a retraction wants a reason of 1 to 200 characters");
		return;
	}
	if (text_names_somebody(reason)) {
		api_fail(call, 400, "the reason: %s", NAMED_WORDS);
		return;
	}
	err = intake_retract(desk_of(d)->intake, reg, key, api_user(call), reason, &position);
	if (err == ERR_NOTFOUND)
		api_fail(call, 404, "register %s holds no record under this key", reg->name);
	else if (err)
		api_fail_err(call, err, "the record was not retracted");
	else
		api_json(call, json_pack("{s:s, s:I}", "register", reg->name, "position",
				       (json_int_t)position));
}
