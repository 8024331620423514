/* The example of proto/README.md is what the code does: whoever writes a client by that page is
 * understood. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/link/frame.h"
#include "proto/link.pb-c.h"

static char page[64 * 1024];
static uint8_t value[4096];

/* The bytes of a line "    name  hex" and of the lines after it that go on with hex only. */
static struct text example(const char *name)
{
	char line_start[64], hex[2 * sizeof value];
	size_t n = 0;

	snprintf(line_start, sizeof line_start, "\n    %s ", name);
	const char *section = strstr(page, "\n## 7. An example");
	const char *p = section ? strstr(section, line_start) : NULL;
	assert_non_null(p);
	for (p += strlen(line_start); n < sizeof hex; p++) {
		if (isxdigit((unsigned char)*p))
			hex[n++] = *p;
		else if (*p == '\n' && strncmp(p, "\n              ", 15) != 0)
			break;
	}
	assert_int_equal(hex_get(value, n / 2, (struct text){ hex, n }), 0);
	return (struct text){ (char *)value, n / 2 };
}

static void take(const char *name, void *out, size_t n)
{
	struct text t = example(name);
	assert_int_equal(t.n, n);
	memcpy(out, t.p, n);
}

static int setup(void **state)
{
	FILE *f = fopen("proto/README.md", "r"); /* tests run at the top of the tree */

	(void)state;
	if (!f)
		return -1;
	size_t n = fread(page, 1, sizeof page - 1, f);
	fclose(f);
	return n > 0 && hash_init() == 0 ? 0 : -1;
}

static void test_the_batch_is_accepted(void **state)
{
	struct arena a;
	struct ledger_batch b;
	struct frame f;
	uint8_t signer[SIGN_PUBLIC_BYTES], head[HASH_BYTES], seal[SIGN_BYTES], hash[HASH_BYTES];

	(void)state;
	arena_init(&a, FRAME_ARENA);
	take("child_signer", signer, sizeof signer);
	take("head", head, sizeof head);
	take("seal", seal, sizeof seal);
	hash_entry(hash, example("entry"));
	assert_memory_equal(hash, head, sizeof head);
	struct text frame = example("frame");
	assert_int_equal(frame_unpack(&f, frame, &a), LINK_OK);
	assert_int_equal(f.kind, TALLY__FRAME_KIND__BATCH);
	assert_true(text_eq(f.batch, example("batch")));
	assert_int_equal(ledger_batch_check(&b, f.batch, f.origin, signer, &a), 0);
	assert_int_equal(b.origin, 310115);
	assert_int_equal(b.last, 1);
	assert_memory_equal(b.head, head, sizeof head);
	assert_memory_equal(b.signature, seal, sizeof seal);
	signer[0] ^= 1;
	assert_int_equal(ledger_batch_check(&b, f.batch, f.origin, signer, &a), ERR_SIGNER);
	arena_deinit(&a);
}

static void test_the_hello_tells_the_gates(void **state)
{
	static const uint8_t gates[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct arena a;
	struct frame f;
	struct buf again = { 0 };
	uint8_t head[HASH_BYTES];

	(void)state;
	arena_init(&a, FRAME_ARENA);
	take("head", head, sizeof head);
	assert_int_equal(frame_unpack(&f, example("hello"), &a), LINK_OK);
	assert_int_equal(f.kind, TALLY__FRAME_KIND__HELLO);
	assert_int_equal(f.n_ledgers, 1);
	assert_int_equal(f.ledgers[0].origin, 310115);
	assert_memory_equal(f.ledgers[0].head, head, sizeof head);
	assert_int_equal(f.gates.n, sizeof gates);
	assert_memory_equal(f.gates.p, gates, sizeof gates);
	frame_pack(&f, &again);
	assert_true(text_eq(buf_as_text(&again), example("hello")));
	buf_deinit(&again);
	arena_deinit(&a);
}

static void test_seal_and_receipt(void **state)
{
	struct sign_key k;
	uint8_t seed[SIGN_SEED_BYTES], head[HASH_BYTES], wanted[SIGN_BYTES], made[SIGN_BYTES];

	(void)state;
	take("head", head, sizeof head);
	take("child_seed", seed, sizeof seed);
	take("seal", wanted, sizeof wanted);
	sign_key_init(&k, seed);
	sign_position(made, &k, SIGN_SEAL, 310115, 1, head);
	assert_memory_equal(made, wanted, sizeof made);
	take("parent_seed", seed, sizeof seed);
	take("receipt", wanted, sizeof wanted);
	sign_key_init(&k, seed);
	sign_position(made, &k, SIGN_RECEIPT, 310115, 1, head);
	assert_memory_equal(made, wanted, sizeof made);
	assert_int_equal(example("sealed").n, 56);
	assert_int_equal(example("receipted").n, 59);
}

static void test_what_comes_down(void **state)
{
	struct arena a;
	struct ledger_batch b;
	struct frame f;
	uint8_t signer[SIGN_PUBLIC_BYTES], head[HASH_BYTES], seal[SIGN_BYTES], hash[HASH_BYTES];

	(void)state;
	arena_init(&a, FRAME_ARENA);
	take("parent_signer", signer, sizeof signer);
	take("down_head", head, sizeof head);
	take("down_seal", seal, sizeof seal);
	hash_entry(hash, example("down_entry"));
	assert_memory_equal(hash, head, sizeof head);
	assert_int_equal(frame_unpack(&f, example("publish"), &a), LINK_OK);
	assert_int_equal(f.kind, TALLY__FRAME_KIND__PUBLISH);
	assert_int_equal(f.origin, ORIGIN_DECISIONS(310000));
	assert_int_equal(ledger_batch_check(&b, f.batch, f.origin, signer, &a), 0);
	assert_memory_equal(b.head, head, sizeof head);
	assert_memory_equal(b.signature, seal, sizeof seal);
	assert_int_equal(frame_unpack(&f, example("follow"), &a), LINK_OK);
	assert_int_equal(f.kind, TALLY__FRAME_KIND__FOLLOW);
	assert_int_equal(f.n_ledgers, 1);
	assert_int_equal(f.ledgers[0].origin, b.origin);
	assert_int_equal(f.ledgers[0].position, 0);
	arena_deinit(&a);
}

/* The page's table of faults is the code's. */
static void test_every_fault_stands_on_the_page(void **state)
{
	char row[64];

	(void)state;
	for (int i = 1; i < LINK_FAULT_END; i++) {
		snprintf(row, sizeof row, "\n| %d | %s |", i, link_fault_word(i));
		if (!strstr(page, row))
			fail_msg("proto/README.md has no row%s", row);
	}
}

static void test_the_limits_stand_on_the_page(void **state)
{
	(void)state;
	assert_int_equal(LEDGER_BATCH_MAX, 212992);
	assert_int_equal(FRAME_MAX, 221184);
	assert_int_equal(LEDGER_ENTRY_MAX, 16384);
	assert_non_null(strstr(page, "212,992"));
	assert_non_null(strstr(page, "221,184"));
	assert_non_null(strstr(page, "16,384"));
	assert_non_null(strstr(page, "at least 4,096"));
}

static void test_a_question_and_its_answers(void **state)
{
	struct arena a;
	struct frame f;
	struct buf again = { 0 };
	static const char *const names[] = { "question", "answer_yes", "answer_no" };

	(void)state;
	arena_init(&a, FRAME_ARENA);
	assert_int_equal(frame_unpack(&f, example("question"), &a), LINK_OK);
	assert_int_equal(f.kind, TALLY__FRAME_KIND__QUESTION);
	assert_int_equal(f.question, TALLY__QUESTION_KIND__SUBSIDY);
	Tally__SubsidyQuestion *q =
		tally__subsidy_question__unpack(&a.pb, f.asked.n, (const uint8_t *)f.asked.p);
	assert_non_null(q);
	assert_int_equal(q->person.len, 16);
	assert_true(text_eq(
		(struct text){ (char *)q->purpose.data, q->purpose.len }, TEXT("training")));
	assert_int_equal(q->claimed_on, 20200601);
	assert_true(text_eq(f.asked, example("asked")));
	assert_int_equal(frame_unpack(&f, example("answer_yes"), &a), LINK_OK);
	assert_int_equal(f.answer, LINK_YES);
	assert_int_equal(frame_unpack(&f, example("answer_no"), &a), LINK_OK);
	assert_int_equal(f.answer, LINK_NO);
	assert_true(text_eq(f.rule, TEXT("A02")));
	/* We say it with the same bytes. */
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(frame_unpack(&f, example(names[i]), &a), LINK_OK);
		frame_pack(&f, &again);
		assert_true(text_eq(buf_as_text(&again), example(names[i])));
	}
	buf_deinit(&again);
	arena_deinit(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_batch_is_accepted),
		cmocka_unit_test(test_the_hello_tells_the_gates),
		cmocka_unit_test(test_seal_and_receipt),
		cmocka_unit_test(test_what_comes_down),
		cmocka_unit_test(test_a_question_and_its_answers),
		cmocka_unit_test(test_every_fault_stands_on_the_page),
		cmocka_unit_test(test_the_limits_stand_on_the_page),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
