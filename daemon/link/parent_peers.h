/* The children of a parent, by key, and what people see of them. Inside the room only.
 * One key may send several ledgers: rows of the configuration with the same key are one peer. */
#ifndef LINK_PARENT_PEERS_H
#define LINK_PARENT_PEERS_H

#include <pthread.h>

#include "daemon/base/log.h"
#include "daemon/link/accept.h"
#include "daemon/link/parent.h"

/* How to answer: a routing id of ZeroMQ; n 0: none. */
struct route {
	size_t n;
	uint8_t id[255];
};
static inline bool route_eq(const struct route *a, const struct route *b)
{
	return a->n == b->n && a->n > 0 && memcmp(a->id, b->id, a->n) == 0;
}

struct keyed {
	char key[41];
	struct peer machine;
	struct peer_ledger *ledgers;
	const uint8_t **signers;	    /* of each ledger */
	size_t *rows;			    /* of each ledger, in the configuration */
	struct route route;		    /* of the live session */
	bool due;			    /* stands in the driver's list */
	uint64_t logged_ms[LINK_FAULT_END]; /* when each fault was logged last; 0: never */
	uint64_t many_ms;		    /* likewise, that it asks too much */
};

struct peers {
	struct peer_conf conf;
	struct keyed *keys; /* sorted by key */
	size_t n_keys;
	pthread_mutex_t lock;		 /* guards what follows */
	struct link_peer_status *status; /* of each row */
	uint64_t *entry_ms;		 /* of each row: when a batch came in; 0: never */
	uint64_t refused[LINK_FAULT_END];
	size_t n_rows;
};

/* Borrows conf->children. */
MUST_CHECK int peers_open(
	struct peers *p, struct store *s, const struct link_parent_conf *conf, struct errmsg *m);
void peers_close(struct peers *p);
struct keyed *peers_find(struct peers *p, const char *key);
/* Index in k->ledgers; k->machine.n_ledgers: not allowed to this key. */
size_t keyed_ledger(const struct keyed *k, uint32_t origin);

/* What the store holds of a HELLO's ledgers: a claim for each. 0 or a fault. */
MUST_CHECK int keyed_claims(
	const struct keyed *k, struct store *s, const struct frame *f, struct peer_claim *claims);

/* Once, before the first event: `position`, kept by the caller, is how far the published ledger
 * stands; origin 0: none is. */
void peers_published(struct peers *p, const uint64_t *position, uint32_t origin);

/* The loop: after an event. */
void peers_publish(struct peers *p, struct keyed *k);
/* The loop: counts and names a fault; the log hears of it when it is new, or again after a while.
 */
void peers_refuse(struct peers *p, struct keyed *k, int fault, struct text reason);
/* The loop: a FOLLOW got no batch; as peers_refuse(), but the session goes on. */
void peers_unfit(struct peers *p, struct keyed *k, int fault, const char *words);
void peers_count_refused(struct peers *p, int fault);
void peers_count_session(struct peers *p, struct keyed *k);
void peers_count_batch(struct peers *p, struct keyed *k, size_t ledger, size_t bytes);
/* A QUESTION has come; one is answered. */
void peers_count_question(struct peers *p, struct keyed *k);
void peers_count_answer(struct peers *p, struct keyed *k, int answer);
/* Are questions answered at all? */
bool peers_answer(const struct peers *p);
/* Words of a FAULT for the child's operator. */
void peers_reason(const struct keyed *k, int fault, char *out, size_t size);

/* Any thread. */
void peers_status(struct peers *p, size_t row, struct link_peer_status *out);
uint64_t peers_refused(struct peers *p, int fault);

#endif
