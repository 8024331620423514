/* The driver of a parent's links: one ROUTER socket for all children, a machine of parent.h for
 * each key, and the accept desk between them and the store. Who sent a frame is its key, which the
 * ZAP handler has put into the message's metadata (read from the payload: 4.3.4 can lose the first
 * frame's); the routing id only says by which connection to answer.
 *
 * A message is [routing id][payload]. A route that is gone is an error of the first part
 * (ROUTER_MANDATORY), and an event. What is sent is made in parent_actions.c.
 *
 * In every turn: what the store and the questions' worker have answered · some messages · whether
 * what is published has grown · the ACKs that are due, the newest of each ledger, and the
 * PUBLISHes. */
#include "daemon/link/parent_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <zmq.h>

#include "daemon/base/clock.h"
#include "daemon/link/fault.h"
#include "proto/link.pb-c.h"

#define FRAMES_A_TURN 64
#define ANSWERS_A_TURN 256

void link_parent_status(struct link_parent *p, size_t i, struct link_peer_status *out)
{
	peers_status(&p->peers, i, out);
}

uint64_t link_parent_refused(struct link_parent *p, int fault)
{
	return peers_refused(&p->peers, fault);
}

const char *link_parent_endpoint(const struct link_parent *p)
{
	return p->endpoint;
}

/* ---- events ---- */

/* Has it something to say at the end of the turn? */
static void due(struct link_parent *p, struct keyed *k)
{
	if (k->due || !parent_due(&k->machine))
		return;
	k->due = true;
	p->due[p->n_due++] = (size_t)(k - p->peers.keys);
}

void parent_drive(struct link_parent *p, struct keyed *k, struct peer_event e)
{
	struct peer_actions actions;

	parent_step(&k->machine, &e, clock_mono_ms(), &actions);
	for (size_t i = 0; i < actions.n; i++)
		parent_perform(p, k, &actions.at[i]);
	due(p, k);
	peers_publish(&p->peers, k);
}

/* ---- messages ---- */

/* Does a PING still reach the live session? A full pipe does. */
static bool probe(struct link_parent *p, struct keyed *k)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__PING };

	memcpy(f.session, k->machine.session, FRAME_SESSION_BYTES);
	return parent_send(p, &k->route, &f) != EHOSTUNREACH;
}

static void on_payload(struct link_parent *p, struct keyed *k, struct text payload, bool whole)
{
	struct frame f;
	struct peer_claim claims[FRAME_LEDGERS_MAX];
	struct peer_event e = { .kind = PEER_FRAME, .frame = &f, .claims = claims };

	e.here = route_eq(&k->route, &p->at_hand);
	arena_reset(&p->arena);
	int fault = whole ? frame_unpack(&f, payload, &p->arena) : LINK_PROTOCOL;
	if (!fault && f.kind == TALLY__FRAME_KIND__HELLO) {
		fault = keyed_claims(k, p->store, &f, claims);
		e.reachable = k->machine.state == PEER_LIVE && !e.here && probe(p, k);
	}
	if (fault) {
		parent_drive(p, k,
			(struct peer_event){
				.kind = PEER_BAD_FRAME, .fault = fault, .here = e.here });
		return;
	}
	if (f.kind == TALLY__FRAME_KIND__BATCH)
		e.ledger = keyed_ledger(k, f.origin);
	if (f.kind == TALLY__FRAME_KIND__FOLLOW)
		e.fault = publisher_judge(&p->publisher, &f.ledgers[0]);
	if (f.kind == TALLY__FRAME_KIND__QUESTION)
		peers_count_question(&p->peers, k);
	p->frame = &f;
	parent_drive(p, k, e);
	p->frame = NULL;
}

/* True when there may be another. */
static bool message_read(struct link_parent *p)
{
	zmq_msg_t payload;
	bool whole;

	zmq_msg_init(&payload);
	bool got = parent_socket_next(p->socket, &p->at_hand, &payload, &whole);
	const char *key = p->at_hand.n ? zmq_msg_gets(&payload, "User-Id") : NULL;
	struct keyed *k = key ? peers_find(&p->peers, key) : NULL;
	if (k)
		on_payload(p, k, (struct text){ zmq_msg_data(&payload), zmq_msg_size(&payload) },
			whole);
	else if (got)
		peers_count_refused(&p->peers, LINK_UNLISTED);
	zmq_msg_close(&payload);
	p->at_hand.n = 0;
	return got;
}

/* ---- the loop ---- */

/* True when more stands. */
static bool answers_read(struct link_parent *p)
{
	for (int i = 0; i < ANSWERS_A_TURN; i++) {
		struct accept_job *j = accept_finished(p->accept);
		if (!j)
			return false;
		parent_drive(p, &p->peers.keys[j->key],
			(struct peer_event){
				.kind = PEER_STORED,
				.ledger = j->ledger,
				.serial = j->serial,
				.raw = j->bytes.n,
				.fault = fault_of_err(j->err),
				.stored = j->after.position,
				.head = j->after.head,
			});
		accept_drop(j);
	}
	return true;
}

/* The worker's. */
static void questions_read(struct link_parent *p)
{
	struct answering_job j;

	while (p->answering && answering_finished(p->answering, &j))
		parent_drive(p, &p->peers.keys[j.key],
			(struct peer_event){ .kind = PEER_ANSWERED,
				.serial = j.serial,
				.nonce = j.nonce,
				.answer = &j.answer });
}

static void acks_flush(struct link_parent *p)
{
	size_t n = p->n_due;

	p->n_due = 0;
	for (size_t i = 0; i < n; i++) {
		struct keyed *k = &p->peers.keys[p->due[i]];
		k->due = false;
		/* What is blocked becomes due again, at a place that was read already. */
		parent_drive(p, k, (struct peer_event){ .kind = PEER_FLUSH });
	}
}

/* What is published has perhaps grown: children that wait for it get it at the end of this turn. */
static void published(struct link_parent *p)
{
	if (!atomic_exchange(&p->grew, false) || !publisher_grew(&p->publisher))
		return;
	for (size_t i = 0; i < p->peers.n_keys; i++)
		due(p, &p->peers.keys[i]);
}

void link_parent_wake(struct link_parent *p)
{
	atomic_store(&p->grew, true);
	socket_loop_wake(p->turns);
}

static bool on_turn(void *arg)
{
	struct link_parent *p = arg;

	bool more = answers_read(p);
	questions_read(p);
	for (int i = 0; i < FRAMES_A_TURN && message_read(p); i++)
		;
	published(p);
	acks_flush(p);
	return more || (socket_events(p->socket) & ZMQ_POLLIN);
}

/* After a stall of ours, what stands unread comes before the verdict that a child is silent. */
static void on_tick(void *arg)
{
	struct link_parent *p = arg;

	on_turn(p);
	for (size_t i = 0; i < p->peers.n_keys; i++)
		parent_drive(p, &p->peers.keys[i], (struct peer_event){ .kind = PEER_TICK });
}

/* Writer thread, or the questions' worker. */
static void on_finished(void *arg)
{
	struct link_parent *p = arg;
	socket_loop_wake(p->turns);
}

/* ---- open, close ---- */

static void parent_free(void *arg)
{
	struct link_parent *p = arg;

	peers_close(&p->peers);
	publisher_close(&p->publisher);
	arena_deinit(&p->arena);
	buf_deinit(&p->out);
	free(p->due);
	free(p);
}

static int answering_start(struct link_parent *p, const struct link_parent_conf *conf)
{
	struct answering_conf answering = { conf->on_question, conf->arg, on_finished, p };

	return answering_open(&p->answering, &answering);
}

int link_parent_open(struct link_parent **out, struct link_net *net, struct ledger *l,
	const struct link_parent_conf *conf, struct errmsg *m)
{
	struct link_parent *p = calloc(1, sizeof *p);

	*out = NULL;
	if (!p)
		return ERR_NOMEM;
	p->net = net;
	p->store = ledger_store(l);
	p->signer = conf->signer;
	arena_init(&p->arena, FRAME_ARENA);
	p->due = calloc(conf->n_children + 1, sizeof *p->due);
	atomic_init(&p->grew, true);
	int err = publisher_open(&p->publisher, l, conf->signer);
	if (!err)
		err = p->due ? peers_open(&p->peers, p->store, conf, m) : ERR_NOMEM;
	if (!err)
		peers_published(&p->peers, &p->publisher.position, p->publisher.origin);
	if (err)
		goto free_parent;
	err = parent_socket_open(&p->socket, p->net, conf, p->endpoint, sizeof p->endpoint, m);
	if (!err)
		err = net_self_test(net, p->endpoint, m);
	if (err)
		goto close_socket;
	struct accept_conf accept = { l, on_finished, p, conf->on_accept, conf->arg };
	err = accept_open(&p->accept, &accept);
	if (err)
		goto close_socket;
	struct socket_loop_calls calls = {
		.turn = on_turn, .tick = on_tick, .closed = parent_free, .arg = p
	};
	p->turns = socket_loop_open(net_loop(net), &calls);
	err = p->turns ? socket_loop_watch(p->turns, 0, p->socket) : ERR_NOMEM;
	if (!err && peers_answer(&p->peers))
		err = answering_start(p, conf);
	if (err)
		goto close_turns;
	*out = p;
	return 0;
close_turns:
	accept_close(p->accept);
	if (p->turns) {
		socket_loop_close(p->turns); /* frees p */
		zmq_close(p->socket);
		return err;
	}
close_socket:
	if (p->socket)
		zmq_close(p->socket);
free_parent:
	parent_free(p);
	return err;
}

void link_parent_close(struct link_parent *p)
{
	if (!p)
		return;
	answering_close(p->answering);
	p->answering = NULL;
	accept_close(p->accept);
	socket_loop_close(p->turns);
	zmq_close(p->socket);
	p->socket = NULL;
}
