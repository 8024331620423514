/* The child's side of a link as a pure machine: (state, event, now) → actions. No socket, store,
 * clock or memory of the heap. Its driver does what the actions say, in their order, and reports
 * what came of it as further events; the simulator does the same in virtual time.
 *
 *   waiting ──tick──▶ connecting ──connected──▶ greeting ──WELCOME──▶ streaming
 *      ▲                  │                        │ ▲                   │ │
 *      └──── lost, fault, silence, no answer ──────┴─┼───────────────────┘ │
 *                                                    └── gap, session ─────┘
 *   stopped: as waiting, but after a fault that waits for people; asks again rarely.
 *
 * While it streams it also follows what the parent publishes (follow.h), and asks what the parent
 * alone can tell (questions.h). */
#ifndef LINK_CHILD_H
#define LINK_CHILD_H

#include "daemon/link/follow.h"
#include "daemon/link/questions.h"

enum child_state {
	CHILD_WAITING,
	CHILD_CONNECTING,
	CHILD_GREETING,
	CHILD_STREAMING,
	CHILD_STOPPED,
	CHILD_STATES
};
const char *child_state_word(enum child_state s);

#define CHILD_FLIGHTS \
	8 /* batches sent and not yet acknowledged, at most: live ones gather meanwhile */
/* While something is in flight, fewer new entries than this wait for its ACK and travel together: a
 * lone entry leaves at once, a stream of lone entries costs the parent a commit for each round trip
 * and not for each entry. */
#define CHILD_GATHER LEDGER_SEAL_ENTRIES
#define CHILD_MISSED 4 /* heartbeats after which the other side is dead */

struct child_conf {
	uint32_t heartbeat_ms;
	uint32_t backoff_least_ms, backoff_most_ms;
	uint32_t stopped_ms;  /* how long a stopped link waits before it asks again */
	uint32_t answer_ms;   /* for a connection, a WELCOME */
	uint32_t ack_ms;      /* for an ACK of what is in flight */
	uint32_t question_ms; /* for an ANSWER */
	uint64_t batch_most;  /* cost of the largest batch: none is begun with less credit */
};

struct child_ledger {
	uint32_t origin;
	uint64_t position; /* our own last */
	uint64_t acked; /* the parent holds as much, equal to ours, by its word in this session */
	uint64_t next;	/* first that was not sent in this session */
};

struct child {
	struct child_conf conf;
	enum child_state state;
	uint8_t session[FRAME_SESSION_BYTES];
	uint64_t chance;   /* state of the generator of jitter and session ids */
	uint64_t since_ms; /* when the state began */
	uint64_t retry_ms; /* WAITING, STOPPED: when to connect */
	uint64_t heard_ms; /* last frame of this session */
	uint64_t pinged_ms;
	uint64_t progress_ms; /* last ACK, or when the oldest flight left */
	uint64_t nonce;
	uint64_t credit, spent; /* of this session */
	struct backoff backoff;
	bool sending; /* a SEND_BATCH is with the driver */
	bool blocked; /* the socket takes no more just now */
	int fault;    /* why the last session ended; LINK_OK after a success */
	struct child_ledger ledgers[FRAME_LEDGERS_MAX];
	size_t n_ledgers, turn;
	struct {
		size_t ledger;
		uint64_t last;
	} flights[CHILD_FLIGHTS];
	size_t n_flights;
	struct follow follow;
	struct questions questions;
};

/* What the driver found out about a state that the parent claims, with our own ledger and the
 * parent's signer at hand. */
enum claim {
	CLAIM_FITS,	/* signed, and our own hash at that position is the same */
	CLAIM_FORK,	/* signed, and our own hash differs */
	CLAIM_BEYOND,	/* signed, but we hold less */
	CLAIM_UNSIGNED, /* not signed by the parent's signer */
	CLAIM_DAMAGED,	/* our own store cannot tell */
};
struct child_claim {
	uint32_t origin;
	uint64_t position;
	enum claim claim;
};

enum child_event_kind {
	CHILD_TICK,	 /* at least every 100 ms */
	CHILD_CONNECTED, /* the socket takes frames */
	CHILD_LOST,	 /* connection or handshake failed: fault, or LINK_OK */
	CHILD_GREW,	 /* own ledger: origin, position */
	CHILD_WRITABLE,	 /* the socket takes frames again */
	CHILD_SENT,	 /* a SEND_BATCH went out: origin, position = its last, raw */
	CHILD_UNSENT, /* a SEND_BATCH did not: fault LINK_OK: the socket is full; else the own store
			 could not make one */
	CHILD_FRAME,  /* frame, and claims[] for each of its ledgers; WELCOME: offer */
	CHILD_BAD_FRAME, /* what came is no frame: fault */
	CHILD_TAKEN, /* a CHILD_TAKE has ended: fault, or origin and position of our copy after the
			commit */
	CHILD_UNASKED, /* a FOLLOW did not go out */
	CHILD_ASK,     /* somebody here asks: slot, free until now. Ends by one CHILD_ANSWERED */
	CHILD_UNSAID,  /* a QUESTION did not go out: slot */
};
struct child_event {
	enum child_event_kind kind;
	int fault;
	uint32_t origin;
	uint64_t position;
	size_t raw;
	size_t slot;
	const struct frame *frame;
	const struct child_claim *claims;
	const struct follow_offer *offer; /* NULL: nothing is published for us */
};

enum child_action_kind {
	CHILD_CONNECT,
	CHILD_DISCONNECT, /* linger: let what was sent last go out */
	CHILD_SEND, /* a HELLO (all ledgers, with positions and heads read now), PING, PONG (nonce),
		       FAULT (fault), FOLLOW (what is followed, position and head of what is
		       committed here, read now; answer with UNASKED when it does not go out), or
		       QUESTION (slot, nonce; answer with UNSAID when it does not go out) */
	CHILD_SEND_BATCH, /* ledger (index), from `position`, of at most `room` bytes unpacked.
			     Answer with SENT or UNSENT */
	CHILD_STORE,  /* the receipt in claims[claim] of the frame at hand is proven: store it */
	CHILD_REPORT, /* a session ended, or none came about: fault (LINK_OK: lost) */
	CHILD_TAKE,  /* the PUBLISH at hand: open, check, store. Answer with TAKEN, whatever happens
		      */
	CHILD_NAMED, /* fault of what is followed; the session goes on */
	CHILD_ANSWERED, /* the question of `slot` has ended: answer, with the rule of the frame at
			   hand when it is a no. The slot is free */
};
struct child_action {
	enum child_action_kind kind;
	uint32_t frame; /* CHILD_SEND: kind of frame */
	int fault;
	int answer;
	bool linger;
	size_t ledger, claim, slot;
	uint64_t position, room, nonce;
};
struct child_actions {
	size_t n;
	struct child_action at[FRAME_LEDGERS_MAX + QUESTIONS_MOST + 8];
};

/* Begins as WAITING with nothing to wait for: the first TICK connects. n from 1 to
 * FRAME_LEDGERS_MAX; `chance` unpredictable. */
void child_init(struct child *c, const struct child_conf *conf, const uint32_t *origins, size_t n,
	uint64_t chance);
/* out is filled anew. `now_ms` never goes down. */
void child_step(
	struct child *c, const struct child_event *e, uint64_t now_ms, struct child_actions *out);

#endif
