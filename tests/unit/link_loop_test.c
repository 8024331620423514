/* Parents and children in one process, over TCP on this machine, with real stores: everything is
 * proven, strangers and doubles get nothing, a restart is caught up, a restored copy is named. */
#include "tests/unit/link_loop_fixture.h"

static void test_all_is_proven(void **state)
{
	struct link_peer_status peer;

	(void)state;
	for (int i = 0; i < CHILDREN; i++)
		grow(&nodes[i], 5000 * i);
	join(&nodes[1]); /* before there is a parent */
	turn_for(300);
	serve();
	link_child_close(nodes[1].child);
	for (int i = 0; i < CHILDREN; i++)
		join(&nodes[i]);
	for (int i = 0; i < CHILDREN; i++)
		wait_proven(&nodes[i]);
	for (size_t i = 0; i < CHILDREN; i++) {
		link_parent_status(city.parent, i, &peer);
		assert_int_equal(peer.position, head_of(nodes[i].ledger, nodes[i].origin).position);
		assert_string_equal(peer.state, "streaming");
		assert_int_equal(peer.fault, LINK_OK);
	}
	assert_true(city.accepted > 0);
	/* One at a time, as clerks type. */
	uint64_t began = clock_mono_us();
	for (int i = 0; i < 50; i++) {
		grow(&nodes[0], 1);
		while (head_of(city.node.ledger, nodes[0].origin).position !=
			head_of(nodes[0].ledger, nodes[0].origin).position)
			uv_run(loop_uv(loop), UV_RUN_ONCE);
	}
	printf("a live entry stands at the parent after %llu us\n",
		(unsigned long long)(clock_mono_us() - began) / 50);
	wait_proven(&nodes[0]);
}

static void test_receipts_outlive_the_child(void **state)
{
	struct link_child_status s;

	(void)state;
	serve();
	grow(&nodes[0], 100);
	join(&nodes[0]);
	wait_proven(&nodes[0]);
	link_child_close(nodes[0].child);
	link_parent_close(city.parent);
	city.parent = NULL;
	join(&nodes[0]);
	link_child_status(nodes[0].child, &s);
	assert_int_equal(s.proven, 101);
	assert_int_equal(s.pending, 0);
}

static void test_a_stranger_gets_nothing(void **state)
{
	struct link_child_status s;

	(void)state;
	serve();
	uint64_t before = link_net_denied(city.node.net);
	assert_int_equal(before, 0);
	link_net_close(nodes[1].net);
	link_keys_make(&nodes[1].keys);
	good(link_net_open(&nodes[1].net, loop, &nodes[1].keys, &words));
	grow(&nodes[1], 10);
	join(&nodes[1]);
	wait_fault(&nodes[1], LINK_UNLISTED);
	link_child_status(nodes[1].child, &s);
	assert_int_equal(s.acked, 0);
	assert_int_equal(s.sessions, 0);
	assert_int_equal(head_of(city.node.ledger, nodes[1].origin).position, 0);
	assert_true(link_net_denied(city.node.net) > before);
}

static void test_wrong_signers_are_named(void **state)
{
	struct link_peer_status peer;

	(void)state;
	memset(city.rows[0].signer, 7, SIGN_PUBLIC_BYTES);
	serve();
	join(&nodes[0]);
	wait_fault(&nodes[0], LINK_SIGNER);
	link_parent_status(city.parent, 0, &peer);
	assert_int_equal(peer.fault, LINK_SIGNER);
	assert_true(link_parent_refused(city.parent, LINK_SIGNER) > 0);
	assert_int_equal(head_of(city.node.ledger, nodes[0].origin).position, 0);

	struct link_child_conf conf = { .name = "city",
		.endpoint = city.listen,
		.server_key = city.node.keys.public_key,
		.heartbeat_ms = 1000,
		.backoff_most_ms = 400 };
	good(link_child_open(&nodes[1].child, nodes[1].net, nodes[1].ledger, &conf, &words));
	wait_fault(&nodes[1], LINK_RECEIPT);
	join(&nodes[2]);
	wait_proven(&nodes[2]);
}

static void test_one_live_session_a_key(void **state)
{
	struct node twin;
	struct link_peer_status peer;

	(void)state;
	serve();
	join(&nodes[0]);
	wait_proven(&nodes[0]);
	node_init(&twin, nodes[0].origin, "twin");
	twin.keys = nodes[0].keys;
	twin.sign = nodes[0].sign;
	node_open(&twin);
	grow(&twin, 5);
	join(&twin);
	wait_fault(&twin, LINK_DUPLICATE);
	link_parent_status(city.parent, 0, &peer);
	assert_int_equal(peer.fault, LINK_DUPLICATE);
	grow(&nodes[0], 1);
	wait_proven(&nodes[0]);
	/* The first one leaves: the twin gets in at once, and its ledger is another (its genesis is
	 * of another moment). */
	link_child_close(nodes[0].child);
	nodes[0].child = NULL;
	wait_fault(&twin, LINK_FORK);
	assert_int_equal(head_of(city.node.ledger, twin.origin).position, 2);
	node_close(&twin);
}

static void test_a_parent_comes_back(void **state)
{
	(void)state;
	serve();
	for (int i = 0; i < CHILDREN; i++) {
		grow(&nodes[i], 300);
		join(&nodes[i]);
	}
	for (int round = 0; round < 3; round++) {
		turn_for(30);
		link_parent_close(city.parent);
		for (int i = 0; i < CHILDREN; i++)
			grow(&nodes[i], 700);
		turn_for(100);
		serve();
	}
	for (int i = 0; i < CHILDREN; i++)
		wait_proven(&nodes[i]);
}

static void test_a_restored_copy_is_named(void **state)
{
	char copy[96];
	struct link_child_status s;
	struct link_peer_status peer;

	(void)state;
	serve();
	grow(&nodes[0], 20);
	snprintf(copy, sizeof copy, "%s/copy", top);
	good(store_copy(ledger_store(nodes[0].ledger), copy, &words));
	grow(&nodes[0], 20);
	join(&nodes[0]);
	wait_proven(&nodes[0]);
	node_close(&nodes[0]);
	snprintf(nodes[0].dir, sizeof nodes[0].dir, "%s", copy);
	node_open(&nodes[0]);
	join(&nodes[0]);
	wait_fault(&nodes[0], LINK_BEHIND);
	link_child_status(nodes[0].child, &s);
	assert_string_equal(s.state, "stopped");
	link_parent_status(city.parent, 0, &peer);
	assert_int_equal(peer.fault, LINK_BEHIND);
	grow(&nodes[0], 30);
	wait_fault(&nodes[0], LINK_FORK);
	turn_for(50);
	link_parent_status(city.parent, 0, &peer);
	assert_int_equal(peer.fault, LINK_FORK);
	assert_int_equal(head_of(city.node.ledger, nodes[0].origin).position, 41);
}

/* A listed key that says anything but the protocol. */
static void test_a_hostile_child_harms_nobody(void **state)
{
	static char bytes[700 * 1024];
	const int zero = 0;

	(void)state;
	serve();
	join(&nodes[1]);
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
	zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
	zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, city.node.keys.public_key, 41);
	zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, nodes[0].keys.public_key, 41);
	zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, nodes[0].keys.secret_key, 41);
	assert_int_equal(zmq_connect(socket, city.listen), 0);
	for (int i = 0; i < 1000; i++) {
		random_bytes(bytes, 300);
		if (i % 3 == 0)
			zmq_send(socket, bytes, random_below(30), ZMQ_SNDMORE | ZMQ_DONTWAIT);
		zmq_send(socket, bytes, random_below(300), ZMQ_DONTWAIT);
		uv_run(loop_uv(loop), UV_RUN_NOWAIT);
	}
	zmq_send(socket, bytes, 300 * 1024, 0); /* above our limit: refused with a word */
	turn_for(100);
	zmq_send(socket, bytes, 700 * 1024, 0); /* above ZeroMQ's: the connection is cut */
	turn_for(200);
	assert_true(link_parent_refused(city.parent, LINK_PROTOCOL) > 500);
	assert_int_equal(link_parent_refused(city.parent, LINK_OVERSIZED), 1);
	grow(&nodes[1], 50);
	wait_proven(&nodes[1]);
	zmq_close(socket);
	zmq_ctx_term(context);
}

static void test_an_endpoint_that_is_none(void **state)
{
	struct link_child_conf conf = { .name = "city",
		.endpoint = "udp://127.0.0.1:1",
		.server_key = city.node.keys.public_key };

	(void)state;
	assert_int_equal(
		link_child_open(&nodes[0].child, nodes[0].net, nodes[0].ledger, &conf, &words),
		ERR_INVALID);
	conf.endpoint = "tcp://127.0.0.1:1";
	conf.server_key = "short";
	assert_int_equal(
		link_child_open(&nodes[0].child, nodes[0].net, nodes[0].ledger, &conf, &words),
		ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_is_proven, setup, teardown),
		cmocka_unit_test_setup_teardown(test_receipts_outlive_the_child, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_stranger_gets_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_signers_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_live_session_a_key, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_parent_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_restored_copy_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_hostile_child_harms_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_endpoint_that_is_none, setup, teardown),
	};
	if (hash_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
