/* The proof of a whole ledger: a cursor over its entries and one over its seals, in step.
 *
 * For each entry: the next position, the hash of its bytes, its form, the chain. For each seal: the
 * signature over the hash that was just computed, and its count of bytes. At the end: no seal
 * beyond, and the head row agrees with all of it. The walk is cut into stretches of STRETCH
 * entries; between them the snapshot is renewed, so that a long proof does not hold the store's
 * pages. A ledger that grows meanwhile is walked to the end of the last snapshot, against the head
 * of the same one.
 *
 * It ends at the first misfit: what comes after a broken link proves nothing. */
#include "daemon/ledger/ledger.h"

#include "daemon/base/log.h"
#include "daemon/ledger/rows.h"
#include "proto/entry.pb-c.h"

#define STRETCH 4096
#define DEADLINE_MS 10000

struct walk {
	struct store_txn *t;
	uint32_t origin;
	bool named; /* signer holds */
	uint8_t signer[SIGN_PUBLIC_BYTES];
	uint64_t position; /* of the last entry found good */
	uint8_t hash[HASH_BYTES];
	uint64_t bytes, sealed, sealed_bytes;
	struct ledger_verdict *v;
};

/* The first misfit: always returns false. */
static bool broken(struct walk *w, uint64_t position, int err)
{
	w->v->broken_at = position;
	w->v->err = err;
	return false;
}

static bool genesis_check(struct walk *w, const struct entry_view *e)
{
	const uint8_t *named =
		e->kind == TALLY__ENTRY_KIND__GENESIS ? genesis_signer(e->body) : NULL;
	if (!named || (w->named && memcmp(named, w->signer, SIGN_PUBLIC_BYTES) != 0))
		return broken(w, 1, ERR_SIGNER);
	memcpy(w->signer, named, SIGN_PUBLIC_BYTES);
	w->named = true;
	return true;
}

static bool entry_check(struct walk *w, struct text key, struct text value)
{
	uint64_t position;
	struct entry_view e;
	struct text bytes;
	const uint8_t *hash;
	if (!row_key_get(key, w->origin, &position) || position != w->position + 1)
		return broken(w, w->position + 1, ERR_GAP);
	if (row_entry_get(value, w->origin, position, &e, &bytes, &hash) != 0)
		return broken(w, position, ERR_DAMAGED);
	if (memcmp(e.prev, w->hash, HASH_BYTES) != 0)
		return broken(w, position, ERR_CHAIN);
	if (position == 1 && !genesis_check(w, &e))
		return false;
	w->position = position;
	memcpy(w->hash, hash, HASH_BYTES);
	w->bytes += bytes.n;
	w->v->entries++;
	return true;
}

static bool seal_check(struct walk *w, struct text value)
{
	struct row_seal seal;
	if (row_seal_get(value, &seal) != 0 || seal.bytes != w->bytes)
		return broken(w, w->position, ERR_DAMAGED);
	if (!sign_position_ok(
		    seal.signature, w->signer, SIGN_SEAL, w->origin, w->position, w->hash))
		return broken(w, w->position, ERR_SIGNER);
	w->sealed = w->position;
	w->sealed_bytes = w->bytes;
	w->v->seals++;
	return true;
}

/* The head row, and what may not stand beyond it. */
static bool end_check(struct walk *w, bool seal_beyond, uint64_t seal_position)
{
	struct row_head h;
	int err = row_head_get(w->t, w->origin, &h);
	if (err == ERR_NOTFOUND && w->position == 0 && !seal_beyond)
		return true;
	uint64_t at = w->position ? w->position : 1;
	if (seal_beyond)
		return broken(w, seal_position, ERR_GAP);
	if (!err && h.h.position > w->position)
		return broken(w, w->position + 1, ERR_GAP);
	if (err || h.h.position != w->position || memcmp(h.h.head, w->hash, HASH_BYTES) != 0 ||
		h.h.bytes != w->bytes || h.sealed != w->sealed || h.sealed_bytes != w->sealed_bytes)
		return broken(w, at, ERR_DAMAGED);
	/* Every commit ends with a seal: an end without one was cut or added to. */
	return w->sealed == w->position || broken(w, at, ERR_SIGNER);
}

/* One stretch in one snapshot. False: done, or broken. */
static bool stretch(struct walk *w, struct store_cursor *entries, struct store_cursor *seals)
{
	uint8_t at[ROW_KEY_BYTES];
	struct text key, value, seal_key, seal;
	uint64_t sealed = 0, position;
	bool on = store_seek(entries, row_key(at, w->origin, w->position + 1), &key, &value);
	bool seal_on =
		store_seek(seals, row_key(at, w->origin, w->position + 1), &seal_key, &seal) &&
		row_key_get(seal_key, w->origin, &sealed);
	for (unsigned i = 0; i < STRETCH && on && row_key_get(key, w->origin, &position); i++) {
		if (!entry_check(w, key, value))
			return false;
		if (seal_on && sealed == w->position) {
			if (!seal_check(w, seal))
				return false;
			seal_on = store_next(seals, &seal_key, &seal) &&
				  row_key_get(seal_key, w->origin, &sealed);
		}
		on = store_next(entries, &key, &value);
	}
	if (store_txn_err(w->t))
		return false;
	if (on && row_key_get(key, w->origin, &position))
		return true;
	end_check(w, seal_on, sealed);
	return false;
}

static bool walk_on(struct walk *w)
{
	struct store_cursor *entries = store_cursor_open(w->t, LEDGER_ENTRY);
	struct store_cursor *seals = store_cursor_open(w->t, LEDGER_SEAL);
	bool on = entries && seals && stretch(w, entries, seals);
	store_cursor_close(seals);
	store_cursor_close(entries);
	return on;
}

int ledger_verify(struct ledger *l, uint32_t origin, const uint8_t *signer,
	struct ledger_verdict *v, void (*progress)(void *arg, uint64_t position), void *arg)
{
	struct walk w = { .origin = origin, .named = signer != NULL, .v = v };
	*v = (struct ledger_verdict){ 0 };
	if (signer)
		memcpy(w.signer, signer, SIGN_PUBLIC_BYTES);
	int err = store_read_begin(ledger_store(l), &w.t, DEADLINE_MS);
	if (err)
		return err;
	while (walk_on(&w)) {
		if (progress)
			progress(arg, w.position);
		err = store_read_renew(w.t);
		if (err)
			break;
	}
	if (!err)
		err = store_txn_err(w.t);
	store_read_end(w.t);
	if (!err && !v->err && v->entries == 0)
		err = ERR_NOTFOUND;
	return err ? err : v->err;
}
