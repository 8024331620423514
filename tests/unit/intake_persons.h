/* People in a vault: brought in by a training, looked up again. */
#ifndef TESTS_UNIT_INTAKE_PERSONS_H
#define TESTS_UNIT_INTAKE_PERSONS_H

#include "tests/unit/intake_fixture.h"

static inline void put_person(
	struct buf *b, unsigned key, unsigned index, const char *name, const char *phone)
{
	char number[19];

	made_up(number, index);
	buf_printf(b,
		"T%u,C1,%s,111,%s,%s,upgrade,individual,91310101MA1T000136,employed,2019-03-01,"
		"2019-04-01,1,completed\n",
		key, name, number, phone);
}

static inline void import_one(
	struct fixture *f, unsigned key, unsigned index, const char *name, const char *phone)
{
	struct intake_request q = training();
	struct buf b = { 0 };
	struct fed_result r;

	buf_str(&b, HEAD);
	put_person(&b, key, index, name, phone);
	r = feed(f->intake, &q, buf_as_text(&b), true);
	assert_int_equal(r.counts.refused, 0);
	buf_deinit(&b);
}

static inline uint64_t records_in(struct fixture *f, int table)
{
	struct store_txn *t;
	uint64_t n;

	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	n = store_count(t, table);
	store_read_end(t);
	return n;
}

static inline void expect_person(
	struct fixture *f, unsigned index, const char *name, const char *phone)
{
	const struct vault v = { f->secrets, NULL, { T_PERSON, T_VAULT, T_INTAKE } };
	uint8_t pid[PID_BYTES];
	struct identity id;
	struct store_txn *t;
	struct arena a;
	char number[19];

	made_up(number, index);
	secrets_pid(f->secrets, TEXT("111"), text_of(number), pid);
	arena_init(&a, 65536);
	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	assert_int_equal(vault_get(t, &v, pid, &a, &id), 0);
	assert_true(text_is(id.name, name));
	assert_true(text_is(id.doc_type, "111"));
	assert_true(text_is(id.doc_number, number));
	assert_true(text_is(id.phone, phone));
	pid[0] ^= 1;
	assert_int_equal(vault_get(t, &v, pid, &a, &id), ERR_NOTFOUND);
	store_read_end(t);
	arena_deinit(&a);
}

#endif
