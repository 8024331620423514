/* Questions over real sockets, asked by several threads while ledgers go up: each thread gets its
 * own answer, and every way of not getting one has its word. */
#include "tests/unit/link_loop_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define ASKERS 6
#define ROUNDS 60

static _Atomic int wait_ms; /* the worker's */

/* "310101 17": an even number is answered by no and the rule Q17, and so on. */
static void on_question(
	void *arg, uint32_t origin, const struct link_question *q, struct link_answer *out)
{
	char text[LINK_ASKED_MAX + 1] = "";
	uint32_t from, number;

	(void)arg;
	memcpy(text, q->asked.p, q->asked.n);
	usleep((useconds_t)wait_ms * 1000);
	if (q->kind != 1)
		out->answer = LINK_UNKNOWN;
	else if (sscanf(text, "%u %u", &from, &number) != 2 || from != origin)
		out->answer = LINK_UNCLEAR;
	else if (number == 13)
		out->answer = LINK_NONE; /* a callback that forgets */
	else
		out->answer = number % 2 ? LINK_YES : LINK_NO;
	if (out->answer == LINK_NO)
		snprintf(out->rule, sizeof out->rule, "Q%u", number);
}

static struct link_answer ask_from(struct node *n, uint32_t kind, const char *said)
{
	struct link_question q = { kind, text_of(said) };
	struct link_asked *asked = link_child_ask(n->child, &q);
	struct link_answer answer;

	assert_non_null(asked);
	for (uint64_t until = clock_mono_ms() + PATIENCE_MS; !link_asked_wait(asked, 0, &answer);) {
		uv_run(loop_uv(loop), UV_RUN_NOWAIT);
		assert_true(clock_mono_ms() < until);
	}
	link_asked_close(asked);
	return answer;
}

static struct link_answer ask(struct node *n, uint32_t number)
{
	char said[40];

	snprintf(said, sizeof said, "%u %u", n->origin, number);
	return ask_from(n, 1, said);
}

struct asker {
	pthread_t thread;
	struct node *node;
	uint32_t first;
	int right, refused, wrong;
};
static _Atomic int asking;

static void *asker_main(void *arg)
{
	struct asker *a = arg;

	for (uint32_t i = a->first; i < a->first + ROUNDS; i++) {
		char said[40], rule[40];
		struct link_answer answer;
		snprintf(said, sizeof said, "%u %u", a->node->origin, i);
		snprintf(rule, sizeof rule, "Q%u", i);
		struct link_question q = { 1, text_of(said) };
		struct link_asked *asked = link_child_ask(a->node->child, &q);
		while (!link_asked_wait(asked, 50, &answer))
			;
		link_asked_close(asked);
		bool yes = answer.answer == LINK_YES && i % 2 && !answer.rule[0];
		bool no = answer.answer == LINK_NO && i % 2 == 0 && !strcmp(answer.rule, rule);
		bool good = yes || no;
		a->right += good;
		a->refused += answer.answer == LINK_MANY || answer.answer == LINK_CROWDED ||
			      answer.answer == LINK_CUT || answer.answer == LINK_AWAY;
		a->wrong += !good && (answer.answer == LINK_YES || answer.answer == LINK_NO);
	}
	asking--;
	return NULL;
}

static void begin(uint32_t rate, uint32_t burst, uint32_t standing)
{
	wait_ms = 0;
	city.on_question = on_question;
	city.questions = (struct link_questions_conf){ rate, burst, standing };
	serve();
	for (int i = 0; i < CHILDREN; i++) {
		grow(&nodes[i], 10);
		join(&nodes[i]);
	}
	for (int i = 0; i < CHILDREN; i++)
		wait_proven(&nodes[i]);
}

static uint64_t sum(const uint64_t *counts, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += counts[i];
	return all;
}

static void test_everyone_gets_its_own(void **state)
{
	struct asker askers[ASKERS];
	struct link_child_status s;
	struct link_peer_status peer;
	uint64_t began = clock_mono_us();

	(void)state;
	begin(100000, 100000, 4);
	for (uint32_t i = 1; i <= 200; i++)
		assert_int_equal(ask(&nodes[0], 100 + i).answer, i % 2 ? LINK_YES : LINK_NO);
	printf("a question and its answer: %llu us\n",
		(unsigned long long)(clock_mono_us() - began) / 200);
	asking = ASKERS;
	for (uint32_t i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){ .node = &nodes[i % 2], .first = 1000 + i * ROUNDS };
		pthread_create(&askers[i].thread, NULL, asker_main, &askers[i]);
	}
	while (asking > 0) {
		grow(&nodes[0], 50);
		uv_run(loop_uv(loop), UV_RUN_ONCE);
	}
	for (uint32_t i = 0; i < ASKERS; i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].wrong, 0);
		assert_int_equal(askers[i].right, ROUNDS);
	}
	wait_proven(&nodes[0]);
	link_child_status(nodes[0].child, &s);
	assert_int_equal(s.questions.granted, 4);
	assert_int_equal(s.questions.standing, 0);
	assert_int_equal(s.questions.stray, 0);
	assert_int_equal(s.questions.asked, 200 + ASKERS / 2 * ROUNDS);
	assert_int_equal(sum(s.questions.ended, LINK_ANSWER_LAST), s.questions.asked);
	link_parent_status(city.parent, 0, &peer);
	assert_int_equal(peer.asked, s.questions.asked);
	assert_int_equal(peer.answered[LINK_YES] + peer.answered[LINK_NO], peer.asked);
	link_parent_status(city.parent, 2, &peer);
	assert_int_equal(peer.asked, 0);
}

static void test_what_is_no_answer(void **state)
{
	(void)state;
	begin(100000, 100000, 8);
	assert_int_equal(ask_from(&nodes[0], 2, "310101 1").answer, LINK_UNKNOWN);
	/* Who asks is known from its key, whatever it says. */
	assert_int_equal(ask_from(&nodes[0], 1, "310102 1").answer, LINK_UNCLEAR);
	assert_int_equal(ask_from(&nodes[0], 1, "x").answer, LINK_UNCLEAR);
	assert_int_equal(ask(&nodes[0], 13).answer, LINK_UNABLE);
	assert_int_equal(ask(&nodes[0], 15).answer, LINK_YES);
}

static void test_a_flood_is_limited(void **state)
{
	struct link_peer_status peer;
	int yes = 0, many = 0;

	(void)state;
	begin(1, 20, 8);
	uint64_t began = clock_mono_ms();
	for (uint32_t i = 0; i < 200; i++) {
		int answer = ask(&nodes[0], 2 * i + 21).answer;
		yes += answer == LINK_YES;
		many += answer == LINK_MANY;
	}
	int flowed = (int)((clock_mono_ms() - began) / 1000) + 1;
	assert_int_equal(yes + many, 200);
	assert_in_range(yes, 20, 20 + flowed);
	/* Another district does not notice. */
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(ask(&nodes[1], 2 * i + 21).answer, LINK_YES);
	link_parent_status(city.parent, 0, &peer);
	assert_int_equal(peer.asked, 200);
	assert_int_equal(peer.answered[LINK_MANY], many);
	/* And its ledger goes up as ever. */
	grow(&nodes[0], 100);
	wait_proven(&nodes[0]);
}

static void test_a_parent_that_is_old_or_away(void **state)
{
	struct link_child_status s;

	(void)state;
	begin(0, 0, 0);
	assert_int_equal(ask(&nodes[0], 1).answer, LINK_OLD);
	link_child_status(nodes[0].child, &s);
	assert_true(s.away_s < 0);
	assert_int_equal(s.questions.granted, 0);
	link_parent_close(city.parent);
	city.parent = NULL;
	turn_for(300);
	assert_int_equal(ask(&nodes[0], 1).answer, LINK_AWAY);
	link_child_status(nodes[0].child, &s);
	assert_true(s.away_s >= 0);
}

/* The worker is slow: nothing else waits for it, too many are told so, and when the parent goes
 * under a question that stands, it ends. */
static void test_a_slow_worker(void **state)
{
	struct link_question q = { 1, TEXT("310101 1") };
	struct link_asked *asked[12];
	struct link_answer answer;
	int ends[LINK_ANSWER_LAST] = { 0 };

	(void)state;
	begin(100000, 100000, 3);
	wait_ms = 700;
	for (size_t i = 0; i < 12; i++)
		asked[i] = link_child_ask(nodes[0].child, &q);
	uint64_t began = clock_mono_ms();
	grow(&nodes[0], 100);
	wait_proven(&nodes[0]);
	assert_true(clock_mono_ms() - began < 600);
	turn_for(1000); /* the first is answered; the parent goes while others stand */
	link_parent_close(city.parent);
	city.parent = NULL;
	for (uint64_t until = clock_mono_ms() + 3000; clock_mono_ms() < until;)
		uv_run(loop_uv(loop), UV_RUN_ONCE);
	for (size_t i = 0; i < 12; i++) {
		assert_true(link_asked_wait(asked[i], 0, &answer));
		ends[answer.answer]++;
		link_asked_close(asked[i]);
	}
	assert_int_equal(ends[LINK_CROWDED], 4);
	assert_true(ends[LINK_YES] >= 1);
	assert_true(ends[LINK_CUT] >= 1);
	assert_int_equal(ends[LINK_YES] + ends[LINK_CUT], 8);
}

/* The child's own end: a thread that waits is told, before and after. */
static void test_a_link_that_is_closed(void **state)
{
	struct link_question q = { 1, TEXT("310101 1") };
	struct link_answer answer;

	(void)state;
	begin(100000, 100000, 8);
	wait_ms = 500;
	struct link_asked *sent = link_child_ask(nodes[0].child, &q);
	turn_for(100);
	struct link_asked *waits = link_child_ask(nodes[0].child, &q),
			  *nobody = link_child_ask(nodes[0].child, &q);
	link_asked_close(nobody); /* nobody waits for it */
	link_child_close(nodes[0].child);
	nodes[0].child = NULL;
	assert_true(link_asked_wait(sent, 0, &answer));
	assert_int_equal(answer.answer, LINK_CUT);
	assert_true(link_asked_wait(waits, 0, &answer));
	assert_int_equal(answer.answer, LINK_AWAY);
	link_asked_close(sent);
	link_asked_close(waits);
	turn_for(700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_everyone_gets_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_flood_is_limited, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_parent_that_is_old_or_away, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_slow_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_link_that_is_closed, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
