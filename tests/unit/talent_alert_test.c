/* Alerts on random persons against a slow count, pair by pair; the claim alone is looked at as the
 * whole person is, less what does not concern it; and what a person of thousands of records costs.
 */
#include "tests/unit/talent_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/talent/talent_alert.h"

#include <time.h>

#define RECORDS 14
#define KINDS_SEEN 4 /* of alerts on claims */

static struct talent_rules *rules;

static const char *one_of(const char *const *list, size_t n)
{
	return list[random_below(n)];
}
#define ONE_OF(...) \
	one_of((const char *const[]){ __VA_ARGS__ }, \
		sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static struct record claim_random(struct arena *a)
{
	char words[400];
	int n = snprintf(words, sizeof words, "purpose=%s payee_kind=%s status=%s claimed_on=%s",
		ONE_OF("training", "certificate", "renewal"), ONE_OF("person", "person", "unit"),
		ONE_OF("claimed", "approved", "paid", "refused"),
		ONE_OF("2020-03-01", "2020-05-01", "2020-05-02"));

	if (random_below(5))
		n += snprintf(words + n, sizeof words - (size_t)n, " occupation=%s",
			ONE_OF("6-18-01-01", "6-20-01-01"));
	if (random_below(5))
		n += snprintf(
			words + n, sizeof words - (size_t)n, " level=%s", ONE_OF("5", "4", "3"));
	if (random_below(3) == 0)
		n += snprintf(words + n, sizeof words - (size_t)n, " enrolment_no=%s",
			ONE_OF("E1", "E2"));
	if (random_below(3) == 0)
		n += snprintf(words + n, sizeof words - (size_t)n, " payee=%s", ONE_OF("x", "y"));
	if (random_below(4) == 0)
		snprintf(words + n, sizeof words - (size_t)n, " certificate_no=%s",
			ONE_OF("N1", "N2"));
	/* The fixture keeps pointers into the words. */
	return record_of(a, "subsidy", arena_copy(a, text_of(words)).p);
}

static struct record training_random(struct arena *a)
{
	char words[200];

	snprintf(words, sizeof words, "result=%s enrolled_on=%s ended_on=%s hours_offline=%s",
		ONE_OF("completed", "completed", "withdrawn"),
		ONE_OF("2020-03-01", "2020-03-02", "2020-03-04"),
		ONE_OF("2020-03-01", "2020-03-02", "2020-03-04", "2020-03-08"),
		ONE_OF("4", "12", "40"));
	return record_of(a, "training", arena_copy(a, text_of(words)).p);
}

static struct record other_random(struct arena *a)
{
	if (random_below(2))
		return training_random(a);
	char words[400];
	int n = snprintf(words, sizeof words,
		"number=%s kind=level_social source=assessment occupation=%s level=%s "
		"issued_on=2019-05-01",
		ONE_OF("N1", "N2", "N3"), ONE_OF("6-18-01-01", "6-20-01-01"),
		ONE_OF("5", "4", "3"));

	if (random_below(2))
		snprintf(words + n, sizeof words - (size_t)n, " revoked_on=%s",
			ONE_OF("2020-02-01", "2020-05-01", "2020-05-03"));
	return record_of(a, "certificate", arena_copy(a, text_of(words)).p);
}

struct heard {
	size_t n;
	struct {
		const struct talent_alert *rule;
		size_t i, k;
	} at[4096];
};

static bool hear(void *arg, const struct talent_alert *rule, size_t i, size_t k)
{
	struct heard *h = arg;

	assert_true(h->n < sizeof h->at / sizeof h->at[0]);
	h->at[h->n].rule = rule;
	h->at[h->n].i = i;
	h->at[h->n++].k = k;
	return true;
}

static bool heard(const struct heard *h, const struct talent_alert *rule, size_t i, size_t k)
{
	for (size_t x = 0; x < h->n; x++)
		if (h->at[x].rule == rule && h->at[x].i == i && h->at[x].k == k)
			return true;
	return false;
}

static struct text says(const struct record *r, const char *field)
{
	return record_value(r, &r->reg->fields[register_field(r->reg, text_of(field))]).text;
}

static int64_t day(const struct record *r, const char *field)
{
	struct value v = record_value(r, &r->reg->fields[register_field(r->reg, text_of(field))]);

	return v.present ? v.number : 0;
}

/* A06 as it is written down, for one pair. */
static bool counts_revoked(const struct record *records, size_t n, size_t i, size_t k)
{
	const struct record *c = &records[i], *z = &records[k];
	bool claim = strcmp(c->reg->name, "subsidy") == 0 &&
		     !text_eq(says(c, "status"), TEXT("refused"));

	if (!claim || strcmp(z->reg->name, "certificate") != 0 || !day(z, "revoked_on"))
		return false;
	if (says(c, "certificate_no").n)
		return text_eq(says(c, "certificate_no"), says(z, "number"));
	if (!says(c, "occupation").n || !says(c, "level").n ||
		!text_eq(says(c, "occupation"), says(z, "occupation")) ||
		!text_eq(says(c, "level"), says(z, "level")) ||
		day(z, "revoked_on") > day(c, "claimed_on"))
		return false;
	for (size_t o = 0; o < n; o++)
		if (strcmp(records[o].reg->name, "certificate") == 0 &&
			!day(&records[o], "revoked_on") &&
			text_eq(says(&records[o], "occupation"), says(z, "occupation")) &&
			text_eq(says(&records[o], "level"), says(z, "level")))
			return false;
	return true;
}

static bool says_one(const struct record *r, const char *field, const char *a, const char *b)
{
	return text_eq(says(r, field), text_of(a)) || text_eq(says(r, field), text_of(b));
}

static bool alike(const struct record *x, const struct record *y, const char *field)
{
	return text_eq(says(x, field), says(y, field));
}

static int rank(const struct record *r)
{
	return level_rank(says(r, "level"));
}

/* A training of A04: not withdrawn, four hours a day. */
static bool full_time(const struct record *r)
{
	int64_t first = day(r, "enrolled_on"), last = day(r, "ended_on");

	if (strcmp(r->reg->name, "training") != 0 || text_eq(says(r, "result"), TEXT("withdrawn")))
		return false;
	return last >= first &&
	       day(r, "hours_offline") >= 40 * (days_of_date(last) - days_of_date(first) + 1);
}

/* A02 to A05 as they are written down, for x and a later y (or of the same day, standing later). */
static bool pair_speaks(
	enum talent_alert_kind kind, const struct talent_record *a, const struct talent_record *b)
{
	const struct record *x = a->record, *y = b->record;
	bool claims = strcmp(x->reg->name, "subsidy") == 0 && x->reg == y->reg;
	bool counted = claims;

	if (kind == ALERT_OVERLAP)
		return full_time(x) && full_time(y) && a->origin != b->origin &&
		       day(y, "enrolled_on") <= day(x, "ended_on");
	if (!claims || !alike(x, y, "purpose"))
		return false;
	if (kind == ALERT_PAYEES)
		return !says_one(x, "status", "refused", "") &&
		       !says_one(y, "status", "refused", "") && says(x, "enrolment_no").n &&
		       alike(x, y, "enrolment_no") &&
		       !(alike(x, y, "payee") && alike(x, y, "payee_kind"));
	for (int i = 0; i < 2; i++) {
		const struct record *r = i ? y : x;
		counted = counted && says_one(r, "status", "approved", "paid") &&
			  says_one(r, "purpose", "training", "certificate") &&
			  says(r, "occupation").n && says(r, "level").n;
	}
	if (!counted || !alike(x, y, "occupation"))
		return false;
	if (kind == ALERT_PAID_AGAIN)
		return rank(x) == rank(y);
	return rank(y) < rank(x) ||
	       (rank(y) > rank(x) && day(x, "claimed_on") == day(y, "claimed_on"));
}

/* What the slow count finds of one rule; each must have been heard. */
static size_t slow_count(const struct talent_alert *r, const struct talent_record *facts,
	const struct record *records, size_t n, const struct heard *h)
{
	const char *by = r->kind == ALERT_OVERLAP ? "enrolled_on" : "claimed_on";
	size_t told = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < n; k++) {
			bool it = false;
			if (r->kind == ALERT_REVOKED)
				it = counts_revoked(records, n, i, k);
			else if (i != k && records[i].reg == records[k].reg &&
				 records[i].reg == r->reg && r->kind != ALERT_CERTIFICATE &&
				 (day(&records[i], by) < day(&records[k], by) ||
					 (day(&records[i], by) == day(&records[k], by) && i < k)))
				it = pair_speaks(r->kind, &facts[i], &facts[k]);
			assert_int_equal(heard(h, r, i, k), it);
			told += it;
		}
	}
	return told;
}

static void test_random_persons(void **state)
{
	static struct heard all, last;
	unsigned seen = 0, seen_all = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct record records[RECORDS];
		struct talent_record facts[RECORDS];
		size_t n = 1 + random_below(RECORDS), concern = 0, told = 0;
		struct arena a;

		arena_init(&a, 1 << 20);
		for (size_t i = 0; i < n; i++) {
			records[i] =
				i + 1 == n || random_below(2) ? claim_random(&a) : other_random(&a);
			facts[i] = (struct talent_record){ &records[i],
				310101 + (uint32_t)random_below(3) };
		}
		all.n = last.n = 0;
		assert_int_equal(talent_alerts_person(rules, facts, n, hear, &all), 0);
		assert_int_equal(talent_alerts_claim(rules, facts, n, hear, &last), 0);
		for (size_t x = 0; x < all.n; x++) {
			bool it = all.at[x].i == n - 1 || all.at[x].k == n - 1;
			assert_true(!it || heard(&last, all.at[x].rule, all.at[x].i, all.at[x].k));
			concern += it;
			seen_all |= 1u << all.at[x].rule->kind;
			seen |= it ? 1u << all.at[x].rule->kind : 0;
		}
		assert_int_equal(concern, last.n);
		for (const struct talent_alert *r = rules->alerts; r; r = r->next)
			if (r->kind != ALERT_AGE && r->reg)
				told += slow_count(r, facts, records, n, &all);
		/* Nothing twice. */
		assert_int_equal(told, all.n);
		arena_deinit(&a);
	}
	assert_int_equal(__builtin_popcount(seen), KINDS_SEEN);
	assert_int_equal(__builtin_popcount(seen_all), KINDS_SEEN + 1);
}

/* ---- a person of thousands of records ---- */

#define MANY 4000

struct crowd {
	struct arena arena;
	struct record records[MANY];
	struct talent_record facts[MANY];
};

static int date_at(size_t i)
{
	return date_of_days(days_of_date(20000101) + (int)i);
}

enum shape { ONE_PAYEE, PAID_ONCE, ONE_DISTRICT, REVOKED, ALL_SPEAK, SHAPES = ALL_SPEAK };

static const char *const shapes[SHAPES] = { "claims to one payee", "claims of every trade",
	"full-time trainings of one district", "claims and revoked certificates" };

/* Records that a rule has to look at, and does not speak of; ALL_SPEAK: every pair does. */
static struct record one_of_many(struct arena *a, enum shape shape, size_t i)
{
	static const char levels[] = "5432";
	const char *reg = "subsidy";
	char w[300];

	switch (shape) {
	case ONE_PAYEE:
		snprintf(w, sizeof w,
			"purpose=certificate payee_kind=person status=claimed claimed_on=%d "
			"enrolment_no=E1 payee=x",
			date_at(i));
		break;
	case PAID_ONCE: /* later ones are higher */
		snprintf(w, sizeof w,
			"purpose=training payee_kind=person status=paid claimed_on=%d "
			"occupation=6-%02zu-%02zu-01 level=%c enrolment_no=E%zu",
			date_at(i), 1 + i / 4 / 99, 1 + i / 4 % 99, levels[i % 4], i);
		break;
	case ONE_DISTRICT:
		reg = "training";
		snprintf(w, sizeof w, "enrolled_on=%d ended_on=%d hours_offline=9000", date_at(i),
			date_at(i + 300));
		break;
	case REVOKED:
		reg = i % 2 ? "certificate" : reg;
		if (i % 2)
			snprintf(w, sizeof w,
				"number=N%zu kind=level_social occupation=6-18-01-01 level=3 "
				"issued_on=2019-05-01 revoked_on=%d",
				i, date_at(10000 + i));
		else
			snprintf(w, sizeof w,
				"purpose=renewal payee_kind=person status=claimed claimed_on=%d "
				"occupation=6-18-01-01 level=3",
				date_at(i));
		break;
	default:
		snprintf(w, sizeof w,
			"purpose=training payee_kind=person status=paid claimed_on=2020-03-01 "
			"occupation=6-20-01-01 level=4");
	}
	return record_of(a, reg, arena_copy(a, text_of(w)).p);
}

static struct crowd *crowd_new(enum shape shape)
{
	struct crowd *c = calloc(1, sizeof *c);

	assert_non_null(c);
	arena_init(&c->arena, 64u << 20);
	for (size_t i = 0; i < MANY; i++) {
		c->records[i] = one_of_many(&c->arena, shape, i);
		c->facts[i] = (struct talent_record){ &c->records[i], 310101 };
	}
	return c;
}

static void crowd_free(struct crowd *c)
{
	arena_deinit(&c->arena);
	free(c);
}

static uint64_t worked_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

typedef int (*look_fn)(const struct talent_rules *t, const struct talent_record *records, size_t n,
	talent_alert_found found, void *arg);

/* The processor's time for the last n records of the crowd: the least of some tries. */
static uint64_t cost_us(look_fn look, const struct crowd *c, size_t n)
{
	static struct heard none;
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 7; i++) {
		uint64_t began = worked_us(), took;

		none.n = 0;
		assert_int_equal(look(rules, c->facts + (MANY - n), n, hear, &none), 0);
		assert_int_equal(none.n, 0);
		took = worked_us() - began;
		least = took < least ? took : least;
	}
	return least;
}

/* Sixteen times the records: by their pairs 256 times the work, sorted some 27 times. */
static void many_records_cost(look_fn look, enum shape shape, const char *what)
{
	struct crowd *c = crowd_new(shape);
	uint64_t few, many;

	if (look == talent_alerts_claim)
		c->records[MANY - 1] = record_of(&c->arena, "subsidy",
			"purpose=certificate payee_kind=person status=approved "
			"claimed_on=2020-03-01 "
			"occupation=6-20-01-01 level=3");
	few = cost_us(look, c, MANY / 16);
	many = cost_us(look, c, MANY);
	printf("%s of %d and %d records, %s: %llu and %llu us\n", what, MANY / 16, MANY,
		shapes[shape], (unsigned long long)few, (unsigned long long)many);
	assert_true(many < 60 * (few + 1));
	crowd_free(c);
}

static void test_many_records(void **state)
{
	(void)state;
	for (enum shape shape = 0; shape < SHAPES; shape++) {
		many_records_cost(talent_alerts_person, shape, "a person");
		many_records_cost(talent_alerts_claim, shape, "a claim beside a person");
	}
}

struct enough {
	size_t heard, most;
};

static bool hear_some(void *arg, const struct talent_alert *rule, size_t i, size_t k)
{
	struct enough *e = arg;

	(void)rule;
	(void)i;
	(void)k;
	assert_true(e->heard < e->most);
	return ++e->heard < e->most;
}

/* Eight million alerts stand in this person: who has heard enough is told no more. */
static void test_enough_is_enough(void **state)
{
	struct crowd *c = crowd_new(ALL_SPEAK);
	struct enough e = { 0, 1000 };

	(void)state;
	assert_int_equal(talent_alerts_person(rules, c->facts, MANY, hear_some, &e), 0);
	assert_int_equal(e.heard, 1000);
	crowd_free(c);
}

static int setup(void **state)
{
	struct errmsg m = { "" };

	(void)state;
	if (registers_init() || hash_init())
		return -1;
	rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	return rules ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	talent_rules_close(rules);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_persons),
		cmocka_unit_test(test_many_records),
		cmocka_unit_test(test_enough_is_enough),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
