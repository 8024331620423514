/* The disk fails: at every write and sync once, or for good. Nothing is told that does not stand;
 * what is in doubt ends the process; a full disk refuses intake while acks are stored. */
#include "tests/unit/store_test.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* ---- the disk between us and the kernel ---- */

static _Atomic long calls;     /* since armed */
static _Atomic long fail_from; /* 0: never; the n-th call and those after it … */
static _Atomic long fail_to;   /* … up to this one fail */
static _Atomic int fail_with;

static bool fails(void)
{
	long from = atomic_load(&fail_from), n;

	if (!from)
		return false;
	n = atomic_fetch_add(&calls, 1) + 1;
	if (n < from || n > atomic_load(&fail_to))
		return false;
	errno = atomic_load(&fail_with);
	return true;
}

static void arm(long from, long to, int with)
{
	atomic_store(&fail_from, 0);
	atomic_store(&calls, 0);
	atomic_store(&fail_with, with);
	atomic_store(&fail_to, to);
	atomic_store(&fail_from, from);
}

/* These stand in for libc's in this program, LMDB's calls included. */
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t) =
		(ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");

	return fails() ? -1 : real(fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	ssize_t (*real)(int, const struct iovec *, int) =
		(ssize_t(*)(int, const struct iovec *, int))dlsym(RTLD_NEXT, "writev");

	return fails() ? -1 : real(fd, v, n);
}

int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");

	return fails() ? -1 : real(fd);
}

/* ---- jobs ---- */

static int put_some(struct store_txn *t, void *arg)
{
	static char bytes[2000];
	uint64_t n = *(uint64_t *)arg;
	uint8_t k[8];

	for (uint64_t i = 0; i < 20; i++) {
		store_append(
			t, ORDERED, key_of(k, n * 20 + i), (struct text){ bytes, sizeof bytes });
		store_put(t, RANDOM, key_of(k, (n * 20 + i) * 0x9E3779B97F4A7C15), TEXT("x"));
	}
	return 0;
}

static int ack(struct store_txn *t, void *arg)
{
	store_put(t, OTHER, TEXT("acked"), (struct text){ arg, 8 });
	return 0;
}

static uint64_t count(struct store *s)
{
	struct store_txn *t;
	uint64_t n;

	assert_int_equal(store_read_begin(s, &t, 5000), 0);
	n = store_count(t, ORDERED);
	assert_int_equal(store_count(t, RANDOM), n);
	store_read_end(t);
	return n;
}

static char dir[64];

#define WRITES 8

/* In a process of its own: writes, and leaves in *told how many writes were told to stand. The n-th
 * call of write `at` and after it fails. Ends with 0, or as the store ends it; after the last write
 * without closing, so that the next start takes what the journal holds. */
static void child(int at, long nth, int with, uint64_t *told)
{
	struct store *s;

	log_set_level(LOG_LEVEL_ERROR - 1);
	s = open_at(dir);
	for (int i = 0; i < WRITES; i++) {
		if (i == at)
			arm(nth, nth, with);
		if (store_write(s, put_some, told, 0) == 0)
			++*told;
		if (count(s) != *told * 20)
			_exit(4);
	}
	arm(0, 0, 0);
	if (at < WRITES - 1)
		store_close(s);
	_exit(*told < 3 ? 5 : 0);
}

static void each_call_fails_once(void **state)
{
	static const int errors[] = { EIO, ENOSPC };
	uint64_t *told =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned unknown = 0, known = 0;

	(void)state;
	for (int i = 0; i < 80; i++) {
		struct store *s;
		uint64_t stands;
		int status;

		snprintf(dir, sizeof dir, "%s", new_dir());
		*told = 0;
		if (fork() == 0)
			child(i < 40 ? 3 : WRITES - 1, i % 40 / 2 + 1, errors[i % 2], told);
		wait(&status);
		assert_true(WIFEXITED(status));
		s = open_at(dir);
		stands = count(s) / 20;
		if (WEXITSTATUS(status) == 70) { /* the one in doubt stands, or it does not */
			unknown++;
			assert_true(stands == *told || stands == *told + 1);
		} else {
			known++;
			assert_int_equal(WEXITSTATUS(status), 0);
			assert_int_equal(stands, *told);
		}
		store_close(s);
		remove_dir(dir);
	}
	munmap(told, 4096);
	print_message("%u times the outcome was known, %u times not\n", known, unknown);
	assert_true(known > 0 && unknown > 0);
}

static void a_full_disk_refuses_and_resumes(void **state)
{
	struct store_stats st;
	struct store *s;
	uint64_t n = 0, v = 0;
	char ballast[80];
	struct stat file;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR - 1);
	snprintf(dir, sizeof dir, "%s", new_dir());
	snprintf(ballast, sizeof ballast, "%s/ballast", dir);
	s = open_at(dir);
	assert_int_equal(stat(ballast, &file), 0);
	assert_true(file.st_blocks * 512 >= 8 << 20);
	assert_int_equal(store_write(s, put_some, &n, 0), 0);

	/* the first commit fails; intake is refused, and the ballast's blocks are there for acks */
	n = 1;
	arm(1, 1, ENOSPC);
	assert_int_equal(store_write(s, put_some, &n, 0), ERR_FULL);
	store_stats(s, &st);
	assert_true(st.full);
	assert_int_equal(stat(ballast, &file), -1);
	assert_int_equal(store_write(s, ack, &v, STORE_RESERVE), 0);
	assert_int_equal(store_write(s, put_some, &n, 0), ERR_FULL);
	assert_int_equal(count(s), 20);

	/* there is room again: within a second or so the ballast is made anew and intake goes on by
	 * itself */
	for (int i = 0; i < 100 && st.full; i++) {
		usleep(50000);
		store_stats(s, &st);
	}
	assert_false(st.full);
	assert_int_equal(stat(ballast, &file), 0);
	assert_int_equal(store_write(s, put_some, &n, 0), 0);

	/* an ack alone meets the full disk: the ballast goes, and the same ack is stored */
	v = 77;
	arm(1, 1, ENOSPC);
	assert_int_equal(store_write(s, ack, &v, STORE_RESERVE), 0);
	assert_int_equal(stat(ballast, &file), -1);
	/* nothing helps: the ack gets an answer, and nothing is told that does not stand */
	arm(1, 1000, ENOSPC);
	assert_int_equal(store_write(s, ack, &v, STORE_RESERVE), ERR_FULL);
	arm(0, 0, 0);
	assert_int_equal(store_write(s, ack, &v, STORE_RESERVE), 0);
	store_close(s);
	remove_dir(dir);
	log_set_level(LOG_LEVEL_INFO);
}

static void a_sick_disk_tells_no_progress(void **state)
{
	struct store_stats st;
	struct store *s;
	uint64_t n = 0, before;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR - 1);
	snprintf(dir, sizeof dir, "%s", new_dir());
	s = open_at(dir);
	arm(1, 1000, EIO);
	assert_int_equal(store_write(s, put_some, &n, 0), ERR_IO);
	store_stats(s, &st);
	before = st.progress_ms;
	usleep(20000);
	store_stats(s, &st);
	assert_int_equal(st.progress_ms, before); /* the watchdog starves */
	arm(0, 0, 0);
	assert_int_equal(store_write(s, put_some, &n, 0), 0);
	usleep(20000);
	store_stats(s, &st);
	assert_true(st.progress_ms > before);
	store_close(s);
	remove_dir(dir);
	log_set_level(LOG_LEVEL_INFO);
}

/* A real one: a small tmpfs. Needs the right to mount. */
static void a_small_disk(void **state)
{
	char fill_path[80], store_dir[80];
	static char block[4096];
	struct store_conf conf;
	struct store_txn *t;
	struct store *s;
	struct text value;
	uint64_t n = 0, v = 1;
	int fd, rc;

	(void)state;
	snprintf(dir, sizeof dir, "%s", new_dir());
	mkdir(dir, 0700);
	if (mount("tally", dir, "tmpfs", 0, "size=32m") != 0) {
		rmdir(dir);
		skip();
	}
	log_set_level(LOG_LEVEL_ERROR - 1);
	snprintf(store_dir, sizeof store_dir, "%s/store", dir);
	snprintf(fill_path, sizeof fill_path, "%s/other", dir);
	conf = conf_of(store_dir);
	s = open_with(&conf);
	for (; n < 50; n++)
		assert_int_equal(store_write(s, put_some, &n, 0), 0);
	fd = open(fill_path, O_WRONLY | O_CREAT, 0600); /* somebody else takes the rest */
	while (write(fd, block, sizeof block) == sizeof block)
		;
	close(fd);
	while ((rc = store_write(s, put_some, &n, 0)) == 0)
		n++;
	assert_int_equal(rc, ERR_FULL);
	for (v = 1; v <= 200; v++)
		assert_int_equal(store_write(s, ack, &v, STORE_RESERVE), 0);
	assert_int_equal(count(s), n * 20);
	store_close(s);
	s = open_with(&conf); /* starts on a full disk, too */
	assert_int_equal(store_write(s, ack, &v, STORE_RESERVE), 0);
	assert_int_equal(count(s), n * 20);
	unlink(fill_path);
	for (int i = 0; i < 100 && (rc = store_write(s, put_some, &n, 0)) != 0; i++)
		usleep(50000);
	assert_int_equal(rc, 0);
	assert_int_equal(store_read_begin(s, &t, 1000), 0);
	assert_int_equal(store_get(t, OTHER, TEXT("acked"), &value), 0);
	assert_memory_equal(value.p, &v, 8);
	store_read_end(t);
	store_close(s);
	assert_int_equal(umount(dir), 0);
	rmdir(dir);
	log_set_level(LOG_LEVEL_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_fails_once),
		cmocka_unit_test(a_full_disk_refuses_and_resumes),
		cmocka_unit_test(a_sick_disk_tells_no_progress),
		cmocka_unit_test(a_small_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
