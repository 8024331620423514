/* The driver of a child's link: one DEALER socket and its monitor, opened anew for every
 * connection, and the machine of child.h between them and the ledger. It decides nothing: what
 * happens on the socket, in the store and to the ledger becomes an event; the machine's actions are
 * carried out in their order, and what comes of one may be the next event.
 *
 * The loop's thread does it all: reading the ledger (snapshots), packing, zstd, checking receipts.
 * Receipts are stored by receipts.c on the writer thread. Other threads only wake the driver and
 * copy its status.
 *
 * Memory: one raw and one packed batch, one frame, and what the credit lets ZeroMQ hold. */
#include "daemon/link/child_store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/link/fault.h"
#include "daemon/link/receipts.h"
#include "daemon/link/socket_loop.h"
#include "proto/link.pb-c.h"

#define FRAMES_A_TURN 64
#define LOG_AGAIN_MS 600000 /* the same trouble is logged again after this long */
#define SOFTWARE "tally"

enum { SOCKET, MONITOR };

struct link_child {
	struct link_net *net;
	struct child_store store;
	struct socket_loop *turns;
	struct receipts *receipts;
	char name[64], endpoint[256], server_key[41];
	void *socket, *monitor;
	bool shaken; /* this socket's handshake went well */
	struct child machine;
	const struct frame *frame; /* at hand, while its event is worked on */
	struct arena arena;
	struct buf out;
	atomic_bool grew;
	char logged[200];
	uint64_t logged_ms;
	pthread_mutex_t lock; /* guards status and last_ack_ms */
	struct link_child_status status;
	uint64_t last_ack_ms; /* 0: never */
};

static void drive(struct link_child *c, struct child_event e);

/* ---- what people see ---- */

static void tell(struct link_child *c, enum log_level level, const char *words)
{
	uint64_t now = clock_mono_ms();

	if (strcmp(words, c->logged) == 0 && now - c->logged_ms < LOG_AGAIN_MS)
		return;
	snprintf(c->logged, sizeof c->logged, "%s", words);
	c->logged_ms = now;
	log_line(level, "link", "parent %s: %s", c->name, words);
}

/* After every event. */
static void publish(struct link_child *c)
{
	const struct child *m = &c->machine;

	pthread_mutex_lock(&c->lock);
	snprintf(c->status.state, sizeof c->status.state, "%s", child_state_word(m->state));
	c->status.acked = m->ledgers[0].acked;
	c->status.pending = m->ledgers[0].position;
	c->status.fault = m->fault;
	if (m->state == CHILD_STREAMING && m->fault == LINK_OK)
		c->status.error[0] = '\0';
	pthread_mutex_unlock(&c->lock);
	if (m->state == CHILD_STREAMING)
		tell(c, LOG_LEVEL_INFO, "streaming");
}

/* A session ended, or none came about. */
static void report(struct link_child *c, int fault, enum child_state before)
{
	static const char *const lost[CHILD_STATES] = {
		[CHILD_CONNECTING] = "no connection",
		[CHILD_GREETING] = "no answer to the greeting",
		[CHILD_STREAMING] = "connection lost",
	};
	char words[200];

	if (fault)
		fault_print(words, sizeof words, fault,
			c->frame && c->frame->kind == TALLY__FRAME_KIND__FAULT
				? c->frame->reason
				: (struct text){ 0 });
	else
		snprintf(
			words, sizeof words, "%s", lost[before] ? lost[before] : "connection lost");
	pthread_mutex_lock(&c->lock);
	if (fault)
		c->status.faults++;
	if (fault || c->status.fault == LINK_OK)
		snprintf(c->status.error, sizeof c->status.error, "%s", words);
	pthread_mutex_unlock(&c->lock);
	tell(c, fault ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, words);
}

void link_child_status(struct link_child *c, struct link_child_status *out)
{
	struct receipts_state stored = receipts_state(c->receipts, 0);

	pthread_mutex_lock(&c->lock);
	*out = c->status;
	uint64_t heard = c->last_ack_ms;
	pthread_mutex_unlock(&c->lock);
	uint64_t own = out->pending, acked = stored.acked;
	/* A parent that lost what it had confirmed holds what it says in this session. */
	if (strcmp(out->state, "streaming") == 0 && out->acked < acked)
		acked = out->acked;
	out->acked = acked;
	out->proven = stored.proven < acked ? stored.proven : acked;
	out->pending = own > acked ? own - acked : 0;
	out->last_ack_age_s = heard ? (double)(clock_mono_ms() - heard) / 1000.0 : -1;
}

void link_child_wake(struct link_child *c)
{
	atomic_store(&c->grew, true);
	socket_loop_wake(c->turns);
}

/* ---- sockets ---- */

static void disconnect(struct link_child *c, bool linger)
{
	const int ms = linger ? 500 : 0;

	if (!c->socket)
		return;
	socket_loop_unwatch(c->turns, SOCKET);
	socket_loop_unwatch(c->turns, MONITOR);
	if (c->monitor)
		net_monitor_close(c->socket, c->monitor);
	zmq_setsockopt(c->socket, ZMQ_LINGER, &ms, sizeof ms);
	zmq_close(c->socket);
	c->socket = c->monitor = NULL;
}

static bool connect_to(struct link_child *c)
{
	const int events = ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED |
			   ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
			   ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
			   ZMQ_EVENT_HANDSHAKE_SUCCEEDED;

	disconnect(c, false);
	c->shaken = false;
	c->socket = zmq_socket(net_context(c->net), ZMQ_DEALER);
	if (!c->socket)
		return false;
	if (net_socket_prepare(c->socket) == 0 &&
		net_socket_join(c->net, c->socket, c->server_key) == 0)
		c->monitor = net_monitor_open(c->net, c->socket, events);
	if (c->monitor && socket_loop_watch(c->turns, SOCKET, c->socket) == 0 &&
		socket_loop_watch(c->turns, MONITOR, c->monitor) == 0 &&
		zmq_connect(c->socket, c->endpoint) == 0)
		return true;
	disconnect(c, false);
	return false;
}

/* 0 or errno. */
static int send_packed(struct link_child *c)
{
	if (!c->socket)
		return ENOTCONN;
	if (c->out.failed)
		return ENOMEM;
	return zmq_send(c->socket, c->out.p, c->out.n, ZMQ_DONTWAIT) < 0 ? errno : 0;
}

/* ---- the ledger ---- */

static void grown(struct link_child *c)
{
	struct frame_ledger at[FRAME_LEDGERS_MAX];

	if (child_store_states(&c->store, &c->machine, at) != 0)
		return; /* the next HELLO meets the same and says so */
	for (size_t i = 0; i < c->machine.n_ledgers; i++)
		drive(c, (struct child_event){ .kind = CHILD_GREW,
				 .origin = at[i].origin,
				 .position = at[i].position });
}

/* Makes a batch and sends it; what came of it. */
static struct child_event batch_send(struct link_child *c, const struct child_action *a)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__BATCH,
		.origin = c->machine.ledgers[a->ledger].origin };
	uint64_t last;
	size_t raw;

	memcpy(f.session, c->machine.session, FRAME_SESSION_BYTES);
	int fault = child_store_batch(&c->store, a, &f, &last, &raw);
	if (fault)
		return (struct child_event){ .kind = CHILD_UNSENT, .fault = fault };
	frame_pack(&f, &c->out);
	int failed = send_packed(c);
	if (failed)
		return (struct child_event){ .kind = CHILD_UNSENT,
			.fault = failed == EAGAIN ? LINK_OK : LINK_INTERNAL };
	pthread_mutex_lock(&c->lock);
	c->status.sent_batches++;
	c->status.sent_bytes += c->out.n;
	pthread_mutex_unlock(&c->lock);
	return (struct child_event){
		.kind = CHILD_SENT, .origin = f.origin, .position = last, .raw = raw
	};
}

/* ---- actions ---- */

/* True: *next is what came of it. */
static bool say(struct link_child *c, const struct child_action *a, struct child_event *next)
{
	struct frame_ledger ledgers[FRAME_LEDGERS_MAX];
	struct frame f = { .kind = a->frame, .nonce = a->nonce, .fault = (uint32_t)a->fault };

	memcpy(f.session, c->machine.session, FRAME_SESSION_BYTES);
	if (a->frame == TALLY__FRAME_KIND__FAULT)
		f.reason = text_of(link_fault_words(a->fault));
	if (a->frame == TALLY__FRAME_KIND__HELLO) {
		int fault = child_store_states(&c->store, &c->machine, ledgers);
		if (fault) {
			*next = (struct child_event){ .kind = CHILD_LOST, .fault = fault };
			return true;
		}
		f.protocol = FRAME_PROTOCOL;
		f.software = TEXT(SOFTWARE);
		f.ledgers = ledgers;
		f.n_ledgers = c->machine.n_ledgers;
		pthread_mutex_lock(&c->lock);
		c->status.sessions++;
		pthread_mutex_unlock(&c->lock);
	}
	frame_pack(&f, &c->out);
	/* A full socket loses a PING or PONG, and an answer that does not come is noticed. */
	int failed = send_packed(c);
	if (failed && a->frame == TALLY__FRAME_KIND__HELLO) {
		*next = (struct child_event){ .kind = CHILD_LOST };
		return true;
	}
	return false;
}

static bool perform(struct link_child *c, const struct child_action *a, enum child_state before,
	struct child_event *next)
{
	switch (a->kind) {
	case CHILD_CONNECT:
		if (connect_to(c))
			return false;
		*next = (struct child_event){ .kind = CHILD_LOST };
		return true;
	case CHILD_DISCONNECT:
		disconnect(c, a->linger);
		return false;
	case CHILD_SEND:
		return say(c, a, next);
	case CHILD_SEND_BATCH:
		*next = batch_send(c, a);
		return true;
	case CHILD_STORE:
		receipts_put(c->receipts, a->ledger, &c->frame->ledgers[a->claim]);
		return false;
	case CHILD_REPORT:
		report(c, a->fault, before);
		return false;
	}
	return false;
}

/* An event, and what follows from it. */
static void drive(struct link_child *c, struct child_event e)
{
	struct child_actions actions;
	bool again = true;

	while (again) {
		enum child_state before = c->machine.state;
		child_step(&c->machine, &e, clock_mono_ms(), &actions);
		again = false;
		for (size_t i = 0; i < actions.n; i++)
			again = perform(c, &actions.at[i], before, &e) || again;
	}
	publish(c);
}

/* ---- events ---- */

static void on_message(struct link_child *c, zmq_msg_t *msg, bool whole)
{
	struct frame f;
	struct child_claim claims[FRAME_LEDGERS_MAX];
	struct child_event e = { .kind = CHILD_FRAME, .frame = &f, .claims = claims };

	arena_reset(&c->arena);
	int fault = whole ? frame_unpack(&f, (struct text){ zmq_msg_data(msg), zmq_msg_size(msg) },
				    &c->arena)
			  : LINK_PROTOCOL;
	if (fault) {
		drive(c, (struct child_event){ .kind = CHILD_BAD_FRAME, .fault = fault });
		return;
	}
	/* Others are not looked at by the machine, and signatures cost. */
	if (memcmp(f.session, c->machine.session, FRAME_SESSION_BYTES) == 0)
		child_store_judge(&c->store, &f, claims);
	c->frame = &f;
	drive(c, e);
	c->frame = NULL;
	bool answered = f.kind == TALLY__FRAME_KIND__ACK || f.kind == TALLY__FRAME_KIND__WELCOME;
	if (answered && c->machine.state == CHILD_STREAMING) {
		pthread_mutex_lock(&c->lock);
		c->last_ack_ms = clock_mono_ms();
		pthread_mutex_unlock(&c->lock);
	}
}

/* True when there may be more. */
static bool message_read(struct link_child *c)
{
	zmq_msg_t msg;

	zmq_msg_init(&msg);
	if (zmq_msg_recv(&msg, c->socket, ZMQ_DONTWAIT) < 0) {
		zmq_msg_close(&msg);
		return false;
	}
	bool whole = !zmq_msg_more(&msg);
	for (bool more = !whole; more;) {
		zmq_msg_t rest;
		zmq_msg_init(&rest);
		more = zmq_msg_recv(&rest, c->socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&rest);
		zmq_msg_close(&rest);
	}
	on_message(c, &msg, whole);
	zmq_msg_close(&msg);
	return true;
}

static void monitor_read(struct link_child *c)
{
	uint32_t value;
	uint16_t kind;

	while (c->monitor && (kind = net_monitor_next(c->monitor, &value)) != 0) {
		if (kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
			c->shaken = true;
			continue;
		}
		int fault = kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ? LINK_UNLISTED : LINK_OK;
		drive(c, (struct child_event){ .kind = CHILD_LOST, .fault = fault });
	}
}

static bool on_turn(void *arg)
{
	struct link_child *c = arg;

	if (atomic_exchange(&c->grew, false))
		grown(c);
	/* What the parent said last comes before the news that it is gone. */
	for (int i = 0; i < FRAMES_A_TURN && c->socket && message_read(c); i++)
		;
	monitor_read(c);
	if (!c->socket)
		return false;
	int events = socket_events(c->socket);
	if (c->machine.state == CHILD_CONNECTING && c->shaken && events & ZMQ_POLLOUT)
		drive(c, (struct child_event){ .kind = CHILD_CONNECTED });
	if (c->machine.blocked && events & ZMQ_POLLOUT)
		drive(c, (struct child_event){ .kind = CHILD_WRITABLE });
	return c->socket && socket_events(c->socket) & ZMQ_POLLIN;
}

/* After a stall of ours, what stands unread comes before the verdict that the parent is silent. */
static void on_tick(void *arg)
{
	on_turn(arg);
	drive(arg, (struct child_event){ .kind = CHILD_TICK });
}

/* ---- open, close ---- */

static void child_free(void *arg)
{
	struct link_child *c = arg;

	child_store_close(&c->store);
	buf_deinit(&c->out);
	arena_deinit(&c->arena);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void machine_init(struct link_child *c, uint32_t own, const struct link_child_conf *conf)
{
	uint64_t seed;
	struct child_conf m = {
		.heartbeat_ms = conf->heartbeat_ms ? conf->heartbeat_ms : 1000,
		.backoff_most_ms = conf->backoff_most_ms ? conf->backoff_most_ms : 30000,
		.answer_ms = 6000,
		.ack_ms = 30000,
		.batch_most = frame_cost(LEDGER_BATCH_MAX),
	};

	m.backoff_least_ms = m.backoff_most_ms < 500 ? m.backoff_most_ms : 500;
	m.stopped_ms = 2 * m.backoff_most_ms;
	random_bytes(&seed, sizeof seed);
	child_init(&c->machine, &m, &own, 1, seed);
}

static int conf_check(const struct link_child_conf *conf, struct errmsg *m)
{
	uint8_t raw[32];

	if (!net_endpoint_ok(conf->endpoint) || strlen(conf->endpoint) > 255) {
		errmsg_set(m, "parent %s: endpoint \"%s\": tcp://… or ipc://… is wanted",
			conf->name, conf->endpoint);
		return ERR_INVALID;
	}
	if (strlen(conf->server_key) != 40 || !zmq_z85_decode(raw, conf->server_key)) {
		errmsg_set(
			m, "parent %s: key: not a public key (40 characters of Z85)", conf->name);
		return ERR_INVALID;
	}
	return 0;
}

int link_child_open(struct link_child **out, struct link_net *net, struct ledger *l,
	const struct link_child_conf *conf, struct errmsg *m)
{
	uint32_t own = ledger_own(l);

	*out = NULL;
	int err = conf_check(conf, m);
	if (err)
		return err;
	struct link_child *c = calloc(1, sizeof *c);
	if (!c)
		return ERR_NOMEM;
	c->net = net;
	snprintf(c->name, sizeof c->name, "%s", conf->name);
	snprintf(c->endpoint, sizeof c->endpoint, "%s", conf->endpoint);
	snprintf(c->server_key, sizeof c->server_key, "%s", conf->server_key);
	snprintf(c->status.name, sizeof c->status.name, "%s", conf->name);
	snprintf(c->status.endpoint, sizeof c->status.endpoint, "%s", conf->endpoint);
	pthread_mutex_init(&c->lock, NULL);
	arena_init(&c->arena, FRAME_ARENA);
	machine_init(c, own, conf);
	atomic_init(&c->grew, true);
	publish(c);
	err = child_store_open(&c->store, l, conf->signer);
	if (!err)
		err = receipts_open(&c->receipts, net_loop(net), l, c->name, conf->signer, &own, 1);
	if (err)
		goto free_child;
	struct socket_loop_calls calls = {
		.turn = on_turn, .tick = on_tick, .closed = child_free, .arg = c
	};
	c->turns = socket_loop_open(net_loop(net), &calls);
	if (c->turns) {
		*out = c;
		return 0;
	}
	err = ERR_NOMEM;
	receipts_close(c->receipts);
free_child:
	errmsg_set(m, "parent %s: %s", c->name, err_words(err));
	child_free(c);
	return err;
}

void link_child_close(struct link_child *c)
{
	if (!c)
		return;
	receipts_close(c->receipts);
	c->receipts = NULL;
	disconnect(c, false);
	socket_loop_close(c->turns);
}
