/* Sealing: what goes in comes out with the right key only; every length looks alike; tags are equal
 * where they should be and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/identity/seal.h"
#include "daemon/ledger/hash.h"

static struct identity person(
	const char *name, const char *type, const char *number, const char *phone)
{
	return (struct identity){ .name = text_of(name),
		.doc_type = text_of(type),
		.doc_number = text_of(number),
		.phone = text_of(phone),
		.present = true };
}

static int setup(void **state)
{
	struct registrar_secret *s = calloc(1, sizeof *s);

	assert_int_equal(hash_init(), 0);
	registrar_secret_make(s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void there_and_back(void **state)
{
	const struct registrar_secret *s = *state;
	char name[257] = "";
	uint8_t sealed[SEALED_MOST], plain[SEAL_PLAIN_MOST];

	for (size_t chars = 1; chars <= 64; chars++) {
		struct identity id, out;
		size_t n;

		strcat(name, "\xf0\xa0\x80\x80"); /* four bytes each */
		id = person(name, "111", "310101190301010011", chars % 2 ? "13800000001" : "");
		n = identity_seal(sealed, &s->half, &id);
		assert_int_equal(n, SEAL_PLAIN_BYTES + 48);
		assert_int_equal(
			identity_open(&out, plain, s, (struct text){ (char *)sealed, n }), 0);
		assert_true(text_eq(out.name, id.name) && text_eq(out.doc_type, id.doc_type));
		assert_true(text_eq(out.doc_number, id.doc_number) && text_eq(out.phone, id.phone));
	}
}

static void the_longest_fits_and_more_does_not(void **state)
{
	const struct registrar_secret *s = *state;
	char phone[1501] = "";
	uint8_t sealed[SEALED_MOST];
	struct identity id = person("甲", "111", "310101190301010011", phone);
	size_t n;

	for (size_t length = 0; length < sizeof phone; length++) {
		memset(phone, '1', length);
		phone[length] = 0;
		id.phone = text_of(phone);
		n = identity_seal(sealed, &s->half, &id);
		assert_true(n == SEAL_PLAIN_BYTES + 48 || n == SEALED_MOST ||
			    (n == 0 && length > 1480));
	}
}

static void another_key_opens_nothing(void **state)
{
	const struct registrar_secret *s = *state;
	struct registrar_secret other;
	uint8_t sealed[SEALED_MOST], plain[SEAL_PLAIN_MOST];
	struct identity id = person("甲", "414", "E12345678", ""), out;
	size_t n = identity_seal(sealed, &s->half, &id);
	struct text t = { (char *)sealed, n };

	registrar_secret_make(&other);
	assert_int_equal(identity_open(&out, plain, &other, t), ERR_DENIED);
	for (size_t i = 0; i < n; i += 7) {
		sealed[i] ^= 4;
		assert_int_equal(identity_open(&out, plain, s, t), ERR_DENIED);
		sealed[i] ^= 4;
	}
	assert_int_equal(identity_open(&out, plain, s, t), 0);
	assert_int_equal(identity_open(&out, plain, s, (struct text){ t.p, 47 }), ERR_DAMAGED);
}

static void keys_have_marks(void **state)
{
	const struct registrar_secret *s = *state;
	struct registrar_secret again;
	struct registrar half;
	char text[64];

	base64_put(text, sizeof text, s->half.key, sizeof s->half.key);
	assert_int_equal(registrar_init(&half, text_of(text)), 0);
	assert_memory_equal(half.mark, s->half.mark, REGISTRAR_MARK_BYTES);
	base64_put(text, sizeof text, s->key, sizeof s->key);
	assert_int_equal(registrar_secret_init(&again, text_of(text)), 0);
	assert_memory_equal(again.half.key, s->half.key, REGISTRAR_KEY_BYTES);
	assert_int_equal(registrar_init(&half, TEXT("short")), ERR_INVALID);
	assert_int_equal(registrar_secret_init(&again, TEXT("short")), ERR_INVALID);
}

static bool share(const struct identity *a, const struct identity *b, uint8_t kind)
{
	static const uint8_t key[32] = { 3 };
	uint8_t x[IDENTITY_TAGS_MAX][IDENTITY_TAG_BYTES], y[IDENTITY_TAGS_MAX][IDENTITY_TAG_BYTES];
	size_t n = identity_tags(x, key, a), m = identity_tags(y, key, b);
	bool found = false;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++)
			found |= x[i][0] == kind && memcmp(x[i], y[k], IDENTITY_TAG_BYTES) == 0;
	return found;
}

static void tags_compare(void **state)
{
	struct identity resident = person("甲", "111", "310101190504120018", ""),
			resident15 = person("甲", "111", "110101190504120010", ""),
			namesake = person("甲", "111", "310101190504130019", ""),
			other = person("乙", "111", "310101190504120018", ""),
			old = person("甲", "553", "DEU310005041212", ""),
			new = person("甲", "553", "931276190504120018", ""),
			p1 = person("甲", "414", "E1", ""), p2 = person("甲", "414", "E2", ""),
			p3 = person("乙", "414", "E3", ""),
			permit = person("甲", "516", "H12345678", "");

	(void)state;
	assert_true(share(&resident, &resident15, 1));
	assert_false(share(&resident, &namesake, 1) || share(&resident, &other, 1));
	assert_true(share(&old, &new, 1) && share(&old, &new, 2) && share(&resident, &new, 1));
	assert_false(share(&resident, &new, 2));
	assert_true(share(&p1, &p2, 3));
	assert_false(share(&p1, &p3, 3) || share(&p1, &resident, 1) || share(&permit, &permit, 1));
	assert_int_equal(identity_birth(TEXT("553"), TEXT("DEU310005041212")), 50412);
	assert_int_equal(identity_birth(TEXT("553"), TEXT("DEU310005991212")), -1);
	assert_int_equal(identity_birth(TEXT("414"), TEXT("931276190504120018")), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(the_longest_fits_and_more_does_not),
		cmocka_unit_test(another_key_opens_nothing),
		cmocka_unit_test(keys_have_marks),
		cmocka_unit_test(tags_compare),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
