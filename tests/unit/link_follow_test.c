/* What the city decides reaches its districts over the links that bring their ledgers up, and
 * nothing that goes wrong with it stops those. Real sockets and stores, in one process. */
#include "tests/unit/link_loop_fixture.h"

/* What the city decides reaches every district: before it connects, while it streams, after a
 * restart of either side; a district's own entries go up meanwhile. */
static void test_decisions_come_down(void **state)
{
	struct link_child_status s;
	struct link_peer_status peer;
	struct ledger_verdict v;
	uint32_t origin = ORIGIN_DECISIONS(310000);

	(void)state;
	decide(1500);
	serve();
	for (int i = 0; i < CHILDREN; i++) {
		grow(&nodes[i], 2000);
		join(&nodes[i]);
	}
	for (int i = 0; i < CHILDREN; i++) {
		wait_follows(&nodes[i]);
		wait_proven(&nodes[i]);
	}
	uint64_t began = clock_mono_us();
	for (int i = 0; i < 30; i++) {
		decide(1);
		for (int k = 0; k < CHILDREN; k++)
			wait_follows(&nodes[k]);
	}
	printf("a decision stands at three children after %llu us\n",
		(unsigned long long)(clock_mono_us() - began) / 30);
	for (int i = 0; i < CHILDREN; i++) {
		assert_int_equal(ledger_verify(nodes[i].ledger, origin, city.node.sign.public_key,
					 &v, NULL, NULL),
			0);
		assert_int_equal(v.entries, 1531);
		assert_int_equal(nodes[i].followed, 1531);
	}
	/* Either side comes back. */
	link_parent_close(city.parent);
	city.parent = NULL;
	decide(700);
	link_child_close(nodes[0].child);
	nodes[0].child = NULL;
	serve();
	join(&nodes[0]);
	decide(1);
	for (int i = 0; i < CHILDREN; i++) {
		grow(&nodes[i], 1);
		wait_follows(&nodes[i]);
		wait_proven(&nodes[i]);
	}
	turn_for(50); /* the FOLLOWs that tell of it */
	for (size_t i = 0; i < CHILDREN; i++) {
		link_child_status(nodes[i].child, &s);
		assert_int_equal(s.decisions.origin, origin);
		assert_int_equal(s.decisions.behind, 0);
		assert_int_equal(s.decisions.fault, LINK_OK);
		link_parent_status(city.parent, i, &peer);
		assert_true(peer.followed);
		assert_int_equal(peer.decisions, 2232);
		assert_int_equal(peer.decisions_fault, LINK_OK);
	}
}

/* The city's store is an old copy again: its children hold more than it, and keep it. When it has
 * decided otherwise meanwhile, that is a fork. Both are named on both sides, and the districts' own
 * ledgers go up as ever. */
static void test_a_restored_city_is_named(void **state)
{
	char copy[96];
	struct link_child_status s;
	struct link_peer_status peer;
	struct ledger_head held;
	uint32_t origin = ORIGIN_DECISIONS(310000);

	(void)state;
	serve();
	decide(20);
	snprintf(copy, sizeof copy, "%s/copy", top);
	good(store_copy(ledger_store(city.node.ledger), copy, &words));
	decide(20);
	join(&nodes[0]);
	wait_follows(&nodes[0]);
	held = head_of(nodes[0].ledger, origin);
	link_parent_close(city.parent);
	city.parent = NULL;
	node_close(&city.node);
	snprintf(city.node.dir, sizeof city.node.dir, "%s", copy);
	node_open(&city.node);
	good(ledger_also(city.node.ledger, origin, &words));
	serve();
	wait_follow_fault(&nodes[0], LINK_BEHIND);
	grow(&nodes[0], 20);
	wait_proven(&nodes[0]);
	decide(30);
	link_child_close(nodes[0].child); /* else it would ask in a while */
	join(&nodes[0]);
	wait_follow_fault(&nodes[0], LINK_FORK);
	wait_proven(&nodes[0]);
	turn_for(1200);
	link_child_status(nodes[0].child, &s);
	assert_string_equal(s.state, "streaming");
	assert_int_equal(s.fault, LINK_OK);
	assert_non_null(strstr(s.decisions.error, "fork"));
	link_parent_status(city.parent, 0, &peer);
	assert_int_equal(peer.fault, LINK_OK);
	assert_int_equal(peer.decisions_fault, LINK_FORK);
	assert_true(link_parent_refused(city.parent, LINK_FORK) > 0);
	struct ledger_head still = head_of(nodes[0].ledger, origin);
	assert_memory_equal(&still, &held, sizeof still);
}

/* No room at the district: decisions wait, its own ledger still goes up and is proven; with room
 * they come. */
static void test_a_full_district_waits(void **state)
{
	struct store_conf conf = { .limit_bytes = 10 << 20, .create = true };
	struct growth g = { NULL, 500, 0 };
	int err;

	(void)state;
	serve();
	node_close(&nodes[0]);
	snprintf(nodes[0].dir, sizeof nodes[0].dir, "%s/small", top);
	good(ledger_open(
		&nodes[0].ledger, nodes[0].dir, &nodes[0].sign, nodes[0].origin, &conf, &words));
	good(link_net_open(&nodes[0].net, loop, &nodes[0].keys, &words));
	g.ledger = nodes[0].ledger;
	while ((err = store_write(ledger_store(g.ledger), grow_fn, &g, 0)) == 0)
		;
	assert_int_equal(err, ERR_FULL);
	for (g.n = 1; store_write(ledger_store(g.ledger), grow_fn, &g, 0) == 0;)
		;
	decide(2000);
	join(&nodes[0]);
	wait_follow_fault(&nodes[0], LINK_FULL);
	wait_proven(&nodes[0]);
	turn_for(1200); /* it comes back by the back-off, and is as full as before */
	wait_follow_fault(&nodes[0], LINK_FULL);
	wait_proven(&nodes[0]);
	struct ledger_head held = head_of(nodes[0].ledger, ORIGIN_DECISIONS(310000));
	assert_true(held.position < 2001);
	node_close(&nodes[0]);
	node_open(&nodes[0]); /* with more room */
	join(&nodes[0]);
	wait_follows(&nodes[0]);
	wait_proven(&nodes[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_decisions_come_down, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_restored_city_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_full_district_waits, setup, teardown),
	};
	if (hash_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
