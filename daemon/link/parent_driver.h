/* What the two halves of the parent's driver share. Inside the room only. */
#ifndef LINK_PARENT_DRIVER_H
#define LINK_PARENT_DRIVER_H

#include <stdatomic.h>

#include "daemon/link/answering.h"
#include "daemon/link/parent_socket.h"
#include "daemon/link/publisher.h"
#include "daemon/link/socket_loop.h"

struct link_parent {
	struct link_net *net;
	struct store *store;
	struct socket_loop *turns;
	void *socket;
	char endpoint[300];
	const struct sign_key *signer;
	struct publisher publisher;
	atomic_bool grew; /* what is published, perhaps */
	struct accept *accept;
	struct answering *answering; /* NULL: questions are not answered */
	struct peers peers;
	size_t *due; /* keys that may have ACKs to send */
	size_t n_due;
	struct route at_hand;	    /* of the message at hand */
	const struct frame *frame;  /* likewise */
	struct accept_job *checked; /* between CHECKED and SUBMIT */
	struct arena arena;
	struct buf out;
};

/* ---- parent_driver.c ---- */
/* An event and what follows from it; what comes of an action is a further event, at once. */
void parent_drive(struct link_parent *p, struct keyed *k, struct peer_event e);

/* ---- parent_actions.c ---- */
/* 0 or errno: EHOSTUNREACH, EAGAIN, … */
int parent_send(struct link_parent *p, const struct route *to, const struct frame *f);
void parent_perform(struct link_parent *p, struct keyed *k, const struct peer_action *a);

#endif
