/* Normal path of vault_put, a whole chunk at once, sorted by pid: find each pid's number (pids.c);
 * compare the tags that stand beside the sealed value; equal → nothing is written, nothing
 * decrypted (most rows name somebody who is known already). New → sealed and appended to `vault`
 * under the next number. Other → opened, renewed, sealed again over the old value.
 *
 *     vault:   number (u64) → name tag (8) | phone tag (8) | pid (16) | nonce (24) | key | sealed
 *     key:     nonce (24) | the person's own key (32) under vault.key           + 16 bytes of tag
 *     sealed:  under the person's own key, over
 *              format (u8 = 1) | lengths of name, doc_type, doc_number, phone (u16 each)
 *              | these four                                        + 16 bytes of tag
 *     both:    XChaCha20-Poly1305-IETF, associated data the pid
 *
 * A key is made anew with each sealing, and stands in the row that it opens: a table of its own
 * would cost a commit two pages more. A value that ends behind its pid was shredded.
 *
 * Tags are keyed: the name tag is the one in the ledger (linking key), the phone tag SipHash-2-4
 * under a key of the vault; zeros: no phone. The nonce is random, 192 bits, new for each sealing.
 * The pid as associated data binds a value to its person: moved under another pid it does not open.
 * A value that does not open is ERR_DAMAGED for who reads it; a new row of that person replaces it
 * whole. */
#include "daemon/intake/vault.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/intake/heard.h"

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define SEAL_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define TAGS_BYTES (NAME_TAG_BYTES + TAG_BYTES)
#define NONCE_AT (PIDS_AT + PID_BYTES)
#define KEY_AT (NONCE_AT + NONCE_BYTES)
#define WRAPPED_BYTES (NONCE_BYTES + SECRET_BYTES + SEAL_BYTES)
#define FRONT_BYTES (KEY_AT + WRAPPED_BYTES)
#define SHREDDED_BYTES NONCE_AT /* of a value whose person was shredded */
#define PARTS 4
_Static_assert(PIDS_AT == TAGS_BYTES, "pids.c reads the pid where vault.c puts it");
#define PLAIN_HEAD (1 + 2 * PARTS)
/* 64 characters of name, 40 of number, 200 of phone: 4 bytes each at most. */
#define PLAIN_MAX (PLAIN_HEAD + 2048)
#define PHONE_MAX 256 /* bytes that the tag looks at */
#define NONCES 64

static const uint8_t no_tag[TAG_BYTES];

/* SipHash over pid and phone: beside a value that is encrypted, a short tag is enough. */
static void phone_tag(const struct vault *v, struct vault_item *i)
{
	uint8_t plain[PID_BYTES + PHONE_MAX];
	size_t n = i->phone.n < PHONE_MAX ? i->phone.n : PHONE_MAX;

	memcpy(plain, i->pid, PID_BYTES);
	memcpy(plain + PID_BYTES, i->phone.p, n);
	crypto_shorthash(i->phone_tag, plain, PID_BYTES + n, secrets_tag_key(v->secrets));
	explicit_bzero(plain, sizeof plain);
}

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
		phone_tag(v, i);
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

/* Drawn many at a time: a call of the kernel costs more than sealing. */
struct fresh {
	uint8_t nonce[NONCE_BYTES], key_nonce[NONCE_BYTES], key[SECRET_BYTES];
};
struct nonces {
	struct fresh at[NONCES];
	size_t left;
};

static const struct fresh *next_nonce(struct nonces *n, size_t wanted)
{
	if (n->left == 0) {
		n->left = wanted < NONCES ? wanted : NONCES;
		randombytes_buf(n->at, n->left * sizeof n->at[0]);
	}
	return &n->at[--n->left];
}

/* ---- a person's own key ---- */

static void key_wrap(uint8_t row[WRAPPED_BYTES], const struct vault *v,
	const uint8_t pid[PID_BYTES], const struct fresh *f)
{
	memcpy(row, f->key_nonce, NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(row + NONCE_BYTES, NULL, f->key, SECRET_BYTES,
		pid, PID_BYTES, NULL, f->key_nonce, secrets_vault_key(v->secrets));
}

static bool key_unwrap(uint8_t key[SECRET_BYTES], const struct vault *v,
	const uint8_t pid[PID_BYTES], const uint8_t row[WRAPPED_BYTES])
{
	return crypto_aead_xchacha20poly1305_ietf_decrypt(key, NULL, NULL, row + NONCE_BYTES,
		       WRAPPED_BYTES - NONCE_BYTES, pid, PID_BYTES, row,
		       secrets_vault_key(v->secrets)) == 0;
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

/* Opens a value of the vault into `plain`; the parts point into it. ERR_NOTFOUND: it was shredded.
 */
static int unseal(const struct vault *v, const uint8_t pid[PID_BYTES], struct text value,
	uint8_t plain[PLAIN_MAX], struct text parts[PARTS])
{
	uint8_t key[SECRET_BYTES];
	int err = 0;
	const uint8_t *p = (const uint8_t *)value.p;
	size_t at = PLAIN_HEAD;
	unsigned long long n = 0;

	if (value.n == SHREDDED_BYTES)
		return ERR_NOTFOUND;
	if (value.n < FRONT_BYTES + SEAL_BYTES + PLAIN_HEAD ||
		value.n - FRONT_BYTES - SEAL_BYTES > PLAIN_MAX)
		return ERR_DAMAGED;
	if (!key_unwrap(key, v, pid, p + KEY_AT))
		return ERR_DAMAGED;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &n, NULL, p + FRONT_BYTES,
		    value.n - FRONT_BYTES, pid, PID_BYTES, p + NONCE_AT, key) != 0 ||
		plain[0] != 1)
		err = ERR_DAMAGED;
	explicit_bzero(key, sizeof key);
	if (err)
		return err;
	for (size_t k = 0; k < PARTS; k++) {
		size_t len = (size_t)plain[1 + 2 * k] << 8 | plain[2 + 2 * k];

		if (len > n - at)
			return ERR_DAMAGED;
		parts[k] = (struct text){ (const char *)plain + at, len };
		at += len;
	}
	return 0;
}

static void seal(struct store_txn *t, const struct vault *v, uint64_t number,
	const struct vault_item *i, const struct fresh *fresh, bool append)
{
	uint8_t at[8];
	struct text key = { (const char *)at, 8 };
	uint8_t plain[PLAIN_MAX], value[FRONT_BYTES + PLAIN_MAX + SEAL_BYTES];
	size_t n = lay_out(plain, i);
	struct text sealed = { (const char *)value, FRONT_BYTES + n + SEAL_BYTES };

	put_u64(at, number);
	if (n == 0) {
		store_fail(t, ERR_LIMIT);
		return;
	}
	memcpy(value, i->name_tag, NAME_TAG_BYTES);
	memcpy(value + NAME_TAG_BYTES, i->phone_tag, TAG_BYTES);
	memcpy(value + PIDS_AT, i->pid, PID_BYTES);
	memcpy(value + NONCE_AT, fresh->nonce, NONCE_BYTES);
	crypto_aead_xchacha20poly1305_ietf_encrypt(value + FRONT_BYTES, NULL, plain, n, i->pid,
		PID_BYTES, NULL, fresh->nonce, fresh->key);
	key_wrap(value + KEY_AT, v, i->pid, fresh);
	if (append)
		store_append(t, v->tables.vault, key, sealed);
	else
		store_put(t, v->tables.vault, key, sealed);
	explicit_bzero(plain, n);
}

/* A person who stands already under `number`. True: what stands is another now. */
static bool renew(struct store_txn *t, const struct vault *v, uint64_t number, struct vault_item *i,
	struct nonces *nonces)
{
	uint8_t plain[PLAIN_MAX];
	struct text stands, parts[PARTS];
	uint8_t at[8];
	int err;

	put_u64(at, number);
	err = store_get(t, v->tables.vault, (struct text){ (const char *)at, 8 }, &stands);

	if (err == ERR_NOTFOUND)
		store_fail(t, ERR_DAMAGED);
	if (err)
		return false;
	if (stands.n >= FRONT_BYTES) {
		bool no_phone = memcmp(i->phone_tag, no_tag, TAG_BYTES) == 0;

		if (memcmp(stands.p, i->name_tag, NAME_TAG_BYTES) == 0 &&
			(no_phone ||
				memcmp(stands.p + NAME_TAG_BYTES, i->phone_tag, TAG_BYTES) == 0))
			return false;
		if (no_phone && memcmp(stands.p + NAME_TAG_BYTES, no_tag, TAG_BYTES) != 0) {
			if (unseal(v, i->pid, stands, plain, parts) == 0) {
				i->phone = parts[3];
				memcpy(i->phone_tag, stands.p + NAME_TAG_BYTES, TAG_BYTES);
			} else {
				log_error("vault",
					"value %llu does not open; a new row of its person "
					"replaces it",
					(unsigned long long)number);
			}
		}
	}
	if (stands.n == SHREDDED_BYTES && v->heard) /* back after it was shredded: a new term */
		heard_back(t, v->heard, number, clock_wall_ms());
	seal(t, v, number, i, next_nonce(nonces, 1), false);
	explicit_bzero(plain, sizeof plain);
	return true;
}

/* The value under `number`, opened; texts in plain. */
static int open_number(struct store_txn *t, const struct vault *v, uint64_t number,
	const uint8_t pid[PID_BYTES], uint8_t plain[PLAIN_MAX], struct identity *out)
{
	struct text value, parts[PARTS];
	uint8_t key[8];
	int err;

	put_u64(key, number);
	err = store_get(t, v->tables.vault, (struct text){ (const char *)key, 8 }, &value);
	if (!err)
		err = unseal(v, pid, value, plain, parts);
	if (!err)
		*out = (struct identity){ .name = parts[0],
			.doc_type = parts[1],
			.doc_number = parts[2],
			.phone = parts[3],
			.present = true };
	return err;
}

static bool seal_number(struct store_txn *t, const struct vault *v, uint64_t number,
	const uint8_t pid[PID_BYTES], struct text author)
{
	uint8_t plain[PLAIN_MAX];
	struct identity id;
	int err = open_number(t, v, number, pid, plain, &id);

	if (!err)
		sealing_append(t, v->sealing,
			&(struct sealing_person){
				.number = number, .pid = pid, .identity = &id, .author = author });
	else if (err != ERR_NOTFOUND && !store_txn_err(t))
		log_error("vault", "value %llu does not open; its person is not sealed",
			(unsigned long long)number);
	explicit_bzero(plain, sizeof plain);
	return !err;
}

/* After the person stands under `number`. */
static void seal_person(struct store_txn *t, const struct vault *v, uint64_t number,
	const struct vault_item *i, bool changed, struct text author)
{
	if (!v->sealing || store_txn_err(t) || !(i->speaks || changed))
		return;
	if (sealing_wanted(t, v->sealing, number, i->speaks, changed))
		(void)seal_number(t, v, number, i->pid, author);
}

bool vault_seal(struct store_txn *t, const struct vault *v, const uint8_t pid[PID_BYTES],
	struct text author)
{
	uint64_t number = pids_search(t, &v->tables, pid);

	return number && v->sealing && sealing_wanted(t, v->sealing, number, true, false) &&
	       seal_number(t, v, number, pid, author);
}

static uint64_t next_number(struct store_txn *t, const struct vault *v)
{
	struct store_cursor *c = store_cursor_open(t, v->tables.vault);
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
	for (size_t k = 0; k < n; k++)
		i.speaks = i.speaks || at[k].speaks;
	return i;
}

void vault_put(struct store_txn *t, const struct vault *v, const struct vault_item *at, size_t n,
	struct text author)
{
	struct nonces nonces = { .left = 0 };
	uint64_t next = 0;
	size_t run;

	if (n == 0)
		return;
	pids_begin(t, v->pids);
	for (size_t k = 0; k < n && !store_txn_err(t); k += run) {
		uint64_t number = pids_find(t, v->pids, at[k].pid);
		struct vault_item i;

		for (run = 1; k + run < n && memcmp(at[k].pid, at[k + run].pid, PID_BYTES) == 0;
			run++)
			;
		i = merged(at + k, run);
		if (number) {
			bool changed = renew(t, v, number, &i, &nonces);

			seal_person(t, v, number, &i, changed, author);
			continue;
		}
		if (next == 0)
			next = next_number(t, v);
		seal(t, v, next, &i, next_nonce(&nonces, n - k), true);
		pids_add(t, v->pids, i.pid, next);
		seal_person(t, v, next++, &i, false, author);
	}
	pids_end(t, v->pids);
	explicit_bzero(&nonces, sizeof nonces);
}

bool vault_holds(
	struct store_txn *t, const struct vault *v, uint64_t number, uint8_t pid[PID_BYTES])
{
	struct text value;
	uint8_t at[8];

	put_u64(at, number);
	if (store_get(t, v->tables.vault, (struct text){ (const char *)at, 8 }, &value) ||
		value.n <= FRONT_BYTES)
		return false;
	memcpy(pid, value.p + PIDS_AT, PID_BYTES);
	return true;
}

int vault_erase(struct store_txn *t, const struct vault *v, const uint8_t pid[PID_BYTES])
{
	uint64_t number = pids_search(t, &v->tables, pid);
	uint8_t at[8], value[SHREDDED_BYTES] = { 0 };
	struct text key = { (const char *)at, 8 }, stands;
	int err;

	put_u64(at, number);
	if (number == 0)
		return store_txn_err(t) ? store_txn_err(t) : ERR_NOTFOUND;
	err = store_get(t, v->tables.vault, key, &stands);
	if (!err && stands.n == SHREDDED_BYTES)
		err = ERR_NOTFOUND;
	if (err)
		return err;
	memcpy(value + PIDS_AT, pid, PID_BYTES);
	store_put(t, v->tables.vault, key, (struct text){ (const char *)value, sizeof value });
	return store_txn_err(t);
}

int vault_get(struct store_txn *t, const struct vault *v, const uint8_t pid[PID_BYTES],
	struct arena *a, struct identity *out)
{
	uint8_t plain[PLAIN_MAX];
	uint64_t number = pids_search(t, &v->tables, pid);
	struct identity id;
	int err = number ? 0 : store_txn_err(t) ? store_txn_err(t) : ERR_NOTFOUND;

	if (!err)
		err = open_number(t, v, number, pid, plain, &id);
	if (err)
		return err;
	*out = (struct identity){ .name = arena_copy(a, id.name),
		.doc_type = arena_copy(a, id.doc_type),
		.doc_number = arena_copy(a, id.doc_number),
		.phone = arena_copy(a, id.phone),
		.present = true };
	explicit_bzero(plain, sizeof plain);
	return out->name.p && out->doc_type.p && out->doc_number.p && out->phone.p ? 0 : ERR_NOMEM;
}
