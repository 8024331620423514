/* The parent's side of a link as a pure machine, one `struct peer` a key: (state, event, now) →
 * actions. No socket, store, clock or memory of the heap.
 *
 *   absent ──HELLO──▶ live ──silence, fault, unreachable──▶ absent
 *                      │ ▲
 *                      └─┘ HELLO of a newer session: the old one is dead, or came by this route
 *
 * Words: route = the connection that a frame came by; here = by the live session's route; submit =
 * hand a checked batch to the store; in flight = submitted and not yet committed; published = our
 * own ledger of decisions, which children follow: a FOLLOW stands until there is more than the
 * child holds, and is answered by one PUBLISH; question = what a child asks beside its ledgers,
 * answered by a worker outside of the machine. */
#ifndef LINK_PARENT_H
#define LINK_PARENT_H

#include "daemon/link/answers.h"
#include "daemon/link/frame.h"

enum peer_state { PEER_ABSENT, PEER_LIVE, PEER_STATES };

#define PEER_MISSED 4	/* heartbeats after which a session is dead */
#define PEER_REPLACED 3 /* heartbeats of silence after which a newer session takes over */

struct peer_conf {
	uint32_t heartbeat_ms;
	uint64_t window; /* credit granted beyond what has been taken in; at least the cost of the
			    largest batch */
	const uint64_t *published; /* how far the published ledger stands here, kept by the driver;
				      NULL: none */
	struct link_questions_conf questions;
};

struct peer_ledger {
	uint32_t origin;
	uint64_t stored;	  /* committed here; never goes down */
	uint8_t head[HASH_BYTES]; /* at `stored` */
	uint64_t expected;	  /* last position submitted in this session; at least `stored` */
	uint64_t claimed;	  /* the child's own last, as far as it has said */
	bool greeted;		  /* named in this session's HELLO */
	bool ack_due;
};

struct peer {
	struct peer_conf conf;
	enum peer_state state;
	uint8_t session[FRAME_SESSION_BYTES];
	uint32_t serial; /* of the session, in this life */
	uint64_t heard_ms, pinged_ms;
	uint64_t nonce;
	uint64_t received;  /* cost of all batches of this session */
	uint64_t granted;   /* credit as last told */
	uint64_t in_flight; /* cost of what the store has not answered yet, of any session */
	int fault;	    /* last one; LINK_OK after a success */
	uint64_t fault_ms;
	bool acks_due;
	bool follows;	  /* a FOLLOW of this session has come */
	bool asked;	  /* one waits for its PUBLISH */
	bool followed;	  /* the child has said, in this life of ours, how far it holds it */
	uint64_t held;	  /* the published ledger's position there, by its last FOLLOW */
	int follow_fault; /* why that FOLLOW got no batch */
	bool told_gates;  /* by the last HELLO that was welcome, in this life of ours */
	uint8_t gates[LINK_GATES_BYTES];
	struct answers answers;
	struct peer_ledger *ledgers; /* the caller's */
	size_t n_ledgers;
};

struct peer_claim {
	size_t ledger;	 /* index in peer.ledgers; n_ledgers: not allowed to this key */
	uint64_t stored; /* what our store holds of it now */
	uint8_t head[HASH_BYTES];
};

enum peer_event_kind {
	PEER_TICK,	/* at least every 100 ms */
	PEER_FRAME,	/* frame; here; HELLO: claims[] for each of its ledgers, reachable; BATCH:
			   ledger; FOLLOW: fault, when it does not fit what is published */
	PEER_BAD_FRAME, /* what came is no frame: fault; here */
	PEER_CHECKED, /* a taken batch was opened and checked: fault or first, last; ledger, raw */
	PEER_STORED, /* the store has answered: serial, ledger, raw, fault, or stored and head after
			the commit */
	PEER_UNREACHABLE, /* the live session's route is gone */
	PEER_ACK_BLOCKED, /* an ACK did not go out: ledger */
	PEER_UNPUBLISHED, /* a PUBLISH did not go out: fault LINK_OK: the socket is full; else our
			     own store could not make one */
	PEER_ANSWERED,	  /* the worker has answered, or did not take it: serial, nonce, answer */
	PEER_FLUSH,	  /* end of the loop's turn: acks and PUBLISHes go out now */
};
struct peer_event {
	enum peer_event_kind kind;
	const struct frame *frame;
	const struct peer_claim *claims;
	bool here;
	bool reachable; /* HELLO by another route: a PING to the live session's route went out */
	int fault;
	size_t ledger;
	size_t raw;
	uint64_t first, last;
	uint32_t serial;
	uint64_t stored;
	const uint8_t *head;
	uint64_t nonce;
	const struct link_answer *answer;
};

enum peer_action_kind {
	PEER_WELCOME, /* to the route at hand, which is now the live one: the states of the HELLO's
			 ledgers, signed; credit */
	PEER_TAKE,    /* open and check the batch at hand, then answer with CHECKED */
	PEER_SUBMIT, /* hand the checked batch to the store under `serial`, then answer with STORED,
			whatever happens */
	PEER_ACK,    /* ledger, credit, to the live route */
	PEER_SEND,   /* PING, PONG, FAULT (fault) or a PUBLISH without a batch (fault), under
			`session` */
	PEER_PUBLISH, /* to the live route: a batch of what is published, from `position`. Answer
			 with UNPUBLISHED when it does not go out */
	PEER_ASK,     /* the QUESTION at hand, to the worker under `serial`. Answer with ANSWERED,
			 whatever happens */
	PEER_ANSWER,  /* to the live route: an ANSWER (nonce, answer), and count it. It may be lost:
			 the child has a deadline */
	PEER_END,     /* the live route is forgotten */
	PEER_REFUSED, /* count and name: fault */
	PEER_UNFIT,   /* a FOLLOW got no batch: count and name: fault; the session goes on */
};
struct peer_action {
	enum peer_action_kind kind;
	uint32_t frame; /* PEER_SEND: kind of frame */
	bool to_live;	/* PEER_SEND: to the live route, else to the route at hand */
	int fault;
	size_t ledger;
	uint32_t serial;
	uint64_t credit, nonce, position;
	uint8_t session[FRAME_SESSION_BYTES];
	struct link_answer answer;
};
struct peer_actions {
	size_t n;
	struct peer_action at[FRAME_LEDGERS_MAX + 8];
};

/* `ledgers`: n from 1 to FRAME_LEDGERS_MAX, with origin, stored and head set. */
void parent_init(
	struct peer *p, const struct peer_conf *conf, struct peer_ledger *ledgers, size_t n);
/* Is there something for PEER_FLUSH to send? */
bool parent_due(const struct peer *p);
/* out is filled anew. `now_ms` never goes down. */
void parent_step(
	struct peer *p, const struct peer_event *e, uint64_t now_ms, struct peer_actions *out);

#endif
