/* Bodies of IDENTITY and CASE entries that nobody should have written: cut, flipped, at random.
 * They become findings or mean what they say; what comes after them is folded, and the order never
 * matters. */
#include "tests/unit/figures_fixture.h"

#include "proto/identity.pb-c.h"

static size_t good_body(unsigned kind, uint8_t *out)
{
	Tally__Identity i = TALLY__IDENTITY__INIT;
	Tally__Case c = TALLY__CASE__INIT;
	uint8_t a[16], b[16], tag[9] = { 1, 2 }, mark[8] = { 3 }, sealed[80] = { 4 };
	ProtobufCBinaryData tags[1] = { { sizeof tag, tag } };

	pid_of(chance(4), a);
	pid_of(chance(4), b);
	if (kind == TALLY__ENTRY_KIND__CASE) {
		c.has_a = c.has_b = c.has_act = 1;
		c.a = (ProtobufCBinaryData){ 16, a };
		c.b = (ProtobufCBinaryData){ 16, b };
		c.act = chance(5);
		c.has_decides = chance(2);
		c.decides = chance(40);
		return tally__case__pack(&c, out);
	}
	i.has_pid = i.has_registrar = i.has_sealed = 1;
	i.pid = (ProtobufCBinaryData){ 16, a };
	i.registrar = (ProtobufCBinaryData){ sizeof mark, mark };
	i.sealed = (ProtobufCBinaryData){ sizeof sealed, sealed };
	i.tags = tags;
	i.n_tags = 1;
	return tally__identity__pack(&i, out);
}

static void strange_body(struct city *c)
{
	unsigned kind = chance(2) ? TALLY__ENTRY_KIND__CASE : TALLY__ENTRY_KIND__IDENTITY;
	uint8_t body[512];
	size_t n = good_body(kind, body);
	struct entry_draft d = { .kind = kind,
		.at_ms = AT_MS,
		.author = chance(5) ? (struct text){ "a\0b", 3 } : TEXT("wang") };

	switch (chance(4)) {
	case 0:
		n = chance((uint32_t)n + 1);
		break;
	case 1:
		body[chance((uint32_t)n)] ^= (uint8_t)(1 + chance(255));
		break;
	case 2:
		n = chance(sizeof body);
		for (size_t k = 0; k < n; k++)
			body[k] = (uint8_t)chance(256);
		break;
	default:
		d.author = chance(2) ? TEXT("li") : TEXT("wang");
	}
	d.body = (struct text){ (const char *)body, n };
	entry_put(&c->worlds[chance(WORLDS)], &d);
}

static void nothing_stands_in_the_way(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct city *c = calloc(1, sizeof(*c));
		struct view one, other;
		struct store_txn *t;

		chance_state = seed;
		city_open(c);
		view_open(&one, c);
		for (int step = 0; step < 300; step++) {
			if (chance(3))
				strange_body(c);
			else
				rec_write(c, rec_new(c));
			if (chance(20) == 0)
				ship(c, chance(DISTRICTS), true);
			if (chance(10) == 0)
				view_fold(&one, 1 + chance(30), NULL, 0);
		}
		for (unsigned i = 0; i < DISTRICTS; i++)
			ship(c, i, true);
		while (view_fold(&one, 100, NULL, 0))
			;
		view_open(&other, c);
		while (view_fold(&other, 1 + chance(7), NULL, 0))
			;
		compare_views(&one, &other);
		assert_int_equal(store_read_begin(one.store, &t, 60000), 0);
		assert_true(store_count(t, VIEW_FINDING) > 50);
		assert_true(store_count(t, VIEW_RECORD) > 50);
		store_read_end(t);
		view_close(&other);
		view_close(&one);
		city_close(c);
		free(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_stands_in_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
