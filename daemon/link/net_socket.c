/* Sockets: their options, their monitors, and the test from outside that a server lets no stranger
 * in. */
#include "daemon/link/net.h"

#include <errno.h>
#include <stdio.h>
#include <zmq.h>

#include "daemon/base/clock.h"
#include "daemon/link/frame.h"

#define MESSAGE_MAX \
	(512 * 1024LL) /* above it ZeroMQ cuts the connection; from FRAME_MAX to here we say why \
			*/
#define HIGH_WATER 16  /* messages; the credit bounds the bytes */
#define HANDSHAKE_MS 5000
#define SELF_TEST_MS 5000

int net_socket_prepare(void *socket)
{
	const int64_t message_max = MESSAGE_MAX;
	const struct {
		int option, value;
	} options[] = {
		{ ZMQ_LINGER, 0 },
		{ ZMQ_IMMEDIATE, 1 },
		{ ZMQ_SNDHWM, HIGH_WATER },
		{ ZMQ_RCVHWM, HIGH_WATER },
		{ ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS },
		{ ZMQ_CONNECT_TIMEOUT, HANDSHAKE_MS },
		{ ZMQ_RECONNECT_IVL, -1 }, /* we come back by our own clock */
		/* No ZMQ_HEARTBEAT_*: in 4.3.4 its timer aborts the process when it fires on a
		 * connection whose peer left behind a full queue (stream_engine_base.cpp,
		 * `!_io_error`). The protocol has heartbeats of its own; dead hosts are TCP's to
		 * find, in two minutes. */
		{ ZMQ_TCP_KEEPALIVE, 1 },
		{ ZMQ_TCP_KEEPALIVE_IDLE, 60 },
		{ ZMQ_TCP_KEEPALIVE_INTVL, 10 },
		{ ZMQ_TCP_KEEPALIVE_CNT, 6 },
	};
	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (zmq_setsockopt(socket, options[i].option, &options[i].value, sizeof(int)) != 0)
			return ERR_INVALID;
	if (zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &message_max, sizeof message_max) != 0)
		return ERR_INVALID;
	return 0;
}

/* ---- monitors ---- */

void *net_monitor_open(struct link_net *net, void *socket, int events)
{
	char at[64];
	const int zero = 0;

	snprintf(at, sizeof at, "inproc://monitor-%u", net_number(net));
	if (zmq_socket_monitor(socket, at, events) != 0)
		return NULL;
	void *monitor = zmq_socket(net_context(net), ZMQ_PAIR);
	if (!monitor)
		goto stop;
	zmq_setsockopt(monitor, ZMQ_LINGER, &zero, sizeof zero);
	if (zmq_connect(monitor, at) == 0)
		return monitor;
	zmq_close(monitor);
stop:
	zmq_socket_monitor(socket, NULL, 0);
	return NULL;
}

void net_monitor_close(void *socket, void *monitor)
{
	zmq_socket_monitor(socket, NULL, 0);
	zmq_close(monitor);
}

/* Two parts: u16 event and u32 value in the machine's order, then the endpoint. */
uint16_t net_monitor_next(void *monitor, uint32_t *value)
{
	uint8_t event[8];
	char endpoint[8]; /* cut: not wanted */
	uint16_t kind = 0;

	int n = zmq_recv(monitor, event, sizeof event, ZMQ_DONTWAIT);
	if (n < 6)
		return 0;
	zmq_recv(monitor, endpoint, sizeof endpoint, ZMQ_DONTWAIT);
	memcpy(&kind, event, sizeof kind);
	memcpy(value, event + 2, sizeof *value);
	return kind;
}

/* ---- the self-test ---- */

/* Where a socket that is bound to every address can be reached from here. */
static void reach(const char *endpoint, char *out, size_t size)
{
	const char *port = strrchr(endpoint, ':');

	if (strncmp(endpoint, "tcp://0.0.0.0:", 14) == 0)
		snprintf(out, size, "tcp://127.0.0.1%s", port);
	else if (strncmp(endpoint, "tcp://[::]:", 11) == 0)
		snprintf(out, size, "tcp://[::1]%s", port);
	else
		snprintf(out, size, "%s", endpoint);
}

/* Waits for how the handshake ends. */
static int verdict_wait(void *monitor, struct errmsg *m)
{
	uint64_t until = clock_mono_ms() + SELF_TEST_MS, now;
	uint32_t value;

	while ((now = clock_mono_ms()) < until) {
		zmq_pollitem_t item = { .socket = monitor, .events = ZMQ_POLLIN };
		if (zmq_poll(&item, 1, (long)(until - now)) < 0 && errno != EINTR)
			break;
		switch (net_monitor_next(monitor, &value)) {
		case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
			return 0;
		case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
			errmsg_set(m, "link: self-test: a random key was let in");
			return ERR_DENIED;
		case ZMQ_EVENT_DISCONNECTED:
		case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
			errmsg_set(m, "link: self-test: the handshake broke off before the key was "
				      "judged");
			return ERR_DENIED;
		default:
			break;
		}
	}
	errmsg_set(m, "link: self-test: no answer from the own endpoint");
	return ERR_DENIED;
}

int net_self_test(struct link_net *net, const char *endpoint, struct errmsg *m)
{
	static const char nobody[41];
	struct link_keys stranger;
	char at[300];
	int err = ERR_DENIED;

	errmsg_set(m, "link: self-test: %s", zmq_strerror(errno));
	link_keys_make(&stranger);
	void *socket = zmq_socket(net_context(net), ZMQ_DEALER);
	if (!socket)
		return err;
	if (net_socket_prepare(socket) != 0 ||
		zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, net_public_key(net), 41) != 0 ||
		zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, stranger.public_key, 41) != 0 ||
		zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, stranger.secret_key, 41) != 0)
		goto close_socket;
	void *monitor = net_monitor_open(net, socket, ZMQ_EVENT_ALL);
	if (!monitor)
		goto close_socket;
	net_probe_set(net, stranger.public_key);
	reach(endpoint, at, sizeof at);
	if (zmq_connect(socket, at) == 0)
		err = verdict_wait(monitor, m);
	net_probe_set(net, nobody);
	net_monitor_close(socket, monitor);
close_socket:
	zmq_close(socket);
	return err;
}
