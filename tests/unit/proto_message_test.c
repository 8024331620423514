/* Messages from elsewhere: what was packed comes back, and whatever else comes is judged and never
 * believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/message.h"
#include "proto/record.h"
#include "proto/registers.pb-c.h"

#define TODAY 20261122

static uint64_t seed = 20261122;

static uint32_t chance(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static ProtobufCBinaryData bytes(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

static uint8_t some[PID_BYTES];

#define SET(m, field, s) ((m)->has_##field = 1, (m)->field = bytes(s))
#define PUT(m, field, n) ((m)->has_##field = 1, (m)->field = (n))

/* As a district makes it: nothing to complain of. */
static void good_training(Tally__Training *m)
{
	tally__training__init(m);
	SET(m, enrolment_no, "E1");
	SET(m, class_no, "C1");
	m->has_pid = m->has_name_tag = 1;
	m->pid = (ProtobufCBinaryData){ PID_BYTES, some };
	m->name_tag = (ProtobufCBinaryData){ NAME_TAG_BYTES, some };
	PUT(m, sex, SEX_FEMALE);
	PUT(m, birth_year, 1990);
	SET(m, type, "upgrade");
	SET(m, channel, "self");
	SET(m, institution, "91310101MA1T000136");
	SET(m, status_group, "employed");
	PUT(m, enrolled_on, 20190301);
	SET(m, result, "enrolled");
}

static struct faults judged(Tally__Training *m)
{
	struct record r = { register_find(TEXT("training")), &m->base };
	struct faults f = { 0 };

	record_check(&r, TODAY, &f);
	return f;
}

#define assert_fault(m, want, on) \
	do { \
		struct faults got = judged(m); \
		if (got.n != 1 || strcmp(got.at[0].def->code, want) != 0 || \
			strcmp(got.at[0].field->name, on) != 0) \
			fail_msg("%zu faults, first %s %s, not %s %s", got.n, \
				got.n ? got.at[0].def->code : "-", \
				got.n ? got.at[0].field->name : "-", want, on); \
		good_training(m); \
	} while (0)

static void a_message_is_judged_anew(void **state)
{
	Tally__Training m;
	static char long_text[201 * 3 + 1];

	(void)state;
	for (int i = 0; i < 201; i++)
		memcpy(long_text + 3 * i, "长", 3);
	good_training(&m);
	assert_int_equal(judged(&m).n, 0);

	m.has_class_no = 0;
	assert_fault(&m, "E101", "class_no");
	SET(&m, class_no, "");
	assert_fault(&m, "E115", "class_no");
	m.class_no.data = NULL, m.class_no.len = 0;
	assert_fault(&m, "E115", "class_no");
	SET(&m, class_no, " C1");
	assert_fault(&m, "E115", "class_no");
	SET(&m, class_no, "C\xC0\xAF");
	assert_fault(&m, "E102", "class_no");
	m.class_no.len = 3, m.class_no.data = (uint8_t *)"C\0001";
	assert_fault(&m, "E103", "class_no");
	SET(&m, class_no, long_text);
	assert_fault(&m, "E104", "class_no");
	m.class_no.len = 600;
	m.class_no.data = (uint8_t *)long_text, m.has_class_no = 1;
	assert_int_equal(judged(&m).n, 0);
	good_training(&m);
	SET(&m, type, "岗位技能提升培训");
	assert_fault(&m, "E301", "type");
	SET(&m, institution, "91310101ma1t000136");
	assert_fault(&m, "E211", "institution");
	PUT(&m, enrolled_on, 20190229);
	assert_fault(&m, "E105", "enrolled_on");
	PUT(&m, enrolled_on, UINT32_MAX);
	assert_fault(&m, "E105", "enrolled_on");
	PUT(&m, enrolled_on, 20320101);
	assert_fault(&m, "E106", "enrolled_on");
	PUT(&m, fee, -1);
	assert_fault(&m, "E107", "fee");
	PUT(&m, fee, INT64_MAX);
	assert_fault(&m, "E108", "fee");
	PUT(&m, hours_online, INT64_MIN);
	assert_fault(&m, "E114", "hours_online");
	PUT(&m, hours_online, -1);
	assert_fault(&m, "E405", "hours_online");
	SET(&m, result, "completed");
	assert_fault(&m, "E401", "ended_on");
}

static void lists_are_in_order_without_repeats(void **state)
{
	ProtobufCBinaryData list[3] = { bytes("2"), bytes("4"), bytes("10") };
	Tally__Training m;

	(void)state;
	good_training(&m);
	m.programme = list, m.n_programme = 3;
	assert_int_equal(judged(&m).n, 0);
	list[1] = bytes("2");
	assert_fault(&m, "E302", "programme");
	list[0] = bytes("4");
	m.programme = list, m.n_programme = 2;
	assert_fault(&m, "E302", "programme");
	list[1] = bytes("11");
	m.programme = list, m.n_programme = 2;
	assert_fault(&m, "E301", "programme");
}

static void persons_are_whole_and_possible(void **state)
{
	Tally__Training m;

	(void)state;
	good_training(&m);
	m.pid.len = 15;
	assert_fault(&m, "E208", "doc_number");
	m.name_tag.len = 9;
	assert_fault(&m, "E209", "name");
	PUT(&m, sex, 3);
	assert_fault(&m, "E210", "doc_number");
	PUT(&m, birth_year, 2027);
	assert_fault(&m, "E210", "doc_number");
	m.has_name_tag = 0;
	assert_fault(&m, "E101", "name");
	m.has_pid = m.has_sex = m.has_birth_year = 0;
	assert_fault(&m, "E101", "doc_number");
	PUT(&m, birth_year, 1900);
	assert_fault(&m, "W403", "doc_number");
	m.has_birth_year = m.has_sex = 0;
	assert_int_equal(judged(&m).n, 0);
}

static void what_was_packed_comes_back(void **state)
{
	const struct reg *reg = register_find(TEXT("training"));
	ProtobufCBinaryData list[2] = { bytes("migrant"), bytes("disabled") };
	struct arena a;
	Tally__Training m;
	struct record in = { reg, &m.base }, out;
	uint8_t packed[512], again[512];
	size_t n;

	(void)state;
	arena_init(&a, 1 << 16);
	good_training(&m);
	m.groups = list, m.n_groups = 2;
	n = record_packed_size(&in);
	assert_true(n <= sizeof packed);
	assert_int_equal(record_pack(&in, packed), n);
	assert_int_equal(record_unpack(reg, (struct text){ (char *)packed, n }, &a, &out), 0);
	assert_int_equal(record_pack(&out, again), n);
	assert_memory_equal(packed, again, n);
	for (size_t i = 0; i < reg->n_fields; i++) {
		struct value v = record_value(&in, &reg->fields[i]),
			     w = record_value(&out, &reg->fields[i]);
		char p[64], q[64];
		size_t lp = value_print(&reg->fields[i], &v, p, sizeof p);
		size_t lq = value_print(&reg->fields[i], &w, q, sizeof q);
		assert_int_equal(lp, lq);
		assert_memory_equal(p, q, lp);
	}
	assert_memory_equal(record_person(&out, 0).pid, some, PID_BYTES);
	assert_int_equal(record_person(&out, 0).sex, SEX_FEMALE);
	assert_int_equal(record_person(&out, 0).birth_year, 1990);
	assert_null(record_person(&out, 1).pid);
	arena_deinit(&a);
}

/* A newer sender's field is kept and packed again: nothing is lost on the way through. */
static void unknown_fields_are_kept(void **state)
{
	const struct reg *reg = register_find(TEXT("task"));
	static const uint8_t body[] = { 0x0A, 1, 'T', 0xFA, 0x3F, 3, 'n', 'e', 'w' };
	uint8_t again[64];
	struct arena a;
	struct record r;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_int_equal(
		record_unpack(reg, (struct text){ (const char *)body, sizeof body }, &a, &r), 0);
	assert_int_equal(record_pack(&r, again), sizeof body);
	assert_memory_equal(again, body, sizeof body);
	arena_deinit(&a);
}

/* Bits flipped in good bodies of every register, and noise: unpacked or refused, judged, printed,
 * keyed; within the budget. */
static void hostile_bodies_are_answered(void **state)
{
	size_t n_regs;
	const struct reg *regs = registers(&n_regs), *training = register_find(TEXT("training"));
	struct arena a;
	Tally__Training m;
	uint8_t good[512], body[512];
	size_t n, unpacked = 0;

	(void)state;
	good_training(&m);
	n = record_pack(&(struct record){ training, &m.base }, good);
	arena_init(&a, 1 << 14);
	for (int round = 0; round < 40000; round++) {
		const struct reg *reg = round % 2 ? training : &regs[chance((uint32_t)n_regs)];
		struct faults f = { 0 };
		struct record r;
		char out[32];
		memcpy(body, good, n);
		for (uint32_t flips = chance(6); flips > 0; flips--)
			body[chance((uint32_t)n)] ^= (uint8_t)(1 << chance(8));
		if (round % 4 == 0)
			for (size_t i = 0; i < n; i++)
				body[i] = (uint8_t)chance(256);
		if (record_unpack(reg,
			    (struct text){ (char *)body, n - (chance(4) == 0) * chance(8) }, &a,
			    &r) == 0) {
			record_check(&r, TODAY, &f);
			record_key(&r, &a);
			record_person(&r, 0);
			for (size_t i = 0; i < reg->n_fields; i++) {
				struct value v = record_value(&r, &reg->fields[i]);
				value_print(&reg->fields[i], &v, out, sizeof out);
			}
			unpacked++;
		}
		assert_true(a.used <= a.budget);
		arena_reset(&a);
	}
	assert_true(unpacked > 1000);
	arena_deinit(&a);
}

/* Four bytes a code: refused by the budget, not by the machine; with room they are only codes. */
static void amplification_meets_the_budget(void **state)
{
	static const uint8_t code[4] = { 13 << 3 | 2, 2, 'x', 'x' };
	const struct reg *reg = register_find(TEXT("training"));
	size_t n = 1 << 20;
	char *body = malloc(n);
	struct arena a;
	struct record r;

	(void)state;
	assert_non_null(body);
	assert_string_equal(
		protobuf_c_message_descriptor_get_field(reg->pb, 13)->name, "programme");
	for (size_t i = 0; i < n; i += sizeof code)
		memcpy(body + i, code, sizeof code);
	arena_init(&a, 1 << 20);
	assert_int_equal(record_unpack(reg, (struct text){ body, n }, &a, &r), -1);
	assert_true(a.used <= a.budget);
	arena_deinit(&a);
	arena_init(&a, 64 << 20);
	assert_int_equal(record_unpack(reg, (struct text){ body, n }, &a, &r), 0);
	arena_deinit(&a);
	free(body);
}

static void print_is_cut_at_its_size(void **state)
{
	const struct reg *reg = register_find(TEXT("training"));
	const struct field *fee = &reg->fields[register_field(reg, TEXT("fee"))];
	struct value v = { .present = true };
	char out[32];
	static const struct {
		int64_t fen;
		const char *text;
	} cases[] = { { 0, "0.00" }, { 5, "0.05" }, { 123456, "1234.56" }, { -5, "-0.05" },
		{ INT64_MIN, "-92233720368547758.08" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t full = strlen(cases[i].text);
		v.number = cases[i].fen;
		for (size_t size = 0; size <= full; size++) {
			memset(out, '#', sizeof out);
			assert_int_equal(value_print(fee, &v, out, size), full);
			assert_memory_equal(out, cases[i].text, size);
			assert_int_equal(out[size], '#');
		}
	}
}

static int setup(void **state)
{
	(void)state;
	return registers_init() != NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_judged_anew),
		cmocka_unit_test(lists_are_in_order_without_repeats),
		cmocka_unit_test(persons_are_whole_and_possible),
		cmocka_unit_test(what_was_packed_comes_back),
		cmocka_unit_test(unknown_fields_are_kept),
		cmocka_unit_test(hostile_bodies_are_answered),
		cmocka_unit_test(amplification_meets_the_budget),
		cmocka_unit_test(print_is_cut_at_its_size),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
