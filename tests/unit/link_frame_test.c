/* Frames: what is packed comes out again; hostile bytes come out as a fault, within the budget of
 * memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/link/fault.h"
#include "daemon/link/frame.h"
#include "proto/link.pb-c.h"

static struct arena arena;
static struct buf packed;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, FRAME_ARENA);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_deinit(&arena);
	buf_deinit(&packed);
	return 0;
}

static int unpack(struct frame *f, struct text bytes)
{
	arena_reset(&arena);
	return frame_unpack(f, bytes, &arena);
}

static void states_make(struct frame_ledger *l, size_t n, bool is_signed)
{
	for (size_t i = 0; i < n; i++) {
		l[i] = (struct frame_ledger){
			.origin = 310101 + (uint32_t)i, .position = i, .is_signed = is_signed
		};
		if (i > 0)
			random_bytes(l[i].head, HASH_BYTES);
		if (is_signed)
			random_bytes(l[i].signature, SIGN_BYTES);
	}
}

static void check_round_trip(struct frame *in)
{
	struct frame out;

	random_bytes(in->session, sizeof in->session);
	frame_pack(in, &packed);
	assert_false(packed.failed);
	assert_int_equal(unpack(&out, buf_as_text(&packed)), LINK_OK);
	assert_int_equal(out.kind, in->kind);
	assert_memory_equal(out.session, in->session, FRAME_SESSION_BYTES);
	assert_int_equal(out.protocol, in->protocol);
	assert_true(text_eq(out.software, in->software));
	assert_true(text_eq(out.gates, in->gates));
	assert_int_equal(out.n_ledgers, in->n_ledgers);
	for (size_t i = 0; i < in->n_ledgers; i++) {
		const struct frame_ledger *a = &in->ledgers[i], *b = &out.ledgers[i];
		assert_int_equal(a->origin, b->origin);
		assert_int_equal(a->position, b->position);
		assert_memory_equal(a->head, b->head, HASH_BYTES);
		assert_memory_equal(a->signature, b->signature, SIGN_BYTES);
	}
	assert_int_equal(out.n_published, in->n_published);
	for (size_t i = 0; i < in->n_published; i++)
		assert_memory_equal(&in->published[i], &out.published[i], sizeof in->published[i]);
	assert_int_equal(out.credit, in->credit);
	assert_int_equal(out.origin, in->origin);
	assert_int_equal(out.raw_size, in->raw_size);
	assert_true(text_eq(out.batch, in->batch));
	assert_int_equal(out.nonce, in->nonce);
	assert_int_equal(out.fault, in->fault);
	assert_true(text_eq(out.reason, in->reason));
	assert_int_equal(out.questions, in->questions);
	assert_int_equal(out.question, in->question);
	assert_true(text_eq(out.asked, in->asked));
	assert_int_equal(out.answer, in->answer);
	assert_true(text_eq(out.rule, in->rule));
}

static void test_round_trips(void **state)
{
	struct frame_ledger ledgers[FRAME_LEDGERS_MAX];

	(void)state;
	states_make(ledgers, FRAME_LEDGERS_MAX, false);
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__HELLO,
		.protocol = 1,
		.software = TEXT("tally"),
		.gates = TEXT("8 bytes!"),
		.ledgers = ledgers,
		.n_ledgers = FRAME_LEDGERS_MAX });
	states_make(ledgers, FRAME_LEDGERS_MAX, true);
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__WELCOME,
		.protocol = 1,
		.credit = 1 << 20,
		.ledgers = ledgers,
		.n_ledgers = 3 });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__ACK,
		.credit = UINT64_MAX,
		.ledgers = ledgers,
		.n_ledgers = 1 });
	check_round_trip(&(struct frame){
		.kind = TALLY__FRAME_KIND__BATCH, .origin = 310115, .batch = TEXT("bytes") });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__BATCH,
		.origin = 310115,
		.batch = TEXT("b"),
		.raw_size = 900 });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__PING, .nonce = 7 });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__PONG, .nonce = UINT64_MAX });
	check_round_trip(&(struct frame){
		.kind = TALLY__FRAME_KIND__FAULT, .fault = LINK_FORK, .reason = TEXT("words") });
	check_round_trip(&(struct frame){ .kind = 99 });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__WELCOME,
		.protocol = 1,
		.ledgers = ledgers,
		.n_ledgers = 2,
		.published = ledgers + 4,
		.n_published = FRAME_PUBLISHED_MAX });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__PUBLISH,
		.origin = 3100001,
		.batch = TEXT("b"),
		.raw_size = 900 });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__PUBLISH,
		.origin = 3100001,
		.fault = LINK_BEHIND,
		.reason = TEXT("words") });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__WELCOME,
		.protocol = 1,
		.ledgers = ledgers,
		.n_ledgers = 1,
		.questions = 8 });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__QUESTION,
		.nonce = UINT64_MAX,
		.question = 4711,
		.asked = TEXT("what") });
	check_round_trip(&(struct frame){
		.kind = TALLY__FRAME_KIND__ANSWER, .nonce = 1, .answer = LINK_YES });
	check_round_trip(&(struct frame){ .kind = TALLY__FRAME_KIND__ANSWER,
		.nonce = 1,
		.answer = LINK_NO,
		.rule = TEXT("A02") });
	states_make(ledgers, 1, false);
	check_round_trip(&(struct frame){
		.kind = TALLY__FRAME_KIND__FOLLOW, .ledgers = ledgers, .n_ledgers = 1 });
}

/* Each takes one thing away from a good frame, or adds one: `m`, which is the HELLO again after
 * each. */
static uint8_t session_bytes[16] = { 1 }, head_bytes[33], signature_bytes[64] = { 2 };
static Tally__LedgerState one, *many[65];
static Tally__Frame hello, m;
static struct frame got;

static void hello_make(void)
{
	memset(head_bytes, 0, sizeof head_bytes);
	tally__ledger_state__init(&one);
	one.origin = 310115;
	one.head = (ProtobufCBinaryData){ 32, head_bytes };
	for (size_t i = 0; i < 65; i++)
		many[i] = &one;
	tally__frame__init(&hello);
	hello.kind = TALLY__FRAME_KIND__HELLO;
	hello.session = (ProtobufCBinaryData){ 16, session_bytes };
	hello.has_protocol = true;
	hello.protocol = 1;
	hello.n_ledgers = 1;
	hello.ledgers = many;
	m = hello;
}

static int tried(void)
{
	buf_reset(&packed);
	size_t n = tally__frame__get_packed_size(&m);
	packed.n = tally__frame__pack(&m, buf_room(&packed, n));
	m = hello;
	return unpack(&got, buf_as_text(&packed));
}

#define TRY(expected) assert_int_equal(tried(), expected)

static void test_what_a_kind_must_have(void **state)
{
	(void)state;
	hello_make();
	TRY(LINK_OK);
	/* A mark of another length is none, and no fault. */
	for (size_t n = 0; n <= 16; n++) {
		m.has_gates = true;
		m.gates = (ProtobufCBinaryData){ n, session_bytes };
		TRY(LINK_OK);
		assert_int_equal(got.gates.n, n == LINK_GATES_BYTES ? n : 0);
	}
	m.session.len = 15;
	TRY(LINK_PROTOCOL);
	m.has_protocol = false;
	TRY(LINK_PROTOCOL);
	m.n_ledgers = 0;
	TRY(LINK_PROTOCOL);
	m.n_ledgers = 65;
	TRY(LINK_PROTOCOL);
	m.has_credit = true;
	TRY(LINK_PROTOCOL);
	one.head.len = 33;
	TRY(LINK_PROTOCOL);
	one.head.len = 32;
	head_bytes[3] = 1; /* position 0 has no head */
	TRY(LINK_PROTOCOL);
	one.position = 1;
	TRY(LINK_OK);
	m.kind = TALLY__FRAME_KIND__WELCOME; /* without credit */
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__WELCOME; /* without signatures */
	m.has_credit = true;
	TRY(LINK_PROTOCOL);
	one.has_signature = true;
	one.signature = (ProtobufCBinaryData){ 64, signature_bytes };
	m.kind = TALLY__FRAME_KIND__WELCOME;
	m.has_credit = true;
	TRY(LINK_OK);
	m.kind = TALLY__FRAME_KIND__PING; /* without a nonce */
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__FAULT; /* without a number */
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__BATCH; /* without a batch */
	m.has_origin = true;
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__BATCH; /* of no ledger */
	m.has_batch = true;
	m.batch = m.session;
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__BATCH;
	m.has_batch = m.has_origin = m.has_raw_size = true;
	m.batch = m.session;
	m.raw_size = LEDGER_BATCH_MAX + 1;
	TRY(LINK_OVERSIZED);
}

static void test_what_goes_down_must_have(void **state)
{
	(void)state;
	hello_make();
	one.position = 1;
	one.has_signature = true;
	one.signature = (ProtobufCBinaryData){ 64, signature_bytes };
	m.kind = TALLY__FRAME_KIND__FOLLOW;
	TRY(LINK_OK);
	m.kind = TALLY__FRAME_KIND__FOLLOW; /* of several, and of none */
	m.n_ledgers = 2;
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__FOLLOW;
	m.n_ledgers = 0;
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__PUBLISH; /* neither a batch nor a fault */
	m.has_origin = true;
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__PUBLISH; /* both */
	m.has_origin = m.has_batch = m.has_fault = true;
	m.batch = m.session;
	m.fault = LINK_FORK;
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__PUBLISH; /* of no ledger */
	m.has_fault = true;
	m.fault = LINK_FORK;
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__PUBLISH; /* no number of a fault */
	m.has_origin = m.has_fault = true;
	m.fault = 0;
	TRY(LINK_PROTOCOL);
	m.kind = TALLY__FRAME_KIND__PUBLISH;
	m.has_origin = m.has_fault = true;
	m.fault = LINK_FORK;
	TRY(LINK_OK);
	/* What is published beyond the limit is passed over; each of the rest is as it must be. */
	m.kind = TALLY__FRAME_KIND__WELCOME;
	m.has_credit = true;
	m.n_published = 65;
	m.published = many;
	TRY(LINK_OK);
	assert_int_equal(got.n_published, FRAME_PUBLISHED_MAX);
	one.signature.len = 63;
	m.kind = TALLY__FRAME_KIND__WELCOME;
	m.has_credit = true;
	m.n_published = 1;
	m.published = many;
	TRY(LINK_PROTOCOL);
}

static void question_make(void)
{
	m.kind = TALLY__FRAME_KIND__QUESTION;
	m.has_nonce = m.has_question = m.has_asked = true;
	m.nonce = 1;
	m.question = 1;
	m.asked = m.session;
}

static void answer_make(uint32_t answer, const char *rule)
{
	m.kind = TALLY__FRAME_KIND__ANSWER;
	m.has_nonce = m.has_answer = true;
	m.answer = answer;
	m.has_rule = rule != NULL;
	m.rule = (ProtobufCBinaryData){ rule ? strlen(rule) : 0, (uint8_t *)(uintptr_t)rule };
}

static void test_what_questions_must_have(void **state)
{
	static uint8_t big[LINK_ASKED_MAX + 1];

	(void)state;
	hello_make();
	question_make();
	TRY(LINK_OK);
	question_make();
	m.has_nonce = false;
	TRY(LINK_PROTOCOL);
	question_make();
	m.has_question = false;
	TRY(LINK_PROTOCOL);
	question_make();
	m.has_asked = false;
	TRY(LINK_PROTOCOL);
	question_make();
	m.asked.len = 0;
	TRY(LINK_PROTOCOL);
	question_make();
	m.asked = (ProtobufCBinaryData){ LINK_ASKED_MAX, big };
	TRY(LINK_OK);
	question_make();
	m.asked = (ProtobufCBinaryData){ LINK_ASKED_MAX + 1, big };
	TRY(LINK_OVERSIZED);
	answer_make(LINK_YES, NULL);
	TRY(LINK_OK);
	answer_make(4711, NULL); /* of a newer parent */
	TRY(LINK_OK);
	answer_make(0, NULL);
	TRY(LINK_PROTOCOL);
	answer_make(65536, NULL);
	TRY(LINK_PROTOCOL);
	answer_make(LINK_YES, NULL);
	m.has_nonce = false;
	TRY(LINK_PROTOCOL);
	/* A no has a rule, nothing else has one, and a rule is a number of a rule and no words. */
	static const char *const bad[] = { "", "A 2", "A02\n", "\xe8\xa7\x84",
		"A0123456789012345678901234567890123" };
	answer_make(LINK_NO, "A02");
	TRY(LINK_OK);
	assert_true(text_eq(got.rule, TEXT("A02")));
	answer_make(LINK_NO, NULL);
	TRY(LINK_PROTOCOL);
	answer_make(LINK_YES, "A02");
	TRY(LINK_PROTOCOL);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		answer_make(LINK_NO, bad[i]);
		TRY(LINK_PROTOCOL);
	}
}

static void test_oversized_and_hostile(void **state)
{
	struct frame f;
	static char bytes[FRAME_MAX + 1];

	(void)state;
	assert_int_equal(unpack(&f, (struct text){ bytes, sizeof bytes }), LINK_OVERSIZED);
	assert_int_not_equal(unpack(&f, (struct text){ NULL, 0 }), LINK_OK);
	/* Field 5, empty, a hundred thousand times; and an unknown field as often: no more memory
	 * than the budget. */
	for (size_t i = 0; i + 1 < FRAME_MAX; i += 2)
		memcpy(bytes + i, "\x2a\x00", 2);
	assert_int_equal(unpack(&f, (struct text){ bytes, FRAME_MAX }), LINK_PROTOCOL);
	for (size_t i = 0; i + 2 < FRAME_MAX; i += 3)
		memcpy(bytes + i, "\xa2\x06\x00", 3);
	assert_int_equal(
		unpack(&f, (struct text){ bytes, FRAME_MAX - FRAME_MAX % 3 }), LINK_PROTOCOL);
	assert_true(arena.used <= FRAME_ARENA);
}

static void test_random_damage(void **state)
{
	struct frame_ledger ledgers[4];
	struct frame f, in = { .kind = TALLY__FRAME_KIND__WELCOME,
		.protocol = 1,
		.credit = 9,
		.ledgers = ledgers,
		.n_ledgers = 4 };

	(void)state;
	states_make(ledgers, 4, true);
	for (int i = 0; i < 20000; i++) {
		frame_pack(&in, &packed);
		for (uint64_t n = 1 + random_below(4); n > 0; n--)
			packed.p[random_below(packed.n)] ^= (char)(1 << random_below(8));
		packed.n -= random_below(3) ? 0 : random_below(packed.n);
		int fault = unpack(&f, buf_as_text(&packed));
		assert_true(fault == LINK_OK || fault == LINK_PROTOCOL);
		assert_true(f.n_ledgers <= FRAME_LEDGERS_MAX);
	}
}

static void test_squeezing(void **state)
{
	static char raw[100000];
	struct buf small = { 0 }, back = { .limit = LEDGER_BATCH_MAX };
	struct squeezer *s = squeezer_open();

	(void)state;
	assert_false(squeeze(s, (struct text){ raw, 100 }, &small)); /* too short to wait for */
	assert_true(squeeze(s, (struct text){ raw, sizeof raw }, &small));
	struct frame f = { .batch = buf_as_text(&small), .raw_size = sizeof raw };
	assert_int_equal(unsqueeze(s, &f, &back), LINK_OK);
	assert_int_equal(back.n, sizeof raw);
	assert_memory_equal(back.p, raw, sizeof raw);
	/* It opens to exactly what was said, or not at all. */
	f.raw_size = sizeof raw - 1;
	assert_int_equal(unsqueeze(s, &f, &back), LINK_PROTOCOL);
	f.raw_size = sizeof raw + 1;
	assert_int_equal(unsqueeze(s, &f, &back), LINK_PROTOCOL);
	f.raw_size = sizeof raw;
	f.batch.n--;
	assert_int_equal(unsqueeze(s, &f, &back), LINK_PROTOCOL);
	f = (struct frame){ .batch = TEXT("plain") };
	assert_int_equal(unsqueeze(s, &f, &back), LINK_OK);
	assert_int_equal(back.n, 5);
	/* What does not shrink goes plain. */
	random_bytes(raw, sizeof raw);
	assert_false(squeeze(s, (struct text){ raw, sizeof raw }, &small));
	squeezer_close(s);
	buf_deinit(&small);
	buf_deinit(&back);
}

static void test_words_of_faults(void **state)
{
	char out[200];

	(void)state;
	for (int i = 1; i < LINK_FAULT_END; i++) {
		assert_string_not_equal(link_fault_word(i), "unknown");
		assert_true(strlen(link_fault_words(i)) > 0);
	}
	assert_string_equal(link_fault_word(4711), "unknown");
	fault_print(out, sizeof out, LINK_FORK, TEXT("a\nb\033c"));
	assert_string_equal(out, "fork: a?b?c");
	fault_print(out, sizeof out, LINK_GAP, TEXT("\xff\xfe"));
	assert_string_equal(out, "gap: entries are missing in between");
	fault_print(out, sizeof out, LINK_OK, TEXT("x"));
	assert_string_equal(out, "");
}

static void test_keys(void **state)
{
	struct link_keys k, other;

	(void)state;
	link_keys_make(&k);
	assert_int_equal(strlen(k.public_key), 40);
	other = k;
	memset(other.public_key, 0, sizeof other.public_key);
	assert_int_equal(link_keys_public(&other), 0);
	assert_string_equal(other.public_key, k.public_key);
	/* The pair of ZeroMQ's own documentation (zmq_curve). */
	memcpy(other.secret_key, "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6", 41);
	assert_int_equal(link_keys_public(&other), 0);
	assert_string_equal(other.public_key, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
	memset(other.secret_key, ' ', 40);
	assert_int_equal(link_keys_public(&other), ERR_INVALID);
	other.secret_key[10] = '\0';
	assert_int_equal(link_keys_public(&other), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trips, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_a_kind_must_have, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_goes_down_must_have, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_questions_must_have, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oversized_and_hostile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_damage, setup, teardown),
		cmocka_unit_test(test_squeezing),
		cmocka_unit_test(test_words_of_faults),
		cmocka_unit_test(test_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
