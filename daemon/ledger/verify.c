/* The proof of a whole ledger: a walk over its rows.
 *
 * For each entry: the next position, the hash of its bytes, its form, the chain. For each seal: it
 * stands behind its entry; the signature over the hash that was just computed, its head, its count
 * of bytes. At the end: the last row is a seal. The walk is cut into stretches of STRETCH rows;
 * between them the snapshot is renewed, so that a long proof does not hold the store's pages. A
 * ledger that grows meanwhile is walked to the end of the last snapshot.
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
	uint64_t bytes, sealed;
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

static bool entry_check(struct walk *w, uint64_t position, struct text value)
{
	struct entry_view e;
	struct text bytes;
	const uint8_t *hash;
	if (position != w->position + 1)
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

static bool seal_check(struct walk *w, uint64_t position, struct text value)
{
	struct row_seal seal;
	if (position != w->position)
		return broken(w, position, ERR_GAP);
	if (row_seal_get(value, &seal) != 0 || seal.bytes != w->bytes ||
		memcmp(seal.head, w->hash, HASH_BYTES) != 0)
		return broken(w, w->position, ERR_DAMAGED);
	if (!sign_position_ok(
		    seal.signature, w->signer, SIGN_SEAL, w->origin, w->position, w->hash))
		return broken(w, w->position, ERR_SIGNER);
	w->sealed = w->position;
	w->v->seals++;
	return true;
}

/* One stretch in one snapshot. False: done, or broken. */
static bool stretch(struct walk *w, struct store_cursor *c)
{
	uint8_t at[ROW_KEY_BYTES];
	struct text key, value;
	enum row_kind kind = ROW_OTHER;
	uint64_t position = 0;
	bool on = store_seek(c, row_key(at, w->origin, w->position + 1), &key, &value);
	for (unsigned i = 0; on && (kind = row_kind(key, w->origin, &position)) != ROW_OTHER; i++) {
		/* A stretch ends between an entry and the next one, never before a seal. */
		if (kind == ROW_ENTRY && i >= STRETCH)
			return true;
		if (kind == ROW_ENTRY ? !entry_check(w, position, value)
				      : !seal_check(w, position, value))
			return false;
		on = store_next(c, &key, &value);
	}
	/* Every commit ends with a seal: an end without one was cut or added to. */
	if (!store_txn_err(w->t) && w->sealed != w->position)
		broken(w, w->position, ERR_SIGNER);
	return false;
}

static bool walk_on(struct walk *w)
{
	struct store_cursor *c = store_cursor_open(w->t, LEDGER_ENTRY);
	bool on = c && stretch(w, c);
	store_cursor_close(c);
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
