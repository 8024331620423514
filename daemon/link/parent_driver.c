/* The driver of a parent's links: one ROUTER socket for all children, a machine of parent.h for
 * each key, and the accept desk between them and the store. Who sent a frame is its key, which the
 * ZAP handler has put into the message's metadata (read from the payload: 4.3.4 can lose the first
 * frame's); the routing id only says by which connection to answer.
 *
 * A message is [routing id][payload]. A route that is gone is an error of the first part
 * (ROUTER_MANDATORY), and an event.
 *
 * In every turn: what the store has answered · some messages · whether what is published has grown
 * · the ACKs that are due, the newest of each ledger, and the PUBLISHes. */
#include "daemon/link/parent_peers.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "daemon/base/clock.h"
#include "daemon/link/fault.h"
#include "daemon/link/parent_socket.h"
#include "daemon/link/publisher.h"
#include "daemon/link/socket_loop.h"
#include "proto/link.pb-c.h"

#define FRAMES_A_TURN 64
#define ANSWERS_A_TURN 256
#define SOFTWARE "tally"

struct link_parent {
	struct link_net *net;
	struct store *store;
	struct socket_loop *turns;
	void *socket;
	char endpoint[300];
	const struct sign_key *signer;
	struct publisher publisher;
	atomic_bool grew; /* what is published, perhaps */
	struct accept *accept;
	struct peers peers;
	size_t *due; /* keys that may have ACKs to send */
	size_t n_due;
	struct route at_hand;	    /* of the message at hand */
	const struct frame *frame;  /* likewise */
	struct accept_job *checked; /* between CHECKED and SUBMIT */
	struct arena arena;
	struct buf out;
};

static void drive(struct link_parent *p, struct keyed *k, struct peer_event e);

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

/* ---- sending ---- */

/* 0 or errno: EHOSTUNREACH, EAGAIN, … */
static int send_frame(struct link_parent *p, const struct route *to, const struct frame *f)
{
	if (to->n == 0)
		return EHOSTUNREACH;
	frame_pack(f, &p->out);
	if (p->out.failed)
		return EAGAIN;
	if (zmq_send(p->socket, to->id, to->n, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
		return errno;
	return zmq_send(p->socket, p->out.p, p->out.n, ZMQ_DONTWAIT) < 0 ? errno : 0;
}

static void receipt_make(
	struct link_parent *p, const struct peer_ledger *l, struct frame_ledger *out)
{
	*out = (struct frame_ledger){
		.origin = l->origin, .position = l->stored, .is_signed = true
	};
	memcpy(out->head, l->head, HASH_BYTES);
	sign_position(out->signature, p->signer, SIGN_RECEIPT, l->origin, l->stored, l->head);
}

/* ---- actions ---- */

static void say(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	char reason[FRAME_TEXT_MAX];
	struct frame f = { .kind = a->frame, .nonce = a->nonce, .fault = (uint32_t)a->fault };

	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	if (a->frame == TALLY__FRAME_KIND__FAULT)
		peers_reason(k, a->fault, reason, sizeof reason);
	if (a->frame == TALLY__FRAME_KIND__PUBLISH) {
		f.origin = p->frame ? p->frame->ledgers[0].origin : p->publisher.origin;
		publisher_reason(&p->publisher, a->fault, k->machine.held, reason, sizeof reason);
	}
	if (a->fault)
		f.reason = text_of(reason);
	int failed = send_frame(p, a->to_live ? &k->route : &p->at_hand, &f);
	if (failed == EHOSTUNREACH && a->to_live)
		drive(p, k, (struct peer_event){ .kind = PEER_UNREACHABLE });
}

static void welcome(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	struct frame_ledger ledgers[FRAME_LEDGERS_MAX], published;
	struct frame f = {
		.kind = TALLY__FRAME_KIND__WELCOME,
		.protocol = FRAME_PROTOCOL,
		.software = TEXT(SOFTWARE),
		.ledgers = ledgers,
		.n_ledgers = p->frame->n_ledgers,
		.credit = a->credit,
	};

	k->route = p->at_hand;
	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	for (size_t i = 0; i < f.n_ledgers; i++)
		receipt_make(
			p, &k->ledgers[keyed_ledger(k, p->frame->ledgers[i].origin)], &ledgers[i]);
	if (p->publisher.origin && publisher_state(&p->publisher, &published) == LINK_OK) {
		f.published = &published;
		f.n_published = 1;
	}
	if (send_frame(p, &k->route, &f) != 0)
		drive(p, k, (struct peer_event){ .kind = PEER_UNREACHABLE });
}

static void publish(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__PUBLISH };
	struct peer_event e = { .kind = PEER_UNPUBLISHED };
	int failed = 0;

	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	e.fault = publisher_batch(&p->publisher, a->position, &f);
	if (!e.fault)
		failed = send_frame(p, &k->route, &f);
	if (failed == EHOSTUNREACH)
		e.kind = PEER_UNREACHABLE;
	if (failed || e.fault)
		drive(p, k, e);
}

static void ack(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	struct frame_ledger ledger;
	struct frame f = { .kind = TALLY__FRAME_KIND__ACK,
		.ledgers = &ledger,
		.n_ledgers = 1,
		.credit = a->credit };

	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	receipt_make(p, &k->ledgers[a->ledger], &ledger);
	int failed = send_frame(p, &k->route, &f);
	if (failed == EHOSTUNREACH)
		drive(p, k, (struct peer_event){ .kind = PEER_UNREACHABLE });
	else if (failed)
		drive(p, k, (struct peer_event){ .kind = PEER_ACK_BLOCKED, .ledger = a->ledger });
}

/* Opens and checks the batch at hand; the machine answers with SUBMIT, or the job is let go. */
static void take(struct link_parent *p, struct keyed *k)
{
	size_t ledger = keyed_ledger(k, p->frame->origin);
	struct peer_event e = { .kind = PEER_CHECKED, .ledger = ledger, .fault = LINK_INTERNAL };
	struct accept_job *j = accept_take(p->accept);

	if (j) {
		e.fault = accept_check(j, p->frame, k->signers[ledger]);
		e.raw = j->bytes.n;
		e.first = j->batch.first;
		e.last = j->batch.last;
	}
	p->checked = j;
	drive(p, k, e);
	if (p->checked)
		accept_drop(p->checked);
	p->checked = NULL;
}

static void submit(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	struct accept_job *j = p->checked;

	assert(j); /* SUBMIT follows a batch that was taken and is good */
	p->checked = NULL;
	j->key = (size_t)(k - p->peers.keys);
	j->ledger = a->ledger;
	j->serial = a->serial;
	peers_count_batch(&p->peers, k, a->ledger, p->frame->batch.n);
	accept_submit(j);
}

static void unfit(struct link_parent *p, struct keyed *k, int fault)
{
	char words[FRAME_TEXT_MAX];

	publisher_reason(&p->publisher, fault, k->machine.held, words, sizeof words);
	peers_unfit(&p->peers, k, fault, words);
}

static void perform(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	switch (a->kind) {
	case PEER_WELCOME:
		peers_count_session(&p->peers, k);
		welcome(p, k, a);
		break;
	case PEER_TAKE:
		take(p, k);
		break;
	case PEER_SUBMIT:
		submit(p, k, a);
		break;
	case PEER_ACK:
		ack(p, k, a);
		break;
	case PEER_PUBLISH:
		publish(p, k, a);
		break;
	case PEER_SEND:
		say(p, k, a);
		break;
	case PEER_END:
		k->route.n = 0;
		break;
	case PEER_REFUSED:
		peers_refuse(&p->peers, k, a->fault,
			p->frame && p->frame->kind == TALLY__FRAME_KIND__FAULT
				? p->frame->reason
				: (struct text){ 0 });
		break;
	case PEER_UNFIT:
		unfit(p, k, a->fault);
		break;
	}
}

/* Has it something to say at the end of the turn? */
static void due(struct link_parent *p, struct keyed *k)
{
	if (k->due || !parent_due(&k->machine))
		return;
	k->due = true;
	p->due[p->n_due++] = (size_t)(k - p->peers.keys);
}

/* An event and what follows from it; what comes of an action is a further event, at once. */
static void drive(struct link_parent *p, struct keyed *k, struct peer_event e)
{
	struct peer_actions actions;

	parent_step(&k->machine, &e, clock_mono_ms(), &actions);
	for (size_t i = 0; i < actions.n; i++)
		perform(p, k, &actions.at[i]);
	due(p, k);
	peers_publish(&p->peers, k);
}

/* ---- messages ---- */

/* Does a PING still reach the live session? A full pipe does. */
static bool probe(struct link_parent *p, struct keyed *k)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__PING };

	memcpy(f.session, k->machine.session, FRAME_SESSION_BYTES);
	return send_frame(p, &k->route, &f) != EHOSTUNREACH;
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
		drive(p, k,
			(struct peer_event){
				.kind = PEER_BAD_FRAME, .fault = fault, .here = e.here });
		return;
	}
	if (f.kind == TALLY__FRAME_KIND__BATCH)
		e.ledger = keyed_ledger(k, f.origin);
	if (f.kind == TALLY__FRAME_KIND__FOLLOW)
		e.fault = publisher_judge(&p->publisher, &f.ledgers[0]);
	p->frame = &f;
	drive(p, k, e);
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
		drive(p, &p->peers.keys[j->key],
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

static void acks_flush(struct link_parent *p)
{
	size_t n = p->n_due;

	p->n_due = 0;
	for (size_t i = 0; i < n; i++) {
		struct keyed *k = &p->peers.keys[p->due[i]];
		k->due = false;
		/* What is blocked becomes due again, at a place that was read already. */
		drive(p, k, (struct peer_event){ .kind = PEER_FLUSH });
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
		drive(p, &p->peers.keys[i], (struct peer_event){ .kind = PEER_TICK });
}

/* Writer thread. */
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
	accept_close(p->accept);
	socket_loop_close(p->turns);
	zmq_close(p->socket);
	p->socket = NULL;
}
