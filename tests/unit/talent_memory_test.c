/* The index when memory runs out: the n-th allocation of each change fails, for every n. It answers
 * right or not at all, loses nothing, and can be made anew. */
#include "tests/unit/memory_fails.h"
#include "tests/unit/talent_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/ledger/hash.h"
#include "daemon/talent/talent_index.h"

#define PEOPLE 2500
#define CHANGES 60
#define TODAY 20240101

/* ---- people ---- */

struct person {
	uint8_t pid[PID_BYTES];
	uint8_t row[12 * TALENT_ITEM_BYTES];
	size_t n; /* 0: not there */
};

static struct person people[PEOPLE];
static struct talent_rules *rules;

static unsigned any(unsigned n)
{
	return (unsigned)random_below(n);
}

/* Some occupations at some level, honours, a district; from some day on. */
static void person_make(struct person *p)
{
	uint8_t *i = p->row;

	for (unsigned n = 1 + any(8); n; n--, i += TALENT_ITEM_BYTES) {
		uint32_t digits = 6180100 + any(300), district = 310101 + any(40);
		unsigned from = talent_day(TODAY) - 5 + any(10);

		i[0] = (uint8_t)(1 + any(9));
		i[1] = (uint8_t)(i[0] == 1 ? 0 : 1 + any(8));
		i[2] = (uint8_t)(from >> 8);
		i[3] = (uint8_t)from;
		i[4] = i[5] = 0xff;
		i[6] = (uint8_t)(digits >> 16);
		i[7] = (uint8_t)(digits >> 8);
		i[8] = (uint8_t)digits;
		if (i[0] != 3) { /* of the others a number that has room */
			i[6] = 0;
			i[7] = (uint8_t)(i[0] == 9 ? 7 : 0);
			i[8] = (uint8_t)(i[0] == 9 ? 120 : any(10));
		}
		i[9] = (uint8_t)(district >> 16);
		i[10] = (uint8_t)(district >> 8);
		i[11] = (uint8_t)district;
	}
	p->n = (size_t)(i - p->row);
}

static struct text row_text(const struct person *p)
{
	return (struct text){ (const char *)p->row, p->n };
}

static int by_pid(const void *a, const void *b)
{
	return memcmp(a, b, PID_BYTES);
}

static int row_of(void *arg, const uint8_t pid[PID_BYTES], struct text *row)
{
	const struct person *p = bsearch(pid, people, PEOPLE, sizeof(*people), by_pid);

	(void)arg;
	assert_non_null(p);
	*row = row_text(p);
	return p->n ? 0 : ERR_NOTFOUND;
}

static int row_next(void *arg, uint8_t pid[PID_BYTES], struct text *row)
{
	size_t *at = arg;

	while (*at < PEOPLE && !people[*at].n)
		++*at;
	if (*at == PEOPLE)
		return ERR_NOTFOUND;
	memcpy(pid, people[*at].pid, PID_BYTES);
	*row = row_text(&people[(*at)++]);
	return 0;
}

static void right(struct talent_index *x, int day)
{
	static struct talent_hit hits[PEOPLE];
	struct talent_query q = { .outside = any(2),
		.level_min = (uint8_t)any(6),
		.occ_least = 6180100,
		.occ_most = any(2) ? 6180199 : 0,
		.honours = any(3) ? 0 : 6 };
	struct talent_found found;
	size_t n = 0;

	assert_int_equal(talent_index_find(x, &q, NULL, hits, PEOPLE, &found, NULL), 0);
	assert_int_equal(found.day, day);
	for (size_t i = 0; i < PEOPLE; i++) {
		struct talent_state s;

		if (!people[i].n)
			continue;
		assert_true(talent_state_at(&s, rules, row_text(&people[i]), day));
		if (!talent_query_takes(&q, &s))
			continue;
		assert_true(n < found.n);
		assert_memory_equal(hits[n++].pid, people[i].pid, PID_BYTES);
	}
	assert_int_equal(n, found.n);
	assert_int_equal(n, found.total);
}

static void refused(struct talent_index *x)
{
	struct talent_query q = { 0 };
	struct talent_found found;
	struct talent_index_stats st;

	assert_true(talent_index_lost(x));
	assert_int_equal(talent_index_find(x, &q, NULL, NULL, 0, &found, NULL), ERR_NOMEM);
	assert_int_equal(talent_index_day(x), 0);
	talent_index_stats(x, &st);
	assert_int_equal(st.talents, 0);
}

/* At every allocation of it; then it is made anew. */
static void load_fails(struct talent_index *x, int day)
{
	for (unsigned n = 0;; n++) {
		size_t at = 0;
		int err;

		memory_fails_after(n);
		err = talent_index_load(x, day, row_next, &at);
		memory_is_back();
		if (!err)
			break;
		assert_true(memory_failed);
		assert_int_equal(err, ERR_NOMEM);
		refused(x);
	}
	right(x, day);
}

static void index_fill(struct talent_index *x)
{
	size_t at = 0;

	for (size_t i = 0; i < PEOPLE; i++) {
		random_bytes(people[i].pid, PID_BYTES);
		person_make(&people[i]);
		if (any(4) == 0)
			people[i].n = 0;
	}
	qsort(people, PEOPLE, sizeof(*people), by_pid);
	assert_int_equal(talent_index_load(x, TODAY, row_next, &at), 0);
	right(x, TODAY);
}

static void changes_without_memory(void **state)
{
	struct talent_index *x = talent_index_open(rules, TODAY);
	unsigned times = 0;

	(void)state;
	random_hold(3);
	index_fill(x);
	for (unsigned n = 0;; n++) {
		struct talent_change changes[CHANGES];
		size_t at = 0;
		bool ok;

		for (size_t i = 0; i < CHANGES; i++) {
			/* Near each other, so that blocks are split too. */
			struct person *p = &people[any(2) ? any(PEOPLE) : any(300)];

			p->n = 0;
			if (any(8))
				person_make(p);
			memcpy(changes[i].pid, p->pid, PID_BYTES);
			changes[i].row = (struct text){ (const char *)p->row, 0 };
		}
		for (size_t i = 0; i < CHANGES; i++) {
			struct person *p =
				bsearch(changes[i].pid, people, PEOPLE, sizeof(*people), by_pid);

			changes[i].row.n = p->n;
		}
		memory_fails_after(n);
		ok = talent_index_put(x, changes, CHANGES);
		memory_is_back();
		if (ok && !memory_failed)
			break;
		assert_int_equal(ok, false);
		refused(x);
		assert_true(talent_index_put(x, changes, CHANGES)); /* goes nowhere */
		refused(x);
		assert_int_equal(talent_index_load(x, TODAY, row_next, &at), 0);
		right(x, TODAY);
		times++;
	}
	assert_true(times > 10);
	right(x, TODAY);
	load_fails(x, TODAY);
	talent_index_close(x);
	random_release();
}

static void a_turn_without_memory(void **state)
{
	struct talent_index *x = talent_index_open(rules, TODAY);
	unsigned times = 0;

	(void)state;
	random_hold(4);
	index_fill(x);
	for (unsigned n = 0;; n++) {
		int err, day = TODAY + 1 + (int)(n & 1) * 2;

		memory_fails_after(n);
		err = talent_index_turn(x, day, row_of, NULL);
		memory_is_back();
		if (!err)
			break;
		times++;
		assert_int_equal(err, ERR_NOMEM);
		assert_false(talent_index_lost(x));
		right(x, TODAY);
	}
	assert_true(times > 10);
	right(x, talent_index_day(x));
	assert_int_not_equal(talent_index_day(x), TODAY);
	talent_index_close(x);
	random_release();
}

static int row_unreadable(void *arg, const uint8_t pid[PID_BYTES], struct text *row)
{
	int *left = arg;

	return --*left < 0 ? ERR_IO : row_of(NULL, pid, row);
}

/* A turn half made of rows would say of the others what they said the day before. */
static void a_turn_whose_rows_cannot_be_read(void **state)
{
	struct talent_index *x = talent_index_open(rules, TODAY);
	int left = 10;

	(void)state;
	random_hold(5);
	index_fill(x);
	assert_int_equal(talent_index_turn(x, TODAY + 2, row_unreadable, &left), ERR_IO);
	right(x, TODAY);
	assert_int_equal(talent_index_turn(x, TODAY + 2, row_of, NULL), 0);
	right(x, TODAY + 2);
	talent_index_close(x);
	random_release();
}

/* The page and the total do not depend on the facets' memory, and the facets say that they fail. */
static void facets_without_memory(void **state)
{
	struct talent_index *x = talent_index_open(rules, TODAY);
	struct talent_query q = { .outside = true };
	uint64_t total = 0;

	(void)state;
	random_hold(6);
	index_fill(x);
	for (unsigned n = 0;; n++) {
		struct talent_facets *facets = calloc(1, sizeof(*facets));
		struct talent_found found;
		bool incomplete;

		memory_fails_after(n);
		assert_int_equal(talent_index_find(x, &q, NULL, NULL, 0, &found, facets), 0);
		talent_facets_end(facets);
		memory_is_back();
		assert_true(n == 0 || found.total == total);
		assert_int_equal(facets->failed, memory_failed);
		total = found.total;
		incomplete = facets->failed;
		talent_facets_deinit(facets);
		free(facets);
		if (!incomplete)
			break;
	}
	talent_index_close(x);
	random_release();
}

static void an_index_without_memory(void **state)
{
	struct talent_index *x = NULL;
	unsigned times = 0;

	(void)state;
	for (unsigned n = 0; !x; n++, times++) {
		memory_fails_after(n);
		x = talent_index_open(rules, TODAY);
		memory_is_back();
	}
	assert_int_equal(times, 3);
	talent_index_close(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_without_memory),
		cmocka_unit_test(a_turn_without_memory),
		cmocka_unit_test(a_turn_whose_rows_cannot_be_read),
		cmocka_unit_test(facets_without_memory),
		cmocka_unit_test(an_index_without_memory),
	};
	struct errmsg m = { "" };
	int bad;

	if (registers_init() || hash_init())
		return 1;
	rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	if (!rules)
		return 1;
	bad = cmocka_run_group_tests(tests, NULL, NULL);
	talent_rules_close(rules);
	return bad;
}
