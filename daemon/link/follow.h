/* What a child follows of its parent: the parent's ledger of public decisions, replicated down over
 * the same session. Pure, a part of the child's machine: no socket, store, clock or memory of the
 * heap.
 *
 *   none ──WELCOME publishes one──▶ due ──FOLLOW──▶ asked ──PUBLISH──▶ taking
 *                                    ▲               │ ▲                │ │
 *                                    └───── why not ─┘ └─── no news ────┘ │
 *                                    └───────── committed, or a fault ────┘
 *
 * One FOLLOW is the credit for one PUBLISH, and it goes out only when what was published before is
 * durable: so at most one batch of the parent's waits here, and the parent knows what we hold.
 *
 * Nothing here ever touches the upward flow: a fault of what is followed is named and rests. */
#ifndef LINK_FOLLOW_H
#define LINK_FOLLOW_H

#include "daemon/link/frame.h"

enum follow_state {
	FOLLOW_NONE,   /* the parent publishes nothing that is for us */
	FOLLOW_DUE,    /* a FOLLOW goes out at retry_ms */
	FOLLOW_ASKED,  /* a FOLLOW stands at the parent */
	FOLLOW_TAKING, /* its PUBLISH is on its way into the store */
};

struct follow {
	enum follow_state state;
	uint32_t origin;    /* 0: none */
	uint64_t position;  /* committed here, as far as we were told */
	uint64_t published; /* the parent's own last, as far as it has said */
	uint64_t retry_ms, asked_ms;
	bool busy;   /* a batch is with the store, of this session or of one before */
	bool missed; /* while one was taken in, another came and was let go */
	int fault;   /* why it rests, LINK_OK after a success */
};

/* What the driver found out about a WELCOME's `published`. */
struct follow_offer {
	uint32_t origin;    /* the one to follow; 0: none of them */
	uint64_t position;  /* of our copy */
	uint64_t published; /* of theirs */
	int fault;	    /* theirs is not signed as it must be, or does not fit our copy */
};

/* A WELCOME has come. `rest_ms`: how long to wait where there is a fault. */
void follow_begin(struct follow *f, const struct follow_offer *o, uint64_t now, uint32_t rest_ms);
/* Is it time for a FOLLOW? */
bool follow_wants(const struct follow *f, uint64_t now);
/* It is on its way. */
void follow_asked(struct follow *f, uint64_t now);
/* It did not go out, or no answer will come: asks again after a while. */
void follow_again(struct follow *f, uint64_t at_ms);
/* A PUBLISH has come. LINK_OK: it is to be taken (state TAKING), or it is nothing new (any other
 * state); else the fault to name. */
int follow_answered(struct follow *f, const struct frame *publish, uint64_t now, uint32_t rest_ms);
/* The store has answered: our copy stands at `position`, or `fault`. A batch of an older session
 * ends here too. Returns the fault to name. */
int follow_taken(struct follow *f, uint64_t position, int fault, uint64_t now, uint32_t rest_ms);

#endif
