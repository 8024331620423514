/* A list of changes, sorted and added up when it is written. Surveys are small: nothing cleverer is
 * needed. */
#include "daemon/fold/samples.h"

#include <stdlib.h>

#include "daemon/base/buf.h"

#define SIGN (1ull << 63)

struct change {
	uint8_t key[SAMPLE_KEY_MAX];
	uint8_t n; /* bytes of the key */
	int32_t weight;
};

struct samples {
	struct change *at;
	size_t n, room;
	bool failed;
};

struct samples *samples_open(void)
{
	return calloc(1, sizeof(struct samples));
}

void samples_close(struct samples *s)
{
	if (s)
		free(s->at);
	free(s);
}

void samples_reset(struct samples *s)
{
	s->n = 0;
	s->failed = false;
}

void samples_add(struct samples *s, const struct sample *change, size_t n_dims)
{
	struct change c = { .weight = change->count };
	size_t n = cell_key_put(c.key, &change->at, n_dims);

	put_u64(c.key + n, (uint64_t)change->value ^ SIGN);
	put_u64(c.key + n + 8, change->unit);
	c.n = (uint8_t)(n + 16);
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 256;
		struct change *more = realloc(s->at, room * sizeof(*more));

		if (!more) {
			s->failed = true;
			return;
		}
		s->at = more;
		s->room = room;
	}
	s->at[s->n++] = c;
}

void samples_each(const struct samples *s, void (*fn)(void *arg, struct text key), void *arg)
{
	for (size_t i = 0; i < s->n; i++)
		fn(arg, (struct text){ (const char *)s->at[i].key, s->at[i].n });
}

bool sample_get(struct sample *out, struct text key, struct text value, size_t n_dims)
{
	size_t n = 7 + 2 * n_dims;
	struct text cell = { key.p, n };

	if (key.n != n + 16 || value.n != 4 || !cell_key_get(&out->at, cell, n_dims))
		return false;
	out->value = (int64_t)(get_u64((const uint8_t *)key.p + n) ^ SIGN);
	out->unit = get_u64((const uint8_t *)key.p + n + 8);
	out->count = (int32_t)get_u32((const uint8_t *)value.p);
	return out->count > 0;
}

static int by_key(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int order = memcmp(x->key, y->key, x->n < y->n ? x->n : y->n);

	return order ? order : (int)x->n - (int)y->n;
}

static void count_write(struct store_txn *t, int table, const struct change *c, int64_t change)
{
	struct text key = { (const char *)c->key, c->n }, old;
	bool there = change && store_get(t, table, key, &old) == 0;
	uint8_t value[4];

	if (change == 0)
		return;
	if (there && old.n != 4) {
		store_fail(t, ERR_DAMAGED);
		return;
	}
	change += there ? get_u32((const uint8_t *)old.p) : 0;
	if (change < 0 || change > INT32_MAX) {
		store_fail(t, ERR_DAMAGED);
		return;
	}
	put_u32(value, (uint32_t)change);
	if (change)
		store_put(t, table, key, (struct text){ (const char *)value, 4 });
	else
		store_del(t, table, key);
}

void samples_write(struct samples *s, struct store_txn *t, int table)
{
	if (s->failed)
		store_fail(t, ERR_NOMEM);
	if (s->n)
		qsort(s->at, s->n, sizeof(*s->at), by_key);
	for (size_t i = 0, end; i < s->n; i = end) {
		int64_t change = 0;

		for (end = i; end < s->n && by_key(&s->at[i], &s->at[end]) == 0; end++)
			change += s->at[end].weight;
		count_write(t, table, &s->at[i], change);
	}
}
