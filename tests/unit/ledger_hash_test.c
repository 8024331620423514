/* Hashes, signatures and base64 against vectors made by other libraries (Python's hashlib and
 * PyNaCl). */
#include "ledger_fixture.h"

static struct text hex(const void *p, size_t n)
{
	static char out[8][200];
	static int i;
	char *o = out[i++ % 8];
	hex_put(o, p, n);
	return text_of(o);
}

static void entry_hash_is_blake2b_256(void **state)
{
	(void)state;
	uint8_t h[HASH_BYTES];
	hash_entry(h, TEXT("abc"));
	assert_string_equal(hex(h, sizeof h).p,
		"bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
	hash_entry(h, (struct text){ NULL, 0 });
	assert_string_equal(hex(h, sizeof h).p,
		"0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

static void key_hash_is_blake2b_128_of_both(void **state)
{
	(void)state;
	uint8_t h[KEY_HASH_BYTES];
	hash_key(h, TEXT("training"), TEXT("A-1"));
	assert_string_equal(hex(h, sizeof h).p, "d3a50c867661376caeba1dcedd304236");
}

static void keyed_hash_fits_vectors_short_and_long(void **state)
{
	(void)state;
	uint8_t key[32], h[16], tag[8];
	char x[300], y[300];
	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	hash_keyed(h, sizeof h, key, TEXT("a"), TEXT("b"));
	assert_string_equal(hex(h, sizeof h).p, "429a2b955b7fefe24819bad76643afb8");
	hash_keyed(tag, sizeof tag, key, TEXT("a"), TEXT("b"));
	assert_string_equal(hex(tag, sizeof tag).p, "429a2b955b7fefe2");
	memset(x, 'x', sizeof x);
	memset(y, 'y', sizeof y);
	hash_keyed(h, sizeof h, key, (struct text){ x, sizeof x }, (struct text){ y, sizeof y });
	assert_string_equal(hex(h, sizeof h).p, "ef337530818b7d3cdee6f35ad40f88b3");
	/* "ab" + "c" and "a" + "bc" are two different persons. */
	uint8_t other[16];
	hash_keyed(h, sizeof h, key, TEXT("ab"), TEXT("c"));
	hash_keyed(other, sizeof other, key, TEXT("a"), TEXT("bc"));
	assert_memory_not_equal(h, other, sizeof h);
}

static void signatures_fit_vectors_and_nothing_else(void **state)
{
	(void)state;
	uint8_t seed[32], head[HASH_BYTES], signature[SIGN_BYTES];
	struct sign_key k;
	for (int i = 0; i < 32; i++) {
		seed[i] = (uint8_t)i;
		head[i] = (uint8_t)(100 + i);
	}
	sign_key_init(&k, seed);
	assert_string_equal(hex(k.public_key, 32).p,
		"03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
	sign_position(signature, &k, SIGN_RECEIPT, 310115, 7, head);
	assert_string_equal(hex(signature, 64).p,
		"39c0c153f2eff6e2cc6c377a86d953bf48a82202236a4d1f4f65e2abb1f12922"
		"3626a6d0d640a8d56a975b3f078ba7fc052b3b69adcc055f0ef7ab33f84d2804");
	sign_position(signature, &k, SIGN_SEAL, 310115, 7, head);
	assert_string_equal(hex(signature, 64).p,
		"d0a60b269617a2abba1564c6a388b5487a0012f6daf0fd770943357db6dc1705"
		"e02c28e31a8ef26615c912ca25ec1bbd849186b6b991f22f5a3b5b4b80bef80c");
	assert_true(sign_position_ok(signature, k.public_key, SIGN_SEAL, 310115, 7, head));
	assert_false(sign_position_ok(signature, k.public_key, SIGN_RECEIPT, 310115, 7, head));
	assert_false(sign_position_ok(signature, k.public_key, SIGN_SEAL, 310116, 7, head));
	assert_false(sign_position_ok(signature, k.public_key, SIGN_SEAL, 310115, 8, head));
	head[31] ^= 1;
	assert_false(sign_position_ok(signature, k.public_key, SIGN_SEAL, 310115, 7, head));
	sign_key_deinit(&k);
	uint8_t zeros[sizeof k] = { 0 };
	assert_memory_equal(&k, zeros, sizeof k);
}

static void base64_is_strict(void **state)
{
	(void)state;
	uint8_t bytes[32], back[32];
	char out[45];
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	base64_put(out, sizeof out, bytes, sizeof bytes);
	assert_string_equal(out, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
	assert_int_equal(base64_get(back, sizeof back, text_of(out)), 0);
	assert_memory_equal(bytes, back, sizeof bytes);
	static const char *const bad[] = { "", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= ",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==",
		"AAECAwQFBgcICQoLDA0O*xAREhMUFRYXGBkaGxwdHh8=",
		"AAECAwQFBgcICQoLDA0O xAREhMUFRYXGBkaGxwdHh8=",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(base64_get(back, sizeof back, text_of(bad[i])), ERR_INVALID);
	assert_int_equal(base64_get(back, sizeof back, (struct text){ NULL, 0 }), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_hash_is_blake2b_256),
		cmocka_unit_test(key_hash_is_blake2b_128_of_both),
		cmocka_unit_test(keyed_hash_fits_vectors_short_and_long),
		cmocka_unit_test(signatures_fit_vectors_and_nothing_else),
		cmocka_unit_test(base64_is_strict),
	};
	if (hash_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
