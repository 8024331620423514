/* One's own ledger: append, reopen, proof; a job that fails leaves nothing; whatever stored byte is
 * broken is found and named by its position. */
#include "ledger_fixture.h"

static void an_empty_ledger_begins_with_its_genesis(void **state)
{
	(void)state;
	struct world w;
	world_open(&w, 310115, 1);
	struct store_txn *t = snapshot(&w);
	struct text bytes;
	struct entry_view e;
	assert_int_equal(ledger_get(t, 310115, 1, &bytes), 0);
	assert_int_equal(entry_unpack(&e, bytes, NULL), 0);
	assert_int_equal(e.kind, TALLY__ENTRY_KIND__GENESIS);
	assert_memory_equal(genesis_signer(e.body), w.key.public_key, SIGN_PUBLIC_BYTES);
	assert_int_equal(ledger_get(t, 310115, 2, &bytes), ERR_NOTFOUND);
	assert_int_equal(ledger_get(t, 310116, 1, &bytes), ERR_NOTFOUND);
	assert_int_equal(store_txn_err(t), 0);
	uint32_t origins[4];
	assert_int_equal(ledger_origins(t, origins, 4), 1);
	assert_int_equal(origins[0], 310115);
	store_read_end(t);
	assert_int_equal(head_of(&w, 310115).position, 1);
	assert_int_equal(head_of(&w, 310116).position, 0);
	world_close(&w);
}

static void an_entry_reads_as_protobuf_c_reads_it(void **state)
{
	(void)state;
	struct world w;
	world_open(&w, 310115, 1);
	assert_int_equal(append(&w, 3, 40, 'b'), 0);
	struct store_txn *t = snapshot(&w);
	struct text bytes;
	struct entry_view e;
	uint8_t hash[HASH_BYTES];
	assert_int_equal(ledger_get(t, 310115, 4, &bytes), 0);
	assert_int_equal(entry_unpack(&e, bytes, NULL), 0);
	Tally__Entry *m = tally__entry__unpack(NULL, bytes.n, (const uint8_t *)bytes.p);
	assert_non_null(m);
	assert_int_equal(m->position, e.position);
	assert_int_equal(e.position, 4);
	assert_int_equal(m->origin, e.origin);
	assert_int_equal(m->kind, e.kind);
	assert_int_equal(m->at_ms, e.at_ms);
	assert_int_equal(e.at_ms, 1002);
	assert_int_equal(m->body.len, e.body.n);
	assert_memory_equal(m->body.data, e.body.p, 40);
	assert_memory_equal(m->register_.data, "training", 8);
	assert_true(text_is(e.reg, "training") && text_is(e.author, "clerk"));
	assert_int_equal(ledger_hash_at(t, 310115, 3, hash), 0);
	assert_memory_equal(hash, m->prev.data, HASH_BYTES);
	assert_memory_equal(hash, e.prev, HASH_BYTES);
	tally__entry__free_unpacked(m, NULL);
	store_read_end(t);
	world_close(&w);
}

static void it_goes_on_where_it_was(void **state)
{
	(void)state;
	struct world w;
	struct errmsg m;
	world_open(&w, 310115, 1);
	for (int round = 0; round < 4; round++) {
		assert_int_equal(append(&w, 70, 100, 'a'), 0);
		struct ledger_head before = head_of(&w, 310115);
		ledger_close(w.l);
		assert_int_equal(world_try(&w, &m), 0);
		struct ledger_head after = head_of(&w, 310115);
		assert_memory_equal(&before, &after, sizeof before);
	}
	assert_int_equal(head_of(&w, 310115).position, 281);
	struct ledger_verdict v = verdict_of(&w, 310115);
	assert_int_equal(v.entries, 281);
	assert_int_equal(v.broken_at, 0);
	assert_true(v.seals >= 5);
	world_close(&w);
}

static void another_signer_does_not_open_it(void **state)
{
	(void)state;
	struct world w;
	struct errmsg m;
	uint8_t seed[SIGN_SEED_BYTES] = { 9 };
	world_open(&w, 310115, 1);
	ledger_close(w.l);
	struct sign_key old = w.key;
	sign_key_init(&w.key, seed);
	assert_int_equal(world_try(&w, &m), ERR_SIGNER);
	assert_non_null(strstr(m.text, "sign.key"));
	w.key = old;
	assert_int_equal(world_try(&w, &m), 0);
	world_close(&w);
}

static struct world *failing_world; /* jobs have no argument of their own */

static int failing_job(struct store_txn *t, struct store_job *job)
{
	(void)job;
	struct entry_draft d = { .kind = TALLY__ENTRY_KIND__RECORD, .body = TEXT("lost") };
	ledger_append(t, failing_world->l, &d);
	return ERR_INVALID;
}

static int good_job(struct store_txn *t, struct store_job *job)
{
	(void)job;
	struct entry_draft d = { .kind = TALLY__ENTRY_KIND__RECORD, .body = TEXT("kept") };
	ledger_append(t, failing_world->l, &d);
	return store_txn_err(t);
}

static void done(struct store_job *job, int err)
{
	job->err = err;
}

static void a_job_that_fails_leaves_no_hole(void **state)
{
	(void)state;
	struct world w;
	struct store_job jobs[60];
	world_open(&w, 310115, 1);
	failing_world = &w;
	memset(jobs, 0, sizeof jobs);
	for (size_t i = 0; i < 60; i++) {
		jobs[i].fn = i % 3 == 1 ? failing_job : good_job;
		jobs[i].done = done;
		jobs[i].err = -1;
		store_post(ledger_store(w.l), &jobs[i]);
	}
	assert_int_equal(append(&w, 1, 10, 'z'), 0); /* after all of them */
	for (size_t i = 0; i < 60; i++)
		assert_int_equal(jobs[i].err, i % 3 == 1 ? ERR_INVALID : 0);
	assert_int_equal(head_of(&w, 310115).position, 1 + 40 + 1);
	assert_int_equal(verdict_of(&w, 310115).broken_at, 0);
	struct store_txn *t = snapshot(&w);
	for (uint64_t p = 2; p <= 41; p++) {
		struct text bytes;
		struct entry_view e;
		assert_int_equal(ledger_get(t, 310115, p, &bytes), 0);
		assert_int_equal(entry_unpack(&e, bytes, NULL), 0);
		assert_true(text_is(e.body, "kept"));
	}
	store_read_end(t);
	world_close(&w);
}

static void an_entry_has_a_most(void **state)
{
	(void)state;
	struct world w;
	world_open(&w, 310115, 1);
	assert_int_equal(append(&w, 1, LEDGER_ENTRY_MAX, 'x'), ERR_LIMIT);
	assert_int_equal(head_of(&w, 310115).position, 1);
	assert_int_equal(append(&w, 20, LEDGER_ENTRY_MAX - 100, 'x'), 0);
	assert_int_equal(verdict_of(&w, 310115).entries, 21);
	world_close(&w);
}

/* Flips one bit of a row, and looks whether the proof names `position`; puts the row back. */
static void flip_and_look(struct world *w, struct text key, uint64_t position)
{
	static uint8_t value[HASH_BYTES + LEDGER_ENTRY_MAX];
	size_t n = raw_get(w, LEDGER_ENTRY, key, value, sizeof value);
	assert_true(n > 0);
	uint32_t bit = chance((uint32_t)n * 8);
	value[bit / 8] ^= (uint8_t)(1U << bit % 8);
	raw_put(w, LEDGER_ENTRY, key, (struct text){ (char *)value, n });
	struct ledger_verdict v = verdict_of(w, 310115);
	if (v.broken_at != position)
		fail_msg("a key of %zu bytes, position %llu, bit %u: named %llu (%s)", key.n,
			(unsigned long long)position, bit, (unsigned long long)v.broken_at,
			err_words(v.err));
	if (key.n == ROW_KEY_BYTES) {
		struct store_txn *t = snapshot(w);
		struct text bytes;
		assert_int_equal(ledger_get(t, 310115, position, &bytes), ERR_DAMAGED);
		assert_null(bytes.p);
		assert_int_equal(store_txn_err(t), 0);
		assert_int_equal(ledger_get(t, 310115, position - 1, &bytes),
			position == 1 ? ERR_NOTFOUND : 0);
		assert_int_equal(ledger_get(t, 310115, position + 1, &bytes),
			position == 41 ? ERR_NOTFOUND : 0);
		store_read_end(t);
	}
	value[bit / 8] ^= (uint8_t)(1U << bit % 8);
	raw_put(w, LEDGER_ENTRY, key, (struct text){ (char *)value, n });
}

/* A copy of w's ledger of 41 entries under another own origin, so that nothing repairs what is
 * broken. */
static void replica_open(struct world *w, struct world *copy)
{
	world_open(w, 310115, 1);
	for (int i = 0; i < 8; i++)
		assert_int_equal(append(w, 5, 30 + chance(100), 'a'), 0);
	world_open(copy, 310000, 2);
	assert_int_equal(send_batch(w, copy, 310115, w->key.public_key, 1, 2000), 11);
	while (send_batch(w, copy, 310115, w->key.public_key, head_of(copy, 310115).position + 1,
		       800) != 0)
		;
	assert_int_equal(verdict_of(copy, 310115).entries, 41);
}

static void any_flipped_bit_is_named(void **state)
{
	(void)state;
	struct world w, copy;
	uint8_t at[ROW_KEY_BYTES], seal_at[ROW_SEAL_KEY_BYTES], value[ROW_SEAL_BYTES];
	replica_open(&w, &copy);
	for (int i = 0; i < 300; i++) {
		uint64_t p = 1 + chance(41);
		struct text seal = row_seal_key(seal_at, 310115, p);
		flip_and_look(&copy, row_key(at, 310115, p), p);
		if (raw_get(&copy, LEDGER_ENTRY, seal, value, sizeof value))
			flip_and_look(&copy, seal, p);
	}
	assert_int_equal(verdict_of(&copy, 310115).broken_at, 0);
	world_close(&copy);
	world_close(&w);
}

static void missing_and_misplaced_rows_are_named(void **state)
{
	(void)state;
	struct world w, copy;
	uint8_t at[ROW_KEY_BYTES], seal_at[ROW_SEAL_KEY_BYTES], a[1000], b[1000];
	replica_open(&w, &copy);
	size_t na = raw_get(&copy, LEDGER_ENTRY, row_key(at, 310115, 7), a, sizeof a);
	size_t nb = raw_get(&copy, LEDGER_ENTRY, row_key(at, 310115, 8), b, sizeof b);
	/* gone */
	raw_put(&copy, LEDGER_ENTRY, row_key(at, 310115, 7), (struct text){ NULL, 0 });
	struct ledger_verdict v = verdict_of(&copy, 310115);
	assert_int_equal(v.broken_at, 7);
	assert_int_equal(v.err, ERR_GAP);
	/* another whole entry in its place */
	raw_put(&copy, LEDGER_ENTRY, row_key(at, 310115, 7), (struct text){ (char *)b, nb });
	v = verdict_of(&copy, 310115);
	assert_int_equal(v.broken_at, 7);
	assert_int_equal(v.err, ERR_DAMAGED);
	raw_put(&copy, LEDGER_ENTRY, row_key(at, 310115, 7), (struct text){ (char *)a, na });
	assert_int_equal(verdict_of(&copy, 310115).broken_at, 0);
	/* something beyond the end */
	raw_put(&copy, LEDGER_ENTRY, row_key(at, 310115, 43), (struct text){ (char *)a, na });
	v = verdict_of(&copy, 310115);
	assert_int_equal(v.broken_at, 42);
	assert_int_equal(v.err, ERR_GAP);
	raw_put(&copy, LEDGER_ENTRY, row_key(at, 310115, 43), (struct text){ NULL, 0 });
	uint8_t seal[ROW_SEAL_BYTES] = { 0 };
	raw_put(&copy, LEDGER_ENTRY, row_seal_key(seal_at, 310115, 50),
		(struct text){ (char *)seal, sizeof seal });
	assert_int_equal(verdict_of(&copy, 310115).broken_at, 50);
	raw_put(&copy, LEDGER_ENTRY, row_seal_key(seal_at, 310115, 50), (struct text){ NULL, 0 });
	/* the last seal gone */
	raw_put(&copy, LEDGER_ENTRY, row_seal_key(seal_at, 310115, 41), (struct text){ NULL, 0 });
	assert_int_equal(verdict_of(&copy, 310115).broken_at, 41);
	/* no such ledger */
	struct ledger_verdict none;
	assert_int_equal(ledger_verify(copy.l, 310101, NULL, &none, NULL, NULL), ERR_NOTFOUND);
	/* another signer than expected */
	assert_int_equal(
		ledger_verify(w.l, 310115, copy.key.public_key, &none, NULL, NULL), ERR_SIGNER);
	assert_int_equal(none.broken_at, 1);
	world_close(&copy);
	world_close(&w);
}

/* The caller's tables are numbered from LEDGER_TABLES on, whether it names the ledger's own before
 * them or not. */
static void further_tables_come_behind(void **state)
{
	(void)state;
	static const char *const plain[] = { "view", "other" }, *const whole[] = {
		LEDGER_TABLE_NAMES, "view", "other"
	};
	struct world w;
	struct errmsg m;
	struct store_conf conf = { .limit_bytes = 64 << 20, .tables = plain, .n_tables = 2 };
	uint8_t value[10];
	world_open(&w, 310115, 1);
	ledger_close(w.l);
	assert_int_equal(ledger_open(&w.l, w.dir, &w.key, w.own, &conf, &m), 0);
	raw_put(&w, LEDGER_TABLES + 1, TEXT("k"), TEXT("v"));
	ledger_close(w.l);
	conf.tables = whole;
	conf.n_tables = LEDGER_TABLES + 2;
	assert_int_equal(ledger_open(&w.l, w.dir, &w.key, w.own, &conf, &m), 0);
	assert_int_equal(raw_get(&w, LEDGER_TABLES + 1, TEXT("k"), value, sizeof value), 1);
	assert_int_equal(raw_get(&w, LEDGER_TABLES, TEXT("k"), value, sizeof value), 0);
	world_close(&w);
}

/* Breaks one row of a closed-over ledger and opens it again: it must refuse with words, never begin
 * anew. */
static void broken_own(struct text key)
{
	struct world w;
	struct errmsg m = { "" };
	world_open(&w, 310115, 1);
	assert_int_equal(append(&w, 5, 50, 'a'), 0);
	raw_put(&w, LEDGER_ENTRY, key, (struct text){ NULL, 0 });
	ledger_close(w.l);
	assert_int_equal(world_try(&w, &m), ERR_DAMAGED);
	assert_non_null(strstr(m.text, "310115"));
	w.l = NULL;
	world_close(&w);
}

static void a_broken_own_ledger_is_not_written_on(void **state)
{
	(void)state;
	uint8_t at[ROW_KEY_BYTES], seal_at[ROW_SEAL_KEY_BYTES];
	broken_own(row_seal_key(seal_at, 310115, 6));
	broken_own(row_key(at, 310115, 6));
	broken_own(row_key(at, 310115, 1));
}

static void a_long_ledger_is_walked_in_stretches(void **state)
{
	(void)state;
	struct world w;
	world_open(&w, 310115, 1);
	for (int i = 0; i < 10; i++)
		assert_int_equal(append(&w, 1000, 60, 'a'), 0);
	struct ledger_verdict v = verdict_of(&w, 310115);
	assert_int_equal(v.entries, 10001);
	assert_int_equal(v.broken_at, 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_ledger_begins_with_its_genesis),
		cmocka_unit_test(an_entry_reads_as_protobuf_c_reads_it),
		cmocka_unit_test(it_goes_on_where_it_was),
		cmocka_unit_test(another_signer_does_not_open_it),
		cmocka_unit_test(a_job_that_fails_leaves_no_hole),
		cmocka_unit_test(an_entry_has_a_most),
		cmocka_unit_test(any_flipped_bit_is_named),
		cmocka_unit_test(missing_and_misplaced_rows_are_named),
		cmocka_unit_test(a_broken_own_ledger_is_not_written_on),
		cmocka_unit_test(further_tables_come_behind),
		cmocka_unit_test(a_long_ledger_is_walked_in_stretches),
	};
	chance_state = 20190601;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
