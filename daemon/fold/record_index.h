/* Where the newest version of each record stands: (hash of register and key, origin) → position;
 * only records that live. What two districts hold under one key stands together. A chunk's changes
 * are held in memory and written once, in the order of their keys. */
#ifndef FOLD_RECORD_INDEX_H
#define FOLD_RECORD_INDEX_H

#include "daemon/ledger/hash.h"
#include "daemon/store/store.h"

#define RECORD_KEY_BYTES (KEY_HASH_BYTES + 4) /* hash_key(); origin, big-endian */

struct record_index;

struct record_index *record_index_open(void);
void record_index_close(struct record_index *x);
void record_index_reset(struct record_index *x);
/* The position, 0: no such record. Changes since the reset are seen. Errors are sticky in t. */
uint64_t record_index_get(struct record_index *x, struct store_txn *t, int table,
	const uint8_t key[RECORD_KEY_BYTES]);
/* position 0: it is gone. `watched`: record_index_shared() is to look at it. False without memory.
 */
MUST_CHECK bool record_index_put(struct record_index *x, const uint8_t key[RECORD_KEY_BYTES],
	uint64_t position, bool watched);
/* Writes the changes. */
void record_index_write(struct record_index *x, struct store_txn *t, int table);
/* After the write: for each hash of a watched record, do two origins or more hold one now?
 * look(arg, hash, shared), in the order of hashes; not for those of which nothing was said before
 * and nothing is to be said. */
void record_index_shared(struct record_index *x, struct store_txn *t, int table,
	void (*look)(void *arg, const uint8_t hash[KEY_HASH_BYTES], bool shared), void *arg);
/* The origins that hold a record under a hash, with its positions; at most `size` are written.
 * Returns their number. */
struct record_holder {
	uint32_t origin;
	uint64_t position;
};
size_t record_index_holders(struct store_txn *t, int table, const uint8_t hash[KEY_HASH_BYTES],
	struct record_holder *out, size_t size);

#endif
