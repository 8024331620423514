/* What a child's driver asks of its ledgers: where they stand, whether a parent's word fits, the
 * next batch. Each call is one snapshot, on the loop's thread. Inside the room only. */
#ifndef LINK_CHILD_STORE_H
#define LINK_CHILD_STORE_H

#include "daemon/link/child.h"

struct child_store {
	struct store *store;
	uint8_t signer[SIGN_PUBLIC_BYTES]; /* the parent's */
	struct buf raw, squeezed;
	struct squeezer *squeezer;
};

MUST_CHECK int child_store_open(
	struct child_store *s, struct ledger *l, const uint8_t signer[SIGN_PUBLIC_BYTES]);
void child_store_close(struct child_store *s);
/* Position and head of each of the machine's ledgers. 0 or a fault. */
MUST_CHECK int child_store_states(
	struct child_store *s, const struct child *m, struct frame_ledger *out);
/* A claim for each ledger of the frame, with our own hash and the parent's signer at hand. */
void child_store_judge(struct child_store *s, const struct frame *f, struct child_claim *claims);
/* The batch from `first` of at most `room` bytes: f->origin, raw_size and batch (valid until the
 * next call); *last its last position, *raw its size unpacked. 0 or a fault. */
MUST_CHECK int child_store_batch(struct child_store *s, const struct child_action *a,
	struct frame *f, uint64_t *last, size_t *raw);

#endif
