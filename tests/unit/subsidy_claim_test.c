/* A claim on its way: what was given comes out again, what is no claim comes out as none, and the
 * record that is judged says what the claim says and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/link/link.h"
#include "daemon/subsidy/claim.h"

static struct arena arena;
static struct buf packed;
static struct errmsg words;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 16 * 1024);
	return registers_init() ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_deinit(&arena);
	buf_deinit(&packed);
	return 0;
}

static struct claim whole(void)
{
	struct claim c = { .n_person = PID_BYTES,
		.day = 20200601,
		.fields = { TEXT("certificate"), TEXT("6-18-01-01"), TEXT("3"), TEXT("E1"),
			TEXT("N1"), TEXT("91310101MA1T000136") } };

	for (uint8_t i = 0; i < PID_BYTES; i++)
		c.person[i] = i;
	return c;
}

static int again(const struct claim *in, struct claim *out)
{
	claim_pack(in, &packed);
	assert_false(packed.failed);
	arena_reset(&arena);
	return claim_unpack(out, buf_as_text(&packed), &arena);
}

static void test_what_is_given_comes_out(void **state)
{
	(void)state;
	/* Every subset of the fields that has a purpose; a pid and an id. */
	for (unsigned mask = 1; mask < 1U << CLAIM_FIELDS; mask += 2) {
		struct claim in = whole(), out;
		if (mask & 2)
			in.n_person = TALENT_ID_BYTES;
		in.day = mask & 4 ? in.day : 0;
		for (size_t i = 0; i < CLAIM_FIELDS; i++)
			if (!(mask & 1U << i))
				in.fields[i].n = 0;
		assert_int_equal(again(&in, &out), 0);
		assert_true(packed.n <= LINK_ASKED_MAX);
		assert_int_equal(out.n_person, in.n_person);
		assert_memory_equal(out.person, in.person, in.n_person);
		assert_int_equal(out.day, in.day);
		for (size_t i = 0; i < CLAIM_FIELDS; i++)
			assert_true(text_eq(out.fields[i], in.fields[i]));
	}
}

static void test_what_is_no_claim(void **state)
{
	static char big[1000];
	static const struct {
		size_t field;
		struct text value;
	} bad[] = { { 0, { NULL, 0 } }, { 0, TEXT("x") }, { 0, TEXT("Certificate") },
		{ 1, TEXT("61") }, { 2, TEXT("33") }, { 3, TEXT(" E1") }, { 3, TEXT("E\n1") },
		{ 4, TEXT("\xff") }, { 5, { big, sizeof big } } };

	(void)state;
	memset(big, 'a', sizeof big);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct claim in = whole(), out;
		in.fields[bad[i].field] = bad[i].value;
		assert_int_equal(again(&in, &out), ERR_INVALID);
		words.text[0] = '\0';
		assert_int_equal(claim_check(&in, &words), ERR_INVALID);
		assert_non_null(strstr(words.text, claim_fields[bad[i].field].option));
	}
	struct claim in = whole(), out;
	for (size_t n = 0; n < PID_BYTES; n++) {
		in.n_person = n;
		assert_int_equal(again(&in, &out), n == TALENT_ID_BYTES ? 0 : ERR_INVALID);
	}
	in = whole();
	in.day = 20200631;
	assert_int_equal(again(&in, &out), ERR_INVALID);
	/* A code's text becomes the code. */
	in = whole();
	const struct field *f =
		&register_find(TEXT("subsidy"))
			 ->fields[register_field(register_find(TEXT("subsidy")), TEXT("purpose"))];
	in.fields[0] = text_of(f->codes->at[1].zh);
	assert_int_equal(claim_check(&in, &words), 0);
	assert_true(text_eq(in.fields[0], text_of(f->codes->at[1].code)));
}

static void test_random_damage(void **state)
{
	struct claim in = whole(), out;
	int taken = 0;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		claim_pack(&in, &packed);
		for (uint64_t n = 1 + random_below(3); n > 0; n--)
			packed.p[random_below(packed.n)] ^= (char)(1 << random_below(8));
		packed.n -= random_below(3) ? 0 : random_below(packed.n);
		arena_reset(&arena);
		int err = claim_unpack(&out, buf_as_text(&packed), &arena);
		assert_true(err == 0 || err == ERR_INVALID);
		taken += err == 0;
		if (err == 0)
			assert_int_equal(claim_check(&out, &words), 0);
	}
	assert_true(taken > 1000);
}

static void test_the_person(void **state)
{
	struct claim c;
	char id[TALENT_ID_TEXT];
	uint8_t pid[PID_BYTES] = { 1, 2, 3, 250 };

	(void)state;
	assert_true(claim_person(&c, TEXT("000102030405060708090a0b0c0d0e0f")));
	assert_int_equal(c.n_person, PID_BYTES);
	assert_memory_equal(c.person, whole().person, PID_BYTES);
	talent_id_print(pid, id);
	assert_true(claim_person(&c, text_of(id)));
	assert_int_equal(c.n_person, TALENT_ID_BYTES);
	assert_memory_equal(c.person, pid, TALENT_ID_BYTES);
	assert_false(claim_person(&c, TEXT("310101190501010011")));
	assert_false(claim_person(&c, TEXT("")));
}

static void test_the_record(void **state)
{
	struct claim c = whole();
	struct record r;
	static const struct {
		const char *field, *value;
	} says[] = { { "purpose", "certificate" }, { "occupation", "6-18-01-01" }, { "level", "3" },
		{ "enrolment_no", "E1" }, { "certificate_no", "N1" },
		{ "payee", "91310101MA1T000136" }, { "payee_kind", "unit" },
		{ "status", "approved" } };

	(void)state;
	assert_true(claim_record(&c, c.person, 20200602, &arena, &r));
	for (size_t i = 0; i < sizeof says / sizeof *says; i++)
		assert_true(text_eq(
			record_value(
				&r, &r.reg->fields[register_field(r.reg, text_of(says[i].field))])
				.text,
			text_of(says[i].value)));
	assert_int_equal(
		record_value(&r, &r.reg->fields[register_field(r.reg, TEXT("claimed_on"))]).number,
		20200602);
	assert_memory_equal(record_person(&r, 0).pid, c.person, PID_BYTES);
	c.fields[5].n = 0;
	assert_true(claim_record(&c, c.person, 20200602, &arena, &r));
	assert_true(text_eq(
		record_value(&r, &r.reg->fields[register_field(r.reg, TEXT("payee_kind"))]).text,
		TEXT("person")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_given_comes_out),
		cmocka_unit_test(test_what_is_no_claim),
		cmocka_unit_test(test_random_damage),
		cmocka_unit_test(test_the_person),
		cmocka_unit_test(test_the_record),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
