/* Where the newest version of each record stands: (origin, hash of register and key) → position;
 * only records that live. A chunk's changes are held in memory and written once, in the order of
 * their keys. */
#ifndef FOLD_RECORD_INDEX_H
#define FOLD_RECORD_INDEX_H

#include "daemon/ledger/hash.h"
#include "daemon/store/store.h"

#define RECORD_KEY_BYTES (4 + KEY_HASH_BYTES) /* origin, big-endian; hash_key() */

struct record_index;

struct record_index *record_index_open(void);
void record_index_close(struct record_index *x);
void record_index_reset(struct record_index *x);
/* The position, 0: no such record. Changes since the reset are seen. Errors are sticky in t. */
uint64_t record_index_get(struct record_index *x, struct store_txn *t, int table,
	const uint8_t key[RECORD_KEY_BYTES]);
/* position 0: it is gone. False without memory. */
MUST_CHECK bool record_index_put(
	struct record_index *x, const uint8_t key[RECORD_KEY_BYTES], uint64_t position);
/* Writes the changes. */
void record_index_write(struct record_index *x, struct store_txn *t, int table);

#endif
