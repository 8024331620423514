/* Seals: every commit ends with one, and they stand close enough that a batch can always end at
 * one. Receipts. */
#include "ledger_fixture.h"

static uint64_t seals_of(struct world *w)
{
	return verdict_of(w, w->own).seals;
}

static void every_commit_ends_with_a_seal(void **state)
{
	(void)state;
	struct world w;
	world_open(&w, 310115, 1);
	for (uint64_t i = 1; i <= 20; i++) {
		uint8_t at[ROW_SEAL_KEY_BYTES], value[ROW_SEAL_BYTES];
		assert_int_equal(append(&w, i % 4 + 1, 20, 'a'), 0);
		assert_int_equal(seals_of(&w), 1 + i);
		uint64_t end = head_of(&w, 310115).position;
		assert_int_equal(raw_get(&w, LEDGER_ENTRY, row_seal_key(at, 310115, end), value,
					 sizeof value),
			sizeof value);
	}
	/* a commit of others' rows needs none */
	raw_put(&w, LEDGER_RECEIPT, TEXT("x"), TEXT("y"));
	assert_int_equal(seals_of(&w), 21);
	world_close(&w);
}

static void a_long_commit_is_sealed_in_between(void **state)
{
	(void)state;
	struct world w;
	world_open(&w, 310115, 1);
	assert_int_equal(append(&w, 1000, 20, 'a'), 0);
	assert_int_equal(seals_of(&w), 1 + 4);
	assert_int_equal(append(&w, 100, 10000, 'a'), 0); /* 14 × 10 kB reach LEDGER_SEAL_BYTES */
	assert_int_equal(seals_of(&w), 5 + 8);
	world_close(&w);
}

static void a_batch_ends_at_the_seal_that_fits(void **state)
{
	(void)state;
	struct world w;
	struct buf packed = { 0 };
	uint64_t last;
	world_open(&w, 310115, 1);
	assert_int_equal(append(&w, 600, 50, 'a'), 0); /* seals at 1, 257, 513, 601 */
	assert_int_equal(make(&w, 310115, 1, 0, &packed, &last), 0);
	assert_int_equal(last, 1);
	assert_int_equal(make(&w, 310115, 2, 0, &packed, &last), 0);
	assert_int_equal(last, 257);
	size_t one = packed.n;
	assert_int_equal(make(&w, 310115, 2, one * 2, &packed, &last), 0);
	assert_true(last == 257 || (last == 513 && packed.n <= one * 2));
	assert_int_equal(make(&w, 310115, 2, one * 2 + 1200, &packed, &last), 0);
	assert_int_equal(last, 513);
	assert_true(packed.n <= one * 2 + 1200);
	assert_int_equal(make(&w, 310115, 300, 1 << 30, &packed, &last), 0);
	assert_int_equal(last, 601);
	assert_int_equal(make(&w, 310115, 602, 1 << 30, &packed, &last), 0);
	assert_int_equal(last, 0);
	assert_int_equal(packed.n, 0);
	assert_int_equal(make(&w, 310101, 1, 1 << 30, &packed, &last), 0);
	assert_int_equal(last, 0);
	buf_deinit(&packed);
	world_close(&w);
}

static void no_batch_is_over_the_limit(void **state)
{
	(void)state;
	struct world w;
	struct buf packed = { 0 };
	world_open(&w, 310115, 1);
	for (int i = 0; i < 30; i++)
		assert_int_equal(
			append(&w, 1 + chance(60), chance(LEDGER_ENTRY_MAX - 100), 'a'), 0);
	uint64_t end = head_of(&w, 310115).position, last;
	for (uint64_t first = 1; first <= end; first += 1 + chance(20)) {
		assert_int_equal(make(&w, 310115, first, chance(2) ? SIZE_MAX : chance(400000),
					 &packed, &last),
			0);
		assert_true(last >= first && packed.n <= LEDGER_BATCH_MAX);
	}
	/* from seal to seal they are well filled */
	for (uint64_t first = 1; first <= end; first = last + 1) {
		assert_int_equal(make(&w, 310115, first, SIZE_MAX, &packed, &last), 0);
		assert_true(last == end || packed.n > LEDGER_BATCH_MAX - LEDGER_SEAL_BYTES -
							      LEDGER_ENTRY_MAX - 8192);
	}
	buf_deinit(&packed);
	world_close(&w);
}

static void damage_ends_a_batch_before_it(void **state)
{
	(void)state;
	struct world w;
	struct buf packed = { 0 };
	uint8_t at[ROW_KEY_BYTES];
	uint64_t last;
	world_open(&w, 310115, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(append(&w, 10, 50, 'a'), 0); /* seals at 1, 11, 21, 31, 41 */
	raw_put(&w, LEDGER_ENTRY, row_key(at, 310115, 25), TEXT("broken"));
	assert_int_equal(make(&w, 310115, 1, 1 << 30, &packed, &last), 0);
	assert_int_equal(last, 21);
	struct arena a;
	struct ledger_batch b;
	arena_init(&a, 1 << 20);
	assert_int_equal(
		ledger_batch_check(&b, buf_as_text(&packed), 310115, w.key.public_key, &a), 0);
	arena_deinit(&a);
	assert_int_equal(make(&w, 310115, 22, 1 << 30, &packed, &last), ERR_DAMAGED);
	assert_int_equal(last, 25);
	assert_int_equal(packed.n, 0);
	assert_int_equal(make(&w, 310115, 26, 1 << 30, &packed, &last), 0);
	assert_int_equal(last, 41);
	buf_deinit(&packed);
	world_close(&w);
}

/* ---- receipts ---- */

struct receiving {
	const char *parent;
	struct ledger_receipt r;
};

static int receiving_job(struct store_txn *t, void *arg)
{
	struct receiving *r = arg;
	ledger_receipt_put(t, r->parent, 310115, &r->r);
	return store_txn_err(t);
}

static int receive(struct world *w, const char *parent, uint64_t position, uint8_t mark)
{
	struct receiving r = { parent, { .position = position, .at_ms = 5 } };
	memset(r.r.head, mark, HASH_BYTES);
	memset(r.r.signature, mark + 1, SIGN_BYTES);
	return store_write(ledger_store(w->l), receiving_job, &r, STORE_RESERVE);
}

static void receipts_never_go_down(void **state)
{
	(void)state;
	struct world w;
	struct ledger_receipt r;
	world_open(&w, 310115, 1);
	assert_int_equal(receive(&w, "city", 10, 1), 0);
	assert_int_equal(receive(&w, "city", 9, 2), 0);
	assert_int_equal(receive(&w, "city2", 4, 3), 0);
	struct store_txn *t = snapshot(&w);
	assert_int_equal(ledger_receipt_get(t, "city", 310115, &r), 0);
	assert_int_equal(r.position, 10);
	assert_int_equal(r.head[0], 1);
	assert_int_equal(r.signature[63], 2);
	assert_int_equal(r.at_ms, 5);
	assert_int_equal(ledger_receipt_get(t, "city2", 310115, &r), 0);
	assert_int_equal(r.position, 4);
	assert_int_equal(ledger_receipt_get(t, "city", 310101, &r), ERR_NOTFOUND);
	assert_int_equal(ledger_receipt_get(t, "town", 310115, &r), ERR_NOTFOUND);
	store_read_end(t);
	assert_int_equal(receive(&w, "city", 11, 4), 0);
	t = snapshot(&w);
	assert_int_equal(ledger_receipt_get(t, "city", 310115, &r), 0);
	assert_int_equal(r.position, 11);
	store_read_end(t);
	char name[400];
	memset(name, 'n', sizeof name);
	name[399] = 0;
	assert_int_equal(receive(&w, name, 11, 4), ERR_LIMIT);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_commit_ends_with_a_seal),
		cmocka_unit_test(a_long_commit_is_sealed_in_between),
		cmocka_unit_test(a_batch_ends_at_the_seal_that_fits),
		cmocka_unit_test(no_batch_is_over_the_limit),
		cmocka_unit_test(damage_ends_a_batch_before_it),
		cmocka_unit_test(receipts_never_go_down),
	};
	chance_state = 41;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
