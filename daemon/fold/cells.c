/* Sums of changes: an open-addressed table from (form, period, place) to slots that lie in an
 * arena. A chunk touches the same few cells over and over: they are added up here and written once,
 * in the order of their keys. */
#include "daemon/fold/cells.h"

#include <stdlib.h>

#include "daemon/base/buf.h"

#define CELLS_MEMORY (256u * 1024 * 1024)

struct slot {
	uint64_t place;
	uint32_t when; /* form << 16 | period */
	uint32_t life; /* of the round in which it was taken; else free */
	int64_t *numbers;
};

struct cells {
	const struct forms *forms;
	struct arena arena;
	struct slot *table;
	size_t room; /* a power of two */
	size_t n;
	uint32_t life;
	bool failed;
};

struct cells *cells_open(const struct forms *fs)
{
	struct cells *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->forms = fs;
	c->room = 1024;
	c->table = calloc(c->room, sizeof(*c->table));
	c->life = 1;
	arena_init(&c->arena, CELLS_MEMORY);
	if (!c->table) {
		cells_close(c);
		return NULL;
	}
	return c;
}

void cells_close(struct cells *c)
{
	if (!c)
		return;
	arena_deinit(&c->arena);
	free(c->table);
	free(c);
}

void cells_reset(struct cells *c)
{
	arena_reset(&c->arena);
	c->n = 0;
	c->failed = false;
	if (++c->life == 0) {
		memset(c->table, 0, c->room * sizeof(*c->table));
		c->life = 1;
	}
}

static uint64_t mix(uint64_t place, uint32_t when)
{
	uint64_t h = (place ^ (uint64_t)when << 32 ^ when) * 0x9e3779b97f4a7c15u;

	return h ^ h >> 29;
}

/* Where a cell stands, or the free slot where it would. */
static struct slot *slot_find(
	struct slot *table, size_t room, uint32_t life, uint64_t place, uint32_t when)
{
	size_t i = (size_t)mix(place, when) & (room - 1);

	while (table[i].life == life && (table[i].place != place || table[i].when != when))
		i = (i + 1) & (room - 1);
	return &table[i];
}

static bool grow(struct cells *c)
{
	struct slot *bigger = calloc(c->room * 2, sizeof(*bigger));

	if (!bigger)
		return false;
	for (size_t i = 0; i < c->room; i++) {
		struct slot *s = &c->table[i];

		if (s->life == c->life)
			*slot_find(bigger, c->room * 2, c->life, s->place, s->when) = *s;
	}
	free(c->table);
	c->table = bigger;
	c->room *= 2;
	return true;
}

static int64_t *numbers_at(struct cells *c, const struct form *f, uint32_t when, uint64_t place)
{
	struct slot *s;

	if (c->failed)
		return NULL;
	s = slot_find(c->table, c->room, c->life, place, when);
	if (s->life == c->life)
		return s->numbers;
	if (c->n * 2 >= c->room) {
		if (!grow(c)) {
			c->failed = true;
			return NULL;
		}
		s = slot_find(c->table, c->room, c->life, place, when);
	}
	*s = (struct slot){ place, when, c->life,
		arena_alloc(&c->arena, 2 * f->n_measures * sizeof(int64_t)) };
	if (!s->numbers) {
		s->life = 0;
		c->failed = true;
		return NULL;
	}
	c->n++;
	return s->numbers;
}

int64_t *cells_at(struct cells *c, const struct form *f, uint16_t period, uint64_t place)
{
	return numbers_at(c, f, f->index << 16 | period, place);
}

int64_t *cells_steps_at(struct cells *c, const struct form *f, uint16_t period, uint64_t place)
{
	return numbers_at(c, f, (f->index | CELL_STEPS) << 16 | period, place);
}

static const struct form *slot_form(const struct cells *c, const struct slot *s)
{
	return c->forms->forms[s->when >> 16 & ~CELL_STEPS];
}

/* ---- as stored ---- */

static void put_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

size_t cell_key_put(uint8_t out[CELL_KEY_MAX], const struct cell_key *k, size_t n_dims)
{
	out[0] = (uint8_t)k->form;
	put_u32(out + 1, k->area);
	put_u16(out + 5, k->period);
	for (size_t i = 0; i < n_dims; i++)
		put_u16(out + 7 + 2 * i, k->rows[i] == ROW_TOTAL ? 0xffff : k->rows[i]);
	return 7 + 2 * n_dims;
}

bool cell_key_get(struct cell_key *k, struct text key, size_t n_dims)
{
	const uint8_t *p = (const uint8_t *)key.p;

	if (key.n != 7 + 2 * n_dims)
		return false;
	*k = (struct cell_key){ .form = p[0], .area = get_u32(p + 1), .period = get_u16(p + 5) };
	for (size_t i = 0; i < n_dims; i++) {
		uint16_t row = get_u16(p + 7 + 2 * i);

		if (row >= ROW_TOTAL && row != 0xffff)
			return false;
		k->rows[i] = row == 0xffff ? ROW_TOTAL : row;
	}
	return true;
}

bool cell_value_add(int64_t *slots, size_t n, struct text value)
{
	const uint8_t *p = (const uint8_t *)value.p, *end = p + value.n;

	while (p < end) {
		size_t slot = *p++;
		uint64_t v = 0;
		unsigned shift = 0;

		do {
			if (p == end || shift > 63)
				return false;
			v |= (uint64_t)(*p & 0x7f) << shift;
			shift += 7;
		} while (*p++ & 0x80);
		if (slot >= n)
			return false;
		slots[slot] += (int64_t)(v >> 1 ^ -(v & 1));
	}
	return true;
}

size_t cell_value_put(uint8_t out[CELL_VALUE_MAX], const int64_t *slots, size_t n)
{
	uint8_t *p = out;

	for (size_t i = 0; i < n; i++) {
		uint64_t twice = (uint64_t)slots[i] << 1, v = slots[i] < 0 ? ~twice : twice;

		if (v == 0)
			continue;
		*p++ = (uint8_t)i;
		for (; v >= 0x80; v >>= 7)
			*p++ = (uint8_t)(v | 0x80);
		*p++ = (uint8_t)v;
	}
	return (size_t)(p - out);
}

/* ---- writing ---- */

static bool changed(const int64_t *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (numbers[i])
			return true;
	return false;
}

/* The order of stored keys: form, area, period, rows. */
static int by_key(const void *a, const void *b)
{
	const struct slot *x = *(struct slot *const *)a, *y = *(struct slot *const *)b;
	uint64_t area_x = x->place >> 44, area_y = y->place >> 44;

	if (x->when >> 16 != y->when >> 16)
		return x->when < y->when ? -1 : 1;
	if (area_x != area_y)
		return area_x < area_y ? -1 : 1;
	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static struct cell_key slot_key(const struct slot *s)
{
	struct cell_key k = { .form = s->when >> 16,
		.area = (uint32_t)(s->place >> 44),
		.period = (uint16_t)s->when };

	for (size_t i = 0; i < FORM_DIMS_MAX; i++)
		k.rows[i] = s->place >> (33 - 11 * i) & 0x7ff;
	return k;
}

void cells_each(const struct cells *c,
	void (*fn)(void *arg, const struct cell_key *k, const int64_t *numbers), void *arg)
{
	for (size_t i = 0; i < c->room; i++) {
		struct cell_key k;

		if (c->table[i].life != c->life)
			continue;
		k = slot_key(&c->table[i]);
		fn(arg, &k, c->table[i].numbers);
	}
}

static void slot_write(const struct cells *c, const struct slot *s, struct store_txn *t, int table)
{
	const struct form *f = slot_form(c, s);
	struct cell_key k = slot_key(s);
	uint8_t key[CELL_KEY_MAX], value[CELL_VALUE_MAX];
	struct text kt = { (const char *)key, 0 }, old;
	size_t n = 2 * f->n_measures;
	int err;

	kt.n = cell_key_put(key, &k, f->n_dims);
	err = store_get(t, table, kt, &old);
	if (err == 0 && !cell_value_add(s->numbers, n, old))
		store_fail(t, ERR_DAMAGED);
	n = cell_value_put(value, s->numbers, n);
	if (n)
		store_put(t, table, kt, (struct text){ (const char *)value, n });
	else if (err == 0)
		store_del(t, table, kt);
}

void cells_write(struct cells *c, struct store_txn *t, int table)
{
	struct slot **order = c->failed ? NULL : malloc((c->n + 1) * sizeof(struct slot *));
	size_t n = 0;

	if (!order) {
		store_fail(t, ERR_NOMEM);
		return;
	}
	for (size_t i = 0; i < c->room; i++) {
		struct slot *s = &c->table[i];

		if (s->life == c->life && changed(s->numbers, 2 * slot_form(c, s)->n_measures))
			order[n++] = s;
	}
	qsort(order, n, sizeof(struct slot *), by_key);
	for (size_t i = 0; i < n; i++)
		slot_write(c, order[i], t, table);
	free(order);
}
