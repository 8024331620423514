/* Alerts on random persons: the claim alone is looked at as the whole person is, less what does not
 * concern it; and revoked certificates against a slow count, pair by pair. */
#include "tests/unit/talent_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/talent/talent_alert.h"

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
	int n = snprintf(words, sizeof words,
		"purpose=%s payee_kind=person status=%s claimed_on=%s",
		ONE_OF("training", "certificate", "renewal"),
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

static struct record other_random(struct arena *a)
{
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

static void hear(void *arg, const struct talent_alert *rule, size_t i, size_t k)
{
	struct heard *h = arg;

	assert_true(h->n < sizeof h->at / sizeof h->at[0]);
	h->at[h->n].rule = rule;
	h->at[h->n].i = i;
	h->at[h->n++].k = k;
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

static void test_random_persons(void **state)
{
	static struct heard all, last;
	unsigned seen = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		struct record records[RECORDS];
		struct talent_record facts[RECORDS];
		size_t n = 1 + random_below(RECORDS), concern = 0;
		struct arena a;

		arena_init(&a, 1 << 20);
		for (size_t i = 0; i < n; i++) {
			records[i] =
				i + 1 == n || random_below(2) ? claim_random(&a) : other_random(&a);
			facts[i] = (struct talent_record){ &records[i],
				310101 + (uint32_t)random_below(3) };
		}
		all.n = last.n = 0;
		talent_alerts_person(rules, facts, n, hear, &all);
		talent_alerts_claim(rules, facts, n, hear, &last);
		for (size_t x = 0; x < all.n; x++) {
			bool it = all.at[x].i == n - 1 || all.at[x].k == n - 1;
			assert_true(!it || heard(&last, all.at[x].rule, all.at[x].i, all.at[x].k));
			concern += it;
			seen |= it ? 1u << all.at[x].rule->kind : 0;
		}
		assert_int_equal(concern, last.n);
		for (const struct talent_alert *r = rules->alerts; r; r = r->next)
			for (size_t i = 0; r->kind == ALERT_REVOKED && i < n; i++)
				for (size_t k = 0; k < n; k++)
					assert_int_equal(heard(&all, r, i, k),
						counts_revoked(records, n, i, k));
		arena_deinit(&a);
	}
	assert_int_equal(__builtin_popcount(seen), KINDS_SEEN);
}

/* Nobody's many records make the question dear. */
static void test_many_records(void **state)
{
	enum { MANY = 20000 };
	static struct record records[MANY];
	static struct talent_record facts[MANY];
	static struct heard none;
	struct arena a;

	(void)state;
	arena_init(&a, 64u << 20);
	for (size_t i = 0; i < MANY; i++) {
		records[i] = i % 2 ? record_of(&a, "subsidy",
					     "purpose=certificate payee_kind=person status=paid "
					     "claimed_on=2020-03-01 occupation=6-20-01-01 level=4")
				   : record_of(&a, "certificate",
					     "number=N9 kind=level_social occupation=6-18-01-01 "
					     "level=3 issued_on=2019-05-01 revoked_on=2019-06-01");
		facts[i] = (struct talent_record){ &records[i], 310101 };
	}
	records[0] = record_of(&a, "certificate",
		"number=N8 kind=level_social occupation=6-18-01-01 level=3 issued_on=2019-05-01");
	records[MANY - 1] = record_of(&a, "subsidy",
		"purpose=certificate payee_kind=person status=approved claimed_on=2020-03-01 "
		"occupation=6-18-01-01 level=3");
	uint64_t began = clock_mono_us();
	talent_alerts_claim(rules, facts, MANY, hear, &none);
	uint64_t took = clock_mono_us() - began;
	printf("a claim beside %d records: %llu us\n", MANY, (unsigned long long)took);
	assert_int_equal(none.n, 0);
	assert_true(took < 2000000); /* pair by pair it would be minutes */
	arena_deinit(&a);
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
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
