/* Links: how a ledger gets from a child (district) to its parents (city, province).
 *
 * Each side has a pure state machine (child.h, parent.h: (state, event, now) → actions; no sockets,
 * store or clock) and a driver on the loop that only moves bytes (child_driver.c, parent_driver.c).
 * ZeroMQ: DEALER → ROUTER with CURVE; who a peer is comes from its key, through ZAP, never from
 * what it says. proto/README.md is the protocol's page.
 *
 * Words: session = from a HELLO to the end of that conversation; credit = bytes of unpacked batches
 * that the parent is ready to take; proven = the last position at which the parent's head, under
 * its signature, equals our own. */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "daemon/ledger/ledger.h"
#include "daemon/loop/loop.h"

/* A CURVE key pair as Z85 text, and how to make or complete one. */
struct link_keys {
	char public_key[41];
	char secret_key[41];
};
void link_keys_make(struct link_keys *k);
/* Public half of a secret; ERR_INVALID when it is no key. */
MUST_CHECK int link_keys_public(struct link_keys *k);

/* Faults that end a session. Numbers are part of the protocol and stay. X(name, number, word, words
 * for people) */
#define LINK_FAULTS(X) \
	X(LINK_PROTOCOL, 1, "protocol", "a frame that does not fit the protocol") \
	X(LINK_OVERSIZED, 2, "oversized", "a frame or batch above the limits") \
	X(LINK_UNLISTED, 3, "unlisted", "an origin that this key may not send") \
	X(LINK_SIGNER, 4, "signer", "not signed by the expected signer") \
	X(LINK_CHAIN, 5, "chain", "the chain of hashes is broken") \
	X(LINK_GAP, 6, "gap", "entries are missing in between") \
	X(LINK_FORK, 7, "fork", "the two sides hold different ledgers under one name") \
	X(LINK_BEHIND, 8, "behind", \
		"the child holds less than its parent: restored from an old copy?") \
	X(LINK_DUPLICATE, 9, "duplicate", "another session of the same key is alive") \
	X(LINK_CREDIT, 10, "credit", "more was sent than was granted") \
	X(LINK_FULL, 11, "full", "the parent has no room") \
	X(LINK_VERSION, 12, "version", "no common protocol version") \
	X(LINK_INTERNAL, 13, "internal", "an error on the other side") \
	X(LINK_RECEIPT, 14, "receipt", "a receipt that is not signed by the parent's signer") \
	X(LINK_DAMAGED, 15, "damaged", "an entry in the own store does not fit its hash") \
	X(LINK_SESSION, 16, "session", "no such session: it has ended")
enum link_fault {
	LINK_OK = 0,
#define X(name, number, word, words) name = number,
	LINK_FAULTS(X)
#undef X
		LINK_FAULT_END /* numbers below it are known here */
};
const char *link_fault_word(int fault);
const char *link_fault_words(int fault);

/* What a child asks of its parent, beside the ledgers (proto/link.proto: QuestionKind), and what
 * comes of it. Numbers below LINK_ANSWER_END are part of the protocol and stay; the ones above are
 * the child's own and never travel. X(name, number, word, words for people) */
#define LINK_ANSWERS(X) \
	X(LINK_YES, 1, "yes", "nothing speaks against it") \
	X(LINK_NO, 2, "no", "a rule speaks against it") \
	X(LINK_UNKNOWN, 3, "unknown", "the parent does not answer this kind of question") \
	X(LINK_MANY, 4, "many", "more is asked than the parent answers in a second; ask again") \
	X(LINK_BUSY, 5, "busy", "the parent has too much to answer just now; ask again") \
	X(LINK_UNCLEAR, 6, "unclear", "the parent does not understand the question") \
	X(LINK_UNABLE, 7, "unable", "the parent cannot say it now")
#define LINK_ANSWERS_OWN(X) \
	X(LINK_AWAY, 101, "away", "the parent is away") \
	X(LINK_OLD, 102, "old", "the parent is of a version that answers no questions") \
	X(LINK_SLOW, 103, "slow", "no answer came in time; ask again") \
	X(LINK_CUT, 104, "cut", "the link was cut before the answer; ask again") \
	X(LINK_CROWDED, 105, "crowded", "too many questions stand here; ask again") \
	X(LINK_STRANGE, 106, "strange", "an answer that this version does not know")
enum link_answer_kind {
	LINK_NONE = 0,
#define X(name, number, word, words) name = number,
	LINK_ANSWERS(X)
#undef X
		LINK_ANSWER_END, /* numbers below it are known here */
#define X(name, number, word, words) name = number,
	LINK_ANSWERS_OWN(X)
#undef X
		LINK_ANSWER_LAST
};
const char *link_answer_word(int answer);
const char *link_answer_words(int answer);

#define LINK_ASKED_MAX 1024 /* bytes of what is asked */
#define LINK_RULE_MAX 32    /* letters, digits, . _ - of a rule's number */
struct link_answer {
	int answer;		      /* enum link_answer_kind */
	char rule[LINK_RULE_MAX + 1]; /* LINK_NO: one rule that says so; else "" */
};
struct link_question {
	uint32_t kind;
	struct text asked; /* 1 to LINK_ASKED_MAX bytes */
};

/* The network side of a process: one ZeroMQ context, its keys, the ZAP handler (fail-closed). Open
 * before the first driver, close after the last. With `allowed` n > 0 (or serve) it runs a
 * self-test: a random key must be refused. */
struct link_net;
MUST_CHECK int link_net_open(
	struct link_net **out, struct loop *loop, const struct link_keys *keys, struct errmsg *m);
void link_net_close(struct link_net *net);

/* ---- the child's side: one per parent ---- */

#define LINK_GATES_BYTES 8
struct link_child_conf {
	const char *name; /* of the parent, as in the configuration */
	const char *endpoint;
	const char *server_key; /* Z85 */
	uint8_t signer[SIGN_PUBLIC_BYTES];
	uint32_t heartbeat_ms;	  /* 0: 1000 */
	uint32_t backoff_most_ms; /* 0: 30000 */
	uint32_t question_ms;	  /* how long an answer is waited for; 0: 5000 */
	/* The mark of the gates that we go by (LINK_GATES_BYTES, copied), told to the parent. NULL:
	 * it is not told. */
	const uint8_t *gates;
	/* What the parent publishes has grown here: after the commit, on the store's writer thread;
	 * may be NULL. */
	void (*on_followed)(void *arg, uint32_t origin, uint64_t position);
	void *arg;
};
/* What is followed of a parent: its ledger of decisions. Position and head of our copy are the
 * store's to tell (ledger_head). */
struct link_followed {
	uint32_t origin;    /* 0: the parent publishes nothing, or has not been heard yet */
	uint64_t published; /* its own last, as far as it has said */
	uint64_t behind;    /* of that, what is not here */
	int fault;	    /* why our copy does not grow; LINK_OK: it does */
	char error[200];    /* "" or words */
	uint64_t batches, bytes;
	uint64_t refused[LINK_FAULT_END]; /* by fault */
};
/* Questions to a parent since the start. */
struct link_asking {
	uint32_t granted;  /* that may stand at once; 0: it answers none, or is away */
	uint32_t standing; /* now */
	uint64_t asked;	   /* of which every one has ended or stands */
	uint64_t ended[LINK_ANSWER_LAST]; /* by what came of it */
	uint64_t stray; /* answers to nothing that stands: late, doubled, made up */
};
struct link_child_status {
	char name[64];
	char endpoint[256];
	uint8_t signer[SIGN_PUBLIC_BYTES];
	char state[16]; /* connecting, greeting, streaming, waiting (back-off), stopped (by a fault)
			 */
	uint64_t acked; /* from the store's receipts */
	uint64_t proven;
	uint64_t pending;      /* entries of the own ledger not yet acked */
	double last_ack_age_s; /* -1: never in this life */
	double away_s;	       /* since it last streamed, or since the start; -1: it streams */
	int fault;	 /* of the last session that ended by one; 0: none since the last success */
	char error[200]; /* "" or words */
	uint64_t sent_batches, sent_bytes, sessions, faults;
	struct link_followed decisions;
	struct link_asking questions;
};
struct link_child;
MUST_CHECK int link_child_open(struct link_child **out, struct link_net *net, struct ledger *l,
	const struct link_child_conf *conf, struct errmsg *m);
void link_child_close(struct link_child *c);
/* Any thread: the ledger has grown. Cheap; may be called after every commit. */
void link_child_wake(struct link_child *c);
/* Any thread. */
void link_child_status(struct link_child *c, struct link_child_status *out);

/* A question on its way: it ends exactly once, and not much later than question_ms. */
struct link_asked;
/* Any thread: hands a question over and returns at once. `q` is copied. NULL: no memory. Whoever
 * has it waits for it and closes it, also after the link is closed. */
MUST_CHECK struct link_asked *link_child_ask(struct link_child *c, const struct link_question *q);
/* Any thread but the loop's: waits for so many ms at most. False: it stands still. */
MUST_CHECK bool link_asked_wait(struct link_asked *a, uint32_t ms, struct link_answer *out);
/* Any thread, once. What it still stands for goes nowhere. */
void link_asked_close(struct link_asked *a);

/* ---- the parent's side: one per daemon, many children ----
 *
 * When the ledger has ORIGIN_DECISIONS() of its own area open (ledger_also), that is published to
 * all children. */

struct link_peer_conf {
	uint32_t origin;
	char key[41]; /* Z85 */
	uint8_t signer[SIGN_PUBLIC_BYTES];
};
/* How many questions a parent takes of a child: a bucket of `burst` that fills by `rate` a second
 * (monotonic), and `standing` at once. rate 0: none is answered, and children are told so. */
struct link_questions_conf {
	uint32_t rate, burst, standing;
};
struct link_parent_conf {
	const char *listen;
	const struct link_peer_conf *children; /* borrowed until close */
	size_t n_children;
	const struct sign_key *signer; /* for receipts */
	uint32_t heartbeat_ms;	       /* 0: 1000 */
	uint32_t credit_bytes;	       /* granted to a child at once; 0: 1 MiB */
	void (*on_accept)(void *arg, uint32_t origin,
		uint64_t position); /* after the commit, on the store's writer thread */
	/* A child asks: `origin` is its key's first ledger. Fills `out`. On one thread of the
	 * link's own, one question at a time, never after link_parent_close(). NULL: as rate 0. */
	void (*on_question)(
		void *arg, uint32_t origin, const struct link_question *q, struct link_answer *out);
	struct link_questions_conf questions;
	void *arg;
};
struct link_peer_status {
	uint32_t origin;
	char state[16];	   /* absent, streaming, fault */
	uint64_t position; /* stored here, from the store */
	uint8_t head[HASH_BYTES];
	uint64_t claimed; /* the child's own position by its last HELLO or batch; 0: never heard */
	double last_entry_age_s; /* by the monotonic clock since a batch came in; -1: none in this
				    life */
	int fault;		 /* last one, cleared by the next success */
	char error[200];
	uint64_t batches, bytes, sessions, faults;
	bool followed;	     /* has said, in this life, how far it holds our decisions */
	uint64_t decisions;  /* that position */
	int decisions_fault; /* why it cannot go on there; LINK_OK: it does */
	/* The mark of the gates that the sending node goes by, as its last HELLO told it in this
	 * life of ours. An older one tells none. */
	bool told_gates;
	uint8_t gates[LINK_GATES_BYTES];
	/* Questions of its key since the start, and by what was answered; in the first row of a
	 * key. */
	uint64_t asked, answered[LINK_ANSWER_END];
};
struct link_parent;
MUST_CHECK int link_parent_open(struct link_parent **out, struct link_net *net, struct ledger *l,
	const struct link_parent_conf *conf, struct errmsg *m);
void link_parent_close(struct link_parent *p);
/* Any thread: an own ledger has grown, perhaps the one that is published. Cheap; may be called
 * after every commit. */
void link_parent_wake(struct link_parent *p);
/* Any thread; child i of the configuration. */
void link_parent_status(struct link_parent *p, size_t i, struct link_peer_status *out);
/* Where it listens, with the port that was given when the configuration left it open
 * ("tcp://127.0.0.1:*"). */
const char *link_parent_endpoint(const struct link_parent *p);
/* Frames refused before or in a session, by fault; any thread. unlisted keys are counted by the ZAP
 * handler. */
uint64_t link_parent_refused(struct link_parent *p, int fault);
uint64_t link_net_denied(struct link_net *net);

#endif
