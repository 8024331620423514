/* Shredding: a person's key is gone from the store and from the pages that it has freed; everything
 * else stays. */
#include "tests/unit/intake_persons.h"

#include <sodium.h>

static int setup(void **state)
{
	struct fixture *f = fixture_make();

	fixture_open(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	fixture_remove(*state);
	return 0;
}

struct shred {
	const struct vault *v;
	const uint8_t *pid;
};

static int shred_job(struct store_txn *t, void *arg)
{
	const struct shred *s = arg;

	return vault_erase(t, s->v, s->pid);
}

static bool in_file(struct fixture *f, const void *bytes, size_t n)
{
	struct buf all = { 0 };
	char path[128];
	FILE *file;
	char piece[65536];
	size_t got;
	bool found;

	(void)snprintf(path, sizeof path, "%s/data.mdb", f->store);
	file = fopen(path, "rb");
	assert_non_null(file);
	while ((got = fread(piece, 1, sizeof piece, file)) > 0)
		buf_put(&all, piece, got);
	(void)fclose(file);
	found = memmem(all.p, all.n, bytes, n) != NULL;
	buf_deinit(&all);
	return found;
}

/* Where a row of the vault holds the person's own key (vault.c draws it). */
#define KEY_AT 56
#define KEY_BYTES 72

/* The wrapped key of a person; how many bytes. */
static size_t wrapped_key(
	struct fixture *f, const struct vault *v, const uint8_t *pid, uint8_t out[128])
{
	struct store_txn *t;
	struct text row;
	uint8_t at[8];
	size_t n = 0;

	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	put_u64(at, pids_search(t, &v->tables, pid));
	if (store_get(t, T_VAULT, (struct text){ (const char *)at, 8 }, &row) == 0 &&
		row.n > KEY_AT + KEY_BYTES) {
		n = KEY_BYTES;
		memcpy(out, row.p + KEY_AT, n);
	}
	store_read_end(t);
	return n;
}

static void shredding_leaves_no_key(void **state)
{
	struct fixture *f = *state;
	const struct vault v = { f->secrets, NULL, { T_PERSON, T_VAULT, T_INTAKE } };
	uint8_t pid[PID_BYTES], key[128], other[128];
	struct shred shred = { &v, pid };
	struct store_txn *t;
	struct identity id;
	struct arena a;
	char number[19];
	uint64_t length;
	size_t n;

	for (unsigned i = 0; i < 40; i++)
		import_one(f, i, i, "甲零", "13800000001");
	made_up(number, 7);
	secrets_pid(f->secrets, TEXT("111"), text_of(number), pid);
	n = wrapped_key(f, &v, pid, key);
	assert_int_equal(n, 72);
	assert_true(in_file(f, key, n));
	length = ledger_length(f);
	assert_int_equal(store_write(ledger_store(f->ledger), shred_job, &shred, 0), 0);
	assert_int_equal(store_write(ledger_store(f->ledger), shred_job, &shred, 0), ERR_NOTFOUND);
	assert_true(in_file(f, key, n)); /* in a page that is free: this is why it is scrubbed */
	assert_int_equal(store_scrub(ledger_store(f->ledger), T_SCRUB), 0);
	assert_false(in_file(f, key, n));
	assert_int_equal(records_in(f, T_SCRUB), 0);

	/* The pid stays, the records stay, everybody else stays. */
	arena_init(&a, 65536);
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	assert_int_equal(vault_get(t, &v, pid, &a, &id), ERR_NOTFOUND);
	store_read_end(t);
	arena_deinit(&a);
	assert_int_equal(ledger_length(f), length);
	assert_int_equal(records_in(f, T_VAULT), 40);
	expect_person(f, 8, "甲零", "13800000001");

	/* Who comes in again has a new key. */
	import_one(f, 90, 7, "甲零", "");
	expect_person(f, 7, "甲零", "");
	assert_int_equal(wrapped_key(f, &v, pid, other), n);
	assert_memory_not_equal(key, other, n);
	fixture_close(f);
	fixture_open(f);
	expect_person(f, 7, "甲零", "");
}

static int forget_key_job(struct store_txn *t, void *arg)
{
	uint8_t at[8], value[1024];
	struct text row;

	(void)arg;
	put_u64(at, 1);
	assert_int_equal(store_get(t, T_VAULT, (struct text){ (const char *)at, 8 }, &row), 0);
	assert_true(row.n <= sizeof value);
	memcpy(value, row.p, row.n);
	memset(value + KEY_AT, 0, KEY_BYTES);
	store_put(t, T_VAULT, (struct text){ (const char *)at, 8 },
		(struct text){ (const char *)value, row.n });
	return store_txn_err(t);
}

static void without_its_key_a_value_stays_shut(void **state)
{
	struct fixture *f = *state;
	const struct vault v = { f->secrets, NULL, { T_PERSON, T_VAULT, T_INTAKE } };
	uint8_t pid[PID_BYTES];
	struct store_txn *t;
	struct identity id;
	struct arena a;
	char number[19];

	import_one(f, 1, 1, "甲一", "13800000001");
	made_up(number, 1);
	secrets_pid(f->secrets, TEXT("111"), text_of(number), pid);
	assert_int_equal(store_write(ledger_store(f->ledger), forget_key_job, NULL, 0), 0);
	arena_init(&a, 65536);
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	assert_int_equal(vault_get(t, &v, pid, &a, &id), ERR_DAMAGED);
	store_read_end(t);
	arena_deinit(&a);
	import_one(f, 2, 1, "甲二", "13800000002"); /* a new row replaces it whole */
	expect_person(f, 1, "甲二", "13800000002");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shredding_leaves_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(
			without_its_key_a_value_stays_shut, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
