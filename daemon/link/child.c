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
 * acked may go down from one session to the next: a parent that lost its store says so and is given
 * everything again. */
#include "daemon/link/child.h"

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

/* A step in the making: what every function here needs. */
struct step {
	struct child *c;
	const struct child_event *e;
	uint64_t now;
	struct child_actions *out;
};

static void become(struct step *s, enum child_state next)
{
	assert(states[s->c->state].may & TO(next));
	s->c->state = next;
	s->c->since_ms = s->now;
}

static struct child_action *act(struct step *s, enum child_action_kind kind)
{
	assert(s->out->n < sizeof s->out->at / sizeof s->out->at[0]);
	struct child_action *a = &s->out->at[s->out->n++];
	*a = (struct child_action){ .kind = kind };
	return a;
}

static struct child_action *say(struct step *s, uint32_t frame)
{
	struct child_action *a = act(s, CHILD_SEND);
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

static size_t ledger_find(const struct child *c, uint32_t origin)
{
	size_t i = 0;
	while (i < c->n_ledgers && c->ledgers[i].origin != origin)
		i++;
	return i;
}

/* ---- how sessions begin and end ---- */

static void greet(struct step *s)
{
	struct child *c = s->c;
	uint64_t a = chance(c), b = chance(c);

	become(s, CHILD_GREETING);
	memcpy(c->session, &a, sizeof a);
	memcpy(c->session + sizeof a, &b, sizeof b);
	c->heard_ms = c->pinged_ms = s->now;
	c->credit = c->spent = 0;
	c->n_flights = 0;
	c->sending = c->blocked = false;
	say(s, TALLY__FRAME_KIND__HELLO);
}

/* Ends what there is and waits. `said`: a FAULT of ours is on its way out. */
static void end(struct step *s, int fault, bool said)
{
	struct child *c = s->c;
	uint64_t wait = backoff_next(&c->backoff, chance(c));

	if (fault_stops(fault))
		wait = c->conf.stopped_ms + chance(c) % (c->conf.stopped_ms / 4 + 1);
	act(s, CHILD_DISCONNECT)->linger = said;
	act(s, CHILD_REPORT)->fault = fault;
	if (fault)
		c->fault = fault;
	c->n_flights = 0;
	c->sending = c->blocked = false;
	c->retry_ms = s->now + wait;
	become(s, fault_stops(fault) ? CHILD_STOPPED : CHILD_WAITING);
}

static void refuse(struct step *s, int fault)
{
	say(s, TALLY__FRAME_KIND__FAULT)->fault = fault;
	end(s, fault, true);
}

static bool in_session(const struct child *c)
{
	return c->state == CHILD_GREETING || c->state == CHILD_STREAMING;
}

/* ---- what the parent says ---- */

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

	*ledger = ledger_find(s->c, claim->origin);
	if (*ledger == s->c->n_ledgers)
		fault = LINK_PROTOCOL;
	if (fault)
		refuse(s, fault);
	return !fault;
}

static void store(struct step *s, size_t claim, size_t ledger)
{
	struct child_action *a = act(s, CHILD_STORE);
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

static void on_welcome(struct step *s)
{
	struct child *c = s->c;
	const struct frame *f = s->e->frame;
	uint64_t told = 0; /* a bit for each ledger */
	size_t ledgers[FRAME_LEDGERS_MAX];

	if (f->protocol != FRAME_PROTOCOL) {
		refuse(s, LINK_VERSION);
		return;
	}
	for (size_t i = 0; i < f->n_ledgers; i++) {
		if (!claim_check(s, &s->e->claims[i], &ledgers[i]))
			return;
		told |= 1ULL << ledgers[i];
	}
	if (f->n_ledgers != c->n_ledgers || (size_t)__builtin_popcountll(told) != c->n_ledgers) {
		refuse(s, LINK_PROTOCOL);
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
	become(s, CHILD_STREAMING);
	if (all_acked(c))
		c->fault = LINK_OK;
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
		act(s, CHILD_REPORT)->fault = (int)s->e->frame->fault;
		greet(s);
		return;
	}
	end(s, (int)s->e->frame->fault, false);
}

static void on_frame(struct step *s)
{
	static const uint8_t nobody[FRAME_SESSION_BYTES];
	struct child *c = s->c;
	const struct frame *f = s->e->frame;
	bool ours = memcmp(f->session, c->session, FRAME_SESSION_BYTES) == 0;

	/* A parent that could not even read our session id says so without it. */
	if (f->kind == TALLY__FRAME_KIND__FAULT &&
		memcmp(f->session, nobody, FRAME_SESSION_BYTES) == 0)
		ours = true;
	if (!in_session(c) || !ours)
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
	case TALLY__FRAME_KIND__PING:
		say(s, TALLY__FRAME_KIND__PONG)->nonce = f->nonce;
		return;
	case TALLY__FRAME_KIND__FAULT:
		on_fault(s);
		return;
	case TALLY__FRAME_KIND__HELLO:
	case TALLY__FRAME_KIND__BATCH:
		refuse(s, LINK_PROTOCOL);
		return;
	default: /* PONG, and what a newer parent may say */
		return;
	}
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
			become(s, CHILD_CONNECTING);
			act(s, CHILD_CONNECT);
		}
		return;
	case CHILD_CONNECTING:
	case CHILD_GREETING:
		if (s->now - c->since_ms >= c->conf.answer_ms)
			end(s, LINK_OK, false);
		return;
	default:
		break;
	}
	uint64_t silent = s->now - c->heard_ms;
	bool stuck = waits_for_ack(c) && s->now - c->progress_ms >= c->conf.ack_ms;
	if (silent > (uint64_t)CHILD_MISSED * c->conf.heartbeat_ms || stuck) {
		end(s, LINK_OK, false);
		return;
	}
	if (s->now - c->since_ms >= LASTING_MS)
		backoff_reset(&c->backoff);
	if (silent >= c->conf.heartbeat_ms && s->now - c->pinged_ms >= c->conf.heartbeat_ms) {
		c->pinged_ms = s->now;
		say(s, TALLY__FRAME_KIND__PING)->nonce = ++c->nonce;
	}
	c->blocked = false; /* the net under a lost edge */
}

static void on_grew(struct step *s)
{
	size_t at = ledger_find(s->c, s->e->origin);
	assert(at < s->c->n_ledgers);
	if (s->e->position > s->c->ledgers[at].position)
		s->c->ledgers[at].position = s->e->position;
}

static void on_sent(struct step *s)
{
	struct child *c = s->c;

	if (!c->sending)
		return; /* the session ended over another event meanwhile */
	size_t at = ledger_find(c, s->e->origin);
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
		refuse(s, s->e->fault);
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
		struct child_action *a = act(s, CHILD_SEND_BATCH);
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
	assert(c->spent <= c->credit || !in_session(c));
	assert(c->n_flights <= CHILD_FLIGHTS);
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
			greet(&s);
		break;
	case CHILD_LOST:
		if (c->state == CHILD_CONNECTING || in_session(c))
			end(&s, e->fault, false);
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
		on_frame(&s);
		break;
	case CHILD_BAD_FRAME:
		if (in_session(c))
			refuse(&s, e->fault);
		break;
	}
	pump(&s);
	invariants(c);
}
