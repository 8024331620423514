/* The index of pids against a model: many new persons, transactions that are given up, restarts at
 * any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/intake/pids.h"
#include "daemon/base/buf.h"

enum { PERSON, VAULT, STATE, TABLES };
static const char *const names[] = { "person", "vault", "intake" };
static const struct pids_tables tables = { PERSON, VAULT, STATE };

#define PERSONS 60000

struct world {
	char dir[64];
	struct store *store;
	struct pids *pids;
	uint64_t number[PERSONS]; /* the model: 0: not yet */
	uint64_t next;
	unsigned first, n; /* what the next job adds */
	bool give_up;
};

/* A pid that looks random and is the same each time. */
static void pid_of(uint8_t pid[PID_BYTES], unsigned person)
{
	uint64_t x = person * 0x9e3779b97f4a7c15u + 1;

	for (int i = 0; i < 2; i++) {
		x ^= x >> 31;
		x *= 0xbf58476d1ce4e5b9u;
		x ^= x >> 27;
		put_u64(pid + 8 * i, x);
	}
}

static void open_world(struct world *w)
{
	struct store_conf conf = { .dir = w->dir,
		.tables = names,
		.n_tables = TABLES,
		.limit_bytes = 256 << 20,
		.create = true };
	struct errmsg m = { "" };

	if (store_open(&w->store, &conf, &m))
		fail_msg("%s", m.text);
	w->pids = pids_open(&tables);
	assert_non_null(w->pids);
}

static void close_world(struct world *w)
{
	pids_close(w->pids);
	store_close(w->store);
}

/* Finds or adds w->n persons from w->first on, as vault_put does. */
static int take(struct store_txn *t, void *arg)
{
	struct world *w = arg;
	uint64_t next = w->next;

	pids_begin(t, w->pids);
	for (unsigned i = w->first; i < w->first + w->n; i++) {
		uint8_t pid[PID_BYTES], key[8], row[PIDS_AT + PID_BYTES + 20] = { 0 };
		uint64_t number;

		pid_of(pid, i % PERSONS);
		number = pids_find(t, w->pids, pid);
		if (number != w->number[i % PERSONS])
			fail_msg("person %u: %llu, not %llu", i % PERSONS,
				(unsigned long long)number,
				(unsigned long long)w->number[i % PERSONS]);
		if (number)
			continue;
		memcpy(row + PIDS_AT, pid, PID_BYTES);
		put_u64(key, next);
		store_append(t, VAULT, (struct text){ (const char *)key, 8 },
			(struct text){ (const char *)row, sizeof row });
		pids_add(t, w->pids, pid, next++);
	}
	pids_end(t, w->pids);
	return w->give_up ? ERR_INVALID : store_txn_err(t);
}

static void run(struct world *w)
{
	int err = store_write(w->store, take, w, 0);

	assert_int_equal(err, w->give_up ? ERR_INVALID : 0);
	if (w->give_up)
		return;
	for (unsigned i = w->first; i < w->first + w->n; i++)
		if (!w->number[i % PERSONS])
			w->number[i % PERSONS] = w->next++;
}

static void search_all(struct world *w, unsigned step)
{
	struct store_txn *t;

	assert_int_equal(store_read_begin(w->store, &t, 60000), 0);
	for (unsigned i = 0; i < PERSONS; i += step) {
		uint8_t pid[PID_BYTES];

		pid_of(pid, i);
		assert_int_equal(pids_search(t, &tables, pid), w->number[i]);
	}
	store_read_end(t);
}

static void random_history(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	char command[100];

	(void)state;
	assert_non_null(w);
	(void)snprintf(w->dir, sizeof w->dir, "/tmp/collector-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->next = 1;
	srand(1);
	open_world(w);
	for (int i = 0; i < 400; i++) {
		w->first = (unsigned)rand() % (PERSONS * ((unsigned)i + 50) / 450);
		w->n = (unsigned)rand() % (rand() % 4 ? 300 : 3000);
		w->give_up = rand() % 5 == 0;
		run(w);
		if (rand() % 25 == 0) {
			close_world(w);
			open_world(w);
		}
	}
	search_all(w, 97);
	close_world(w);
	open_world(w);
	w->give_up = false;
	for (w->first = 0, w->n = 1000; w->first < PERSONS; w->first += w->n)
		run(w);
	search_all(w, 211);
	assert_int_equal(w->next, PERSONS + 1);
	close_world(w);
	(void)snprintf(command, sizeof command, "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_history) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
