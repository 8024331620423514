/* Parents and children in one process, over TCP on this machine, with real stores; for the tests of
 * the link's drivers. */
#ifndef LINK_LOOP_FIXTURE_H
#define LINK_LOOP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/link/frame.h"
#include "proto/entry.pb-c.h"
#include "proto/link.pb-c.h"

#define CHILDREN 3
#define PATIENCE_MS 20000

struct node {
	char dir[128];
	uint32_t origin;
	struct sign_key sign;
	struct link_keys keys;
	struct ledger *ledger;
	struct link_net *net;
	struct link_child *child;
	_Atomic uint64_t followed; /* position that on_followed told last */
};

struct city {
	struct node node;
	struct link_parent *parent;
	struct link_peer_conf rows[CHILDREN];
	char listen[300];
	_Atomic uint64_t accepted;
	/* Questions: who answers (NULL: nobody), as what. */
	void (*on_question)(
		void *arg, uint32_t origin, const struct link_question *q, struct link_answer *out);
	struct link_questions_conf questions;
};

static struct loop *loop;
static char top[64];
static struct city city;
static struct node nodes[CHILDREN];
static struct errmsg words;

/* ---- helpers ---- */

static inline void good(int err)
{
	if (err)
		fail_msg("%s: %s", err_words(err), words.text);
}

static inline void node_init(struct node *n, uint32_t origin, const char *name)
{
	uint8_t seed[SIGN_SEED_BYTES];

	memset(n, 0, sizeof *n);
	n->origin = origin;
	snprintf(n->dir, sizeof n->dir, "%s/%s", top, name);
	random_bytes(seed, sizeof seed);
	sign_key_init(&n->sign, seed);
	link_keys_make(&n->keys);
}

static inline void node_open(struct node *n)
{
	struct store_conf conf = { .limit_bytes = 64 << 20, .create = true };

	good(ledger_open(&n->ledger, n->dir, &n->sign, n->origin, &conf, &words));
	good(link_net_open(&n->net, loop, &n->keys, &words));
}

static inline void node_close(struct node *n)
{
	link_child_close(n->child);
	n->child = NULL;
	link_net_close(n->net);
	n->net = NULL;
	ledger_close(n->ledger);
	n->ledger = NULL;
}

static inline void on_followed(void *arg, uint32_t origin, uint64_t position)
{
	struct node *n = arg;
	assert_int_equal(origin, ORIGIN_DECISIONS(city.node.origin));
	n->followed = position;
}

static inline void join(struct node *n)
{
	struct link_child_conf conf = { .name = "city",
		.endpoint = city.listen,
		.server_key = city.node.keys.public_key,
		.heartbeat_ms = 1000,
		.backoff_most_ms = 400,
		.on_followed = on_followed,
		.arg = n };

	memcpy(conf.signer, city.node.sign.public_key, sizeof conf.signer);
	good(link_child_open(&n->child, n->net, n->ledger, &conf, &words));
}

static inline void on_accept(void *arg, uint32_t origin, uint64_t position)
{
	struct city *c = arg;
	(void)origin;
	c->accepted += position > 0;
}

static inline void serve(void)
{
	struct link_parent_conf conf = { .listen = city.listen,
		.children = city.rows,
		.n_children = CHILDREN,
		.signer = &city.node.sign,
		.heartbeat_ms = 1000,
		.on_accept = on_accept,
		.on_question = city.on_question,
		.questions = city.questions,
		.arg = &city };

	good(link_parent_open(&city.parent, city.node.net, city.node.ledger, &conf, &words));
	snprintf(city.listen, sizeof city.listen, "%s", link_parent_endpoint(city.parent));
}

struct growth {
	struct ledger *ledger;
	int n;
	uint32_t origin; /* 0: the own one */
};

static inline int grow_fn(struct store_txn *t, void *arg)
{
	const struct growth *g = arg;
	static const char body[200] = "made up";
	for (int i = 0; i < g->n; i++) {
		struct entry_draft draft = { .origin = g->origin,
			.kind = TALLY__ENTRY_KIND__RECORD,
			.at_ms = clock_wall_ms(),
			.author = TEXT("test"),
			.reg = TEXT("training"),
			.body = { body, sizeof body } };
		ledger_append(t, g->ledger, &draft);
	}
	return store_txn_err(t);
}

static inline void grow(struct node *n, int entries)
{
	while (entries > 0) {
		struct growth g = { n->ledger, entries < 500 ? entries : 500, 0 };
		good(store_write(ledger_store(n->ledger), grow_fn, &g, 0));
		entries -= g.n;
		if (n->child)
			link_child_wake(n->child);
	}
}

/* The city decides, and says so. */
static inline void decide(int entries)
{
	struct growth g = { city.node.ledger, entries, ORIGIN_DECISIONS(city.node.origin) };

	good(store_write(ledger_store(city.node.ledger), grow_fn, &g, 0));
	if (city.parent)
		link_parent_wake(city.parent);
}

static inline struct ledger_head head_of(struct ledger *l, uint32_t origin)
{
	struct store_txn *t;

	good(store_read_begin(ledger_store(l), &t, 1000));
	struct ledger_head h = ledger_head(t, origin);
	store_read_end(t);
	return h;
}

static inline void turn_for(uint64_t ms)
{
	for (uint64_t until = clock_mono_ms() + ms; clock_mono_ms() < until;)
		uv_run(loop_uv(loop), UV_RUN_ONCE);
}

static inline bool proven(struct node *n)
{
	struct link_child_status s;
	struct ledger_head own = head_of(n->ledger, n->origin),
			   held = head_of(city.node.ledger, n->origin);

	link_child_status(n->child, &s);
	return s.proven == own.position && s.pending == 0 && own.position == held.position &&
	       memcmp(own.head, held.head, HASH_BYTES) == 0;
}

static inline void wait_proven(struct node *n)
{
	struct link_child_status s;
	uint64_t until = clock_mono_ms() + PATIENCE_MS;

	while (!proven(n)) {
		uv_run(loop_uv(loop), UV_RUN_ONCE);
		if (clock_mono_ms() > until) {
			link_child_status(n->child, &s);
			fail_msg("%u is not proven: %s, acked %llu, pending %llu, %s", n->origin,
				s.state, (unsigned long long)s.acked, (unsigned long long)s.pending,
				s.error);
		}
	}
}

static inline void wait_fault(struct node *n, int fault)
{
	struct link_child_status s;
	uint64_t until = clock_mono_ms() + PATIENCE_MS;

	for (link_child_status(n->child, &s); s.fault != fault; link_child_status(n->child, &s)) {
		uv_run(loop_uv(loop), UV_RUN_ONCE);
		if (clock_mono_ms() > until)
			fail_msg(
				"%u: %s instead of %s", n->origin, s.error, link_fault_word(fault));
	}
}

/* Does the node hold all of the city's decisions? */
static inline bool follows(struct node *n)
{
	struct ledger_head is = head_of(n->ledger, ORIGIN_DECISIONS(city.node.origin)),
			   all = head_of(city.node.ledger, ORIGIN_DECISIONS(city.node.origin));

	return is.position == all.position && memcmp(is.head, all.head, HASH_BYTES) == 0;
}

static inline void wait_follows(struct node *n)
{
	struct link_child_status s;
	uint64_t until = clock_mono_ms() + PATIENCE_MS;

	while (!follows(n)) {
		uv_run(loop_uv(loop), UV_RUN_ONCE);
		if (clock_mono_ms() > until) {
			link_child_status(n->child, &s);
			fail_msg("%u does not hold the decisions: %s, %llu behind, %s", n->origin,
				s.state, (unsigned long long)s.decisions.behind, s.decisions.error);
		}
	}
}

static inline void wait_follow_fault(struct node *n, int fault)
{
	struct link_child_status s;
	uint64_t until = clock_mono_ms() + PATIENCE_MS;

	for (link_child_status(n->child, &s); s.decisions.fault != fault;
		link_child_status(n->child, &s)) {
		uv_run(loop_uv(loop), UV_RUN_ONCE);
		if (clock_mono_ms() > until)
			fail_msg("%u: decisions: %s instead of %s", n->origin, s.decisions.error,
				link_fault_word(fault));
	}
}

static inline int setup(void **state)
{
	(void)state;
	snprintf(top, sizeof top, "/tmp/tally-link-XXXXXX");
	if (!mkdtemp(top))
		return -1;
	loop = loop_open(&words);
	memset(&city, 0, sizeof city);
	node_init(&city.node, 310000, "city");
	node_open(&city.node);
	good(ledger_also(city.node.ledger, ORIGIN_DECISIONS(310000), &words));
	snprintf(city.listen, sizeof city.listen, "tcp://127.0.0.1:*");
	for (uint32_t i = 0; i < CHILDREN; i++) {
		char name[8];
		snprintf(name, sizeof name, "c%u", i);
		node_init(&nodes[i], 310101 + i, name);
		node_open(&nodes[i]);
		city.rows[i].origin = nodes[i].origin;
		memcpy(city.rows[i].key, nodes[i].keys.public_key, sizeof city.rows[i].key);
		memcpy(city.rows[i].signer, nodes[i].sign.public_key, SIGN_PUBLIC_BYTES);
	}
	return 0;
}

static inline int teardown(void **state)
{
	char command[128];

	(void)state;
	for (int i = 0; i < CHILDREN; i++)
		node_close(&nodes[i]);
	link_parent_close(city.parent);
	node_close(&city.node);
	loop_close(loop);
	snprintf(command, sizeof command, "rm -rf %s", top);
	return system(command);
}

#endif
