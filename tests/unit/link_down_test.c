/* The way down in the two machines, step by step: a FOLLOW is the credit for one PUBLISH, it leaves
 * after the commit, and nothing that goes wrong with it ends the session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "daemon/link/child.h"
#include "daemon/link/parent.h"
#include "proto/link.pb-c.h"

#define BATCH 10000
#define ORIGIN 310115
#define DOWN 3100001
#define REST_MS 60000
#define AGAIN_MS 30000

/* ---- a child ---- */

static struct child child;
static struct child_actions did;
static uint64_t now;

static void child_do(struct child_event e)
{
	child_step(&child, &e, now, &did);
	assert_int_equal(child.state, CHILD_STREAMING); /* whatever it was, it ended nothing */
}

static bool child_says(uint32_t frame)
{
	for (size_t i = 0; i < did.n; i++)
		if (did.at[i].kind == CHILD_SEND && did.at[i].frame == frame)
			return true;
	return false;
}

static const struct child_action *child_did(enum child_action_kind kind)
{
	for (size_t i = 0; i < did.n; i++)
		if (did.at[i].kind == kind)
			return &did.at[i];
	return NULL;
}

/* A session begins; the driver has judged what is published. */
static void child_welcomed(struct follow_offer offer)
{
	struct frame_ledger state = { .origin = ORIGIN };
	struct child_claim claim = { ORIGIN, 0, CLAIM_FITS };
	struct frame f = { .kind = TALLY__FRAME_KIND__WELCOME,
		.protocol = 1,
		.ledgers = &state,
		.n_ledgers = 1,
		.credit = BATCH };

	child_step(&child, &(struct child_event){ .kind = CHILD_TICK }, now, &did);
	child_step(&child, &(struct child_event){ .kind = CHILD_CONNECTED }, now, &did);
	memcpy(f.session, child.session, sizeof f.session);
	child_do((struct child_event){
		.kind = CHILD_FRAME, .frame = &f, .claims = &claim, .offer = &offer });
	assert_int_equal(child.state, CHILD_STREAMING);
}

static void child_streams(struct follow_offer offer)
{
	const uint32_t origin = ORIGIN;
	const struct child_conf conf = { .heartbeat_ms = 1000,
		.backoff_least_ms = 500,
		.backoff_most_ms = 30000,
		.stopped_ms = REST_MS,
		.answer_ms = 6000,
		.ack_ms = AGAIN_MS,
		.batch_most = BATCH };

	now = 1000;
	child_init(&child, &conf, &origin, 1, 42);
	child_welcomed(offer);
}

static void published(uint32_t origin, uint32_t fault)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__PUBLISH, .origin = origin, .fault = fault };

	memcpy(f.session, child.session, sizeof f.session);
	child_do((struct child_event){ .kind = CHILD_FRAME, .frame = &f });
}

static void taken(uint64_t position, int fault)
{
	child_do((struct child_event){
		.kind = CHILD_TAKEN, .origin = DOWN, .position = position, .fault = fault });
}

/* Time goes by, with the parent's heartbeats. */
static void wait_ms(uint64_t ms)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__PING };
	bool asked = false;

	memcpy(f.session, child.session, sizeof f.session);
	for (uint64_t until = now + ms; now < until;) {
		now += 500;
		child_do((struct child_event){ .kind = CHILD_FRAME, .frame = &f });
		asked = asked || child_says(TALLY__FRAME_KIND__FOLLOW);
		child_do((struct child_event){ .kind = CHILD_TICK });
		asked = asked || child_says(TALLY__FRAME_KIND__FOLLOW);
	}
	assert_false(asked);
}

static void asks_after(uint64_t ms)
{
	wait_ms(ms - 1000);
	now += 1000;
	child_do((struct child_event){ .kind = CHILD_TICK });
	assert_true(child_says(TALLY__FRAME_KIND__FOLLOW));
}

static const struct follow_offer all = { .origin = DOWN, .position = 4, .published = 20 };

static void test_one_follow_one_publish(void **state)
{
	(void)state;
	child_streams(all);
	assert_true(child_says(TALLY__FRAME_KIND__FOLLOW));
	published(DOWN, 0);
	assert_non_null(child_did(CHILD_TAKE));
	assert_false(child_says(TALLY__FRAME_KIND__FOLLOW)); /* it is not durable yet */
	wait_ms(5000);
	published(DOWN, 0); /* not asked for */
	assert_null(child_did(CHILD_TAKE));
	taken(10, 0);
	assert_true(child_says(TALLY__FRAME_KIND__FOLLOW));
	assert_int_equal(child.follow.position, 10);
	assert_int_equal(child.follow.published, 20);
	/* A lost one is asked for again. */
	asks_after(AGAIN_MS);
	published(DOWN, 0);
	taken(20, 0);
	assert_true(child_says(TALLY__FRAME_KIND__FOLLOW)); /* and stands */
	wait_ms(5000);
	published(DOWN, 0);
	taken(21, 0);
	assert_int_equal(child.follow.published, 21);
}

static void test_a_doubled_publish_is_no_answer(void **state)
{
	(void)state;
	child_streams(all);
	published(DOWN, 0);
	taken(10, 0);
	published(DOWN, 0); /* the same once more: nothing new */
	taken(10, 0);
	assert_false(child_says(TALLY__FRAME_KIND__FOLLOW));
	published(DOWN, 0); /* the true answer to the FOLLOW that stands */
	assert_non_null(child_did(CHILD_TAKE));
	taken(12, 0);
	assert_true(child_says(TALLY__FRAME_KIND__FOLLOW));
	/* The answer comes while the doubled one is taken in. */
	published(DOWN, 0);
	published(DOWN, 0);
	taken(12, 0);
	assert_true(child_says(TALLY__FRAME_KIND__FOLLOW));
}

static void test_faults_rest_and_end_nothing(void **state)
{
	static const int faults[] = { LINK_FORK, LINK_BEHIND, LINK_SIGNER, LINK_CHAIN, LINK_GAP,
		LINK_PROTOCOL, LINK_DAMAGED, 4711 };

	(void)state;
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		child_streams(all);
		published(DOWN, (uint32_t)faults[i]); /* the parent says so */
		assert_int_equal(child_did(CHILD_NAMED)->fault, faults[i]);
		assert_int_equal(child.follow.fault, faults[i]);
		assert_int_equal(child.fault, LINK_OK);
		asks_after(REST_MS);
		published(DOWN, 0);
		taken(0, faults[i]); /* we find it */
		assert_int_equal(child_did(CHILD_NAMED)->fault, faults[i]);
		asks_after(REST_MS);
		published(DOWN, 0);
		taken(5, 0);
		assert_int_equal(child.follow.fault, LINK_OK);
		struct follow_offer bad = all;
		bad.fault = faults[i];
		child_streams(bad); /* the WELCOME shows it */
		assert_int_equal(child_did(CHILD_NAMED)->fault, faults[i]);
		asks_after(REST_MS);
	}
	/* Our own store is full: patience is enough. */
	child_streams(all);
	published(DOWN, 0);
	taken(0, LINK_FULL);
	assert_int_equal(child_did(CHILD_NAMED)->fault, LINK_FULL);
	asks_after(30000);
}

static void test_only_what_was_named(void **state)
{
	(void)state;
	child_streams(all);
	published(DOWN + 10, 0);
	assert_int_equal(child_did(CHILD_NAMED)->fault, LINK_UNLISTED);
	assert_null(child_did(CHILD_TAKE));
	published(DOWN, 0); /* the true one is taken all the same */
	assert_non_null(child_did(CHILD_TAKE));
	child_streams((struct follow_offer){ 0 }); /* nothing is published */
	assert_false(child_says(TALLY__FRAME_KIND__FOLLOW));
	wait_ms(2 * REST_MS);
	published(DOWN, 0);
	assert_null(child_did(CHILD_TAKE));
	assert_int_equal(child_did(CHILD_NAMED)->fault, LINK_UNLISTED);
}

/* A batch that is with the store when its session ends is waited for by the next one. */
static void test_a_batch_outlives_its_session(void **state)
{
	(void)state;
	child_streams(all);
	published(DOWN, 0);
	child_step(&child, &(struct child_event){ .kind = CHILD_LOST }, now, &did);
	now = child.retry_ms;
	child_welcomed(all);
	assert_false(child_says(TALLY__FRAME_KIND__FOLLOW));
	wait_ms(3000);
	taken(9, 0);
	assert_null(child_did(CHILD_NAMED));
	assert_true(child_says(TALLY__FRAME_KIND__FOLLOW));
	assert_int_equal(child.follow.position, 9);
	/* Its fault is no news of this session, and asks again at once. */
	published(DOWN, 0);
	child_step(&child, &(struct child_event){ .kind = CHILD_LOST }, now, &did);
	now = child.retry_ms;
	child_welcomed(all);
	taken(0, LINK_FULL);
	assert_null(child_did(CHILD_NAMED));
	assert_true(child_says(TALLY__FRAME_KIND__FOLLOW));
}

static void test_a_follow_that_does_not_go_out(void **state)
{
	(void)state;
	child_streams(all);
	child_do((struct child_event){ .kind = CHILD_UNASKED });
	assert_false(child_says(TALLY__FRAME_KIND__FOLLOW));
	asks_after(1000);
}

/* ---- a parent ---- */

static struct peer peer;
static struct peer_ledger held;
static struct peer_actions peer_did_all;
static uint64_t stands;

static const struct peer_action *peer_did(enum peer_action_kind kind)
{
	for (size_t i = 0; i < peer_did_all.n; i++)
		if (peer_did_all.at[i].kind == kind)
			return &peer_did_all.at[i];
	return NULL;
}

static void peer_do(struct peer_event e)
{
	parent_step(&peer, &e, now, &peer_did_all);
}

static void peer_hello(uint8_t session)
{
	struct frame_ledger l = { .origin = ORIGIN };
	struct peer_claim claim = { 0 };
	struct frame f = { .kind = TALLY__FRAME_KIND__HELLO,
		.protocol = 1,
		.session = { session },
		.ledgers = &l,
		.n_ledgers = 1 };

	peer_do((struct peer_event){
		.kind = PEER_FRAME, .frame = &f, .claims = &claim, .here = true });
	assert_non_null(peer_did(PEER_WELCOME));
}

static void peer_live(const uint64_t *publishes)
{
	const struct peer_conf conf = {
		.heartbeat_ms = 1000, .window = 4 * BATCH, .published = publishes
	};

	now = 1000;
	stands = 20;
	held = (struct peer_ledger){ .origin = ORIGIN };
	parent_init(&peer, &conf, &held, 1);
	peer_hello(1);
}

/* The driver has judged it. */
static void follows(uint8_t session, uint64_t position, int fault)
{
	struct frame_ledger l = { .origin = DOWN, .position = position };
	struct frame f = { .kind = TALLY__FRAME_KIND__FOLLOW,
		.session = { session },
		.ledgers = &l,
		.n_ledgers = 1 };

	peer_do((struct peer_event){
		.kind = PEER_FRAME, .frame = &f, .here = true, .fault = fault });
}

static bool flushed(uint64_t from)
{
	peer_do((struct peer_event){ .kind = PEER_FLUSH });
	const struct peer_action *a = peer_did(PEER_PUBLISH);
	if (a)
		assert_int_equal(a->position, from);
	return a != NULL;
}

static void test_a_follow_stands_until_there_is_more(void **state)
{
	(void)state;
	peer_live(&stands);
	assert_false(flushed(0));
	follows(1, 4, 0);
	follows(1, 4, 0); /* twice is once */
	assert_true(parent_due(&peer));
	assert_true(flushed(5));
	assert_false(flushed(0)); /* one FOLLOW, one PUBLISH */
	follows(1, 20, 0);
	assert_false(parent_due(&peer));
	assert_false(flushed(0));
	stands = 21;
	assert_true(parent_due(&peer));
	assert_true(flushed(21));
	assert_int_equal(peer.held, 20);
	/* The socket is full: it goes out later. */
	peer_do((struct peer_event){ .kind = PEER_UNPUBLISHED });
	assert_true(flushed(21));
	/* A FOLLOW that comes late takes nothing back. */
	follows(1, 21, 0);
	follows(1, 4, 0);
	assert_false(flushed(0));
	assert_int_equal(peer.held, 21);
}

static void test_a_follow_that_does_not_fit(void **state)
{
	static const int faults[] = { LINK_BEHIND, LINK_FORK, LINK_UNLISTED, LINK_DAMAGED };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		peer_live(&stands);
		follows(1, 30, faults[i]);
		assert_int_equal(peer_did(PEER_SEND)->frame, TALLY__FRAME_KIND__PUBLISH);
		assert_int_equal(peer_did(PEER_SEND)->fault, faults[i]);
		assert_int_equal(peer_did(PEER_UNFIT)->fault, faults[i]);
		assert_null(peer_did(PEER_END));
		assert_null(peer_did(PEER_REFUSED));
		assert_int_equal(peer.state, PEER_LIVE);
		assert_int_equal(peer.fault, LINK_OK);
		assert_int_equal(peer.follow_fault, faults[i]);
		stands = 40;
		assert_false(flushed(0));
	}
	/* Our own store cannot make the batch. */
	peer_live(&stands);
	follows(1, 4, 0);
	assert_true(flushed(5));
	peer_do((struct peer_event){ .kind = PEER_UNPUBLISHED, .fault = LINK_DAMAGED });
	assert_int_equal(peer_did(PEER_SEND)->fault, LINK_DAMAGED);
	assert_false(flushed(0));
	/* A parent that publishes nothing. */
	peer_live(NULL);
	follows(1, 0, 0);
	assert_int_equal(peer_did(PEER_SEND)->fault, LINK_UNLISTED);
	assert_false(peer.followed);
	assert_false(flushed(0));
}

static void test_a_follow_belongs_to_its_session(void **state)
{
	(void)state;
	peer_live(&stands);
	follows(1, 20, 0);
	peer_hello(2);
	stands = 25;
	assert_false(flushed(0)); /* the older session's FOLLOW went with it */
	follows(1, 20, 0);
	assert_false(flushed(0));
	assert_int_equal(peer.held, 20); /* still known */
	follows(2, 3, 0);		 /* a child that came back with less says so */
	assert_int_equal(peer.held, 3);
	assert_true(flushed(4));
	/* The wrong way round it is no protocol. */
	struct frame f = {
		.kind = TALLY__FRAME_KIND__PUBLISH, .session = { 2 }, .origin = DOWN, .fault = 7
	};
	peer_do((struct peer_event){ .kind = PEER_FRAME, .frame = &f, .here = true });
	assert_int_equal(peer_did(PEER_REFUSED)->fault, LINK_PROTOCOL);
	assert_int_equal(peer.state, PEER_ABSENT);
	assert_false(flushed(0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_follow_one_publish),
		cmocka_unit_test(test_a_doubled_publish_is_no_answer),
		cmocka_unit_test(test_faults_rest_and_end_nothing),
		cmocka_unit_test(test_only_what_was_named),
		cmocka_unit_test(test_a_batch_outlives_its_session),
		cmocka_unit_test(test_a_follow_that_does_not_go_out),
		cmocka_unit_test(test_a_follow_stands_until_there_is_more),
		cmocka_unit_test(test_a_follow_that_does_not_fit),
		cmocka_unit_test(test_a_follow_belongs_to_its_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
