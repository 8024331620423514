/* The index against the rows that it is made of: random talents come, change and go, days pass and
 * go back; every search finds what a walk over all rows finds, page by page. And rows against the
 * records they are made of: in any order, also twice. */
#include "tests/unit/talent_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/talent/talent_index.h"

#define PEOPLE 6000

struct person {
	uint8_t pid[PID_BYTES];
	char row[64 * TALENT_ITEM_BYTES];
	size_t n; /* 0: not there */
};

static struct person people[PEOPLE];
static struct talent_rules *rules;

static unsigned any(unsigned n)
{
	return (unsigned)random_below(n);
}

static const char *one_of(const char *const *list, unsigned n)
{
	return list[any(n)];
}

static void any_words(char out[256], const char **reg)
{
	static const char *const levels[] = { "5", "4", "3", "2", "1", "T", "S" };
	static const char *const occs[] = { "6-18-01-01", "6-18-01-02", "6-18-02-01", "6-20-01-01",
		"4-03-01-01", "1-01-01-01" };
	static const char *const titles[] = { "grand", "expert", "chief", "model", "district" };
	static const char *const status[] = { "employed", "unemployed", "retired" };
	static const char *const industries[] = { "A", "C", "T" };
	unsigned day = 20100101 + any(15) * 10000 + any(12) * 100 + any(28),
		 later = day + (1 + any(8)) * 10000;

	switch (any(5)) {
	case 0:
	case 1:
		*reg = "certificate";
		snprintf(out, 256, "kind=qualification level=%s occupation=%s issued_on=%u",
			one_of(levels, 7), one_of(occs, 6), day);
		if (any(2))
			snprintf(out + strlen(out), 64, " valid_until=%u", later);
		break;
	case 2:
		*reg = "honour";
		snprintf(out, 256, "title=%s granted_on=%u", one_of(titles, 5), day);
		if (any(3) == 0)
			snprintf(out + strlen(out), 64, " revoked_on=%u", later);
		break;
	case 3:
		*reg = "person";
		snprintf(out, 256, "status=%s industry=%s as_of=%u", one_of(status, 3),
			one_of(industries, 3), day);
		break;
	default:
		*reg = "training";
		snprintf(out, 256, "programme=%u area=lingang enrolled_on=%u", 1 + any(10), day);
		break;
	}
}

/* A person's records in two orders, once with one of them twice: the same row. */
static void person_make(struct person *p)
{
	static const uint8_t tag[NAME_TAG_BYTES] = { 1 };
	struct identity who = { .birth_year = any(9) ? 1903 + (int)any(7) : 0,
		.sex = any(2) ? SEX_FEMALE : SEX_MALE,
		.present = true };
	struct record records[8];
	uint32_t from[8];
	struct buf row = { 0 }, again = { 0 };
	unsigned n = 1 + any(7);
	char words[8][256];
	struct arena a;

	arena_init(&a, 1 << 20);
	for (unsigned i = 0; i < n; i++) {
		const char *reg;

		any_words(words[i], &reg);
		records[i] = record_of_person(&a, reg, words[i], p->pid);
		record_set_person(&records[i], 0, &who, p->pid, tag);
		/* Most in a few districts. */
		from[i] = 310101 + any(4) * any(4) * any(9);
	}
	for (unsigned i = 0; i < n; i++)
		talent_row_add(&row, rules, &(struct talent_record){ &records[i], from[i] });
	talent_row_end(&row);
	for (unsigned i = n; i-- > 0;)
		for (unsigned k = 0; k < 1 + (i == 0); k++)
			talent_row_add(
				&again, rules, &(struct talent_record){ &records[i], from[i] });
	talent_row_end(&again);
	assert_false(row.failed || again.failed);
	assert_int_equal(row.n, again.n);
	assert_memory_equal(row.p, again.p, row.n);
	assert_true(row.n <= sizeof(p->row));
	memcpy(p->row, row.p, row.n);
	p->n = row.n;
	buf_deinit(&row);
	buf_deinit(&again);
	arena_deinit(&a);
}

static struct talent_query any_query(void)
{
	static const char *const prefixes[] = { "6", "6-1", "6-18", "6-18-01", "6-18-01-0",
		"6-18-01-02", "9-99" };
	struct talent_query q = { 0 };

	if (any(2))
		q.level_min = (uint8_t)(1 + any(any(20) ? 8 : 30));
	if (any(3) == 0)
		assert_true(
			talent_occupation(text_of(one_of(prefixes, 7)), &q.occ_least, &q.occ_most));
	if (any(12) == 0) { /* bounds that are no beginning of a code */
		q.occ_least = 6180101 + any(3) * any(2000);
		q.occ_most = q.occ_least + any(3) * any(20000);
	}
	if (any(4) == 0)
		q.honours = 1u << any(14);
	if (any(6) == 0)
		q.programmes = 1u << any(10) | 1u << any(32);
	if (any(6) == 0)
		q.areas = 1u << any(any(10) ? 7 : 32);
	if (any(4) == 0)
		q.district = 310101 + any(4) * any(4) * any(9);
	if (any(5) == 0)
		q.status = (uint8_t)(1 + any(any(10) ? 4 : 60));
	if (any(5) == 0)
		q.industry = (uint8_t)(1 + any(any(10) ? 20 : 60));
	if (any(5) == 0)
		q.sex = (uint8_t)(1 + any(any(10) ? 2 : 7));
	if (any(8) == 0)
		q.chains = 1u << any(5);
	if (any(5) == 0)
		q.born_from = any(10) ? 1900 + (int)any(12) : (int)any(200000) - 1000;
	if (any(5) == 0)
		q.born_to = any(10) ? 1900 + (int)any(12) : (int)any(200000);
	q.outside = any(4) == 0;
	return q;
}

static int by_pid(const void *a, const void *b)
{
	return memcmp(a, b, PID_BYTES);
}

static int by_code(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(uint32_t));
}

/* Counted by planes, and row by row. */
static void facets_equal(struct talent_facets *a, struct talent_facets *b)
{
	assert_false(a->failed || b->failed);
	assert_memory_equal(a->levels, b->levels, sizeof(a->levels));
	assert_memory_equal(a->status, b->status, sizeof(a->status));
	assert_memory_equal(a->industries, b->industries, sizeof(a->industries));
	assert_memory_equal(a->honours, b->honours, sizeof(a->honours));
	assert_memory_equal(a->programmes, b->programmes, sizeof(a->programmes));
	assert_memory_equal(a->areas, b->areas, sizeof(a->areas));
	assert_memory_equal(a->ages, b->ages, sizeof(a->ages));
	assert_int_equal(a->n_districts, b->n_districts);
	qsort(a->districts, a->n_districts, sizeof(*a->districts), by_code);
	qsort(b->districts, b->n_districts, sizeof(*b->districts), by_code);
	for (size_t i = 0; i < a->n_districts; i++)
		assert_true(a->districts[i].code == b->districts[i].code &&
			    a->districts[i].n == b->districts[i].n);
	assert_int_equal(a->n_occs, b->n_occs);
	for (size_t i = 0; i < a->n_occs; i++) {
		assert_true(i == 0 || a->occs[i - 1].digits < a->occs[i].digits);
		assert_true(a->occs[i].digits == b->occs[i].digits && a->occs[i].n == b->occs[i].n);
	}
}

/* Asked again and again, while people come and go. */
static struct talent_query asked[6];

static void search_equals_walk(struct talent_index *x, int day, struct talent_query q)
{
	static struct talent_hit hits[PEOPLE];
	struct talent_found found;
	struct talent_facets *facets = calloc(1, sizeof(*facets)), *slow = calloc(1, sizeof(*slow));
	uint8_t after[PID_BYTES];
	size_t limit = 1 + any(40), n = 0;
	uint64_t total = 0, level[16] = { 0 }, honour[32] = { 0 };
	bool first = true;

	assert_int_equal(talent_index_find(x, &q, NULL, hits, limit, &found, facets), 0);
	assert_int_equal(found.day, day);
	for (size_t i = 0; i < PEOPLE; i++) {
		struct talent_state s;

		if (!people[i].n)
			continue;
		assert_true(talent_state_at(
			&s, rules, (struct text){ people[i].row, people[i].n }, day));
		if (!talent_query_takes(&q, &s))
			continue;
		total++;
		talent_facets_add(slow, &q, &s, day / 10000);
		level[s.level]++;
		for (unsigned k = 0; k < 32; k++)
			honour[k] += s.honours >> k & 1;
		if (n == found.n) { /* the next page */
			assert_true(first || found.more);
			if (!first || n)
				assert_int_equal(
					talent_index_find(x, &q, after, hits, limit, &found, NULL),
					0);
			first = false;
			n = 0;
			assert_true(found.n > 0);
		}
		assert_memory_equal(hits[n].pid, people[i].pid, PID_BYTES);
		s.changes = hits[n].state.changes;
		s.clause = hits[n].state.clause;
		assert_int_equal(s.n_occs, hits[n].state.n_occs);
		assert_memory_equal(s.occs, hits[n].state.occs, s.n_occs * sizeof(*s.occs));
		assert_int_equal(s.district, hits[n].state.district);
		assert_int_equal(s.level, hits[n].state.level);
		assert_int_equal(s.birth_year, hits[n].state.birth_year);
		assert_true(s.honours == hits[n].state.honours && s.areas == hits[n].state.areas);
		assert_true(s.programmes == hits[n].state.programmes);
		assert_true(s.status == hits[n].state.status && s.in == hits[n].state.in);
		assert_true(s.sex == hits[n].state.sex && s.chains == hits[n].state.chains);
		assert_int_equal(s.industry, hits[n].state.industry);
		memcpy(after, hits[n++].pid, PID_BYTES);
	}
	assert_int_equal(found.total, total);
	assert_false(found.more);
	assert_int_equal(n, found.n);
	/* Again, and where it is one page. */
	assert_int_equal(talent_index_find(x, &q, NULL, hits, 1, &found, NULL), 0);
	assert_int_equal(found.total, total);
	assert_memory_equal(level, facets->levels, sizeof(level));
	assert_memory_equal(honour, facets->honours, sizeof(honour));
	talent_facets_end(facets);
	talent_facets_end(slow);
	facets_equal(facets, slow);
	talent_facets_deinit(facets);
	talent_facets_deinit(slow);
	free(facets);
	free(slow);
}

static struct person *person_of(const uint8_t pid[PID_BYTES])
{
	return bsearch(pid, people, PEOPLE, sizeof(*people), by_pid);
}

static int row_of(void *arg, const uint8_t pid[PID_BYTES], struct text *row)
{
	struct person *p = person_of(pid);

	(void)arg;
	assert_non_null(p);
	*row = (struct text){ p->row, p->n };
	return p->n > 0 ? 0 : ERR_NOTFOUND;
}

/* `arg`: the place of the next. */
static int row_next(void *arg, uint8_t pid[PID_BYTES], struct text *row)
{
	size_t *at = arg;

	while (*at < PEOPLE && !people[*at].n)
		++*at;
	if (*at == PEOPLE)
		return ERR_NOTFOUND;
	memcpy(pid, people[*at].pid, PID_BYTES);
	*row = (struct text){ people[*at].row, people[*at].n };
	++*at;
	return 0;
}

/* What the people are now, at once or one by one. */
static void some_change(struct talent_index *x, unsigned one_in_goes)
{
	struct talent_change changes[900];
	size_t n = any(900);
	bool at_once = any(2);

	for (size_t i = 0; i < n; i++) {
		struct person *p = &people[any(PEOPLE)];

		p->n = 0;
		if (any(10) >= one_in_goes)
			person_make(p);
		memcpy(changes[i].pid, p->pid, PID_BYTES);
		changes[i].row = (struct text){ p->row, p->n };
		if (!at_once)
			assert_true(talent_index_put(x, &changes[i], 1));
	}
	/* Some people stand in it twice; then both have the last row. */
	for (size_t i = 0; i < n && at_once; i++)
		changes[i].row.n = person_of(changes[i].pid)->n;
	if (at_once)
		assert_true(talent_index_put(x, changes, n));
}

/* It answers nobody until it is made anew; what changes meanwhile is among the rows. */
static void lost_and_made_anew(struct talent_index *x, int day)
{
	struct talent_query q = { 0 };
	struct talent_found found;
	size_t at = 0;

	talent_index_lose(x);
	assert_true(talent_index_lost(x));
	some_change(x, 2);
	assert_int_equal(talent_index_find(x, &q, NULL, NULL, 0, &found, NULL), ERR_NOMEM);
	assert_int_equal(talent_index_day(x), 0);
	assert_int_equal(talent_index_load(x, day, row_next, &at), 0);
	assert_false(talent_index_lost(x));
}

static void searches_find_what_a_walk_finds(void **state)
{
	unsigned seeds =
		getenv("TALLY_UNIT_SEEDS") ? (unsigned)atoi(getenv("TALLY_UNIT_SEEDS")) : 3;

	(void)state;
	for (unsigned seed = 1; seed <= seeds; seed++) {
		struct talent_index *x;
		int day = 20200101;

		random_hold(seed);
		for (size_t i = 0; i < PEOPLE; i++) {
			people[i].n = 0;
			for (unsigned k = 0; k < PID_BYTES; k++)
				people[i].pid[k] = (uint8_t)any(k ? 256 : 4);
		}
		qsort(people, PEOPLE, sizeof(*people), by_pid);
		for (size_t i = 0; i < 6; i++)
			asked[i] = any_query();
		x = talent_index_open(rules, day);
		for (unsigned round = 0; round < 30; round++) {
			struct talent_index_stats st;
			size_t there = 0;

			/* At times most of them go. */
			some_change(x, round % 10 == 9 ? 9 : 2);
			if (any(8) == 0)
				lost_and_made_anew(x, day);
			if (any(3) == 0) {
				day = 20120101 + (int)any(16) * 10000 + (int)any(12) * 100;
				assert_int_equal(talent_index_turn(x, day, row_of, NULL), 0);
			}
			assert_int_equal(talent_index_day(x), day);
			for (unsigned k = 0; k < 10; k++)
				search_equals_walk(x, day, any(2) ? any_query() : asked[any(6)]);
			for (size_t i = 0; i < PEOPLE; i++)
				there += people[i].n > 0;
			talent_index_stats(x, &st);
			assert_int_equal(st.talents, there);
		}
		talent_index_close(x);
		random_release();
	}
}

/* A question of those that say much of who is alike: without most of the conditions. */
static struct talent_query wide_query(void)
{
	struct talent_query q = any_query(), wide = { .outside = any(4) > 0 };

	switch (any(9)) {
	case 0:
		wide.level_min = (uint8_t)(1 + any(8));
		break;
	case 1:
		wide.honours = q.honours;
		break;
	case 2:
		wide.born_from = 1900 + (int)any(12);
		break;
	case 3:
		wide.born_to = 1900 + (int)any(12);
		break;
	case 4:
		wide.programmes = 1u << any(10) | 1u << any(10);
		wide.areas = 1u << any(7);
		break;
	case 5:
		wide.sex = (uint8_t)(1 + any(2));
		wide.status = (uint8_t)any(4);
		break;
	case 6:
		wide.district = q.district;
		break;
	case 7:
		wide.occ_least = q.occ_least;
		wide.occ_most = q.occ_most;
		wide.level_min = q.level_min;
		break;
	default:
		break;
	}
	return wide;
}

/* Those of whom the first byte is the same are alike; most of them come and go together. */
static void group_changes(struct talent_index *x, unsigned group, struct person *like)
{
	static struct talent_change changes[PEOPLE];
	unsigned how = any(4);
	size_t n = 0;

	if (how == 0)
		person_make(like);
	for (size_t i = 0; i < PEOPLE; i++) {
		struct person *p = &people[i];
		bool one = any(700) == 0;

		if (p->pid[0] != group || (how > 1 && !one))
			continue;
		if (how == 1 || (one && any(2))) {
			p->n = 0;
		} else if (one && any(2)) {
			person_make(p);
		} else {
			memcpy(p->row, like->row, sizeof(p->row));
			p->n = like->n;
		}
		memcpy(changes[n].pid, p->pid, PID_BYTES);
		changes[n++].row = (struct text){ p->row, p->n };
	}
	assert_true(talent_index_put(x, changes, n));
}

static void people_who_are_alike(void **state)
{
	struct talent_index *x = talent_index_open(rules, 20200101);
	struct person like[4];

	(void)state;
	random_hold(23);
	for (size_t i = 0; i < PEOPLE; i++) {
		people[i].n = 0;
		for (unsigned k = 0; k < PID_BYTES; k++)
			people[i].pid[k] = (uint8_t)any(k ? 256 : 4);
	}
	qsort(people, PEOPLE, sizeof(*people), by_pid);
	for (unsigned i = 0; i < 4; i++) {
		memset(like[i].pid, (int)i, PID_BYTES);
		person_make(&like[i]);
	}
	for (unsigned round = 0; round < 120; round++) {
		unsigned group = any(4);

		group_changes(x, group, &like[group]);
		for (unsigned k = 0; k < 6; k++) {
			asked[k] = any(3) ? asked[k] : wide_query();
			search_equals_walk(x, 20200101, asked[k]);
		}
	}
	talent_index_close(x);
	random_release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(searches_find_what_a_walk_finds),
		cmocka_unit_test(people_who_are_alike),
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
