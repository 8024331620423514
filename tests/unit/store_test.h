/* What the tests of the store share: a folder of its own for each test, and short ways to open. */
#ifndef STORE_TEST_H
#define STORE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/store/store.h"

static const char *const test_tables[] = { "ordered", "random", "other" };
enum { ORDERED, RANDOM, OTHER, TEST_TABLES };

static inline void remove_dir(const char *dir)
{
	char path[600];
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d)
		return;
	while ((e = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
	}
	closedir(d);
	rmdir(dir);
}

/* A name that does not exist yet: in $TMPDIR, else in memory, where a thousand syncs cost nothing.
 */
static inline char *new_dir(void)
{
	static char dir[64];
	const char *in = getenv("TMPDIR");

	if (!in)
		in = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	assert_in_range(snprintf(dir, sizeof dir, "%s/tally-store-XXXXXX", in), 0, sizeof dir - 1);
	assert_non_null(mkdtemp(dir));
	rmdir(dir);
	return dir;
}

static inline struct store_conf conf_of(const char *dir)
{
	return (struct store_conf){ .dir = dir,
		.tables = test_tables,
		.n_tables = TEST_TABLES,
		.limit_bytes = 256 << 20,
		.create = true };
}

static inline struct store *open_with(const struct store_conf *conf)
{
	struct errmsg m = { "" };
	struct store *s;
	int rc = store_open(&s, conf, &m);

	if (rc)
		print_error("store_open: %s: %s\n", err_words(rc), m.text);
	assert_int_equal(rc, 0);
	return s;
}

static inline struct store *open_at(const char *dir)
{
	struct store_conf conf = conf_of(dir);

	return open_with(&conf);
}

static inline struct text key_of(uint8_t bytes[8], uint64_t n)
{
	put_u64(bytes, n);
	return (struct text){ (const char *)bytes, 8 };
}

#endif
