/* Rows are put and taken away with the records that name a group; a chain of groups is followed
 * when asked. What was asked once is kept: the same few units answer over and over. */
#include "daemon/fold/holdings.h"

#include <stdlib.h>

#include "daemon/fold/fold.h"

#define KEY_BYTES 13
#define DEPTH_MAX 16
#define KEPT 4096 /* a power of two */

uint64_t holding_unit(struct text name)
{
	uint8_t hash[KEY_HASH_BYTES];

	hash_key(hash, TEXT("unit"), name);
	return get_u64(hash);
}

static void key_put(uint8_t key[KEY_BYTES], const struct form *f, uint64_t unit, uint32_t origin)
{
	key[0] = (uint8_t)f->index;
	put_u64(key + 1, unit);
	put_u32(key + 9, origin);
}

static void form_fold(struct store_txn *t, const struct form *f, const struct record *r,
	const struct record_place *where)
{
	struct value unit = record_value(r, f->publish->group_unit),
		     group = record_value(r, f->publish->group);
	uint8_t bytes[KEY_BYTES], top[8];
	struct text key = { (const char *)bytes, KEY_BYTES }, old;

	if (!unit.present || !group.present)
		return;
	key_put(bytes, f, holding_unit(unit.text), where->origin);
	put_u64(top, holding_unit(group.text));
	if (where->weight > 0)
		store_put(t, VIEW_HOLDING, key, (struct text){ (const char *)top, sizeof top });
	else if (store_get(t, VIEW_HOLDING, key, &old) == 0)
		store_del(t, VIEW_HOLDING, key);
}

void holding_fold(struct store_txn *t, const struct forms *fs, const struct record *r,
	const struct record_place *where)
{
	if (!(fs->group_registers >> form_register_index(r->reg) & 1))
		return;
	for (size_t i = 0; i < fs->n; i++) {
		const struct form *f = fs->forms[i];

		if (f->publish && f->publish->group && f->publish->group_register == r->reg)
			form_fold(t, f, r, where);
	}
}

/* ---- asked ---- */

struct holdings {
	struct store_txn *views;
	const struct form *form;
	struct store_cursor *cursor;
	struct kept {
		uint64_t unit, top;
		bool known;
	} kept[KEPT];
};

struct holdings *holdings_open(struct store_txn *views, const struct form *form)
{
	struct holdings *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->views = views;
	h->form = form;
	h->cursor = store_cursor_open(views, VIEW_HOLDING);
	if (!h->cursor) {
		free(h);
		return NULL;
	}
	return h;
}

void holdings_close(struct holdings *h)
{
	if (h)
		store_cursor_close(h->cursor);
	free(h);
}

/* Who holds the unit, by the smallest district that says so; false: nobody. */
static bool holder(struct holdings *h, uint64_t unit, uint64_t *out)
{
	uint8_t from[KEY_BYTES];
	struct text key, value;

	key_put(from, h->form, unit, 0);
	if (!store_seek(h->cursor, (struct text){ (const char *)from, KEY_BYTES }, &key, &value) ||
		key.n != KEY_BYTES || memcmp(key.p, from, 9) != 0)
		return false;
	if (value.n != 8) {
		store_fail(h->views, ERR_DAMAGED);
		return false;
	}
	*out = get_u64((const uint8_t *)value.p);
	return true;
}

static uint64_t follow(struct holdings *h, uint64_t unit)
{
	uint64_t path[DEPTH_MAX] = { unit }, next;
	size_t n = 1;

	while (n < DEPTH_MAX && holder(h, path[n - 1], &next)) {
		size_t k = 0;

		while (k < n && path[k] != next)
			k++;
		if (k < n) {
			for (; k < n; k++)
				next = path[k] < next ? path[k] : next;
			return next;
		}
		path[n++] = next;
	}
	return path[n - 1];
}

uint64_t holdings_top(struct holdings *h, uint64_t unit)
{
	struct kept *k = &h->kept[unit & (KEPT - 1)];

	if (!k->known || k->unit != unit)
		*k = (struct kept){ unit, follow(h, unit), true };
	return k->top;
}
