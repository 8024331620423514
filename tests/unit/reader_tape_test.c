/* The tape against a plain buffer; when the disk says no. */
#include "reader_fixture.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "daemon/base/clock.h"
#include "daemon/reader/tape.h"

static void against_a_buffer(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		static const size_t sizes[] = { 3000, TAPE_MEMORY, TAPE_MEMORY + 1, 400000 };
		struct buf model = { 0 };
		struct tape t;
		char out[9000];

		random_hold(seed);
		tape_init(&t, "/tmp");
		while (model.n < sizes[seed % 4]) {
			size_t most = sizes[seed % 4] - model.n, n = random_below(6000);

			n = n < most ? n : most;
			random_bytes(buf_room(&model, n), n);
			tape_put(&t, model.p + model.n, n);
			model.n += n;
		}
		assert_int_equal(tape_seal(&t, seed % 5 == 0), 0);
		assert_int_equal(t.n, model.n);
		assert_int_equal(t.fd >= 0, seed % 5 == 0 || model.n > TAPE_MEMORY);
		for (int i = 0; i < 2000; i++) {
			uint64_t at = random_below(model.n + 10);
			size_t n = random_below(i % 10 ? 100 : sizeof out);
			size_t there = at < model.n ? model.n - at : 0;

			there = there < n ? there : n;
			assert_int_equal(tape_read(&t, at, out, n), there);
			if (there)
				assert_memory_equal(out, model.p + at, there);
		}
		tape_deinit(&t);
		buf_deinit(&model);
		random_release();
	}
}

static size_t files_in(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void nameless(void **state)
{
	char dir[] = "/tmp/reader-tape-XXXXXX";
	struct tape t;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	tape_init(&t, dir);
	tape_put(&t, "x", 1);
	assert_int_equal(tape_seal(&t, true), 0);
	assert_int_equal(files_in(dir), 0);
	assert_int_equal(fstat(t.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_nlink, 0);
	tape_deinit(&t);
	rmdir(dir);
}

static void disk_says_no(void **state)
{
	struct rlimit before, small;
	struct tape t;
	char page[4096] = "";

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){ 100000, before.rlim_max };
	setrlimit(RLIMIT_FSIZE, &small);
	tape_init(&t, "/tmp");
	for (int i = 0; i < 100; i++)
		tape_put(&t, page, sizeof page);
	assert_int_equal(tape_seal(&t, false), ERR_FULL);
	assert_int_equal(tape_read(&t, 0, page, 10), 0);
	tape_deinit(&t);
	setrlimit(RLIMIT_FSIZE, &before);
	tape_init(&t, "/nowhere/at/all");
	tape_put(&t, page, sizeof page);
	assert_int_equal(tape_seal(&t, false), 0); /* few bytes need no file */
	assert_int_equal(tape_seal(&t, true), ERR_IO);
	tape_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_a_buffer),
		cmocka_unit_test(nameless),
		cmocka_unit_test(disk_says_no),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
