/* What a store holds of its ledgers. Integers are big-endian.
 *
 *     entry     key    origin | position
 *               value  hash 32 | the entry's bytes
 *                      every entry is checked by its own hash when it is read back
 *               key    origin | position | 1: the seal of that position, right behind its entry
 *               value  signature 64 | head 32 | bytes u64
 *                      bytes: of all entries up to this position
 *     receipt   key    parent's name | 0 | origin u32
 *               value  position u64 | head 32 | signature 64 | at_ms u64
 *
 *     origin | position, 12 bytes:   area u32 | position u64
 *                                    0 u16 | decisions' origin u32 | position u48
 *
 * Where a ledger ends is told by its last row: a seal, or, inside a transaction that has not come
 * to its end, an entry. All that a commit adds to a ledger lies side by side on one page: each
 * further tree would cost a page or three of every commit.
 *
 * An area code is greater than 65,535, so ledgers of decisions stand before those of areas: a
 * district that follows its city's decisions still appends its own entries at the table's end,
 * which is faster there and fills the pages.
 *
 * A row of another length than this is damaged. LMDB 0.9 keeps no checksums: what is not covered by
 * an entry's hash or a signature (the count in a seal) is compared by ledger_verify(), and never
 * trusted with memory. */
#include "daemon/ledger/rows.h"

#define SEAL_MARK 1
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

struct text row_seal_key(uint8_t out[ROW_SEAL_KEY_BYTES], uint32_t origin, uint64_t position)
{
	row_key(out, origin, position);
	out[ROW_KEY_BYTES] = SEAL_MARK;
	return (struct text){ (const char *)out, ROW_SEAL_KEY_BYTES };
}

bool row_origin(struct text key, uint32_t *origin)
{
	const uint8_t *p = (const uint8_t *)key.p;
	if (key.n != ROW_KEY_BYTES &&
		(key.n != ROW_SEAL_KEY_BYTES || p[ROW_KEY_BYTES] != SEAL_MARK))
		return false;
	bool decisions = !p[0] && !p[1];
	*origin = get_u32(p + (decisions ? 2 : 0));
	return origin_is_decisions(*origin) == decisions;
}

enum row_kind row_kind(struct text key, uint32_t origin, uint64_t *position)
{
	const uint8_t *p = (const uint8_t *)key.p;
	uint32_t is;
	if (!row_origin(key, &is) || is != origin)
		return ROW_OTHER;
	*position = get_u64(p + 4);
	if (origin_is_decisions(origin))
		*position &= (1ULL << POSITION_BITS) - 1;
	return key.n == ROW_KEY_BYTES ? ROW_ENTRY : ROW_SEAL;
}

int row_order(uint32_t a, uint32_t b)
{
	bool before = origin_is_decisions(a), behind = origin_is_decisions(b);
	if (before != behind)
		return before ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* From the last row back to the last seal; what stands between them counts too. */
static int head_read(struct store_cursor *c, uint32_t origin, struct row_head *out)
{
	uint8_t at[ROW_KEY_BYTES];
	struct text key = row_key(at, origin, UINT64_MAX), value;
	uint64_t position;
	bool first = true;
	for (; store_before(c, key, &key, &value); first = false) {
		enum row_kind kind = row_kind(key, origin, &position);
		struct row_seal seal;
		if (kind == ROW_OTHER)
			break;
		if (kind == ROW_SEAL) {
			if (row_seal_get(value, &seal) != 0)
				return ERR_DAMAGED;
			if (first)
				out->h.position = position;
			if (first)
				memcpy(out->h.head, seal.head, HASH_BYTES);
			out->h.bytes += seal.bytes;
			out->sealed = position;
			out->sealed_bytes = seal.bytes;
			return 0;
		}
		if (value.n < HASH_BYTES)
			return ERR_DAMAGED;
		if (first)
			out->h.position = position;
		if (first)
			memcpy(out->h.head, value.p, HASH_BYTES);
		out->h.bytes += value.n - HASH_BYTES;
	}
	return first ? ERR_NOTFOUND : 0;
}

int row_head_get(struct store_txn *t, uint32_t origin, struct row_head *out)
{
	*out = (struct row_head){ 0 };
	struct store_cursor *c = store_cursor_open(t, LEDGER_ENTRY);
	if (!c)
		return store_txn_err(t);
	int err = head_read(c, origin, out);
	store_cursor_close(c);
	if (store_txn_err(t))
		err = store_txn_err(t);
	if (err)
		*out = (struct row_head){ 0 };
	return err;
}

void row_seal_put(struct store_txn *t, uint32_t origin, struct row_head *h,
	const uint8_t signature[SIGN_BYTES], bool last)
{
	uint8_t at[ROW_SEAL_KEY_BYTES], row[ROW_SEAL_BYTES];
	struct text key = row_seal_key(at, origin, h->h.position),
		    value = { (const char *)row, sizeof row };
	memcpy(row, signature, SIGN_BYTES);
	memcpy(row + SIGN_BYTES, h->h.head, HASH_BYTES);
	put_u64(row + SIGN_BYTES + HASH_BYTES, h->h.bytes);
	if (last)
		store_append(t, LEDGER_ENTRY, key, value);
	else
		store_put(t, LEDGER_ENTRY, key, value);
	h->sealed = h->h.position;
	h->sealed_bytes = h->h.bytes;
}

int row_seal_get(struct text value, struct row_seal *out)
{
	if (value.n != ROW_SEAL_BYTES)
		return ERR_DAMAGED;
	memcpy(out->signature, value.p, SIGN_BYTES);
	memcpy(out->head, value.p + SIGN_BYTES, HASH_BYTES);
	out->bytes = get_u64((const uint8_t *)value.p + SIGN_BYTES + HASH_BYTES);
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
