/* Form 12C against a slow count: signatures, refused rows and ages of random histories, for months,
 * from January on, and for the year; districts and the city; whoever the answer is made for. */
#include "tests/unit/figures_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/figures/figures.h"
#include "daemon/survey/calendar.h"
#include "proto/survey.h"

#define STEPS 150
#define DAY_MS 86400000ull
#define FROM_MS 1538323200000ull /* 2018-10-01 in Shanghai */
#define N_PERIODS 9

static const struct {
	const char *form, *period;
} asked[N_PERIODS] = { { "02", "2018-12" }, { "02", "2019-01" }, { "02", "2019-02" },
	{ "02", "2018" }, { "03", "2018-Q4" }, { "03", "2019-Q1" }, { "08", "2019-01" },
	{ "09", "2018" }, { "12B", "2019-01" } /* nobody asks for it */ };

struct wrote {
	unsigned world;
	int day, asked; /* -1: no signature */
	uint64_t refused;
};

struct model {
	struct city c;
	const struct forms *forms;
	struct wrote at[STEPS];
	size_t n;
	uint64_t now;
};

#define GIVE(m, field, v) ((m).has_##field = true, (m).field = (v))
static ProtobufCBinaryData digest = { SURVEY_DIGEST_BYTES,
	(uint8_t *)"0123456789abcdef0123456789abcdef" };

/* Often on the due day itself, or the day after it; time is data, and may go back. */
static uint64_t signing_time(const struct model *m, int what, uint64_t now)
{
	struct period p;
	int due;

	assert_true(period_parse(&p, text_of(asked[what].period)));
	due = calendar_due(m->forms, text_of(asked[what].form), &p);
	if (!due || chance(2))
		return now;
	return FROM_MS + (uint64_t)(days_of_date(due) - days_of_date(20181001)) * DAY_MS +
	       chance(2) * DAY_MS + chance(2) * (DAY_MS - 1);
}

static void one_step(struct model *m)
{
	/* the third district writes nothing at all */
	struct wrote *w = &m->at[m->n++];
	struct entry_draft d = { .at_ms = m->now += chance(5) * DAY_MS };
	uint8_t body[512];

	*w = (struct wrote){
		.world = chance(DISTRICTS - 1), .day = clock_date(d.at_ms), .asked = -1
	};
	if (chance(3)) {
		Tally__Return r = TALLY__RETURN__INIT;

		w->asked = (int)chance(N_PERIODS);
		d.at_ms = signing_time(m, w->asked, d.at_ms);
		w->day = clock_date(d.at_ms);
		GIVE(r, form, bytes_of(asked[w->asked].form));
		GIVE(r, period, bytes_of(asked[w->asked].period));
		GIVE(r, edition, bytes_of("1")), GIVE(r, position, 1), GIVE(r, parts, 0);
		GIVE(r, by, bytes_of("张三")), GIVE(r, approve, bytes_of("李四"));
		GIVE(r, digest, digest);
		d.kind = TALLY__ENTRY_KIND__RETURN;
		d.body = (struct text){ (const char *)body, tally__return__pack(&r, body) };
	} else {
		Tally__Intake i = TALLY__INTAKE__INIT;

		w->refused = chance(50);
		GIVE(i, register_, bytes_of("training")), GIVE(i, refused, w->refused);
		d.kind = TALLY__ENTRY_KIND__INTAKE;
		d.body = (struct text){ (const char *)body, tally__intake__pack(&i, body) };
	}
	entry_put(&m->c.worlds[w->world], &d);
}

/* ---- the slow way ---- */

struct sums {
	int64_t expected, received, on_time, refused, age;
};

static int first_signed(const struct model *m, unsigned world, const char *form, const char *period)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->at[i].world == world && m->at[i].asked >= 0 &&
			strcmp(asked[m->at[i].asked].form, form) == 0 &&
			strcmp(asked[m->at[i].asked].period, period) == 0)
			return m->at[i].day;
	return 0;
}

/* Every period of every form of many years: is it due in these days? */
static void slow_returns(const struct model *m, const struct forms *fs, unsigned world, int from,
	int to, struct sums *s)
{
	for (size_t f = 0; f < fs->n; f++)
		for (int month = 2016 * 12; month < 2021 * 12; month++)
			for (enum period_kind k = 0; k < PERIOD_KINDS; k++) {
				struct period p = period_around(k, month);
				int due = calendar_due(fs, text_of(fs->forms[f]->id), &p), on;
				char period[PERIOD_TEXT_MAX];

				if (period_first_month(&p) != month || due < from || due > to)
					continue;
				period_print(&p, period);
				on = first_signed(m, world, fs->forms[f]->id, period);
				s->expected++;
				s->received += on != 0;
				s->on_time += on && on <= due;
			}
}

static void slow_district(const struct model *m, const struct forms *fs, unsigned world, int from,
	int to, struct sums *s)
{
	int last = 0;

	slow_returns(m, fs, world, from, to, s);
	for (size_t i = 0; i < m->n; i++) {
		const struct wrote *w = &m->at[i];

		if (w->world != world)
			continue;
		if (w->day >= from && w->day <= to)
			s->refused += (int64_t)w->refused;
		if (w->day <= to && w->day > last)
			last = w->day;
	}
	if (last && days_of_date(to) - days_of_date(last) > s->age)
		s->age = days_of_date(to) - days_of_date(last);
}

static void compare(const struct model *m, struct store_txn *t, const struct forms *fs,
	struct figures *f, unsigned worlds)
{
	const struct form *form = f->form;
	struct sums s = { .age = -1 };
	int last = (int)period_last_day(&f->period),
	    first = (f->cumulative ? f->period.year * 12 : period_first_month(&f->period)) % 12 + 1;

	first = f->period.year * 10000 + first * 100 + 1;
	for (unsigned w = 0; w < DISTRICTS; w++)
		if (worlds & 1u << w)
			slow_district(m, fs, w, first, last, &s);
	assert_int_equal(figures_open(f, t), 0);
	assert_int_equal(form->n_measures, 8);
	assert_int_equal(figures_value(f, 0, 0), s.expected);
	assert_int_equal(figures_value(f, 0, 1), s.received);
	assert_int_equal(figures_value(f, 0, 2), s.on_time);
	assert_int_equal(figures_value(f, 0, 3), 0);
	assert_int_equal(figures_value(f, 0, 5), 0);
	assert_int_equal(figures_value(f, 0, 6), s.refused);
	assert_int_equal(figures_value(f, 0, 7), s.age < 0 ? 0 : s.age);
	assert_int_equal(figures_mark(f, 0, 7), s.age < 0 ? MARK_MISSING : 0);
	figures_close(f);
}

static void compare_period(
	const struct model *m, struct store_txn *t, const struct forms *fs, const char *period)
{
	struct figures f = { .form = forms_find(fs, TEXT("12C")) };

	assert_true(period_parse(&f.period, text_of(period)));
	for (int cumulative = 0; cumulative <= (f.period.kind == PERIOD_MONTH); cumulative++) {
		f.cumulative = cumulative;
		f.areas = NULL;
		f.n_areas = 0;
		for (unsigned w = 0; w < DISTRICTS; w++) {
			f.area = areas[w];
			compare(m, t, fs, &f, 1u << w);
		}
		/* all that have a ledger here; then those that the answer is made for */
		f.area = CITY;
		compare(m, t, fs, &f, 7);
		f.areas = (const uint32_t[]){ CITY, areas[1], areas[2] };
		f.n_areas = 3;
		compare(m, t, fs, &f, 6);
	}
}

static void play(uint64_t seed)
{
	static const char *const periods[] = { "2018-12", "2019-01", "2019-02", "2019-03",
		"2019-04", "2018", "2019", "2020" };
	struct model *m = calloc(1, sizeof(*m));
	struct errmsg e;
	struct forms *fs = forms_open_place("", "", &e);
	struct store_txn *t;
	struct view v;

	chance_state = seed;
	m->now = FROM_MS;
	m->forms = fs;
	city_open(&m->c);
	assert_non_null(fs);
	for (int step = 0; step < STEPS; step++)
		one_step(m);
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(&m->c, i, true);
	view_open(&v, &m->c);
	while (view_fold(&v, 50, NULL, 0))
		;
	assert_int_equal(store_read_begin(v.store, &t, 60000), 0);
	for (size_t i = 0; i < sizeof(periods) / sizeof(*periods); i++)
		compare_period(m, t, fs, periods[i]);
	store_read_end(t);
	view_close(&v);
	forms_close(fs);
	city_close(&m->c);
	free(m);
}

static void every_column_is_counted(void **state)
{
	(void)state;
	assert_int_equal(hash_init(), 0);
	assert_null(registers_init());
	for (uint64_t seed = 1; seed <= 4; seed++)
		play(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_column_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
