/* Events and activity: whatever the order in which ledgers come in, the views hold one row for each
 * entry that is signed, explained, decided or closed, and for each month what a slow count over
 * everything that was written gives. What is broken, or stands in a ledger where it does not
 * belong, is a finding and nothing else. */
#include "tests/unit/figures_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/fold/activity.h"
#include "daemon/fold/events.h"
#include "daemon/fold/finding.h"
#include "proto/survey.h"

#define LEDGERS (WORLDS + 1) /* the city's decisions are the last */
#define STEPS 400
#define MONTHS 30 /* from January 2018 on */

static const char *const form_ids[] = { "02", "08", "12A", "no-such-form" };
static const char *const period_texts[] = { "2019-01", "2019-02", "2019-Q1", "2019-H1", "2019" };

/* An event as the test wrote it. */
struct told {
	const char *form, *period;
	uint32_t area, kind, origin;
	uint64_t position, at_ms;
};

struct model {
	struct city c;
	struct told told[STEPS];
	size_t n;
	uint64_t findings;
	uint64_t position[LEDGERS];
	struct activity months[LEDGERS][MONTHS];
};

static uint32_t origin_of(unsigned ledger)
{
	return ledger < WORLDS ? areas[ledger] : ORIGIN_DECISIONS(CITY);
}

static uint64_t chance_at(void)
{
	return 1514736000000u + (uint64_t)chance(MONTHS * 30) * 86400000u + chance(86400000);
}

static struct activity *month_of(struct model *m, unsigned ledger, uint64_t at_ms)
{
	int day = clock_date(at_ms), month = (day / 10000 - 2018) * 12 + day / 100 % 100 - 1;
	struct activity *a;

	assert_true(month >= 0 && month < MONTHS);
	a = &m->months[ledger][month];
	a->entries++;
	if (day > a->last_day)
		a->last_day = day;
	return a;
}

static uint64_t put(struct model *m, unsigned ledger, struct entry_draft *d)
{
	struct world *w = &m->c.worlds[ledger < WORLDS ? ledger : DISTRICTS];

	d->origin = ledger < WORLDS ? 0 : ORIGIN_DECISIONS(CITY);
	entry_put(w, d);
	return ++m->position[ledger];
}

/* ---- what is written ---- */

struct body {
	uint8_t bytes[1024];
	size_t n;
};

#define GIVE(m, field, v) ((m).has_##field = true, (m).field = (v))
static ProtobufCBinaryData digest = { SURVEY_DIGEST_BYTES,
	(uint8_t *)"0123456789abcdef0123456789abcdef" };

static void body_return(struct body *b, const char *form, const char *period, uint64_t position)
{
	Tally__Return r = TALLY__RETURN__INIT;

	GIVE(r, form, bytes_of(form)), GIVE(r, edition, bytes_of("1")),
		GIVE(r, period, bytes_of(period));
	GIVE(r, position, position), GIVE(r, by, bytes_of("张三")),
		GIVE(r, approve, bytes_of("李四"));
	GIVE(r, parts, 0), GIVE(r, digest, digest);
	b->n = tally__return__pack(&r, b->bytes);
}

static void body_explain(struct body *b, const char *form, const char *period)
{
	Tally__Explain x = TALLY__EXPLAIN__INIT;

	GIVE(x, form, bytes_of(form)), GIVE(x, period, bytes_of(period));
	GIVE(x, check, bytes_of("02-7")), GIVE(x, words, bytes_of("new classes began"));
	b->n = tally__explain__pack(&x, b->bytes);
}

static void body_decision(struct body *b, const char *form, const char *period, uint32_t area)
{
	Tally__Decision d = TALLY__DECISION__INIT;

	GIVE(d, form, bytes_of(form)), GIVE(d, period, bytes_of(period)), GIVE(d, area, area);
	GIVE(d, position, 1 + chance(9)), GIVE(d, accepted, true);
	b->n = tally__decision__pack(&d, b->bytes);
}

static void body_version(struct body *b, const char *form, const char *period)
{
	Tally__Version v = TALLY__VERSION__INIT;

	GIVE(v, form, bytes_of(form)), GIVE(v, edition, bytes_of("1")),
		GIVE(v, period, bytes_of(period));
	GIVE(v, number, 1), GIVE(v, class_, bytes_of("first")), GIVE(v, parts, 0),
		GIVE(v, digest, digest);
	b->n = tally__version__pack(&v, b->bytes);
}

/* A body of the kind; *area is the one that it is about. */
static void body_of(struct model *m, struct body *b, uint32_t kind, unsigned ledger,
	const char *form, const char *period, uint32_t *area)
{
	*area = origin_of(ledger);
	if (kind == TALLY__ENTRY_KIND__RETURN) {
		body_return(b, form, period, chance((uint32_t)m->position[ledger] + 1));
	} else if (kind == TALLY__ENTRY_KIND__EXPLAIN) {
		body_explain(b, form, period);
	} else if (kind == TALLY__ENTRY_KIND__DECISION) {
		*area = areas[chance(DISTRICTS)];
		body_decision(b, form, period, *area);
	} else {
		*area = 0;
		body_version(b, form, period);
	}
}

static bool belongs(uint32_t kind, unsigned ledger)
{
	bool decides = kind == TALLY__ENTRY_KIND__DECISION || kind == TALLY__ENTRY_KIND__VERSION;

	return decides == (ledger == WORLDS);
}

static void write_event(struct model *m, unsigned ledger)
{
	static const uint32_t kinds_of[] = { TALLY__ENTRY_KIND__RETURN, TALLY__ENTRY_KIND__EXPLAIN,
		TALLY__ENTRY_KIND__DECISION, TALLY__ENTRY_KIND__VERSION };
	struct told t = { .form = form_ids[chance(4)],
		.period = chance(9) ? period_texts[chance(5)] : "2019-13",
		.kind = kinds_of[chance(4)],
		.origin = origin_of(ledger),
		.at_ms = chance_at() };
	struct entry_draft d = { .kind = t.kind, .at_ms = t.at_ms };
	struct body b;
	bool broken = chance(8) == 0;

	body_of(m, &b, t.kind, ledger, t.form, t.period, &t.area);
	/* Without the first field, the form; or cut short. */
	d.body = (struct text){ (const char *)b.bytes, b.n };
	if (broken && chance(2))
		d.body.n -= 1 + chance((uint32_t)b.n - 1);
	else if (broken)
		d.body.p += 2 + strlen(t.form), d.body.n -= 2 + strlen(t.form);
	t.position = put(m, ledger, &d);
	month_of(m, ledger, t.at_ms);
	if (!belongs(t.kind, ledger) || broken || strcmp(t.period, "2019-13") == 0)
		m->findings++;
	else
		m->told[m->n++] = t;
}

static void write_intake(struct model *m, unsigned ledger)
{
	Tally__Intake i = TALLY__INTAKE__INIT;
	uint64_t at_ms = chance_at(), n = 1 + chance(100);
	struct entry_draft d = { .kind = TALLY__ENTRY_KIND__INTAKE, .at_ms = at_ms };
	struct body b;
	struct activity *a;

	GIVE(i, register_, bytes_of("training")), GIVE(i, refused, chance(9) ? n : 1ull << 60);
	b.n = tally__intake__pack(&i, b.bytes);
	d.body = (struct text){ (const char *)b.bytes, b.n };
	put(m, ledger, &d);
	a = month_of(m, ledger, at_ms);
	if (ledger == WORLDS || i.refused != n)
		m->findings++;
	else
		a->refused += n;
}

static void write_record(struct model *m)
{
	bool anew = m->c.n == 0 || chance(3) == 0;
	struct rec *r = anew ? rec_new(&m->c) : &m->c.recs[chance((uint32_t)m->c.n)];
	struct activity *a = month_of(m, r->world, AT_MS);

	m->position[r->world]++;
	if (!anew && r->live && chance(3) == 0) {
		rec_retract(&m->c, r);
		r->live = false;
		a->retractions++;
		return;
	}
	rec_write(&m->c, r);
	a->corrections += !anew && r->live;
	r->live = true;
}

static void one_step(struct model *m)
{
	unsigned dice = chance(10), ledger = chance(LEDGERS);

	if (dice < 6)
		write_event(m, ledger);
	else if (dice < 7)
		write_intake(m, ledger);
	else
		write_record(m);
}

/* ---- comparing ---- */

struct seen {
	const struct model *m;
	size_t n;
};

static bool found(void *arg, const struct event *e)
{
	struct seen *s = arg;
	char period[PERIOD_TEXT_MAX];

	period_print(&e->period, period);
	for (size_t i = 0; i < s->m->n; i++) {
		const struct told *t = &s->m->told[i];

		if (t->origin != e->origin || t->position != e->position)
			continue;
		assert_string_equal(t->form, e->form);
		assert_string_equal(t->period, period);
		assert_int_equal(t->area, e->area);
		assert_int_equal(t->kind, e->kind);
		assert_int_equal(t->at_ms, e->at_ms);
		s->n++;
		return true;
	}
	fail_msg("an event that nobody wrote: %s %s of %u at %u/%llu", e->form, period, e->area,
		e->origin, (unsigned long long)e->position);
	return false;
}

/* Place by place, and form by form, each event is met once. */
static void compare_events(const struct model *m, struct store_txn *t)
{
	struct seen all = { m, 0 }, by_form = { m, 0 }, by_place = { m, 0 };

	events_walk_form(t, (struct text){ 0 }, found, &all);
	for (size_t f = 0; f < 4; f++) {
		events_walk_form(t, text_of(form_ids[f]), found, &by_form);
		for (size_t p = 0; p < 5; p++) {
			struct period period;

			assert_true(period_parse(&period, text_of(period_texts[p])));
			events_walk(t, text_of(form_ids[f]), &period, 0, found, &by_place);
			for (unsigned w = 0; w < WORLDS; w++)
				events_walk(t, text_of(form_ids[f]), &period, areas[w], found,
					&by_place);
		}
	}
	assert_int_equal(all.n, m->n);
	assert_int_equal(by_form.n, m->n);
	assert_int_equal(by_place.n, m->n);
	assert_true(m->n > STEPS / 10);
}

static void same_activity(const struct activity *a, const struct activity *b)
{
	assert_int_equal(a->entries, b->entries);
	assert_int_equal(a->corrections, b->corrections);
	assert_int_equal(a->retractions, b->retractions);
	assert_int_equal(a->refused, b->refused);
	assert_int_equal(a->last_day, b->last_day);
}

static void compare_activity(const struct model *m, struct store_txn *t)
{
	for (unsigned l = 0; l < LEDGERS; l++) {
		struct activity sum = { 0 }, read;

		for (int i = 0; i < MONTHS; i++) {
			const struct activity *a = &m->months[l][i];

			read = activity_read(t, origin_of(l), 2018 * 12 + i, 2018 * 12 + i);
			same_activity(&read, a);
			sum.entries += a->entries;
			sum.corrections += a->corrections;
			sum.retractions += a->retractions;
			sum.refused += a->refused;
			if (a->last_day)
				sum.last_day =
					a->last_day > sum.last_day ? a->last_day : sum.last_day;
			read = activity_read(t, origin_of(l), 2018 * 12, 2018 * 12 + i);
			same_activity(&read, &sum);
		}
	}
	assert_true(
		m->months[0][MONTHS - 1].corrections + m->months[1][MONTHS - 1].corrections > 0);
}

/* Of bodies and ledgers; records may bring their own. */
static uint64_t count_findings(struct store_txn *t)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_FINDING);
	struct text key, value;
	uint64_t n = 0;

	for (bool on = store_seek(c, (struct text){ 0 }, &key, &value); on;
		on = store_next(c, &key, &value))
		n += text_is(value, FINDING_BODY) || text_is(value, FINDING_LEDGER);
	store_cursor_close(c);
	return n;
}

static void play(uint64_t seed)
{
	struct model *m = calloc(1, sizeof(*m));
	struct view often, once, backwards;
	struct store_txn *t;
	struct errmsg e;

	chance_state = seed;
	city_open(&m->c);
	assert_int_equal(ledger_also(city_ledger(&m->c), ORIGIN_DECISIONS(CITY), &e), 0);
	view_open(&often, &m->c);
	/* GENESIS, which is no activity. */
	for (unsigned l = 0; l < LEDGERS; l++)
		m->position[l] = 1;
	for (int step = 0; step < STEPS; step++) {
		one_step(m);
		if (chance(10) == 0)
			ship(&m->c, chance(DISTRICTS), false);
		if (chance(6) == 0)
			view_fold(&often, 1 + chance(20), NULL, 0);
	}
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(&m->c, i, true);
	while (view_fold(&often, 1 + chance(50), NULL, 0))
		;
	view_open(&once, &m->c);
	view_fold(&once, 1000000, NULL, 0);
	view_open(&backwards, &m->c);
	for (unsigned i = LEDGERS; i-- > 0;) {
		struct fold_bound most = { origin_of(i), m->position[i] };

		while (view_fold(&backwards, 1 + chance(9), &most, 1))
			;
	}
	compare_views(&often, &once);
	compare_views(&backwards, &once);
	assert_int_equal(store_read_begin(once.store, &t, 60000), 0);
	compare_events(m, t);
	compare_activity(m, t);
	assert_int_equal(count_findings(t), m->findings);
	store_read_end(t);
	view_close(&backwards);
	view_close(&once);
	view_close(&often);
	city_close(&m->c);
	free(m);
}

static void they_depend_on_what_was_written_only(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++)
		play(seed);
}

/* ---- hostile bodies ---- */

static void a_signature_for_what_comes_after_it_is_none(void **state)
{
	struct entry_view e = {
		.origin = 310115, .position = 7, .kind = TALLY__ENTRY_KIND__RETURN
	};
	struct city *c = calloc(1, sizeof(*c));
	struct arena a;
	struct body b;
	struct view v;

	(void)state;
	city_open(c);
	view_open(&v, c);
	arena_init(&a, 1 << 20);
	body_return(&b, "02", "2019-01", 7);
	e.body = (struct text){ (const char *)b.bytes, b.n };
	assert_string_equal(event_fold(NULL, &e, &a), FINDING_BODY);
	e.origin = ORIGIN_DECISIONS(CITY);
	assert_string_equal(event_fold(NULL, &e, &a), FINDING_LEDGER);
	arena_deinit(&a);
	view_close(&v);
	city_close(c);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_depend_on_what_was_written_only),
		cmocka_unit_test(a_signature_for_what_comes_after_it_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
