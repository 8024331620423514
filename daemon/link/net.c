/* Context and door of the network.
 *
 * Every CURVE handshake with a server socket of this process asks the ZAP handler, which is a
 * thread of its own: it answers from a sorted list of keys, and says no to whatever it does not
 * know, cannot read, or was asked before a list was there. It is bound before any socket, and
 * server sockets carry a domain with ZAP enforced, so that without it nobody gets in (without
 * these, CURVE lets every key in). A parent proves that at its start, from outside:
 * net_self_test().
 *
 * ZAP 1.0, each a message part:
 *
 *     request:  "1.0" · request id · domain · address · routing id · "CURVE" · key (32 bytes)
 *     reply:    "1.0" · request id · "200" or "400" · words · user id: the key as Z85 · no metadata
 */
#include "daemon/link/net.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <zmq.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_PARTS 7
#define DENIED_LOG_MS 60000

struct link_net {
	struct loop *loop;
	void *context;
	void *zap;
	struct link_keys keys;
	unsigned numbers;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	char (*allowed)[41];  /* sorted */
	size_t n_allowed;
	char probe[41]; /* key of a running self-test: not counted */
	uint64_t denied;
	uint64_t denied_logged, denied_logged_ms;
};

void *net_context(struct link_net *net)
{
	return net->context;
}

struct loop *net_loop(struct link_net *net)
{
	return net->loop;
}

const char *net_public_key(struct link_net *net)
{
	return net->keys.public_key;
}

unsigned net_number(struct link_net *net)
{
	return ++net->numbers;
}

uint64_t link_net_denied(struct link_net *net)
{
	pthread_mutex_lock(&net->lock);
	uint64_t n = net->denied;
	pthread_mutex_unlock(&net->lock);
	return n;
}

static int key_cmp(const void *a, const void *b)
{
	return memcmp(a, b, 41);
}

int net_allow(struct link_net *net, const char (*keys)[41], size_t n)
{
	uint8_t raw[32];
	char(*copy)[41] = calloc(n + 1, sizeof *copy);

	if (!copy)
		return ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		memcpy(copy[i], keys[i], 41);
		if (memchr(copy[i], 0, 41) != copy[i] + 40 || !zmq_z85_decode(raw, copy[i])) {
			free(copy);
			return ERR_INVALID;
		}
	}
	qsort(copy, n, sizeof *copy, key_cmp);
	pthread_mutex_lock(&net->lock);
	free(net->allowed);
	net->allowed = copy;
	net->n_allowed = n;
	pthread_mutex_unlock(&net->lock);
	return 0;
}

/* ---- the ZAP handler ---- */

static bool key_judge(struct link_net *net, const uint8_t key[32], char z85[41])
{
	uint64_t tell = 0;

	if (!zmq_z85_encode(z85, key, 32))
		return false;
	pthread_mutex_lock(&net->lock);
	bool good = net->n_allowed > 0 && bsearch(z85, net->allowed, net->n_allowed,
						  sizeof *net->allowed, key_cmp) != NULL;
	if (!good && memcmp(z85, net->probe, 41) != 0) {
		uint64_t now = clock_mono_ms();
		net->denied++;
		if (!net->denied_logged || now - net->denied_logged_ms >= DENIED_LOG_MS) {
			tell = net->denied - net->denied_logged;
			net->denied_logged = net->denied;
			net->denied_logged_ms = now;
		}
	}
	pthread_mutex_unlock(&net->lock);
	if (tell)
		log_warning("link", "an unlisted key was refused, the last of %llu: %s",
			(unsigned long long)tell, z85);
	return good;
}

/* One message of up to ZAP_PARTS parts; returns how many came, 0 when the context ends. Further
 * parts are read and dropped. */
static size_t zap_read(void *socket, zmq_msg_t parts[ZAP_PARTS])
{
	size_t n = 0;
	int more = 1;

	while (more) {
		zmq_msg_t part;
		zmq_msg_init(&part);
		while (zmq_msg_recv(&part, socket, 0) < 0) {
			if (errno == EINTR)
				continue;
			zmq_msg_close(&part);
			for (size_t i = 0; i < n && i < ZAP_PARTS; i++)
				zmq_msg_close(&parts[i]);
			return 0;
		}
		more = zmq_msg_more(&part);
		if (n < ZAP_PARTS) {
			zmq_msg_init(&parts[n]);
			zmq_msg_move(&parts[n], &part);
		}
		zmq_msg_close(&part);
		n++;
	}
	return n;
}

static bool part_is(zmq_msg_t *part, const char *word)
{
	return zmq_msg_size(part) == strlen(word) &&
	       memcmp(zmq_msg_data(part), word, strlen(word)) == 0;
}

static void zap_answer(struct link_net *net, zmq_msg_t parts[ZAP_PARTS], size_t n)
{
	char user[41] = "";
	bool good = n == ZAP_PARTS && part_is(&parts[0], "1.0") && part_is(&parts[2], NET_DOMAIN) &&
		    part_is(&parts[5], "CURVE") && zmq_msg_size(&parts[6]) == 32 &&
		    key_judge(net, zmq_msg_data(&parts[6]), user);

	zmq_send(net->zap, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(net->zap, n > 1 ? zmq_msg_data(&parts[1]) : "",
		n > 1 ? zmq_msg_size(&parts[1]) : 0, ZMQ_SNDMORE);
	zmq_send(net->zap, good ? "200" : "400", 3, ZMQ_SNDMORE);
	zmq_send(net->zap, good ? "listed" : "unlisted", good ? 6 : 8, ZMQ_SNDMORE);
	zmq_send(net->zap, user, good ? strlen(user) : 0, ZMQ_SNDMORE);
	zmq_send(net->zap, "", 0, 0);
}

static void *zap_main(void *arg)
{
	struct link_net *net = arg;
	zmq_msg_t parts[ZAP_PARTS];
	size_t n;

	while ((n = zap_read(net->zap, parts)) > 0) {
		zap_answer(net, parts, n);
		for (size_t i = 0; i < n && i < ZAP_PARTS; i++)
			zmq_msg_close(&parts[i]);
	}
	zmq_close(net->zap);
	return NULL;
}

/* Signals belong to the loop's thread. */
static int zap_start(struct link_net *net)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int err = pthread_create(&net->thread, NULL, zap_main, net);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

/* ---- open, close ---- */

int link_net_open(
	struct link_net **out, struct loop *loop, const struct link_keys *keys, struct errmsg *m)
{
	int zero = 0;
	struct link_net *net = calloc(1, sizeof *net);

	*out = NULL;
	if (!net)
		return ERR_NOMEM;
	net->loop = loop;
	net->keys = *keys;
	pthread_mutex_init(&net->lock, NULL);
	if (!zmq_has("curve") || link_keys_public(&net->keys) != 0) {
		errmsg_set(m, "link.key: not a CURVE secret key (40 characters of Z85)");
		goto free_net;
	}
	net->context = zmq_ctx_new();
	if (!net->context) {
		errmsg_set(m, "link: no ZeroMQ context: %s", zmq_strerror(errno));
		goto free_net;
	}
	net->zap = zmq_socket(net->context, ZMQ_REP);
	if (!net->zap)
		goto term_context;
	zmq_setsockopt(net->zap, ZMQ_LINGER, &zero, sizeof zero);
	if (zmq_bind(net->zap, ZAP_ENDPOINT) != 0 || zap_start(net) != 0) {
		zmq_close(net->zap);
		goto term_context;
	}
	*out = net;
	return 0;
term_context:
	errmsg_set(m, "link: the ZAP handler does not start: %s", zmq_strerror(errno));
	zmq_ctx_term(net->context);
free_net:
	explicit_bzero(&net->keys, sizeof net->keys);
	pthread_mutex_destroy(&net->lock);
	free(net);
	return ERR_INVALID;
}

void link_net_close(struct link_net *net)
{
	if (!net)
		return;
	zmq_ctx_shutdown(net->context);
	pthread_join(net->thread, NULL);
	while (zmq_ctx_term(net->context) != 0 && errno == EINTR)
		;
	explicit_bzero(&net->keys, sizeof net->keys);
	pthread_mutex_destroy(&net->lock);
	free(net->allowed);
	free(net);
}

/* ---- sockets ---- */

bool net_endpoint_ok(const char *endpoint)
{
	return strncmp(endpoint, "tcp://", 6) == 0 || strncmp(endpoint, "ipc://", 6) == 0;
}

int net_socket_serve(struct link_net *net, void *socket)
{
	const int one = 1, enforce = 93; /* ZMQ_ZAP_ENFORCE_DOMAIN: in the library, outside its
					    stable header */
	bool good = zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, sizeof one) == 0 &&
		    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, net->keys.secret_key, 41) == 0 &&
		    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, NET_DOMAIN, strlen(NET_DOMAIN)) == 0 &&
		    zmq_setsockopt(socket, enforce, &one, sizeof one) == 0;
	return good ? 0 : ERR_INVALID;
}

int net_socket_join(struct link_net *net, void *socket, const char *server_key)
{
	bool good = zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, 41) == 0 &&
		    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, net->keys.public_key, 41) == 0 &&
		    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, net->keys.secret_key, 41) == 0;
	return good ? 0 : ERR_INVALID;
}

void net_probe_set(struct link_net *net, const char probe[41])
{
	pthread_mutex_lock(&net->lock);
	memcpy(net->probe, probe, 41);
	pthread_mutex_unlock(&net->lock);
}
