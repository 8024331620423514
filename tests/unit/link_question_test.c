/* Questions in the two machines, step by step: each ends exactly once, an answer is that question's
 * or nobody's, a bucket a child, and nothing of it ends a session but what is no answer at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "daemon/link/child.h"
#include "daemon/link/parent.h"
#include "proto/link.pb-c.h"

#define ORIGIN 310115
#define WAIT_MS 5000

/* ---- a child ---- */

static struct child child;
static struct child_actions did;
static uint64_t now;

static void child_do(struct child_event e)
{
	child_step(&child, &e, now, &did);
}

static void hear(struct frame f)
{
	memcpy(f.session, child.session, sizeof f.session);
	child_do((struct child_event){ .kind = CHILD_FRAME, .frame = &f });
}

/* The slots whose QUESTIONs went out in this step. */
static unsigned said(void)
{
	unsigned slots = 0;

	for (size_t i = 0; i < did.n; i++)
		if (did.at[i].kind == CHILD_SEND && did.at[i].frame == TALLY__FRAME_KIND__QUESTION)
			slots |= 1U << did.at[i].slot;
	return slots;
}

/* How a slot's question ended in this step; LINK_NONE: it did not. */
static int ended(size_t slot)
{
	int answer = LINK_NONE;

	for (size_t i = 0; i < did.n; i++) {
		if (did.at[i].kind != CHILD_ANSWERED || did.at[i].slot != slot)
			continue;
		assert_int_equal(answer, LINK_NONE);
		answer = did.at[i].answer;
	}
	return answer;
}

static size_t n_ended(void)
{
	size_t n = 0;

	for (size_t i = 0; i < did.n; i++)
		n += did.at[i].kind == CHILD_ANSWERED;
	return n;
}

static void child_begins(void)
{
	const uint32_t origin = ORIGIN;
	const struct child_conf conf = { .heartbeat_ms = 1000,
		.backoff_least_ms = 500,
		.backoff_most_ms = 30000,
		.stopped_ms = 60000,
		.answer_ms = 6000,
		.ack_ms = 30000,
		.question_ms = WAIT_MS,
		.batch_most = 10000 };

	now = 1000;
	child_init(&child, &conf, &origin, 1, 42);
}

static void child_streams(uint32_t granted)
{
	struct frame_ledger state = { .origin = ORIGIN };
	struct child_claim claim = { ORIGIN, 0, CLAIM_FITS };
	struct frame f = { .kind = TALLY__FRAME_KIND__WELCOME,
		.protocol = 1,
		.ledgers = &state,
		.n_ledgers = 1,
		.questions = granted,
		.credit = 10000 };

	child_do((struct child_event){ .kind = CHILD_TICK });
	child_do((struct child_event){ .kind = CHILD_CONNECTED });
	memcpy(f.session, child.session, sizeof f.session);
	child_do((struct child_event){ .kind = CHILD_FRAME, .frame = &f, .claims = &claim });
	assert_int_equal(child.state, CHILD_STREAMING);
}

static void ask(size_t slot)
{
	child_do((struct child_event){ .kind = CHILD_ASK, .slot = slot });
}

static void answer(uint64_t nonce, uint32_t is)
{
	hear((struct frame){ .kind = TALLY__FRAME_KIND__ANSWER, .nonce = nonce, .answer = is });
}

static void test_away_and_old(void **state)
{
	(void)state;
	child_begins();
	ask(0);
	assert_int_equal(ended(0), LINK_AWAY);
	child_streams(0);
	ask(0);
	assert_int_equal(ended(0), LINK_OLD);
	assert_int_equal(said(), 0);
	assert_int_equal(child.state, CHILD_STREAMING);
}

static void test_each_its_own_answer(void **state)
{
	(void)state;
	child_begins();
	child_streams(3);
	for (size_t i = 0; i < 5; i++) {
		ask(i);
		assert_int_equal(said(), i < 3 ? 1U << i : 0); /* the others wait their turn */
	}
	uint64_t nonces[3];
	for (size_t i = 0; i < 3; i++)
		nonces[i] = child.questions.at[i].nonce;
	answer(nonces[2], LINK_NO);
	assert_int_equal(ended(2), LINK_NO);
	assert_int_equal(n_ended(), 1);
	assert_int_equal(said(), 1U << 3);
	answer(nonces[2], LINK_YES);	    /* twice */
	answer(nonces[0] + 1000, LINK_YES); /* made up */
	assert_int_equal(n_ended(), 0);
	assert_int_equal(child.questions.stray, 2);
	answer(child.questions.at[4].nonce, LINK_YES); /* of one that has not been asked yet */
	assert_int_equal(n_ended(), 0);
	answer(nonces[0], LINK_BUSY);
	assert_int_equal(ended(0), LINK_BUSY);
	answer(nonces[1], 4711); /* of a newer parent */
	assert_int_equal(ended(1), LINK_STRANGE);
	ask(0); /* a slot again, never a nonce again */
	assert_true(child.questions.at[0].nonce > nonces[2]);
	answer(nonces[0], LINK_YES);
	assert_int_equal(n_ended(), 0);
	assert_int_equal(child.state, CHILD_STREAMING);
}

static void test_a_deadline_ends_it(void **state)
{
	(void)state;
	child_begins();
	child_streams(1);
	ask(0);
	ask(1);
	uint64_t nonce = child.questions.at[0].nonce;
	for (uint64_t until = now + WAIT_MS - 100; now < until;) {
		now += 100;
		hear((struct frame){ .kind = TALLY__FRAME_KIND__PING });
		child_do((struct child_event){ .kind = CHILD_TICK });
		assert_int_equal(n_ended(), 0);
	}
	now += 100;
	child_do((struct child_event){ .kind = CHILD_TICK });
	assert_int_equal(ended(0), LINK_SLOW);
	assert_int_equal(ended(1), LINK_SLOW); /* it never went out */
	answer(nonce, LINK_YES);
	assert_int_equal(n_ended(), 0);
	assert_int_equal(child.questions.stray, 1);
}

static void test_the_session_ends_it(void **state)
{
	(void)state;
	child_begins();
	child_streams(8);
	for (size_t i = 0; i < QUESTIONS_MOST; i++)
		ask(i);
	child_do((struct child_event){ .kind = CHILD_LOST });
	assert_int_equal(n_ended(), QUESTIONS_MOST);
	for (size_t i = 0; i < QUESTIONS_MOST; i++)
		assert_int_equal(ended(i), LINK_CUT);
	now += 60000;
	child_streams(8);
	assert_int_equal(said(), 0);
	assert_int_equal(questions_standing(&child.questions), 0);
	/* Lost its place: a new session on the same connection ends it too. */
	ask(3);
	now += 2000;
	hear((struct frame){ .kind = TALLY__FRAME_KIND__FAULT, .fault = LINK_SESSION });
	assert_int_equal(ended(3), LINK_CUT);
	assert_int_equal(child.state, CHILD_GREETING);
}

static void test_a_full_socket(void **state)
{
	(void)state;
	child_begins();
	child_streams(8);
	ask(0);
	uint64_t nonce = child.questions.at[0].nonce;
	child_do((struct child_event){ .kind = CHILD_UNSAID, .slot = 0 });
	assert_int_equal(said(), 0);
	ask(1);
	assert_int_equal(said(), 0);
	child_do((struct child_event){ .kind = CHILD_WRITABLE });
	assert_int_equal(said(), 1);
	child_do((struct child_event){ .kind = CHILD_TICK });
	assert_int_equal(said(), 2);
	answer(nonce, LINK_YES);
	assert_int_equal(ended(0), LINK_YES);
}

static void test_a_parent_that_asks(void **state)
{
	(void)state;
	child_begins();
	child_streams(8);
	ask(0);
	hear((struct frame){ .kind = TALLY__FRAME_KIND__QUESTION, .nonce = 1, .question = 1 });
	assert_int_equal(child.state, CHILD_WAITING);
	assert_int_equal(child.fault, LINK_PROTOCOL);
	assert_int_equal(ended(0), LINK_CUT);
}

/* ---- a parent ---- */

static struct peer peer;
static struct peer_ledger held;
static struct peer_actions acted;
static const uint8_t session[FRAME_SESSION_BYTES] = "a session of us";

static void peer_do(struct peer_event e)
{
	parent_step(&peer, &e, now, &acted);
}

static void peer_hears(struct frame f)
{
	struct peer_claim claim = { 0 };

	memcpy(f.session, session, sizeof f.session);
	peer_do((struct peer_event){
		.kind = PEER_FRAME, .frame = &f, .claims = &claim, .here = true });
}

static void peer_begins(struct link_questions_conf questions)
{
	const struct peer_conf conf = {
		.heartbeat_ms = 1000, .window = 1 << 20, .questions = questions
	};

	held = (struct peer_ledger){ .origin = ORIGIN };
	parent_init(&peer, &conf, &held, 1);
}

static void peer_greeted(void)
{
	struct frame_ledger state = { .origin = ORIGIN };

	peer_hears((struct frame){ .kind = TALLY__FRAME_KIND__HELLO,
		.protocol = 1,
		.ledgers = &state,
		.n_ledgers = 1 });
	assert_int_equal(peer.state, PEER_LIVE);
}

/* LINK_NONE: it went to the worker; else the answer. */
static int peer_asked(uint64_t nonce)
{
	peer_hears((struct frame){
		.kind = TALLY__FRAME_KIND__QUESTION, .nonce = nonce, .question = 1 });
	assert_int_equal(acted.n, 1);
	if (acted.at[0].kind == PEER_ASK)
		return LINK_NONE;
	assert_int_equal(acted.at[0].kind, PEER_ANSWER);
	assert_int_equal(acted.at[0].nonce, nonce);
	return acted.at[0].answer.answer;
}

static size_t worked(uint64_t nonce, uint32_t serial)
{
	static const struct link_answer no = { LINK_NO, "A02" };

	peer_do((struct peer_event){
		.kind = PEER_ANSWERED, .nonce = nonce, .serial = serial, .answer = &no });
	if (acted.n) {
		assert_int_equal(acted.at[0].kind, PEER_ANSWER);
		assert_int_equal(acted.at[0].nonce, nonce);
		assert_string_equal(acted.at[0].answer.rule, "A02");
		assert_memory_equal(acted.at[0].session, session, sizeof session);
	}
	return acted.n;
}

static void test_a_bucket_a_child(void **state)
{
	(void)state;
	now = 123456789;
	peer_begins((struct link_questions_conf){ .rate = 2, .burst = 10, .standing = 100 });
	peer_greeted();
	for (uint64_t n = 1; n <= 10; n++)
		assert_int_equal(peer_asked(n), LINK_NONE);
	assert_int_equal(peer_asked(11), LINK_MANY);
	now += 499;
	assert_int_equal(peer_asked(12), LINK_MANY);
	now += 1;
	assert_int_equal(peer_asked(13), LINK_NONE);
	assert_int_equal(peer_asked(14), LINK_MANY);
	/* A new session finds the same bucket. */
	peer_greeted();
	assert_int_equal(peer_asked(15), LINK_MANY);
	/* However long it was, it never holds more than the burst. */
	now += 1000ULL * 3600 * 24 * 365;
	peer_greeted();
	for (uint64_t n = 1; n <= 10; n++)
		assert_int_equal(peer_asked(n), LINK_NONE);
	assert_int_equal(peer_asked(11), LINK_MANY);
}

/* Against a slow count: in no span of time are more taken than the bucket and what flowed in. */
static void test_the_bucket_against_a_count(void **state)
{
	static uint64_t taken[20000];
	const struct link_questions_conf conf = { .rate = 3, .burst = 7, .standing = UINT32_MAX };
	struct answers a;
	uint64_t chance = 7, n = 0, t = 5;

	(void)state;
	answers_init(&a, &conf, t);
	for (int i = 0; i < 20000; i++) {
		chance = chance * 6364136223846793005U + 1442695040888963407U;
		t += (chance >> 33) % 10 == 0 ? (chance >> 40) % 5000 : (chance >> 40) % 150;
		if (answers_take(&a, &conf, t) == LINK_NONE)
			taken[n++] = t;
	}
	assert_true(n > 5000);
	for (uint64_t i = 0; i < n; i += 7)
		for (uint64_t k = i; k < n && k < i + 300; k++)
			assert_true((k - i + 1) * 1000 <=
				    conf.burst * 1000 + (taken[k] - taken[i]) * conf.rate);
}

static void test_standing_and_older_sessions(void **state)
{
	(void)state;
	now = 5000;
	peer_begins((struct link_questions_conf){ .rate = 100, .burst = 100, .standing = 2 });
	peer_greeted();
	uint32_t serial = peer.serial;
	assert_int_equal(peer_asked(1), LINK_NONE);
	assert_int_equal(peer_asked(2), LINK_NONE);
	assert_int_equal(peer_asked(3), LINK_MANY);
	assert_int_equal(worked(1, serial), 1);
	assert_int_equal(peer_asked(4), LINK_NONE);
	/* What the older session asked is answered to nobody, and still takes its place. */
	peer_greeted();
	assert_int_equal(peer_asked(5), LINK_MANY);
	assert_int_equal(worked(2, serial), 0);
	assert_int_equal(peer_asked(6), LINK_NONE);
	assert_int_equal(worked(4, serial), 0);
	assert_int_equal(worked(6, peer.serial), 1);
	assert_int_equal(peer.answers.standing, 0);
	/* Nor to a child that is gone. */
	assert_int_equal(peer_asked(7), LINK_NONE);
	serial = peer.serial;
	peer_do((struct peer_event){ .kind = PEER_UNREACHABLE });
	assert_int_equal(worked(7, serial), 0);
}

static void test_who_answers_nothing(void **state)
{
	(void)state;
	now = 5000;
	peer_begins((struct link_questions_conf){ 0 });
	peer_greeted();
	assert_int_equal(peer_asked(1), LINK_UNKNOWN);
	assert_int_equal(peer.state, PEER_LIVE);
	/* An ANSWER is the parent's to give. */
	peer_hears((struct frame){ .kind = TALLY__FRAME_KIND__ANSWER, .nonce = 1, .answer = 1 });
	assert_int_equal(peer.state, PEER_ABSENT);
	assert_int_equal(peer.fault, LINK_PROTOCOL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_away_and_old),
		cmocka_unit_test(test_each_its_own_answer),
		cmocka_unit_test(test_a_deadline_ends_it),
		cmocka_unit_test(test_the_session_ends_it),
		cmocka_unit_test(test_a_full_socket),
		cmocka_unit_test(test_a_parent_that_asks),
		cmocka_unit_test(test_a_bucket_a_child),
		cmocka_unit_test(test_the_bucket_against_a_count),
		cmocka_unit_test(test_standing_and_older_sessions),
		cmocka_unit_test(test_who_answers_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
