/* Where a parent listens, and who may come in. Inside the room only. */
#ifndef LINK_PARENT_SOCKET_H
#define LINK_PARENT_SOCKET_H

#include <zmq.h>

#include "daemon/link/net.h"
#include "daemon/link/parent_peers.h"

/* Lets the configured children in and binds a ROUTER. *socket is to be closed also after an error,
 * when it is not NULL. endpoint: where it listens, with the port that was given. */
MUST_CHECK int parent_socket_open(void **socket, struct link_net *net,
	const struct link_parent_conf *conf, char *endpoint, size_t size, struct errmsg *m);

/* The next message of it: where it came from (n 0: from nowhere that can be answered, or it has no
 * payload), the part after that into `payload` (initialised by the caller, closed by it), and
 * whether that was the last. False: none stands. */
bool parent_socket_next(void *socket, struct route *from, zmq_msg_t *payload, bool *whole);

#endif
