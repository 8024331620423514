/* What a child follows, on its way into the child's store: a WELCOME's offer judged, a PUBLISH's
 * batch checked, stored, committed. On the loop's thread but where said. Inside the room only. */
#ifndef LINK_FOLLOWING_H
#define LINK_FOLLOWING_H

#include "daemon/link/accept.h"
#include "daemon/link/child.h"

struct following {
	struct ledger *ledger;
	struct accept *desk;
	uint8_t signer[SIGN_PUBLIC_BYTES]; /* the parent's, and so its decisions' */
};

struct following_conf {
	struct ledger *ledger;
	const uint8_t *signer;
	void (*wake)(void *arg); /* writer thread: following_taken() has something */
	void *wake_arg;
	void (*on_followed)(void *arg, uint32_t origin,
		uint64_t position); /* writer thread, after the commit; may be NULL */
	void *arg;
};

/* ERR_NOMEM. */
MUST_CHECK int following_open(struct following *f, const struct following_conf *conf);
/* Waits until the store has answered. Once. */
void following_close(struct following *f);
/* Which of the ledgers that a WELCOME publishes is for us, and does it fit our copy? */
void following_judge(struct following *f, const struct frame *welcome, struct follow_offer *out);
/* What is committed here of a ledger, for a FOLLOW. 0 or a fault. */
MUST_CHECK int following_state(struct following *f, uint32_t origin, struct frame_ledger *out);
/* Checks a PUBLISH and hands its batch to the store. LINK_OK: following_taken() will tell; or the
 * fault. */
MUST_CHECK int following_take(struct following *f, const struct frame *publish);
/* What the store has answered: a CHILD_TAKEN. False: nothing. */
bool following_taken(struct following *f, struct child_event *e);

#endif
