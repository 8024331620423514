/* Batches of another's ledger on their way into the store, of children at a parent, of a parent's
 * decisions at a child: opened, checked, submitted, committed, handed back to the loop. Each batch
 * in flight is a job with its own bytes and arena; jobs are used again. Inside the room only. */
#ifndef LINK_ACCEPT_H
#define LINK_ACCEPT_H

#include "daemon/link/frame.h"

struct accept; /* the desk */

struct accept_job {
	struct store_job job;
	struct accept *desk;
	struct accept_job *next;
	struct buf bytes; /* the unpacked batch; entries point into it */
	struct arena arena;
	struct ledger_batch batch;
	size_t key, ledger;	  /* the caller's */
	uint32_t serial;	  /* the caller's */
	int err;		  /* of the commit */
	struct ledger_head after; /* what stands in the commit */
};

struct accept_conf {
	struct ledger *ledger;
	void (*wake)(void *arg); /* writer thread: something is finished */
	void *wake_arg;
	void (*on_accept)(void *arg, uint32_t origin,
		uint64_t position); /* writer thread, after the commit; may be NULL */
	void *accept_arg;
};

MUST_CHECK int accept_open(struct accept **out, const struct accept_conf *conf);
/* Waits until the store has answered all jobs; those not fetched are let go. */
void accept_close(struct accept *a);

/* The loop. A job for a batch; NULL without memory. End with accept_submit() or accept_drop(). */
struct accept_job *accept_take(struct accept *a);
/* Opens and checks the frame's batch. 0 or a fault. */
int accept_check(
	struct accept_job *j, const struct frame *f, const uint8_t signer[SIGN_PUBLIC_BYTES]);
/* To the store, in the order of submitting. */
void accept_submit(struct accept_job *j);
/* The next job that the store has answered, in order; NULL: none. Ends with accept_drop(). */
struct accept_job *accept_finished(struct accept *a);
void accept_drop(struct accept_job *j);

#endif
