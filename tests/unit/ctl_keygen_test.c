/* keygen makes what is missing, never overwrites, and prints public halves that fit the secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "daemon/conf/keys.h"
#include "daemon/ctl/keygen.h"
#include "daemon/ledger/hash.h"
#include "daemon/link/link.h"

static char dir[] = "/tmp/ctl_keygen_XXXXXX";
static char out[100];

static int keygen(json_t **printed, int n, char **words)
{
	struct ctl_options o = { .output = CTL_JSON };
	int saved = dup(1);
	fflush(NULL);
	assert_non_null(freopen(out, "w", stdout));
	int code = keygen_run(words, n, &o);
	fflush(stdout);
	dup2(saved, 1);
	close(saved);
	if (printed)
		*printed = json_load_file(out, 0, NULL);
	return code;
}

static const char *where(const char *name)
{
	static char path[200];
	snprintf(path, sizeof path, "%s/keys/%s", dir, name);
	return path;
}

static void keys_are_made_once(void **state)
{
	(void)state;
	char keys[100], first[4][KEY_TEXT_MAX], again[KEY_TEXT_MAX];
	const char *names[] = { "link.key", "sign.key", "vault.key", "pid.key" };
	struct errmsg m;
	struct stat st;
	json_t *printed, *second;
	snprintf(keys, sizeof keys, "%s/keys", dir);
	char *plain[] = { keys }, *pid[] = { "--pid", keys };
	assert_int_equal(keygen(&printed, 1, plain), CTL_DONE);
	assert_int_equal(access(where("pid.key"), F_OK), -1);
	assert_int_equal(keygen(NULL, 2, pid), CTL_DONE);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(stat(where(names[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(key_read(keys, names[i], first[i], &m), 0);
	}
	/* one is lost: only that one is made anew */
	assert_int_equal(unlink(where("vault.key")), 0);
	assert_int_equal(keygen(&second, 2, pid), CTL_DONE);
	assert_true(json_equal(printed, second));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(key_read(keys, names[i], again, &m), 0);
		assert_int_equal(strcmp(again, first[i]) == 0, i != 2);
	}
	/* the public halves are those of the secrets */
	struct link_keys k = { 0 };
	memcpy(k.secret_key, first[0], sizeof k.secret_key);
	assert_int_equal(link_keys_public(&k), 0);
	assert_string_equal(json_string_value(json_object_get(printed, "key")), k.public_key);
	uint8_t seed[SIGN_SEED_BYTES];
	struct sign_key s;
	char signer[45];
	assert_int_equal(base64_get(seed, sizeof seed, text_of(first[1])), 0);
	sign_key_init(&s, seed);
	base64_put(signer, sizeof signer, s.public_key, SIGN_PUBLIC_BYTES);
	assert_string_equal(json_string_value(json_object_get(printed, "signer")), signer);
	json_decref(printed);
	json_decref(second);
}

static void a_spoiled_key_is_named_and_kept(void **state)
{
	(void)state;
	char keys[100];
	snprintf(keys, sizeof keys, "%s/keys", dir);
	char *plain[] = { keys };
	const char *names[] = { "link.key", "sign.key", "vault.key" };
	for (int i = 0; i < 3; i++) {
		FILE *f = fopen(where(names[i]), "r+");
		char before[KEY_TEXT_MAX];
		assert_non_null(f);
		assert_non_null(fgets(before, sizeof before, f));
		rewind(f);
		fputs("\" spoiled", f);
		fclose(f);
		assert_int_equal(keygen(NULL, 1, plain), CTL_FAILED);
		f = fopen(where(names[i]), "r+");
		assert_int_equal(fgetc(f), '"');
		rewind(f);
		fputs(before, f);
		fclose(f);
	}
	assert_int_equal(keygen(NULL, 1, plain), CTL_DONE);
}

static void wrong_words_are_usage(void **state)
{
	(void)state;
	char *none[1] = { NULL }, *option[] = { "--all", dir }, *two[] = { dir, dir },
	     *bad[] = { "/nowhere/at/all" };
	assert_int_equal(keygen(NULL, 0, none), CTL_USAGE);
	assert_int_equal(keygen(NULL, 2, option), CTL_USAGE);
	assert_int_equal(keygen(NULL, 2, two), CTL_USAGE);
	assert_int_equal(keygen(NULL, 1, bad), CTL_FAILED);
}

int main(void)
{
	char command[100];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_made_once),
		cmocka_unit_test(a_spoiled_key_is_named_and_kept),
		cmocka_unit_test(wrong_words_are_usage),
	};
	if (!mkdtemp(dir) || hash_init())
		return 1;
	snprintf(out, sizeof out, "%s/out", dir);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command) || failed;
}
