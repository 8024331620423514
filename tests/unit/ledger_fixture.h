/* A ledger in a folder of its own, and small helpers around it, for the tests of the room. */
#ifndef LEDGER_FIXTURE_H
#define LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/ledger/ledger.h"
#include "daemon/ledger/rows.h"
#include "proto/entry.pb-c.h"

struct world {
	char dir[64];
	uint32_t own;
	struct sign_key key;
	struct ledger *l;
};

/* Seeded, so that a failure can be run again. */
static uint64_t chance_state;
static inline uint32_t chance(uint32_t below)
{
	chance_state = chance_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((chance_state >> 33) % below);
}

static inline int world_try(struct world *w, struct errmsg *m)
{
	struct store_conf conf = { .limit_bytes = 256 << 20, .create = true };
	return ledger_open(&w->l, w->dir, &w->key, w->own, &conf, m);
}

static inline void world_open(struct world *w, uint32_t own, uint8_t seed)
{
	uint8_t bytes[SIGN_SEED_BYTES];
	struct errmsg m;
	memset(bytes, seed, sizeof bytes);
	assert_int_equal(hash_init(), 0);
	strcpy(w->dir, "/tmp/tally-ledger-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->own = own;
	sign_key_init(&w->key, bytes);
	int err = world_try(w, &m);
	if (err)
		fail_msg("%s", m.text);
}

static inline void world_close(struct world *w)
{
	char command[128];
	ledger_close(w->l);
	sign_key_deinit(&w->key);
	snprintf(command, sizeof command, "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
}

struct appending {
	struct world *w;
	size_t n, size;	 /* entries, bytes of each body */
	unsigned letter; /* what the bodies are made of */
	uint64_t last;
};

static inline int appending_job(struct store_txn *t, void *arg)
{
	struct appending *a = arg;
	static char body[LEDGER_ENTRY_MAX * 2];
	memset(body, (int)a->letter, a->size);
	for (size_t i = 0; i < a->n; i++) {
		struct entry_draft d = { .kind = TALLY__ENTRY_KIND__RECORD,
			.at_ms = 1000 + i,
			.author = TEXT("clerk"),
			.reg = TEXT("training"),
			.body = { body, a->size } };
		a->last = ledger_append(t, a->w->l, &d);
	}
	return store_txn_err(t);
}

static inline int append(struct world *w, size_t n, size_t size, char letter)
{
	struct appending a = { w, n, size, (unsigned char)letter, 0 };
	return store_write(ledger_store(w->l), appending_job, &a, 0);
}

static inline struct store_txn *snapshot(struct world *w)
{
	struct store_txn *t;
	assert_int_equal(store_read_begin(ledger_store(w->l), &t, 60000), 0);
	return t;
}

static inline struct ledger_head head_of(struct world *w, uint32_t origin)
{
	struct store_txn *t = snapshot(w);
	struct ledger_head h = ledger_head(t, origin);
	store_read_end(t);
	return h;
}

static inline struct ledger_verdict verdict_of(struct world *w, uint32_t origin)
{
	struct ledger_verdict v;
	int err = ledger_verify(w->l, origin, NULL, &v, NULL, NULL);
	if (err != v.err)
		fail_msg("verify: %s", err_words(err));
	return v;
}

static inline int make(struct world *w, uint32_t origin, uint64_t first, size_t most,
	struct buf *out, uint64_t *last)
{
	struct store_txn *t = snapshot(w);
	int err = ledger_batch_make(t, origin, first, most, out, last);
	store_read_end(t);
	return err;
}

struct accepting {
	struct world *w;
	const struct ledger_batch *b;
	int verdict;
};

static inline int accepting_job(struct store_txn *t, void *arg)
{
	struct accepting *a = arg;
	a->verdict = ledger_accept(t, a->w->l, a->b);
	return 0; /* the verdict is not sticky: the job goes on, and what it wrote (nothing) is kept
		   */
}

static inline int accept_batch(struct world *w, const struct ledger_batch *b)
{
	struct accepting a = { w, b, 0 };
	assert_int_equal(store_write(ledger_store(w->l), accepting_job, &a, 0), 0);
	return a.verdict;
}

/* Makes a batch at one, checks and accepts it at the other. Returns its last position, 0: nothing
 * to send. */
static inline uint64_t send_batch(struct world *from, struct world *to, uint32_t origin,
	const uint8_t *signer, uint64_t first, size_t most)
{
	struct buf packed = { 0 };
	struct arena a;
	struct ledger_batch b;
	uint64_t last;
	assert_int_equal(make(from, origin, first, most, &packed, &last), 0);
	if (last) {
		arena_init(&a, 1 << 20);
		assert_int_equal(
			ledger_batch_check(&b, buf_as_text(&packed), origin, signer, &a), 0);
		assert_int_equal(b.last, last);
		assert_int_equal(accept_batch(to, &b), 0);
		arena_deinit(&a);
	}
	buf_deinit(&packed);
	return last;
}

/* A raw row: what a damaged disk would do. */
struct raw {
	int table;
	struct text key, value; /* value {NULL, 0}: delete */
};

static inline int raw_job(struct store_txn *t, void *arg)
{
	struct raw *r = arg;
	if (r->value.p)
		store_put(t, r->table, r->key, r->value);
	else
		store_del(t, r->table, r->key);
	return store_txn_err(t);
}

static inline void raw_put(struct world *w, int table, struct text key, struct text value)
{
	struct raw r = { table, key, value };
	assert_int_equal(store_write(ledger_store(w->l), raw_job, &r, 0), 0);
}

/* A copy of a row's value, at most `size` bytes; its length, 0: none. */
static inline size_t raw_get(struct world *w, int table, struct text key, uint8_t *out, size_t size)
{
	struct store_txn *t = snapshot(w);
	struct text value;
	size_t n = 0;
	if (store_get(t, table, key, &value) == 0) {
		assert_true(value.n <= size);
		memcpy(out, value.p, value.n);
		n = value.n;
	}
	store_read_end(t);
	return n;
}

#endif
