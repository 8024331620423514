/* Activity: a short list of months for a chunk, since entries of one time come together; added to
 * the table at its end. */
#include "daemon/fold/activity.h"

#include <stdlib.h>

#include "daemon/fold/fold.h"
#include "daemon/base/buf.h"

#define KEY_BYTES 6
#define VALUE_BYTES 36

struct month {
	uint32_t origin;
	uint16_t month;
	struct activity sum;
};

struct activities {
	struct month *months;
	size_t n, room;
	size_t last; /* where the last one was found */
	bool failed;
};

struct activities *activities_open(void)
{
	return calloc(1, sizeof(struct activities));
}

void activities_close(struct activities *x)
{
	if (x)
		free(x->months);
	free(x);
}

void activities_reset(struct activities *x)
{
	x->n = x->last = 0;
	x->failed = false;
}

static bool month_is(const struct month *m, uint32_t origin, uint16_t month)
{
	return m->origin == origin && m->month == month;
}

struct activity *activities_at(struct activities *x, uint32_t origin, int yyyymmdd)
{
	struct period p = { PERIOD_MONTH, yyyymmdd / 10000, yyyymmdd / 100 % 100 };
	uint16_t month;
	size_t i;

	if (p.year < PERIOD_YEAR_LEAST || p.year > PERIOD_YEAR_MOST)
		return NULL;
	month = period_code(&p);
	i = x->last;
	if (i >= x->n || !month_is(&x->months[i], origin, month))
		for (i = 0; i < x->n && !month_is(&x->months[i], origin, month); i++)
			;
	if (i == x->n) {
		if (x->n == x->room) {
			size_t room = x->room ? x->room * 2 : 64;
			struct month *more = realloc(x->months, room * sizeof(*more));

			if (!more) {
				x->failed = true;
				return NULL;
			}
			x->months = more;
			x->room = room;
		}
		x->months[x->n++] = (struct month){ .origin = origin, .month = month };
	}
	x->last = i;
	return &x->months[i].sum;
}

/* ---- as stored ---- */

static void key_put(uint8_t key[KEY_BYTES], uint32_t origin, uint16_t month)
{
	put_u32(key, origin);
	key[4] = (uint8_t)(month >> 8);
	key[5] = (uint8_t)month;
}

static void add(struct activity *sum, const struct activity *a)
{
	sum->entries += a->entries;
	sum->corrections += a->corrections;
	sum->retractions += a->retractions;
	sum->refused += a->refused;
	if (a->last_day > sum->last_day)
		sum->last_day = a->last_day;
}

static bool value_get(struct activity *a, struct text value)
{
	const uint8_t *p = (const uint8_t *)value.p;

	if (value.n != VALUE_BYTES)
		return false;
	*a = (struct activity){ get_u64(p), get_u64(p + 8), get_u64(p + 16), get_u64(p + 24),
		(int)get_u32(p + 32) };
	return true;
}

void activities_write(struct activities *x, struct store_txn *t, int table)
{
	if (x->failed)
		store_fail(t, ERR_NOMEM);
	for (size_t i = 0; i < x->n; i++) {
		uint8_t k[KEY_BYTES], v[VALUE_BYTES];
		struct text key = { (const char *)k, sizeof(k) }, value;
		struct activity sum = { 0 };

		key_put(k, x->months[i].origin, x->months[i].month);
		if (store_get(t, table, key, &value) == 0 && !value_get(&sum, value))
			store_fail(t, ERR_DAMAGED);
		add(&sum, &x->months[i].sum);
		put_u64(v, sum.entries);
		put_u64(v + 8, sum.corrections);
		put_u64(v + 16, sum.retractions);
		put_u64(v + 24, sum.refused);
		put_u32(v + 32, (uint32_t)sum.last_day);
		store_put(t, table, key, (struct text){ (const char *)v, sizeof(v) });
	}
}

struct activity activity_read(struct store_txn *t, uint32_t origin, int first, int last)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_ACTIVITY);
	struct activity sum = { 0 }, a;
	struct period from = period_of_month(first), to = period_of_month(last);
	uint8_t k[KEY_BYTES], end[KEY_BYTES];
	struct text key, value;

	key_put(k, origin, period_code(&from));
	key_put(end, origin, period_code(&to));
	for (bool on = c &&
		       store_seek(c, (struct text){ (const char *)k, sizeof(k) }, &key, &value);
		on && key.n == sizeof(end) && memcmp(key.p, end, sizeof(end)) <= 0;
		on = store_next(c, &key, &value)) {
		if (!value_get(&a, value)) {
			store_fail(t, ERR_DAMAGED);
			break;
		}
		add(&sum, &a);
	}
	if (c)
		store_cursor_close(c);
	return sum;
}
