/* Inside a transaction: get, put, walk.
 *
 * Errors are sticky: the first one stays in t->err, every later call does nothing, and the caller
 * looks once at the end. Not found is an answer, no error. After an error LMDB may refuse the whole
 * transaction (t->dead): then a job cannot be dropped alone, its group is done again.
 *
 * Cursors: in a write transaction a cursor keeps a copy of its key. When anything was written since
 * it was placed it finds its place again by that key; what LMDB does to cursors on pages that
 * split, merge or move is never relied upon.
 *
 * Cost: LMDB copies every page it changes into memory until the commit. How many is not told, so it
 * is estimated: an append fills pages one after the other; another put dirties at most one leaf
 * each, and never more leaves than the tree has; a value too long for a leaf has pages of its own.
 */
#include <assert.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/store/inside.h"
#include "daemon/store/redo.h"

struct store_cursor {
	MDB_cursor *mc;
	struct store_txn *t;
	struct store_cursor *prev, *next;
	int table;
	bool placed;
	uint64_t changes; /* t->changes when it was placed */
	size_t key_n;
	char key[KEY_MAX];
};

void txn_begin(struct store_txn *t, struct store *s, MDB_txn *txn)
{
	assert(!t->cursors);
	t->s = s;
	t->txn = txn;
	t->err = 0;
	t->number++;
	t->dead = t->map_full = false;
	t->changes = t->dirty = 0;
	memset(t->cost, 0, sizeof t->cost);
}

int txn_keep(struct store_txn *t, int rc)
{
	if (rc == 0)
		return 0;
	if (rc != MDB_KEYEXIST && rc != MDB_BAD_VALSIZE)
		t->dead = true;
	if (rc == MDB_MAP_FULL)
		t->map_full = true;
	if (!t->err)
		t->err = store_err(rc);
	return t->err;
}

int store_txn_err(const struct store_txn *t)
{
	return t->err;
}

uint64_t store_txn_number(const struct store_txn *t)
{
	return t->number;
}

void store_fail(struct store_txn *t, int err)
{
	if (!t->err)
		t->err = err;
}

static bool usable(struct store_txn *t)
{
	if (t->err)
		return false;
	if (!t->writing && clock_mono_ms() >= t->deadline_ms)
		t->err = ERR_EXPIRED;
	return !t->err;
}

static MDB_dbi dbi_of(const struct store_txn *t, int table)
{
	assert(table >= 0 && (size_t)table < t->s->n_tables);
	return t->s->dbi[table];
}

static MDB_val val_of(struct text t)
{
	return (MDB_val){ t.n, (void *)t.p };
}

static struct text text_of_val(MDB_val v)
{
	return (struct text){ v.mv_data, v.mv_size };
}

/* ---- one key ---- */

int store_get(struct store_txn *t, int table, struct text key, struct text *value)
{
	MDB_val k = val_of(key), v;
	int rc;

	*value = (struct text){ 0 };
	if (!usable(t))
		return t->err;
	if (key.n == 0 || key.n > KEY_MAX)
		return ERR_NOTFOUND;
	rc = mdb_get(t->txn, dbi_of(t, table), &k, &v);
	if (rc == MDB_NOTFOUND)
		return ERR_NOTFOUND;
	if (rc)
		return txn_keep(t, rc);
	*value = text_of_val(v);
	return 0;
}

/* Adds a write of n bytes to the estimate; false, with a sticky error, when a job without the
 * reserve goes beyond its budget. */
static bool charge(struct store_txn *t, int table, size_t n, bool append)
{
	struct cost *c = &t->cost[table];
	uint64_t tree, page = t->s->page;

	if (!c->known) {
		MDB_stat st;

		if (txn_keep(t, mdb_stat(t->txn, dbi_of(t, table), &st)))
			return false;
		c->pages = st.ms_branch_pages + st.ms_leaf_pages;
		c->known = true;
	}
	if (!append || c->puts == 0)
		c->puts++;
	if (n > page / 2)
		c->large += n / page + 1;
	else
		c->bytes += n + 16;
	tree = c->pages + c->bytes * 3 / 2 / page + 1;
	tree = (c->puts < tree ? c->puts : tree) + c->bytes / page + c->large;
	if (tree > c->dirty) {
		t->dirty += tree - c->dirty;
		c->dirty = tree;
	}
	if (!t->reserve && t->dirty > t->budget) {
		store_fail(t, ERR_FULL);
		return false;
	}
	return true;
}

static bool may_write(struct store_txn *t, int table, struct text key, size_t n, bool append)
{
	assert(t->writing);
	if (t->err)
		return false;
	if (key.n == 0 || key.n > KEY_MAX) {
		store_fail(t, ERR_INVALID);
		return false;
	}
	return charge(t, table, key.n + n, append);
}

void store_put(struct store_txn *t, int table, struct text key, struct text value)
{
	MDB_val k = val_of(key), v = val_of(value);

	if (!may_write(t, table, key, value.n, false))
		return;
	t->changes++;
	durable_note(t, REDO_PUT, table, key, value);
	txn_keep(t, mdb_put(t->txn, dbi_of(t, table), &k, &v, 0));
}

void store_append(struct store_txn *t, int table, struct text key, struct text value)
{
	MDB_val k = val_of(key), v = val_of(value);

	if (!may_write(t, table, key, value.n, true))
		return;
	t->changes++;
	durable_note(t, REDO_PUT, table, key, value);
	txn_keep(t, mdb_put(t->txn, dbi_of(t, table), &k, &v, MDB_APPEND));
}

void *store_put_room(struct store_txn *t, int table, struct text key, size_t n)
{
	MDB_val k = val_of(key), v = { n, NULL };

	if (!may_write(t, table, key, n, false))
		return NULL;
	t->changes++;
	if (txn_keep(t, mdb_put(t->txn, dbi_of(t, table), &k, &v, MDB_RESERVE)))
		return NULL;
	durable_note_later(t, table, key, v.mv_data, n);
	return v.mv_data;
}

void store_del(struct store_txn *t, int table, struct text key)
{
	MDB_val k = val_of(key);
	int rc;

	if (!may_write(t, table, key, 0, false))
		return;
	t->changes++;
	durable_note(t, REDO_DEL, table, key, (struct text){ 0 });
	rc = mdb_del(t->txn, dbi_of(t, table), &k, NULL);
	if (rc != MDB_NOTFOUND)
		txn_keep(t, rc);
}

void store_clear(struct store_txn *t, int table)
{
	assert(t->writing);
	if (t->err)
		return;
	t->changes++;
	durable_note(t, REDO_CLEAR, table, (struct text){ 0 }, (struct text){ 0 });
	txn_keep(t, mdb_drop(t->txn, dbi_of(t, table), 0));
}

uint64_t store_count(struct store_txn *t, int table)
{
	MDB_stat st;

	if (!usable(t) || txn_keep(t, mdb_stat(t->txn, dbi_of(t, table), &st)))
		return 0;
	return st.ms_entries;
}

/* ---- walking ---- */

struct store_cursor *store_cursor_open(struct store_txn *t, int table)
{
	struct store_cursor *c = malloc(sizeof *c);

	/* without memory there is still a cursor to hand to the caller's loop: one that finds
	 * nothing, as t->err says */
	static struct store_cursor none;

	if (!c) {
		store_fail(t, ERR_NOMEM);
		return &none;
	}
	c->t = t;
	c->table = table;
	c->mc = NULL;
	c->placed = false;
	c->prev = NULL;
	c->next = t->cursors;
	if (c->next)
		c->next->prev = c;
	t->cursors = c;
	if (usable(t) && txn_keep(t, mdb_cursor_open(t->txn, dbi_of(t, table), &c->mc)))
		c->mc = NULL;
	return c;
}

void store_cursor_close(struct store_cursor *c)
{
	if (!c || !c->t)
		return;
	if (c->prev)
		c->prev->next = c->next;
	else
		c->t->cursors = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (c->mc)
		mdb_cursor_close(c->mc);
	free(c);
}

void txn_close_cursors(struct store_txn *t)
{
	struct store_cursor *c, *next;

	for (c = t->cursors; c; c = next) {
		next = c->next;
		if (c->mc)
			mdb_cursor_close(c->mc);
		free(c);
	}
	t->cursors = NULL;
}

int txn_renew_cursors(struct store_txn *t)
{
	int rc = 0;

	for (struct store_cursor *c = t->cursors; c && !rc; c = c->next) {
		c->placed = false;
		if (c->mc)
			rc = mdb_cursor_renew(t->txn, c->mc);
		else
			rc = mdb_cursor_open(t->txn, dbi_of(t, c->table), &c->mc);
	}
	return rc;
}

static bool walkable(struct store_cursor *c)
{
	return c->t && usable(c->t) && c->mc;
}

/* What LMDB answered → the caller's key and value. */
static bool land(
	struct store_cursor *c, int rc, MDB_val k, MDB_val v, struct text *key, struct text *value)
{
	struct store_txn *t = c->t;

	c->placed = rc == 0;
	if (rc) {
		if (rc != MDB_NOTFOUND)
			txn_keep(t, rc);
		return false;
	}
	if (t->writing) {
		if (k.mv_size > KEY_MAX) {
			store_fail(t, ERR_DAMAGED);
			return false;
		}
		memcpy(c->key, k.mv_data, k.mv_size);
		c->key_n = k.mv_size;
		c->changes = t->changes;
	}
	if (key)
		*key = text_of_val(k);
	if (value)
		*value = text_of_val(v);
	return true;
}

bool store_seek(struct store_cursor *c, struct text from, struct text *key, struct text *value)
{
	MDB_val k = val_of(from), v = { 0 };
	int rc;

	if (!walkable(c))
		return false;
	k.mv_size = from.n < KEY_MAX ? from.n : KEY_MAX;
	rc = mdb_cursor_get(c->mc, &k, &v, from.n ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && from.n > KEY_MAX && text_cmp(text_of_val(k), from) < 0)
		rc = mdb_cursor_get(c->mc, &k, &v, MDB_NEXT);
	return land(c, rc, k, v, key, value);
}

bool store_next(struct store_cursor *c, struct text *key, struct text *value)
{
	MDB_val k = { 0 }, v = { 0 };
	int rc;

	if (!walkable(c) || !c->placed)
		return false;
	if (c->t->writing && c->changes != c->t->changes) {
		struct text was = { c->key, c->key_n };

		k = val_of(was);
		rc = mdb_cursor_get(c->mc, &k, &v, MDB_SET_RANGE);
		if (rc || !text_eq(text_of_val(k), was))
			return land(c, rc, k, v, key, value);
	}
	rc = mdb_cursor_get(c->mc, &k, &v, MDB_NEXT);
	return land(c, rc, k, v, key, value);
}

bool store_before(struct store_cursor *c, struct text before, struct text *key, struct text *value)
{
	MDB_val k = val_of(before), v = { 0 };
	int rc = MDB_NOTFOUND;

	if (!walkable(c))
		return false;
	k.mv_size = before.n < KEY_MAX ? before.n : KEY_MAX;
	if (before.n > 0)
		rc = mdb_cursor_get(c->mc, &k, &v, MDB_SET_RANGE);
	if (rc == 0 && before.n > KEY_MAX && text_cmp(text_of_val(k), before) < 0)
		return land(c, rc, k, v, key, value);
	if (rc == 0)
		rc = mdb_cursor_get(c->mc, &k, &v, MDB_PREV);
	else if (rc == MDB_NOTFOUND) /* all keys are less */
		rc = mdb_cursor_get(c->mc, &k, &v, MDB_LAST);
	return land(c, rc, k, v, key, value);
}
