/* The driver of a child's link: one DEALER socket and its monitor, opened anew for every
 * connection, and the machine of child.h between them and the ledger. It decides nothing: what
 * happens on the socket, in the store and to the ledger becomes an event; the machine's actions are
 * carried out in their order (child_actions.c), and what comes of one may be the next event.
 *
 * The loop's thread does it all: reading the ledger (snapshots), packing, zstd, checking receipts.
 * Receipts are stored by receipts.c, what is followed by following.c, on the writer thread. Other
 * threads only wake the driver, copy its status, and hand questions over (asking.c).
 *
 * Memory: one raw and one packed batch, one batch of what is followed, one frame, and what the
 * credit lets ZeroMQ hold. */
#include "daemon/link/child_driver.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "daemon/base/clock.h"
#include "proto/link.pb-c.h"

#define FRAMES_A_TURN 64
#define EVENTS_MOST 8 /* that one event leads to at once */

static void drive(struct link_child *c, struct child_event e);

void link_child_status(struct link_child *c, struct link_child_status *out)
{
	struct receipts_state stored = receipts_state(c->receipts, 0);

	board_status(&c->board, &stored, out);
	asking_status(&c->asking, &out->questions);
}

struct link_asked *link_child_ask(struct link_child *c, const struct link_question *q)
{
	struct link_asked *asked = asking_put(&c->asking, q);

	socket_loop_wake(c->turns);
	return asked;
}

void link_child_wake(struct link_child *c)
{
	atomic_store(&c->grew, true);
	socket_loop_wake(c->turns);
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

/* ---- events ---- */

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
			if (child_perform(c, &actions.at[i], before, &e))
				waiting[n++ % EVENTS_MOST] = e;
		}
	}
	board_publish(&c->board, &c->machine);
}

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
	for (size_t slot; asking_take(&c->asking, &slot);)
		drive(c, (struct child_event){ .kind = CHILD_ASK, .slot = slot });
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
	asking_deinit(&c->asking);
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
		.question_ms = conf->question_ms ? conf->question_ms : 5000,
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
	c->tells_gates = conf->gates != NULL;
	if (conf->gates)
		memcpy(c->gates, conf->gates, sizeof c->gates);
	board_init(&c->board, conf);
	asking_init(&c->asking);
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
	asking_close(&c->asking);
	following_close(&c->following);
	receipts_close(c->receipts);
	c->receipts = NULL;
	child_disconnect(c, false);
	socket_loop_close(c->turns);
}
