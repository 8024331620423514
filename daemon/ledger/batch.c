/* Batches: runs of entries that end at a seal. Packed here at the origin, checked here at the
 * parent.
 *
 * Making: the seals tell where to end (each holds the bytes up to it), so no entry is hashed in
 * vain; then the entries are walked once, checked by hash, and written into the buffer as fields of
 * a Batch, in the order of their numbers:
 *
 *     1 origin · 2 first · 3 entry … 3 entry · 4 head (32) · 5 signature (64)
 *
 * A damaged entry ends the batch at the last seal before it; when it stands before the first seal,
 * ERR_DAMAGED names it.
 *
 * Checking: hostile bytes. Whole length, then form, then memory (one pass counts, the second
 * fills), then every entry: size, strict form, origin, position, chain; then the head, and the
 * signature last (the dearest). Nothing is stored here. */
#include "daemon/ledger/ledger.h"

#include <assert.h>

#include "daemon/ledger/rows.h"
#include "daemon/ledger/wire.h"
#include "proto/entry.pb-c.h"

enum { ORIGIN = 1, FIRST, ENTRY, HEAD, SIGNATURE, KNOWN };

/* What a Batch holds beside its entries, and beside an entry's bytes, at most. */
#define FRAME_BYTES (6 + 11 + 2 + HASH_BYTES + 2 + SIGN_BYTES)
#define ENTRY_FRAME_BYTES 4
static_assert(LEDGER_SEAL_BYTES + LEDGER_ENTRY_MAX + LEDGER_SEAL_ENTRIES * ENTRY_FRAME_BYTES +
			      FRAME_BYTES <=
		      LEDGER_BATCH_MAX,
	"what one seal covers fits into a batch");

/* ---- making ---- */

struct ending {
	uint64_t position; /* 0: none */
	struct row_seal seal;
};

/* Bytes of all entries before `first`, as the last seal before it says: a little less when it is no
 * seal's follower. */
static uint64_t bytes_before(struct store_cursor *c, uint32_t origin, uint64_t first)
{
	uint8_t at[ROW_KEY_BYTES];
	struct text key = row_key(at, origin, first), value;
	uint64_t position;
	struct row_seal seal;
	while (store_before(c, key, &key, &value)) {
		enum row_kind kind = row_kind(key, origin, &position);
		if (kind == ROW_SEAL)
			return row_seal_get(value, &seal) == 0 ? seal.bytes : 0;
		if (kind == ROW_OTHER)
			break;
	}
	return 0;
}

/* The last seal from `first` on, below `before`, whose batch has at most `most` bytes; at least the
 * first one. */
static int ending_find(struct store_txn *t, uint32_t origin, uint64_t first, uint64_t before,
	size_t most, struct ending *out)
{
	uint8_t at[ROW_KEY_BYTES];
	struct text key, value;
	uint64_t position = 0;
	enum row_kind kind;
	int err = 0;
	*out = (struct ending){ 0 };
	struct store_cursor *c = store_cursor_open(t, LEDGER_ENTRY);
	if (!c)
		return store_txn_err(t);
	uint64_t base = bytes_before(c, origin, first);
	for (bool on = store_seek(c, row_key(at, origin, first), &key, &value);
		on && (kind = row_kind(key, origin, &position)) != ROW_OTHER && position < before;
		on = store_next(c, &key, &value)) {
		struct row_seal seal;
		if (kind == ROW_ENTRY)
			continue;
		err = row_seal_get(value, &seal);
		if (err)
			break;
		uint64_t size = seal.bytes - base + (position - first + 1) * ENTRY_FRAME_BYTES +
				FRAME_BYTES;
		if (out->position && size > most)
			break;
		*out = (struct ending){ position, seal };
	}
	store_cursor_close(c);
	if (err && out->position)
		err = 0;
	return err ? err : store_txn_err(t);
}

/* Writes the batch; *broken = the position that fails when it returns ERR_DAMAGED. */
static int batch_write(struct store_txn *t, uint32_t origin, uint64_t first,
	const struct ending *end, struct buf *out, uint64_t *broken)
{
	uint8_t at[ROW_KEY_BYTES];
	struct text key, value, bytes;
	const uint8_t *hash = NULL;
	struct entry_view e;
	struct store_cursor *c = store_cursor_open(t, LEDGER_ENTRY);
	if (!c)
		return store_txn_err(t);
	buf_reset(out);
	wire_put_varint(out, ORIGIN, origin);
	wire_put_varint(out, FIRST, first);
	uint64_t position = first, is = 0;
	bool on = store_seek(c, row_key(at, origin, first), &key, &value);
	int err = 0;
	for (; position <= end->position; position++, on = store_next(c, &key, &value)) {
		if (on && row_kind(key, origin, &is) == ROW_SEAL)
			on = store_next(c, &key, &value);
		if (!on || row_kind(key, origin, &is) != ROW_ENTRY || is != position ||
			row_entry_get(value, origin, position, &e, &bytes, &hash) != 0 ||
			out->n + bytes.n + ENTRY_FRAME_BYTES + FRAME_BYTES > LEDGER_BATCH_MAX) {
			err = store_txn_err(t) ? store_txn_err(t) : ERR_DAMAGED;
			*broken = position;
			break;
		}
		wire_put_bytes(out, ENTRY, bytes.p, bytes.n);
	}
	if (!err) {
		wire_put_bytes(out, HEAD, hash, HASH_BYTES);
		wire_put_bytes(out, SIGNATURE, end->seal.signature, SIGN_BYTES);
	}
	store_cursor_close(c);
	return err ? err : (out->failed ? ERR_NOMEM : 0);
}

int ledger_batch_make(struct store_txn *t, uint32_t origin, uint64_t first, size_t most,
	struct buf *out, uint64_t *last)
{
	struct ending end;
	uint64_t broken = 0;
	*last = 0;
	buf_reset(out);
	if (first == 0)
		return ERR_INVALID;
	if (most > LEDGER_BATCH_MAX)
		most = LEDGER_BATCH_MAX;
	int err = ending_find(t, origin, first, UINT64_MAX, most, &end);
	if (err) {
		*last = first;
		return err;
	}
	if (end.position == 0)
		return 0;
	err = batch_write(t, origin, first, &end, out, &broken);
	if (err == ERR_DAMAGED && !store_txn_err(t)) {
		/* What is whole goes on its way first. */
		uint64_t at = broken;
		err = ending_find(t, origin, first, at, most, &end);
		if (err == 0)
			err = end.position ? batch_write(t, origin, first, &end, out, &broken)
					   : ERR_DAMAGED;
	}
	*last = err ? broken : end.position;
	if (err)
		buf_reset(out);
	return err;
}

/* ---- checking ---- */

/* The fields beside the entries; *n counts those. */
static int batch_fields(struct ledger_batch *b, struct text packed, size_t *n)
{
	struct wire w = wire_of(packed);
	struct wire_field f;
	unsigned seen = 0;
	*n = 0;
	while (wire_next(&w, &f)) {
		if (f.number >= KNOWN)
			continue;
		bool number = f.number == ORIGIN || f.number == FIRST;
		if (f.type != (number ? WIRE_VARINT : WIRE_BYTES))
			return ERR_INVALID;
		if (f.number == ENTRY) {
			if (f.bytes.n > LEDGER_ENTRY_MAX)
				return ERR_LIMIT;
			++*n;
			continue;
		}
		if (seen & 1U << f.number)
			return ERR_INVALID;
		seen |= 1U << f.number;
		if (f.number == ORIGIN && f.value != b->origin)
			return ERR_INVALID;
		if (f.number == FIRST)
			b->first = f.value;
		if (f.number == HEAD || f.number == SIGNATURE) {
			if (f.bytes.n != (f.number == HEAD ? HASH_BYTES : SIGN_BYTES))
				return ERR_INVALID;
			memcpy(f.number == HEAD ? b->head : b->signature, f.bytes.p, f.bytes.n);
		}
	}
	unsigned required = 1U << ORIGIN | 1U << FIRST | 1U << HEAD | 1U << SIGNATURE;
	return w.failed || (seen & required) != required ? ERR_INVALID : 0;
}

/* One entry in its place: form, origin, position, chain. Position 1 names the signer, and nothing
 * stands before it. */
static int batch_entry(const struct ledger_batch *b, size_t i, struct text bytes,
	const uint8_t *prev, const uint8_t *signer)
{
	static const uint8_t nothing[HASH_BYTES];
	struct entry_view e;
	if (entry_unpack(&e, bytes, NULL) != 0 || e.origin != b->origin ||
		e.position != b->first + i)
		return ERR_INVALID;
	if (e.position == 1) {
		const uint8_t *named =
			e.kind == TALLY__ENTRY_KIND__GENESIS ? genesis_signer(e.body) : NULL;
		if (!named)
			return ERR_INVALID;
		if (memcmp(named, signer, SIGN_PUBLIC_BYTES) != 0)
			return ERR_SIGNER;
		prev = nothing;
	}
	return prev && memcmp(e.prev, prev, HASH_BYTES) != 0 ? ERR_CHAIN : 0;
}

static int batch_entries(struct ledger_batch *b, struct text packed, const uint8_t *signer,
	struct text *entries, uint8_t (*hashes)[HASH_BYTES])
{
	struct wire w = wire_of(packed);
	struct wire_field f;
	size_t i = 0;
	while (wire_next(&w, &f)) {
		if (f.number != ENTRY)
			continue;
		int err = batch_entry(b, i, f.bytes, i ? hashes[i - 1] : NULL, signer);
		if (err)
			return err;
		entries[i] = f.bytes;
		hash_entry(hashes[i++], f.bytes);
	}
	return 0;
}

int ledger_batch_check(struct ledger_batch *b, struct text packed, uint32_t origin,
	const uint8_t signer[SIGN_PUBLIC_BYTES], struct arena *a)
{
	struct entry_view e;
	size_t n;
	*b = (struct ledger_batch){ .origin = origin };
	if (packed.n > LEDGER_BATCH_MAX)
		return ERR_LIMIT;
	int err = batch_fields(b, packed, &n);
	if (err)
		return err;
	if (n == 0 || b->first == 0 || b->first > UINT64_MAX - n)
		return ERR_INVALID;
	struct text *entries = arena_alloc(a, n * sizeof *entries);
	uint8_t(*hashes)[HASH_BYTES] = arena_alloc(a, n * sizeof *hashes);
	if (!entries || !hashes)
		return ERR_LIMIT;
	err = batch_entries(b, packed, signer, entries, hashes);
	if (err)
		return err;
	b->n = n;
	b->last = b->first + n - 1;
	b->entries = entries;
	b->hashes = (const uint8_t(*)[HASH_BYTES])hashes;
	err = entry_unpack(&e, entries[0], NULL);
	assert(err == 0);
	memcpy(b->prev, e.prev, HASH_BYTES);
	if (memcmp(b->head, hashes[n - 1], HASH_BYTES) != 0)
		return ERR_CHAIN;
	return sign_position_ok(b->signature, signer, SIGN_SEAL, origin, b->last, b->head)
		       ? 0
		       : ERR_SIGNER;
}
