/* Stores that can be folded again: a kill loses nothing, a power cut or a damage empties them, and
 * never in silence. */
#include "tests/unit/store_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define ROWS 300

static struct store *open_derived(const char *dir)
{
	struct store_conf conf = conf_of(dir);
	struct store *s = NULL;
	struct errmsg m;

	conf.derived = true;
	assert_int_equal(store_open(&s, &conf, &m), 0);
	return s;
}

static int fill(struct store_txn *t, void *arg)
{
	uint64_t n = *(uint64_t *)arg;
	uint8_t k[8];

	store_put(t, ORDERED, key_of(k, n), TEXT("v"));
	return store_txn_err(t);
}

static void fill_all(struct store *s)
{
	for (uint64_t n = 0; n < ROWS; n++)
		assert_int_equal(store_write(s, fill, &n, 0), 0);
}

static uint64_t rows(struct store *s)
{
	struct store_txn *t;
	uint64_t n;

	assert_int_equal(store_read_begin(s, &t, 10000), 0);
	n = store_count(t, ORDERED);
	store_read_end(t);
	return n;
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool stands(const char *dir, const char *name)
{
	char path[600];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void a_clean_close_keeps_all(void **state)
{
	(void)state;
	char *dir = new_dir();
	struct store *s = open_derived(dir);

	assert_true(stands(dir, "open"));
	fill_all(s);
	store_close(s);
	assert_false(stands(dir, "open"));
	s = open_derived(dir);
	assert_int_equal(rows(s), ROWS);
	store_close(s);
	remove_dir(dir);
}

static void a_kill_loses_nothing(void **state)
{
	(void)state;
	char *dir = new_dir();
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fill_all(open_derived(dir));
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(stands(dir, "open"));
	struct store *s = open_derived(dir);
	assert_int_equal(rows(s), ROWS);
	store_close(s);
	remove_dir(dir);
}

static void another_boot_empties(void **state)
{
	static const char *const marks[] = { "11111111-2222-3333-4444-555555555555\n",
		"unsynced\n" };

	(void)state;
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		char *dir = new_dir();
		struct store *s = open_derived(dir);
		fill_all(s);
		store_close(s);
		put_file(dir, "open", marks[i]);
		s = open_derived(dir);
		assert_int_equal(rows(s), 0);
		fill_all(s); /* and it is a good store again */
		store_close(s);
		s = open_derived(dir);
		assert_int_equal(rows(s), ROWS);
		store_close(s);
		remove_dir(dir);
	}
}

/* The emptying itself was cut short: data gone, marker still there. */
static void a_cut_while_emptying_is_found(void **state)
{
	(void)state;
	char *dir = new_dir(), path[600];
	struct store *s = open_derived(dir);

	fill_all(s);
	store_close(s);
	put_file(dir, "open", "another boot\n");
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	assert_int_equal(unlink(path), 0);
	s = open_derived(dir);
	assert_int_equal(rows(s), 0);
	store_close(s);
	remove_dir(dir);
}

static void damage_empties(void **state)
{
	(void)state;
	char *dir = new_dir(), path[600];
	struct store *s = open_derived(dir);
	int fd;

	fill_all(s);
	store_close(s);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 3 * 4096 + 17), 0);
	close(fd);
	s = open_derived(dir);
	assert_int_equal(rows(s), 0);
	store_close(s);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clean_close_keeps_all),
		cmocka_unit_test(a_kill_loses_nothing),
		cmocka_unit_test(another_boot_empties),
		cmocka_unit_test(a_cut_while_emptying_is_found),
		cmocka_unit_test(damage_empties),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
