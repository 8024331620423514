/* The two machines, step by step, where one case says more than a thousand seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "daemon/link/child.h"
#include "daemon/link/parent.h"
#include "proto/link.pb-c.h"

#define BATCH 10000
#define ORIGIN 310115

/* ---- a child ---- */

static struct child child;
static struct child_actions did;
static uint64_t now;

static void child_make(void)
{
	const uint32_t origin = ORIGIN;
	const struct child_conf conf = { .heartbeat_ms = 1000,
		.backoff_least_ms = 500,
		.backoff_most_ms = 30000,
		.stopped_ms = 60000,
		.answer_ms = 6000,
		.ack_ms = 30000,
		.batch_most = BATCH };

	now = 1000;
	child_init(&child, &conf, &origin, 1, 42);
}

static void child_do(struct child_event e)
{
	child_step(&child, &e, now, &did);
}

static const struct child_action *child_did(enum child_action_kind kind)
{
	for (size_t i = 0; i < did.n; i++)
		if (did.at[i].kind == kind)
			return &did.at[i];
	return NULL;
}

static void child_hears(uint32_t kind, uint64_t position, enum claim claim, uint64_t credit)
{
	struct frame_ledger state = { .origin = ORIGIN, .position = position };
	struct frame f = {
		.kind = kind, .protocol = 1, .ledgers = &state, .n_ledgers = 1, .credit = credit
	};
	struct child_claim c = { ORIGIN, position, claim };

	memcpy(f.session, child.session, sizeof f.session);
	child_do((struct child_event){ .kind = CHILD_FRAME, .frame = &f, .claims = &c });
}

static void child_hears_fault(int fault)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__FAULT, .fault = (uint32_t)fault };

	memcpy(f.session, child.session, sizeof f.session);
	child_do((struct child_event){ .kind = CHILD_FRAME, .frame = &f });
}

static void child_greets(void)
{
	now = child.retry_ms > now ? child.retry_ms : now;
	child_do((struct child_event){ .kind = CHILD_TICK });
	assert_non_null(child_did(CHILD_CONNECT));
	child_do((struct child_event){ .kind = CHILD_CONNECTED });
	assert_int_equal(child_did(CHILD_SEND)->frame, TALLY__FRAME_KIND__HELLO);
	assert_int_equal(child.state, CHILD_GREETING);
}

static void child_streams(uint64_t own, uint64_t held, uint64_t credit)
{
	child_make();
	child_do((struct child_event){ .kind = CHILD_GREW, .origin = ORIGIN, .position = own });
	child_greets();
	child_hears(TALLY__FRAME_KIND__WELCOME, held, CLAIM_FITS, credit);
	assert_int_equal(child.state, CHILD_STREAMING);
}

static void child_sent(uint64_t last, size_t raw)
{
	child_do((struct child_event){
		.kind = CHILD_SENT, .origin = ORIGIN, .position = last, .raw = raw });
}

static void test_credit_holds_the_child(void **state)
{
	(void)state;
	child_streams(1000, 10, 2 * BATCH);
	assert_int_equal(child_did(CHILD_SEND_BATCH)->position, 11);
	child_sent(20, BATCH);
	assert_int_equal(child_did(CHILD_SEND_BATCH)->position, 21);
	child_sent(21, 1); /* costs 4,096 */
	assert_null(child_did(CHILD_SEND_BATCH));
	child_hears(TALLY__FRAME_KIND__ACK, 20, CLAIM_FITS, BATCH + 4096 + BATCH);
	assert_int_equal(child_did(CHILD_SEND_BATCH)->position, 22);
	assert_int_equal(child_did(CHILD_STORE)->position, 20);
}

static void child_grows(uint64_t position)
{
	child_do(
		(struct child_event){ .kind = CHILD_GREW, .origin = ORIGIN, .position = position });
}

/* A lone entry leaves at once; what comes while it flies gathers for its ACK, or until there is
 * much of it. */
static void test_flights_gather_live_entries(void **state)
{
	(void)state;
	child_streams(0, 0, 100 * BATCH);
	child_grows(1);
	assert_int_equal(child_did(CHILD_SEND_BATCH)->position, 1);
	child_sent(1, 300);
	child_grows(2);
	assert_null(child_did(CHILD_SEND_BATCH));
	child_grows(CHILD_GATHER);
	assert_null(child_did(CHILD_SEND_BATCH));
	child_hears(TALLY__FRAME_KIND__ACK, 1, CLAIM_FITS, 100 * BATCH);
	assert_int_equal(child_did(CHILD_SEND_BATCH)->position, 2);
	child_sent(CHILD_GATHER, BATCH);
	child_grows(2 * CHILD_GATHER);
	assert_int_equal(child_did(CHILD_SEND_BATCH)->position, CHILD_GATHER + 1);
}

static void test_what_does_not_fit_stops_the_link(void **state)
{
	static const struct {
		enum claim claim;
		int fault;
		enum child_state then;
	} cases[] = {
		{ CLAIM_FORK, LINK_FORK, CHILD_STOPPED },
		{ CLAIM_BEYOND, LINK_BEHIND, CHILD_STOPPED },
		{ CLAIM_DAMAGED, LINK_DAMAGED, CHILD_STOPPED },
		{ CLAIM_UNSIGNED, LINK_RECEIPT, CHILD_WAITING },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		child_make();
		child_do((struct child_event){
			.kind = CHILD_GREW, .origin = ORIGIN, .position = 50 });
		child_greets();
		child_hears(TALLY__FRAME_KIND__WELCOME, 10, cases[i].claim, 100 * BATCH);
		assert_int_equal(child_did(CHILD_SEND)->fault, cases[i].fault);
		assert_true(child_did(CHILD_DISCONNECT)->linger);
		assert_null(child_did(CHILD_STORE));
		assert_int_equal(child.state, cases[i].then);
		assert_int_equal(child.fault, cases[i].fault);
		assert_true(child.state != CHILD_STOPPED || child.retry_ms >= now + 60000);
	}
}

/* A parent that welcomes and then refuses is not hammered. */
static void test_the_back_off_grows_over_welcomes(void **state)
{
	uint64_t longest = 0;

	(void)state;
	child_make();
	child_do((struct child_event){ .kind = CHILD_GREW, .origin = ORIGIN, .position = 50 });
	for (int i = 0; i < 40; i++) {
		child_greets();
		child_hears(TALLY__FRAME_KIND__WELCOME, 10, CLAIM_FITS, 100 * BATCH);
		child_hears_fault(LINK_CHAIN);
		assert_int_equal(child.state, CHILD_WAITING);
		longest = child.retry_ms - now > longest ? child.retry_ms - now : longest;
	}
	assert_true(longest > 15000 && longest <= 30000);
	child_greets();
	child_hears(TALLY__FRAME_KIND__WELCOME, 10, CLAIM_FITS, 100 * BATCH);
	child_sent(50, 500);
	child_hears(TALLY__FRAME_KIND__ACK, 50, CLAIM_FITS, 100 * BATCH);
	assert_int_equal(child.fault, LINK_OK);
	child_do((struct child_event){ .kind = CHILD_LOST });
	assert_true(child.retry_ms - now <= 500);
}

static void test_a_gap_begins_anew_at_once(void **state)
{
	uint8_t session[FRAME_SESSION_BYTES];

	(void)state;
	child_streams(50, 10, 100 * BATCH);
	memcpy(session, child.session, sizeof session);
	now += 1000;
	child_hears_fault(LINK_GAP);
	assert_int_equal(child.state, CHILD_GREETING);
	assert_int_equal(child_did(CHILD_SEND)->frame, TALLY__FRAME_KIND__HELLO);
	assert_memory_not_equal(session, child.session, sizeof session);
	child_hears_fault(LINK_GAP); /* but not twice in a heartbeat */
	assert_int_equal(child.state, CHILD_WAITING);
}

static void test_silence_ends_and_pings_keep(void **state)
{
	(void)state;
	child_streams(10, 10, 100 * BATCH);
	now += 1000;
	child_do((struct child_event){ .kind = CHILD_TICK });
	assert_int_equal(child_did(CHILD_SEND)->frame, TALLY__FRAME_KIND__PING);
	child_hears(TALLY__FRAME_KIND__PONG, 0, CLAIM_FITS, 0);
	now += 4000;
	child_do((struct child_event){ .kind = CHILD_TICK });
	assert_int_equal(child.state, CHILD_STREAMING);
	now += 1;
	child_do((struct child_event){ .kind = CHILD_TICK });
	assert_int_equal(child.state, CHILD_WAITING);
	assert_int_equal(child.fault, LINK_OK);
}

static void test_what_a_newer_parent_says_is_passed_over(void **state)
{
	(void)state;
	child_streams(10, 10, 100 * BATCH);
	child_hears(77, 3, CLAIM_FORK, 5);
	assert_int_equal(child.state, CHILD_STREAMING);
	assert_int_equal(did.n, 0);
}

/* ---- a parent ---- */

static struct peer peer;
static struct peer_ledger ledgers[2];
static struct peer_actions done;
static const uint8_t head_a[HASH_BYTES] = { 1 }, head_b[HASH_BYTES] = { 2 };

static void peer_make(uint64_t stored)
{
	const struct peer_conf conf = { .heartbeat_ms = 1000, .window = 2 * BATCH };

	now = 1000;
	memset(ledgers, 0, sizeof ledgers);
	for (uint32_t i = 0; i < 2; i++) {
		ledgers[i].origin = ORIGIN + i;
		ledgers[i].stored = ledgers[i].expected = i ? 0 : stored;
	}
	memcpy(ledgers[0].head, head_a, HASH_BYTES);
	parent_init(&peer, &conf, ledgers, 2);
}

static void peer_do(struct peer_event e)
{
	parent_step(&peer, &e, now, &done);
}

static const struct peer_action *peer_did(enum peer_action_kind kind)
{
	for (size_t i = 0; i < done.n; i++)
		if (done.at[i].kind == kind)
			return &done.at[i];
	return NULL;
}

static int peer_said_fault(void)
{
	const struct peer_action *a = peer_did(PEER_SEND);
	return a && a->frame == TALLY__FRAME_KIND__FAULT ? a->fault : 0;
}

static struct text told; /* gates */

static void peer_hello(
	uint8_t session, uint64_t position, const uint8_t *head, bool here, bool reachable)
{
	struct frame_ledger state = { .origin = ORIGIN, .position = position };
	struct peer_claim claim = { .ledger = 0, .stored = ledgers[0].stored };
	struct frame f = { .kind = TALLY__FRAME_KIND__HELLO,
		.protocol = 1,
		.ledgers = &state,
		.n_ledgers = 1,
		.gates = told,
		.session = { session } };

	memcpy(state.head, head, HASH_BYTES);
	memcpy(claim.head, ledgers[0].head, HASH_BYTES);
	peer_do((struct peer_event){ .kind = PEER_FRAME,
		.frame = &f,
		.claims = &claim,
		.here = here,
		.reachable = reachable });
}

static void peer_batch(uint8_t session, uint64_t first, uint64_t last, uint32_t raw)
{
	struct frame f = {
		.kind = TALLY__FRAME_KIND__BATCH, .raw_size = raw, .session = { session }
	};

	peer_do((struct peer_event){ .kind = PEER_FRAME, .frame = &f, .here = true, .ledger = 0 });
	if (peer_did(PEER_TAKE))
		peer_do((struct peer_event){ .kind = PEER_CHECKED,
			.ledger = 0,
			.first = first,
			.last = last,
			.raw = raw });
}

static void peer_stored(uint32_t serial, uint64_t position, size_t raw, int fault)
{
	peer_do((struct peer_event){ .kind = PEER_STORED,
		.ledger = 0,
		.serial = serial,
		.raw = raw,
		.fault = fault,
		.stored = position,
		.head = head_b });
}

static void test_the_ack_follows_the_commit(void **state)
{
	(void)state;
	peer_make(5);
	peer_hello(1, 9, head_b, false, false);
	assert_int_equal(peer_did(PEER_WELCOME)->credit, 2 * BATCH);
	peer_batch(1, 6, 7, 5000);
	peer_batch(1, 8, 9, 5000);
	assert_non_null(peer_did(PEER_SUBMIT));
	peer_do((struct peer_event){ .kind = PEER_FLUSH });
	assert_null(peer_did(PEER_ACK));
	peer_stored(1, 7, 5000, LINK_OK);
	peer_stored(1, 9, 5000, LINK_OK);
	peer_do((struct peer_event){ .kind = PEER_FLUSH });
	assert_int_equal(done.n, 1); /* one for both */
	assert_int_equal(peer_did(PEER_ACK)->credit, 10000 + 2 * BATCH);
	assert_int_equal(ledgers[0].stored, 9);
}

static void test_hello_is_compared(void **state)
{
	(void)state;
	peer_make(5);
	peer_hello(1, 4, head_b, false, false);
	assert_int_equal(peer_said_fault(), LINK_BEHIND);
	peer_hello(1, 5, head_b, false, false);
	assert_int_equal(peer_said_fault(), LINK_FORK);
	assert_int_equal(peer.fault, LINK_FORK);
	assert_int_equal(ledgers[0].stored, 5);
	peer_hello(1, 5, head_a, false, false);
	assert_non_null(peer_did(PEER_WELCOME));
	assert_int_equal(peer.fault, LINK_OK);
}

/* What the child goes by is what it said when it was last welcome, also when it has gone. */
static void test_the_gates_are_of_the_last_hello(void **state)
{
	(void)state;
	peer_make(5);
	assert_false(peer.told_gates);
	told = TEXT("8 bytes!");
	peer_hello(1, 5, head_b, false, false);
	assert_false(peer.told_gates); /* a fork */
	peer_hello(1, 5, head_a, false, false);
	assert_true(peer.told_gates);
	assert_memory_equal(peer.gates, told.p, LINK_GATES_BYTES);
	peer_do((struct peer_event){ .kind = PEER_UNREACHABLE });
	assert_true(peer.told_gates);
	told = (struct text){ 0 }; /* an older version in its place */
	peer_hello(2, 5, head_a, false, false);
	assert_non_null(peer_did(PEER_WELCOME));
	assert_false(peer.told_gates);
}

static void test_the_first_session_lives(void **state)
{
	(void)state;
	peer_make(5);
	peer_hello(1, 5, head_a, false, false);
	now += 3000;
	peer_hello(2, 5, head_a, false, true);
	assert_int_equal(peer_said_fault(), LINK_DUPLICATE);
	assert_int_equal(peer.session[0], 1);
	peer_hello(3, 5, head_a, false, false); /* the old route is gone */
	assert_int_equal(peer.session[0], 3);
	now += 3001;
	peer_hello(4, 5, head_a, false, true); /* the old one is silent */
	assert_int_equal(peer.session[0], 4);
	peer_hello(5, 5, head_a, true, false); /* its own child begins anew */
	assert_int_equal(peer.session[0], 5);
	peer_batch(4, 6, 6, 100);
	assert_int_equal(peer_said_fault(), LINK_SESSION);
	assert_int_equal(peer.state, PEER_LIVE);
}

static void test_more_than_the_credit(void **state)
{
	(void)state;
	peer_make(5);
	peer_hello(1, 99, head_b, false, false);
	peer_batch(1, 6, 6, 2 * BATCH);
	assert_non_null(peer_did(PEER_SUBMIT));
	peer_batch(1, 7, 7, 1);
	assert_int_equal(peer_said_fault(), LINK_CREDIT);
	assert_int_equal(peer.state, PEER_ABSENT);
	/* Greeting again gives nothing while the store is busy with it. */
	peer_hello(2, 99, head_b, false, false);
	assert_int_equal(peer_did(PEER_WELCOME)->credit, 0);
	peer_stored(1, 6, 2 * BATCH, LINK_OK);
	peer_do((struct peer_event){ .kind = PEER_FLUSH });
	assert_int_equal(peer_did(PEER_ACK)->credit, 2 * BATCH);
}

static void test_gap_and_failed_commit(void **state)
{
	(void)state;
	peer_make(5);
	peer_hello(1, 99, head_b, false, false);
	peer_batch(1, 7, 8, 100);
	assert_int_equal(peer_said_fault(), LINK_GAP);
	peer_hello(2, 99, head_b, false, false);
	peer_batch(2, 4, 8, 100); /* overlap is no fault */
	assert_non_null(peer_did(PEER_SUBMIT));
	peer_stored(2, 0, 100, LINK_FULL);
	assert_int_equal(peer_said_fault(), LINK_FULL);
	assert_int_equal(peer.state, PEER_ABSENT);
	peer_do((struct peer_event){ .kind = PEER_FLUSH });
	assert_null(peer_did(PEER_ACK));
	assert_int_equal(ledgers[0].stored, 5);
}

static void test_a_ledger_that_was_not_greeted(void **state)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__BATCH, .raw_size = 9, .session = { 1 } };

	(void)state;
	peer_make(5);
	peer_hello(1, 99, head_b, false, false);
	peer_do((struct peer_event){ .kind = PEER_FRAME, .frame = &f, .here = true, .ledger = 1 });
	assert_int_equal(peer_said_fault(), LINK_PROTOCOL);
	peer_hello(1, 99, head_b, false, false);
	peer_do((struct peer_event){ .kind = PEER_FRAME, .frame = &f, .here = true, .ledger = 2 });
	assert_int_equal(peer_said_fault(), LINK_UNLISTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_credit_holds_the_child),
		cmocka_unit_test(test_flights_gather_live_entries),
		cmocka_unit_test(test_what_does_not_fit_stops_the_link),
		cmocka_unit_test(test_the_back_off_grows_over_welcomes),
		cmocka_unit_test(test_a_gap_begins_anew_at_once),
		cmocka_unit_test(test_silence_ends_and_pings_keep),
		cmocka_unit_test(test_what_a_newer_parent_says_is_passed_over),
		cmocka_unit_test(test_the_ack_follows_the_commit),
		cmocka_unit_test(test_hello_is_compared),
		cmocka_unit_test(test_the_gates_are_of_the_last_hello),
		cmocka_unit_test(test_the_first_session_lives),
		cmocka_unit_test(test_more_than_the_credit),
		cmocka_unit_test(test_gap_and_failed_commit),
		cmocka_unit_test(test_a_ledger_that_was_not_greeted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
