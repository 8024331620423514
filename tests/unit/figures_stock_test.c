/* Forms of points: who stands where at the end of a period, who came and who left. Random histories
 * of certificates that expire and are revoked, of persons who move and grow older, of honours,
 * facilities and apprentices: whatever the order, every cell is what a slow count says. */
#include "tests/unit/figures_survey_fixture.h"

enum { CERTIFICATES, PERSONS_ROWS, HONOURS, FACILITIES, APPRENTICES };
enum { C_KIND, C_SOURCE, C_LEVEL, C_OCC, C_ISSUED, C_UNTIL, C_REVOKED };
enum { P_AS_OF, P_STATUS, P_EDUCATION, P_HUKOU };
enum { H_TITLE, H_GRANTED, H_REVOKED };
enum { F_KIND, F_HOST, F_NAME, F_APPROVED, F_ENDS, F_WITHDRAWN, F_GRANT, F_MATCHED, F_OPEN };
enum {
	A_SCHEME,
	A_LEVEL,
	A_EMPLOYER,
	A_SCHOOL,
	A_MENTOR,
	A_MENTOR_SCHOOL,
	A_OCC,
	A_STARTED,
	A_ENDED,
	A_STATUS,
	A_CERTIFIED,
	A_SUBSIDY,
	A_ALLOWANCE,
	A_INSURED
};

static const struct kind table[] = {
	[CERTIFICATES] = { "certificate", true, 0, "number",
		{ { "kind", 'c', "certificate_kind", 0, 0, 5 },
			{ "source", 'c', "certificate_source", 0, 0, 4 },
			{ "level", 'c', "level", 0, 0, 8 }, { "occupation", 'o', NULL, 0, 0, 2 },
			{ "issued_on", 'd' }, { "valid_until", 'd', NULL, 2 },
			{ "revoked_on", 'd', NULL, 3 } } },
	[PERSONS_ROWS] = { "person", true, 0, NULL,
		{ { "as_of", 'd' }, { "status", 'c', "employment", 0, 0, 4 },
			{ "education", 'c', "education", 5, 0, 9 },
			{ "local_hukou", 'b', NULL, 4, 0, 1 } } },
	[HONOURS] = { "honour", true, 0, "honour_no",
		{ { "title", 'c', "honour", 0, 0, 14 }, { "granted_on", 'd' },
			{ "revoked_on", 'd', NULL, 2 } } },
	[FACILITIES] = { "facility", true, 0, "facility_id",
		{ { "kind", 'c', "facility_kind", 0, 0, 8 }, { "host", 'u', NULL, 0, 0, 4 },
			{ "name", 't', NULL, 0, 0, 9 }, { "approved_on", 'd' },
			{ "ends_on", 'd', NULL, 2 }, { "withdrawn_on", 'd', NULL, 2 },
			{ "grant", 'n', NULL, 3, 0, 9999 }, { "matched", 'n', NULL, 3, 0, 9999 },
			{ "open_to_society", 'b', NULL, 3, 0, 1 } } },
	[APPRENTICES] = { "apprenticeship", true, 0, "contract_no",
		{ { "scheme", 'c', "apprenticeship_scheme", 0, 0, 1 },
			{ "level", 'c', "level", 0, 0, 8 }, { "employer", 'u', NULL, 0, 0, 3 },
			{ "school", 'u', NULL, 0, 3, 4 }, { "mentor_employer", 't', NULL, 3, 0, 2 },
			{ "mentor_school", 't', NULL, 3, 0, 2 },
			{ "occupation", 'o', NULL, 0, 0, 2 }, { "started_on", 'd' },
			{ "ended_on", 'd', NULL, 3 },
			{ "status", 'c', "apprenticeship_status", 0, 0, 2 },
			{ "certified", 'b', NULL, 2, 0, 1 }, { "subsidy", 'n', NULL, 2, 0, 9999 },
			{ "mentor_allowance", 'n', NULL, 2, 0, 999 },
			{ "insured", 'b', NULL, 3, 0, 1 } } },
};

static void repair(struct item *r)
{
	int64_t *v = r->v;

	switch (r->kind - table) {
	case CERTIFICATES:
		if (v[C_KIND] >= 3)
			v[C_LEVEL] = ABSENT;
		if (v[C_REVOKED] != ABSENT && v[C_REVOKED] < v[C_ISSUED])
			v[C_REVOKED] = v[C_ISSUED];
		break;
	case APPRENTICES:
		if (v[A_STATUS] == 0 && chance(8))
			v[A_ENDED] = ABSENT;
		if (v[A_STATUS] != 0 && v[A_ENDED] == ABSENT)
			v[A_ENDED] = any_day();
		/* seldom it ends before it begins: no rule forbids it */
		if (v[A_ENDED] != ABSENT && v[A_ENDED] < v[A_STARTED] && chance(4))
			v[A_ENDED] = v[A_STARTED];
		if (v[A_STATUS] != 1)
			v[A_CERTIFIED] = ABSENT;
		if (v[A_MENTOR] == ABSENT)
			v[A_ALLOWANCE] = ABSENT;
		break;
	default:
		break;
	}
}

/* ---- form 01 ---- */

static bool certificate_holds(const struct item *r, int day)
{
	return r->v[C_KIND] <= 2 && r->v[C_ISSUED] <= day &&
	       (r->v[C_REVOKED] == ABSENT || r->v[C_REVOKED] > day) &&
	       (r->v[C_UNTIL] == ABSENT || r->v[C_UNTIL] >= day % 100 + day / 100 * 100 ||
		       /* days are bounded by 31: the last day of a shorter month is its end */
		       (r->v[C_UNTIL] / 100 == day / 100 && date_is_month_end(r->v[C_UNTIL])));
}

/* 0 (level 5) … 6 (S); -1: not skilled. The list of levels begins with 9 and 8. */
static int level_at(const struct people *p, int person, int day)
{
	int best = -1;

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (r->live && r->kind == &table[CERTIFICATES] && r->person == person &&
			certificate_holds(r, day) && r->v[C_LEVEL] - 2 > best)
			best = (int)r->v[C_LEVEL] - 2;
	}
	return best;
}

static const struct item *newest(const struct people *p, int kind, int date, int person, int day)
{
	const struct item *best = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (!r->live || r->kind != &table[kind] || r->person != person || r->v[date] > day)
			continue;
		if (!best || r->v[date] > best->v[date] ||
			(r->v[date] == best->v[date] && areas[r->world] < areas[best->world]))
			best = r;
	}
	return best;
}

static bool in_row_01(const struct people *p, uint32_t area, uint16_t row, int person, int day)
{
	int level = level_at(p, person, day);
	const struct item *r;

	if (level < 0 || (row != ROW_TOTAL && (row == 7 ? level < 2 : level != row)))
		return false;
	if (area == CITY)
		return true;
	r = newest(p, PERSONS_ROWS, P_AS_OF, person, day);
	if (!r)
		r = newest(p, CERTIFICATES, C_ISSUED, person, day);
	return areas[r->world] == area;
}

static void person_01(const struct people *p, int person, int day, int64_t *v)
{
	/* doctor, master | bachelor | college | 41 44 47 | 61 71 81 */
	static const int groups_of[] = { 6, 6, 7, 8, 9, 9, 9, 10, 10, 10 };
	const struct item *r = newest(p, PERSONS_ROWS, P_AS_OF, person, day);
	int age = day / 10000 - birth_of(person);

	v[0]++;
	v[1] += sex_of(person) == SEX_FEMALE;
	if (!birth_of(person))
		v[5]++;
	else
		v[age <= 35 ? 2 : age <= 45 ? 3 : age <= 55 ? 4 : 5]++;
	v[!r || r->v[P_EDUCATION] == ABSENT ? 11 : groups_of[r->v[P_EDUCATION]]]++;
	v[12] += r && r->v[P_HUKOU] == 1;
	v[13] += r && r->v[P_STATUS] == 0;
}

static int day_before(const struct period *at)
{
	struct period p = period_of_month(period_first_month(at) - 1);

	return period_end(&p);
}

static void slow_01(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	int day = period_end(&f->period), before = day_before(&f->period);

	for (int person = 0; person < MANY_PERSONS; person++) {
		bool now = in_row_01(p, f->area, rows[0], person, day),
		     then = in_row_01(p, f->area, rows[0], person, before);

		if (now)
			person_01(p, person, day, v);
		v[14] += now && !then;
		v[15] += then && !now;
	}
}

/* ---- form 06 ---- */

static bool holds_title(
	const struct people *p, uint32_t area, uint16_t row, int person, int day, int granted_from)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];
		bool leader;

		if (!r->live || r->kind != &table[HONOURS] || r->person != person ||
			!in_area_of(r, area) || r->v[H_TITLE] == 14)
			continue;
		leader = r->v[H_TITLE] >= 3 && r->v[H_TITLE] <= 5;
		if (row != ROW_TOTAL && (row == 14 ? !leader : r->v[H_TITLE] != row))
			continue;
		if (granted_from ? r->v[H_GRANTED] >= granted_from && r->v[H_GRANTED] <= day
				 : r->v[H_GRANTED] <= day &&
					   (r->v[H_REVOKED] == ABSENT || r->v[H_REVOKED] > day))
			return true;
	}
	return false;
}

static void slow_06(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	int day = period_end(&f->period);

	for (int person = 0; person < MANY_PERSONS; person++) {
		const struct item *r = newest(p, PERSONS_ROWS, P_AS_OF, person, day);

		v[1] += holds_title(p, f->area, rows[0], person, day, period_begin(&f->period));
		if (!holds_title(p, f->area, rows[0], person, day, 0))
			continue;
		v[0]++;
		v[2] += r && r->v[P_STATUS] == 0;
		v[3] += sex_of(person) == SEX_FEMALE;
	}
}

/* ---- form 05 ---- */

static bool in_force(const struct item *r, int day)
{
	return r->v[F_APPROVED] <= day &&
	       (r->v[F_WITHDRAWN] == ABSENT || r->v[F_WITHDRAWN] > day) &&
	       (r->v[F_ENDS] == ABSENT || r->v[F_ENDS] >= day);
}

static void slow_05(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	int year = f->period.year, day = year * 10000 + 1231, before = day - 10000;

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];
		bool new;

		if (!r->live || r->kind != &table[FACILITIES] || !in_area_of(r, f->area) ||
			(rows[0] != ROW_TOTAL && r->v[F_KIND] != rows[0]))
			continue;
		new = r->v[F_APPROVED] / 10000 == year;
		v[0] += in_force(r, day);
		v[1] += new;
		v[2] += (in_force(r, before) || new) && !in_force(r, day);
		v[3] += new && r->v[F_GRANT] != ABSENT ? r->v[F_GRANT] : 0;
		v[4] += new && r->v[F_MATCHED] != ABSENT ? r->v[F_MATCHED] : 0;
		v[5] += in_force(r, day) && r->v[F_OPEN] == 1;
	}
}

/* ---- form 04 ---- */

struct seen {
	bool employer[8], school[8], mentor[64], mentor_school[64];
};

static void seen_04(const struct item *r, struct seen *s)
{
	s->employer[r->v[A_EMPLOYER]] = true;
	s->school[r->v[A_SCHOOL]] = true;
	if (r->v[A_MENTOR] != ABSENT)
		s->mentor[r->v[A_EMPLOYER] * 8 + r->v[A_MENTOR]] = true;
	if (r->v[A_MENTOR_SCHOOL] != ABSENT)
		s->mentor_school[r->v[A_SCHOOL] * 8 + r->v[A_MENTOR_SCHOOL]] = true;
}

static void slow_04(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	int first = period_begin(&f->period), last = period_end(&f->period);
	struct seen s = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];
		int64_t ended = r->v[A_ENDED] == ABSENT ? 99999999 : r->v[A_ENDED];
		int64_t started = r->v[A_STARTED];
		bool ends, new, at_end;

		if (!r->live || r->kind != &table[APPRENTICES] || !in_area_of(r, f->area) ||
			(rows[0] != ROW_TOTAL && r->v[A_SCHEME] != rows[0]) ||
			(rows[1] != ROW_TOTAL && r->v[A_LEVEL] != rows[1]))
			continue;
		ends = ended >= first && ended <= last;
		new = started >= first &&started <= last;
		at_end = started <= last && ended > last;
		v[0] += started < first && ended >= first;
		v[1] += new;
		v[2] += ends && r->v[A_STATUS] == 1;
		v[3] += ends && r->v[A_STATUS] == 1 && r->v[A_CERTIFIED] == 1;
		v[4] += ends && r->v[A_STATUS] == 2;
		v[5] += at_end;
		v[10] += new && r->v[A_SUBSIDY] != ABSENT ? r->v[A_SUBSIDY] : 0;
		v[11] += new && r->v[A_ALLOWANCE] != ABSENT ? r->v[A_ALLOWANCE] : 0;
		v[12] += at_end && r->v[A_INSURED] == 1;
		if (started <= last && ended >= first && ended >= started)
			seen_04(r, &s);
	}
	for (int i = 0; i < 64; i++) {
		v[6] += i < 8 && s.employer[i];
		v[7] += i < 8 && s.school[i];
		v[8] += s.mentor[i];
		v[9] += s.mentor_school[i];
	}
}

/* ---- the tests ---- */

static void judge(struct people *p, const struct forms *forms, struct store_txn *t)
{
	compare_all(p, forms, t, "01", slow_01);
	compare_all(p, forms, t, "04", slow_04);
	compare_all(p, forms, t, "05", slow_05);
	compare_all(p, forms, t, "06", slow_06);
}

static void stocks_are_what_stands(void **state)
{
	const char *seeds = getenv("TALLY_UNIT_SEEDS");

	(void)state;
	for (uint64_t seed = 1; seed <= (seeds ? strtoull(seeds, NULL, 10) : 3); seed++) {
		struct people *p = calloc(1, sizeof(*p));

		p->kinds = table;
		p->n_kinds = sizeof(table) / sizeof(*table);
		p->repair = repair;
		people_play(p, seed, 400, judge);
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stocks_are_what_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
