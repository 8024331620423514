/* A small world for the link's two machines: virtual time, a bad network, stores that are slow or
 * full, nodes that die. Everything follows from one seed. The machines are the real ones; sockets
 * and ledgers are models: a ledger is an array of 64-bit hashes, each made from the one before it.
 *
 * The world watches while it turns, and notes the first thing that must not happen in `wrong`. */
#ifndef TESTS_SIMULATION_LINK_WORLD_H
#define TESTS_SIMULATION_LINK_WORLD_H

#include "daemon/link/child.h"
#include "daemon/link/parent.h"

#define WORLD_KEYS 2
#define WORLD_NODES 3	/* one a key, and a clone */
#define WORLD_LEDGERS 3 /* a link's, at most */
#define WORLD_ENTRIES 2048
#define WORLD_MESSAGES 512
#define WORLD_JOBS 64
#define WORLD_BATCH 8 /* entries */
#define WORLD_ENTRY_BYTES 2000
#define WORLD_QUESTION_MS 5000 /* a child waits so long for an answer */
#define WORLD_QUESTIONS 64     /* at the parent's worker */
#define WORLD_BUCKET \
	(struct link_questions_conf) \
	{ \
		.rate = 3, .burst = 12, .standing = 6 \
	}
#define WORLD_DECISIONS 3100001 /* what the parent publishes */

struct world_ledger {
	uint64_t n;
	uint64_t hash[WORLD_ENTRIES + 1]; /* [0] = 0 */
};

struct world_message {
	uint64_t at, serial;
	int conn;
	enum { TO_PARENT, TO_CHILD, CONNECTED, LOST } kind;
	struct frame frame;
	struct frame_ledger ledgers[WORLD_LEDGERS], published;
	uint64_t first, last, prev, hashes[WORLD_BATCH];
	char rule[LINK_RULE_MAX + 1];
};

struct world_conn {
	int node;
	bool open;	   /* carries frames */
	uint64_t known_ms; /* from when on the parent's socket knows that it is gone */
	uint64_t last[2];  /* when the last frame arrives, each way: first in, first out */
};

struct world_node {
	bool up;
	size_t key;
	int conn; /* -1: none */
	struct child machine;
	struct world_ledger ledgers[WORLD_LEDGERS];
	uint64_t receipts[WORLD_LEDGERS], receipt_hash[WORLD_LEDGERS]; /* stored */
	uint64_t spent, credit;	  /* of this session, counted by the world */
	unsigned long faults;	  /* bits of faults seen */
	struct world_ledger copy; /* of the parent's decisions */
	uint64_t copy_highest;
	bool full;   /* its store has no room for what is followed */
	bool taking; /* a batch is with its store */
	uint64_t taking_at;
	struct world_message batch;
	uint64_t said; /* BREAK_FOLLOW: the position that it claims */
	unsigned long follow_faults;
	/* questions: what stands in each slot (0: nothing), since when */
	uint32_t asked[QUESTIONS_MOST];
	uint64_t asked_at[QUESTIONS_MOST];
	uint64_t n_asked, n_ended, n_right; /* n_right: by yes or no */
};

struct world_job {
	uint64_t at;
	size_t key, ledger, raw;
	uint32_t serial;
	struct world_message batch;
};

/* A question at the parent's worker. */
struct world_question {
	uint64_t at, nonce;
	size_t key;
	uint32_t serial, question;
};

enum world_break {
	BREAK_NOTHING,
	BREAK_ACK,
	BREAK_FORK,
	BREAK_CLAIM,
	BREAK_FOLLOW, /* a child says that it holds decisions before they are committed */
	BREAK_COPY,   /* nobody compares the child's copy of the decisions with the parent's */
	BREAK_NONCE,  /* a child takes any answer for that of the first question that stands */
	BREAK_FORGET, /* the parent's worker forgets a question now and then */
	BREAK_WAKE,   /* nobody tells the parent's link that there are new decisions */
};

struct world {
	uint64_t chance, now, serial;
	enum world_break broken; /* a planted defect: the world must find it */
	bool calm;		 /* faults are over */
	size_t n_ledgers;
	struct world_node nodes[WORLD_NODES];
	size_t n_nodes;
	/* the parent */
	bool parent_up;
	struct peer peers[WORLD_KEYS];
	struct peer_ledger peer_ledgers[WORLD_KEYS][WORLD_LEDGERS];
	int routes[WORLD_KEYS]; /* -1: none */
	unsigned long parent_faults[WORLD_KEYS];
	struct world_ledger stores[WORLD_KEYS][WORLD_LEDGERS];
	uint64_t highest[WORLD_KEYS][WORLD_LEDGERS];
	struct world_ledger decisions;
	uint64_t published; /* how far the parent's link knows them */
	unsigned long unfit[WORLD_KEYS];
	bool full, slow;
	bool forgetful; /* the parent's store was set back: receipts may be older and better than it
			 */
	struct world_job jobs[WORLD_JOBS];
	size_t n_jobs;
	uint32_t number; /* of the question asked last */
	struct world_question questions[WORLD_QUESTIONS];
	size_t n_questions;
	uint64_t taken[WORLD_KEYS],
		taken_since[WORLD_KEYS]; /* questions that the bucket let pass */
	/* the network */
	struct world_conn conns[4096];
	int n_conns;
	struct world_message messages[WORLD_MESSAGES];
	size_t n_messages;
	const struct world_message *at_hand;
	char wrong[200];
};

void world_init(struct world *w, uint64_t seed, enum world_break broken);
/* Turns for so many virtual milliseconds, or until something is wrong. */
void world_turn(struct world *w, uint64_t ms);
uint64_t world_chance(struct world *w, uint64_t below);
void world_wrong(struct world *w, const char *words);

void world_grow(struct world *w, struct world_node *n, size_t ledger, uint64_t entries);
void world_node_start(struct world *w, struct world_node *n);
void world_node_kill(struct world *w, struct world_node *n);
void world_parent_start(struct world *w);
void world_parent_kill(struct world *w);
void world_cut(struct world *w, struct world_node *n);
/* The parent's store is an old copy again, with at least `part` of 4 of each ledger. The parent is
 * down. */
void world_parent_restore(struct world *w, uint64_t part);
/* A node with the same key and a copy of the ledgers. */
struct world_node *world_clone(struct world *w, const struct world_node *n);
/* How everything stands, to standard error. */
void world_print(const struct world *w);
/* Every ledger of the node stands at the parent, and its receipts say so. */
bool world_proven(const struct world *w, const struct world_node *n);

/* The parent decides: its ledger of decisions grows. */
void world_decide(struct world *w, uint64_t entries);
/* It is an old copy again. The parent is down. */
void world_decisions_restore(struct world *w, uint64_t position);
/* The node asks something, if it has room. */
void world_ask(struct world *w, struct world_node *n);
/* The node's copy of the decisions is whole. */
bool world_followed(const struct world *w, const struct world_node *n);

#endif
