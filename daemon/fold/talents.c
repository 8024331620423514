/* A person's row is a set of what each of its records brings: a record that comes adds to it. When
 * one changes or goes the row is made anew from all records: few people have one, and they have few
 * records. What has changed is also handed to the index in
 * memory, after the commit (views.c). */
#include "daemon/fold/talents.h"

#include <stdlib.h>

#include "daemon/fold/fold.h"
#include "daemon/talent/talent_alert.h"

#define TRACES_MOST 256

/* A row as it is now, in the buffer. */
struct changed {
	uint8_t pid[PID_BYTES];
	size_t at, n;
};

struct talents {
	const struct talent_rules *rules;
	struct store_txn *views, *ledgers;
	struct person_ref *refs;
	size_t refs_room;
	struct buf row;
	struct buf rows; /* of the chunk, one after the other */
	struct changed *changed;
	struct talent_change *changes; /* the same, made on asking */
	size_t n, room;
	bool failed; /* not all changes could be kept */
};

struct talents *talents_open(const struct talent_rules *t)
{
	struct talents *ts = calloc(1, sizeof(*ts));

	if (ts)
		ts->rules = t;
	return ts;
}

void talents_close(struct talents *ts)
{
	if (!ts)
		return;
	buf_deinit(&ts->row);
	buf_deinit(&ts->rows);
	free(ts->refs);
	free(ts->changed);
	free(ts->changes);
	free(ts);
}

void talents_reset(struct talents *ts, struct store_txn *views, struct store_txn *ledgers)
{
	ts->views = views;
	ts->ledgers = ledgers;
	ts->n = 0;
	ts->failed = false;
	buf_reset(&ts->rows);
}

/* ---- records ---- */

static void fact_add(struct fact_changes *changes, const struct record *r, unsigned source,
	const struct record_place *where, const uint8_t body[TALENT_TRACE_BYTES])
{
	struct fact_change c = { .weight = where->weight };

	memcpy(c.entity + 1, where->person ? where->person : record_person(r, 0).pid, PID_BYTES);
	c.fact[0] = (uint8_t)(source >> 8);
	c.fact[1] = (uint8_t)source;
	put_u32(c.fact + 2, where->origin);
	if (body)
		memcpy(c.fact + 6, body, TALENT_TRACE_BYTES);
	c.fact[18] = (uint8_t)(where->position >> 40);
	c.fact[19] = (uint8_t)(where->position >> 32);
	put_u32(c.fact + 20, (uint32_t)where->position);
	fact_changes_add(changes, &c);
}

static void mark_put(struct talents *ts, struct text key, bool stands)
{
	if (stands)
		store_put(ts->views, VIEW_MARK, key, TEXT(""));
	else
		store_del(ts->views, VIEW_MARK, key);
}

/* Of a person or a number: 16 bytes. */
static void mark_set(struct talents *ts, char kind, const uint8_t of[16], bool stands)
{
	char mark[17] = { kind };

	memcpy(mark + 1, of, 16);
	mark_put(ts, (struct text){ mark, sizeof(mark) }, stands);
}

void talents_shared(void *arg, const uint8_t hash[KEY_HASH_BYTES], bool shared)
{
	mark_set(arg, MARK_CERTIFICATE, hash, shared);
}

/* A district may write a mentor's talent id where it names the mentor. */
static void mentor_mark(struct talents *ts, const struct record *r, const char *field,
	const struct record_place *where)
{
	int i = register_field(r->reg, text_of(field));
	uint8_t key[MARK_KEY_MAX] = { MARK_MENTOR };
	struct value v = { 0 };

	if (i >= 0 && r->reg->fields[i].pb)
		v = record_value(r, &r->reg->fields[i]);
	if (!v.present || !talent_id_parse(v.text, key + 1))
		return;
	put_u32(key + 1 + TALENT_ID_BYTES, where->origin);
	put_u64(key + 5 + TALENT_ID_BYTES, where->position);
	mark_put(ts, (struct text){ (const char *)key, MARK_KEY_MAX }, where->weight > 0);
}

void talents_record(struct talents *ts, const struct record *r, const struct record_place *where,
	struct fact_changes *changes)
{
	struct talent_record one = { r, where->origin };
	struct talent_trace traces[TRACE_KINDS];
	size_t n;

	if (!r->reg->n_persons || !record_person(r, 0).pid)
		return;
	if (talent_row_wants(ts->rules, &one))
		fact_add(changes, r, FACT_TALENT, where, NULL);
	n = talent_traces(ts->rules, &one, traces);
	for (size_t i = 0; i < n; i++)
		fact_add(changes, r, FACT_TRACE + traces[i].kind, where, traces[i].body);
	if (strcmp(r->reg->name, "apprenticeship") == 0) {
		mentor_mark(ts, r, "mentor_employer", where);
		mentor_mark(ts, r, "mentor_school", where);
	}
}

bool talents_watches(const struct talents *ts, const struct reg *reg)
{
	for (const struct talent_alert *a = ts->rules->alerts; a; a = a->next)
		if (a->kind == ALERT_CERTIFICATE && a->reg == reg)
			return true;
	return false;
}

/* ---- records of a person ---- */

static int by_place(const void *a, const void *b)
{
	const struct person_ref *x = a, *y = b;

	if (x->origin != y->origin)
		return x->origin < y->origin ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

/* Sorts them, each once; their number. */
static size_t refs_once(struct person_ref *refs, size_t all)
{
	size_t n = 0;

	if (all)
		qsort(refs, all, sizeof(*refs), by_place);
	for (size_t i = 0; i < all; i++)
		if (n == 0 || by_place(&refs[n - 1], &refs[i]) != 0)
			refs[n++] = refs[i];
	return n;
}

size_t person_refs(struct fact_list l, struct person_ref *out)
{
	size_t n = 0;

	for (size_t i = 0; i < l.n; i++)
		if (fact_source(l.at[i]) != FACT_NAME)
			out[n++] = (struct person_ref){ fact_origin(l.at[i]), fact_ref(l.at[i]) };
	return refs_once(out, n);
}

int person_record(
	struct store_txn *ledgers, const struct person_ref *ref, struct arena *a, struct record *r)
{
	struct entry_view e;
	struct text bytes;
	const struct reg *reg;
	int err = ledger_get(ledgers, ref->origin, ref->position, &bytes);

	if (err)
		return err;
	if (entry_unpack(&e, bytes, a) != 0)
		return ERR_DAMAGED;
	reg = register_find(e.reg);
	return !reg || record_unpack(reg, e.body, a, r) != 0 ? ERR_DAMAGED : 0;
}

/* ---- persons ---- */

/* The facts from FACT_TALENT up to FACT_NAME. */
static struct fact_list own_facts(struct fact_list l)
{
	size_t end = l.n, first;

	while (end && fact_source(l.at[end - 1]) == FACT_NAME)
		end--;
	for (first = end; first && fact_source(l.at[first - 1]) >= FACT_TALENT; first--)
		;
	return (struct fact_list){ l.at + first, end - first };
}

static bool suspect(struct fact_list own)
{
	struct talent_trace traces[TRACES_MOST];
	size_t n = 0;

	for (size_t i = 0; i < own.n && n < TRACES_MOST; i++) {
		unsigned source = fact_source(own.at[i]);

		if (source < FACT_TRACE)
			continue;
		traces[n].kind = source - FACT_TRACE;
		traces[n].origin = fact_origin(own.at[i]);
		memcpy(traces[n++].body, own.at[i] + 6, TALENT_TRACE_BYTES);
	}
	return talent_traces_suspect(traces, n);
}

static bool changed_grow(struct talents *ts)
{
	size_t room = ts->room ? ts->room * 2 : 256;
	void *more = realloc(ts->changed, room * sizeof(*ts->changed));

	if (!more)
		return false;
	ts->changed = more;
	more = realloc(ts->changes, room * sizeof(*ts->changes));
	if (!more)
		return false;
	ts->changes = more;
	ts->room = room;
	return true;
}

static void changed_keep(struct talents *ts, const uint8_t pid[PID_BYTES], struct text row)
{
	struct changed *c;

	if (ts->n == ts->room && !changed_grow(ts)) {
		ts->failed = true;
		return;
	}
	c = &ts->changed[ts->n++];
	memcpy(c->pid, pid, PID_BYTES);
	c->at = ts->rows.n;
	c->n = row.n;
	buf_text(&ts->rows, row);
}

bool talents_changes(const struct talents *ts, const struct talent_change **out, size_t *n)
{
	for (size_t i = 0; i < ts->n; i++) {
		memcpy(ts->changes[i].pid, ts->changed[i].pid, PID_BYTES);
		ts->changes[i].row =
			(struct text){ ts->rows.p + ts->changed[i].at, ts->changed[i].n };
	}
	*out = ts->changes;
	*n = ts->n;
	return !ts->failed && !ts->rows.failed;
}

static bool refs_grow(struct talents *ts, size_t n)
{
	void *more;

	if (n <= ts->refs_room)
		return true;
	more = realloc(ts->refs, n * 2 * sizeof(*ts->refs));
	if (!more)
		return false;
	ts->refs = more;
	ts->refs_room = n * 2;
	return true;
}

/* The records that come by the changes, into ts->refs. */
static size_t refs_coming(struct talents *ts, const struct talent_todo *todo)
{
	size_t n = 0;

	for (size_t i = 0; i < todo->n; i++) {
		const uint8_t *fact = todo->changes[i].fact;

		if (fact_source(fact) != FACT_NAME)
			ts->refs[n++] = (struct person_ref){ fact_origin(fact), fact_ref(fact) };
	}
	return refs_once(ts->refs, n);
}

/* Adds to ts->row what n records of ts->refs bring. */
static int row_add(struct talents *ts, size_t n, struct arena *scratch)
{
	for (size_t i = 0; i < n; i++) {
		struct record r;
		int err;

		arena_reset(scratch);
		err = person_record(ts->ledgers, &ts->refs[i], scratch, &r);
		if (store_txn_err(ts->ledgers))
			return store_txn_err(ts->ledgers);
		if (err)
			continue;
		talent_row_add(
			&ts->row, ts->rules, &(struct talent_record){ &r, ts->refs[i].origin });
	}
	talent_row_end(&ts->row);
	return ts->row.failed ? ERR_NOMEM : 0;
}

/* Makes ts->row of the records that the facts name, or of the row that there is and the records
 * that come. */
static int row_make(struct talents *ts, const struct talent_todo *todo, struct text row,
	struct fact_list l, struct arena *scratch)
{
	bool more = todo->what & TALENTS_MORE && row.n;

	buf_reset(&ts->row);
	if (!refs_grow(ts, more ? todo->n : l.n))
		return ERR_NOMEM;
	if (!more)
		return row_add(ts, person_refs(l, ts->refs), scratch);
	buf_text(&ts->row, row);
	return row_add(ts, refs_coming(ts, todo), scratch);
}

static bool wanted(struct fact_list own)
{
	return own.n && fact_source(own.at[0]) == FACT_TALENT;
}

size_t talents_crowd(const struct talents *ts)
{
	return talent_alert_crowd(ts->rules);
}

struct talent_todo talents_look(struct fact_list old, struct fact_list new,
	const struct fact_change *changes, size_t n, size_t crowd)
{
	struct fact_list own_old = own_facts(old), own_new = own_facts(new);
	struct talent_todo todo = { .changes = changes, .n = n };
	bool was, is, more = wanted(own_old);

	if (!own_old.n && !own_new.n && old.n <= crowd && new.n <= crowd)
		return todo;
	for (size_t i = 0; i < n && more; i++)
		more = changes[i].weight > 0;
	was = old.n > crowd || suspect(own_old);
	is = new.n > crowd || suspect(own_new);
	todo.what = (wanted(own_old) || wanted(own_new) ? TALENTS_ROW : 0) |
		    (is && !was ? TALENTS_MARK : 0) | (was && !is ? TALENTS_UNMARK : 0) |
		    (more ? TALENTS_MORE : 0);
	return todo;
}

int talents_person(struct talents *ts, const uint8_t pid[PID_BYTES], const struct talent_todo *todo,
	struct fact_list new, struct arena *scratch)
{
	struct text key = { (const char *)pid, PID_BYTES }, row = { 0 }, old;
	int err = 0;

	if (todo->what & (TALENTS_MARK | TALENTS_UNMARK))
		mark_set(ts, MARK_PERSON, pid, todo->what & TALENTS_MARK);
	if (!(todo->what & TALENTS_ROW))
		return 0;
	store_get(ts->views, VIEW_TALENT, key, &old);
	if (wanted(own_facts(new))) {
		err = row_make(ts, todo, old, new, scratch);
		row = (struct text){ ts->row.p, ts->row.n };
	}
	if (err || (row.n && text_eq(row, old)))
		return err;
	if (row.n)
		store_put(ts->views, VIEW_TALENT, key, row);
	else
		store_del(ts->views, VIEW_TALENT, key);
	changed_keep(ts, pid, row);
	return 0;
}
