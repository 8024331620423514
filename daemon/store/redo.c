/*     record    head | operation | operation …
 *     operation kind 1 | table 1 | key 2 | value 4 | key | value          lengths, big-endian */
#include "daemon/store/redo.h"

#define ITEM_HEAD 8u

void redo_start(struct redo *r)
{
	buf_reset(&r->bytes);
	r->bytes.limit = REDO_BYTES_MOST;
	r->large = !buf_room(&r->bytes, REDO_HEAD_BYTES);
	r->bytes.n = r->large ? 0 : REDO_HEAD_BYTES;
	r->later = NULL;
}

static void copy_later(struct redo *r)
{
	if (r->later && !r->large)
		memcpy(r->bytes.p + r->bytes.n - r->later_n, r->later, r->later_n);
	r->later = NULL;
}

/* Room for an operation; NULL when the record is too large. */
static uint8_t *room(struct redo *r, enum redo_op op, unsigned table, struct text key, size_t n)
{
	uint8_t *p;

	copy_later(r);
	if (r->large)
		return NULL;
	p = n > REDO_BYTES_MOST ? NULL : buf_room(&r->bytes, ITEM_HEAD + key.n + n);
	if (!p) {
		r->large = true;
		return NULL;
	}
	r->bytes.n += ITEM_HEAD + key.n + n;
	p[0] = (uint8_t)op;
	p[1] = (uint8_t)table;
	p[2] = (uint8_t)(key.n >> 8);
	p[3] = (uint8_t)key.n;
	put_u32(p + 4, (uint32_t)n);
	if (key.n)
		memcpy(p + ITEM_HEAD, key.p, key.n);
	return p + ITEM_HEAD + key.n;
}

void redo_note(struct redo *r, const struct redo_item *i)
{
	uint8_t *p = room(r, i->op, i->table, i->key, i->value.n);

	if (p && i->value.n)
		memcpy(p, i->value.p, i->value.n);
}

void redo_note_later(struct redo *r, unsigned table, struct text key, const void *p, size_t n)
{
	if (!room(r, REDO_PUT, table, key, n))
		return;
	r->later = p;
	r->later_n = n;
}

uint8_t *redo_done(struct redo *r)
{
	copy_later(r);
	return (uint8_t *)r->bytes.p;
}

bool redo_item(struct text *ops, struct redo_item *out)
{
	const uint8_t *p = (const uint8_t *)ops->p;
	size_t key_n, value_n;

	if (ops->n < ITEM_HEAD)
		return false;
	key_n = (size_t)p[2] << 8 | p[3];
	value_n = get_u32(p + 4);
	if (key_n > ops->n - ITEM_HEAD || value_n > ops->n - ITEM_HEAD - key_n)
		return false;
	*out = (struct redo_item){ .op = p[0],
		.table = p[1],
		.key = { ops->p + ITEM_HEAD, key_n },
		.value = { ops->p + ITEM_HEAD + key_n, value_n } };
	ops->p += ITEM_HEAD + key_n + value_n;
	ops->n -= ITEM_HEAD + key_n + value_n;
	return true;
}
