/* The child's machine.
 *
 * Normal path: TICK connects · CONNECTED says HELLO with a new session id · WELCOME tells what the
 * parent holds: each state is signed and fits, so the ledgers go on from there · batches leave
 * while credit and flights allow · ACKs move `acked`, renew the credit and are stored as receipts.
 *
 * Failures: a lost connection, silence, a missing answer → waiting, with full jitter. A fault that
 * the parent says, or that we find and say → waiting; fork, behind, damaged → stopped. GAP and
 * SESSION mean that the two sides disagree on where they are: a new HELLO settles it at once, but
 * at most once a heartbeat. The back-off begins anew only after progress (an ACK that moved) or a
 * session that lasted: a parent that welcomes and then refuses is not hammered.
 *
 * What the parent publishes is followed beside all this (follow.c), and questions are asked
 * (questions.c); what goes wrong with them is named and ends nothing.
 *
 * acked may go down from one session to the next: a parent that lost its store says so and is given
 * everything again. */
#include "daemon/link/child_inside.h"

#include <assert.h>

#include "daemon/link/fault.h"
#include "proto/link.pb-c.h"

#define LASTING_MS 10000 /* a session this long was a good one */

#define TO(state) (1U << (state))
static const struct {
	const char *word;
	unsigned may; /* states that may follow */
} states[CHILD_STATES] = {
	[CHILD_WAITING] = { "waiting", TO(CHILD_CONNECTING) },
	[CHILD_CONNECTING] = { "connecting",
		TO(CHILD_GREETING) | TO(CHILD_WAITING) | TO(CHILD_STOPPED) },
	[CHILD_GREETING] = { "greeting",
		TO(CHILD_GREETING) | TO(CHILD_STREAMING) | TO(CHILD_WAITING) | TO(CHILD_STOPPED) },
	[CHILD_STREAMING] = { "streaming",
		TO(CHILD_GREETING) | TO(CHILD_WAITING) | TO(CHILD_STOPPED) },
	[CHILD_STOPPED] = { "stopped", TO(CHILD_CONNECTING) },
};

const char *child_state_word(enum child_state s)
{
	return states[s].word;
}

void child_become(struct step *s, enum child_state next)
{
	assert(states[s->c->state].may & TO(next));
	s->c->state = next;
	s->c->since_ms = s->now;
}

struct child_action *child_act(struct step *s, enum child_action_kind kind)
{
	assert(s->out->n < sizeof s->out->at / sizeof s->out->at[0]);
	struct child_action *a = &s->out->at[s->out->n++];
	*a = (struct child_action){ .kind = kind };
	return a;
}

struct child_action *child_say(struct step *s, uint32_t frame)
{
	struct child_action *a = child_act(s, CHILD_SEND);
	a->frame = frame;
	return a;
}

/* splitmix64: jitter and session ids need to differ, not to be secret. */
static uint64_t chance(struct child *c)
{
	uint64_t z = c->chance += 0x9e3779b97f4a7c15U;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

void child_init(struct child *c, const struct child_conf *conf, const uint32_t *origins, size_t n,
	uint64_t seed)
{
	assert(n >= 1 && n <= FRAME_LEDGERS_MAX);
	*c = (struct child){
		.conf = *conf, .state = CHILD_WAITING, .chance = seed, .n_ledgers = n
	};
	c->backoff = (struct backoff){ .least_ms = conf->backoff_least_ms,
		.most_ms = conf->backoff_most_ms };
	for (size_t i = 0; i < n; i++)
		c->ledgers[i] = (struct child_ledger){ .origin = origins[i], .next = 1 };
}

size_t child_ledger(const struct child *c, uint32_t origin)
{
	size_t i = 0;
	while (i < c->n_ledgers && c->ledgers[i].origin != origin)
		i++;
	return i;
}

/* ---- questions ---- */

void child_answer(struct step *s, size_t slot, int answer)
{
	struct child_action *a = child_act(s, CHILD_ANSWERED);
	a->slot = slot;
	a->answer = answer;
}

/* They are the session's, and it has ended. */
static void cut(struct step *s)
{
	size_t slot;

	while (questions_cut(&s->c->questions, &slot))
		child_answer(s, slot, LINK_CUT);
}

static void on_ask(struct step *s)
{
	struct child *c = s->c;
	int answer = LINK_AWAY;

	if (c->state == CHILD_STREAMING)
		answer = questions_take(&c->questions, s->e->slot, s->now + c->conf.question_ms);
	if (answer)
		child_answer(s, s->e->slot, answer);
}

static void on_unsaid(struct step *s)
{
	s->c->blocked = true;
	questions_unsaid(&s->c->questions, s->e->slot);
}

static void question(struct step *s)
{
	struct child *c = s->c;
	size_t slot;

	if (c->state != CHILD_STREAMING || c->blocked || !questions_next(&c->questions, &slot))
		return;
	struct child_action *a = child_say(s, TALLY__FRAME_KIND__QUESTION);
	a->slot = slot;
	a->nonce = c->questions.at[slot].nonce;
}

/* ---- how sessions begin and end ---- */

void child_greet(struct step *s)
{
	struct child *c = s->c;
	uint64_t a = chance(c), b = chance(c);

	child_become(s, CHILD_GREETING);
	memcpy(c->session, &a, sizeof a);
	memcpy(c->session + sizeof a, &b, sizeof b);
	c->heard_ms = c->pinged_ms = s->now;
	c->credit = c->spent = 0;
	c->n_flights = 0;
	c->sending = c->blocked = false;
	cut(s);
	child_say(s, TALLY__FRAME_KIND__HELLO);
}

/* Ends what there is and waits. `said`: a FAULT of ours is on its way out. */
void child_end(struct step *s, int fault, bool said)
{
	struct child *c = s->c;
	uint64_t wait = backoff_next(&c->backoff, chance(c));

	if (fault_stops(fault))
		wait = c->conf.stopped_ms + chance(c) % (c->conf.stopped_ms / 4 + 1);
	child_act(s, CHILD_DISCONNECT)->linger = said;
	child_act(s, CHILD_REPORT)->fault = fault;
	if (fault)
		c->fault = fault;
	c->n_flights = 0;
	c->sending = c->blocked = false;
	cut(s);
	c->retry_ms = s->now + wait;
	child_become(s, fault_stops(fault) ? CHILD_STOPPED : CHILD_WAITING);
}

void child_refuse(struct step *s, int fault)
{
	child_say(s, TALLY__FRAME_KIND__FAULT)->fault = fault;
	child_end(s, fault, true);
}

bool child_in_session(const struct child *c)
{
	return c->state == CHILD_GREETING || c->state == CHILD_STREAMING;
}

/* ---- what is followed ---- */

/* People are needed, or only patience. */
uint32_t child_rest(const struct child *c, int fault)
{
	return fault == LINK_FULL || fault == LINK_INTERNAL ? c->conf.backoff_most_ms
							    : c->conf.stopped_ms;
}

void child_name(struct step *s, int fault)
{
	if (fault)
		child_act(s, CHILD_NAMED)->fault = fault;
}

static void on_taken(struct step *s)
{
	struct follow *f = &s->c->follow;
	uint64_t position = s->e->origin == f->origin ? s->e->position : 0;

	child_name(
		s, follow_taken(f, position, s->e->fault, s->now, child_rest(s->c, s->e->fault)));
}

static void ask(struct step *s)
{
	struct child *c = s->c;

	if (c->state != CHILD_STREAMING || c->blocked || !follow_wants(&c->follow, s->now))
		return;
	follow_asked(&c->follow, s->now);
	child_say(s, TALLY__FRAME_KIND__FOLLOW);
}

/* ---- what the driver says ---- */

/* Waits for an ACK: for what is in flight, or for credit to send what is not. */
static bool waits_for_ack(const struct child *c)
{
	bool unsent = false;

	for (size_t i = 0; i < c->n_ledgers; i++)
		unsent = unsent || c->ledgers[i].next <= c->ledgers[i].position;
	return c->n_flights > 0 || (unsent && c->credit - c->spent < c->conf.batch_most);
}

static void on_tick(struct step *s)
{
	struct child *c = s->c;

	switch (c->state) {
	case CHILD_WAITING:
	case CHILD_STOPPED:
		if (s->now >= c->retry_ms) {
			child_become(s, CHILD_CONNECTING);
			child_act(s, CHILD_CONNECT);
		}
		return;
	case CHILD_CONNECTING:
	case CHILD_GREETING:
		if (s->now - c->since_ms >= c->conf.answer_ms)
			child_end(s, LINK_OK, false);
		return;
	default:
		break;
	}
	uint64_t silent = s->now - c->heard_ms;
	bool stuck = waits_for_ack(c) && s->now - c->progress_ms >= c->conf.ack_ms;
	if (silent > (uint64_t)CHILD_MISSED * c->conf.heartbeat_ms || stuck) {
		child_end(s, LINK_OK, false);
		return;
	}
	if (s->now - c->since_ms >= LASTING_MS)
		backoff_reset(&c->backoff);
	if (silent >= c->conf.heartbeat_ms && s->now - c->pinged_ms >= c->conf.heartbeat_ms) {
		c->pinged_ms = s->now;
		child_say(s, TALLY__FRAME_KIND__PING)->nonce = ++c->nonce;
	}
	c->blocked = false; /* the net under a lost edge */
	if (c->follow.state == FOLLOW_ASKED && s->now - c->follow.asked_ms >= c->conf.ack_ms)
		follow_again(&c->follow, s->now);
	for (size_t slot; questions_late(&c->questions, s->now, &slot);)
		child_answer(s, slot, LINK_SLOW);
}

static void on_grew(struct step *s)
{
	size_t at = child_ledger(s->c, s->e->origin);
	assert(at < s->c->n_ledgers);
	if (s->e->position > s->c->ledgers[at].position)
		s->c->ledgers[at].position = s->e->position;
}

static void on_sent(struct step *s)
{
	struct child *c = s->c;

	if (!c->sending)
		return; /* the session ended over another event meanwhile */
	size_t at = child_ledger(c, s->e->origin);
	c->sending = false;
	c->spent += frame_cost(s->e->raw);
	assert(at < c->n_ledgers && c->spent <= c->credit && c->n_flights < CHILD_FLIGHTS);
	assert(s->e->position >= c->ledgers[at].next);
	if (c->n_flights == 0)
		c->progress_ms = s->now;
	c->flights[c->n_flights].ledger = at;
	c->flights[c->n_flights++].last = s->e->position;
	c->ledgers[at].next = s->e->position + 1;
	if (c->ledgers[at].position < s->e->position)
		c->ledgers[at].position = s->e->position;
}

static void on_unsent(struct step *s)
{
	if (!s->c->sending)
		return;
	s->c->sending = false;
	if (s->e->fault)
		child_refuse(s, s->e->fault);
	else
		s->c->blocked = true;
}

/* Ledgers take turns, so that a long one does not keep the others waiting. */
static void pump(struct step *s)
{
	struct child *c = s->c;

	if (c->state != CHILD_STREAMING || c->sending || c->blocked ||
		c->n_flights == CHILD_FLIGHTS)
		return;
	if (c->credit - c->spent < c->conf.batch_most)
		return;
	for (size_t i = 0; i < c->n_ledgers; i++) {
		size_t at = (c->turn + i) % c->n_ledgers;
		const struct child_ledger *l = &c->ledgers[at];
		if (l->next > l->position)
			continue;
		if (c->n_flights > 0 && l->position - l->next + 1 < CHILD_GATHER)
			continue;
		struct child_action *a = child_act(s, CHILD_SEND_BATCH);
		a->ledger = at;
		a->position = l->next;
		a->room = c->credit - c->spent;
		c->sending = true;
		c->turn = at + 1;
		return;
	}
}

static void invariants(const struct child *c)
{
	assert(c->spent <= c->credit || !child_in_session(c));
	assert(c->n_flights <= CHILD_FLIGHTS);
	assert(c->state == CHILD_STREAMING || questions_standing(&c->questions) == 0);
	for (size_t i = 0; i < c->n_ledgers; i++) {
		assert(c->ledgers[i].acked <= c->ledgers[i].position);
		assert(c->state != CHILD_STREAMING || c->ledgers[i].acked < c->ledgers[i].next);
	}
}

void child_step(
	struct child *c, const struct child_event *e, uint64_t now_ms, struct child_actions *out)
{
	struct step s = { .c = c, .e = e, .now = now_ms, .out = out };

	out->n = 0;
	switch (e->kind) {
	case CHILD_TICK:
		on_tick(&s);
		break;
	case CHILD_CONNECTED:
		if (c->state == CHILD_CONNECTING)
			child_greet(&s);
		break;
	case CHILD_LOST:
		if (c->state == CHILD_CONNECTING || child_in_session(c))
			child_end(&s, e->fault, false);
		break;
	case CHILD_GREW:
		on_grew(&s);
		break;
	case CHILD_WRITABLE:
		c->blocked = false;
		break;
	case CHILD_SENT:
		on_sent(&s);
		break;
	case CHILD_UNSENT:
		on_unsent(&s);
		break;
	case CHILD_FRAME:
		child_on_frame(&s);
		break;
	case CHILD_BAD_FRAME:
		if (child_in_session(c))
			child_refuse(&s, e->fault);
		break;
	case CHILD_TAKEN:
		on_taken(&s);
		break;
	case CHILD_UNASKED:
		if (c->follow.state == FOLLOW_ASKED)
			follow_again(&c->follow, now_ms + c->conf.heartbeat_ms);
		break;
	case CHILD_ASK:
		on_ask(&s);
		break;
	case CHILD_UNSAID:
		on_unsaid(&s);
		break;
	}
	pump(&s);
	ask(&s);
	question(&s);
	invariants(c);
}
