/* An entry's fields, read by reference. The one reader of entries: append's own, a batch's, and
 * those that come back from the store pass through it, so what one of them takes the others
 * understand.
 *
 * Strict where it matters for the chain: prev (32 bytes), position, origin and kind must stand,
 * once each, in their types. A known field twice is refused (readers would differ on which one
 * counts); unknown fields are passed over: a newer child's entries are kept (law 5). */
#include "daemon/ledger/ledger.h"

#include "daemon/ledger/rows.h"
#include "daemon/ledger/wire.h"

enum { PREV = 1, POSITION, ORIGIN, KIND, AT_MS, AUTHOR, REGISTER, BODY, KEY, REASON, KNOWN };

static bool is_number(uint32_t field)
{
	return field >= POSITION && field <= AT_MS;
}

static int number_take(struct entry_view *e, const struct wire_field *f)
{
	switch (f->number) {
	case POSITION:
		e->position = f->value;
		return f->value == 0;
	case ORIGIN:
		e->origin = (uint32_t)f->value;
		return f->value > UINT32_MAX;
	case KIND:
		e->kind = (uint32_t)f->value;
		return f->value > UINT32_MAX;
	default:
		e->at_ms = f->value;
		return 0;
	}
}

static int bytes_take(struct entry_view *e, const struct wire_field *f)
{
	switch (f->number) {
	case PREV:
		e->prev = (const uint8_t *)f->bytes.p;
		return f->bytes.n != HASH_BYTES;
	case AUTHOR:
		e->author = f->bytes;
		return 0;
	case REGISTER:
		e->reg = f->bytes;
		return 0;
	case BODY:
		e->body = f->bytes;
		return 0;
	case KEY:
		e->key = f->bytes;
		return 0;
	default:
		e->reason = f->bytes;
		return 0;
	}
}

int entry_unpack(struct entry_view *e, struct text bytes, struct arena *a)
{
	(void)a;
	*e = (struct entry_view){ 0 };
	struct wire w = wire_of(bytes);
	struct wire_field f;
	unsigned seen = 0;
	while (wire_next(&w, &f)) {
		if (f.number >= KNOWN)
			continue;
		bool number = is_number(f.number);
		if (seen & 1U << f.number || f.type != (number ? WIRE_VARINT : WIRE_BYTES))
			return ERR_INVALID;
		seen |= 1U << f.number;
		if (number ? number_take(e, &f) : bytes_take(e, &f))
			return ERR_INVALID;
	}
	unsigned required = 1U << PREV | 1U << POSITION | 1U << ORIGIN | 1U << KIND;
	return w.failed || (seen & required) != required ? ERR_INVALID : 0;
}

const uint8_t *genesis_signer(struct text body)
{
	struct wire w = wire_of(body);
	struct wire_field f;
	const uint8_t *signer = NULL;
	while (wire_next(&w, &f)) {
		if (f.number != 1)
			continue;
		if (signer || f.type != WIRE_BYTES || f.bytes.n != SIGN_PUBLIC_BYTES)
			return NULL;
		signer = (const uint8_t *)f.bytes.p;
	}
	return w.failed ? NULL : signer;
}
