/* The two keys of a collector's own (vault.key, pid.key) and what is derived from them. They stand
 * in locked memory, are never logged, and are wiped at the end.
 *
 * Words: linking key = pid.key, the same in all districts of a network: it makes pids; check value
 * = a keyed hash that the store keeps, by which another key is noticed at start. */
#ifndef COLLECTOR_SECRETS_H
#define COLLECTOR_SECRETS_H

#include "daemon/store/store.h"
#include "proto/record.h"

#define SECRET_BYTES 32
#define TAG_BYTES 8

struct secrets;

/* Reads both keys (base64, 32 bytes each) and compares them with the check values in `table` of the
 * store; writes these when the store is new, which is when tables[0..n) are all empty.
 * ERR_NOTFOUND, ERR_DENIED, ERR_INVALID: a key cannot be read, or is not the one that the store was
 * written with. ERR_DAMAGED: the store holds records and no check values. Words in m. Not on the
 * writer thread. */
MUST_CHECK int secrets_open(struct secrets **out, struct store *store, int table, const int *tables,
	size_t n, const char *keys_dir, struct errmsg *m);
/* Wipes. NULL is fine. */
void secrets_close(struct secrets *s);

/* Any thread from here on. */

/* The pseudonym of a document: keyed BLAKE2b-128 of type and canonical number under the linking
 * key. */
void secrets_pid(const struct secrets *s, struct text doc_type, struct text doc_number,
	uint8_t pid[PID_BYTES]);
/* By it the city sees that one number came with two names: keyed by the linking key too. */
void secrets_name_tag(const struct secrets *s, const uint8_t pid[PID_BYTES], struct text name,
	uint8_t tag[NAME_TAG_BYTES]);
/* The key of the tags of (name, birth), 32 bytes; borrowed: made of the linking key, so that all
 * districts make the same tags. */
const uint8_t *secrets_birth_key(const struct secrets *s);
/* The key of the vault's tags, 32 bytes; borrowed. */
const uint8_t *secrets_tag_key(const struct secrets *s);
/* The vault's encryption key, 32 bytes; borrowed. */
const uint8_t *secrets_vault_key(const struct secrets *s);

#endif
