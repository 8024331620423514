/* A damaged, cut, replaced or foreign file is an answer in words: never a crash, never an empty
 * start. */
#include "tests/unit/store_test.h"

#include <fcntl.h>

static char dir[64], path[128];
static uint8_t *whole;
static size_t whole_n;
static bool without_big_values;

static int fill(struct store_txn *t, void *arg)
{
	static char bytes[9000];
	uint64_t from = *(uint64_t *)arg;
	uint8_t k[8];

	for (uint64_t i = from; i < from + 300; i++) {
		memset(bytes, (int)i, sizeof bytes);
		store_append(t, ORDERED, key_of(k, i), (struct text){ bytes, 250 });
		store_put(
			t, RANDOM, key_of(k, i * 0x9E3779B97F4A7C15), key_of((uint8_t[8]){ 0 }, i));
		if (i % 50 == 0 && !without_big_values)
			store_put(t, OTHER, key_of(k, i), (struct text){ bytes, sizeof bytes });
		if (i % 3 == 0 && i > 400)
			store_del(t, RANDOM, key_of(k, (i - 300) * 0x9E3779B97F4A7C15));
	}
	return 0;
}

/* A store with a few hundred pages of every kind, kept in memory. */
static int make_store(void **state)
{
	struct store *s;
	struct stat st;
	int fd;

	(void)state;
	snprintf(dir, sizeof dir, "%s", new_dir());
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	s = open_at(dir);
	for (uint64_t from = 0; from < 3000; from += 300)
		assert_int_equal(store_write(s, fill, &from, 0), 0);
	store_close(s);
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	whole_n = (size_t)st.st_size;
	whole = malloc(whole_n);
	assert_int_equal(read(fd, whole, whole_n), whole_n);
	close(fd);
	return 0;
}

static int drop_store(void **state)
{
	(void)state;
	free(whole);
	remove_dir(dir);
	return 0;
}

static void put_file(const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static int try_open(struct store **s, struct errmsg *m)
{
	struct store_conf conf = conf_of(dir);

	m->text[0] = '\0';
	return store_open(s, &conf, m);
}

static void must_be_refused(int want)
{
	struct store *s;
	struct errmsg m;

	assert_int_equal(try_open(&s, &m), want);
	assert_true(strlen(m.text) > strlen(dir) + 10);
	assert_null(s);
}

/* Opens, and when it does: reads everything, writes, closes. Returns store_open's answer. */
static int use(void)
{
	struct store *s;
	struct store_txn *t;
	struct errmsg m;
	uint64_t from = 4000, seen = 0;
	int rc = try_open(&s, &m);

	if (rc) {
		assert_true(rc == ERR_DAMAGED || rc == ERR_INVALID);
		assert_true(strlen(m.text) > 0);
		return rc;
	}
	assert_int_equal(store_read_begin(s, &t, 5000), 0);
	for (int table = 0; table < TEST_TABLES; table++) {
		struct store_cursor *c = store_cursor_open(t, table);
		struct text key, value;

		for (bool more = store_seek(c, (struct text){ 0 }, &key, &value);
			more && seen < 100000; more = store_next(c, &key, &value))
			seen += value.n < 100000;
	}
	assert_true(seen > 3000 && seen < 100000);
	store_read_end(t);
	rc = store_write(s, fill, &from, 0); /* a damaged value may end a job, and nothing more */
	assert_true(rc >= 0);
	store_close(s);
	return 0;
}

static void the_whole_file_opens(void **state)
{
	(void)state;
	put_file(whole, whole_n);
	assert_int_equal(use(), 0);
}

static void cut_files_are_refused(void **state)
{
	static const size_t sizes[] = { 1, 100, 4095, 4096, 4097, 8191, 8192, 8193, 12288, 40960 };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		put_file(whole, sizes[i]);
		must_be_refused(ERR_DAMAGED);
	}
	put_file(whole, whole_n / 2);
	must_be_refused(ERR_DAMAGED);
	put_file(whole, whole_n - 4096 * 30);
	must_be_refused(ERR_DAMAGED);
}

static void never_an_empty_start(void **state)
{
	static uint8_t zeros[65536];
	char marker[128];
	struct store_conf conf = conf_of(dir);
	struct store *s;
	struct errmsg m;

	(void)state;
	put_file("", 0);
	must_be_refused(ERR_DAMAGED);
	unlink(path);
	must_be_refused(ERR_DAMAGED);
	assert_int_equal(access(path, F_OK), -1);
	put_file(zeros, sizeof zeros);
	must_be_refused(ERR_DAMAGED);
	/* zeros where pages were */
	uint8_t *holed = malloc(whole_n);

	memcpy(holed, whole, whole_n);
	memset(holed + whole_n / 3, 0, whole_n / 3);
	put_file(holed, whole_n);
	must_be_refused(ERR_DAMAGED);
	free(holed);

	/* the data of another store in its place */
	char *other = new_dir();
	char from[128];

	store_close(open_at(other));
	snprintf(from, sizeof from, "%s/data.mdb", other);
	rename(from, path);
	must_be_refused(ERR_DAMAGED);
	remove_dir(other);

	/* a damaged marker; a missing one is written anew, as after a creation that was cut short
	 */
	snprintf(marker, sizeof marker, "%s/format", dir);
	put_file(whole, whole_n);
	assert_int_equal(truncate(marker, 20), 0);
	must_be_refused(ERR_DAMAGED);
	unlink(marker);
	conf.create = false;
	s = open_with(&conf);
	store_close(s);
	assert_int_equal(access(marker, F_OK), 0);

	/* nothing at all: an error without `create` */
	unlink(marker);
	unlink(path);
	assert_int_equal(store_open(&s, &conf, &m), ERR_NOTFOUND);
	conf.dir = "/tmp/tally-no-such-folder";
	assert_int_equal(store_open(&s, &conf, &m), ERR_NOTFOUND);
	assert_int_equal(access(conf.dir, F_OK), -1);
	/* and another version is refused by name */
	for (int i = 0; i < 2; i++) {
		int fd = open(marker, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		assert_int_equal(write(fd, i ? "tally store 1\n" : "tally store 9\n", 14), 14);
		close(fd);
		put_file(whole, whole_n);
		must_be_refused(ERR_INVALID);
	}
	unlink(marker);
}

static void flipped_bits_never_crash(void **state)
{
	uint8_t *bytes = malloc(whole_n);
	unsigned refused = 0, opened = 0;

	(void)state;
	random_hold(11);
	for (int i = 0; i < 600; i++) {
		size_t at, flips = i % 4 == 3 ? 20 : 1;

		memcpy(bytes, whole, whole_n);
		for (; flips > 0; flips--) {
			switch (i % 3) {
			case 0: /* the first pages */
				at = random_below(2) * 4096 + random_below(152);
				break;
			case 1: /* heads and offsets of pages */
				at = random_below(whole_n / 4096) * 4096 + random_below(60);
				break;
			default:
				at = random_below(whole_n);
			}
			bytes[at] ^= (uint8_t)(1 << random_below(8));
		}
		put_file(bytes, whole_n);
		if (use())
			refused++;
		else
			opened++; /* a value, or a byte that says nothing */
	}
	random_release();
	print_message("%u refused, %u opened\n", refused, opened);
	assert_true(refused > 200);
	free(bytes);
}

static void the_former_format_opens(void **state)
{
	char marker[128], text[64] = "";
	struct store *s;
	int fd;

	(void)state;
	snprintf(marker, sizeof marker, "%s/format", dir);
	put_file(whole, whole_n);
	store_close(open_at(dir)); /* makes a marker */
	for (int i = 0; i < 2; i++) {
		fd = open(marker, O_RDWR);
		assert_int_equal(read(fd, text, sizeof text - 1), 14 + 33);
		assert_memory_equal(text, "tally store 3\n", 14);
		assert_int_equal(pwrite(fd, "2", 1, 12), 1);
		close(fd);
		s = open_at(dir);
		store_close(s);
	}
}

static void one_owner_at_a_time(void **state)
{
	struct store *s;
	struct stat st;

	(void)state;
	put_file(whole, whole_n);
	s = open_at(dir);
	must_be_refused(ERR_BUSY);
	store_close(s);
	s = open_at(dir);
	store_close(s);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole_file_opens),
		cmocka_unit_test(cut_files_are_refused),
		cmocka_unit_test(never_an_empty_start),
		cmocka_unit_test(the_former_format_opens),
		cmocka_unit_test(one_owner_at_a_time),
		cmocka_unit_test(flipped_bits_never_crash),
	};

	return cmocka_run_group_tests(tests, make_store, drop_store);
}
