/* Ledgers: ordered lists of entries with exactly one writer each, chained by hash, sealed by
 * signature.
 *
 * Words: origin = the number of a ledger's one writer: an area code, or ORIGIN_DECISIONS() of one,
 * under which the same area's node publishes its decisions; position = 1, 2, 3, …; head = the hash
 * of the last entry, it stands for the whole ledger; seal = the origin's signature over (origin,
 * position, head); receipt = a parent's signature over what it has stored; signer = an Ed25519
 * public key; own = written here, under our own signer.
 *
 * Invariants: what is stored under (origin, position) is never changed or deleted; the last
 * position of every ledger is sealed (each commit that appends ends with a seal, and a seal stands
 * at least every LEDGER_SEAL_ENTRIES entries or LEDGER_SEAL_BYTES bytes, so that a batch can always
 * end at one); a position never goes down. */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "daemon/ledger/hash.h"
#include "daemon/base/buf.h"
#include "daemon/store/store.h"
#include "proto/arena.h"

#define LEDGER_SEAL_ENTRIES 256
#define LEDGER_SEAL_BYTES (128 * 1024)
/* Bytes of one entry; more is refused at append and at accept. */
#define LEDGER_ENTRY_MAX (16 * 1024)
/* Bytes of one packed Batch. */
#define LEDGER_BATCH_MAX (LEDGER_SEAL_BYTES + LEDGER_ENTRY_MAX + 64 * 1024)
#define ORIGINS_MAX 4096
/* Ledgers that one node writes. */
#define LEDGER_OWN_MAX 2

/* The origin of an area's ledger of public decisions: what a city decides for all its districts
 * (returns taken or sent back, closed periods, figures). It is signed by the area's signer and
 * replicated down to the area's children. 310000 → 3100001. */
#define ORIGIN_DECISIONS(area) ((uint32_t)(area)*10 + 1)
/* Is it one of a ledger of decisions? */
static inline bool origin_is_decisions(uint32_t origin)
{
	return origin >= 1000000 && origin < 10000000 && origin % 10 == 1;
}

/* Tables of a store that holds ledgers. ledger_open() puts these names before those of
 * store_conf.tables (also when they stand there already); the caller's own are numbered from
 * LEDGER_TABLES on. */
enum { LEDGER_ENTRY, LEDGER_RECEIPT, LEDGER_TABLES };
#define LEDGER_TABLE_NAMES "entry", "receipt"

struct ledger; /* ledgers of one store: one's own, and those replicated from children */

struct ledger_head {
	uint64_t position; /* 0: no entry yet; head is zeros then */
	uint8_t head[HASH_BYTES];
	uint64_t bytes; /* of all entries */
};

/* Opens the store in `dir` and the ledgers in it. `own` is the origin written here; its GENESIS is
 * appended when the ledger is empty. `extra` gives limits, `create`, and the tables beyond the
 * ledger's own (its before_commit is the ledger's). ERR_SIGNER: the own ledger's GENESIS names
 * another signer. Borrows `key` until ledger_close(). */
MUST_CHECK int ledger_open(struct ledger **out, const char *dir, const struct sign_key *key,
	uint32_t own, const struct store_conf *extra, struct errmsg *m);
void ledger_close(struct ledger *l);
/* The store beneath, for the tables beyond LEDGER_TABLES (indexes from LEDGER_TABLES on, named in
 * extra->tables). */
struct store *ledger_store(struct ledger *l);
uint32_t ledger_own(const struct ledger *l);
/* Opens a further ledger that is written here, under the same signer; its GENESIS is appended when
 * it is empty. Before anything else uses the store. Errors as ledger_open(); ERR_LIMIT: more than
 * LEDGER_OWN_MAX. Opening one that is open already is no error. */
MUST_CHECK int ledger_also(struct ledger *l, uint32_t origin, struct errmsg *m);
/* Is it written here? */
bool ledger_is_own(const struct ledger *l, uint32_t origin);

/* ---- writing one's own ---- */

/* What goes into an entry; texts borrowed for the call. */
struct entry_draft {
	uint32_t origin; /* which own ledger; 0: ledger_own() */
	uint32_t kind;	 /* TALLY__ENTRY_KIND__… */
	uint64_t at_ms;
	struct text author, reg, body, key, reason;
};
/* Appends to an own ledger inside a job; returns the position, 0 on an error (then sticky in t;
 * ERR_DENIED: the draft's origin is not written here). The entry can be read at once, by the same
 * job too. */
uint64_t ledger_append(struct store_txn *t, struct ledger *l, const struct entry_draft *draft);

/* ---- taking in another's ---- */

/* A batch, unpacked and checked as far as it can be alone. Entries point into the arena or the
 * frame. */
struct ledger_batch {
	uint32_t origin;
	uint64_t first, last;
	size_t n;
	const struct text *entries;
	const uint8_t (*hashes)[HASH_BYTES]; /* of each entry */
	uint8_t prev[HASH_BYTES];	     /* what entries[0] says comes before it */
	uint8_t head[HASH_BYTES];
	uint8_t signature[SIGN_BYTES];
};
/* Unpacks a Batch and checks form, sizes, positions, inner chain, head and signature. Pure; all
 * memory from `a`. ERR_INVALID, ERR_LIMIT, ERR_CHAIN, ERR_SIGNER. */
MUST_CHECK int ledger_batch_check(struct ledger_batch *b, struct text packed, uint32_t origin,
	const uint8_t signer[SIGN_PUBLIC_BYTES], struct arena *a);
/* Stores what is new of a checked batch, inside a job. Entries that stand already are compared by
 * hash and passed over. ERR_GAP: it begins after the next position; ERR_FORK: it does not fit what
 * stands; ERR_DENIED: it is of an own ledger, which has one writer; ERR_DAMAGED: what stands is
 * broken. Nothing is written then, and the transaction is as before (not sticky). */
MUST_CHECK int ledger_accept(struct store_txn *t, struct ledger *l, const struct ledger_batch *b);

/* ---- reading; any transaction of the ledger's store ---- */

/* Zeroed when the ledger is empty or unknown. */
struct ledger_head ledger_head(struct store_txn *t, uint32_t origin);
/* Hash of the entry at a position; zeros for 0. ERR_NOTFOUND beyond the end. */
int ledger_hash_at(
	struct store_txn *t, uint32_t origin, uint64_t position, uint8_t out[HASH_BYTES]);
/* The signer that a ledger's GENESIS names. ERR_NOTFOUND: no entry; ERR_DAMAGED. */
MUST_CHECK int ledger_signer(
	struct store_txn *t, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES]);
/* The entry's bytes, checked by their hash. ERR_NOTFOUND, ERR_DAMAGED (not sticky: what is broken
 * is named, the rest goes on). */
int ledger_get(struct store_txn *t, uint32_t origin, uint64_t position, struct text *bytes);
/* Packs a Batch of entries from `first` up to the last seal that fits into about `most` bytes; at
 * least one seal's worth. out is emptied first. *last = its last position, 0 when there is nothing.
 * A damaged entry ends the batch at the last seal before it; when none stands there: ERR_DAMAGED,
 * and *last = the damaged position. */
MUST_CHECK int ledger_batch_make(struct store_txn *t, uint32_t origin, uint64_t first, size_t most,
	struct buf *out, uint64_t *last);
/* All origins that stand here, ascending. Returns their number (at most `size` are written). */
size_t ledger_origins(struct store_txn *t, uint32_t *out, size_t size);

/* An entry's fields, by reference into its bytes. ERR_INVALID when it does not unpack. Takes no
 * memory: `a` may be NULL. */
struct entry_view {
	uint64_t position, at_ms;
	uint32_t origin, kind;
	struct text author, reg, body, key, reason;
	const uint8_t *prev;
};
int entry_unpack(struct entry_view *e, struct text bytes, struct arena *a);

/* Entries one after the other, unpacked: what ledger_get() answers, without a search for each. Set
 * t and origin, leave the rest zero; any positions in any order, but only the one after the last is
 * cheap. ledger_walk_end() before the transaction ends. */
struct ledger_walk {
	struct store_txn *t;
	uint32_t origin;
	struct store_cursor *cursor;
	uint64_t next; /* what one step brings; 0: it has to be looked for */
};
int ledger_walk_get(struct ledger_walk *w, uint64_t position, struct entry_view *e);
void ledger_walk_end(struct ledger_walk *w);

/* ---- receipts: what a parent has confirmed ---- */

struct ledger_receipt {
	uint64_t position;
	uint8_t head[HASH_BYTES];
	uint8_t signature[SIGN_BYTES];
	uint64_t at_ms; /* wall clock when stored */
};
/* Stores the newest receipt of a parent (by name) for an origin, inside a job; never goes down. */
void ledger_receipt_put(
	struct store_txn *t, const char *parent, uint32_t origin, const struct ledger_receipt *r);
/* 0 or ERR_NOTFOUND. */
int ledger_receipt_get(
	struct store_txn *t, const char *parent, uint32_t origin, struct ledger_receipt *r);

/* ---- proof ---- */

struct ledger_verdict {
	uint64_t entries, seals; /* walked and found good */
	uint64_t broken_at;	 /* first position that fails; 0: none */
	int err;		 /* why: ERR_DAMAGED, ERR_CHAIN, ERR_SIGNER, ERR_GAP */
};
/* Walks a whole ledger: hashes, chain, seals, head, genesis. Renews its snapshot as it goes;
 * `progress` (may be NULL) is called now and then. `signer` NULL: the one that the GENESIS names.
 * 0: all good. Otherwise v->err with v->broken_at set when the ledger is broken; any other error
 * with v->broken_at 0 when it could not be walked (ERR_NOTFOUND: no such ledger). */
MUST_CHECK int ledger_verify(struct ledger *l, uint32_t origin, const uint8_t *signer,
	struct ledger_verdict *v, void (*progress)(void *arg, uint64_t position), void *arg);

#endif
