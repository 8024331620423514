/* What the two halves of the child's driver share. Inside the room only. */
#ifndef LINK_CHILD_DRIVER_H
#define LINK_CHILD_DRIVER_H

#include <stdatomic.h>

#include "daemon/link/asking.h"
#include "daemon/link/child_board.h"
#include "daemon/link/child_store.h"
#include "daemon/link/following.h"
#include "daemon/link/socket_loop.h"

enum { CHILD_SOCKET, CHILD_MONITOR };

struct link_child {
	struct link_net *net;
	struct child_store store;
	struct socket_loop *turns;
	struct receipts *receipts;
	struct following following;
	struct asking asking;
	struct child_board board;
	char endpoint[256], server_key[41];
	uint8_t gates[LINK_GATES_BYTES];
	bool tells_gates;
	void *socket, *monitor;
	bool shaken; /* this socket's handshake went well */
	struct child machine;
	const struct frame *frame; /* at hand, while its event is worked on */
	struct arena arena;
	struct buf out;
	atomic_bool grew;
};

/* ---- child_actions.c ---- */
void child_disconnect(struct link_child *c, bool linger);
/* True: *next is what came of it. `before`: the machine's state before the step. */
bool child_perform(struct link_child *c, const struct child_action *a, enum child_state before,
	struct child_event *next);

#endif
