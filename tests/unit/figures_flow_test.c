/* Forms of events, money and surveys: contests, subsidies and funds, training expense. Random
 * histories, folded in three orders; every cell is what a slow count says. */
#include "tests/unit/figures_survey_fixture.h"

enum { CONTESTS, SUBSIDIES, FUNDS, EXPENSES };
enum { C_CONTEST, C_TIER, C_SERIES, C_TRADE, C_HELD, C_AWARD, C_LEVEL, C_SQUAD };
enum {
	S_SOURCE,
	S_PURPOSE,
	S_CHANNEL,
	S_PAYEE_KIND,
	S_PAYEE,
	S_CLAIMED,
	S_CLAIMED_ON,
	S_APPROVED,
	S_DECIDED_ON,
	S_PAID,
	S_PAID_ON,
	S_RECOVERED,
	S_RECOVERED_ON,
	S_STATUS
};
enum { F_SOURCE, F_PURPOSE, F_YEAR, F_BUDGET };
enum {
	E_UNIT,
	E_YEAR,
	E_INDUSTRY,
	E_OWNERSHIP,
	E_STAFF,
	E_WAGES,
	E_DRAWN,
	E_SPENT,
	E_FRONTLINE,
	E_STAFF_FRONTLINE,
	E_TRAINED,
	E_SKILLED,
	E_MANAGERS
};

static const struct kind table[] = {
	[CONTESTS] = { "contest_entry", true, 0, "entry_no",
		{ { "contest", 't', NULL, 0, 0, 3 }, { "tier", 'c', "contest_tier", 0, 0, 4 },
			{ "series", 'c', "contest_series", 4, 0, 5 },
			{ "trade", 't', NULL, 0, 0, 5 }, { "held_on", 'd' },
			{ "award", 'c', "contest_award", 2, 0, 3 },
			{ "promoted_level", 'c', "level", 2, 2, 8 },
			{ "national_squad", 'b', NULL, 2, 0, 1 } } },
	[SUBSIDIES] = { "subsidy", true, 3, "claim_no",
		{ { "source", 'c', "fund_source", 0, 0, 5 },
			{ "purpose", 'c', "subsidy_purpose", 0, 0, 8 },
			{ "channel", 'c', "channel", 0, 0, 3 },
			{ "payee_kind", 'c', "payee_kind", 0, 0, 1 },
			{ "payee", 'u', NULL, 4, 0, 4 }, { "claimed", 'n', NULL, 0, 9000, 99999 },
			{ "claimed_on", 'd' }, { "approved", 'n', NULL, 4, 6000, 9000 },
			{ "decided_on", 'd', NULL, 4 }, { "paid", 'n', NULL, 4, 0, 6000 },
			{ "paid_on", 'd', NULL, 4 }, { "recovered", 'n', NULL, 2, 0, 50 },
			{ "recovered_on", 'd', NULL, 4 },
			{ "status", 'c', "subsidy_status", 0, 0, 4 } } },
	[FUNDS] = { "fund", false, 0, "fund_no",
		{ { "source", 'c', "fund_source", 0, 0, 5 },
			{ "purpose", 'c', "subsidy_purpose", 0, 0, 8 },
			{ "year", 'n', NULL, 0, 2017, 2020 },
			{ "budget", 'n', NULL, 0, 0, 999999 } } },
	[EXPENSES] = { "expense", false, 0, NULL,
		{ { "uscc", 'u', NULL, 0, 0, 4 }, { "year", 'n', NULL, 0, 2017, 2020 },
			{ "industry", 'c', "industry", 0, 0, 3 },
			{ "ownership", 'c', "ownership", 0, 0, 2 },
			{ "staff", 'n', NULL, 0, 5, 99 }, { "wages", 'n', NULL, 0, 0, 99999 },
			{ "drawn", 'n', NULL, 0, 0, 9999 }, { "spent", 'n', NULL, 0, 0, 9 },
			{ "spent_frontline", 'n', NULL, 0, 0, 9 },
			{ "staff_frontline", 'n', NULL, 0, 0, 5 },
			{ "trained", 'n', NULL, 0, 0, 99 },
			{ "growth_skilled", 'n', NULL, 3, 0, 90 },
			{ "growth_managers", 'n', NULL, 3, 0, 90 } } },
};

static void repair(struct item *r)
{
	int64_t *v = r->v;

	switch (r->kind - table) {
	case SUBSIDIES:
		if (v[S_CHANNEL] == 2)
			v[S_PAYEE_KIND] = 1;
		else if (v[S_CHANNEL] < 2)
			v[S_PAYEE_KIND] = 0;
		if (v[S_PAYEE_KIND] == 0 && v[S_PAYEE] == ABSENT)
			v[S_PAYEE] = 0;
		if (v[S_APPROVED] == ABSENT)
			v[S_PAID] = ABSENT;
		if (v[S_PAID] > 0 && v[S_PAID_ON] == ABSENT)
			v[S_PAID_ON] = any_day();
		if (v[S_PAID] == ABSENT || v[S_PAID] < 50)
			v[S_RECOVERED] = ABSENT;
		if (v[S_RECOVERED] > 0 && v[S_RECOVERED_ON] == ABSENT)
			v[S_RECOVERED_ON] = any_day();
		break;
	case EXPENSES:
		/* one a unit, year and district */
		v[E_UNIT] = r->key / WORLDS % UNITS;
		v[E_YEAR] = 2017 + r->key / WORLDS / UNITS % 4;
		if (v[E_FRONTLINE] > v[E_SPENT])
			v[E_FRONTLINE] = v[E_SPENT];
		if (v[E_OWNERSHIP] == 0) {
			v[E_SKILLED] = v[E_SKILLED] == ABSENT ? 10 : v[E_SKILLED];
			v[E_MANAGERS] = v[E_MANAGERS] == ABSENT ? 10 : v[E_MANAGERS];
		}
		break;
	default:
		break;
	}
}

static bool in(const struct figures *f, int64_t day)
{
	int first = f->cumulative ? f->period.year * 10000 + 101 : period_begin(&f->period);

	return day >= first && day <= period_end(&f->period);
}

static bool fits(const struct item *r, const struct figures *f, const uint16_t *rows, int a, int b)
{
	int64_t two = r->v[b] == ABSENT ? (int64_t)f->form->dims[1].n_codes - 1 : r->v[b];

	return r->live && in_area_of(r, f->area) && (rows[0] == ROW_TOTAL || r->v[a] == rows[0]) &&
	       (rows[1] == ROW_TOTAL || two == rows[1]);
}

static int64_t given(int64_t v)
{
	return v == ABSENT ? 0 : v;
}

static void slow_07(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	bool contests[4] = { 0 }, award[MANY_PERSONS] = { 0 }, squad[MANY_PERSONS] = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (r->kind != &table[CONTESTS] || !fits(r, f, rows, C_TIER, C_SERIES) ||
			!in(f, r->v[C_HELD]))
			continue;
		contests[r->v[C_CONTEST]] = true;
		v[1]++;
		award[r->person] |= r->v[C_AWARD] != ABSENT;
		v[3] += r->v[C_LEVEL] != ABSENT;
		squad[r->person] |= r->v[C_SQUAD] == 1;
	}
	for (int i = 0; i < MANY_PERSONS; i++) {
		v[0] += i < 4 && contests[i];
		v[2] += award[i];
		v[4] += squad[i];
	}
}

static void slow_08(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	bool persons[MANY_PERSONS] = { 0 }, units[8] = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (r->kind == &table[FUNDS] && fits(r, f, rows, F_SOURCE, F_PURPOSE) &&
			f->period.kind == PERIOD_YEAR && r->v[F_YEAR] == f->period.year)
			v[9] += r->v[F_BUDGET];
		if (r->kind != &table[SUBSIDIES] || !fits(r, f, rows, S_SOURCE, S_PURPOSE))
			continue;
		v[0] += in(f, r->v[S_CLAIMED_ON]);
		v[1] += in(f, r->v[S_CLAIMED_ON]) ? r->v[S_CLAIMED] : 0;
		v[2] += in(f, r->v[S_DECIDED_ON]) ? given(r->v[S_APPROVED]) : 0;
		v[4] += in(f, r->v[S_RECOVERED_ON]) ? given(r->v[S_RECOVERED]) : 0;
		v[8] += in(f, r->v[S_DECIDED_ON]) && r->v[S_STATUS] == 2;
		if (!in(f, r->v[S_PAID_ON]))
			continue;
		v[3] += given(r->v[S_PAID]);
		if (r->person != ABSENT)
			persons[r->person] = true;
		if (r->v[S_PAYEE_KIND] == 0)
			units[r->v[S_PAYEE]] = true;
	}
	v[5] = v[3] - v[4];
	for (int i = 0; i < MANY_PERSONS; i++) {
		v[6] += persons[i];
		v[7] += i < 8 && units[i];
	}
}

static void slow_09(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	bool units[4][UNITS] = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];
		bool both;

		if (r->kind != &table[EXPENSES] || !fits(r, f, rows, E_INDUSTRY, E_OWNERSHIP) ||
			r->v[E_YEAR] != f->period.year)
			continue;
		units[0][r->v[E_UNIT]] = true;
		for (int k = 0; k < 7; k++)
			v[1 + k] += r->v[E_STAFF + k];
		if (r->v[E_SPENT] > 0 && r->v[E_FRONTLINE] * 10 >= r->v[E_SPENT] * 6)
			units[1][r->v[E_UNIT]] = true;
		both = r->v[E_OWNERSHIP] == 0 && r->v[E_SKILLED] != ABSENT &&
		       r->v[E_MANAGERS] != ABSENT;
		if (both)
			units[2][r->v[E_UNIT]] = true;
		if (both && r->v[E_SKILLED] >= r->v[E_MANAGERS])
			units[3][r->v[E_UNIT]] = true;
	}
	for (int i = 0; i < UNITS; i++) {
		v[0] += units[0][i];
		v[8] += units[1][i];
		v[9] += units[2][i];
		v[10] += units[3][i];
	}
	/* percent with two decimals, half up */
	if (v[4])
		v[11] = (v[5] * 20000 + v[4]) / (2 * v[4]);
}

static void judge(struct people *p, const struct forms *forms, struct store_txn *t)
{
	compare_all(p, forms, t, "07", slow_07);
	compare_all(p, forms, t, "08", slow_08);
	compare_all(p, forms, t, "09", slow_09);
}

static void flows_are_what_was_recorded(void **state)
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
		cmocka_unit_test(flows_are_what_was_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
