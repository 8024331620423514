/* What a store holds of its ledgers. Integers are big-endian.
 *
 *     entry     key    origin | position
 *               value  hash 32 | the entry's bytes
 *                      every entry is checked by its own hash when it is read back
 *     seal      key    origin | position
 *               value  signature 64 | bytes u64
 *                      bytes: of all entries up to this position
 *     head      key    origin
 *               value  position u64 | hash 32 | bytes u64 | sealed u64 | sealed bytes u64
 *     receipt   key    parent's name | 0 | origin u32
 *               value  position u64 | head 32 | signature 64 | at_ms u64
 *
 *     origin | position, 12 bytes:   area u32 | position u64
 *                                    0 u16 | decisions' origin u32 | position u48
 *     origin alone, 4 or 6 bytes:    area u32
 *                                    0 u16 | decisions' origin u32
 *
 * An area code is greater than 65,535, so ledgers of decisions stand before those of areas: a
 * district that follows its city's decisions still appends its own entries at the tables' ends,
 * which is faster there and fills the pages.
 *
 * A row of another length than this is damaged. LMDB 0.9 keeps no checksums: what is not covered by
 * an entry's hash or a signature (the counts in seal and head) is compared by ledger_verify(), and
 * never trusted with memory. */
#include "daemon/ledger/rows.h"

#define HEAD_BYTES (8 + HASH_BYTES + 8 + 8 + 8)
#define POSITION_BITS 48 /* of a ledger of decisions */

struct text row_key(uint8_t out[ROW_KEY_BYTES], uint32_t origin, uint64_t position)
{
	if (origin_is_decisions(origin)) {
		if (position >> POSITION_BITS)
			position = (1ULL << POSITION_BITS) - 1; /* beyond every entry */
		put_u64(out + 4, position);
		memset(out, 0, 2);
		put_u32(out + 2, origin);
	} else {
		put_u32(out, origin);
		put_u64(out + 4, position);
	}
	return (struct text){ (const char *)out, ROW_KEY_BYTES };
}

bool row_key_get(struct text key, uint32_t origin, uint64_t *position)
{
	const uint8_t *p = (const uint8_t *)key.p;
	if (key.n != ROW_KEY_BYTES)
		return false;
	if (origin_is_decisions(origin)) {
		if (p[0] || p[1] || get_u32(p + 2) != origin)
			return false;
		*position = get_u64(p + 4) & ((1ULL << POSITION_BITS) - 1);
		return true;
	}
	if (get_u32(p) != origin)
		return false;
	*position = get_u64(p + 4);
	return true;
}

struct text row_origin_key(uint8_t out[ROW_ORIGIN_BYTES], uint32_t origin)
{
	bool decisions = origin_is_decisions(origin);
	memset(out, 0, 2);
	put_u32(out + (decisions ? 2 : 0), origin);
	return (struct text){ (const char *)out, decisions ? 6 : 4 };
}

bool row_origin_get(struct text key, uint32_t *origin)
{
	const uint8_t *p = (const uint8_t *)key.p;
	if (key.n == 4)
		*origin = get_u32(p);
	else if (key.n == 6 && p[0] == 0 && p[1] == 0)
		*origin = get_u32(p + 2);
	else
		return false;
	return origin_is_decisions(*origin) == (key.n == 6);
}

int row_order(uint32_t a, uint32_t b)
{
	bool before = origin_is_decisions(a), behind = origin_is_decisions(b);
	if (before != behind)
		return before ? -1 : 1;
	return a < b ? -1 : a > b;
}

int row_head_get(struct store_txn *t, uint32_t origin, struct row_head *out)
{
	uint8_t key[ROW_ORIGIN_BYTES];
	struct text value;
	*out = (struct row_head){ 0 };
	int err = store_get(t, LEDGER_HEAD, row_origin_key(key, origin), &value);
	if (err)
		return err;
	if (value.n != HEAD_BYTES)
		return ERR_DAMAGED;
	const uint8_t *p = (const uint8_t *)value.p;
	out->h.position = get_u64(p);
	memcpy(out->h.head, p + 8, HASH_BYTES);
	p += 8 + HASH_BYTES;
	out->h.bytes = get_u64(p);
	out->sealed = get_u64(p + 8);
	out->sealed_bytes = get_u64(p + 16);
	return 0;
}

void row_head_put(struct store_txn *t, uint32_t origin, const struct row_head *h)
{
	uint8_t key[ROW_ORIGIN_BYTES], value[HEAD_BYTES], *p = value;
	put_u64(p, h->h.position);
	memcpy(p + 8, h->h.head, HASH_BYTES);
	p += 8 + HASH_BYTES;
	put_u64(p, h->h.bytes);
	put_u64(p + 8, h->sealed);
	put_u64(p + 16, h->sealed_bytes);
	store_put(t, LEDGER_HEAD, row_origin_key(key, origin),
		(struct text){ (const char *)value, sizeof value });
}

void row_seal_put(struct store_txn *t, uint32_t origin, struct row_head *h,
	const uint8_t signature[SIGN_BYTES], bool last)
{
	uint8_t at[ROW_KEY_BYTES], row[ROW_SEAL_BYTES];
	struct text key = row_key(at, origin, h->h.position),
		    value = { (const char *)row, sizeof row };
	memcpy(row, signature, SIGN_BYTES);
	put_u64(row + SIGN_BYTES, h->h.bytes);
	if (last)
		store_append(t, LEDGER_SEAL, key, value);
	else
		store_put(t, LEDGER_SEAL, key, value);
	h->sealed = h->h.position;
	h->sealed_bytes = h->h.bytes;
}

int row_seal_get(struct text value, struct row_seal *out)
{
	if (value.n != ROW_SEAL_BYTES)
		return ERR_DAMAGED;
	memcpy(out->signature, value.p, SIGN_BYTES);
	out->bytes = get_u64((const uint8_t *)value.p + SIGN_BYTES);
	return 0;
}

int row_entry_get(struct text value, uint32_t origin, uint64_t position, struct entry_view *e,
	struct text *bytes, const uint8_t **hash)
{
	uint8_t is[HASH_BYTES];
	if (value.n < HASH_BYTES || value.n > HASH_BYTES + LEDGER_ENTRY_MAX)
		return ERR_DAMAGED;
	*bytes = (struct text){ value.p + HASH_BYTES, value.n - HASH_BYTES };
	if (hash)
		*hash = (const uint8_t *)value.p;
	hash_entry(is, *bytes);
	if (memcmp(is, value.p, HASH_BYTES) != 0 || entry_unpack(e, *bytes, NULL) != 0)
		return ERR_DAMAGED;
	return e->origin == origin && e->position == position ? 0 : ERR_DAMAGED;
}
