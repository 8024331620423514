/* The journal of a store that was not closed: what is in it is done again, whole and once; a
 * journal that is damaged, of another store, or newer than the data is an answer in words. (Power
 * cuts: store_power_test.c; kills: store_crash_test.c.) */
#include "tests/unit/store_test.h"

#include <fcntl.h>
#include <sys/wait.h>

#define COMMITS 30
#define FILE_MOST (16 << 20)

static char dir[64], data_path[128], journal_path[128];
static uint8_t *data, *journal; /* as a kill left them */
static uint8_t *base;		/* the data before */
static size_t data_n, journal_n, base_n;

static int step(struct store_txn *t, void *arg)
{
	static char bytes[400];
	uint64_t n = *(uint64_t *)arg;
	uint8_t k[8];

	if (n == 7)
		store_clear(t, OTHER);
	store_append(t, ORDERED, key_of(k, n), (struct text){ bytes, sizeof bytes });
	store_put(t, RANDOM, key_of(k, n * 0x9E3779B97F4A7C15), TEXT("x"));
	store_del(t, RANDOM, key_of(k, (n - 1) * 0x9E3779B97F4A7C15));
	store_put(t, OTHER, key_of(k, n), TEXT("y"));
	store_put(t, OTHER, TEXT("last"), key_of(k, n));
	return 0;
}

static uint8_t *read_file(const char *path, size_t *n)
{
	uint8_t *bytes = malloc(FILE_MOST);
	int fd = open(path, O_RDONLY);
	ssize_t got = read(fd, bytes, FILE_MOST);

	assert_in_range(got, 1, FILE_MOST - 1);
	*n = (size_t)got;
	close(fd);
	return bytes;
}

static void put_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

/* A process that writes and ends without closing. */
static void write_and_end(uint64_t from, uint64_t to)
{
	int status;

	if (fork() == 0) {
		struct store *s = open_at(dir);

		for (uint64_t n = from; n <= to; n++)
			if (store_write(s, step, &n, 0))
				_exit(1);
		_exit(0);
	}
	wait(&status);
	assert_int_equal(status, 0);
}

static int make_unclosed(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR - 1);
	snprintf(dir, sizeof dir, "%s", new_dir());
	snprintf(data_path, sizeof data_path, "%s/data.mdb", dir);
	snprintf(journal_path, sizeof journal_path, "%s/journal", dir);
	store_close(open_at(dir));
	base = read_file(data_path, &base_n);
	write_and_end(1, COMMITS);
	data = read_file(data_path, &data_n);
	journal = read_file(journal_path, &journal_n);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	free(base);
	free(data);
	free(journal);
	remove_dir(dir);
	return 0;
}

static void put_back(void)
{
	put_file(data_path, data, data_n);
	put_file(journal_path, journal, journal_n);
}

static int try_open(struct store **s, struct errmsg *m)
{
	struct store_conf conf = conf_of(dir);

	m->text[0] = '\0';
	return store_open(s, &conf, m);
}

static void must_be_refused(int want, const char *words)
{
	struct store *s;
	struct errmsg m;

	assert_int_equal(try_open(&s, &m), want);
	if (!strstr(m.text, words))
		fail_msg("%s", m.text);
}

/* The last commit that stands, all of it. */
static uint64_t last(struct store *s)
{
	struct store_txn *t;
	struct text v;
	uint64_t n = 0;
	uint8_t k[8];

	assert_int_equal(store_read_begin(s, &t, 5000), 0);
	if (store_get(t, OTHER, TEXT("last"), &v) == 0)
		n = get_u64((const uint8_t *)v.p);
	assert_int_equal(store_count(t, ORDERED), n);
	assert_int_equal(store_count(t, RANDOM), n > 0);
	assert_int_equal(store_count(t, OTHER), n >= 7 ? n - 5 : n ? n + 1 : 0);
	if (n)
		assert_int_equal(store_get(t, RANDOM, key_of(k, n * 0x9E3779B97F4A7C15), &v), 0);
	store_read_end(t);
	return n;
}

static void what_was_not_closed_is_done_again(void **state)
{
	struct store *s;

	(void)state;
	for (int i = 0; i < 2; i++) { /* also the second time */
		put_back();
		s = open_at(dir);
		assert_int_equal(last(s), COMMITS);
		store_close(s);
		s = open_at(dir);
		assert_int_equal(last(s), COMMITS);
		store_close(s);
	}
	/* without a close in between, again and again */
	put_back();
	for (uint64_t n = COMMITS + 1; n < COMMITS + 400; n += 80)
		write_and_end(n, n + 79);
	s = open_at(dir);
	assert_int_equal(last(s), COMMITS + 400);
	store_close(s);
}

/* A power cut, and no page reached the disk since the base: the journal alone holds the commits. */
static void the_journal_alone_holds_them(void **state)
{
	struct store *s;

	(void)state;
	put_back();
	put_file(data_path, base, base_n);
	s = open_at(dir);
	assert_int_equal(last(s), COMMITS);
	store_close(s);
}

static void a_damaged_journal_never_loses_in_silence(void **state)
{
	unsigned refused = 0, whole = 0, less = 0;
	uint8_t *bytes = malloc(journal_n);

	(void)state;
	random_hold(8);
	for (int i = 0; i < 400; i++) {
		struct store *s;
		struct errmsg m;
		uint64_t stands;
		size_t at;
		int rc;

		memcpy(bytes, journal, journal_n);
		at = i % 4 == 0 ? random_below(8192) /* the heads, or a record */
				: 8192 + random_below(COMMITS) * 4096 + random_below(500);
		bytes[at] ^= (uint8_t)(1 << random_below(8));
		put_file(data_path, data, data_n);
		put_file(journal_path, bytes, journal_n);
		rc = try_open(&s, &m);
		if (rc) {
			assert_true(rc == ERR_DAMAGED);
			assert_true(strlen(m.text) > 10);
			refused++;
			continue;
		}
		stands = last(s);
		store_close(s);
		whole += stands == COMMITS;
		less += stands != COMMITS;
		/* the last record alone cannot be told from one that was torn */
		assert_true(stands >= COMMITS - 1);
	}
	random_release();
	print_message("%u refused, %u whole, %u without the last commit\n", refused, whole, less);
	assert_true(refused > 200 && whole > 50 && less < 30);
	free(bytes);
}

static void what_does_not_belong_together_is_refused(void **state)
{
	struct store *s;
	uint8_t *older, *cut;
	size_t older_n;
	char *other;
	char path[128];

	(void)state;
	/* data from a copy of before */
	put_back();
	s = open_at(dir);
	store_close(s);
	older = read_file(data_path, &older_n);
	write_and_end(COMMITS + 1, COMMITS + 600); /* over a few checkpoints */
	put_file(data_path, older, older_n);
	must_be_refused(ERR_DAMAGED, "older than the journal");
	unlink(journal_path); /* what the words say */
	s = open_at(dir);
	assert_int_equal(last(s), COMMITS);
	store_close(s);
	free(older);

	/* the journal of another store */
	put_back();
	other = new_dir();
	snprintf(path, sizeof path, "%s/journal", other);
	if (fork() == 0) {
		open_at(other);
		_exit(0);
	}
	wait(NULL);
	rename(path, journal_path);
	remove_dir(other);
	must_be_refused(ERR_DAMAGED, "another store");

	/* cut, emptied */
	put_back();
	assert_int_equal(truncate(journal_path, 100000), 0);
	must_be_refused(ERR_DAMAGED, "damaged");
	cut = calloc(1, journal_n);
	put_file(journal_path, cut, journal_n);
	must_be_refused(ERR_DAMAGED, "damaged");
	free(cut);
}

static void tables_go_by_their_names(void **state)
{
	static const char *const turned[] = { "other", "new", "ordered", "random" };
	static const char *const fewer[] = { "ordered", "random" };
	struct store_conf conf = conf_of(dir);
	struct store_txn *t;
	struct store *s;
	struct errmsg m;

	(void)state;
	put_back();
	conf.tables = fewer;
	conf.n_tables = 2;
	assert_int_equal(store_open(&s, &conf, &m), ERR_DAMAGED);
	assert_non_null(strstr(m.text, "another version"));
	conf.tables = turned;
	conf.n_tables = 4;
	s = open_with(&conf);
	assert_int_equal(store_read_begin(s, &t, 5000), 0);
	assert_int_equal(store_count(t, 0), COMMITS - 5);
	assert_int_equal(store_count(t, 1), 0);
	assert_int_equal(store_count(t, 2), COMMITS);
	assert_int_equal(store_count(t, 3), 1);
	store_read_end(t);
	store_close(s);
}

/* What was overwritten in the tables is overwritten in the journal, too. */
static int secret(struct store_txn *t, void *arg)
{
	store_put(t, OTHER, TEXT("who"), *(struct text *)arg);
	return 0;
}

static bool on_disk(const char *words)
{
	const char *paths[] = { data_path, journal_path };
	bool found = false;

	for (int i = 0; i < 2; i++) {
		size_t n;
		uint8_t *bytes = read_file(paths[i], &n);

		found = found || memmem(bytes, n, words, strlen(words));
		free(bytes);
	}
	return found;
}

static void a_scrub_reaches_the_journal(void **state)
{
	struct text words = TEXT("甲乙 nobody's secret");
	struct text other = TEXT("something else, longer");
	struct store *s;

	(void)state;
	put_back();
	s = open_at(dir);
	assert_int_equal(store_write(s, secret, &words, 0), 0);
	assert_true(on_disk(words.p));
	assert_int_equal(store_write(s, secret, &other, 0), 0);
	assert_true(on_disk(words.p));
	assert_int_equal(store_scrub(s, RANDOM), 0);
	assert_false(on_disk(words.p));
	assert_true(on_disk(other.p));
	store_close(s);
	assert_false(on_disk(words.p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_closed_is_done_again),
		cmocka_unit_test(the_journal_alone_holds_them),
		cmocka_unit_test(a_damaged_journal_never_loses_in_silence),
		cmocka_unit_test(what_does_not_belong_together_is_refused),
		cmocka_unit_test(tables_go_by_their_names),
		cmocka_unit_test(a_scrub_reaches_the_journal),
	};

	return cmocka_run_group_tests(tests, make_unclosed, drop);
}
