/* What a parent has confirmed, on its way into the child's store. ACKs come faster than commits are
 * worth: one job at a time, the newest receipt of each ledger wins, and at most one commit every
 * RECEIPTS_MS. Inside the room only. */
#ifndef LINK_RECEIPTS_H
#define LINK_RECEIPTS_H

#include "daemon/link/frame.h"

#define RECEIPTS_MS 25

struct receipts;
/* Reads what is stored for a parent (by name). `origins`: n ledgers; borrowed for the call.
 * ERR_NOMEM, or the store's error. */
MUST_CHECK int receipts_open(struct receipts **out, struct loop *loop, struct ledger *l,
	const char *parent, const uint8_t signer[SIGN_PUBLIC_BYTES], const uint32_t *origins,
	size_t n);
/* Waits for a job that is running. */
void receipts_close(struct receipts *r);
/* The loop: a receipt that was found good. Not older than the one put before it is stored; an older
 * one is let go. */
void receipts_put(struct receipts *r, size_t ledger, const struct frame_ledger *state);

struct receipts_state {
	uint64_t acked;	 /* position of the stored receipt */
	uint64_t proven; /* the same, when it is signed by the parent's signer and our own ledger
			    has that head */
};
/* Any thread. */
struct receipts_state receipts_state(struct receipts *r, size_t ledger);

#endif
