/* The hashes and signatures of tally, over libsodium. sodium_init() is done by hash_init(), first
 * in every program. */
#ifndef LEDGER_HASH_H
#define LEDGER_HASH_H

#include "daemon/base/err.h"
#include "proto/text.h"

#define HASH_BYTES 32
#define SIGN_BYTES 64
#define SIGN_PUBLIC_BYTES 32
#define SIGN_SEED_BYTES 32
#define KEY_HASH_BYTES 16

MUST_CHECK int hash_init(void);

/* BLAKE2b-256: an entry's hash. */
void hash_entry(uint8_t out[HASH_BYTES], struct text bytes);
/* BLAKE2b-128 over register || 0 || key: under what a record is found in every store. */
void hash_key(uint8_t out[KEY_HASH_BYTES], struct text reg, struct text key);

/* An Ed25519 signer: seed in `sign.key`. The secret half stays inside; wiped by sign_key_deinit().
 */
struct sign_key {
	uint8_t public_key[SIGN_PUBLIC_BYTES];
	uint8_t secret[64];
};
void sign_key_init(struct sign_key *k, const uint8_t seed[SIGN_SEED_BYTES]);
void sign_key_deinit(struct sign_key *k);

/* What is signed: purpose || origin (u32, big-endian) || position (u64, big-endian) || head.
 * SEAL: by the origin, over its own ledger; RECEIPT: by a parent, over what it has stored. */
enum sign_purpose { SIGN_SEAL, SIGN_RECEIPT }; /* "tally-seal-1", "tally-receipt-1" */
void sign_position(uint8_t out[SIGN_BYTES], const struct sign_key *k, enum sign_purpose p,
	uint32_t origin, uint64_t position, const uint8_t head[HASH_BYTES]);
bool sign_position_ok(const uint8_t signature[SIGN_BYTES], const uint8_t signer[SIGN_PUBLIC_BYTES],
	enum sign_purpose p, uint32_t origin, uint64_t position, const uint8_t head[HASH_BYTES]);

/* base64 (RFC 4648, with padding), as keys are written in files. out has room for 4⌈n/3⌉+1 / n
 * bytes. */
void base64_put(char *out, size_t size, const void *bytes, size_t n);
int base64_get(void *out, size_t n, struct text base64);

/* Keyed BLAKE2b for pseudonyms: `key` 32 bytes, out 16 or 8 bytes. Parts are joined by a zero byte.
 */
void hash_keyed(uint8_t *out, size_t n_out, const uint8_t key[32], struct text a, struct text b);

#endif
