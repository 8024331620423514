/* Reading: tag, then by its type a varint, eight or four bytes, or a length and that many bytes.
 * Everything is compared with what is left before it is taken; the first misfit makes `failed`
 * stand and nothing more is given out. */
#include "daemon/ledger/wire.h"

static bool varint(struct wire *w, uint64_t *out)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (w->p == w->end)
			return false;
		uint8_t byte = *w->p++;
		if (shift == 63 && byte > 1)
			return false;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = v;
			return true;
		}
	}
	return false;
}

static bool take(struct wire *w, uint64_t n, struct text *out)
{
	if (n > (uint64_t)(w->end - w->p))
		return false;
	*out = (struct text){ (const char *)w->p, (size_t)n };
	w->p += n;
	return true;
}

static bool field(struct wire *w, struct wire_field *f)
{
	uint64_t tag, n;
	struct text skipped;
	if (!varint(w, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
		return false;
	f->number = (uint32_t)(tag >> 3);
	f->type = tag & 7;
	f->value = 0;
	f->bytes = (struct text){ NULL, 0 };
	switch (f->type) {
	case WIRE_VARINT:
		return varint(w, &f->value);
	case WIRE_FIXED64:
		return take(w, 8, &skipped);
	case WIRE_FIXED32:
		return take(w, 4, &skipped);
	case WIRE_BYTES:
		return varint(w, &n) && take(w, n, &f->bytes);
	default:
		return false;
	}
}

bool wire_next(struct wire *w, struct wire_field *f)
{
	if (w->failed || w->p == w->end)
		return false;
	w->failed = !field(w, f);
	return !w->failed;
}

static void put_varint(struct buf *b, uint64_t v)
{
	uint8_t out[10];
	size_t n = 0;
	for (; v > 0x7f; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	buf_put(b, out, n);
}

void wire_put_varint(struct buf *b, uint32_t number, uint64_t value)
{
	put_varint(b, (uint64_t)number << 3 | WIRE_VARINT);
	put_varint(b, value);
}

void wire_put_bytes(struct buf *b, uint32_t number, const void *p, size_t n)
{
	put_varint(b, (uint64_t)number << 3 | WIRE_BYTES);
	put_varint(b, n);
	buf_put(b, p, n);
}
