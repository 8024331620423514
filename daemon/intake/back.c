/* Rows that name records which are to be taken back: the column `key`, or the columns that the
 * register's natural key is made of (other columns of the register may stand there too: the file of
 * a mistaken import can be given as it is); and, where one stands, the column `reason`.
 *
 * Whether something stands under the key is asked at once, on a snapshot: then the row can be
 * refused with its cells. Between that and the commit a record can only have been retracted by
 * somebody else, which is the outcome "unchanged". Nothing that ever stood vanishes. */
#include "daemon/intake/run.h"
#include "daemon/identity/named.h"

#define LOOK_MS 10000
#define REASON_CHARS 200

/* Does anything stand there, be it retracted? */
static bool stands(struct intake_run *r, struct text key)
{
	struct intake *in = r->in;
	struct store_txn *t;
	struct view_row row = { 0 };
	int err = store_read_begin(ledger_store(in->conf.ledger), &t, LOOK_MS);

	if (!err) {
		row = view_get(t, &in->take.view, key);
		err = store_txn_err(t);
		store_read_end(t);
	}
	if (err)
		pipeline_fail(&r->pipeline, err, "the store was not read");
	return row.position != 0;
}

static struct text reason_of(const struct intake_run *r, const struct reader_row *row)
{
	struct text own = { NULL, 0 };

	if (r->columns.reason >= 0)
		own = text_trim(row->cells[r->columns.reason]);
	return own.n ? own : buf_as_text(&r->reason);
}

static bool control(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.p[i] < 0x20 || t.p[i] == 0x7f)
			return true;
	return false;
}

/* The natural key, in the row's arena; p is NULL when a fault was added. */
static struct text key_of(struct intake_run *r, const struct reader_row *row, struct faults *f)
{
	struct text key = { NULL, 0 };
	struct identity id;
	struct record rec;
	struct row cells;
	uint8_t *pid, *tag;

	if (r->columns.key >= 0 && text_trim(row->cells[r->columns.key]).n)
		return text_trim(row->cells[r->columns.key]);
	columns_row(&r->columns, row->cells, &cells);
	if (record_key_from_row(&cells, r->today, &r->arena, &rec, &id, f)) {
		faults_add(f, "E018", NULL);
		return key;
	}
	if (f->hard)
		return key;
	pid = arena_alloc(&r->arena, PID_BYTES);
	tag = arena_alloc(&r->arena, NAME_TAG_BYTES);
	if (id.doc_number.n && pid && tag) {
		id.present = true;
		secrets_pid(r->in->conf.secrets, id.doc_type, id.doc_number, pid);
		record_set_person(&rec, 0, &id, pid, tag);
	}
	key = record_key(&rec, &r->arena);
	if (!key.p)
		faults_add(f, "E018", NULL);
	return key;
}

/* A record that is named. */
struct naming {
	struct text key, reason;
	uint64_t line;
};

/* Into the chunk that is being filled. False: no room there. */
static bool put_item(struct slot *s, struct intake_run *r, const struct naming *n)
{
	struct item *item = &s->chunk.items[s->chunk.n_items];

	if (s->chunk.n_items == CHUNK_ITEMS)
		return false;
	item->key = view_key(text_of(r->reg->name), n->key, &s->arena);
	item->natural = arena_copy(&s->arena, n->key);
	item->body = arena_copy(&s->arena, n->reason);
	if (!item->key.p || !item->natural.p || !item->body.p)
		return false;
	item->line = n->line;
	s->chunk.n_items++;
	return true;
}

static bool put(struct intake_run *r, const struct naming *n)
{
	struct slot *s = pipeline_slot(&r->pipeline);

	if (s && put_item(s, r, n))
		return true;
	if (!s || !s->chunk.n_items)
		return false;
	run_post(r);
	s = pipeline_slot(&r->pipeline);
	return s && put_item(s, r, n);
}

bool back_row(struct intake_run *r, const struct reader_row *row)
{
	struct naming n = { .line = row->line };
	struct faults f = { 0 };
	struct text place;

	arena_reset(&r->arena);
	if (run_row_ok(r, row, &f)) {
		n.key = key_of(r, row, &f);
		n.reason = reason_of(r, row);
	}
	if (!f.n && (!n.reason.n || text_chars(n.reason) > REASON_CHARS || control(n.reason)))
		faults_add(&f, "E093", NULL);
	if (!f.n && text_names_somebody(n.reason))
		faults_add(&f, "E410", NULL);
	if (!f.n) {
		place = view_key(text_of(r->reg->name), n.key, &r->arena);
		if (!place.p || !stands(r, place))
			faults_add(&f, "E092", NULL);
	}
	if (!f.n && !run_failed(r) && !put(r, &n))
		faults_add(&f, "E018", NULL);
	if (f.n && !run_failed(r))
		run_refuse(r, row, &f);
	return !run_failed(r);
}
