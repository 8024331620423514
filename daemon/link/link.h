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

/* The network side of a process: one ZeroMQ context, its keys, the ZAP handler (fail-closed). Open
 * before the first driver, close after the last. With `allowed` n > 0 (or serve) it runs a
 * self-test: a random key must be refused. */
struct link_net;
MUST_CHECK int link_net_open(
	struct link_net **out, struct loop *loop, const struct link_keys *keys, struct errmsg *m);
void link_net_close(struct link_net *net);

/* ---- the child's side: one per parent ---- */

struct link_child_conf {
	const char *name; /* of the parent, as in the configuration */
	const char *endpoint;
	const char *server_key; /* Z85 */
	uint8_t signer[SIGN_PUBLIC_BYTES];
	uint32_t heartbeat_ms;	  /* 0: 1000 */
	uint32_t backoff_most_ms; /* 0: 30000 */
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
	int fault;	 /* of the last session that ended by one; 0: none since the last success */
	char error[200]; /* "" or words */
	uint64_t sent_batches, sent_bytes, sessions, faults;
	struct link_followed decisions;
};
struct link_child;
MUST_CHECK int link_child_open(struct link_child **out, struct link_net *net, struct ledger *l,
	const struct link_child_conf *conf, struct errmsg *m);
void link_child_close(struct link_child *c);
/* Any thread: the ledger has grown. Cheap; may be called after every commit. */
void link_child_wake(struct link_child *c);
/* Any thread. */
void link_child_status(struct link_child *c, struct link_child_status *out);

/* ---- the parent's side: one per daemon, many children ----
 *
 * When the ledger has ORIGIN_DECISIONS() of its own area open (ledger_also), that is published to
 * all children. */

struct link_peer_conf {
	uint32_t origin;
	char key[41]; /* Z85 */
	uint8_t signer[SIGN_PUBLIC_BYTES];
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
