/* The driver of a parent's links, its other half: what the machines' actions send. See
 * parent_driver.c. */
#include "daemon/link/parent_driver.h"

#include <assert.h>
#include <errno.h>
#include <zmq.h>

#include "daemon/link/fault.h"
#include "proto/link.pb-c.h"

#define SOFTWARE "tally"

/* ---- sending ---- */

int parent_send(struct link_parent *p, const struct route *to, const struct frame *f)
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
	int failed = parent_send(p, a->to_live ? &k->route : &p->at_hand, &f);
	if (failed == EHOSTUNREACH && a->to_live)
		parent_drive(p, k, (struct peer_event){ .kind = PEER_UNREACHABLE });
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
		.questions =
			k->machine.conf.questions.rate ? k->machine.conf.questions.standing : 0,
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
	if (parent_send(p, &k->route, &f) != 0)
		parent_drive(p, k, (struct peer_event){ .kind = PEER_UNREACHABLE });
}

static void publish(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__PUBLISH };
	struct peer_event e = { .kind = PEER_UNPUBLISHED };
	int failed = 0;

	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	e.fault = publisher_batch(&p->publisher, a->position, &f);
	if (!e.fault)
		failed = parent_send(p, &k->route, &f);
	if (failed == EHOSTUNREACH)
		e.kind = PEER_UNREACHABLE;
	if (failed || e.fault)
		parent_drive(p, k, e);
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
	int failed = parent_send(p, &k->route, &f);
	if (failed == EHOSTUNREACH)
		parent_drive(p, k, (struct peer_event){ .kind = PEER_UNREACHABLE });
	else if (failed)
		parent_drive(
			p, k, (struct peer_event){ .kind = PEER_ACK_BLOCKED, .ledger = a->ledger });
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
	parent_drive(p, k, e);
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

/* ---- questions ---- */

static void ask(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	static const struct link_answer busy = { LINK_BUSY, "" };
	struct answering_job names = { .key = (size_t)(k - p->peers.keys),
		.serial = a->serial,
		.origin = k->ledgers[0].origin };

	if (!answering_put(p->answering, &names, p->frame))
		parent_drive(p, k,
			(struct peer_event){ .kind = PEER_ANSWERED,
				.serial = a->serial,
				.nonce = p->frame->nonce,
				.answer = &busy });
}

static void answer(struct link_parent *p, struct keyed *k, const struct peer_action *a)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__ANSWER,
		.nonce = a->nonce,
		.answer = (uint32_t)a->answer.answer,
		.rule = text_of(a->answer.rule) };

	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	peers_count_answer(&p->peers, k, a->answer.answer);
	if (parent_send(p, &k->route, &f) == EHOSTUNREACH)
		parent_drive(p, k, (struct peer_event){ .kind = PEER_UNREACHABLE });
}

/* ---- all of them ---- */

static void unfit(struct link_parent *p, struct keyed *k, int fault)
{
	char words[FRAME_TEXT_MAX];

	publisher_reason(&p->publisher, fault, k->machine.held, words, sizeof words);
	peers_unfit(&p->peers, k, fault, words);
}

void parent_perform(struct link_parent *p, struct keyed *k, const struct peer_action *a)
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
	case PEER_ASK:
		ask(p, k, a);
		break;
	case PEER_ANSWER:
		answer(p, k, a);
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
