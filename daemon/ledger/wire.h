/* Protobuf's wire format, as far as ledgers need it: a strict reader by reference, and a writer for
 * what is streamed. Inside the room only. The reader takes no memory and refuses whatever
 * protobuf-c would refuse (and more), so what it has passed unpacks. */
#ifndef LEDGER_WIRE_H
#define LEDGER_WIRE_H

#include "daemon/base/buf.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* A field as it stands; `bytes` points into what is read. */
struct wire_field {
	uint32_t number;   /* 1 … 2^29 - 1 */
	unsigned type;	   /* WIRE_… */
	uint64_t value;	   /* WIRE_VARINT */
	struct text bytes; /* WIRE_BYTES */
};

struct wire {
	const uint8_t *p, *end;
	bool failed; /* malformed; stays */
};

static inline struct wire wire_of(struct text t)
{
	const uint8_t *p = (const uint8_t *)t.p;
	return (struct wire){ p, p ? p + t.n : p, false };
}

/* The next field; false at the end, or when it is malformed (then w->failed). Groups are malformed.
 */
bool wire_next(struct wire *w, struct wire_field *f);

void wire_put_varint(struct buf *b, uint32_t number, uint64_t value);
void wire_put_bytes(struct buf *b, uint32_t number, const void *p, size_t n);

#endif
