/* The parent's machine, one a key.
 *
 * Normal path: HELLO is compared with what is stored and answered by WELCOME · a BATCH within the
 * credit is taken (opened and checked), submitted, and after its commit an ACK is due: at the end
 * of the loop's turn, the newest only.
 *
 * What we publish goes the other way, beside all that: a FOLLOW says what the child holds and asks
 * for one batch; it stands until there is more, then one PUBLISH leaves at the end of the turn. A
 * FOLLOW that does not fit is answered by the reason, and the session goes on.
 *
 * A QUESTION goes to a worker when the child's bucket has one left (answers.c), and its ANSWER back
 * when the session that asked still lives.
 *
 * Failures: every fault is counted and said, and ends the session it belongs to, never more: other
 * keys do not notice, and what is stored stays. A HELLO that does not fit changes nothing. One live
 * session a key: a second one gets in when the first is dead, else it is refused as a duplicate.
 *
 * Credit is granted as received + window - in flight, so that what waits for the store never costs
 * more than the window, over all sessions of a key: a store that is slow slows the child, and a
 * peer that greets again and again gains nothing. */
#include "daemon/link/parent_inside.h"

#include <assert.h>

#include "proto/link.pb-c.h"

#define STICKY_MS \
	60000 /* a duplicate stays named this long although the live session goes on well */

#define TO(state) (1U << (state))
static const unsigned may_follow[PEER_STATES] = {
	[PEER_ABSENT] = TO(PEER_LIVE),
	[PEER_LIVE] = TO(PEER_LIVE) | TO(PEER_ABSENT),
};

static void become(struct step *s, enum peer_state next)
{
	assert(may_follow[s->p->state] & TO(next));
	s->p->state = next;
}

struct peer_action *peer_act(struct step *s, enum peer_action_kind kind)
{
	assert(s->out->n < sizeof s->out->at / sizeof s->out->at[0]);
	struct peer_action *a = &s->out->at[s->out->n++];
	*a = (struct peer_action){ .kind = kind };
	return a;
}

struct peer_action *peer_say_live(struct step *s, uint32_t frame)
{
	struct peer_action *a = peer_act(s, PEER_SEND);
	a->frame = frame;
	a->to_live = true;
	memcpy(a->session, s->p->session, FRAME_SESSION_BYTES);
	return a;
}

/* To whoever sent the frame at hand, under its session id; without one when it was none. */
static struct peer_action *say_back(struct step *s, uint32_t frame)
{
	struct peer_action *a = peer_act(s, PEER_SEND);
	a->frame = frame;
	if (s->e->frame)
		memcpy(a->session, s->e->frame->session, FRAME_SESSION_BYTES);
	return a;
}

void parent_init(
	struct peer *p, const struct peer_conf *conf, struct peer_ledger *ledgers, size_t n)
{
	assert(n >= 1 && n <= FRAME_LEDGERS_MAX);
	*p = (struct peer){
		.conf = *conf, .state = PEER_ABSENT, .ledgers = ledgers, .n_ledgers = n
	};
	answers_init(&p->answers, &conf->questions, 0);
}

/* ---- faults ---- */

static void name(struct step *s, int fault)
{
	peer_act(s, PEER_REFUSED)->fault = fault;
	s->p->fault = fault;
	s->p->fault_ms = s->now;
}

static void end(struct step *s)
{
	become(s, PEER_ABSENT);
	peer_act(s, PEER_END);
}

/* The live session ends by this fault. */
static void end_by(struct step *s, int fault)
{
	peer_say_live(s, TALLY__FRAME_KIND__FAULT)->fault = fault;
	name(s, fault);
	end(s);
}

static void success(struct step *s)
{
	if (s->p->fault != LINK_DUPLICATE || s->now - s->p->fault_ms >= STICKY_MS)
		s->p->fault = LINK_OK;
}

/* ---- sessions ---- */

static uint64_t credit(struct peer *p)
{
	uint64_t room = p->in_flight < p->conf.window ? p->conf.window - p->in_flight : 0;
	if (p->received + room > p->granted)
		p->granted = p->received + room;
	return p->granted;
}

static void stored(struct peer_ledger *l, uint64_t position, const uint8_t head[HASH_BYTES])
{
	if (position <= l->stored)
		return;
	l->stored = position;
	memcpy(l->head, head, HASH_BYTES);
	if (l->expected < position)
		l->expected = position;
}

/* Is there a fault in what the HELLO says it holds, against what we hold? */
static int hello_check(struct step *s)
{
	const struct frame *f = s->e->frame;
	struct peer *p = s->p;

	if (f->protocol != FRAME_PROTOCOL)
		return LINK_VERSION;
	for (size_t i = 0; i < f->n_ledgers; i++) {
		const struct peer_claim *claim = &s->e->claims[i];
		if (claim->ledger >= p->n_ledgers)
			return LINK_UNLISTED;
		for (size_t j = 0; j < i; j++)
			if (s->e->claims[j].ledger == claim->ledger)
				return LINK_PROTOCOL;
		struct peer_ledger *l = &p->ledgers[claim->ledger];
		stored(l, claim->stored, claim->head);
		l->claimed = f->ledgers[i].position;
		if (l->claimed < l->stored)
			return LINK_BEHIND;
		if (l->claimed == l->stored && l->stored > 0 &&
			memcmp(f->ledgers[i].head, l->head, HASH_BYTES) != 0)
			return LINK_FORK;
	}
	return LINK_OK;
}

static void welcome(struct step *s)
{
	struct peer *p = s->p;
	const struct frame *f = s->e->frame;
	bool equal = true;

	become(s, PEER_LIVE);
	memcpy(p->session, f->session, FRAME_SESSION_BYTES);
	p->serial++;
	p->heard_ms = p->pinged_ms = s->now;
	p->received = p->granted = 0;
	p->acks_due = p->asked = p->follows = false;
	p->told_gates = f->gates.n == LINK_GATES_BYTES;
	if (p->told_gates)
		memcpy(p->gates, f->gates.p, LINK_GATES_BYTES);
	for (size_t i = 0; i < p->n_ledgers; i++) {
		p->ledgers[i].greeted = p->ledgers[i].ack_due = false;
		p->ledgers[i].expected = p->ledgers[i].stored;
	}
	for (size_t i = 0; i < f->n_ledgers; i++) {
		struct peer_ledger *l = &p->ledgers[s->e->claims[i].ledger];
		l->greeted = true;
		equal = equal && l->claimed == l->stored;
	}
	struct peer_action *a = peer_act(s, PEER_WELCOME);
	a->serial = p->serial;
	a->credit = credit(p);
	memcpy(a->session, p->session, FRAME_SESSION_BYTES);
	if (equal)
		success(s);
}

static void on_hello(struct step *s)
{
	struct peer *p = s->p;
	bool alive = p->state == PEER_LIVE && !s->e->here && s->e->reachable &&
		     s->now - p->heard_ms <= (uint64_t)PEER_REPLACED * p->conf.heartbeat_ms;
	int fault = alive ? LINK_DUPLICATE : hello_check(s);

	if (!fault) {
		welcome(s);
		return;
	}
	say_back(s, TALLY__FRAME_KIND__FAULT)->fault = fault;
	name(s, fault);
	/* The old session was dead, or its own child gave it up. */
	if (!alive && p->state == PEER_LIVE)
		end(s);
}

/* ---- batches ---- */

static void on_batch(struct step *s)
{
	struct peer *p = s->p;
	const struct frame *f = s->e->frame;

	if (s->e->ledger >= p->n_ledgers)
		end_by(s, LINK_UNLISTED);
	else if (!p->ledgers[s->e->ledger].greeted)
		end_by(s, LINK_PROTOCOL);
	else if (p->received + frame_cost(frame_raw(f)) > p->granted)
		end_by(s, LINK_CREDIT);
	else
		peer_act(s, PEER_TAKE);
}

static void on_checked(struct step *s)
{
	struct peer *p = s->p;
	struct peer_ledger *l = &p->ledgers[s->e->ledger];
	int fault = s->e->fault;

	assert(p->state == PEER_LIVE);
	if (!fault && s->e->first > l->expected + 1)
		fault = LINK_GAP;
	if (fault) {
		end_by(s, fault);
		return;
	}
	p->received += frame_cost(s->e->raw);
	p->in_flight += frame_cost(s->e->raw);
	if (l->expected < s->e->last)
		l->expected = s->e->last;
	if (l->claimed < s->e->last)
		l->claimed = s->e->last;
	struct peer_action *a = peer_act(s, PEER_SUBMIT);
	a->ledger = s->e->ledger;
	a->serial = p->serial;
}

static void on_stored(struct step *s)
{
	struct peer *p = s->p;
	struct peer_ledger *l = &p->ledgers[s->e->ledger];
	bool live = p->state == PEER_LIVE;

	assert(p->in_flight >= frame_cost(s->e->raw));
	p->in_flight -= frame_cost(s->e->raw);
	if (!s->e->fault) {
		stored(l, s->e->stored, s->e->head);
		success(s);
	} else if (live && s->e->serial == p->serial) {
		end_by(s, s->e->fault);
		return;
	}
	/* Of an older session too: its room is credit now, and its position news. */
	if (live && l->greeted)
		l->ack_due = p->acks_due = true;
}

/* ---- what is published ---- */

static bool publish_due(const struct peer *p)
{
	return p->state == PEER_LIVE && p->asked && *p->conf.published > p->held;
}

bool parent_due(const struct peer *p)
{
	return p->acks_due || publish_due(p);
}

static void on_flush(struct step *s)
{
	struct peer *p = s->p;

	if (p->state != PEER_LIVE)
		return;
	if (publish_due(p)) {
		p->asked = false;
		struct peer_action *a = peer_act(s, PEER_PUBLISH);
		a->position = p->held + 1;
		memcpy(a->session, p->session, FRAME_SESSION_BYTES);
	}
	for (size_t i = 0; i < p->n_ledgers && p->acks_due; i++) {
		if (!p->ledgers[i].ack_due)
			continue;
		p->ledgers[i].ack_due = false;
		struct peer_action *a = peer_act(s, PEER_ACK);
		a->ledger = i;
		a->credit = credit(p);
		memcpy(a->session, p->session, FRAME_SESSION_BYTES);
	}
	p->acks_due = false;
}

/* ---- the rest ---- */

/* A frame of a session that is not the live one: who still streams into it is told so. */
static void on_stale(struct step *s)
{
	uint32_t kind = s->e->frame->kind;

	if (kind != TALLY__FRAME_KIND__BATCH && kind != TALLY__FRAME_KIND__PING)
		return;
	say_back(s, TALLY__FRAME_KIND__FAULT)->fault = LINK_SESSION;
	peer_act(s, PEER_REFUSED)->fault = LINK_SESSION;
}

static void on_frame(struct step *s)
{
	struct peer *p = s->p;
	const struct frame *f = s->e->frame;

	if (f->kind == TALLY__FRAME_KIND__HELLO) {
		on_hello(s);
		return;
	}
	if (p->state != PEER_LIVE || !s->e->here ||
		memcmp(f->session, p->session, FRAME_SESSION_BYTES) != 0) {
		on_stale(s);
		return;
	}
	p->heard_ms = s->now;
	switch (f->kind) {
	case TALLY__FRAME_KIND__BATCH:
		on_batch(s);
		return;
	case TALLY__FRAME_KIND__PING:
		peer_say_live(s, TALLY__FRAME_KIND__PONG)->nonce = f->nonce;
		return;
	case TALLY__FRAME_KIND__FAULT:
		name(s, (int)f->fault);
		end(s);
		return;
	case TALLY__FRAME_KIND__FOLLOW:
		peer_on_follow(s);
		return;
	case TALLY__FRAME_KIND__QUESTION:
		peer_on_question(s);
		return;
	case TALLY__FRAME_KIND__WELCOME:
	case TALLY__FRAME_KIND__ACK:
	case TALLY__FRAME_KIND__PUBLISH:
	case TALLY__FRAME_KIND__ANSWER:
		end_by(s, LINK_PROTOCOL);
		return;
	default: /* PONG, and what a newer child may say */
		return;
	}
}

static void on_bad_frame(struct step *s)
{
	if (s->p->state == PEER_LIVE && s->e->here) {
		end_by(s, s->e->fault);
		return;
	}
	say_back(s, TALLY__FRAME_KIND__FAULT)->fault = s->e->fault;
	name(s, s->e->fault);
}

static void on_tick(struct step *s)
{
	struct peer *p = s->p;

	if (p->state != PEER_LIVE)
		return;
	uint64_t silent = s->now - p->heard_ms;
	if (silent > (uint64_t)PEER_MISSED * p->conf.heartbeat_ms) {
		end(s);
		return;
	}
	if (silent >= p->conf.heartbeat_ms && s->now - p->pinged_ms >= p->conf.heartbeat_ms) {
		p->pinged_ms = s->now;
		peer_say_live(s, TALLY__FRAME_KIND__PING)->nonce = ++p->nonce;
	}
}

static void invariants(const struct peer *p)
{
	assert(p->in_flight <= p->conf.window);
	assert(p->received <= p->granted);
	assert(p->answers.standing <= p->conf.questions.standing);
	for (size_t i = 0; i < p->n_ledgers; i++)
		assert(p->ledgers[i].expected >= p->ledgers[i].stored);
}

void parent_step(
	struct peer *p, const struct peer_event *e, uint64_t now_ms, struct peer_actions *out)
{
	struct step s = { .p = p, .e = e, .now = now_ms, .out = out };

	out->n = 0;
	switch (e->kind) {
	case PEER_TICK:
		on_tick(&s);
		break;
	case PEER_FRAME:
		on_frame(&s);
		break;
	case PEER_BAD_FRAME:
		on_bad_frame(&s);
		break;
	case PEER_CHECKED:
		on_checked(&s);
		break;
	case PEER_STORED:
		on_stored(&s);
		break;
	case PEER_UNREACHABLE:
		if (p->state == PEER_LIVE)
			end(&s);
		break;
	case PEER_ACK_BLOCKED:
		if (p->state == PEER_LIVE)
			p->ledgers[e->ledger].ack_due = p->acks_due = true;
		break;
	case PEER_UNPUBLISHED:
		peer_on_unpublished(&s);
		break;
	case PEER_ANSWERED:
		peer_on_answered(&s);
		break;
	case PEER_FLUSH:
		on_flush(&s);
		break;
	}
	invariants(p);
}
