/* The plan: targets beside what other forms say, in the year and in its months. The other forms'
 * numbers are held by tests of their own; here it is held that the right ones are taken. */
#include "tests/unit/figures_survey_fixture.h"

enum { TARGETS, TRAININGS, BASES };
enum { T_PLAN, T_CODE, T_YEAR, T_AREA, T_VALUE };
enum { F_KIND, F_HOST, F_NAME, F_APPROVED, F_ENDS, F_WITHDRAWN };

static const struct kind table[] = {
	[TARGETS] = { "target", false, 0, NULL,
		{ { "plan", 't', NULL, 0, 0, 0 }, { "code", 'c', "target", 0, 0, 6 },
			{ "year", 'n', NULL, 0, 2018, 2020 }, { "area", 'c', "district", 0, 0, 12 },
			{ "value", 'n', NULL, 0, 0, 900 } } },
	[TRAININGS] = { "training", true, 0, "enrolment_no",
		{ { "class_no", 't', NULL, 0, 0, 3 }, { "type", 'c', "training_type", 0, 0, 7 },
			{ "channel", 'c', "channel", 0, 1, 3 },
			{ "institution", 'u', NULL, 0, 0, 4 }, { "employer", 'u', NULL, 0, 0, 4 },
			{ "status_group", 'c', "trainee_status", 0, 0, 3 }, { "enrolled_on", 'd' },
			{ "ended_on", 'd' }, { "result", 'c', "training_result", 0, 0, 0 } } },
	[BASES] = { "facility", false, 0, "facility_id",
		{ { "kind", 'c', "facility_kind", 0, 0, 0 }, { "host", 'u', NULL, 0, 0, 4 },
			{ "name", 't', NULL, 0, 0, 9 }, { "approved_on", 'd' },
			{ "ends_on", 'd', NULL, 2 }, { "withdrawn_on", 'd', NULL, 2 } } },
};

static void repair(struct item *r)
{
	int64_t *v = r->v;

	if (r->kind == &table[TARGETS]) {
		v[T_PLAN] = r->key;
		v[T_CODE] = r->key % 7;
		v[T_AREA] = r->key % 3 ? 0 : 1;
		v[T_YEAR] = r->key % 5 ? 2019 : 2018;
	} else if (r->kind == &table[TRAININGS]) {
		v[8] = code_index(code_list_find(TEXT("training_result")), TEXT("completed"));
		if (v[7] < v[6])
			v[7] = v[6];
	}
}

static int64_t other(const struct forms *forms, struct store_txn *t, const struct figures *at,
	const char *id, size_t measure)
{
	struct figures f = { .form = forms_find(forms, text_of(id)),
		.area = at->area,
		.period = at->period,
		.cumulative = at->period.kind == PERIOD_MONTH };
	int64_t v;

	assert_int_equal(figures_open(&f, t), 0);
	v = figures_value(&f, f.n_rows - 1, measure);
	figures_close(&f);
	return v;
}

static int64_t slow_bases(const struct people *p, const struct figures *f)
{
	int day = period_end(&f->period);
	int64_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		n += r->live && r->kind == &table[BASES] && in_area_of(r, f->area) &&
		     r->v[F_APPROVED] <= day &&
		     (r->v[F_WITHDRAWN] == ABSENT || r->v[F_WITHDRAWN] > day) &&
		     (r->v[F_ENDS] == ABSENT || r->v[F_ENDS] >= day ||
			     (r->v[F_ENDS] / 100 == day / 100 && date_is_month_end(r->v[F_ENDS])));
	}
	return n;
}

static int64_t half_up(int64_t num, int64_t den)
{
	int64_t size = num < 0 ? -num : num, q = (2 * size + den) / (2 * den);

	return num < 0 ? -q : q;
}

static int64_t slow_target(const struct people *p, const struct figures *f, int code, int *given)
{
	int64_t sum = 0;

	*given = 0;
	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (!r->live || r->kind != &table[TARGETS] || r->v[T_CODE] != code ||
			r->v[T_YEAR] != f->period.year ||
			f->area != (r->v[T_AREA] == 0 ? CITY : 310101))
			continue;
		sum += r->v[T_VALUE];
		++*given;
	}
	return sum;
}

static void compare_plan(
	struct people *p, const struct forms *forms, struct store_txn *t, struct figures *f)
{
	int months = f->period.kind == PERIOD_YEAR ? 12 : f->period.index;
	int64_t all, share;

	assert_int_equal(figures_open(f, t), 0);
	for (int row = 0; row < 7; row++) {
		const int64_t *v = &f->values[f->place_of[row] * f->form->n_measures];
		const uint8_t *marks = &f->marks[f->place_of[row] * f->form->n_measures];
		int given;
		int64_t target = slow_target(p, f, row, &given);

		assert_int_equal(v[1], target);
		assert_int_equal(marks[1], given ? 0 : MARK_MISSING);
		assert_int_equal(v[4], half_up(months * 10000, 12));
		if (marks[3] == 0) {
			assert_int_equal(v[3], half_up(v[2] * 1000, target));
			assert_int_equal(v[5], v[3] - v[4]);
		} else {
			assert_true(!given || target == 0 || marks[2] & MARK_HELD);
		}
	}
	/* rows in the order of the list: trained upgrade_share bases leaders studios … */
	assert_int_equal(figures_value(f, 0, 2), other(forms, t, f, "02", 3) * 100);
	assert_int_equal(
		figures_value(f, 0, 6), half_up(figures_value(f, 0, 2) * 12, months * 100) * 100);
	assert_int_equal(figures_mark(f, 0, 2), MARK_WHOLE);
	assert_int_equal(figures_value(f, 2, 2), slow_bases(p, f) * 100);
	assert_int_equal(figures_value(f, 2, 6), slow_bases(p, f) * 100);
	all = other(forms, t, f, "02", 2);
	share = figures_value(f, 1, 2);
	if (all)
		assert_true(share >= 0 && share <= 10000);
	else
		assert_int_equal(figures_mark(f, 1, 2), MARK_NONE);
	assert_int_equal(figures_mark(f, 7, 2), MARK_NONE); /* no total */
	figures_close(f);
}

static void judge(struct people *p, const struct forms *forms, struct store_txn *t)
{
	for (unsigned a = 0; a < WORLDS; a++) {
		for (int i = 0; i <= 12; i++) {
			struct figures f = { .form = forms_find(forms, TEXT("12A")),
				.area = areas[a],
				.period = { i ? PERIOD_MONTH : PERIOD_YEAR, 2019, i ? i : 1 } };

			compare_plan(p, forms, t, &f);
		}
	}
}

static void the_plan_takes_what_other_forms_say(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct people *p = calloc(1, sizeof(*p));

		p->kinds = table;
		p->n_kinds = sizeof(table) / sizeof(*table);
		p->repair = repair;
		people_play(p, seed, 300, judge);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_plan_takes_what_other_forms_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
