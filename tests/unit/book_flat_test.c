/* Workbooks: a nameless file, whole or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/book/book.h"

static char dir[] = "/tmp/tallybookXXXXXX";

static size_t files_left(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
	closedir(d);
	return n;
}

static int rows_write(struct book *b, uint32_t rows, int *fd)
{
	lxw_worksheet *s = book_sheet(b, "rows [with] a / name that is much too long for a sheet");
	lxw_format *f = book_format(b);

	assert_non_null(s);
	for (uint32_t r = 0; r < rows; r++) {
		book_put(b, s, r, 0, r % 3 ? "" : "甲乙", f);
		book_put(b, s, r, 1, "a text that stands in many rows", f);
		if (r % 3 == 2)
			book_join_rows(b, s, 0, r - 2, r);
	}
	book_join_columns(b, s, rows, 0, 1);
	return book_close(b, fd);
}

static void a_book_is_whole(void **state)
{
	struct book b;
	char head[4] = "";
	int fd;

	(void)state;
	assert_int_equal(book_open(&b, dir, true), 0);
	assert_int_equal(rows_write(&b, 3000, &fd), 0);
	assert_int_equal(read(fd, head, 4), 4);
	assert_memory_equal(head, "PK\3\4", 4);
	close(fd);
	assert_int_equal(files_left(), 0);
}

static void what_is_no_text_is_refused(void **state)
{
	static const char *const bad[] = { "\xff", "\xe4\xb8", "a\xc0\x80" };
	struct book b;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		lxw_worksheet *s;

		assert_int_equal(book_open(&b, dir, i & 1), 0);
		s = book_sheet(&b, "s");
		assert_non_null(s);
		book_put(&b, s, 0, 0, bad[i], NULL);
		assert_int_equal(book_close(&b, &fd), ERR_IO);
		assert_int_equal(fd, -1);
		assert_int_equal(book_open(&b, dir, false), 0);
		assert_null(book_sheet(&b, bad[i]));
		assert_int_equal(book_close(&b, &fd), ERR_IO);
	}
}

/* A limit on the size of files stands for a disk that is full. */
static void a_full_disk_is_told(void **state)
{
	struct rlimit before, small;
	struct book b;
	int fd;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	for (rlim_t size = 4096; size < 600000; size = size * 3 / 2) {
		assert_int_equal(book_open(&b, dir, true), 0);
		small = (struct rlimit){ size, before.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
		assert_int_equal(rows_write(&b, 8000, &fd), ERR_IO);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	}
	assert_int_equal(files_left(), 0);
}

static void no_folder_no_book(void **state)
{
	struct book b;

	(void)state;
	assert_int_equal(book_open(&b, "/nowhere/at/all", true), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_book_is_whole),
		cmocka_unit_test(what_is_no_text_is_refused),
		cmocka_unit_test(a_full_disk_is_told),
		cmocka_unit_test(no_folder_no_book),
	};

	if (!mkdtemp(dir))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(dir);
	return failed;
}
