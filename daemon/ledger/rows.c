/* What a store holds of its ledgers. Integers are big-endian.
 *
 *     entry     key    origin u32 | position u64
 *               value  hash 32 | the entry's bytes          every entry is checked by its own hash
 * when it is read back seal      key    origin u32 | position u64 value  signature 64 | bytes u64
 * bytes: of all entries up to this position head      key    origin u32 value  position u64 | hash
 * 32 | bytes u64 | sealed u64 | sealed bytes u64 receipt   key    parent's name | 0 | origin u32
 *               value  position u64 | head 32 | signature 64 | at_ms u64
 *
 * A row of another length than this is damaged. LMDB 0.9 keeps no checksums: what is not covered by
 * an entry's hash or a signature (the counts in seal and head) is compared by ledger_verify(), and
 * never trusted with memory. */
#include "daemon/ledger/rows.h"

#define HEAD_BYTES (8 + HASH_BYTES + 8 + 8 + 8)

struct text row_key(uint8_t out[ROW_KEY_BYTES], uint32_t origin, uint64_t position)
{
	put_u32(out, origin);
	put_u64(out + 4, position);
	return (struct text){ (const char *)out, ROW_KEY_BYTES };
}

bool row_key_get(struct text key, uint32_t origin, uint64_t *position)
{
	const uint8_t *p = (const uint8_t *)key.p;
	if (key.n != ROW_KEY_BYTES || get_u32(p) != origin)
		return false;
	*position = get_u64(p + 4);
	return true;
}

int row_head_get(struct store_txn *t, uint32_t origin, struct row_head *out)
{
	uint8_t key[4];
	struct text value;
	*out = (struct row_head){ 0 };
	put_u32(key, origin);
	int err = store_get(t, LEDGER_HEAD, (struct text){ (const char *)key, sizeof key }, &value);
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
	uint8_t key[4], value[HEAD_BYTES], *p = value;
	put_u32(key, origin);
	put_u64(p, h->h.position);
	memcpy(p + 8, h->h.head, HASH_BYTES);
	p += 8 + HASH_BYTES;
	put_u64(p, h->h.bytes);
	put_u64(p + 8, h->sealed);
	put_u64(p + 16, h->sealed_bytes);
	store_put(t, LEDGER_HEAD, (struct text){ (const char *)key, sizeof key },
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
