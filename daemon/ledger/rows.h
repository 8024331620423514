/* The rows of a ledger's tables as bytes: keys, values, and reading them back with care. Inside the
 * room only. */
#ifndef LEDGER_ROWS_H
#define LEDGER_ROWS_H

#include "daemon/ledger/ledger.h"

/* Keys of an entry, and of the seal behind it. `out` is what the text points to. */
#define ROW_KEY_BYTES 12
#define ROW_SEAL_KEY_BYTES 13
struct text row_key(uint8_t out[ROW_KEY_BYTES], uint32_t origin, uint64_t position);
struct text row_seal_key(uint8_t out[ROW_SEAL_KEY_BYTES], uint32_t origin, uint64_t position);
/* Which row of `origin` a key is of, and at which position. */
enum row_kind { ROW_OTHER, ROW_ENTRY, ROW_SEAL };
enum row_kind row_kind(struct text key, uint32_t origin, uint64_t *position);
/* The origin of any row; false: it is of none. */
bool row_origin(struct text key, uint32_t *origin);
/* Order of two origins' rows in the table: below, at or above 0. */
int row_order(uint32_t a, uint32_t b);

/* The state of one ledger: where it ends, and where its last seal stands. */
struct row_head {
	struct ledger_head h;
	uint64_t sealed;       /* position of the last seal; 0: none */
	uint64_t sealed_bytes; /* bytes of all entries up to there */
};
/* Read from the ledger's last rows. 0; ERR_NOTFOUND (then zeroed); ERR_DAMAGED; or the sticky
 * error. */
int row_head_get(struct store_txn *t, uint32_t origin, struct row_head *out);

/* A seal: the signature, the head that it signs, and the bytes of all entries up to it (so that a
 * batch's size is known before it is read). */
struct row_seal {
	uint8_t signature[SIGN_BYTES];
	uint8_t head[HASH_BYTES];
	uint64_t bytes;
};
#define ROW_SEAL_BYTES (SIGN_BYTES + HASH_BYTES + 8)
/* Seals h's position: writes the seal and moves h->sealed. `last`: the key is the table's greatest.
 */
void row_seal_put(struct store_txn *t, uint32_t origin, struct row_head *h,
	const uint8_t signature[SIGN_BYTES], bool last);
/* 0, or ERR_DAMAGED. */
int row_seal_get(struct text value, struct row_seal *out);

/* A stored entry: checks the bytes by their hash, and that they are of this origin and position.
 * hash (may be NULL) points into value. 0 or ERR_DAMAGED. */
int row_entry_get(struct text value, uint32_t origin, uint64_t position, struct entry_view *e,
	struct text *bytes, const uint8_t **hash);

/* The signer that a GENESIS's body names; NULL when it is none. */
const uint8_t *genesis_signer(struct text body);

#endif
