/* Key files: what is read, what is refused, and that nothing is ever overwritten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/conf/keys.h"

static char dir[] = "/tmp/conf_keys_XXXXXX";
static char credentials[64];

static int setup(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	if (!mkdtemp(dir))
		return -1;
	snprintf(credentials, sizeof(credentials), "%s/credentials", dir);
	return mkdir(credentials, 0700);
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void put(const char *in, const char *name, const char *text, size_t n, int mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", in, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text, 1, n, f);
	fclose(f);
	assert_int_equal(chmod(path, (mode_t)mode), 0);
}

static void written_and_read(void **state)
{
	char out[KEY_TEXT_MAX], path[128];
	struct errmsg m;
	struct stat st;

	(void)state;
	umask(0);
	assert_int_equal(key_write(dir, "link.key", "first", &m), 0);
	assert_int_equal(key_write(dir, "link.key", "second", &m), ERR_EXISTS);
	assert_int_equal(key_read(dir, "link.key", out, &m), 0);
	assert_string_equal(out, "first");
	snprintf(path, sizeof(path), "%s/link.key", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(key_write("/nowhere", "link.key", "x", &m), ERR_NOTFOUND);
	assert_int_equal(key_write(dir, "../link.key", "x", &m), ERR_INVALID);
	memset(out, 'x', sizeof(out) - 1);
	out[sizeof(out) - 1] = 0;
	assert_int_equal(key_write(dir, "long.key", out, &m), ERR_INVALID);
	assert_int_equal(key_read(dir, "long.key", out, &m), ERR_NOTFOUND);
}

static void refused(void **state)
{
	char out[KEY_TEXT_MAX], long_text[200];
	struct errmsg m;

	(void)state;
	assert_int_equal(key_read(dir, "none.key", out, &m), ERR_NOTFOUND);
	assert_non_null(strstr(m.text, "none.key: No such file"));
	put(dir, "open.key", "text\n", 5, 0640);
	assert_int_equal(key_read(dir, "open.key", out, &m), ERR_DENIED);
	assert_non_null(strstr(m.text, "chmod 0600"));
	put(dir, "empty.key", " \n", 2, 0600);
	assert_int_equal(key_read(dir, "empty.key", out, &m), ERR_INVALID);
	put(dir, "lines.key", "a\nb\n", 4, 0600);
	assert_int_equal(key_read(dir, "lines.key", out, &m), ERR_INVALID);
	put(dir, "nul.key", "a\0b", 3, 0600);
	assert_int_equal(key_read(dir, "nul.key", out, &m), ERR_INVALID);
	memset(long_text, 'x', sizeof(long_text));
	put(dir, "big.key", long_text, sizeof(long_text), 0600);
	assert_int_equal(key_read(dir, "big.key", out, &m), ERR_INVALID);
	assert_int_equal(key_read(dir, "credentials", out, &m), ERR_INVALID);
	for (size_t i = 0; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
}

static void credential_wins(void **state)
{
	char out[KEY_TEXT_MAX];
	struct errmsg m;

	(void)state;
	put(dir, "sign.key", "file\t \r\n", 8, 0600);
	put(credentials, "sign.key", "credential", 10, 0440);
	assert_int_equal(key_read(dir, "sign.key", out, &m), 0);
	assert_string_equal(out, "file");
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	assert_int_equal(key_read(dir, "sign.key", out, &m), 0);
	assert_string_equal(out, "credential");
	put(dir, "link2.key", "file", 4, 0600);
	assert_int_equal(key_read(dir, "link2.key", out, &m), 0);
	assert_string_equal(out, "file");
	/* a damaged credential is not passed over */
	put(credentials, "sign.key", "", 0, 0400);
	assert_int_equal(key_read(dir, "sign.key", out, &m), ERR_INVALID);
	unsetenv("CREDENTIALS_DIRECTORY");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(refused),
		cmocka_unit_test(credential_wins),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
