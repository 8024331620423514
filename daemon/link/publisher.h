/* What a parent publishes to its children: its own ledger of decisions, as batches. Each call is a
 * snapshot of the store, on the loop's thread. Inside the room only. */
#ifndef LINK_PUBLISHER_H
#define LINK_PUBLISHER_H

#include "daemon/link/frame.h"

struct publisher {
	struct store *store;
	const struct sign_key *signer;
	uint32_t origin;   /* 0: there is no such ledger here */
	uint64_t position; /* as last read */
	uint64_t first;	   /* of the batch at hand; 0: none */
	struct buf raw, squeezed;
	bool small; /* `squeezed` holds it */
	struct squeezer *squeezer;
};

/* Publishes the ledger of decisions that is open in l, if one is. */
MUST_CHECK int publisher_open(struct publisher *p, struct ledger *l, const struct sign_key *signer);
void publisher_close(struct publisher *p);
/* Reads how far the ledger stands; true: further than before. */
bool publisher_grew(struct publisher *p);
/* Position, head and seal, for a WELCOME; p->position is what it says. 0 or a fault. */
MUST_CHECK int publisher_state(struct publisher *p, struct frame_ledger *out);
/* Does what a child holds fit? LINK_OK, LINK_UNLISTED: another ledger than ours, LINK_BEHIND: we
 * hold less, LINK_FORK; or the fault of our own store. */
int publisher_judge(struct publisher *p, const struct frame_ledger *held);
/* The batch from `first` on: f->origin, raw_size, batch (valid until the next call). Children that
 * stand at the same place get the same one. 0 or a fault. */
MUST_CHECK int publisher_batch(struct publisher *p, uint64_t first, struct frame *f);
/* Words of a fault for the child's operator. */
void publisher_reason(const struct publisher *p, int fault, uint64_t held, char *out, size_t size);

#endif
