/* A store at its limit: intake is refused with a word, acks go on, all resumes by itself when there
 * is room. */
#include "tests/unit/store_test.h"

#define LIMIT (16 << 20)
#define VALUE 1000

static uint64_t next_n, next_del;

static int take_in(struct store_txn *t, void *arg)
{
	static char bytes[VALUE];
	uint64_t many = *(uint64_t *)arg;
	uint8_t k[8];

	for (uint64_t i = 0; i < many; i++) {
		store_append(t, ORDERED, key_of(k, next_n + i), (struct text){ bytes, VALUE });
		store_put(
			t, RANDOM, key_of(k, (next_n + i) * 0x9E3779B97F4A7C15), TEXT("position"));
	}
	return 0;
}

static int ack(struct store_txn *t, void *arg)
{
	static uint64_t acks;
	uint8_t v[8];

	(void)arg;
	store_put(t, OTHER, TEXT("acked"), key_of(v, ++acks));
	return 0;
}

static int remove_some(struct store_txn *t, void *arg)
{
	uint8_t k[8];

	(void)arg;
	for (int i = 0; i < 50; i++, next_del++) {
		store_del(t, ORDERED, key_of(k, next_del));
		store_del(t, RANDOM, key_of(k, next_del * 0x9E3779B97F4A7C15));
	}
	return 0;
}

static struct store_stats stats(struct store *s)
{
	struct store_stats st;

	store_stats(s, &st);
	return st;
}

/* Takes in `many` at a time until it is refused. */
static void fill_up(struct store *s, uint64_t many)
{
	int rc;

	while ((rc = store_write(s, take_in, &many, 0)) == 0) {
		next_n += many;
		assert_true(next_n < 100000);
	}
	assert_int_equal(rc, ERR_FULL);
}

static void fill_refuse_and_resume(void **state)
{
	static const uint64_t sizes[] = { 25, 300, 2000 };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char *dir = new_dir();
		struct store_conf conf = conf_of(dir);
		struct store *s;

		conf.limit_bytes = LIMIT;
		s = open_with(&conf);
		next_n = next_del = 0;
		for (int round = 0; round < 2; round++) {
			fill_up(s, sizes[i]);
			/* what stands is near the limit, and below it */
			assert_true(stats(s).used_bytes > LIMIT / 4);
			assert_true(stats(s).used_bytes <= LIMIT);
			for (int n = 0; n < 60; n++)
				assert_int_equal(store_write(s, ack, NULL, STORE_RESERVE), 0);
			/* deletes are what makes room: they may use the reserve */
			for (int n = 0; n < 40; n++)
				assert_int_equal(
					store_write(s, remove_some, NULL, STORE_RESERVE), 0);
			assert_int_equal(store_write(s, ack, NULL, STORE_RESERVE), 0);
			assert_false(stats(s).full);
			assert_int_equal(store_write(s, take_in, &(uint64_t){ 1 }, 0), 0);
			next_n++;
			if (round == 0) {
				store_close(s);
				s = open_with(&conf);
			}
		}
		store_close(s);
		remove_dir(dir);
	}
}

static void full_to_the_last_page_of_acks(void **state)
{
	char *dir = new_dir();
	struct store_conf conf = conf_of(dir);
	struct store_txn *t;
	struct store *s;
	uint64_t many = 100, n;
	int rc;

	(void)state;
	conf.limit_bytes = LIMIT;
	s = open_with(&conf);
	next_n = next_del = 0;
	fill_up(s, 20);
	fill_up(s, 1);
	assert_true(stats(s).full);
	while ((rc = store_write(s, take_in, &many, STORE_RESERVE)) ==
		0) /* a caller that misuses the reserve */
		next_n += many;
	assert_int_equal(rc, ERR_FULL); /* an end, no crash, no hang */
	assert_int_equal(store_read_begin(s, &t, 1000), 0);
	n = store_count(t, ORDERED);
	assert_int_equal(n, next_n);
	store_read_end(t);
	store_close(s);

	/* more than the limit stands: it opens, and acks are stored (failures.md 17) */
	conf.limit_bytes = 8 << 20;
	s = open_with(&conf);
	assert_true(stats(s).full);
	assert_int_equal(store_write(s, take_in, &many, 0), ERR_FULL);
	for (int i = 0; i < 50; i++)
		assert_int_equal(store_write(s, ack, NULL, STORE_RESERVE), 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(store_write(s, remove_some, NULL, STORE_RESERVE), 0);
	store_close(s);
	conf.limit_bytes = 32 << 20;
	s = open_with(&conf);
	assert_false(stats(s).full);
	assert_int_equal(store_write(s, take_in, &many, 0), 0);
	store_close(s);
	remove_dir(dir);
}

static void a_snapshot_held_open_fills_the_store(void **state)
{
	char *dir = new_dir();
	struct store_conf conf = conf_of(dir);
	struct store *s;
	struct store_txn *t;
	uint64_t many = 50;

	(void)state;
	conf.limit_bytes = LIMIT;
	s = open_with(&conf);
	next_n = next_del = 0;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(store_write(s, take_in, &many, 0), 0);
		next_n += many;
	}
	assert_int_equal(store_read_begin(s, &t, 60000), 0);
	/* rewriting the same few keys needs new pages each time, as long as the snapshot may look
	 * at the old ones */
	for (int i = 0; i < 3000 && !stats(s).full; i++)
		assert_int_equal(store_write(s, ack, NULL, STORE_RESERVE), 0);
	assert_true(stats(s).full);
	assert_true(stats(s).used_bytes < LIMIT / 2); /* the pages are free, and cannot be taken */
	assert_int_equal(store_write(s, take_in, &many, 0), ERR_FULL);
	store_read_end(t);
	assert_int_equal(store_write(s, ack, NULL, STORE_RESERVE), 0);
	assert_int_equal(store_write(s, ack, NULL, STORE_RESERVE), 0);
	assert_false(stats(s).full);
	assert_int_equal(store_write(s, take_in, &many, 0), 0);
	store_close(s);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fill_refuse_and_resume),
		cmocka_unit_test(full_to_the_last_page_of_acks),
		cmocka_unit_test(a_snapshot_held_open_fills_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
