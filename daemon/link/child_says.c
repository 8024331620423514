/* The child's machine, its other half: what the parent says, frame by frame. See child.c. */
#include "daemon/link/child_inside.h"

#include "proto/link.pb-c.h"

/* A state of a WELCOME or ACK. False: the session has ended over it. */
static bool claim_check(struct step *s, const struct child_claim *claim, size_t *ledger)
{
	static const int faults[] = {
		[CLAIM_FITS] = LINK_OK,
		[CLAIM_FORK] = LINK_FORK,
		[CLAIM_BEYOND] = LINK_BEHIND,
		[CLAIM_UNSIGNED] = LINK_RECEIPT,
		[CLAIM_DAMAGED] = LINK_DAMAGED,
	};
	int fault = faults[claim->claim];

	*ledger = child_ledger(s->c, claim->origin);
	if (*ledger == s->c->n_ledgers)
		fault = LINK_PROTOCOL;
	if (fault)
		child_refuse(s, fault);
	return !fault;
}

static void store(struct step *s, size_t claim, size_t ledger)
{
	struct child_action *a = child_act(s, CHILD_STORE);
	a->claim = claim;
	a->ledger = ledger;
	a->position = s->c->ledgers[ledger].acked;
}

static bool all_acked(const struct child *c)
{
	for (size_t i = 0; i < c->n_ledgers; i++)
		if (c->ledgers[i].acked < c->ledgers[i].position)
			return false;
	return true;
}

/* ---- what is followed ---- */

static void on_publish(struct step *s)
{
	struct child *c = s->c;
	const struct frame *f = s->e->frame;
	bool busy = c->follow.busy;
	int fault = follow_answered(&c->follow, f, s->now, child_rest(c, (int)f->fault));

	child_name(s, fault);
	if (!busy && c->follow.busy)
		child_act(s, CHILD_TAKE);
}

/* ---- questions ---- */

static void on_answer(struct step *s)
{
	const struct frame *f = s->e->frame;
	size_t slot;

	if (questions_answered(&s->c->questions, f->nonce, &slot))
		child_answer(s, slot, f->answer < LINK_ANSWER_END ? (int)f->answer : LINK_STRANGE);
}

/* ---- the session's own ---- */

static void on_welcome(struct step *s)
{
	struct child *c = s->c;
	const struct frame *f = s->e->frame;
	uint64_t told = 0; /* a bit for each ledger */
	size_t ledgers[FRAME_LEDGERS_MAX];
	static const struct follow_offer nothing;
	const struct follow_offer *o = s->e->offer ? s->e->offer : &nothing;

	if (f->protocol != FRAME_PROTOCOL) {
		child_refuse(s, LINK_VERSION);
		return;
	}
	for (size_t i = 0; i < f->n_ledgers; i++) {
		if (!claim_check(s, &s->e->claims[i], &ledgers[i]))
			return;
		told |= 1ULL << ledgers[i];
	}
	if (f->n_ledgers != c->n_ledgers || (size_t)__builtin_popcountll(told) != c->n_ledgers) {
		child_refuse(s, LINK_PROTOCOL);
		return;
	}
	for (size_t i = 0; i < f->n_ledgers; i++) {
		struct child_ledger *l = &c->ledgers[ledgers[i]];
		l->acked = s->e->claims[i].position;
		if (l->position < l->acked)
			l->position = l->acked;
		l->next = l->acked + 1;
		if (l->acked > 0)
			store(s, i, ledgers[i]);
	}
	c->credit = f->credit;
	c->progress_ms = s->now;
	child_become(s, CHILD_STREAMING);
	if (all_acked(c))
		c->fault = LINK_OK;
	questions_begin(&c->questions, f->questions);
	follow_begin(&c->follow, o, s->now, child_rest(c, o->fault));
	child_name(s, o->fault);
}

static void flights_land(struct child *c, size_t ledger)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->n_flights; i++)
		if (c->flights[i].ledger != ledger || c->flights[i].last > c->ledgers[ledger].acked)
			c->flights[kept++] = c->flights[i];
	c->n_flights = kept;
}

static void on_ack(struct step *s)
{
	struct child *c = s->c;
	const struct frame *f = s->e->frame;

	for (size_t i = 0; i < f->n_ledgers; i++) {
		size_t at;
		if (!claim_check(s, &s->e->claims[i], &at))
			return;
		struct child_ledger *l = &c->ledgers[at];
		if (s->e->claims[i].position > l->acked) {
			l->acked = s->e->claims[i].position;
			if (l->position < l->acked)
				l->position = l->acked;
			if (l->next <= l->acked)
				l->next = l->acked + 1;
			store(s, i, at);
			backoff_reset(&c->backoff);
			c->fault = LINK_OK;
		}
		flights_land(c, at);
	}
	if (f->credit > c->credit)
		c->credit = f->credit;
	c->progress_ms = s->now;
}

static void on_fault(struct step *s)
{
	bool lost_place = s->e->frame->fault == LINK_GAP || s->e->frame->fault == LINK_SESSION;

	if (lost_place && s->now - s->c->since_ms >= s->c->conf.heartbeat_ms) {
		child_act(s, CHILD_REPORT)->fault = (int)s->e->frame->fault;
		child_greet(s);
		return;
	}
	child_end(s, (int)s->e->frame->fault, false);
}

void child_on_frame(struct step *s)
{
	static const uint8_t nobody[FRAME_SESSION_BYTES];
	struct child *c = s->c;
	const struct frame *f = s->e->frame;
	bool ours = memcmp(f->session, c->session, FRAME_SESSION_BYTES) == 0;

	/* A parent that could not even read our session id says so without it. */
	if (f->kind == TALLY__FRAME_KIND__FAULT &&
		memcmp(f->session, nobody, FRAME_SESSION_BYTES) == 0)
		ours = true;
	if (!child_in_session(c) || !ours)
		return;
	c->heard_ms = s->now;
	switch (f->kind) {
	case TALLY__FRAME_KIND__WELCOME:
		if (c->state == CHILD_GREETING)
			on_welcome(s);
		return;
	case TALLY__FRAME_KIND__ACK:
		if (c->state == CHILD_STREAMING)
			on_ack(s);
		return;
	case TALLY__FRAME_KIND__PUBLISH:
		if (c->state == CHILD_STREAMING)
			on_publish(s);
		return;
	case TALLY__FRAME_KIND__ANSWER:
		if (c->state == CHILD_STREAMING)
			on_answer(s);
		return;
	case TALLY__FRAME_KIND__PING:
		child_say(s, TALLY__FRAME_KIND__PONG)->nonce = f->nonce;
		return;
	case TALLY__FRAME_KIND__FAULT:
		on_fault(s);
		return;
	case TALLY__FRAME_KIND__HELLO:
	case TALLY__FRAME_KIND__BATCH:
	case TALLY__FRAME_KIND__FOLLOW:
	case TALLY__FRAME_KIND__QUESTION:
		child_refuse(s, LINK_PROTOCOL);
		return;
	default: /* PONG, and what a newer parent may say */
		return;
	}
}
