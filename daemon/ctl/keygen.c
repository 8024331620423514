/* Keys are made one by one, each durable before the next; what exists is kept and only read for its
 * public half. A run that was cut off is simply run again.
 *
 *     link.key   CURVE secret, Z85                 sign.key   Ed25519 seed, base64
 *     vault.key  32 random bytes, base64           pid.key    likewise; only with --pid, once for a
 * network
 *     registrar.key  X25519 secret, base64; alone in its folder, with --registrar */
#include "daemon/ctl/keygen.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/clock.h"
#include "daemon/conf/keys.h"
#include "daemon/identity/seal.h"
#include "daemon/ledger/hash.h"
#include "daemon/link/link.h"

#define SECRET_BYTES 32
#define USAGE "usage: tallyctl keygen [--pid | --registrar] DIR"

struct keys {
	const char *dir;
	char link[41]; /* public halves */
	char signer[45];
	char registrar[45];
	struct errmsg m;
};

/* Text of a fresh key file. */
static void secret_base64(char out[KEY_TEXT_MAX])
{
	uint8_t bytes[SECRET_BYTES];
	random_bytes(bytes, sizeof bytes);
	base64_put(out, KEY_TEXT_MAX, bytes, sizeof bytes);
	sodium_memzero(bytes, sizeof bytes);
}

static void secret_z85(char out[KEY_TEXT_MAX])
{
	struct link_keys k;
	link_keys_make(&k);
	snprintf(out, KEY_TEXT_MAX, "%s", k.secret_key);
	sodium_memzero(&k, sizeof k);
}

/* Makes keys_dir/name when it is missing, and reads it into text. */
static int key_have(struct keys *k, const char *name, void (*make)(char *), char text[KEY_TEXT_MAX])
{
	int err = key_read(k->dir, name, text, &k->m);
	if (err != ERR_NOTFOUND)
		return err;
	make(text);
	err = key_write(k->dir, name, text, &k->m);
	/* Somebody else made it in between: theirs stands. */
	return err == ERR_EXISTS ? key_read(k->dir, name, text, &k->m) : err;
}

static int secret_check(
	struct keys *k, const char *name, const char *text, uint8_t out[SECRET_BYTES])
{
	if (base64_get(out, SECRET_BYTES, text_of(text)) == 0)
		return 0;
	errmsg_set(&k->m, "%s/%s: is not 32 bytes in base64; move it away and run keygen again",
		k->dir, name);
	return ERR_INVALID;
}

static int link_have(struct keys *k)
{
	char text[KEY_TEXT_MAX] = "";
	struct link_keys keys;
	memset(&keys, 0, sizeof keys);
	int err = key_have(k, "link.key", secret_z85, text);
	if (!err && strlen(text) == sizeof keys.secret_key - 1) {
		memcpy(keys.secret_key, text, sizeof keys.secret_key);
		err = link_keys_public(&keys);
	} else if (!err) {
		err = ERR_INVALID;
	}
	if (err == ERR_INVALID)
		errmsg_set(&k->m,
			"%s/link.key: is no CURVE secret (40 characters of Z85); move it away and "
			"run keygen again",
			k->dir);
	memcpy(k->link, keys.public_key, sizeof k->link);
	sodium_memzero(&keys, sizeof keys);
	sodium_memzero(text, sizeof text);
	return err;
}

static int sign_have(struct keys *k)
{
	char text[KEY_TEXT_MAX] = "";
	uint8_t seed[SECRET_BYTES];
	struct sign_key key;
	int err = key_have(k, "sign.key", secret_base64, text);
	if (!err)
		err = secret_check(k, "sign.key", text, seed);
	if (!err) {
		sign_key_init(&key, seed);
		base64_put(k->signer, sizeof k->signer, key.public_key, SIGN_PUBLIC_BYTES);
		sign_key_deinit(&key);
	}
	sodium_memzero(seed, sizeof seed);
	sodium_memzero(text, sizeof text);
	return err;
}

static int random_have(struct keys *k, const char *name)
{
	char text[KEY_TEXT_MAX] = "";
	uint8_t bytes[SECRET_BYTES];
	int err = key_have(k, name, secret_base64, text);
	if (!err)
		err = secret_check(k, name, text, bytes);
	sodium_memzero(bytes, sizeof bytes);
	sodium_memzero(text, sizeof text);
	return err;
}

static void registrar_base64(char out[KEY_TEXT_MAX])
{
	struct registrar_secret s;
	registrar_secret_make(&s);
	base64_put(out, KEY_TEXT_MAX, s.key, sizeof s.key);
	registrar_secret_wipe(&s);
}

static int registrar_have(struct keys *k)
{
	char text[KEY_TEXT_MAX] = "";
	struct registrar_secret s;
	int err = key_have(k, "registrar.key", registrar_base64, text);
	if (!err && registrar_secret_init(&s, text_of(text)) != 0) {
		errmsg_set(&k->m,
			"%s/registrar.key: is not 32 bytes in base64; move it away and run keygen "
			"again",
			k->dir);
		err = ERR_INVALID;
	} else if (!err) {
		base64_put(k->registrar, sizeof k->registrar, s.half.key, sizeof s.half.key);
		registrar_secret_wipe(&s);
	}
	sodium_memzero(text, sizeof text);
	return err;
}

/* The registrar's key pair stands apart from a daemon's keys. */
static int registrar_print(const struct keys *k, const struct ctl_options *o)
{
	printf(o->output == CTL_JSON   ? "{\"registrar\": \"%s\"}\n"
		: o->output == CTL_CSV ? "registrar\n%s\n"
				       : "registrar = \"%s\"\n",
		k->registrar);
	if (fflush(stdout) != 0)
		return ctl_fail(
			CTL_FAILED, "the public half cannot be written: %s", strerror(errno));
	return CTL_DONE;
}

static int public_print(const struct keys *k, const struct ctl_options *o)
{
	if (o->output == CTL_JSON) {
		json_t *v = json_pack("{s:s, s:s}", "key", k->link, "signer", k->signer);
		if (!v)
			return ctl_fail(CTL_FAILED, "out of memory");
		json_dumpf(v, stdout, 0);
		fputc('\n', stdout);
		json_decref(v);
	} else if (o->output == CTL_CSV) {
		/* Z85 has no quote and no comma, base64 neither */
		printf("key,signer\n%s,%s\n", k->link, k->signer);
	} else {
		printf("key = \"%s\"\nsigner = \"%s\"\n", k->link, k->signer);
	}
	if (fflush(stdout) != 0)
		return ctl_fail(
			CTL_FAILED, "the public halves cannot be written: %s", strerror(errno));
	return CTL_DONE;
}

int keygen_run(char *const *words, int n, const struct ctl_options *o)
{
	struct keys k = { 0 };
	bool pid = false, registrar = false;
	for (int i = 0; i < n; i++) {
		if (strcmp(words[i], "--pid") == 0)
			pid = true;
		else if (strcmp(words[i], "--registrar") == 0)
			registrar = true;
		else if (words[i][0] == '-' && words[i][1])
			return ctl_fail(CTL_USAGE, "keygen has no option %s; " USAGE, words[i]);
		else if (k.dir)
			return ctl_fail(CTL_USAGE, "keygen takes one folder; " USAGE);
		else
			k.dir = words[i];
	}
	if (!k.dir)
		return ctl_fail(CTL_USAGE, "keygen wants a folder; " USAGE);
	if (pid && registrar)
		return ctl_fail(
			CTL_USAGE, "the registrar's key belongs into a folder of its own; " USAGE);
	/* A systemd credential would hide the files that are asked for. */
	unsetenv("CREDENTIALS_DIRECTORY");
	if (hash_init() != 0)
		return ctl_fail(CTL_FAILED, "libsodium does not start");
	if (mkdir(k.dir, 0700) != 0 && errno != EEXIST)
		return ctl_fail(CTL_FAILED, "%s: %s", k.dir, strerror(errno));
	int err = registrar ? registrar_have(&k) : link_have(&k);
	if (!err && !registrar)
		err = sign_have(&k);
	if (!err && !registrar)
		err = random_have(&k, "vault.key");
	if (!err && pid)
		err = random_have(&k, "pid.key");
	if (err)
		return ctl_fail(err == ERR_DENIED ? CTL_DENIED : CTL_FAILED, "%s",
			k.m.text[0] ? k.m.text : err_words(err));
	return registrar ? registrar_print(&k, o) : public_print(&k, o);
}
