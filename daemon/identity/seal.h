/* Identities, sealed to a registrar: only who holds the registrar's secret key can open them, not
 * even the collector that sealed.
 *
 * Words: registrar key = an X25519 key pair; its public half stands in a collector's configuration,
 * the secret half on a separate path; mark = 8 bytes that tell registrar keys apart. Pure, but for
 * random numbers. Any thread. */
#ifndef IDENTITY_SEAL_H
#define IDENTITY_SEAL_H

#include "daemon/base/err.h"
#include "proto/record.h"

#define REGISTRAR_KEY_BYTES 32
#define REGISTRAR_MARK_BYTES 8
/* What is packed has one of these two lengths: whatever the name, the first one unless a phone or a
 * number is longer than any that exists. */
#define SEAL_PLAIN_BYTES 512
#define SEAL_PLAIN_MOST 1536
#define SEALED_MOST (SEAL_PLAIN_MOST + 48)

struct registrar {
	uint8_t key[REGISTRAR_KEY_BYTES]; /* public */
	uint8_t mark[REGISTRAR_MARK_BYTES];
};
/* From base64, as keygen prints it. ERR_INVALID. */
MUST_CHECK int registrar_init(struct registrar *r, struct text base64);

/* Seals name, document type, number and phone; returns the length, 0: they are longer than a
 * checked identity can be. */
size_t identity_seal(
	uint8_t out[SEALED_MOST], const struct registrar *r, const struct identity *id);

/* The secret half; wipe it with registrar_secret_wipe(). */
struct registrar_secret {
	uint8_t key[REGISTRAR_KEY_BYTES];
	struct registrar half; /* the public one, made of it */
};
/* From base64. ERR_INVALID. */
MUST_CHECK int registrar_secret_init(struct registrar_secret *s, struct text base64);
/* A fresh pair. */
void registrar_secret_make(struct registrar_secret *s);
void registrar_secret_wipe(struct registrar_secret *s);

/* What was sealed; texts in plain[]. Wipe plain after use. ERR_DENIED: sealed to another key, or
 * changed since; ERR_DAMAGED: what is inside is no identity. */
MUST_CHECK int identity_open(struct identity *out, uint8_t plain[SEAL_PLAIN_MOST],
	const struct registrar_secret *s, struct text sealed);

/* ---- tags: by them the city compares without knowing ---- */

#define IDENTITY_TAG_BYTES 9 /* kind, then 8 bytes */
#define IDENTITY_TAGS_MAX 2
/* The tags of an identity under the 32 bytes of `key`; returns how many. */
size_t identity_tags(uint8_t out[IDENTITY_TAGS_MAX][IDENTITY_TAG_BYTES], const uint8_t key[32],
	const struct identity *id);
/* Day of birth that a canonical number tells, without its century (the card of 2017 has none):
 * yymmdd; -1: it tells none. */
int identity_birth(struct text doc_type, struct text doc_number);

#endif
