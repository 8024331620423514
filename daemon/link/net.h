/* The network side of a process: one ZeroMQ context, our keys, and who may come in. Inside the room
 * only. */
#ifndef LINK_NET_H
#define LINK_NET_H

#include "daemon/link/link.h"

#define NET_DOMAIN "tally"

/* The context, for zmq_socket(). */
void *net_context(struct link_net *net);
struct loop *net_loop(struct link_net *net);
/* A number that was not given out before, for names; on the loop's thread. */
unsigned net_number(struct link_net *net);
/* Our own public key, Z85. */
const char *net_public_key(struct link_net *net);
/* Lets n keys (Z85) in, and nobody else; n 0: nobody. Copies. ERR_INVALID: not a key; ERR_NOMEM. */
MUST_CHECK int net_allow(struct link_net *net, const char (*keys)[41], size_t n);

/* Options of every socket: limits, keep-alive, no lingering, no reconnecting of its own.
 * ERR_INVALID when libzmq refuses one. */
MUST_CHECK int net_socket_prepare(void *socket);
/* Makes a socket a CURVE server whose peers the ZAP handler judges, and that lets nobody in without
 * one. */
MUST_CHECK int net_socket_serve(struct link_net *net, void *socket);
/* Makes a socket a CURVE client of the server with that key. */
MUST_CHECK int net_socket_join(struct link_net *net, void *socket, const char *server_key);
/* tcp:// or ipc:// only: the other transports of libzmq have open faults. */
bool net_endpoint_ok(const char *endpoint);

/* Connects to a bound endpoint with a random key: 0 when it is refused, ERR_DENIED (words in m)
 * when it is not, or when nothing came of it in time. Blocks a few milliseconds; the denial is not
 * counted. */
MUST_CHECK int net_self_test(struct link_net *net, const char *endpoint, struct errmsg *m);

/* The key that a self-test comes with: its denials are not counted. */
void net_probe_set(struct link_net *net, const char probe[41]);

/* The next event of a monitor socket: its ZMQ_EVENT_… bit and value; 0 when none stands. */
uint16_t net_monitor_next(void *monitor, uint32_t *value);
/* A monitor on `socket`, connected and not blocking; NULL on failure. Close it after
 * net_monitor_close(socket). */
void *net_monitor_open(struct link_net *net, void *socket, int events);
void net_monitor_close(void *socket, void *monitor);

#endif
