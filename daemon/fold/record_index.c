/* The record index of a chunk: an open-addressed table over the store's.
 *
 * Stored: key origin (4) hash (16) → position (8), big-endian. Sixteen districts are sixteen runs
 * of keys; within one the hashes are random, so the writes of a chunk are sorted: neighbours share
 * pages. */
#include "daemon/fold/record_index.h"

#include <stdlib.h>

#include "daemon/base/buf.h"

struct slot {
	uint8_t key[RECORD_KEY_BYTES];
	uint32_t life; /* of the round in which it was taken; else free */
	uint64_t position;
};

struct record_index {
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
	if (x)
		free(x->table);
	free(x);
}

void record_index_reset(struct record_index *x)
{
	x->n = 0;
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

	memcpy(&h, key + 4, sizeof(h));
	i = (size_t)(h ^ get_u32(key)) & (x->room - 1);
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
	*x = bigger;
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

bool record_index_put(
	struct record_index *x, const uint8_t key[RECORD_KEY_BYTES], uint64_t position)
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
		x->n++;
	}
	s->position = position;
	return true;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(
		(*(struct slot *const *)a)->key, (*(struct slot *const *)b)->key, RECORD_KEY_BYTES);
}

void record_index_write(struct record_index *x, struct store_txn *t, int table)
{
	struct slot **order = malloc((x->n + 1) * sizeof(struct slot *));
	size_t n = 0;

	if (!order) {
		store_fail(t, ERR_NOMEM);
		return;
	}
	for (size_t i = 0; i < x->room; i++)
		if (x->table[i].life == x->life)
			order[n++] = &x->table[i];
	qsort(order, n, sizeof(struct slot *), by_key);
	for (size_t i = 0; i < n; i++) {
		struct text key = { (const char *)order[i]->key, RECORD_KEY_BYTES };
		uint8_t position[8];

		put_u64(position, order[i]->position);
		if (order[i]->position)
			store_put(t, table, key, (struct text){ (const char *)position, 8 });
		else
			store_del(t, table, key);
	}
	free(order);
}
