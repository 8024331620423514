/* The link in virtual time: thousands of small worlds, each from one seed. Faults come for a while,
 * then it is calm, and then everything must be proven equal; where a fork was planted it must be
 * named on both sides and nothing be changed.
 *
 *     TALLY_SIM_SEEDS=n   runs n seeds instead of 3,000
 *     TALLY_SIM_SEED=n    runs this one
 *
 * The last tests plant a defect into the world and want the simulator to find it: a simulator that
 * cannot fail is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/simulation/link_world.c"

#define SEEDS 3000
#define CALM_MS 400000
#define SEES(faults, fault) ((faults)&1UL << (fault))

static struct world world;

/* ---- what happens ---- */

static void something_happens(struct world *w)
{
	struct world_node *n = &w->nodes[world_chance(w, w->n_nodes)];

	switch (world_chance(w, 18)) {
	case 0:
		world_cut(w, n);
		break;
	case 1:
		if (n->up)
			world_node_kill(w, n);
		else
			world_node_start(w, n);
		break;
	case 2:
		if (world_chance(w, 3) > 0)
			break;
		if (w->parent_up)
			world_parent_kill(w);
		else
			world_parent_start(w);
		break;
	case 3:
		w->full = world_chance(w, 4) == 0;
		break;
	case 4:
	case 5:
		/* A parent that is down decides nothing. */
		if (w->parent_up)
			world_decide(w, world_chance(w, 2) ? 1 : world_chance(w, 30));
		break;
	case 7:
	case 8:
	case 9:
		for (uint64_t i = world_chance(w, 12); i > 0; i--)
			world_ask(w, n);
		break;
	case 6:
		n->full = world_chance(w, 4) == 0;
		break;
	default:
		/* A node that is down writes nothing. */
		if (n->up)
			world_grow(w, n, world_chance(w, w->n_ledgers),
				world_chance(w, 2) ? 1 : world_chance(w, 60));
	}
}

static void trouble(struct world *w, uint64_t events)
{
	for (uint64_t i = 0; i < events && !w->wrong[0]; i++) {
		something_happens(w);
		world_turn(w, 20 * world_chance(w, 60));
	}
}

static void calm(struct world *w)
{
	w->calm = true;
	w->full = false;
	if (!w->parent_up)
		world_parent_start(w);
	for (size_t i = 0; i < w->n_nodes; i++)
		if (!w->nodes[i].up)
			world_node_start(w, &w->nodes[i]);
	for (size_t i = 0; i < w->n_nodes; i++)
		w->nodes[i].full = false;
}

static bool is_prefix(const struct world_ledger *part, const struct world_ledger *whole)
{
	return part->n <= whole->n &&
	       memcmp(part->hash, whole->hash, (part->n + 1) * sizeof whole->hash[0]) == 0;
}

static void all_proven(struct world *w)
{
	bool proven = false;

	for (uint64_t ms = 0; ms < CALM_MS && !proven && !w->wrong[0]; ms += 1000) {
		world_turn(w, 1000);
		proven = true;
		for (size_t i = 0; i < w->n_nodes; i++)
			proven = proven && world_proven(w, &w->nodes[i]);
	}
	if (!proven)
		world_wrong(w, "not everything is proven long after the last fault");
	for (size_t k = 0; k < WORLD_KEYS; k++)
		for (size_t i = 0; i < w->n_ledgers; i++)
			if (!is_prefix(&w->stores[k][i], &w->nodes[k].ledgers[i]))
				world_wrong(w, "the parent's ledger is not the child's");
}

/* Every copy of the decisions becomes whole; and what is decided then, at every link that streams,
 * at once. */
static void all_followed(struct world *w)
{
	bool followed = false;

	for (uint64_t ms = 0; ms < CALM_MS && !followed && !w->wrong[0]; ms += 1000) {
		world_turn(w, 1000);
		followed = true;
		for (size_t i = 0; i < w->n_nodes; i++)
			followed = followed && world_followed(w, &w->nodes[i]);
	}
	if (!followed)
		world_wrong(
			w, "not every copy of the decisions is whole long after the last fault");
	world_turn(w, 20000); /* a FOLLOW that was lost is said again by now */
	world_decide(w, 1 + world_chance(w, 5));
	world_turn(w, 3000);
	for (size_t i = 0; i < w->n_nodes; i++)
		if (!world_followed(w, &w->nodes[i]))
			world_wrong(w, "a decision takes long");
}

/* Now that it is calm and the buckets are full, every question is answered. */
static void all_answered(struct world *w)
{
	world_turn(w, 20000);
	for (size_t i = 0; i < w->n_nodes && !w->wrong[0]; i++) {
		struct world_node *n = &w->nodes[i];
		uint64_t right = n->n_right, asks = 1 + world_chance(w, QUESTIONS_MOST);
		for (uint64_t k = 0; k < asks; k++)
			world_ask(w, n);
		world_turn(w, 1500);
		if (n->n_right - right != asks)
			world_wrong(w, "a question in calm weather is not answered");
	}
}

/* ---- what was planted ---- */

static void ordinary(struct world *w)
{
	trouble(w, 80);
	calm(w);
	all_proven(w);
	all_followed(w);
	all_answered(w);
}

/* The parent's store is set back: it is given everything again. */
static void parent_restored(struct world *w)
{
	trouble(w, 40);
	if (w->parent_up)
		world_parent_kill(w);
	world_turn(w, 100000); /* nothing that an older life said is under way */
	world_parent_restore(w, world_chance(w, 4));
	world_parent_start(w);
	trouble(w, 20);
	calm(w);
	all_proven(w);
	all_followed(w);
}

/* The parent's decisions are set back, and it may decide otherwise: the children keep what they
 * hold, both sides name it, and the children's ledgers go up as ever. */
static void decisions_restored(struct world *w)
{
	static struct world_ledger before;
	bool decides = world_chance(w, 2);

	trouble(w, 40);
	calm(w);
	world_decide(w, 10);
	all_followed(w);
	before = w->decisions;
	world_parent_kill(w);
	world_turn(w, 100000);
	world_decisions_restore(w, 1 + world_chance(w, before.n - 1));
	for (size_t i = 0; i < WORLD_KEYS; i++)
		w->unfit[i] = w->nodes[i].follow_faults = 0;
	world_parent_start(w);
	if (decides)
		world_decide(w, 1 + world_chance(w, 40));
	w->calm = false;
	trouble(w, 20);
	calm(w);
	all_proven(w);
	world_turn(w, 100000);
	for (size_t i = 0; i < w->n_nodes; i++) {
		unsigned long named = w->nodes[i].follow_faults & w->unfit[i];
		if (!SEES(named, LINK_BEHIND) && !SEES(named, LINK_FORK))
			world_wrong(w, "decisions that do not fit are not named on both sides");
		if (w->nodes[i].copy.n != before.n || !is_prefix(&w->nodes[i].copy, &before))
			world_wrong(w, "a copy was changed by decisions that do not fit it");
	}
}

/* A collector comes back with an old copy of its disk; it may go on writing. */
static void child_restored(struct world *w)
{
	static struct world_ledger before[WORLD_LEDGERS];
	struct world_node *n = &w->nodes[0];
	bool writes = world_chance(w, 2);

	trouble(w, 30);
	calm(w);
	world_grow(w, n, 0, 10);
	all_proven(w);
	world_node_kill(w, n);
	world_turn(w, 30000);
	memcpy(before, n->ledgers, sizeof before);
	n->ledgers[0].n -= 1 + world_chance(w, n->ledgers[0].n);
	n->receipts[0] = n->ledgers[0].n;
	n->faults = 0;
	w->parent_faults[0] = 0;
	w->calm = world_chance(w, 2);
	world_node_start(w, n);
	if (writes)
		world_grow(w, n, 0, world_chance(w, 40));
	world_turn(w, 60000);
	calm(w);
	world_turn(w, CALM_MS);
	if (!SEES(n->faults, LINK_BEHIND) && !SEES(n->faults, LINK_FORK))
		world_wrong(w, "the restored child does not name it");
	if (!SEES(w->parent_faults[0], LINK_BEHIND) && !SEES(w->parent_faults[0], LINK_FORK))
		world_wrong(w, "the parent does not name the restored child");
	if (w->stores[0][0].n != before[0].n || !is_prefix(&w->stores[0][0], &before[0]))
		world_wrong(w, "the parent's ledger was changed by a restored child");
	if (!world_proven(w, &w->nodes[1]))
		world_wrong(w, "another child's link stands still");
}

/* Two machines with one disk's content; both write. */
static void child_cloned(struct world *w)
{
	trouble(w, 30);
	if (!w->nodes[0].up)
		world_node_start(w, &w->nodes[0]);
	struct world_node *a = &w->nodes[0], *b = world_clone(w, a);
	w->parent_faults[0] = a->faults = 0;
	world_grow(w, a, 0, 1 + world_chance(w, 20));
	world_grow(w, b, 0, 1 + world_chance(w, 20));
	w->slow = world_chance(w, 2);
	for (int i = 0; i < 40 && !w->wrong[0]; i++) {
		world_grow(w, &w->nodes[world_chance(w, 2) ? 0 : 2], 0, world_chance(w, 5));
		/* The one falls away while its batches wait for the store, and the other comes at
		 * once. */
		if (world_chance(w, 4) == 0) {
			bool first = world_chance(w, 2);
			world_cut(w, first ? a : b);
			world_node_kill(w, first ? b : a);
			world_node_start(w, first ? b : a);
		}
		world_turn(w, 20 * world_chance(w, 100));
	}
	calm(w);
	world_turn(w, CALM_MS);
	unsigned long named = 1UL << LINK_DUPLICATE | 1UL << LINK_FORK | 1UL << LINK_BEHIND;
	if (!((a->faults | b->faults) & named))
		world_wrong(w, "neither clone names it");
	if (!(w->parent_faults[0] & named))
		world_wrong(w, "the parent does not name the clone");
	if (!is_prefix(&w->stores[0][0], &a->ledgers[0]) &&
		!is_prefix(&w->stores[0][0], &b->ledgers[0]))
		world_wrong(w, "the parent's ledger is neither clone's");
	if (!world_proven(w, &w->nodes[1]))
		world_wrong(w, "another child's link stands still");
}

/* NULL, or what went wrong. */
static const char *run(uint64_t seed, enum world_break broken)
{
	static void (*const scenes[10])(struct world *) = { child_restored, child_cloned,
		parent_restored, decisions_restored, ordinary, ordinary, ordinary, ordinary,
		ordinary, ordinary };

	world_init(&world, seed * 0x2545f4914f6cdd1dU + 1, broken);
	scenes[seed % 10](&world);
	return world.wrong[0] ? world.wrong : NULL;
}

/* ---- tests ---- */

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

static void test_seeds(void **state)
{
	uint64_t one = number("TALLY_SIM_SEED", 0);
	uint64_t first = one ? one : 1, last = one ? one : number("TALLY_SIM_SEEDS", SEEDS);

	(void)state;
	for (uint64_t seed = first; seed <= last; seed++) {
		const char *wrong = run(seed, BREAK_NOTHING);
		if (wrong)
			world_print(&world);
		if (wrong)
			fail_msg("seed %llu: %s\nagain: TALLY_SIM_SEED=%llu %s",
				(unsigned long long)seed, wrong, (unsigned long long)seed,
				program_invocation_name);
	}
}

static void must_be_found(enum world_break broken)
{
	for (uint64_t seed = 1; seed <= 1000; seed++)
		if (run(seed, broken))
			return;
	fail_msg("a planted defect was not found in 1,000 seeds: the simulator is blind");
}

static void test_finds_an_ack_before_the_commit(void **state)
{
	(void)state;
	must_be_found(BREAK_ACK);
}

static void test_finds_a_fork_that_is_taken_in(void **state)
{
	(void)state;
	must_be_found(BREAK_FORK);
}

static void test_finds_a_child_that_believes_every_head(void **state)
{
	(void)state;
	must_be_found(BREAK_CLAIM);
}

static void test_finds_a_follow_before_the_commit(void **state)
{
	(void)state;
	must_be_found(BREAK_FOLLOW);
}

static void test_finds_a_copy_that_takes_a_fork_in(void **state)
{
	(void)state;
	must_be_found(BREAK_COPY);
}

static void test_finds_decisions_that_wake_nobody(void **state)
{
	(void)state;
	must_be_found(BREAK_WAKE);
}

static void test_finds_an_answer_to_another_question(void **state)
{
	(void)state;
	must_be_found(BREAK_NONCE);
}

static void test_finds_a_question_that_is_forgotten(void **state)
{
	(void)state;
	must_be_found(BREAK_FORGET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seeds),
		cmocka_unit_test(test_finds_an_ack_before_the_commit),
		cmocka_unit_test(test_finds_a_fork_that_is_taken_in),
		cmocka_unit_test(test_finds_a_child_that_believes_every_head),
		cmocka_unit_test(test_finds_a_follow_before_the_commit),
		cmocka_unit_test(test_finds_a_copy_that_takes_a_fork_in),
		cmocka_unit_test(test_finds_decisions_that_wake_nobody),
		cmocka_unit_test(test_finds_an_answer_to_another_question),
		cmocka_unit_test(test_finds_a_question_that_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
