/* The record index of a chunk: an open-addressed table over the store's.
 *
 * Stored: key hash (16) origin (4) → position (8), big-endian. The hashes are random, so the writes
 * of a chunk are sorted: neighbours share pages. The hash stands first so that one number in two
 * districts is seen by looking at the neighbour: an index of its own for that would cost a random
 * tree. */
#include "daemon/fold/record_index.h"

#include <stdlib.h>

#include "daemon/base/buf.h"

struct slot {
	uint8_t key[RECORD_KEY_BYTES];
	uint32_t life; /* of the round in which it was taken; else free */
	uint64_t position;
	bool watched;
};

struct record_index {
	struct slot **order; /* what was written, sorted */
	size_t n_order;
	struct slot *table;
	size_t room; /* a power of two */
	size_t n;
	uint32_t life;
};

struct record_index *record_index_open(void)
{
	struct record_index *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->room = 1024;
	x->life = 1;
	x->table = calloc(x->room, sizeof(*x->table));
	if (!x->table) {
		free(x);
		return NULL;
	}
	return x;
}

void record_index_close(struct record_index *x)
{
	if (x) {
		free(x->table);
		free(x->order);
	}
	free(x);
}

void record_index_reset(struct record_index *x)
{
	x->n = 0;
	x->n_order = 0;
	if (++x->life == 0) {
		memset(x->table, 0, x->room * sizeof(*x->table));
		x->life = 1;
	}
}

/* The hash is one already: its first bytes say where. */
static struct slot *slot_find(const struct record_index *x, const uint8_t key[RECORD_KEY_BYTES])
{
	uint64_t h;
	size_t i;

	memcpy(&h, key, sizeof(h));
	i = (size_t)(h ^ get_u32(key + KEY_HASH_BYTES)) & (x->room - 1);
	while (x->table[i].life == x->life && memcmp(x->table[i].key, key, RECORD_KEY_BYTES) != 0)
		i = (i + 1) & (x->room - 1);
	return &x->table[i];
}

static bool grow(struct record_index *x)
{
	struct record_index bigger = { .room = x->room * 2, .n = x->n, .life = x->life };

	bigger.table = calloc(bigger.room, sizeof(*bigger.table));
	if (!bigger.table)
		return false;
	for (size_t i = 0; i < x->room; i++)
		if (x->table[i].life == x->life)
			*slot_find(&bigger, x->table[i].key) = x->table[i];
	free(x->table);
	x->table = bigger.table;
	x->room = bigger.room;
	return true;
}

uint64_t record_index_get(
	struct record_index *x, struct store_txn *t, int table, const uint8_t key[RECORD_KEY_BYTES])
{
	const struct slot *s = slot_find(x, key);
	struct text value;

	if (s->life == x->life)
		return s->position;
	if (store_get(t, table, (struct text){ (const char *)key, RECORD_KEY_BYTES }, &value) != 0)
		return 0;
	if (value.n != 8) {
		store_fail(t, ERR_DAMAGED);
		return 0;
	}
	return get_u64((const uint8_t *)value.p);
}

bool record_index_put(struct record_index *x, const uint8_t key[RECORD_KEY_BYTES],
	uint64_t position, bool watched)
{
	struct slot *s = slot_find(x, key);

	if (s->life != x->life) {
		if (x->n * 2 >= x->room) {
			if (!grow(x))
				return false;
			s = slot_find(x, key);
		}
		memcpy(s->key, key, RECORD_KEY_BYTES);
		s->life = x->life;
		s->watched = false;
		x->n++;
	}
	s->position = position;
	s->watched = s->watched || watched;
	return true;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(
		(*(struct slot *const *)a)->key, (*(struct slot *const *)b)->key, RECORD_KEY_BYTES);
}

void record_index_write(struct record_index *x, struct store_txn *t, int table)
{
	struct slot **order = realloc(x->order, (x->n + 1) * sizeof(struct slot *));
	size_t n = 0;

	if (!order) {
		store_fail(t, ERR_NOMEM);
		return;
	}
	x->order = order;
	for (size_t i = 0; i < x->room; i++)
		if (x->table[i].life == x->life)
			order[n++] = &x->table[i];
	qsort(order, n, sizeof(struct slot *), by_key);
	x->n_order = n;
	for (size_t i = 0; i < n; i++) {
		struct text key = { (const char *)order[i]->key, RECORD_KEY_BYTES };
		uint8_t position[8];

		put_u64(position, order[i]->position);
		if (order[i]->position)
			store_put(t, table, key, (struct text){ (const char *)position, 8 });
		else
			store_del(t, table, key);
	}
}

/* ---- one key in two districts ---- */

static size_t holders(struct store_cursor *c, const uint8_t hash[KEY_HASH_BYTES],
	struct record_holder *out, size_t size)
{
	struct text key, value, from = { (const char *)hash, KEY_HASH_BYTES };
	size_t n = 0;

	for (bool more = store_seek(c, from, &key, &value);
		more && key.n == RECORD_KEY_BYTES && memcmp(key.p, hash, KEY_HASH_BYTES) == 0;
		more = store_next(c, &key, &value)) {
		if (n < size && value.n == 8)
			out[n] = (struct record_holder){ get_u32((const uint8_t *)key.p +
								 KEY_HASH_BYTES),
				get_u64((const uint8_t *)value.p) };
		n++;
	}
	return n;
}

size_t record_index_holders(struct store_txn *t, int table, const uint8_t hash[KEY_HASH_BYTES],
	struct record_holder *out, size_t size)
{
	struct store_cursor *c = store_cursor_open(t, table);
	size_t n = c ? holders(c, hash, out, size) : 0;

	if (c)
		store_cursor_close(c);
	return n;
}

void record_index_shared(struct record_index *x, struct store_txn *t, int table,
	void (*look)(void *arg, const uint8_t hash[KEY_HASH_BYTES], bool shared), void *arg)
{
	struct store_cursor *c = NULL;

	for (size_t i = 0; i < x->n_order; i++) {
		const struct slot *s = x->order[i];
		bool last = i + 1 == x->n_order ||
			    memcmp(s->key, x->order[i + 1]->key, KEY_HASH_BYTES) != 0;
		bool gone = !s->position, shared;

		/* Of one hash in two origins the last one speaks for all. */
		for (size_t k = i;
			last && k > 0 && memcmp(s->key, x->order[k - 1]->key, KEY_HASH_BYTES) == 0;
			k--)
			gone = gone || !x->order[k - 1]->position;
		if (!s->watched || !last)
			continue;
		if (!c)
			c = store_cursor_open(t, table);
		shared = c && holders(c, s->key, NULL, 0) > 1;
		if (shared || gone)
			look(arg, s->key, shared);
	}
	if (c)
		store_cursor_close(c);
}
