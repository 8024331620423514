/* A recount: fold up to where the running views were → look where they are now → fold the rest → …
 * until a snapshot of the running views shows just the positions that were folded anew. Then both
 * are walked side by side under these two snapshots.
 *
 * The order in which ledgers are mixed differs from that of the running views, and so do the
 * chunks: that is part of the proof. */
#include "daemon/fold/recount.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/fold/anew.h"

#define READ_MS 600000
#define DIGEST_PIECE 65536

struct work {
	struct recount *report;
	struct views *running;
	struct anew *anew;
	struct fold_bound *bounds; /* where the running views stand */
	size_t n_bounds;
};

/* ---- folding anew ---- */

static bool stop(void *arg, uint64_t entries)
{
	struct recount *r = arg;

	r->entries = entries;
	return r->stop && r->stop(r->arg);
}

/* Takes over the positions of a snapshot of the running views; *same: they are those folded
 * already. */
static int bounds_take(struct work *w, struct store_txn *t, bool *same)
{
	struct fold_bound *now = calloc(ORIGINS_MAX, sizeof(*now));
	size_t n;

	if (!now)
		return ERR_NOMEM;
	n = fold_positions(t, now, ORIGINS_MAX);
	*same = n == w->n_bounds && (n == 0 || memcmp(now, w->bounds, n * sizeof(*now)) == 0);
	free(w->bounds);
	w->bounds = now;
	w->n_bounds = n;
	return store_txn_err(t);
}

/* ---- comparing ---- */

struct digest {
	char *piece; /* hash of what came before, then keys and values with their lengths */
	size_t n;
	uint64_t keys;
};

static void digest_flush(struct digest *d)
{
	uint8_t hash[HASH_BYTES];

	hash_entry(hash, (struct text){ d->piece, d->n });
	memcpy(d->piece, hash, HASH_BYTES);
	d->n = HASH_BYTES;
}

static void digest_bytes(struct digest *d, struct text t)
{
	uint8_t length[8];

	put_u64(length, t.n);
	if (d->n + sizeof(length) > DIGEST_PIECE)
		digest_flush(d);
	memcpy(d->piece + d->n, length, sizeof(length));
	d->n += sizeof(length);
	while (t.n) {
		size_t part = DIGEST_PIECE - d->n < t.n ? DIGEST_PIECE - d->n : t.n;

		memcpy(d->piece + d->n, t.p, part);
		d->n += part;
		t.p += part;
		t.n -= part;
		if (d->n == DIGEST_PIECE)
			digest_flush(d);
	}
}

static bool digest_init(struct digest *d)
{
	*d = (struct digest){ .piece = calloc(1, DIGEST_PIECE), .n = HASH_BYTES };
	return d->piece != NULL;
}

static void digest_end(struct digest *d, uint8_t out[HASH_BYTES])
{
	digest_flush(d);
	memcpy(out, d->piece, HASH_BYTES);
	free(d->piece);
}

void view_digest(struct store_txn *t, int table, uint8_t out[HASH_BYTES], uint64_t *keys)
{
	struct store_cursor *c = store_cursor_open(t, table);
	struct text key, value;
	struct digest d;

	memset(out, 0, HASH_BYTES);
	*keys = 0;
	if (!digest_init(&d)) {
		store_fail(t, ERR_NOMEM);
		return;
	}
	for (bool more = c && store_seek(c, (struct text){ 0 }, &key, &value); more;
		more = store_next(c, &key, &value)) {
		digest_bytes(&d, key);
		digest_bytes(&d, value);
		++*keys;
	}
	digest_end(&d, out);
	if (c)
		store_cursor_close(c);
}

static void differs(struct recount_table *r, const char *how, struct text key)
{
	char hex[2 * 48 + 1];

	if (r->differs[0])
		return;
	hex_put(hex, key.p, key.n < 48 ? key.n : 48);
	snprintf(r->differs, sizeof(r->differs), "%s: %s", how, hex);
	r->equal = false;
}

/* Walks two cursors side by side up to the first difference. */
static void compare(
	struct recount_table *r, struct store_txn *running, struct store_txn *anew, int table)
{
	struct store_cursor *a = store_cursor_open(running, table),
			    *b = store_cursor_open(anew, table);
	struct text ka, va, kb, vb;
	bool more_a = a && store_seek(a, (struct text){ 0 }, &ka, &va),
	     more_b = b && store_seek(b, (struct text){ 0 }, &kb, &vb);

	while ((more_a || more_b) && r->equal) {
		int order = !more_a ? 1 : !more_b ? -1 : text_cmp(ka, kb);

		if (order < 0)
			differs(r, "only in the running views", ka);
		else if (order > 0)
			differs(r, "only in those folded anew", kb);
		else if (!text_eq(va, vb))
			differs(r, "another value", ka);
		else {
			more_a = store_next(a, &ka, &va);
			more_b = store_next(b, &kb, &vb);
		}
	}
	if (a)
		store_cursor_close(a);
	if (b)
		store_cursor_close(b);
}

static int compare_all(struct work *w, struct store_txn *running)
{
	struct store_txn *anew;
	int err = store_read_begin(anew_store(w->anew), &anew, READ_MS);

	if (err)
		return err;
	w->report->equal = true;
	for (int i = 0; i < VIEW_TABLES && !err; i++) {
		struct recount_table *r = &w->report->tables[i];

		*r = (struct recount_table){ .name = view_table_names[i], .equal = true };
		view_digest(running, i, r->digest_running, &r->running);
		view_digest(anew, i, r->digest_anew, &r->anew);
		compare(r, running, anew, i);
		w->report->equal = w->report->equal && r->equal;
		err = store_txn_err(running) ? store_txn_err(running) : store_txn_err(anew);
	}
	store_read_end(anew);
	return err;
}

/* ---- both beside each other ---- */

static int meta_job(struct store_txn *t, void *arg)
{
	const struct work *w = arg;
	uint8_t digest[HASH_BYTES];

	views_digest(views_conf(w->running)->forms, views_conf(w->running)->rules, digest);
	store_put(t, VIEW_META, TEXT("digest"), (struct text){ (const char *)digest, HASH_BYTES });
	return store_txn_err(t);
}

static int meet(struct work *w)
{
	bool same = false;
	int err = store_write(anew_store(w->anew), meta_job, w, 0);

	while (!err) {
		struct store_txn *t;

		err = store_read_begin(views_store(w->running), &t, READ_MS);
		if (err)
			break;
		err = bounds_take(w, t, &same);
		if (!err && same)
			err = compare_all(w, t);
		store_read_end(t);
		if (err || same)
			break;
		err = anew_fold(w->anew, w->bounds, w->n_bounds);
	}
	return err;
}

int recount_run(struct recount *r, struct views *v, const char *dir, struct errmsg *m)
{
	const struct views_conf *conf = views_conf(v);
	struct anew_conf ac = { .dir = dir,
		.limit_bytes = conf->limit_bytes,
		.ledger = conf->ledger,
		.forms = conf->forms,
		.rules = conf->rules,
		.city = conf->city,
		.stop = stop,
		.arg = r };
	struct work w = { .report = r, .running = v };
	int err = anew_open(&w.anew, &ac, m);

	r->entries = 0;
	if (err)
		return err;
	err = meet(&w);
	r->entries = anew_entries(w.anew);
	if (err)
		errmsg_set(m, "the recount could not be finished: %s", err_words(err));
	anew_close(w.anew);
	free(w.bounds);
	return err;
}
