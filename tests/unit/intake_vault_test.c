/* The vault and its keys: nothing readable on the disk, the newest identity stands, wrong keys are
 * noticed. */
#include "tests/unit/intake_persons.h"

#include <dirent.h>

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

static void the_newest_stands(void **state)
{
	struct fixture *f = *state;

	import_one(f, 1, 1, "甲一", "13800000001");
	expect_person(f, 1, "甲一", "13800000001");
	import_one(f, 2, 1, "甲一", ""); /* a row without a phone leaves the one known */
	expect_person(f, 1, "甲一", "13800000001");
	import_one(f, 3, 1, "甲二", ""); /* a newer name too */
	expect_person(f, 1, "甲二", "13800000001");
	import_one(f, 3, 1, "甲二", "13800000002"); /* the record is unchanged, the phone is not */
	expect_person(f, 1, "甲二", "13800000002");
	import_one(f, 4, 2, "乙", "");
	expect_person(f, 2, "乙", "");
	import_one(f, 4, 2, "乙", "13800000003");
	expect_person(f, 2, "乙", "13800000003");
	assert_int_equal(records_in(f, T_VAULT), 2);
	assert_int_equal(records_in(f, T_VAULT), 2);
}

static void several_rows_of_one_person(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 };

	buf_str(&b, HEAD);
	for (unsigned i = 0; i < 600; i++) /* over several chunks */
		put_person(&b, i, i % 50, i < 300 ? "丙" : "丁", i % 100 < 50 ? "13900000000" : "");
	expect_counts(f->intake, buf_as_text(&b), 600, 0, 0, 0);
	assert_int_equal(records_in(f, T_VAULT), 50);
	for (unsigned i = 0; i < 50; i++)
		expect_person(f, i, "丁", "13900000000");
	buf_deinit(&b);
}

/* An unchanged person costs nothing: the sealed bytes stay the same. */
static void repetition_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct text key = { "\0\0\0\0\0\0\0\1", 8 }, value;
	char before[512];
	size_t n;

	import_one(f, 1, 1, "甲", "13800000001");
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	assert_int_equal(store_get(t, T_VAULT, key, &value), 0);
	n = value.n;
	memcpy(before, value.p, n);
	store_read_end(t);
	import_one(f, 2, 1, "甲", "13800000001");
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	assert_int_equal(store_get(t, T_VAULT, key, &value), 0);
	assert_int_equal(value.n, n);
	assert_memory_equal(value.p, before, n);
	store_read_end(t);
}

static bool holds(const char *path, const char *what)
{
	FILE *file = fopen(path, "rb");
	char *bytes;
	long n;
	bool found;

	assert_non_null(file);
	(void)fseek(file, 0, SEEK_END);
	n = ftell(file);
	rewind(file);
	bytes = malloc((size_t)n + 1);
	assert_int_equal(fread(bytes, 1, (size_t)n, file), n);
	found = memmem(bytes, (size_t)n, what, strlen(what)) != NULL;
	free(bytes);
	fclose(file);
	return found;
}

static unsigned files_that_hold(const char *dir, const char *what)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		char path[512];

		(void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		if (e->d_type == DT_REG && holds(path, what))
			n++;
	}
	closedir(d);
	return n;
}

static void no_plain_text_on_the_disk(void **state)
{
	struct fixture *f = *state;
	struct buf b = { 0 };
	char number[19];
	struct intake_request q = training();
	struct fed_result r;

	buf_str(&b, HEAD);
	for (unsigned i = 0; i < 500; i++)
		put_person(&b, i, i, "欧阳壬癸", "13812345678");
	buf_str(&b, "T999,C1,欧阳壬癸,111,310101190301050019,13812345678,upgrade,individual,"
		    "91310101MA1T000136,employed,"
		    "2019-03-01,2019-04-01,1,completed\n"); /* refused: wrong check digit */
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.counts.refused, 1);
	buf_deinit(&r.refused);
	import_one(f, 1, 1, "欧阳壬癸", "13812345679"); /* sealed anew */
	fixture_close(f);
	made_up(number, 7);
	assert_int_equal(files_that_hold(f->store, "91310101MA1T000136"),
		2); /* the test can find something: the ledger and its journal hold it */
	assert_int_equal(files_that_hold(f->store, "欧阳"), 0);
	assert_int_equal(files_that_hold(f->store, "13812345678"), 0);
	assert_int_equal(files_that_hold(f->store, number), 0);
	assert_int_equal(files_that_hold(f->store, "310101190301050019"), 0);
	assert_int_equal(files_that_hold(f->dir, "欧阳"), 0); /* the refused rows left no file */
	buf_deinit(&b);
	fixture_open(f);
	expect_person(f, 7, "欧阳壬癸", "13812345678");
	expect_person(f, 1, "欧阳壬癸", "13812345679");
}

static void refused_with(struct fixture *f, const char *key_file, uint8_t first, const char *words)
{
	struct errmsg m = { "" };

	fixture_key(f, key_file, first);
	fixture_open_ledger(f);
	assert_int_equal(fixture_open_secrets(f, &m), ERR_DENIED);
	if (!strstr(m.text, words) || !strstr(m.text, key_file))
		fail_msg("%s", m.text);
	ledger_close(f->ledger);
	f->ledger = NULL;
}

static void wrong_keys(void **state)
{
	struct fixture *f = *state;
	struct errmsg m = { "" };
	char path[128];

	import_one(f, 1, 1, "甲", "");
	fixture_close(f);
	refused_with(f, "vault.key", 9, "cannot be read");
	fixture_key(f, "vault.key", 1);
	refused_with(f, "pid.key", 9, "every person");
	fixture_key(f, "pid.key", 2);
	fixture_open(f);
	expect_person(f, 1, "甲", "");
	fixture_close(f);
	(void)snprintf(path, sizeof path, "%s/vault.key", f->keys);
	assert_int_equal(unlink(path), 0);
	fixture_open_ledger(f);
	assert_int_equal(fixture_open_secrets(f, &m), ERR_NOTFOUND);
	assert_int_equal(key_write(f->keys, "vault.key", "dG9vIHNob3J0", &m), 0);
	m.text[0] = 0;
	assert_int_equal(fixture_open_secrets(f, &m), ERR_INVALID);
	if (!strstr(m.text, "base64"))
		fail_msg("%s", m.text);
	ledger_close(f->ledger);
	f->ledger = NULL;
}

static int damage(struct store_txn *t, void *arg)
{
	struct text key = { "\0\0\0\0\0\0\0\1", 8 }, value;
	char bytes[512];
	int err = store_get(t, T_VAULT, key, &value);

	if (err)
		return err;
	memcpy(bytes, value.p, value.n);
	bytes[*(size_t *)arg % value.n] ^= 1;
	store_put(t, T_VAULT, key, (struct text){ bytes, value.n });
	return 0;
}

/* Any flipped bit of a sealed value is an answer, not a crash; the person's next row heals it. */
static void damaged_values(void **state)
{
	struct fixture *f = *state;
	const struct vault v = { f->secrets, NULL, { T_PERSON, T_VAULT, T_INTAKE } };
	uint8_t pid[PID_BYTES];
	char number[19];

	made_up(number, 1);
	secrets_pid(f->secrets, TEXT("111"), text_of(number), pid);
	import_one(f, 1, 1, "甲", "13800000001");
	for (size_t i = 32; i < 116; i += 3) {
		struct store_txn *t;
		struct arena a;
		struct identity id;

		assert_int_equal(store_write(ledger_store(f->ledger), damage, &i, 0), 0);
		arena_init(&a, 65536);
		assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
		assert_int_equal(vault_get(t, &v, pid, &a, &id), ERR_DAMAGED);
		store_read_end(t);
		arena_deinit(&a);
		import_one(f, 1, 1, "乙", i % 2 ? "" : "13800000001");
		import_one(f, 1, 1, "甲", "13800000001");
		expect_person(f, 1, "甲", "13800000001");
	}
}

static int forget_checks(struct store_txn *t, void *arg)
{
	store_clear(t, *(int *)arg);
	return 0;
}

static void lost_check_values(void **state)
{
	struct fixture *f = *state;
	struct errmsg m = { "" };
	int table = T_INTAKE;

	import_one(f, 1, 1, "甲", "");
	assert_int_equal(store_write(ledger_store(f->ledger), forget_checks, &table, 0), 0);
	fixture_close(f);
	fixture_open_ledger(f);
	assert_int_equal(fixture_open_secrets(f, &m), ERR_DAMAGED);
	ledger_close(f->ledger);
	f->ledger = NULL;
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_newest_stands),
		TEST(several_rows_of_one_person),
		TEST(repetition_writes_nothing),
		TEST(no_plain_text_on_the_disk),
		TEST(wrong_keys),
		TEST(damaged_values),
		TEST(lost_check_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
