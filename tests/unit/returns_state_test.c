/* What has become of a return, and how complete a district reports: random histories of signatures,
 * explanations, decisions and versions against a slow count over a plain list. */
#include "tests/unit/figures_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/figures/returns.h"

#define STEPS 250
#define PERIODS 6
#define DECISIONS ORIGIN_DECISIONS(CITY)
#define ELSEWHERE ORIGIN_DECISIONS(320000) /* decisions of another city: nothing here */
#define DAY_MS 86400000ull
#define FROM_MS 1546272000000ull /* 2019-01-01 in Shanghai */

static const char *const periods[PERIODS] = { "2019-01", "2019-02", "2019-03", "2019-04", "2019-05",
	"2019-06" };

struct signature {
	unsigned world, period;
	uint64_t position, at_ms;
	bool zero;
	int decided; /* 0, 1 accepted, -1 sent back: the newest decision on it */
};

struct model {
	struct city c;
	struct signature at[STEPS];
	size_t n;
	uint64_t position[WORLDS + 1];
	bool closed[PERIODS];
	uint32_t versions[PERIODS];
	unsigned explained[DISTRICTS][PERIODS]; /* in a row */
	unsigned whole[DISTRICTS][PERIODS];	/* wherever it does not hold */
	uint64_t now;
};

#define GIVE(m, field, v) ((m).has_##field = true, (m).field = (v))
static ProtobufCBinaryData digest = { SURVEY_DIGEST_BYTES,
	(uint8_t *)"0123456789abcdef0123456789abcdef" };

static uint64_t put(struct model *m, unsigned ledger, uint32_t kind, const uint8_t *body, size_t n)
{
	struct entry_draft d = { .origin = ledger < WORLDS ? 0 : DECISIONS,
		.kind = kind,
		.at_ms = m->now,
		.body = { (const char *)body, n } };

	entry_put(&m->c.worlds[ledger < WORLDS ? ledger : DISTRICTS], &d);
	return ++m->position[ledger];
}

static void sign(struct model *m, unsigned world, unsigned period)
{
	Tally__Return r = TALLY__RETURN__INIT;
	struct signature *s = &m->at[m->n++];
	uint8_t body[512];

	*s = (struct signature){
		.world = world, .period = period, .at_ms = m->now, .zero = chance(3) == 0
	};
	GIVE(r, form, bytes_of("02")), GIVE(r, edition, bytes_of("1"));
	GIVE(r, period, bytes_of(periods[period])), GIVE(r, position, m->position[world] / 2);
	GIVE(r, by, bytes_of("张三")), GIVE(r, approve, bytes_of("李四")), GIVE(r, digest, digest);
	GIVE(r, parts, s->zero ? 0 : 1);
	if (!s->zero)
		GIVE(r, figures, m->position[world]);
	s->position = put(m, world, TALLY__ENTRY_KIND__RETURN, body, tally__return__pack(&r, body));
}

/* On a signature at random, old ones and such that never were among them. */
static void decide(struct model *m)
{
	Tally__Decision d = TALLY__DECISION__INIT;
	struct signature *s = m->n ? &m->at[chance((uint32_t)m->n)] : NULL;
	uint8_t body[512];
	bool accept = chance(2);

	if (!s)
		return;
	GIVE(d, form, bytes_of("02")), GIVE(d, period, bytes_of(periods[s->period]));
	GIVE(d, area, areas[s->world]), GIVE(d, accepted, accept), GIVE(d, words, bytes_of("x"));
	GIVE(d, position, s->position + (chance(8) ? 0 : 1000));
	put(m, WORLDS, TALLY__ENTRY_KIND__DECISION, body, tally__decision__pack(&d, body));
	if (d.position == s->position)
		s->decided = accept ? 1 : -1;
}

static void explain(struct model *m, unsigned world, unsigned period)
{
	Tally__Explain x = TALLY__EXPLAIN__INIT;
	uint8_t body[512];

	GIVE(x, form, bytes_of("02")), GIVE(x, period, bytes_of(periods[period]));
	GIVE(x, check, bytes_of("02-8")), GIVE(x, words, bytes_of("x"));
	if (chance(8))
		GIVE(x, row, bytes_of("upgrade _T"));
	put(m, world, TALLY__ENTRY_KIND__EXPLAIN, body, tally__explain__pack(&x, body));
	if (x.has_row)
		m->explained[world][period]++;
	else
		m->whole[world][period]++;
}

static void close_period(struct model *m, unsigned period)
{
	Tally__Version v = TALLY__VERSION__INIT;
	uint8_t body[512];

	GIVE(v, form, bytes_of("02")), GIVE(v, edition, bytes_of("1"));
	GIVE(v, period, bytes_of(periods[period])), GIVE(v, class_, bytes_of("first"));
	GIVE(v, number, ++m->versions[period]), GIVE(v, parts, 0), GIVE(v, digest, digest);
	put(m, WORLDS, TALLY__ENTRY_KIND__VERSION, body, tally__version__pack(&v, body));
}

static void one_step(struct model *m)
{
	unsigned dice = chance(100);

	m->now += chance(3) * DAY_MS;
	if (dice < 45)
		sign(m, chance(DISTRICTS), chance(PERIODS));
	else if (dice < 85)
		decide(m);
	else if (dice < 97)
		explain(m, chance(DISTRICTS), chance(PERIODS));
	else
		close_period(m, chance(PERIODS));
}

/* ---- the slow way ---- */

static const struct signature *newest(const struct model *m, unsigned world, unsigned period)
{
	const struct signature *s = NULL;

	for (size_t i = 0; i < m->n; i++)
		if (m->at[i].world == world && m->at[i].period == period)
			s = &m->at[i];
	return s;
}

static const struct signature *first(const struct model *m, unsigned world, unsigned period)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->at[i].world == world && m->at[i].period == period)
			return &m->at[i];
	return NULL;
}

static void compare_one(
	const struct model *m, const struct returns *r, unsigned world, unsigned period)
{
	const struct signature *s = newest(m, world, period), *f = first(m, world, period);
	enum return_state decided = !s		     ? RETURN_OPEN
				    : s->decided > 0 ? RETURN_ACCEPTED
				    : s->decided < 0 ? RETURN_SENT_BACK
						     : RETURN_SIGNED;
	struct explanations x;
	struct return_item item;
	struct period p;
	int late = 0;

	assert_true(period_parse(&p, text_of(periods[period])));
	return_read(r, "02", &p, areas[world], &item);
	assert_int_equal(item.decided, decided);
	assert_int_equal(item.state, m->versions[period] ? RETURN_CLOSED : decided);
	assert_int_equal(item.version, m->versions[period]);
	assert_int_equal(item.position, s ? s->position : 0);
	assert_int_equal(item.received_on, f ? clock_date(f->at_ms) : 0);
	assert_int_equal(item.explained, m->explained[world][period] + m->whole[world][period]);
	assert_int_equal(explanations_read(&x, r, "02", &p, areas[world]), 0);
	assert_int_equal(explanations_have(&x, TEXT("02-8"), TEXT("upgrade _T")),
		m->explained[world][period] + m->whole[world][period] > 0);
	assert_int_equal(
		explanations_have(&x, TEXT("02-8"), TEXT("_T _T")), m->whole[world][period] > 0);
	assert_false(explanations_have(&x, TEXT("02-7"), TEXT("upgrade _T")));
	explanations_deinit(&x);
	/* eight days after the month's end, each day by itself */
	for (int day = item.due; f && day != clock_date(f->at_ms) && item.received_on > item.due;
		day = (int)date_of_days(days_of_date(day) + 1))
		late++;
	assert_int_equal(return_late(&item, 20300101),
		f ? late : (int)(days_of_date(20300101) - days_of_date(item.due)));
}

static void compare_sums(
	const struct model *m, const struct returns *r, unsigned world, int from, int to)
{
	struct completeness c = { 0 }, slow = { 0 };

	returns_due(r, areas[world], "02", from, to, &c);
	for (unsigned i = 0; i < PERIODS; i++) {
		const struct signature *f = first(m, world, i), *s = newest(m, world, i);
		struct period p;
		int due;

		assert_true(period_parse(&p, text_of(periods[i])));
		due = calendar_due(r->forms, TEXT("02"), &p);
		if (due < from || due > to)
			continue;
		slow.expected++;
		slow.received += f != NULL;
		slow.on_time += f && clock_date(f->at_ms) <= due;
		slow.zero += s && s->zero;
		slow.accepted += s && s->decided > 0;
	}
	assert_int_equal(c.expected, slow.expected);
	assert_int_equal(c.received, slow.received);
	assert_int_equal(c.on_time, slow.on_time);
	assert_int_equal(c.late, slow.received - slow.on_time);
	assert_int_equal(c.missing, slow.expected - slow.received);
	assert_int_equal(c.zero, slow.zero);
	assert_int_equal(c.accepted, slow.accepted);
	assert_true(c.received <= c.expected);
}

static void compare(const struct model *m, struct view *v, const struct forms *forms)
{
	struct returns r = { .forms = forms, .decisions = DECISIONS }, any = r, other = r;
	struct store_txn *t;
	struct return_item item;
	struct period p;

	assert_int_equal(store_read_begin(v->store, &t, 60000), 0);
	r.views = any.views = other.views = t;
	any.decisions = 0;
	other.decisions = ELSEWHERE;
	for (unsigned world = 0; world < DISTRICTS; world++) {
		for (unsigned i = 0; i < PERIODS; i++) {
			compare_one(m, &r, world, i);
			compare_one(m, &any, world, i);
			assert_true(period_parse(&p, text_of(periods[i])));
			return_read(&other, "02", &p, areas[world], &item);
			assert_true(item.state == RETURN_OPEN || item.state == RETURN_SIGNED);
		}
		/* the year 2018 is due on 9 February */
		compare_sums(m, &r, world, 20190210, 20190731);
		compare_sums(m, &r, world, 20190201, 20190208);
		compare_sums(m, &r, world, 20190308, 20190308);
		compare_sums(m, &r, world, 20190309, 20190407);
	}
	store_read_end(t);
}

static void play(uint64_t seed, const struct forms *forms)
{
	struct model *m = calloc(1, sizeof(*m));
	struct errmsg e;
	struct view v;

	chance_state = seed;
	m->now = FROM_MS + 25 * DAY_MS;
	city_open(&m->c);
	assert_int_equal(ledger_also(city_ledger(&m->c), DECISIONS, &e), 0);
	for (unsigned l = 0; l <= WORLDS; l++)
		m->position[l] = 1;
	view_open(&v, &m->c);
	for (int step = 0; step < STEPS; step++) {
		one_step(m);
		if (chance(5) == 0)
			ship(&m->c, chance(DISTRICTS), false);
		if (chance(5) == 0)
			view_fold(&v, 1 + chance(9), NULL, 0);
	}
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(&m->c, i, true);
	while (view_fold(&v, 1 + chance(50), NULL, 0))
		;
	compare(m, &v, forms);
	view_close(&v);
	city_close(&m->c);
	free(m);
}

static void states_and_sums(void **state)
{
	struct errmsg m;
	struct forms *forms;

	(void)state;
	assert_int_equal(hash_init(), 0);
	assert_null(registers_init());
	forms = forms_open_place("", "", &m);
	assert_non_null(forms);
	for (uint64_t seed = 1; seed <= 8; seed++)
		play(seed, forms);
	forms_close(forms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states_and_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
