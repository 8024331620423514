/* Snapshots: deadlines, growth of the map under readers, copies. */
#include "tests/unit/store_test.h"

#include <pthread.h>
#include <stdatomic.h>

static int fill_one(struct store_txn *t, void *arg)
{
	static char bytes[60000];
	uint64_t *n = arg;
	uint8_t k[8];

	for (int i = 0; i < 16; i++) {
		put_u64((uint8_t *)bytes, *n + (uint64_t)i);
		store_append(t, ORDERED, key_of(k, *n + (uint64_t)i),
			(struct text){ bytes, sizeof bytes });
	}
	return 0;
}

/* Adds 16 × 60 kB a step. */
static void fill(struct store *s, uint64_t *n, int steps)
{
	for (; steps > 0; steps--) {
		assert_int_equal(store_write(s, fill_one, n, 0), 0);
		*n += 16;
	}
}

static void a_snapshot_is_one_moment(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);
	struct store_txn *t, *u;
	uint64_t n = 0;

	(void)state;
	fill(s, &n, 1);
	assert_int_equal(store_read_begin(s, &t, 10000), 0);
	fill(s, &n, 2);
	assert_int_equal(store_read_begin(s, &u, 10000), 0);
	assert_int_equal(store_count(t, ORDERED), 16);
	assert_int_equal(store_count(u, ORDERED), 48);
	assert_int_equal(store_read_renew(t), 0);
	assert_int_equal(store_count(t, ORDERED), 48);
	store_read_end(t);
	store_read_end(u);
	store_close(s);
	remove_dir(dir);
}

static void a_stalled_reader_expires(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);
	struct store_cursor *c;
	struct store_stats st;
	struct store_txn *t;
	struct text key, value;
	uint64_t n = 0, walked = 0;
	uint8_t k[8];

	(void)state;
	fill(s, &n, 4);
	assert_int_equal(store_read_begin(s, &t, 30), 0);
	c = store_cursor_open(t, ORDERED);
	assert_true(store_seek(c, (struct text){ 0 }, &key, NULL));
	usleep(40000);
	store_stats(s, &st);
	assert_true(st.oldest_read_ms >= 39);
	assert_false(store_next(c, &key, NULL));
	assert_int_equal(store_txn_err(t), ERR_EXPIRED);
	assert_int_equal(store_get(t, ORDERED, key_of(k, 1), &value), ERR_EXPIRED);
	assert_false(store_seek(c, (struct text){ 0 }, &key, NULL));
	assert_int_equal(store_count(t, ORDERED), 0);

	/* renewed it goes on: the walk restarts from its key, the cursor stays */
	assert_int_equal(store_read_renew(t), 0);
	assert_int_equal(store_txn_err(t), 0);
	assert_false(store_next(c, &key, NULL)); /* no place yet */
	for (bool more = store_seek(c, key_of(k, 0), &key, NULL); more; walked++) {
		if (walked % 7 == 3) {
			uint64_t at = get_u64((const uint8_t *)key.p);

			assert_int_equal(store_read_renew(t), 0);
			more = store_seek(c, key_of(k, at + 1), &key, NULL);
		} else {
			more = store_next(c, &key, NULL);
		}
	}
	assert_int_equal(store_txn_err(t), 0);
	assert_int_equal(walked, n);
	store_read_end(t);
	store_stats(s, &st);
	assert_int_equal(st.oldest_read_ms, 0);
	store_close(s);
	remove_dir(dir);
}

/* ---- growth ---- */

struct reader {
	struct store *s;
	pthread_t thread;
	uint64_t reads, late;
};

static _Atomic bool enough;

static void *read_on(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(&enough)) {
		struct store_txn *t;
		struct store_cursor *c;
		struct text key, value;
		uint64_t n = 0;
		int rc = store_read_begin(r->s, &t, 5000);

		if (rc) {
			assert_int_equal(rc, ERR_EXPIRED);
			r->late++;
			continue;
		}
		c = store_cursor_open(t, ORDERED);
		for (bool more = store_seek(c, (struct text){ 0 }, &key, &value); more;
			more = store_next(c, &key, &value))
			assert_int_equal(get_u64((const uint8_t *)value.p), n++);
		assert_int_equal(n, store_count(t, ORDERED));
		store_read_end(t);
		r->reads++;
	}
	return NULL;
}

static void the_map_grows_under_readers(void **state)
{
	char *dir = new_dir();
	struct store_conf conf = conf_of(dir);
	struct reader readers[4] = { 0 };
	struct store_stats st;
	struct store *s;
	uint64_t n = 0;

	(void)state;
	conf.limit_bytes = 400 << 20;
	s = open_with(&conf);
	store_stats(s, &st);
	assert_int_equal(st.map_bytes, 64 << 20);
	for (int i = 0; i < 4; i++) {
		readers[i].s = s;
		pthread_create(&readers[i].thread, NULL, read_on, &readers[i]);
	}
	fill(s, &n, 150); /* 144 MB */
	atomic_store(&enough, true);
	for (int i = 0; i < 4; i++) {
		pthread_join(readers[i].thread, NULL);
		assert_true(readers[i].reads > 0);
	}
	store_stats(s, &st);
	assert_int_equal(st.map_bytes, 256 << 20);
	assert_true(st.used_bytes > 140 << 20 && st.used_bytes < 160 << 20);
	store_close(s);
	conf.create = false;
	s = open_with(&conf);
	store_stats(s, &st);
	assert_true(st.used_bytes > 140 << 20 && st.used_bytes < 160 << 20);
	store_close(s);
	remove_dir(dir);
}

struct slow {
	struct store *s;
	uint64_t n;
	pthread_t thread;
};

static void *fill_slowly(void *arg)
{
	struct slow *w = arg;

	fill(w->s, &w->n, 75); /* beyond the first 64 MiB */
	return NULL;
}

static void growth_waits_for_open_reads(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);
	struct slow w = { .s = s };
	struct store_txn *t, *late;
	struct store_stats st;
	struct text value;
	uint64_t before;
	uint8_t k[8];
	int rc;

	(void)state;
	fill(s, &w.n, 1);
	assert_int_equal(store_read_begin(s, &t, 60000), 0);
	pthread_create(&w.thread, NULL, fill_slowly, &w);
	do { /* the writer stands at the gate when a read with a short deadline does not get in */
		before = clock_mono_ms();
		rc = store_read_begin(s, &late, 50);
		if (rc == 0)
			store_read_end(late);
	} while (rc == 0);
	assert_int_equal(rc, ERR_EXPIRED);
	assert_true(clock_mono_ms() - before >= 49);
	store_stats(s, &st);
	assert_int_equal(st.map_bytes, 64 << 20);
	assert_int_equal(
		store_get(t, ORDERED, key_of(k, 3), &value), 0); /* it stands on the old map */
	assert_int_equal(store_count(t, ORDERED), 16);
	store_read_end(t);
	pthread_join(w.thread, NULL);
	store_stats(s, &st);
	assert_int_equal(st.map_bytes, 128 << 20);
	store_close(s);
	remove_dir(dir);
}

/* ---- copies ---- */

static void a_copy_is_a_store(void **state)
{
	char *dir = strdup(new_dir()), *to = strdup(new_dir()), path[128];
	struct store *s = open_at(dir), *copy;
	struct slow w = { .s = s };
	struct store_txn *t;
	struct errmsg m;
	struct stat st;
	uint64_t n;

	(void)state;
	fill(s, &w.n, 10);
	pthread_create(&w.thread, NULL, fill_slowly, &w); /* while running, and growing */
	assert_int_equal(store_copy(s, to, &m), 0);
	assert_int_equal(store_copy(s, to, &m), ERR_EXISTS);
	pthread_join(w.thread, NULL);
	store_close(s);
	assert_int_equal(stat(to, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	snprintf(path, sizeof path, "%s/data.mdb", to);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	struct store_conf conf = conf_of(to);

	conf.create = false;
	copy = open_with(&conf);
	assert_int_equal(store_read_begin(copy, &t, 5000), 0);
	n = store_count(t, ORDERED);
	assert_true(n >= 160 && n % 16 == 0);
	store_read_end(t);
	fill(copy, &n, 1);
	store_close(copy);
	remove_dir(dir);
	remove_dir(to);
	free(dir);
	free(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_is_one_moment),
		cmocka_unit_test(a_stalled_reader_expires),
		cmocka_unit_test(the_map_grows_under_readers),
		cmocka_unit_test(growth_waits_for_open_reads),
		cmocka_unit_test(a_copy_is_a_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
