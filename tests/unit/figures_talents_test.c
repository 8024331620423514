/* Talents and marks as the fold keeps them: random histories of every register that a rule looks
 * at, folded as they come, at once, and ledger by ledger backwards: equal; the rows and marks are
 * those that a plain list of records gives; and nobody of whom an alert speaks is without a mark.
 */
#include "tests/unit/figures_survey_fixture.h"

#include "daemon/fold/talents.h"
#include "daemon/talent/talent_alert.h"

enum { CERTIFICATES, HONOURS, CONTESTS, TRAININGS, SUBSIDIES, PEOPLE_ROWS, FACILITIES };
enum { Z_KIND, Z_SOURCE, Z_OCCUPATION, Z_LEVEL, Z_ISSUED, Z_UNTIL, Z_REVOKED };
enum { H_TITLE, H_GRANTED, H_REVOKED };
enum { T_CLASS, T_TYPE, T_CHANNEL, T_INSTITUTION, T_STATUS, T_RESULT, T_FROM, T_TO, T_HOURS };
enum {
	S_PURPOSE,
	S_SOURCE,
	S_CHANNEL,
	S_KIND,
	S_PAYEE,
	S_OCC,
	S_LEVEL,
	S_ENROLMENT,
	S_CLAIMED,
	S_ON,
	S_STATUS
};
enum { F_NAME, F_KIND, F_HOST, F_FROM, F_TO, F_GONE, F_GRANT, F_MATCHED };

#define SHARED 100000 /* keys that were given out to several districts */

static const struct kind table[] = {
	[CERTIFICATES] = { "certificate", true, 0, "number",
		{ { "kind", 'c', "certificate_kind", 0, 0, 5 },
			{ "source", 'c', "certificate_source", 0, 0, 4 },
			{ "occupation", 'o', NULL, 0, 0, 1 }, { "level", 'c', "level", 0, 0, 8 },
			{ "issued_on", 'd' }, { "valid_until", 'd', NULL, 2 },
			{ "revoked_on", 'd', NULL, 3 } } },
	[HONOURS] = { "honour", true, 9, "honour_no",
		{ { "title", 'c', "honour", 0, 0, 14 }, { "granted_on", 'd' },
			{ "revoked_on", 'd', NULL, 2 }, { "unit", 'u', NULL, 0, 0, 4 } } },
	[CONTESTS] = { "contest_entry", true, 0, "entry_no",
		{ { "contest", 't', NULL, 0, 0, 3 }, { "tier", 'c', "contest_tier", 0, 0, 4 },
			{ "trade", 't', NULL, 0, 0, 5 }, { "held_on", 'd' },
			{ "award", 'c', "contest_award", 2, 0, 3 } } },
	[TRAININGS] = { "training", true, 0, "enrolment_no",
		{ { "class_no", 't', NULL, 0, 0, 5 }, { "type", 'c', "training_type", 0, 0, 7 },
			{ "channel", 'c', "channel", 0, 1, 3 },
			{ "institution", 'u', NULL, 0, 0, 4 },
			{ "status_group", 'c', "trainee_status", 0, 0, 3 },
			{ "result", 'c', "training_result", 0, 0, 2 }, { "enrolled_on", 'd' },
			{ "ended_on", 'd', NULL, 3 },
			{ "hours_offline", 'n', NULL, 3, 0, 8000 } } },
	[SUBSIDIES] = { "subsidy", true, 5, "claim_no",
		{ { "purpose", 'c', "subsidy_purpose", 0, 0, 0 },
			{ "source", 'c', "fund_source", 0, 0, 5 },
			{ "channel", 'c', "channel", 0, 0, 3 },
			{ "payee_kind", 'c', "payee_kind", 0, 0, 1 },
			{ "payee", 'u', NULL, 3, 0, 2 }, { "occupation", 'o', NULL, 9, 0, 1 },
			{ "level", 'c', "level", 9, 2, 3 }, { "enrolment_no", 't', NULL, 2, 0, 9 },
			{ "claimed", 'n', NULL, 0, 9000, 99999 }, { "claimed_on", 'd' },
			{ "status", 'c', "subsidy_status", 0, 1, 1 } } },
	[PEOPLE_ROWS] = { "person", true, 0, NULL,
		{ { "as_of", 'd' }, { "status", 'c', "employment", 0, 0, 4 },
			{ "industry", 'c', "industry", 2, 0, 19 } } },
	[FACILITIES] = { "facility", true, 0, "facility_id",
		{ { "name", 't', NULL, 0, 0, 5 }, { "kind", 'c', "facility_kind", 0, 1, 4 },
			{ "host", 'u', NULL, 0, 0, 4 }, { "approved_on", 'd' },
			{ "ends_on", 'd', NULL, 2 }, { "withdrawn_on", 'd', NULL, 2 },
			{ "grant", 'n', NULL, 2, 0, 3 }, { "matched", 'n', NULL, 2, 0, 3 } } },
};

/* One number in several districts: the same key in all of them. */
static void number_share(struct item *r)
{
	if (r->key >= SHARED)
		return;
	r->world = r->key % WORLDS;
	r->key = SHARED + r->key / WORLDS;
	r->v[Z_KIND] = r->key % 3;
}

static void repair(struct item *r)
{
	int64_t *v = r->v;
	bool meets = r->kind == &table[SUBSIDIES] || r->kind == &table[TRAININGS] || r->key % 2;

	/* Few people, so that they meet. */
	if (r->person != ABSENT && meets && r->kind != &table[PEOPLE_ROWS])
		r->person %= 3;
	switch (r->kind - table) {
	case CERTIFICATES:
		number_share(r);
		if (v[Z_KIND] > 2)
			v[Z_LEVEL] = ABSENT;
		else if (v[Z_LEVEL] == ABSENT)
			v[Z_LEVEL] = 3;
		if (v[Z_REVOKED] != ABSENT && v[Z_REVOKED] < v[Z_ISSUED])
			v[Z_REVOKED] = v[Z_ISSUED];
		break;
	case TRAININGS:
		v[T_FROM] = v[T_FROM] / 10000 * 10000 + 500 + v[T_FROM] % 100;
		if (v[T_TO] != ABSENT)
			v[T_TO] = v[T_FROM] / 100 * 100 + v[T_TO] % 100;
		if (v[T_RESULT] != 0 && v[T_TO] == ABSENT)
			v[T_TO] = v[T_FROM];
		if (v[T_TO] != ABSENT && v[T_TO] < v[T_FROM])
			v[T_TO] = v[T_FROM];
		break;
	case SUBSIDIES:
		v[S_KIND] = v[S_CHANNEL] == 2 ? 1 : v[S_CHANNEL] < 2 ? 0 : v[S_KIND];
		if (v[S_KIND] == 0 && v[S_PAYEE] == ABSENT)
			v[S_PAYEE] = 0;
		break;
	default:
		break;
	}
}

/* ---- the slow way ---- */

struct life {
	struct arena arena;
	struct record records[ITEMS_MAX];
	struct talent_record facts[ITEMS_MAX];
	size_t n;
};

static void life_read(struct life *l, const struct people *p, int person)
{
	l->n = 0;
	arena_init(&l->arena, 4u << 20);
	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (!r->live || r->person != person)
			continue;
		l->records[l->n] = item_record(p, r, &l->arena);
		l->facts[l->n] = (struct talent_record){ &l->records[l->n], areas[r->world] };
		l->n++;
	}
}

static size_t alerts_seen;

static bool seen(void *arg, const struct talent_alert *rule, size_t i, size_t k)
{
	(void)i;
	(void)k;
	*(unsigned *)arg |= 1u << rule->kind;
	alerts_seen |= 1u << rule->kind;
	return true;
}

static bool mark_stands(struct store_txn *t, char kind, const uint8_t of[16])
{
	char key[17] = { kind };
	struct text value;

	memcpy(key + 1, of, 16);
	return store_get(t, VIEW_MARK, (struct text){ key, sizeof(key) }, &value) == 0;
}

static size_t person_judge(const struct talent_rules *rules, const struct life *l, int person,
	struct store_txn *t, size_t *rows)
{
	struct talent_trace traces[TRACE_KINDS * 64];
	struct buf row = { 0 };
	struct text value = { 0 };
	uint8_t pid[PID_BYTES];
	unsigned spoken = 0;
	bool wanted = false, suspect;
	size_t n = 0;
	int err;

	pid_of((unsigned)person, pid);
	for (size_t i = 0; i < l->n; i++) {
		wanted = wanted || talent_row_wants(rules, &l->facts[i]);
		if (n <= 60 * TRACE_KINDS)
			n += talent_traces(rules, &l->facts[i], &traces[n]);
	}
	for (size_t i = 0; i < l->n && wanted; i++)
		talent_row_add(&row, rules, &l->facts[i]);
	talent_row_end(&row);
	err = store_get(t, VIEW_TALENT, (struct text){ (const char *)pid, PID_BYTES }, &value);
	assert_int_equal(err, wanted ? 0 : ERR_NOTFOUND);
	assert_int_equal(row.n, value.n);
	if (row.n)
		assert_memory_equal(row.p, value.p, row.n);
	buf_deinit(&row);
	*rows += wanted;
	suspect = talent_traces_suspect(traces, n);
	assert_int_equal(mark_stands(t, MARK_PERSON, pid), suspect);
	err = talent_alerts_person(rules, l->facts, l->n, seen, &spoken);
	assert_int_equal(err, 0);
	if (spoken && !suspect)
		fail_msg("person %d: alerts %x and no mark", person, spoken);
	return suspect;
}

/* Numbers that live in two districts. */
static size_t numbers_judge(const struct people *p, struct store_txn *t)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		unsigned others = 0;
		bool first = true;
		char key[64], other[64];
		uint8_t hash[KEY_HASH_BYTES];

		if (p->items[i].kind != &table[CERTIFICATES])
			continue;
		item_key(&p->items[i], key);
		for (size_t k = 0; k < p->n; k++) {
			if (p->items[k].kind != &table[CERTIFICATES])
				continue;
			item_key(&p->items[k], other);
			if (strcmp(key, other) != 0)
				continue;
			others += p->items[k].live;
			first = first && k >= i;
		}
		hash_key(hash, TEXT("certificate"), text_of(key));
		assert_int_equal(mark_stands(t, MARK_CERTIFICATE, hash), others > 1);
		n += first && others > 1;
	}
	return n;
}

static size_t talents_seen, shared_seen, suspects_seen;

static void judge(struct people *p, const struct forms *forms, struct store_txn *t)
{
	static struct life life;
	struct errmsg m = { "" };
	struct talent_rules *rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	size_t rows = 0, marks;

	(void)forms;
	assert_non_null(rules);
	marks = numbers_judge(p, t);
	shared_seen += marks;
	for (int person = 0; person < MANY_PERSONS; person++) {
		life_read(&life, p, person);
		marks += person_judge(rules, &life, person, t, &rows);
		arena_deinit(&life.arena);
	}
	assert_int_equal(store_count(t, VIEW_TALENT), rows);
	assert_int_equal(store_count(t, VIEW_MARK), marks);
	talents_seen += rows;
	suspects_seen += marks;
	talent_rules_close(rules);
}

static void rows_and_marks_are_those_of_the_records(void **state)
{
	const char *seeds = getenv("TALLY_UNIT_SEEDS");
	static struct people p;

	(void)state;
	for (int seed = 1; seed <= (seeds ? atoi(seeds) : 6); seed++) {
		memset(&p, 0, sizeof(p));
		p.kinds = table;
		p.n_kinds = sizeof(table) / sizeof(*table);
		p.repair = repair;
		people_play(&p, (uint64_t)seed, 40 + seed * 45, judge);
	}
	assert_true(talents_seen > 20 && shared_seen > 5 && suspects_seen > 20);
	/* Every rule on persons but that on ages (all of the fixture's are possible) has spoken. */
	for (unsigned kind = ALERT_PAID_AGAIN; kind < ALERT_JUMP; kind++)
		if (kind != ALERT_AGE && !(alerts_seen & 1u << kind))
			fail_msg("no alert of kind %u was met", kind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_and_marks_are_those_of_the_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
