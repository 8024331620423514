/* Normal path of vault_put, a whole chunk at once, sorted by pid: find each pid in `person`;
 * compare the tags that stand beside the sealed value; equal → nothing is written, nothing
 * decrypted (most rows name somebody who is known already). New → sealed and appended to `vault`
 * under the next number, and the pid put into `person`. Other → opened, renewed, sealed again over
 * the old value.
 *
 *     person:  pid (16) → number (u64)                                random keys, so the smallest
 * tree there can be vault:   number (u64) → name tag (8) | phone tag (8) | nonce (24) | sealed:
 * n+16 bytes        in order of arrival sealed:  XChaCha20-Poly1305-IETF (key: vault.key;
 * associated data: pid) over format (u8 = 1) | lengths of name, doc_type, doc_number, phone (u16
 * each, big-endian) | these four
 *
 * The nonce is random, 192 bits: new for each sealing. The pid as associated data binds a value to
 * its person: a value moved under another pid does not open. A value that does not open is
 * ERR_DAMAGED for who reads it; a new row of that person replaces it whole. */
#include "collector/vault.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/base/log.h"

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEAL_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define TAGS_BYTES (NAME_TAG_BYTES + TAG_BYTES)
#define FRONT_BYTES (TAGS_BYTES + NONCE_BYTES)
#define PARTS 4
#define PLAIN_HEAD (1 + 2 * PARTS)
/* 64 characters of name, 40 of number, 200 of phone: 4 bytes each at most. */
#define PLAIN_MAX (PLAIN_HEAD + 2048)
#define NONCES 64

static const uint8_t no_tag[TAG_BYTES];

void vault_item_init(
	struct vault_item *i, const struct vault *v, const struct identity *id, uint32_t order)
{
	*i = (struct vault_item){ .order = order,
		.name = id->name,
		.doc_type = id->doc_type,
		.doc_number = id->doc_number,
		.phone = id->phone };
	secrets_pid(v->secrets, id->doc_type, id->doc_number, i->pid);
	secrets_name_tag(v->secrets, i->pid, id->name, i->name_tag);
	if (id->phone.n)
		secrets_vault_tag(v->secrets, i->pid, id->phone, i->phone_tag);
}

static int by_pid(const void *a, const void *b)
{
	const struct vault_item *x = a, *y = b;
	int c = memcmp(x->pid, y->pid, PID_BYTES);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

void vault_items_sort(struct vault_item *at, size_t n)
{
	if (n > 1)
		qsort(at, n, sizeof *at, by_pid);
}

/* Nonces are drawn many at a time: a call of the kernel costs more than sealing. */
struct nonces {
	uint8_t at[NONCES][NONCE_BYTES];
	size_t left;
};

static const uint8_t *next_nonce(struct nonces *n, size_t wanted)
{
	if (n->left == 0) {
		n->left = wanted < NONCES ? wanted : NONCES;
		randombytes_buf(n->at, n->left * NONCE_BYTES);
	}
	return n->at[--n->left];
}

/* The plain form of a person; 0 when a part is over its bounds (record_check lets none through). */
static size_t lay_out(uint8_t plain[PLAIN_MAX], const struct vault_item *i)
{
	const struct text parts[PARTS] = { i->name, i->doc_type, i->doc_number, i->phone };
	size_t n = PLAIN_HEAD;

	plain[0] = 1;
	for (size_t k = 0; k < PARTS; k++) {
		if (parts[k].n > PLAIN_MAX - n)
			return 0;
		plain[1 + 2 * k] = (uint8_t)(parts[k].n >> 8);
		plain[2 + 2 * k] = (uint8_t)parts[k].n;
		if (parts[k].n)
			memcpy(plain + n, parts[k].p, parts[k].n);
		n += parts[k].n;
	}
	return n;
}

/* Opens a value of the vault into `plain`; the parts point into it. */
static int unseal(const struct vault *v, const uint8_t pid[PID_BYTES], struct text value,
	uint8_t plain[PLAIN_MAX], struct text parts[PARTS])
{
	const uint8_t *p = (const uint8_t *)value.p;
	size_t at = PLAIN_HEAD;
	unsigned long long n = 0;

	if (value.n < FRONT_BYTES + SEAL_BYTES + PLAIN_HEAD ||
		value.n - FRONT_BYTES - SEAL_BYTES > PLAIN_MAX)
		return ERR_DAMAGED;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &n, NULL, p + FRONT_BYTES,
		    value.n - FRONT_BYTES, pid, PID_BYTES, p + TAGS_BYTES,
		    secrets_vault_key(v->secrets)) != 0 ||
		plain[0] != 1)
		return ERR_DAMAGED;
	for (size_t k = 0; k < PARTS; k++) {
		size_t len = (size_t)plain[1 + 2 * k] << 8 | plain[2 + 2 * k];

		if (len > n - at)
			return ERR_DAMAGED;
		parts[k] = (struct text){ (const char *)plain + at, len };
		at += len;
	}
	return 0;
}

static void seal(struct store_txn *t, const struct vault *v, const uint8_t number[8],
	const struct vault_item *i, const uint8_t *nonce, bool append)
{
	struct text key = { (const char *)number, 8 };
	uint8_t plain[PLAIN_MAX], value[FRONT_BYTES + PLAIN_MAX + SEAL_BYTES];
	size_t n = lay_out(plain, i);
	struct text sealed = { (const char *)value, FRONT_BYTES + n + SEAL_BYTES };

	if (n == 0) {
		store_fail(t, ERR_LIMIT);
		return;
	}
	memcpy(value, i->name_tag, NAME_TAG_BYTES);
	memcpy(value + NAME_TAG_BYTES, i->phone_tag, TAG_BYTES);
	memcpy(value + TAGS_BYTES, nonce, NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(value + FRONT_BYTES, NULL, plain, n, i->pid,
		PID_BYTES, NULL, nonce, secrets_vault_key(v->secrets));
	if (append)
		store_append(t, v->vault, key, sealed);
	else
		store_put(t, v->vault, key, sealed);
	explicit_bzero(plain, n);
}

/* A person who stands already under `number`. */
static void renew(struct store_txn *t, const struct vault *v, const uint8_t number[8],
	struct vault_item *i, struct nonces *nonces)
{
	uint8_t plain[PLAIN_MAX];
	struct text stands, parts[PARTS];
	int err = store_get(t, v->vault, (struct text){ (const char *)number, 8 }, &stands);

	if (err == ERR_NOTFOUND)
		store_fail(t, ERR_DAMAGED);
	if (err)
		return;
	if (stands.n >= FRONT_BYTES) {
		bool no_phone = memcmp(i->phone_tag, no_tag, TAG_BYTES) == 0;

		if (memcmp(stands.p, i->name_tag, NAME_TAG_BYTES) == 0 &&
			(no_phone ||
				memcmp(stands.p + NAME_TAG_BYTES, i->phone_tag, TAG_BYTES) == 0))
			return;
		if (no_phone && memcmp(stands.p + NAME_TAG_BYTES, no_tag, TAG_BYTES) != 0) {
			if (unseal(v, i->pid, stands, plain, parts) == 0) {
				i->phone = parts[3];
				memcpy(i->phone_tag, stands.p + NAME_TAG_BYTES, TAG_BYTES);
			} else {
				log_error("vault",
					"value %llu does not open; a new row of its person "
					"replaces it",
					(unsigned long long)get_u64(number));
			}
		}
	}
	seal(t, v, number, i, next_nonce(nonces, 1), false);
	explicit_bzero(plain, sizeof plain);
}

static uint64_t next_number(struct store_txn *t, const struct vault *v)
{
	struct store_cursor *c = store_cursor_open(t, v->vault);
	struct text key, value;
	uint64_t next = 1;

	if (c && store_before(c, (struct text){ NULL, 0 }, &key, &value)) {
		if (key.n == 8)
			next = get_u64((const uint8_t *)key.p) + 1;
		else
			store_fail(t, ERR_DAMAGED);
	}
	if (c)
		store_cursor_close(c);
	return next;
}

/* Several rows of one person in a chunk: the newest name, the newest phone given. */
static struct vault_item merged(const struct vault_item *at, size_t n)
{
	struct vault_item i = at[n - 1];

	for (size_t k = n - 1; k-- > 0 && i.phone.n == 0;) {
		i.phone = at[k].phone;
		memcpy(i.phone_tag, at[k].phone_tag, TAG_BYTES);
	}
	return i;
}

void vault_put(struct store_txn *t, const struct vault *v, const struct vault_item *at, size_t n)
{
	struct nonces nonces = { .left = 0 };
	uint64_t next = 0;
	size_t run;

	for (size_t k = 0; k < n && !store_txn_err(t); k += run) {
		struct text key = { (const char *)at[k].pid, PID_BYTES }, number;
		struct vault_item i;
		uint8_t new_number[8];
		int err = store_get(t, v->person, key, &number);

		for (run = 1; k + run < n && memcmp(at[k].pid, at[k + run].pid, PID_BYTES) == 0;
			run++)
			;
		i = merged(at + k, run);
		if (err == 0 && number.n == 8) {
			memcpy(new_number, number.p, 8);
			renew(t, v, new_number, &i, &nonces);
		} else if (err == ERR_NOTFOUND) {
			if (next == 0)
				next = next_number(t, v);
			put_u64(new_number, next++);
			seal(t, v, new_number, &i, next_nonce(&nonces, n - k), true);
			store_put(t, v->person, key, (struct text){ (const char *)new_number, 8 });
		} else if (err == 0) {
			store_fail(t, ERR_DAMAGED);
		}
	}
}

int vault_get(struct store_txn *t, const struct vault *v, const uint8_t pid[PID_BYTES],
	struct arena *a, struct identity *out)
{
	uint8_t plain[PLAIN_MAX];
	struct text number, value, parts[PARTS];
	int err = store_get(t, v->person, (struct text){ (const char *)pid, PID_BYTES }, &number);

	if (!err)
		err = store_get(t, v->vault, number, &value);
	if (!err)
		err = unseal(v, pid, value, plain, parts);
	if (err)
		return err;
	*out = (struct identity){ .name = arena_copy(a, parts[0]),
		.doc_type = arena_copy(a, parts[1]),
		.doc_number = arena_copy(a, parts[2]),
		.phone = arena_copy(a, parts[3]),
		.present = true };
	explicit_bzero(plain, sizeof plain);
	return out->name.p && out->doc_type.p && out->doc_number.p && out->phone.p ? 0 : ERR_NOMEM;
}
