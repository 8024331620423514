/* The keys are allowed before the socket is bound: nobody is turned away who may come in. */
#include "daemon/link/parent_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

static int keys_allow(struct link_net *net, const struct link_parent_conf *conf, struct errmsg *m)
{
	char(*keys)[41] = calloc(conf->n_children + 1, sizeof *keys);

	if (!keys)
		return ERR_NOMEM;
	for (size_t i = 0; i < conf->n_children; i++)
		memcpy(keys[i], conf->children[i].key, 41);
	int err = net_allow(net, (const char(*)[41])keys, conf->n_children);
	if (err)
		errmsg_set(m, "link: a child's key is no public key (40 characters of Z85)");
	free(keys);
	return err;
}

int parent_socket_open(void **socket, struct link_net *net, const struct link_parent_conf *conf,
	char *endpoint, size_t size, struct errmsg *m)
{
	const int one = 1;

	*socket = NULL;
	if (!net_endpoint_ok(conf->listen)) {
		errmsg_set(m, "listen = \"%s\": tcp://… or ipc://… is wanted", conf->listen);
		return ERR_INVALID;
	}
	int err = keys_allow(net, conf, m);
	if (err)
		return err;
	*socket = zmq_socket(net_context(net), ZMQ_ROUTER);
	if (!*socket || net_socket_prepare(*socket) != 0 || net_socket_serve(net, *socket) != 0 ||
		zmq_setsockopt(*socket, ZMQ_ROUTER_MANDATORY, &one, sizeof one) != 0 ||
		zmq_setsockopt(*socket, ZMQ_ROUTER_HANDOVER, &one, sizeof one) != 0) {
		errmsg_set(m, "link: %s", zmq_strerror(errno));
		return ERR_INVALID;
	}
	if (zmq_bind(*socket, conf->listen) != 0 ||
		zmq_getsockopt(*socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0) {
		errmsg_set(m, "listen = \"%s\": %s", conf->listen, zmq_strerror(errno));
		return ERR_IO;
	}
	return 0;
}

/* A part into an initialised message; false when there is none. */
static bool part_read(void *socket, zmq_msg_t *part, bool *more)
{
	*more = false;
	if (zmq_msg_recv(part, socket, ZMQ_DONTWAIT) < 0)
		return false;
	*more = zmq_msg_more(part);
	return true;
}

bool parent_socket_next(void *socket, struct route *from, zmq_msg_t *payload, bool *whole)
{
	zmq_msg_t part;
	bool more;

	from->n = 0;
	*whole = true;
	zmq_msg_init(&part);
	bool got = part_read(socket, &part, &more);
	size_t n = got && more ? zmq_msg_size(&part) : 0;
	if (n > 0 && n <= sizeof from->id)
		memcpy(from->id, zmq_msg_data(&part), n);
	else
		n = 0;
	if (more && part_read(socket, payload, &more)) {
		from->n = n;
		*whole = !more;
	}
	while (more)
		part_read(socket, &part, &more);
	zmq_msg_close(&part);
	return got;
}
