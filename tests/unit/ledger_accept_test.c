/* Replication: what one store packs another takes in, whatever the sizes, the overlaps and the
 * replays; what does not fit is refused by its name and changes nothing. */
#include "ledger_fixture.h"

#define DISTRICT 310115
#define CITY 310000
#define NATION 100000

static void heads_equal(struct world *a, struct world *b)
{
	struct ledger_head x = head_of(a, DISTRICT), y = head_of(b, DISTRICT);
	assert_int_equal(x.position, y.position);
	assert_memory_equal(x.head, y.head, HASH_BYTES);
	assert_int_equal(x.bytes, y.bytes);
}

/* A checked batch with all that it stands on. */
struct parcel {
	struct buf packed;
	struct arena a;
	struct ledger_batch b;
};

static int parcel_check(struct parcel *p, const uint8_t *signer)
{
	arena_reset(&p->a);
	return ledger_batch_check(&p->b, buf_as_text(&p->packed), DISTRICT, signer, &p->a);
}

static void parcel_init(struct parcel *p, struct world *from, uint64_t first, size_t most)
{
	uint64_t last;
	memset(p, 0, sizeof *p);
	arena_init(&p->a, 1 << 20);
	assert_int_equal(make(from, DISTRICT, first, most, &p->packed, &last), 0);
	assert_int_equal(parcel_check(p, from->key.public_key), 0);
	assert_int_equal(p->b.first, first);
	assert_int_equal(p->b.last, last);
	assert_int_equal(p->b.n, last - first + 1);
}

static void parcel_deinit(struct parcel *p)
{
	arena_deinit(&p->a);
	buf_deinit(&p->packed);
}

static void any_sizes_reach_the_parent_and_its_parent(void **state)
{
	(void)state;
	struct world district, city, nation;
	const uint8_t *signer = district.key.public_key;
	world_open(&district, DISTRICT, 1);
	world_open(&city, CITY, 2);
	world_open(&nation, NATION, 3);
	for (int round = 0; round < 60; round++) {
		assert_int_equal(append(&district, 1 + chance(round % 7 ? 30 : 900),
					 chance(round % 5 ? 300 : 9000), 'a'),
			0);
		assert_int_equal(append(&city, 1, 10, 'c'), 0);
		while (chance(5) && send_batch(&district, &city, DISTRICT, signer,
					    head_of(&city, DISTRICT).position + 1, chance(300000)))
			;
		/* from some earlier position: overlap, or a replay of all of it */
		uint64_t stands = head_of(&city, DISTRICT).position;
		if (stands)
			send_batch(&district, &city, DISTRICT, signer, 1 + chance((uint32_t)stands),
				chance(300000));
		if (chance(2))
			send_batch(&city, &nation, DISTRICT, signer,
				head_of(&nation, DISTRICT).position + 1, chance(300000));
	}
	while (send_batch(
		&district, &city, DISTRICT, signer, head_of(&city, DISTRICT).position + 1, 100000))
		;
	while (send_batch(
		&city, &nation, DISTRICT, signer, head_of(&nation, DISTRICT).position + 1, 100000))
		;
	heads_equal(&district, &city);
	heads_equal(&district, &nation);
	assert_int_equal(verdict_of(&city, DISTRICT).broken_at, 0);
	assert_int_equal(verdict_of(&nation, DISTRICT).broken_at, 0);
	assert_int_equal(
		verdict_of(&nation, DISTRICT).entries, head_of(&district, DISTRICT).position);
	assert_int_equal(verdict_of(&city, CITY).entries, 61);
	world_close(&nation);
	world_close(&city);
	world_close(&district);
}

static void a_replay_changes_nothing(void **state)
{
	(void)state;
	struct world district, city;
	struct parcel p;
	world_open(&district, DISTRICT, 1);
	world_open(&city, CITY, 2);
	assert_int_equal(append(&district, 50, 100, 'a'), 0);
	parcel_init(&p, &district, 1, 1 << 20);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(accept_batch(&city, &p.b), 0);
		heads_equal(&district, &city);
		assert_int_equal(verdict_of(&city, DISTRICT).seals, 1);
	}
	parcel_deinit(&p);
	world_close(&city);
	world_close(&district);
}

static void gaps_and_forks_are_named_and_write_nothing(void **state)
{
	(void)state;
	struct world district, clone, city;
	struct parcel p;
	world_open(&district, DISTRICT, 1);
	world_open(&clone, DISTRICT, 1);
	world_open(&city, CITY, 2);
	assert_int_equal(append(&district, 20, 100, 'a'), 0);
	assert_int_equal(append(&clone, 20, 100, 'a'), 0);
	heads_equal(&district, &clone);
	assert_int_equal(append(&district, 5, 100, 'a'), 0);
	assert_int_equal(append(&clone, 5, 100, 'b'), 0);
	assert_int_equal(append(&clone, 5, 100, 'c'), 0);
	parcel_init(&p, &district, 2, 1 << 20);
	assert_int_equal(accept_batch(&city, &p.b), ERR_GAP);
	parcel_deinit(&p);
	assert_int_equal(head_of(&city, DISTRICT).position, 0);
	while (send_batch(&district, &city, DISTRICT, district.key.public_key,
		head_of(&city, DISTRICT).position + 1, 1))
		;
	/* overlapping with other content, ending before, at and after the end; and adjoining */
	const struct {
		uint64_t first;
		size_t most;
		int err;
	} cases[] = { { 22, 1, ERR_FORK }, { 5, 1 << 20, ERR_FORK }, { 26, 1 << 20, ERR_FORK },
		{ 27, 1 << 20, ERR_FORK }, { 28, 1 << 20, ERR_GAP }, { 1, 1, 0 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		parcel_init(&p, &clone, cases[i].first, cases[i].most);
		assert_int_equal(accept_batch(&city, &p.b), cases[i].err);
		parcel_deinit(&p);
		heads_equal(&district, &city);
	}
	assert_int_equal(verdict_of(&city, DISTRICT).entries, 26);
	assert_int_equal(append(&district, 5, 100, 'd'), 0);
	assert_int_equal(
		send_batch(&district, &city, DISTRICT, district.key.public_key, 27, 1 << 20), 31);
	world_close(&city);
	world_close(&clone);
	world_close(&district);
}

static void the_own_ledger_has_one_writer(void **state)
{
	(void)state;
	struct world district, clone;
	struct parcel p;
	world_open(&district, DISTRICT, 1);
	world_open(&clone, DISTRICT, 1);
	assert_int_equal(append(&clone, 3, 10, 'a'), 0);
	parcel_init(&p, &clone, 2, 1000);
	assert_int_equal(accept_batch(&district, &p.b), ERR_DENIED);
	assert_int_equal(head_of(&district, DISTRICT).position, 1);
	parcel_deinit(&p);
	world_close(&clone);
	world_close(&district);
}

static void a_damaged_replica_is_no_fork(void **state)
{
	(void)state;
	struct world district, city;
	struct parcel p;
	uint8_t at[ROW_KEY_BYTES];
	world_open(&district, DISTRICT, 1);
	world_open(&city, CITY, 2);
	assert_int_equal(append(&district, 5, 10, 'a'), 0);
	send_batch(&district, &city, DISTRICT, district.key.public_key, 1, 1 << 20);
	assert_int_equal(append(&district, 5, 10, 'a'), 0);
	raw_put(&city, LEDGER_ENTRY, row_key(at, DISTRICT, 6), TEXT("broken"));
	parcel_init(&p, &district, 7, 1 << 20);
	assert_int_equal(accept_batch(&city, &p.b), ERR_DAMAGED);
	parcel_deinit(&p);
	world_close(&city);
	world_close(&district);
}

static void every_changed_byte_is_refused(void **state)
{
	(void)state;
	struct world district;
	struct parcel p;
	world_open(&district, DISTRICT, 1);
	assert_int_equal(append(&district, 4, 30, 'a'), 0);
	parcel_init(&p, &district, 1, 1 << 20);
	for (size_t i = 0; i < p.packed.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			p.packed.p[i] = (char)(p.packed.p[i] ^ 1 << bit);
			int err = parcel_check(&p, district.key.public_key);
			if (err != ERR_INVALID && err != ERR_CHAIN && err != ERR_SIGNER &&
				err != ERR_LIMIT)
				fail_msg("byte %zu bit %d: %d", i, bit, err);
			p.packed.p[i] = (char)(p.packed.p[i] ^ 1 << bit);
		}
	size_t n = p.packed.n;
	for (p.packed.n = 0; p.packed.n < n; p.packed.n++)
		assert_int_not_equal(parcel_check(&p, district.key.public_key), 0);
	assert_int_equal(parcel_check(&p, district.key.public_key), 0);
	parcel_deinit(&p);
	world_close(&district);
}

static void a_wrong_signer_is_refused(void **state)
{
	(void)state;
	struct world district, other;
	struct parcel p;
	world_open(&district, DISTRICT, 1);
	world_open(&other, DISTRICT, 4);
	assert_int_equal(append(&district, 4, 30, 'a'), 0);
	parcel_init(&p, &district, 1, 1 << 20);
	assert_int_equal(parcel_check(&p, other.key.public_key), ERR_SIGNER);
	parcel_deinit(&p);
	parcel_init(&p, &district, 2, 1 << 20);
	assert_int_equal(parcel_check(&p, other.key.public_key), ERR_SIGNER);
	assert_int_equal(ledger_batch_check(&p.b, buf_as_text(&p.packed), 310101,
				 district.key.public_key, &p.a),
		ERR_INVALID);
	parcel_deinit(&p);
	world_close(&other);
	world_close(&district);
}

static void limits_stand_before_memory(void **state)
{
	(void)state;
	struct world district;
	struct parcel p;
	world_open(&district, DISTRICT, 1);
	assert_int_equal(append(&district, 200, 30, 'a'), 0);
	parcel_init(&p, &district, 1, 1 << 20);
	const uint8_t *signer = district.key.public_key;
	struct arena small;
	arena_init(&small, 1000);
	assert_int_equal(ledger_batch_check(&p.b, buf_as_text(&p.packed), DISTRICT, signer, &small),
		ERR_LIMIT);
	assert_true(small.used <= 1000);
	arena_deinit(&small);
	static char zeros[LEDGER_BATCH_MAX + 1];
	arena_init(&small, 1000);
	assert_int_equal(ledger_batch_check(&p.b, (struct text){ zeros, sizeof zeros }, DISTRICT,
				 signer, &small),
		ERR_LIMIT);
	assert_int_equal(small.used, 0);
	arena_deinit(&small);
	/* an entry above the most, in a batch that is otherwise made as it should */
	Tally__Batch b = TALLY__BATCH__INIT;
	ProtobufCBinaryData entry = { LEDGER_ENTRY_MAX + 1, (uint8_t *)zeros };
	b.origin = DISTRICT;
	b.first = 1;
	b.n_entries = 1;
	b.entries = &entry;
	b.head = (ProtobufCBinaryData){ HASH_BYTES, (uint8_t *)zeros };
	b.signature = (ProtobufCBinaryData){ SIGN_BYTES, (uint8_t *)zeros };
	uint8_t *packed = malloc(tally__batch__get_packed_size(&b));
	size_t n = tally__batch__pack(&b, packed);
	assert_int_equal(ledger_batch_check(
				 &p.b, (struct text){ (char *)packed, n }, DISTRICT, signer, &p.a),
		ERR_LIMIT);
	/* no entries, positions that run over the end */
	b.n_entries = 0;
	n = tally__batch__pack(&b, packed);
	assert_int_equal(ledger_batch_check(
				 &p.b, (struct text){ (char *)packed, n }, DISTRICT, signer, &p.a),
		ERR_INVALID);
	entry.len = 4;
	b.n_entries = 1;
	b.first = UINT64_MAX;
	n = tally__batch__pack(&b, packed);
	assert_int_equal(ledger_batch_check(
				 &p.b, (struct text){ (char *)packed, n }, DISTRICT, signer, &p.a),
		ERR_INVALID);
	free(packed);
	parcel_deinit(&p);
	world_close(&district);
}

static void random_bytes_do_no_harm(void **state)
{
	(void)state;
	struct world district;
	struct parcel p;
	world_open(&district, DISTRICT, 1);
	assert_int_equal(append(&district, 3, 20, 'a'), 0);
	parcel_init(&p, &district, 1, 1 << 20);
	char *whole = malloc(p.packed.n), *bent = malloc(p.packed.n);
	memcpy(whole, p.packed.p, p.packed.n);
	for (int i = 0; i < 20000; i++) {
		size_t n = 1 + chance((uint32_t)p.packed.n);
		memcpy(bent, whole, n);
		for (uint32_t j = chance(6) + 1; j > 0; j--)
			bent[chance((uint32_t)n)] = (char)chance(256);
		char *exact = malloc(n); /* so that the sanitizer sees its end */
		memcpy(exact, bent, n);
		struct entry_view e;
		arena_reset(&p.a);
		if (ledger_batch_check(&p.b, (struct text){ exact, n }, DISTRICT,
			    district.key.public_key, &p.a) == 0)
			assert_memory_equal(exact, whole, n);
		/* the reader of entries is at least as strict as protobuf-c */
		if (entry_unpack(&e, (struct text){ exact, n }, NULL) == 0) {
			Tally__Entry *m = tally__entry__unpack(NULL, n, (uint8_t *)exact);
			assert_non_null(m);
			tally__entry__free_unpacked(m, NULL);
		}
		free(exact);
	}
	free(bent);
	free(whole);
	parcel_deinit(&p);
	world_close(&district);
}

/* Random bends of one entry: whatever our reader takes, protobuf-c takes too and reads the same. */
static void both_readers_agree(void **state)
{
	(void)state;
	struct world district;
	world_open(&district, DISTRICT, 1);
	assert_int_equal(append(&district, 1, 20, 'a'), 0);
	struct store_txn *t = snapshot(&district);
	struct text whole;
	int taken = 0;
	assert_int_equal(ledger_get(t, DISTRICT, 2, &whole), 0);
	for (int i = 0; i < 50000; i++) {
		size_t n = whole.n;
		uint8_t *bent = malloc(n);
		struct entry_view e;
		memcpy(bent, whole.p, n);
		for (uint32_t j = chance(3); j > 0; j--)
			bent[chance((uint32_t)n)] = (uint8_t)chance(256);
		if (entry_unpack(&e, (struct text){ (char *)bent, n }, NULL) == 0) {
			Tally__Entry *m = tally__entry__unpack(NULL, n, bent);
			assert_non_null(m);
			assert_true(m->position == e.position && m->origin == e.origin &&
				    m->kind == e.kind);
			assert_true(m->at_ms == e.at_ms && m->body.len == e.body.n &&
				    m->reason.len == e.reason.n);
			assert_memory_equal(m->prev.data, e.prev, HASH_BYTES);
			tally__entry__free_unpacked(m, NULL);
			taken++;
		}
		free(bent);
	}
	assert_true(taken > 1000);
	store_read_end(t);
	world_close(&district);
}

static void a_batch_is_a_message_of_the_schema(void **state)
{
	(void)state;
	struct world district;
	struct parcel p;
	world_open(&district, DISTRICT, 1);
	assert_int_equal(append(&district, 300, 200, 'a'), 0);
	parcel_init(&p, &district, 1, 1 << 20);
	Tally__Batch *b = tally__batch__unpack(NULL, p.packed.n, (uint8_t *)p.packed.p);
	assert_non_null(b);
	assert_int_equal(b->n_entries, 301);
	size_t n = tally__batch__get_packed_size(b);
	assert_int_equal(n, p.packed.n);
	uint8_t *again = malloc(n);
	tally__batch__pack(b, again);
	assert_memory_equal(again, p.packed.p, n);
	free(again);
	tally__batch__free_unpacked(b, NULL);
	parcel_deinit(&p);
	world_close(&district);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_sizes_reach_the_parent_and_its_parent),
		cmocka_unit_test(a_replay_changes_nothing),
		cmocka_unit_test(gaps_and_forks_are_named_and_write_nothing),
		cmocka_unit_test(the_own_ledger_has_one_writer),
		cmocka_unit_test(a_damaged_replica_is_no_fork),
		cmocka_unit_test(every_changed_byte_is_refused),
		cmocka_unit_test(a_wrong_signer_is_refused),
		cmocka_unit_test(limits_stand_before_memory),
		cmocka_unit_test(random_bytes_do_no_harm),
		cmocka_unit_test(both_readers_agree),
		cmocka_unit_test(a_batch_is_a_message_of_the_schema),
	};
	chance_state = 310115;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
