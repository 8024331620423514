/* The driver of a child's link: one DEALER socket and its monitor, opened anew for every
 * connection, and the machine of child.h between them and the ledger. It decides nothing: what
 * happens on the socket, in the store and to the ledger becomes an event; the machine's actions are
 * carried out in their order, and what comes of one may be the next event.
 *
 * The loop's thread does it all: reading the ledger (snapshots), packing, zstd, checking receipts.
 * Receipts are stored by receipts.c, what is followed by following.c, on the writer thread. Other
 * threads only wake the driver and copy its status.
 *
 * Memory: one raw and one packed batch, one batch of what is followed, one frame, and what the
 * credit lets ZeroMQ hold. */
#include "daemon/link/child_store.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "daemon/base/clock.h"
#include "daemon/link/child_board.h"
#include "daemon/link/following.h"
#include "daemon/link/socket_loop.h"
#include "proto/link.pb-c.h"

#define FRAMES_A_TURN 64
#define EVENTS_MOST 4 /* that one event leads to at once */
#define SOFTWARE "tally"

enum { SOCKET, MONITOR };

struct link_child {
	struct link_net *net;
	struct child_store store;
	struct socket_loop *turns;
	struct receipts *receipts;
	struct following following;
	struct child_board board;
	char endpoint[256], server_key[41];
	void *socket, *monitor;
	bool shaken; /* this socket's handshake went well */
	struct child machine;
	const struct frame *frame; /* at hand, while its event is worked on */
	struct arena arena;
	struct buf out;
	atomic_bool grew;
};

static void drive(struct link_child *c, struct child_event e);

void link_child_status(struct link_child *c, struct link_child_status *out)
{
	struct receipts_state stored = receipts_state(c->receipts, 0);

	board_status(&c->board, &stored, out);
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
	board_count_batch(&c->board, c->out.n);
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
		board_count_session(&c->board);
	}
	if (a->frame == TALLY__FRAME_KIND__FOLLOW) {
		if (following_state(&c->following, c->machine.follow.origin, ledgers) != 0) {
			*next = (struct child_event){ .kind = CHILD_UNASKED };
			return true;
		}
		f.ledgers = ledgers;
		f.n_ledgers = 1;
	}
	frame_pack(&f, &c->out);
	/* A full socket loses a PING or PONG, and an answer that does not come is noticed. */
	int failed = send_packed(c);
	if (failed && a->frame == TALLY__FRAME_KIND__HELLO) {
		*next = (struct child_event){ .kind = CHILD_LOST };
		return true;
	}
	if (failed && a->frame == TALLY__FRAME_KIND__FOLLOW) {
		*next = (struct child_event){ .kind = CHILD_UNASKED };
		return true;
	}
	return false;
}

/* The words that came with a fault of the frame at hand. */
static struct text reason_at_hand(const struct link_child *c)
{
	return c->frame ? c->frame->reason : (struct text){ 0 };
}

static bool take(struct link_child *c, struct child_event *next)
{
	*next = (struct child_event){ .kind = CHILD_TAKEN,
		.origin = c->frame->origin,
		.fault = following_take(&c->following, c->frame) };
	if (next->fault)
		return true;
	board_count_published(&c->board, c->frame->batch.n);
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
		board_report(&c->board, a->fault, reason_at_hand(c), before);
		return false;
	case CHILD_TAKE:
		return take(c, next);
	case CHILD_NAMED:
		board_named(&c->board, a->fault, reason_at_hand(c));
		return false;
	}
	return false;
}

/* An event, and what follows from it. */
static void drive(struct link_child *c, struct child_event e)
{
	struct child_actions actions;
	struct child_event waiting[EVENTS_MOST] = { e };
	size_t done = 0, n = 1;

	for (; done < n; done++) {
		enum child_state before = c->machine.state;
		child_step(&c->machine, &waiting[done % EVENTS_MOST], clock_mono_ms(), &actions);
		for (size_t i = 0; i < actions.n; i++) {
			assert(n - done <= EVENTS_MOST);
			if (perform(c, &actions.at[i], before, &e))
				waiting[n++ % EVENTS_MOST] = e;
		}
	}
	board_publish(&c->board, &c->machine);
}

/* ---- events ---- */

static void on_message(struct link_child *c, zmq_msg_t *msg, bool whole)
{
	struct frame f;
	struct child_claim claims[FRAME_LEDGERS_MAX];
	struct follow_offer offer = { 0 };
	struct child_event e = {
		.kind = CHILD_FRAME, .frame = &f, .claims = claims, .offer = &offer
	};

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
	if (f.kind == TALLY__FRAME_KIND__WELCOME && c->machine.state == CHILD_GREETING)
		following_judge(&c->following, &f, &offer);
	c->frame = &f;
	drive(c, e);
	c->frame = NULL;
	bool answered = f.kind == TALLY__FRAME_KIND__ACK || f.kind == TALLY__FRAME_KIND__WELCOME;
	if (answered && c->machine.state == CHILD_STREAMING)
		board_heard(&c->board);
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

	struct child_event taken;

	if (atomic_exchange(&c->grew, false))
		grown(c);
	while (following_taken(&c->following, &taken))
		drive(c, taken);
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
	board_deinit(&c->board);
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

/* Writer thread. */
static void on_taken(void *arg)
{
	struct link_child *c = arg;
	socket_loop_wake(c->turns);
}

static int following_start(
	struct link_child *c, struct ledger *l, const struct link_child_conf *conf)
{
	struct following_conf following = { .ledger = l,
		.signer = conf->signer,
		.wake = on_taken,
		.wake_arg = c,
		.on_followed = conf->on_followed,
		.arg = conf->arg };

	return following_open(&c->following, &following);
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
	snprintf(c->endpoint, sizeof c->endpoint, "%s", conf->endpoint);
	snprintf(c->server_key, sizeof c->server_key, "%s", conf->server_key);
	board_init(&c->board, conf);
	arena_init(&c->arena, FRAME_ARENA);
	machine_init(c, own, conf);
	atomic_init(&c->grew, true);
	board_publish(&c->board, &c->machine);
	err = child_store_open(&c->store, l, conf->signer);
	if (!err)
		err = receipts_open(&c->receipts, net_loop(net), l, c->board.status.name,
			conf->signer, &own, 1);
	if (err)
		goto free_child;
	err = following_start(c, l, conf);
	if (err)
		goto close_receipts;
	struct socket_loop_calls calls = {
		.turn = on_turn, .tick = on_tick, .closed = child_free, .arg = c
	};
	c->turns = socket_loop_open(net_loop(net), &calls);
	if (c->turns) {
		*out = c;
		return 0;
	}
	err = ERR_NOMEM;
	following_close(&c->following);
close_receipts:
	receipts_close(c->receipts);
free_child:
	errmsg_set(m, "parent %s: %s", c->board.status.name, err_words(err));
	child_free(c);
	return err;
}

void link_child_close(struct link_child *c)
{
	if (!c)
		return;
	following_close(&c->following);
	receipts_close(c->receipts);
	c->receipts = NULL;
	disconnect(c, false);
	socket_loop_close(c->turns);
}
