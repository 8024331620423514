/* Random operations against a sorted array that does the same, over many commits and reopenings. */
#include "tests/unit/store_test.h"

#define KEYS 400
#define STEPS 400

struct pair {
	bool stands;
	size_t n;
	uint8_t seed;
};

/* The model: keys are 0 … KEYS-1 in a table; a value is n bytes of `seed`. */
static struct pair model[TEST_TABLES][KEYS], draft[TEST_TABLES][KEYS];
static int fail_this_job; /* 0: no; else ends with this error after its writes */

static struct text name_of(char *out, uint64_t n)
{
	/* of different lengths, in the order of n */
	int len = sprintf(out, "k%06d", (int)n);

	for (uint64_t i = 0; i < n % 7 * 20; i++)
		out[len++] = 'x';
	return (struct text){ out, (size_t)len };
}

static void check_pair(struct store_txn *t, int table, int i)
{
	char name[256];
	struct text value;
	int rc = store_get(t, table, name_of(name, (uint64_t)i), &value);
	const struct pair *want = &draft[table][i];

	assert_int_equal(rc, want->stands ? 0 : ERR_NOTFOUND);
	if (rc)
		return;
	assert_int_equal(value.n, want->n);
	for (size_t b = 0; b < value.n; b++)
		assert_int_equal((uint8_t)value.p[b], want->seed);
}

static void check_walk(struct store_txn *t, int table, int from)
{
	struct store_cursor *c = store_cursor_open(t, table);
	char name[256];
	struct text key, value;
	int i = from;
	bool more = store_seek(c, name_of(name, (uint64_t)from), &key, &value);

	for (; i < KEYS; i++) {
		if (!draft[table][i].stands)
			continue;
		assert_true(more);
		assert_true(text_eq(key, name_of(name, (uint64_t)i)));
		assert_int_equal(value.n, draft[table][i].n);
		more = store_next(c, &key, &value);
	}
	assert_false(more);
	for (i = from - 1; i >= 0 && !draft[table][i].stands; i--)
		;
	more = store_before(c, name_of(name, (uint64_t)from), &key, NULL);
	assert_int_equal(more, i >= 0);
	if (more)
		assert_true(text_eq(key, name_of(name, (uint64_t)i)));
	for (i = KEYS - 1; i >= 0 && !draft[table][i].stands; i--)
		;
	more = store_before(c, (struct text){ 0 }, &key, NULL);
	assert_int_equal(more, i >= 0);
	if (more)
		assert_true(text_eq(key, name_of(name, (uint64_t)i)));
	if (random_below(2))
		store_cursor_close(c);
}

static void check_all(struct store_txn *t)
{
	for (int table = 0; table < TEST_TABLES; table++) {
		uint64_t n = 0;

		for (int i = 0; i < KEYS; i++) {
			n += draft[table][i].stands;
			check_pair(t, table, i);
		}
		assert_int_equal(store_count(t, table), n);
		check_walk(t, table, (int)random_below(KEYS));
		check_walk(t, table, 0);
	}
	assert_int_equal(store_txn_err(t), 0);
}

/* Deletes or rewrites while walking. */
static void harrow(struct store_txn *t, int table)
{
	struct store_cursor *c = store_cursor_open(t, table);
	int at = (int)random_below(KEYS), i = at;
	char name[256];
	struct text key;
	bool more = store_seek(c, name_of(name, (uint64_t)at), &key, NULL);

	for (; more; i++) {
		while (!draft[table][i].stands)
			i++;
		assert_true(text_eq(key, name_of(name, (uint64_t)i)));
		if (random_below(2)) {
			store_del(t, table, key);
			draft[table][i].stands = false;
		} else if (random_below(2)) {
			struct pair *p = &draft[table][i];

			p->n = random_below(3000);
			p->seed = (uint8_t)random_below(256);
			memset(store_put_room(t, table, name_of(name, (uint64_t)i), p->n), p->seed,
				p->n);
		}
		more = store_next(c, &key, NULL);
	}
	for (; i < KEYS; i++)
		assert_false(draft[table][i].stands);
}

static void write_one(struct store_txn *t)
{
	static uint8_t bytes[20000];
	int table = (int)random_below(TEST_TABLES), i = (int)random_below(KEYS);
	struct pair *p = &draft[table][i];
	char name[256];
	struct text key = name_of(name, (uint64_t)i);
	size_t n = random_below(20) ? random_below(200) : random_below(sizeof bytes);

	switch (random_below(20)) {
	case 0:
		check_all(t);
		break;
	case 1:
		harrow(t, table);
		break;
	case 2:
		if (random_below(4) == 0) {
			store_clear(t, table);
			memset(draft[table], 0, sizeof draft[table]);
		}
		break;
	case 3:
	case 4:
	case 5:
		store_del(t, table, key);
		p->stands = false;
		break;
	case 6:
		check_walk(t, table, i);
		break;
	default:
		*p = (struct pair){ true, n, (uint8_t)random_below(256) };
		memset(bytes, p->seed, n);
		if (random_below(2))
			store_put(t, table, key, (struct text){ (char *)bytes, n });
		else
			memset(store_put_room(t, table, key, n), p->seed, n);
	}
}

static int random_job(struct store_txn *t, void *arg)
{
	(void)arg;
	memcpy(draft, model, sizeof draft);
	for (uint64_t n = random_below(40); n > 0; n--)
		write_one(t);
	return fail_this_job;
}

static void read_all(struct store *s)
{
	struct store_txn *t;

	memcpy(draft, model, sizeof draft);
	assert_int_equal(store_read_begin(s, &t, 10000), 0);
	check_all(t);
	store_read_end(t);
}

static void random_operations_equal_the_model(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		random_hold(seed);
		for (int step = 0; step < STEPS; step++) {
			fail_this_job = random_below(8) ? 0 : ERR_DENIED;
			assert_int_equal(store_write(s, random_job, NULL, 0), fail_this_job);
			if (!fail_this_job)
				memcpy(model, draft, sizeof model);
			if (random_below(10) == 0)
				read_all(s);
			if (random_below(40) == 0) {
				store_close(s);
				s = open_at(dir); /* walks the file */
				read_all(s);
			}
		}
		random_release();
	}
	store_close(s);
	remove_dir(dir);
}

static int appends(struct store_txn *t, void *arg)
{
	uint8_t k[8];

	(void)arg;
	for (uint64_t i = 1; i <= 1000; i++)
		store_append(t, ORDERED, key_of(k, i), TEXT("value"));
	assert_int_equal(store_txn_err(t), 0);
	assert_int_equal(store_count(t, ORDERED), 1000);
	return 0;
}

static int append_below(struct store_txn *t, void *arg)
{
	uint8_t k[8];
	struct text v;

	(void)arg;
	store_append(t, ORDERED, key_of(k, 500), TEXT("again"));
	assert_int_equal(store_txn_err(t), ERR_EXISTS);
	/* sticky: nothing is done any more */
	store_put(t, OTHER, TEXT("a"), TEXT("b"));
	assert_int_equal(store_get(t, ORDERED, key_of(k, 1), &v), ERR_EXISTS);
	assert_null(store_put_room(t, OTHER, TEXT("a"), 1));
	assert_false(store_seek(store_cursor_open(t, ORDERED), (struct text){ 0 }, NULL, NULL));
	return 0; /* the store looks at the sticky error itself */
}

static int bad_keys(struct store_txn *t, void *arg)
{
	static char far[600];
	struct text key, v;
	struct store_cursor *c = store_cursor_open(t, OTHER);

	(void)arg;
	memset(far, 'a', sizeof far);
	store_put(t, OTHER, (struct text){ far, 511 }, TEXT("longest"));
	store_put(t, OTHER, TEXT("b"), TEXT("next"));
	assert_int_equal(store_txn_err(t), 0);
	assert_int_equal(store_get(t, OTHER, (struct text){ far, 600 }, &v), ERR_NOTFOUND);
	assert_int_equal(store_get(t, OTHER, (struct text){ 0 }, &v), ERR_NOTFOUND);
	assert_true(store_seek(c, (struct text){ far, 600 }, &key, NULL)); /* longer than any key */
	assert_true(text_is(key, "b"));
	assert_true(store_before(c, (struct text){ far, 600 }, &key, NULL));
	assert_int_equal(key.n, 511);
	assert_int_equal(store_txn_err(t), 0);
	store_put(t, OTHER, (struct text){ far, 512 }, TEXT("too long"));
	assert_int_equal(store_txn_err(t), ERR_INVALID);
	return 0;
}

static void appending_and_bad_keys(void **state)
{
	char *dir = new_dir();
	struct store *s = open_at(dir);
	struct store_txn *t;

	(void)state;
	assert_int_equal(store_write(s, appends, NULL, 0), 0);
	assert_int_equal(store_write(s, append_below, NULL, 0), ERR_EXISTS);
	assert_int_equal(store_write(s, bad_keys, NULL, 0), ERR_INVALID);
	assert_int_equal(store_read_begin(s, &t, 1000), 0);
	assert_int_equal(store_count(t, ORDERED), 1000);
	assert_int_equal(store_count(t, OTHER), 0);
	store_read_end(t);
	store_close(s);
	remove_dir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_equal_the_model),
		cmocka_unit_test(appending_and_bad_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
