/* Start: read vault.key and pid.key → derive one key for each use → compare the check values → go
 * on, or refuse with words.
 *
 *     vault.key ── 32 bytes, the key of XChaCha20-Poly1305
 *         └─ tag key = H(vault.key, "tally-vault-tag-1")
 *     pid.key ──── 32 bytes, the linking key: pid = H16(pid.key, doc_type, doc_number)
 *         └─ name tag key = H(pid.key, "tally-name-tag-1"): tag = H8(name tag key, pid, name)
 *         └─ birth tag key = H(pid.key, "tally-birth-tag-1"): daemon/identity/seal.c
 *
 * H16 and H8 are keyed BLAKE2b (hash_keyed); H(key, purpose) is H16(key, purpose, "0") and
 * H16(key, purpose, "1") side by side. A store written under one linking key and continued under
 * another would hold every person twice, and a vault under two keys could be read by neither: so
 * the store keeps
 *
 *     "check/vault.key", "check/pid.key" → H16(key, "tally-check-1", name)
 *
 * written in the first transaction of an empty store, compared at every start. */
#include "daemon/intake/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "daemon/conf/keys.h"
#include "daemon/ledger/hash.h"

struct secrets {
	uint8_t vault[SECRET_BYTES];
	uint8_t vault_tag[SECRET_BYTES];
	uint8_t pid[SECRET_BYTES];
	uint8_t name_tag[SECRET_BYTES];
	uint8_t birth_tag[SECRET_BYTES];
};

enum { VAULT_KEY, PID_KEY, KEYS };
static const char *const key_names[KEYS] = { "vault.key", "pid.key" };

static void derive(uint8_t out[SECRET_BYTES], const uint8_t key[SECRET_BYTES], struct text purpose)
{
	hash_keyed(out, 16, key, purpose, TEXT("0"));
	hash_keyed(out + 16, 16, key, purpose, TEXT("1"));
}

static int read_key(
	uint8_t out[SECRET_BYTES], const char *keys_dir, const char *name, struct errmsg *m)
{
	char text[KEY_TEXT_MAX];
	int err = key_read(keys_dir, name, text, m);

	if (!err && base64_get(out, SECRET_BYTES, text_of(text))) {
		errmsg_set(m,
			"%s/%s: not a key of %d bytes in base64: make one with `tallyctl keygen`",
			keys_dir, name, SECRET_BYTES);
		err = ERR_INVALID;
	}
	explicit_bzero(text, sizeof text);
	return err;
}

struct check {
	int table;
	const int *tables;
	size_t n_tables;
	uint8_t values[KEYS][16];
	int differs; /* index of the key that is another one; -1 */
};

/* Job: compares, or writes into an empty store. */
static int check_keys(struct store_txn *t, void *arg)
{
	struct check *c = arg;

	c->differs = -1;
	for (int i = 0; i < KEYS; i++) {
		char key[32];
		int n = snprintf(key, sizeof key, "check/%s", key_names[i]);
		struct text name = { key, (size_t)n }, stands;
		int err = store_get(t, c->table, name, &stands);

		if (err == ERR_NOTFOUND) {
			for (size_t k = 0; k < c->n_tables; k++)
				if (store_count(t, c->tables[k]) > 0)
					return ERR_DAMAGED;
			store_put(
				t, c->table, name, (struct text){ (const char *)c->values[i], 16 });
		} else if (err) {
			return err;
		} else if (!text_eq(stands, (struct text){ (const char *)c->values[i], 16 })) {
			c->differs = i;
			return ERR_DENIED;
		}
	}
	return store_txn_err(t);
}

static int compare(struct store *store, struct check *c, const char *keys_dir, struct errmsg *m)
{
	int err = store_write(store, check_keys, c, STORE_RESERVE);

	if (err == ERR_DENIED && c->differs == VAULT_KEY)
		errmsg_set(m,
			"%s/vault.key is not the key that this vault was written with: put the "
			"right one back; "
			"with another one the identities in the vault cannot be read",
			keys_dir);
	else if (err == ERR_DENIED)
		errmsg_set(m,
			"%s/pid.key is not the linking key that this ledger was written with: put "
			"the right one back; "
			"with another one every person would be counted as a new one",
			keys_dir);
	else if (err == ERR_DAMAGED)
		errmsg_set(m, "the store holds records but not the check values of its keys: it is "
			      "damaged or not ours");
	else if (err)
		errmsg_set(m, "cannot compare the keys with the store: %s", err_words(err));
	return err;
}

int secrets_open(struct secrets **out, struct store *store, int table, const int *tables, size_t n,
	const char *keys_dir, struct errmsg *m)
{
	struct check c = { .table = table, .tables = tables, .n_tables = n };
	struct secrets *s = calloc(1, sizeof *s);
	int err;

	if (!s) {
		errmsg_set(m, "%s", err_words(ERR_NOMEM));
		return ERR_NOMEM;
	}
	(void)mlock(s, sizeof *s); /* a limit of zero is no reason not to start */

	err = read_key(s->vault, keys_dir, key_names[VAULT_KEY], m);
	if (!err)
		err = read_key(s->pid, keys_dir, key_names[PID_KEY], m);
	if (!err) {
		derive(s->vault_tag, s->vault, TEXT("tally-vault-tag-1"));
		derive(s->name_tag, s->pid, TEXT("tally-name-tag-1"));
		derive(s->birth_tag, s->pid, TEXT("tally-birth-tag-1"));
		hash_keyed(c.values[VAULT_KEY], 16, s->vault, TEXT("tally-check-1"),
			TEXT("vault.key"));
		hash_keyed(c.values[PID_KEY], 16, s->pid, TEXT("tally-check-1"), TEXT("pid.key"));
		err = compare(store, &c, keys_dir, m);
	}
	if (err) {
		secrets_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void secrets_close(struct secrets *s)
{
	if (!s)
		return;
	explicit_bzero(s, sizeof *s);
	(void)munlock(s, sizeof *s);
	free(s);
}

void secrets_pid(const struct secrets *s, struct text doc_type, struct text doc_number,
	uint8_t pid[PID_BYTES])
{
	hash_keyed(pid, PID_BYTES, s->pid, doc_type, doc_number);
}

void secrets_name_tag(const struct secrets *s, const uint8_t pid[PID_BYTES], struct text name,
	uint8_t tag[NAME_TAG_BYTES])
{
	hash_keyed(tag, NAME_TAG_BYTES, s->name_tag, (struct text){ (const char *)pid, PID_BYTES },
		name);
}

const uint8_t *secrets_birth_key(const struct secrets *s)
{
	return s->birth_tag;
}

const uint8_t *secrets_tag_key(const struct secrets *s)
{
	return s->vault_tag;
}

const uint8_t *secrets_vault_key(const struct secrets *s)
{
	return s->vault;
}
