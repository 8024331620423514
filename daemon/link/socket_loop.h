/* ZeroMQ sockets on the libuv loop. A ZMQ_FD only tells edges, and sending and receiving eat them;
 * so the sockets are looked at in every turn of the loop, before and after it sleeps, and the
 * descriptor only wakes it. Inside the room only.
 *
 * turn() is called often and cheaply: it reads ZMQ_EVENTS, works off a bounded amount, and says
 * whether more stands (then the loop does not sleep). tick() is called every SOCKET_TICK_MS and
 * cures an edge that was lost. */
#ifndef LINK_SOCKET_LOOP_H
#define LINK_SOCKET_LOOP_H

#include "daemon/link/net.h"

#define SOCKET_TICK_MS 100
#define SOCKETS_MAX 2

struct socket_loop_calls {
	bool (*turn)(void *arg);
	void (*tick)(void *arg);
	void (*closed)(void *arg); /* after socket_loop_close(): nothing will be called any more */
	void *arg;
};

struct socket_loop;
struct socket_loop *socket_loop_open(struct loop *l, const struct socket_loop_calls *calls);
/* Watches a socket under a number below SOCKETS_MAX. ERR_INVALID, ERR_NOMEM. */
MUST_CHECK int socket_loop_watch(struct socket_loop *s, int number, void *socket);
/* Before the socket is closed; nothing happens when none is watched. */
void socket_loop_unwatch(struct socket_loop *s, int number);
/* Any thread, until socket_loop_close(): a turn comes soon. Coalesces. */
void socket_loop_wake(struct socket_loop *s);
/* Frees itself when the loop has closed the handles. */
void socket_loop_close(struct socket_loop *s);

/* ZMQ_EVENTS of a socket; 0 when it cannot tell. */
int socket_events(void *socket);

#endif
