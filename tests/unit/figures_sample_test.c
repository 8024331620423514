/* Surveys and means: demand, wages with their quantiles, introduction. Every number is what a slow
 * count says; what is held back is exactly what the rules hold back, and cannot be inferred. */
#include <time.h>

#include "tests/unit/figures_survey_fixture.h"

enum { DEMANDS, WAGES, CASES };
enum { D_UNIT, D_PERIOD, D_STRATUM, D_OCC, D_LEVEL, D_EMPLOYED, D_VACANT, D_HIRING, D_URGENCY };
enum { W_UNIT, W_YEAR, W_ITEM, W_OCC, W_LEVEL, W_PAY };
enum { I_ROUTE, I_BASIS, I_RECEIVED, I_DECIDED, I_DECISION };

static const struct kind table[] = {
	[DEMANDS] = { "demand", false, 0, NULL,
		{ { "uscc", 'u', NULL, 0, 0, 4 }, { "period", 't', NULL, 0, 1, 2 },
			{ "stratum", 't', NULL, 0, 0, 2 }, { "occupation", 'o', NULL, 0, 0, 2 },
			{ "level", 'c', "level", 4, 2, 4 }, { "employed", 'n', NULL, 0, 0, 99 },
			{ "vacant", 'n', NULL, 0, 0, 9 }, { "hiring", 'n', NULL, 0, 0, 9 },
			{ "urgency", 'n', NULL, 0, 1, 5 } } },
	[WAGES] = { "wage", false, 0, NULL,
		{ { "uscc", 'u', NULL, 0, 0, 7 }, { "year", 'n', NULL, 0, 2018, 2019 },
			{ "item", 'n', NULL, 0, 0, 9 }, { "occupation", 'o', NULL, 0, 0, 2 },
			{ "level", 'c', "level", 6, 2, 3 },
			{ "annual_pay", 'n', NULL, 0, 5000000, 5000099 } } },
	[CASES] = { "introduction", true, 0, "case_no",
		{ { "route", 'c', "introduction_route", 0, 0, 4 },
			{ "basis", 'c', "introduction_basis", 0, 0, 4 }, { "received_on", 'd' },
			{ "decided_on", 'd', NULL, 3 },
			{ "decision", 'c', "decision", 3, 0, 2 } } },
};

static void repair(struct item *r)
{
	int64_t *v = r->v;

	switch (r->kind - table) {
	case DEMANDS: /* one a unit, period, occupation and level in a district */
		v[D_UNIT] = r->key / WORLDS % UNITS;
		v[D_OCC] = r->key / WORLDS / UNITS % 3;
		v[D_PERIOD] = 1 + r->key / WORLDS % 2;
		v[D_LEVEL] = r->key / WORLDS % 3 ? 2 + (int)(r->key % 3) : ABSENT;
		break;
	case WAGES:
		v[W_UNIT] = r->key / WORLDS % 7;
		v[W_ITEM] = r->key;
		v[W_YEAR] = r->key % 8 ? 2019 : 2018;
		break;
	default:
		if (v[I_DECIDED] != ABSENT && v[I_DECIDED] < v[I_RECEIVED])
			v[I_DECIDED] = v[I_RECEIVED];
	}
}

static bool row_is(const struct figures *f, size_t dim, uint16_t row, int64_t level)
{
	const struct form_dim *d = &f->form->dims[dim];

	if (row == ROW_TOTAL)
		return true;
	return strcmp(d->rows[row].code,
		       level == ABSENT ? "_Z" : code_list_find(TEXT("level"))->at[level].code) == 0;
}

static bool occupation_is(const struct figures *f, uint16_t row, int64_t occ)
{
	const char *code = row == ROW_TOTAL ? NULL : f->form->dims[0].rows[row].code;

	if (!code)
		return true;
	if (occupation_check(text_of(occupations[occ])) != OCC_OK)
		return strcmp(code, "_O") == 0;
	return strcmp(code, occupations[occ]) == 0;
}

static int64_t half_up(int64_t num, int64_t den)
{
	return den ? (2 * num + den) / (2 * den) : 0;
}

static void slow_10(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	bool units[UNITS] = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (!r->live || r->kind != &table[DEMANDS] || !in_area_of(r, f->area) ||
			f->period.year != 2019 || r->v[D_PERIOD] != f->period.index ||
			!occupation_is(f, rows[0], r->v[D_OCC]) ||
			!row_is(f, 1, rows[1], r->v[D_LEVEL]))
			continue;
		units[r->v[D_UNIT]] = true;
		v[1] += r->v[D_EMPLOYED];
		v[2] += r->v[D_VACANT];
		v[3] += r->v[D_HIRING];
		v[4]++;
		v[5] += r->v[D_URGENCY];
	}
	for (int i = 0; i < UNITS; i++)
		v[0] += units[i];
	v[6] = half_up(v[5] * 100, v[4]);
	v[7] = (v[2] + v[3]) * 50;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Also whether the row may be given out. */
static bool slow_wages(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	static const int quantiles[] = { 10, 25, 50, 75, 90 };
	int64_t pay[ITEMS_MAX], of_unit[UNITS] = { 0 }, largest = 0;
	int n = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (!r->live || r->kind != &table[WAGES] || !in_area_of(r, f->area) ||
			r->v[W_YEAR] != f->period.year || !occupation_is(f, rows[0], r->v[W_OCC]) ||
			!row_is(f, 1, rows[1], r->v[W_LEVEL]))
			continue;
		of_unit[r->v[W_UNIT]]++;
		pay[n++] = r->v[W_PAY];
		v[2] += r->v[W_PAY];
	}
	for (int i = 0; i < UNITS; i++) {
		v[0] += of_unit[i] > 0;
		largest = of_unit[i] > largest ? of_unit[i] : largest;
	}
	v[1] = n;
	v[3] = half_up(v[2], n);
	qsort(pay, (size_t)n, sizeof(*pay), by_number);
	for (int q = 0; q < 5 && n; q++) {
		int at = quantiles[q] * n / 100 + (quantiles[q] * n % 100 != 0);

		v[4 + q] = pay[at - 1];
	}
	return v[0] >= 5 && n >= 10 && largest * 2 <= n;
}

static void slow_11(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	slow_wages(p, f, rows, v);
}

static int days(int64_t date)
{
	struct tm t = { .tm_year = (int)(date / 10000) - 1900,
		.tm_mon = (int)(date / 100 % 100) - 1,
		.tm_mday = (int)(date % 100) };

	return (int)(timegm(&t) / 86400);
}

static void slow_12b(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v)
{
	int first = f->cumulative ? f->period.year * 10000 + 101 : period_begin(&f->period),
	    last = period_end(&f->period);

	for (size_t i = 0; i < p->n; i++) {
		const struct item *r = &p->items[i];

		if (!r->live || r->kind != &table[CASES] || !in_area_of(r, f->area) ||
			(rows[0] != ROW_TOTAL && r->v[I_ROUTE] != rows[0]) ||
			(rows[1] != ROW_TOTAL && r->v[I_BASIS] != rows[1]))
			continue;
		v[0] += r->v[I_RECEIVED] >= first && r->v[I_RECEIVED] <= last;
		if (r->v[I_DECIDED] < first || r->v[I_DECIDED] > last)
			continue;
		v[1]++;
		v[2] += r->v[I_DECISION] == 0;
		v[3] += days(r->v[I_DECIDED]) - days(r->v[I_RECEIVED]);
	}
	v[4] = half_up(v[3] * 100, v[1]);
}

/* ---- what is held back ---- */

static bool held(const struct figures *f, const uint16_t *rows)
{
	return figures_mark(f, figures_row_number(f->form, rows), 0) & MARK_CONF;
}

/* In no line is there just one row held back: a total or one of its parts. (That several sums
 * together tell nothing either, tests/system/test_oracle_holding.py holds.) */
static void no_line_tells(const struct figures *f)
{
	for (size_t row = 0; row < f->n_rows; row++) {
		for (size_t d = 0; d < 2; d++) {
			uint16_t rows[FORM_DIMS_MAX] = { 0 };
			size_t n = 0;

			figures_row(f->form, row, rows);
			if (rows[d] != ROW_TOTAL)
				continue;
			n = held(f, rows);
			for (uint16_t k = 0; k < f->form->dims[d].n_codes; k++) {
				rows[d] = k;
				n += held(f, rows);
			}
			if (n == 1)
				fail_msg("row %zu: it or a part can be inferred", row);
		}
	}
}

static void hold_back(struct people *p, const struct forms *forms, struct store_txn *t)
{
	struct figures f[WORLDS];
	size_t marked = 0, second = 0, free_rows = 0;

	for (unsigned a = 0; a < WORLDS; a++) {
		f[a] = (struct figures){ .form = forms_find(forms, TEXT("11")),
			.area = areas[(a + DISTRICTS) % WORLDS],
			.period = { PERIOD_YEAR, 2019, 1 } };
		assert_int_equal(figures_open(&f[a], t), 0);
		for (size_t row = 0; row < f[a].n_rows; row++) {
			int64_t v[FORM_MEASURES_MAX] = { 0 };
			uint16_t rows[FORM_DIMS_MAX] = { 0 };
			bool may;

			figures_row(f[a].form, row, rows);
			may = slow_wages(p, &f[a], rows, v);
			if (v[1] && may == held(&f[a], rows))
				fail_msg("area %u row %zu: %s", f[a].area, row,
					may ? "held back" : "given out");
			marked += v[1] && !may;
			free_rows += may;
		}
	}
	assert_int_equal(figures_hold(f, WORLDS), 0);
	for (unsigned a = 0; a < WORLDS; a++) {
		no_line_tells(&f[a]);
		for (size_t row = 0; row < f[a].n_rows; row++)
			second += (figures_mark(&f[a], row, 0) & MARK_SECONDARY) != 0;
	}
	for (size_t row = 0; row < f[0].n_rows; row++) {
		size_t n = 0;
		int64_t parts = 0;

		for (unsigned a = 0; a < WORLDS; a++) {
			n += (figures_mark(&f[a], row, 0) & MARK_CONF) != 0;
			parts += a ? figures_value(&f[a], row, 1) : 0;
		}
		assert_true(n != 1 || !parts); /* without parts: the city's own answers */
	}
	print_message("held back: %zu, with them %zu; free %zu\n", marked, second, free_rows);
	assert_true(marked > 5 && free_rows > 0);
	for (unsigned a = 0; a < WORLDS; a++)
		figures_close(&f[a]);
}

static void judge(struct people *p, const struct forms *forms, struct store_txn *t)
{
	compare_all(p, forms, t, "10", slow_10);
	compare_all(p, forms, t, "11", slow_11);
	compare_all(p, forms, t, "12B", slow_12b);
	hold_back(p, forms, t);
}

static void samples_are_what_was_answered(void **state)
{
	const char *seeds = getenv("TALLY_UNIT_SEEDS");

	(void)state;
	for (uint64_t seed = 1; seed <= (seeds ? strtoull(seeds, NULL, 10) : 2); seed++) {
		struct people *p = calloc(1, sizeof(*p));

		p->kinds = table;
		p->n_kinds = sizeof(table) / sizeof(*table);
		p->repair = repair;
		people_play(p, seed, 340, judge); /* more would repeat keys */
		free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_what_was_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
