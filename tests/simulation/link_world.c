/* The parts of the world. A test of this folder is one object, so link_sim_test.c includes this
 * file.
 *
 *     node: machine ─ actions ─▶ messages (late, lost, twice) ─▶ parent: machine ─▶ jobs ─▶ stores
 *
 * The parent's part is link_world_parent.c, the way down is link_world_down.c, questions are
 * link_world_ask.c. Frames of one
 * connection arrive in order, as over TCP; what was under way when it was cut is lost, or arrives
 * all the same. */
#include "tests/simulation/link_world.h"

#include <stdio.h>

#include "daemon/link/fault.h"
#include "proto/link.pb-c.h"

#define STEP_MS 20
#define TICK_MS 100
#define ORIGIN(key, ledger) ((uint32_t)(310100 + (key)*10 + (ledger)))

uint64_t world_chance(struct world *w, uint64_t below)
{
	uint64_t z = w->chance += 0x9e3779b97f4a7c15U;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return (z ^ (z >> 31)) % below;
}

/* One in n, while faults are on. */
static bool bad_luck(struct world *w, uint64_t n)
{
	return !w->calm && world_chance(w, n) == 0;
}

void world_wrong(struct world *w, const char *words)
{
	if (w->wrong[0] == '\0')
		snprintf(w->wrong, sizeof w->wrong, "at %llu ms: %s", (unsigned long long)w->now,
			words);
}

static void head_put(uint8_t head[HASH_BYTES], uint64_t hash)
{
	memset(head, 0, HASH_BYTES);
	put_u64(head, hash);
}

/* ---- the network ---- */

static struct world_message *message_put(struct world *w, int conn, int kind, uint64_t delay)
{
	if (w->n_messages == WORLD_MESSAGES) {
		world_wrong(w, "more messages under way than credit and heartbeats can explain");
		return NULL;
	}
	struct world_message *m = &w->messages[w->n_messages++];
	*m = (struct world_message){
		.at = w->now + delay, .serial = w->serial++, .conn = conn, .kind = kind
	};
	return m;
}

/* A frame is on its way; NULL: lost. The network may bring it twice. */
static struct world_message *frame_put(struct world *w, int conn, int kind, const struct frame *f)
{
	struct world_conn *c = &w->conns[conn];
	if (!c->open || bad_luck(w, 60))
		return NULL;
	struct world_message *m = message_put(w, conn, kind, 1 + world_chance(w, 60));
	if (!m)
		return NULL;
	if (m->at < c->last[kind] && !bad_luck(w, 50)) /* else it overtakes */
		m->at = c->last[kind];
	c->last[kind] = m->at;
	m->frame = *f;
	for (size_t i = 0; i < f->n_ledgers; i++)
		m->ledgers[i] = f->ledgers[i];
	if (f->n_published)
		m->published = f->published[0];
	return m;
}

static void message_twice(struct world *w, const struct world_message *m)
{
	struct world_message copy = *m;
	struct world_message *again = message_put(w, copy.conn, copy.kind, 0);
	if (!again)
		return;
	copy.serial = again->serial;
	copy.at += world_chance(w, 3) == 0 ? world_chance(w, 20000) : world_chance(w, 100);
	*again = copy;
}

/* Nothing gets through any more; each side learns of it now, later, or by silence only. */
static void conn_cut(struct world *w, int conn, bool said)
{
	struct world_conn *c = &w->conns[conn];
	size_t kept = 0;
	if (!c->open)
		return;
	c->open = false;
	c->known_ms = w->now + (said			    ? world_chance(w, 50)
				       : world_chance(w, 2) ? 0
							    : world_chance(w, 20000));
	for (size_t i = 0; i < w->n_messages; i++)
		if (w->messages[i].conn != conn || said || world_chance(w, 3) == 0)
			w->messages[kept++] = w->messages[i];
	w->n_messages = kept;
	if (!said && world_chance(w, 2) == 0)
		message_put(w, conn, LOST, world_chance(w, 200));
}

void world_cut(struct world *w, struct world_node *n)
{
	if (n->conn >= 0)
		conn_cut(w, n->conn, false);
}

/* ---- nodes ---- */

static void node_drive(struct world *w, struct world_node *n, struct child_event e);
static bool node_take(struct world *w, struct world_node *n, struct child_event *next);
static void node_taking_lost(struct world *w, struct world_node *n);
static void copy_state(const struct world_ledger *l, struct frame_ledger *out);
static void node_answered(struct world *w, struct world_node *n, const struct child_action *a);
static void node_answers_tamper(struct world *w, struct world_node *n, struct world_message *m);
static void node_questions_lost(struct world_node *n);
static void node_offer(const struct world *w, const struct world_node *n,
	const struct world_message *m, struct follow_offer *out);

static void node_connect(struct world *w, struct world_node *n)
{
	if (w->n_conns == (int)(sizeof w->conns / sizeof w->conns[0])) {
		world_wrong(w, "far too many connections: no back-off");
		return;
	}
	n->conn = w->n_conns++;
	bool good = w->parent_up && !bad_luck(w, 4);
	w->conns[n->conn] = (struct world_conn){ .node = (int)(n - w->nodes), .open = good };
	w->conns[n->conn].known_ms = good ? UINT64_MAX : 0;
	if (good || world_chance(w, 2) == 0)
		message_put(w, n->conn, good ? CONNECTED : LOST, world_chance(w, 100));
}

static void node_say(struct world *w, struct world_node *n, const struct child_action *a)
{
	struct frame_ledger states[WORLD_LEDGERS] = { 0 };
	struct frame f = { .kind = a->frame, .nonce = a->nonce, .fault = (uint32_t)a->fault };
	memcpy(f.session, n->machine.session, FRAME_SESSION_BYTES);
	if (a->frame == TALLY__FRAME_KIND__HELLO) {
		n->spent = n->credit = 0;
		f.protocol = FRAME_PROTOCOL;
		f.ledgers = states;
		f.n_ledgers = w->n_ledgers;
		for (size_t i = 0; i < w->n_ledgers; i++) {
			states[i].origin = ORIGIN(n->key, i);
			states[i].position = n->ledgers[i].n;
			head_put(states[i].head, n->ledgers[i].hash[n->ledgers[i].n]);
		}
	}
	if (a->frame == TALLY__FRAME_KIND__FOLLOW) {
		f.ledgers = states;
		f.n_ledgers = 1;
		copy_state(&n->copy, &states[0]);
		if (w->broken == BREAK_FOLLOW && n->said > n->copy.n) {
			states[0].position = n->said;
			head_put(states[0].head, n->batch.hashes[n->batch.last - n->batch.first]);
		}
	}
	if (a->frame == TALLY__FRAME_KIND__QUESTION)
		f.question = n->asked[a->slot];
	struct world_message *m = n->conn >= 0 ? frame_put(w, n->conn, TO_PARENT, &f) : NULL;
	if (m && (a->frame == TALLY__FRAME_KIND__FOLLOW || f.question) && bad_luck(w, 30))
		message_twice(w, m);
}

static struct child_event node_batch(
	struct world *w, struct world_node *n, const struct child_action *a)
{
	const struct world_ledger *l = &n->ledgers[a->ledger];
	uint32_t origin = ORIGIN(n->key, a->ledger);
	uint64_t count = 1 + world_chance(w, WORLD_BATCH);
	if (bad_luck(w, 20))
		return (struct child_event){ .kind = CHILD_UNSENT };
	if (a->position > l->n) {
		world_wrong(w, "a batch was asked for beyond the own ledger");
		return (struct child_event){ .kind = CHILD_UNSENT };
	}
	if (count > l->n - a->position + 1)
		count = l->n - a->position + 1;
	size_t raw = count * WORLD_ENTRY_BYTES;
	n->spent += frame_cost(raw);
	if (n->spent > n->credit)
		world_wrong(w, "a batch was sent outside the credit");
	struct frame f = {
		.kind = TALLY__FRAME_KIND__BATCH, .origin = origin, .raw_size = (uint32_t)raw
	};
	memcpy(f.session, n->machine.session, FRAME_SESSION_BYTES);
	struct world_message *m = frame_put(w, n->conn, TO_PARENT, &f);
	if (m) {
		m->first = a->position;
		m->last = a->position + count - 1;
		m->prev = l->hash[a->position - 1];
		memcpy(m->hashes, &l->hash[a->position], count * sizeof m->hashes[0]);
		if (bad_luck(w, 40))
			message_twice(w, m);
	}
	return (struct child_event){ .kind = CHILD_SENT,
		.origin = origin,
		.position = a->position + count - 1,
		.raw = raw };
}

/* The receipt is stored; from now on the node counts on it. */
static void node_store(struct world *w, struct world_node *n, const struct child_action *a)
{
	const struct frame_ledger *s = &w->at_hand->ledgers[a->claim];
	if (s->position <= n->receipts[a->ledger])
		return;
	n->receipts[a->ledger] = s->position;
	n->receipt_hash[a->ledger] = get_u64(s->head);
	const struct world_ledger *held = &w->stores[n->key][a->ledger];
	if (w->forgetful)
		return;
	if (s->position > held->n || held->hash[s->position] != get_u64(s->head))
		world_wrong(w, "proven, and the parent does not hold it");
	if (n->ledgers[a->ledger].hash[s->position] != get_u64(s->head))
		world_wrong(w, "proven, and the own ledger has another head");
}

static bool node_perform(struct world *w, struct world_node *n, const struct child_action *a,
	struct child_event *next)
{
	switch (a->kind) {
	case CHILD_CONNECT:
		node_connect(w, n);
		return false;
	case CHILD_DISCONNECT:
		if (n->conn >= 0)
			conn_cut(w, n->conn, true);
		n->conn = -1;
		return false;
	case CHILD_SEND:
		if (a->frame == TALLY__FRAME_KIND__FOLLOW && bad_luck(w, 20)) {
			*next = (struct child_event){ .kind = CHILD_UNASKED };
			return true;
		}
		if (a->frame == TALLY__FRAME_KIND__QUESTION && bad_luck(w, 20)) {
			*next = (struct child_event){ .kind = CHILD_UNSAID, .slot = a->slot };
			return true;
		}
		node_say(w, n, a);
		return false;
	case CHILD_SEND_BATCH:
		*next = node_batch(w, n, a);
		return true;
	case CHILD_STORE:
		node_store(w, n, a);
		return false;
	case CHILD_TAKE:
		return node_take(w, n, next);
	case CHILD_ANSWERED:
		node_answered(w, n, a);
		return false;
	case CHILD_NAMED:
		n->follow_faults |= 1UL << a->fault;
		return false;
	case CHILD_REPORT:
		n->faults |= 1UL << a->fault;
		return false;
	}
	return false;
}

static void node_drive(struct world *w, struct world_node *n, struct child_event e)
{
	static struct child_actions actions;
	struct child_event waiting[8] = { e };
	size_t done = 0, more = 1;

	for (; done < more && !w->wrong[0]; done++) {
		child_step(&n->machine, &waiting[done % 8], w->now, &actions);
		for (size_t i = 0; i < actions.n; i++)
			if (node_perform(w, n, &actions.at[i], &e))
				waiting[more++ % 8] = e;
		if (more - done > 8)
			world_wrong(w, "more events at once than a driver keeps");
	}
}

static void node_grew(struct world *w, struct world_node *n)
{
	for (size_t i = 0; i < w->n_ledgers; i++)
		node_drive(w, n,
			(struct child_event){ .kind = CHILD_GREW,
				.origin = ORIGIN(n->key, i),
				.position = n->ledgers[i].n });
}

void world_grow(struct world *w, struct world_node *n, size_t ledger, uint64_t entries)
{
	struct world_ledger *l = &n->ledgers[ledger];
	for (uint64_t i = 0; i < entries && l->n < WORLD_ENTRIES; i++) {
		l->hash[l->n + 1] = l->hash[l->n] * 31 + 1 + world_chance(w, UINT64_MAX);
		l->n++;
	}
	if (n->up)
		node_grew(w, n);
}

void world_node_start(struct world *w, struct world_node *n)
{
	uint32_t origins[WORLD_LEDGERS];
	struct child_conf conf = { .heartbeat_ms = 1000,
		.backoff_least_ms = 500,
		.backoff_most_ms = 10000,
		.stopped_ms = 20000,
		.answer_ms = 6000,
		.ack_ms = 15000,
		.question_ms = WORLD_QUESTION_MS,
		.batch_most = WORLD_BATCH * WORLD_ENTRY_BYTES };
	for (size_t i = 0; i < w->n_ledgers; i++)
		origins[i] = ORIGIN(n->key, i);
	n->up = true;
	n->conn = -1;
	n->said = 0;
	child_init(&n->machine, &conf, origins, w->n_ledgers, world_chance(w, UINT64_MAX));
	node_grew(w, n);
}

void world_node_kill(struct world *w, struct world_node *n)
{
	if (n->conn >= 0)
		conn_cut(w, n->conn, false);
	node_taking_lost(w, n);
	node_questions_lost(n);
	n->up = false;
	n->conn = -1;
}

struct world_node *world_clone(struct world *w, const struct world_node *n)
{
	struct world_node *copy = &w->nodes[w->n_nodes++];
	*copy = *n;
	copy->faults = 0;
	copy->taking = false;
	node_questions_lost(copy);
	world_node_start(w, copy);
	return copy;
}

static enum claim node_judge(
	const struct world *w, const struct world_node *n, const struct frame_ledger *s)
{
	const struct world_ledger *l = &n->ledgers[s->origin - ORIGIN(n->key, 0)];
	if (w->broken == BREAK_CLAIM)
		return s->position <= l->n ? CLAIM_FITS : CLAIM_BEYOND;
	if (s->position > l->n)
		return CLAIM_BEYOND;
	return l->hash[s->position] == get_u64(s->head) ? CLAIM_FITS : CLAIM_FORK;
}

static void node_receive(struct world *w, struct world_node *n, struct world_message *m)
{
	struct child_claim claims[WORLD_LEDGERS];
	struct follow_offer offer;
	if (m->kind == CONNECTED || m->kind == LOST) {
		node_drive(w, n,
			(struct child_event){
				.kind = m->kind == LOST ? CHILD_LOST : CHILD_CONNECTED });
		return;
	}
	node_offer(w, n, m, &offer);
	node_answers_tamper(w, n, m);
	for (size_t i = 0; i < m->frame.n_ledgers; i++)
		claims[i] = (struct child_claim){ m->ledgers[i].origin, m->ledgers[i].position,
			node_judge(w, n, &m->ledgers[i]) };
	if (memcmp(m->frame.session, n->machine.session, FRAME_SESSION_BYTES) == 0 &&
		m->frame.credit > n->credit)
		n->credit = m->frame.credit;
	node_drive(w, n,
		(struct child_event){ .kind = CHILD_FRAME,
			.frame = &m->frame,
			.claims = claims,
			.offer = &offer });
}

bool world_proven(const struct world *w, const struct world_node *n)
{
	for (size_t i = 0; i < w->n_ledgers; i++)
		if (n->receipts[i] != n->ledgers[i].n || w->stores[n->key][i].n != n->ledgers[i].n)
			return false;
	return true;
}

/* ---- the parent ---- */

#include "tests/simulation/link_world_parent.c"

#include "tests/simulation/link_world_down.c"

#include "tests/simulation/link_world_ask.c"

#include "tests/simulation/link_world_print.c"

/* ---- turning ---- */

static void watch(struct world *w)
{
	for (size_t k = 0; k < WORLD_KEYS; k++)
		for (size_t i = 0; i < w->n_ledgers; i++) {
			if (w->stores[k][i].n < w->highest[k][i])
				world_wrong(w, "a position went down");
			w->highest[k][i] = w->stores[k][i].n;
		}
	watch_follows(w);
}

static void deliver(struct world *w)
{
	while (!w->wrong[0]) {
		size_t next = w->n_messages;
		for (size_t i = 0; i < w->n_messages; i++) {
			const struct world_message *m = &w->messages[i], *n = &w->messages[next];
			if (m->at <= w->now && (next == w->n_messages || m->at < n->at ||
						       (m->at == n->at && m->serial < n->serial)))
				next = i;
		}
		if (next == w->n_messages)
			return;
		struct world_message m = w->messages[next];
		w->messages[next] = w->messages[--w->n_messages];
		struct world_node *n = &w->nodes[w->conns[m.conn].node];
		m.frame.ledgers = m.ledgers;
		m.frame.published = &m.published;
		w->at_hand = &m;
		if (m.kind == TO_PARENT && w->parent_up)
			parent_receive(w, &m);
		else if (m.kind != TO_PARENT && n->up && n->conn == m.conn)
			node_receive(w, n, &m);
		w->at_hand = NULL;
	}
}

void world_turn(struct world *w, uint64_t ms)
{
	for (uint64_t until = w->now + ms; w->now < until && !w->wrong[0]; w->now += STEP_MS) {
		deliver(w);
		jobs_work(w);
		questions_work(w);
		for (size_t i = 0; i < w->n_nodes; i++)
			node_taken(w, &w->nodes[i]);
		if (w->now % TICK_MS == 0) {
			for (size_t i = 0; i < w->n_nodes; i++)
				if (w->nodes[i].up)
					node_drive(w, &w->nodes[i],
						(struct child_event){ .kind = CHILD_TICK });
			for (size_t k = 0; k < WORLD_KEYS && w->parent_up; k++)
				peer_drive(w, k, (struct peer_event){ .kind = PEER_TICK });
		}
		watch(w);
		watch_questions(w);
	}
}

void world_init(struct world *w, uint64_t seed, enum world_break broken)
{
	memset(w, 0, sizeof *w);
	w->chance = seed;
	w->broken = broken;
	w->now = 1000;
	w->n_ledgers = 1 + world_chance(w, WORLD_LEDGERS);
	w->n_nodes = WORLD_KEYS;
	world_decide(w, 1);
	w->published = 1;
	world_parent_start(w);
	for (size_t i = 0; i < WORLD_KEYS; i++) {
		w->nodes[i].key = i;
		world_node_start(w, &w->nodes[i]);
	}
}
