/* The driver of a child's link, its other half: what the machine's actions do to sockets and
 * frames. See child_driver.c. */
#include "daemon/link/child_driver.h"

#include <errno.h>
#include <zmq.h>

#include "proto/link.pb-c.h"

#define SOFTWARE "tally"

/* ---- sockets ---- */

void child_disconnect(struct link_child *c, bool linger)
{
	const int ms = linger ? 500 : 0;

	if (!c->socket)
		return;
	socket_loop_unwatch(c->turns, CHILD_SOCKET);
	socket_loop_unwatch(c->turns, CHILD_MONITOR);
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

	child_disconnect(c, false);
	c->shaken = false;
	c->socket = zmq_socket(net_context(c->net), ZMQ_DEALER);
	if (!c->socket)
		return false;
	if (net_socket_prepare(c->socket) == 0 &&
		net_socket_join(c->net, c->socket, c->server_key) == 0)
		c->monitor = net_monitor_open(c->net, c->socket, events);
	if (c->monitor && socket_loop_watch(c->turns, CHILD_SOCKET, c->socket) == 0 &&
		socket_loop_watch(c->turns, CHILD_MONITOR, c->monitor) == 0 &&
		zmq_connect(c->socket, c->endpoint) == 0)
		return true;
	child_disconnect(c, false);
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
		if (c->tells_gates)
			f.gates = (struct text){ (const char *)c->gates, sizeof c->gates };
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
	if (a->frame == TALLY__FRAME_KIND__QUESTION) {
		struct link_question q = asking_question(&c->asking, a->slot);
		f.question = q.kind;
		f.asked = q.asked;
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
	if (failed && a->frame == TALLY__FRAME_KIND__QUESTION) {
		*next = (struct child_event){ .kind = CHILD_UNSAID, .slot = a->slot };
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

bool child_perform(struct link_child *c, const struct child_action *a, enum child_state before,
	struct child_event *next)
{
	switch (a->kind) {
	case CHILD_CONNECT:
		if (connect_to(c))
			return false;
		*next = (struct child_event){ .kind = CHILD_LOST };
		return true;
	case CHILD_DISCONNECT:
		child_disconnect(c, a->linger);
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
	case CHILD_ANSWERED:
		asking_end(&c->asking, a->slot, a->answer,
			a->answer == LINK_NO ? c->frame->rule : (struct text){ NULL, 0 });
		return false;
	case CHILD_NAMED:
		board_named(&c->board, a->fault, reason_at_hand(c));
		return false;
	}
	return false;
}
