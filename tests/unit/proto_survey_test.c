/* Bodies about the survey from elsewhere: what must be there is there, texts are texts, and
 * whatever bytes come a reader returns a message that can be shown, or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proto/survey.h"

static uint64_t seed = 20261122;

static uint32_t chance(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static ProtobufCBinaryData bytes(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

#define GIVE(m, field, v) ((m).has_##field = true, (m).field = (v))
static ProtobufCBinaryData digest = { SURVEY_DIGEST_BYTES,
	(uint8_t *)"0123456789abcdef0123456789abcdef" };

static Tally__Return good_return(void)
{
	Tally__Return r = TALLY__RETURN__INIT;

	GIVE(r, form, bytes("02")), GIVE(r, edition, bytes("1")), GIVE(r, period, bytes("2019"));
	GIVE(r, position, 3), GIVE(r, by, bytes("张三")), GIVE(r, approve, bytes("李四"));
	GIVE(r, parts, 0), GIVE(r, digest, digest);
	return r;
}

static Tally__Explain good_explain(void)
{
	Tally__Explain x = TALLY__EXPLAIN__INIT;

	GIVE(x, form, bytes("02")), GIVE(x, period, bytes("2019-01")),
		GIVE(x, check, bytes("02-8"));
	GIVE(x, row, bytes("upgrade _T")), GIVE(x, words, bytes("new classes began"));
	return x;
}

static Tally__Intake good_intake(void)
{
	Tally__Intake i = TALLY__INTAKE__INIT;

	GIVE(i, register_, bytes("training")), GIVE(i, refused, 3);
	return i;
}

static Tally__Decision good_decision(void)
{
	Tally__Decision d = TALLY__DECISION__INIT;

	GIVE(d, form, bytes("02")), GIVE(d, period, bytes("2019-01")), GIVE(d, area, 310101);
	GIVE(d, position, 7), GIVE(d, accepted, false), GIVE(d, words, bytes("look at it"));
	return d;
}

static Tally__Version good_version(void)
{
	Tally__Version v = TALLY__VERSION__INIT;

	GIVE(v, form, bytes("02")), GIVE(v, edition, bytes("1")), GIVE(v, period, bytes("2019"));
	GIVE(v, number, 1), GIVE(v, class_, bytes("first")), GIVE(v, parts, 0);
	GIVE(v, digest, digest);
	return v;
}

static struct arena arena;
static uint8_t packed[1 << 16];

/* Packs a message and asks its reader. */
#define TAKEN(name, m) \
	(arena_reset(&arena), survey_##name((struct text){ (const char *)packed, \
						    tally__##name##__pack(&(m), packed) }, \
				      &arena) != NULL)

static void a_return(void **state)
{
	Tally__Return r = good_return();

	(void)state;
	assert_true(TAKEN(return, r));
	r.by = bytes(" 张三");
	assert_false(TAKEN(return, r));
	r.by = bytes("\xff\xfe");
	assert_false(TAKEN(return, r));
	r.by = bytes("张\n三");
	assert_false(TAKEN(return, r));
	r.by = bytes("");
	assert_false(TAKEN(return, r));
	r.by = bytes("0123456789012345678901234567890123456789012345678901234567890123");
	assert_true(TAKEN(return, r));
	r.by = bytes("01234567890123456789012345678901234567890123456789012345678901234");
	assert_false(TAKEN(return, r));
	r = good_return();
	r.digest.len = 31;
	assert_false(TAKEN(return, r));
	r = good_return();
	r.parts = 1;
	assert_false(TAKEN(return, r));
	GIVE(r, figures, 2);
	assert_true(TAKEN(return, r));
	r.parts = 0;
	assert_false(TAKEN(return, r));
	r = good_return();
	r.has_position = false;
	assert_false(TAKEN(return, r));
	r = good_return();
	r.has_approve = false;
	assert_false(TAKEN(return, r));
	r = good_return();
	r.period = bytes("2019-0001");
	assert_false(TAKEN(return, r));
}

static void explanations_and_notes(void **state)
{
	Tally__Explain x = good_explain();
	Tally__Intake i = good_intake();
	Tally__Intake__Fault f = TALLY__INTAKE__FAULT__INIT, *faults[] = { &f };

	(void)state;
	assert_true(TAKEN(explain, x));
	x.has_row = false;
	assert_true(TAKEN(explain, x));
	x.has_words = false;
	assert_false(TAKEN(explain, x));
	x = good_explain();
	x.check = bytes("");
	assert_false(TAKEN(explain, x));
	assert_true(TAKEN(intake, i));
	i.n_faults = 1;
	i.faults = faults;
	assert_false(TAKEN(intake, i));
	GIVE(f, code, bytes("E101"));
	assert_true(TAKEN(intake, i));
	i.has_refused = false;
	assert_false(TAKEN(intake, i));
}

static void a_decision(void **state)
{
	Tally__Decision d = good_decision();
	Tally__Decision__Query q = TALLY__DECISION__QUERY__INIT, *queries[SURVEY_QUERIES_MAX + 1];

	(void)state;
	assert_true(TAKEN(decision, d));
	d.has_words = false;
	assert_false(TAKEN(decision, d));
	d.accepted = true;
	assert_true(TAKEN(decision, d));
	d.position = 0;
	assert_false(TAKEN(decision, d));
	d = good_decision();
	for (size_t i = 0; i <= SURVEY_QUERIES_MAX; i++)
		queries[i] = &q;
	d.queries = queries;
	d.n_queries = 1;
	assert_false(TAKEN(decision, d));
	GIVE(q, check, bytes("02-8")), GIVE(q, left, bytes("-1234567890123456789.50"));
	assert_true(TAKEN(decision, d));
	d.n_queries = SURVEY_QUERIES_MAX;
	assert_true(TAKEN(decision, d));
	d.n_queries++;
	assert_false(TAKEN(decision, d));
}

static void a_version(void **state)
{
	Tally__Version v = good_version();
	Tally__Version__Position p = TALLY__VERSION__POSITION__INIT, *positions[] = { &p };

	(void)state;
	assert_true(TAKEN(version, v));
	v.number = 0;
	assert_false(TAKEN(version, v));
	v = good_version();
	v.n_positions = 1;
	v.positions = positions;
	assert_false(TAKEN(version, v));
	GIVE(p, origin, 310101), GIVE(p, position, 3), GIVE(p, head, digest);
	assert_true(TAKEN(version, v));
	p.head.len = 5;
	assert_false(TAKEN(version, v));
}

static size_t pack_one(void)
{
	Tally__Return r = good_return();
	Tally__Explain x = good_explain();
	Tally__Intake i = good_intake();
	Tally__Decision d = good_decision();
	Tally__Version v = good_version();

	switch (chance(5)) {
	case 0:
		return tally__return__pack(&r, packed);
	case 1:
		return tally__explain__pack(&x, packed);
	case 2:
		return tally__intake__pack(&i, packed);
	case 3:
		return tally__decision__pack(&d, packed);
	default:
		return tally__version__pack(&v, packed);
	}
}

static void any_bytes(void **state)
{
	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t n = pack_one();
		struct text body;
		const Tally__Return *r;

		for (uint32_t k = chance(4); k; k--)
			packed[chance((uint32_t)n)] = (uint8_t)chance(256);
		body = (struct text){ (const char *)packed, n - chance(3) };
		arena_reset(&arena);
		r = survey_return(body, &arena);
		if (r)
			assert_true(survey_words_ok(survey_text(r->by), SURVEY_NAME_CHARS) &&
				    r->digest.len == SURVEY_DIGEST_BYTES);
		(void)survey_explain(body, &arena);
		(void)survey_intake(body, &arena);
		(void)survey_decision(body, &arena);
		(void)survey_version(body, &arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_return),
		cmocka_unit_test(explanations_and_notes),
		cmocka_unit_test(a_decision),
		cmocka_unit_test(a_version),
		cmocka_unit_test(any_bytes),
	};
	int failed;

	arena_init(&arena, 1 << 20);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_deinit(&arena);
	return failed;
}
