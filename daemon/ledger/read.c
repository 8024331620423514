/* Reading ledgers in any transaction, and receipts.
 *
 * Every entry is checked by its hash on its way out. What does not fit is ERR_DAMAGED and not
 * sticky: a broken entry is an answer about that entry, the rest of the ledger can be read on. */
#include "daemon/ledger/ledger.h"

#include "daemon/ledger/rows.h"

struct ledger_head ledger_head(struct store_txn *t, uint32_t origin)
{
	struct row_head h;
	if (row_head_get(t, origin, &h) == ERR_DAMAGED)
		store_fail(t, ERR_DAMAGED);
	return h.h;
}

static int entry_get(struct store_txn *t, uint32_t origin, uint64_t position, struct text *bytes,
	const uint8_t **hash)
{
	uint8_t at[ROW_KEY_BYTES];
	struct text value;
	struct entry_view e;
	int err = store_get(t, LEDGER_ENTRY, row_key(at, origin, position), &value);
	return err ? err : row_entry_get(value, origin, position, &e, bytes, hash);
}

int ledger_hash_at(struct store_txn *t, uint32_t origin, uint64_t position, uint8_t out[HASH_BYTES])
{
	struct text bytes;
	const uint8_t *hash;
	memset(out, 0, HASH_BYTES);
	if (position == 0)
		return store_txn_err(t);
	int err = entry_get(t, origin, position, &bytes, &hash);
	if (err == 0)
		memcpy(out, hash, HASH_BYTES);
	return err;
}

int ledger_get(struct store_txn *t, uint32_t origin, uint64_t position, struct text *bytes)
{
	int err = entry_get(t, origin, position, bytes, NULL);
	if (err)
		*bytes = (struct text){ NULL, 0 };
	return err;
}

int ledger_walk_get(struct ledger_walk *w, uint64_t position, struct entry_view *e)
{
	uint8_t at[ROW_KEY_BYTES];
	struct text wanted = row_key(at, w->origin, position), key, value, bytes;
	uint64_t is;
	bool on;
	if (!w->cursor)
		w->cursor = store_cursor_open(w->t, LEDGER_ENTRY);
	on = w->next && w->next == position ? store_next(w->cursor, &key, &value)
					    : store_seek(w->cursor, wanted, &key, &value);
	if (on && row_kind(key, w->origin, &is) == ROW_SEAL) /* of the entry before */
		on = store_next(w->cursor, &key, &value);
	w->next = 0;
	if (!on || !text_eq(key, wanted))
		return store_txn_err(w->t) ? store_txn_err(w->t) : ERR_NOTFOUND;
	w->next = position + 1;
	return row_entry_get(value, w->origin, position, e, &bytes, NULL);
}

void ledger_walk_end(struct ledger_walk *w)
{
	if (w->cursor)
		store_cursor_close(w->cursor);
	w->cursor = NULL;
	w->next = 0;
}

int ledger_signer(struct store_txn *t, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES])
{
	struct entry_view e;
	struct text bytes;
	int err = ledger_get(t, origin, 1, &bytes);
	if (err)
		return err;
	const uint8_t *named = entry_unpack(&e, bytes, NULL) == 0 ? genesis_signer(e.body) : NULL;
	if (!named)
		return ERR_DAMAGED;
	memcpy(signer, named, SIGN_PUBLIC_BYTES);
	return 0;
}

size_t ledger_origins(struct store_txn *t, uint32_t *out, size_t size)
{
	struct text key, value;
	size_t n = 0;
	struct store_cursor *c = store_cursor_open(t, LEDGER_ENTRY);
	if (!c)
		return 0;
	/* Decisions stand first in the table and last by number. */
	for (int decisions = 0; decisions < 2; decisions++) {
		uint8_t at[ROW_KEY_BYTES];
		struct text from = { NULL, 0 };
		uint32_t origin;
		while (store_seek(c, from, &key, &value) && row_origin(key, &origin)) {
			from = row_key(at, origin, UINT64_MAX);
			if (origin_is_decisions(origin) != (decisions == 1))
				continue;
			if (n < size)
				out[n] = origin;
			n++;
		}
	}
	store_cursor_close(c);
	return n;
}

/* ---- receipts ---- */

#define RECEIPT_BYTES (8 + HASH_BYTES + SIGN_BYTES + 8)
#define RECEIPT_NAME_MAX 256

/* Key of a receipt; empty when the name is too long. */
static struct text receipt_key(
	uint8_t out[RECEIPT_NAME_MAX + 5], const char *parent, uint32_t origin)
{
	size_t n = strlen(parent);
	if (n > RECEIPT_NAME_MAX)
		return (struct text){ NULL, 0 };
	memcpy(out, parent, n + 1);
	put_u32(out + n + 1, origin);
	return (struct text){ (const char *)out, n + 5 };
}

int ledger_receipt_get(
	struct store_txn *t, const char *parent, uint32_t origin, struct ledger_receipt *r)
{
	uint8_t at[RECEIPT_NAME_MAX + 5];
	struct text value, key = receipt_key(at, parent, origin);
	*r = (struct ledger_receipt){ 0 };
	if (!key.p)
		return ERR_NOTFOUND;
	int err = store_get(t, LEDGER_RECEIPT, key, &value);
	if (err)
		return err;
	if (value.n != RECEIPT_BYTES)
		return ERR_DAMAGED;
	const uint8_t *p = (const uint8_t *)value.p;
	r->position = get_u64(p);
	memcpy(r->head, p + 8, HASH_BYTES);
	memcpy(r->signature, p + 8 + HASH_BYTES, SIGN_BYTES);
	r->at_ms = get_u64(p + 8 + HASH_BYTES + SIGN_BYTES);
	return 0;
}

void ledger_receipt_put(
	struct store_txn *t, const char *parent, uint32_t origin, const struct ledger_receipt *r)
{
	uint8_t at[RECEIPT_NAME_MAX + 5], value[RECEIPT_BYTES];
	struct ledger_receipt stands;
	struct text key = receipt_key(at, parent, origin);
	if (!key.p) {
		store_fail(t, ERR_LIMIT);
		return;
	}
	/* A damaged receipt is replaced: the parent has just said it anew. */
	int err = ledger_receipt_get(t, parent, origin, &stands);
	if (err == 0 && r->position < stands.position)
		return;
	put_u64(value, r->position);
	memcpy(value + 8, r->head, HASH_BYTES);
	memcpy(value + 8 + HASH_BYTES, r->signature, SIGN_BYTES);
	put_u64(value + 8 + HASH_BYTES + SIGN_BYTES, r->at_ms);
	store_put(t, LEDGER_RECEIPT, key, (struct text){ (const char *)value, sizeof value });
}
