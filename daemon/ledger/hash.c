/* Hashes, signatures and their text forms: thin over libsodium, so that no other room of the road
 * needs to know it.
 *
 * Nothing here can fail on sound input but the conversions from text; a libsodium call that cannot
 * fail with our sizes is asserted, since only a wrong size (our bug) makes it fail.
 *
 * What is signed, 56 bytes (seal) or 59 (receipt):
 *
 *     "tally-seal-1" | "tally-receipt-1"    without a terminator
 *     origin    u32 big-endian
 *     position  u64 big-endian
 *     head      32 bytes */
#include "daemon/ledger/hash.h"

#include <assert.h>
#include <sodium.h>

#include "daemon/base/buf.h"

static_assert(HASH_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");
static_assert(SIGN_BYTES == crypto_sign_BYTES, "Ed25519");
static_assert(SIGN_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519");
static_assert(SIGN_SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519");
static_assert(sizeof(((struct sign_key *)0)->secret) == crypto_sign_SECRETKEYBYTES, "Ed25519");

int hash_init(void)
{
	return sodium_init() < 0 ? ERR_IO : 0;
}

void hash_entry(uint8_t out[HASH_BYTES], struct text bytes)
{
	crypto_generichash(out, HASH_BYTES, (const uint8_t *)bytes.p, bytes.n, NULL, 0);
}

/* The hash of a || 0 || b under an optional key. */
static void hash_pair(uint8_t *out, size_t n_out, const uint8_t *key, struct text a, struct text b)
{
	/* Short pairs are all there is in practice: one call over a copy costs half of four calls
	 * over a state. */
	uint8_t joined[256];
	if (a.n < sizeof joined && b.n < sizeof joined - a.n) {
		if (a.n)
			memcpy(joined, a.p, a.n);
		joined[a.n] = 0;
		if (b.n)
			memcpy(joined + a.n + 1, b.p, b.n);
		crypto_generichash(out, n_out, joined, a.n + 1 + b.n, key, key ? 32 : 0);
		if (key)
			sodium_memzero(joined, a.n + 1 + b.n);
		return;
	}
	crypto_generichash_state state;
	crypto_generichash_init(&state, key, key ? 32 : 0, n_out);
	crypto_generichash_update(&state, (const uint8_t *)a.p, a.n);
	crypto_generichash_update(&state, (const uint8_t *)"", 1);
	crypto_generichash_update(&state, (const uint8_t *)b.p, b.n);
	crypto_generichash_final(&state, out, n_out);
	sodium_memzero(&state, sizeof state);
}

/* BLAKE2b of 16 bytes is the least that libsodium gives; a shorter tag is its beginning. */
static void hash_pair_any(
	uint8_t *out, size_t n_out, const uint8_t *key, struct text a, struct text b)
{
	uint8_t whole[crypto_generichash_BYTES_MIN];
	if (n_out >= sizeof whole) {
		hash_pair(out, n_out, key, a, b);
		return;
	}
	hash_pair(whole, sizeof whole, key, a, b);
	memcpy(out, whole, n_out);
}

void hash_key(uint8_t out[KEY_HASH_BYTES], struct text reg, struct text key)
{
	hash_pair(out, KEY_HASH_BYTES, NULL, reg, key);
}

void hash_keyed(uint8_t *out, size_t n_out, const uint8_t key[32], struct text a, struct text b)
{
	hash_pair_any(out, n_out, key, a, b);
}

void sign_key_init(struct sign_key *k, const uint8_t seed[SIGN_SEED_BYTES])
{
	crypto_sign_seed_keypair(k->public_key, k->secret, seed);
}

void sign_key_deinit(struct sign_key *k)
{
	sodium_memzero(k, sizeof *k);
}

#define SIGNED_MAX 64

/* Writes what is signed; returns its length. */
static size_t signed_put(uint8_t out[SIGNED_MAX], enum sign_purpose p, uint32_t origin,
	uint64_t position, const uint8_t head[HASH_BYTES])
{
	struct text words = p == SIGN_SEAL ? TEXT("tally-seal-1") : TEXT("tally-receipt-1");
	memcpy(out, words.p, words.n);
	put_u32(out + words.n, origin);
	put_u64(out + words.n + 4, position);
	memcpy(out + words.n + 12, head, HASH_BYTES);
	return words.n + 12 + HASH_BYTES;
}

void sign_position(uint8_t out[SIGN_BYTES], const struct sign_key *k, enum sign_purpose p,
	uint32_t origin, uint64_t position, const uint8_t head[HASH_BYTES])
{
	uint8_t said[SIGNED_MAX];
	size_t n = signed_put(said, p, origin, position, head);
	crypto_sign_detached(out, NULL, said, n, k->secret);
}

bool sign_position_ok(const uint8_t signature[SIGN_BYTES], const uint8_t signer[SIGN_PUBLIC_BYTES],
	enum sign_purpose p, uint32_t origin, uint64_t position, const uint8_t head[HASH_BYTES])
{
	uint8_t said[SIGNED_MAX];
	size_t n = signed_put(said, p, origin, position, head);
	return crypto_sign_verify_detached(signature, said, n, signer) == 0;
}

void base64_put(char *out, size_t size, const void *bytes, size_t n)
{
	assert(size >= sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL));
	sodium_bin2base64(out, size, bytes, n, sodium_base64_VARIANT_ORIGINAL);
}

int base64_get(void *out, size_t n, struct text base64)
{
	size_t got = 0;
	const char *end = NULL;
	/* libsodium stops without an error at a wrong character: the end tells. */
	if (!base64.p || base64.n != (n + 2) / 3 * 4 ||
		sodium_base642bin(out, n, base64.p, base64.n, NULL, &got, &end,
			sodium_base64_VARIANT_ORIGINAL) != 0)
		return ERR_INVALID;
	return got == n && end == base64.p + base64.n ? 0 : ERR_INVALID;
}
