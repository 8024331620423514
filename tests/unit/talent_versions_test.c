/* Who asks the index while it changes: a search reads the end of one chunk, never half of one. */
#include "tests/unit/talent_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#include "daemon/base/clock.h"
#include "daemon/ledger/hash.h"
#include "daemon/talent/talent_index.h"

#define PEOPLE 6000
#define MARKED 100

struct person {
	uint8_t pid[PID_BYTES];
	char row[TALENT_ITEM_BYTES];
	size_t n; /* 0: not there */
};

static struct person people[PEOPLE];
static struct talent_rules *rules;

static unsigned any(unsigned n)
{
	return (unsigned)random_below(n);
}

static int row_none(void *arg, const uint8_t pid[PID_BYTES], struct text *row)
{
	(void)arg;
	(void)pid;
	(void)row;
	return ERR_NOTFOUND;
}

struct asker {
	pthread_t thread;
	struct talent_index *x;
	atomic_bool *ended;
	uint64_t times;
};

/* A search sees the end of a chunk: always as many with the honour, each once. */
static void *ask(void *arg)
{
	static const struct talent_query marked = { .honours = 1, .outside = true };
	struct talent_hit *hits = calloc(PEOPLE, sizeof(*hits));
	struct asker *a = arg;
	struct talent_found found;

	do {
		struct talent_facets *facets = calloc(1, sizeof(*facets));
		uint64_t sum = 0;
		bool ok = talent_index_find(a->x, &marked, NULL, hits, PEOPLE, &found, facets) == 0;

		for (unsigned i = 0; i < 16; i++)
			sum += facets->levels[i];
		ok = ok && found.total == MARKED && found.n == MARKED && sum == MARKED &&
		     facets->honours[0] == MARKED;
		for (size_t i = 0; ok && i < found.n; i++)
			ok = (hits[i].state.honours & 1) &&
			     (i == 0 || memcmp(hits[i - 1].pid, hits[i].pid, PID_BYTES) < 0);
		talent_facets_deinit(facets);
		free(facets);
		if (!ok)
			abort(); /* not the test's thread */
		a->times++;
	} while (!atomic_load(a->ended));
	free(hits);
	return NULL;
}

/* A row of one item: honour 1, or some other. */
static void honour_make(struct person *p, unsigned code)
{
	const uint8_t item[TALENT_ITEM_BYTES] = { 4, (uint8_t)code, 0, 1, 0xff, 0xff };

	memcpy(p->row, item, sizeof(item));
	p->n = sizeof(item);
}

static void a_search_sees_one_chunk_s_end(void **state)
{
	struct talent_change changes[PEOPLE];
	atomic_bool ended = false;
	struct asker askers[2];
	struct talent_index *x = talent_index_open(rules, 20200101);

	(void)state;
	random_hold(7);
	for (size_t i = 0; i < PEOPLE; i++) {
		random_bytes(people[i].pid, PID_BYTES);
		honour_make(&people[i], i < MARKED ? 1 : 2);
		memcpy(changes[i].pid, people[i].pid, PID_BYTES);
		changes[i].row = (struct text){ people[i].row, people[i].n };
	}
	assert_true(talent_index_put(x, changes, PEOPLE));
	for (unsigned k = 0; k < 2; k++) {
		askers[k] = (struct asker){ .x = x, .ended = &ended };
		assert_int_equal(pthread_create(&askers[k].thread, NULL, ask, &askers[k]), 0);
	}
	/* The honour goes from one to another; the others go and come, and say new things. */
	for (unsigned round = 0; round < 300; round++) {
		size_t n = 0;

		for (unsigned k = 0; k < 40; k++) {
			size_t from = any(MARKED), to = MARKED + any(PEOPLE - MARKED);
			struct person was = people[from];

			people[from] = people[to];
			people[to] = was;
			honour_make(&people[from], 1);
			honour_make(&people[to], 2 + any(20));
			people[to].n *= any(4) > 0;
			for (unsigned i = 0; i < 2; i++) {
				struct person *p = &people[i ? from : to];

				memcpy(changes[n].pid, p->pid, PID_BYTES);
				changes[n++].row.p = NULL;
			}
		}
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < PEOPLE; k++)
				if (memcmp(changes[i].pid, people[k].pid, PID_BYTES) == 0)
					changes[i].row =
						(struct text){ people[k].row, people[k].n };
		assert_true(talent_index_put(x, changes, n));
		if (round % 50 == 49)
			assert_int_equal(
				talent_index_turn(x, 20200101 + (int)round, row_none, NULL), 0);
	}
	atomic_store(&ended, true);
	for (unsigned k = 0; k < 2; k++) {
		pthread_join(askers[k].thread, NULL);
		assert_true(askers[k].times > 0);
	}
	talent_index_close(x);
	random_release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_search_sees_one_chunk_s_end),
	};
	struct errmsg m = { "" };
	int failed;

	if (registers_init() || hash_init())
		return 1;
	rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	if (!rules)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	talent_rules_close(rules);
	return failed;
}
