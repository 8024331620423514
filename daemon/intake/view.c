/*
 *     view:   register | 0 | natural key                → newest position (u64) | flags (u8)
 *     older:  register | 0 | natural key | 0 | position → 1 byte (0)
 *
 * Flags: 1 = retracted. A natural key longer than LONG_KEY bytes is cut there and goes on with 0xff
 * (which no UTF-8 has) and 16 bytes of hash: the order holds up to the cut. No natural key holds a
 * NUL: record_check refuses control characters.
 *
 * A new record costs one look and one put into `view`; `older` is written only when a record
 * changes. */
#include "daemon/intake/view.h"

#include "daemon/base/buf.h"
#include "daemon/ledger/hash.h"

#define LONG_KEY 160
#define ROW_BYTES 9
enum { FLAG_RETRACTED = 1 };

struct text view_key(struct text reg, struct text key, struct arena *a)
{
	bool cut = key.n > LONG_KEY;
	size_t kept = cut ? LONG_KEY : key.n;
	size_t n = reg.n + 1 + kept + (cut ? 1 + KEY_HASH_BYTES : 0);
	uint8_t *p = n > VIEW_KEY_MAX ? NULL : arena_alloc(a, n);

	if (!p)
		return (struct text){ NULL, 0 };
	memcpy(p, reg.p, reg.n);
	p[reg.n] = 0;
	if (kept)
		memcpy(p + reg.n + 1, key.p, kept);
	if (cut) {
		p[reg.n + 1 + kept] = 0xff;
		hash_key(p + reg.n + 2 + kept, reg, key);
	}
	return (struct text){ (const char *)p, n };
}

static struct view_row unpack(struct store_txn *t, struct text value)
{
	const uint8_t *p = (const uint8_t *)value.p;

	if (value.n != ROW_BYTES) {
		store_fail(t, ERR_DAMAGED);
		return (struct view_row){ 0 };
	}
	return (struct view_row){ .position = get_u64(p), .retracted = p[8] & FLAG_RETRACTED };
}

struct view_row view_get(struct store_txn *t, const struct view *v, struct text key)
{
	struct text value;

	if (store_get(t, v->view, key, &value))
		return (struct view_row){ 0 };
	return unpack(t, value);
}

void view_put(struct store_txn *t, const struct view *v, struct text key, struct view_row row)
{
	uint8_t value[ROW_BYTES];

	put_u64(value, row.position);
	value[8] = row.retracted ? FLAG_RETRACTED : 0;
	store_put(t, v->view, key, (struct text){ (const char *)value, sizeof value });
}

void view_put_older(struct store_txn *t, const struct view *v, struct text key, uint64_t position)
{
	uint8_t older[VIEW_KEY_MAX + 9];

	memcpy(older, key.p, key.n);
	older[key.n] = 0;
	put_u64(older + key.n + 1, position);
	store_put(t, v->older, (struct text){ (const char *)older, key.n + 9 },
		(struct text){ "", 1 });
}

size_t view_history(struct store_txn *t, const struct view *v, struct text key, uint64_t *positions,
	size_t size)
{
	struct view_row newest = view_get(t, v, key);
	struct store_cursor *c;
	uint8_t end[VIEW_KEY_MAX + 1];
	struct text at, value, before;
	size_t n = 0;

	if (newest.position == 0 || size == 0)
		return 0;
	positions[n++] = newest.position;
	c = store_cursor_open(t, v->older);
	if (!c)
		return n;
	memcpy(end, key.p, key.n);
	end[key.n] = 1;
	before = (struct text){ (const char *)end, key.n + 1 };
	while (n < size && store_before(c, before, &at, &value) && at.n == key.n + 9 &&
		memcmp(at.p, key.p, key.n) == 0 && at.p[key.n] == 0) {
		positions[n++] = get_u64((const uint8_t *)at.p + key.n + 1);
		before = at;
	}
	store_cursor_close(c);
	for (size_t i = 0; i < n / 2; i++) {
		uint64_t p = positions[i];

		positions[i] = positions[n - 1 - i];
		positions[n - 1 - i] = p;
	}
	return n;
}

void view_walk_keys(struct store_txn *t, const struct view *v, struct text reg, struct text after,
	bool (*fn)(void *arg, struct text key, struct view_row row), void *arg)
{
	struct store_cursor *c = store_cursor_open(t, v->view);
	uint8_t first[VIEW_KEY_MAX + 1];
	struct text from = { (const char *)first, reg.n + 1 }, key, value;

	if (!c)
		return;
	memcpy(first, reg.p, reg.n);
	first[reg.n] = 0;
	if (after.n) { /* a byte more than the key: the first that is greater */
		memcpy(first, after.p, after.n);
		first[after.n] = 0;
		from.n = after.n + 1;
	}
	for (bool more = store_seek(c, from, &key, &value); more;
		more = store_next(c, &key, &value))
		if (key.n <= reg.n || memcmp(key.p, first, reg.n + 1) != 0 ||
			!fn(arg, key, unpack(t, value)))
			break;
	store_cursor_close(c);
}

struct without_keys {
	bool (*fn)(void *arg, struct view_row row);
	void *arg;
};

static bool row_only(void *arg, struct text key, struct view_row row)
{
	const struct without_keys *w = arg;

	(void)key;
	return w->fn(w->arg, row);
}

void view_walk(struct store_txn *t, const struct view *v, struct text reg, struct text after,
	bool (*fn)(void *arg, struct view_row row), void *arg)
{
	struct without_keys w = { fn, arg };

	view_walk_keys(t, v, reg, after, row_only, &w);
}
