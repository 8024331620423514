/* The fold: whatever the order in which ledgers arrive and the size of chunks, the views are equal
 * to the last bit; and every cell of every form is what a slow count over the records that live
 * gives. */
#include "tests/unit/figures_fixture.h"

#include "daemon/figures/figures.h"
#include "daemon/figures/overlap.h"

/* ---- a random history ---- */

/* Entries that no view can take in: they become findings and stand in nobody's way. */
static void strange_entry(struct city *c, unsigned world)
{
	struct entry_draft d = { .kind = TALLY__ENTRY_KIND__RECORD,
		.at_ms = AT_MS,
		.reg = TEXT("training"),
		.body = TEXT("\x0a\x03x") };

	switch (chance(5)) {
	case 0:
		break; /* a body cut short */
	case 1:
		d.reg = TEXT("moonwalk");
		break;
	case 2:
		d.kind = 77;
		break;
	case 3:
		d.body = TEXT("\x0a\x01x"); /* hardly a training */
		break;
	default:
		d.kind = TALLY__ENTRY_KIND__RETRACT;
		d.key = TEXT("nobody");
		d.reason = TEXT("a mistake");
	}
	entry_put(&c->worlds[world], &d);
}

static void one_step(struct city *c)
{
	struct rec *r = c->n ? &c->recs[chance((uint32_t)c->n)] : NULL;
	unsigned dice = chance(100);

	if (dice < 55 || !r) {
		rec_write(c, rec_new(c));
	} else if (dice < 80) {
		/* a correction, or a record that comes back */
		rec_shuffle(r);
		r->live = true;
		rec_write(c, r);
	} else if (dice < 92) {
		rec_retract(c, r);
		r->live = false;
	} else if (dice < 97) {
		rec_write(c, r->live ? r : rec_new(c)); /* the same bytes again */
	} else {
		strange_entry(c, chance(WORLDS));
	}
}

/* ---- counting the slow way ---- */

struct slow {
	const struct city *c;
	uint32_t area;
	int first, last; /* days */
	unsigned a, b;	 /* rows; n of the dim: total */
};

static bool in_area(const struct slow *s, const struct rec *r)
{
	return s->area == CITY || areas[r->world] == s->area;
}

static bool in_span(const struct slow *s, int date)
{
	return date >= s->first && date <= s->last;
}

static bool holds_certificate(const struct slow *s, unsigned person)
{
	for (size_t i = 0; i < s->c->n; i++) {
		const struct rec *r = &s->c->recs[i];

		if (r->live && r->reg == CERTIFICATE && r->person == person &&
			in_span(s, r->enrolled) && (!r->ended || r->ended > s->last))
			return true;
	}
	return false;
}

static void slow_training(
	const struct slow *s, const struct rec *r, int64_t *v, bool *persons, bool *classes)
{
	if ((s->a < 8 && r->type != s->a) || (s->b < 4 && r->channel != s->b))
		return;
	if (in_span(s, r->enrolled)) {
		v[1]++;
		classes[r->world * CLASSES + r->class_no] = true;
	}
	if (!r->completed || !in_span(s, r->ended))
		return;
	v[2]++;
	persons[r->person] = true;
	v[5] += r->sex == 2;
	v[6] += r->groups & 1;
	v[7 + r->status]++;
	v[11] += r->groups >> 1 & 1;
	v[12] += r->groups >> 2 & 1;
	v[13] += r->online;
	v[14] += r->offline;
}

static void slow_02(const struct slow *s, int64_t v[15])
{
	bool persons[PERSONS] = { 0 }, classes[WORLDS * CLASSES] = { 0 };

	memset(v, 0, 15 * sizeof(*v));
	for (size_t i = 0; i < s->c->n; i++)
		if (s->c->recs[i].live && s->c->recs[i].reg == TRAINING &&
			in_area(s, &s->c->recs[i]))
			slow_training(s, &s->c->recs[i], v, persons, classes);
	for (unsigned i = 0; i < WORLDS * CLASSES; i++)
		v[0] += classes[i];
	for (unsigned i = 0; i < PERSONS; i++) {
		v[3] += persons[i];
		v[4] += persons[i] && holds_certificate(s, i);
	}
}

/* A record's rows in form 03 are (a, b)? kinds in the order of assessment_kind, levels 5 4 3 2 1 T
 * S _Z. */
static bool row_03(const struct slow *s, const struct rec *r)
{
	unsigned kind = r->reg == CERTIFICATE && r->contest ? 3 : r->kind,
		 level = r->level == 8	 ? 7
			 : r->level == 7 ? 99
					 : r->level;

	if (level == 99 || (r->reg == CERTIFICATE && r->kind == 6))
		return false;
	return (s->a == 6 || kind == s->a) && (s->b == 8 || level == s->b);
}

static void slow_03(const struct slow *s, int64_t v[6])
{
	bool persons[PERSONS] = { 0 };

	memset(v, 0, 6 * sizeof(*v));
	for (size_t i = 0; i < s->c->n; i++) {
		const struct rec *r = &s->c->recs[i];

		if (!r->live || !in_area(s, r) || !row_03(s, r))
			continue;
		if (r->reg == ASSESSMENT) {
			v[0] += in_span(s, r->enrolled);
			v[1] += r->ended && in_span(s, r->ended) && r->result >= 2;
			v[2] += r->ended && in_span(s, r->ended) && r->result == 3;
		} else if (r->reg == CERTIFICATE) {
			v[3] += in_span(s, r->enrolled);
			v[5] += r->ended && in_span(s, r->ended);
			if (in_span(s, r->enrolled))
				persons[r->person] = true;
		}
	}
	for (unsigned i = 0; i < PERSONS; i++)
		v[4] += persons[i];
}

static void check_failed(void *arg, const struct figures_check *found)
{
	const struct form_check *c = arg;

	fail_msg("check %s: %s: row %zu: %lld against %lld", c->id, c->rule, found->row,
		(long long)found->left, (long long)found->right);
}

/* The hard checks of both forms are laws of counting: they hold whatever is counted. */
static void hold_checks(const struct figures *f, struct store_txn *t)
{
	for (const struct form_check *c = f->form->checks; c; c = c->next)
		if (c->hard)
			assert_int_equal(
				figures_check(c, f, t, check_failed, (void *)(uintptr_t)c), 0);
}

static void compare_figures(struct city *c, struct store_txn *t, const struct form *form,
	uint32_t area, const char *period, bool cumulative)
{
	struct figures f = { .form = form, .area = area, .cumulative = cumulative };
	struct slow s = { .c = c, .area = area };
	bool two = strcmp(form->id, "02") == 0;

	assert_true(period_parse(&f.period, text_of(period)));
	assert_int_equal(figures_open(&f, t), 0);
	s.first = cumulative ? f.period.year * 10000 + 101
			     : f.period.year * 10000 +
				       (period_first_month(&f.period) % 12 + 1) * 100 + 1;
	s.last = f.period.year * 10000 + (period_last_month(&f.period) % 12 + 1) * 100 + 31;
	for (size_t row = 0; row < f.n_rows; row++) {
		int64_t v[15];

		s.a = (unsigned)(row / form_dim_rows(form, 1));
		s.b = (unsigned)(row % form_dim_rows(form, 1));
		if (two)
			slow_02(&s, v);
		else
			slow_03(&s, v);
		for (size_t i = 0; i < form->n_measures; i++)
			if (figures_value(&f, row, i) != v[i])
				fail_msg("form %s %s%s area %u row %zu measure %s: %lld, counted "
					 "%lld",
					form->id, period, cumulative ? " cumulative" : "", area,
					row, form->measures[i].id,
					(long long)figures_value(&f, row, i), (long long)v[i]);
	}
	hold_checks(&f, t);
	figures_close(&f);
}

/* The overlap of 2019: every pair counted the slow way, and the identity. */
static void compare_overlap(struct view *v, struct store_txn *t)
{
	const struct form *two = forms_find(v->forms, TEXT("02"));
	struct overlap *o = calloc(1, sizeof(*o));
	bool in[WORLDS][PERSONS] = { 0 };

	o->form = two;
	o->measure = (size_t)overlap_measure(two);
	assert_string_equal(two->measures[o->measure].id, "4");
	o->first = 2019 * 12;
	o->last = 2019 * 12 + 11;
	o->n = WORLDS;
	memcpy(o->areas, areas, sizeof(areas));
	assert_int_equal(overlap_read(o, t), 0);
	for (size_t i = 0; i < v->city->n; i++) {
		const struct rec *r = &v->city->recs[i];

		if (r->live && r->reg == TRAINING && r->completed && r->ended / 10000 == 2019)
			in[r->world][r->person] = true;
	}
	for (unsigned a = 0; a < WORLDS; a++) {
		for (unsigned b = 0; b < WORLDS; b++) {
			uint64_t n = 0;

			for (unsigned person = 0; person < PERSONS; person++)
				n += in[a][person] && in[b][person];
			assert_int_equal(o->both[a][b], n);
		}
	}
	assert_true(overlap_sum(o) > overlap_persons(o));
	for (unsigned k = 2, more = 0; k <= WORLDS; k++) {
		more += (k - 1) * (unsigned)o->in[k];
		if (k == WORLDS)
			assert_int_equal(overlap_sum(o) - overlap_persons(o), more);
	}
	free(o);
}

static void compare_cells(struct view *v)
{
	const struct form *two = forms_find(v->forms, TEXT("02")),
			  *three = forms_find(v->forms, TEXT("03"));
	struct store_txn *t;
	char period[32];

	assert_int_equal(store_read_begin(v->store, &t, 600000), 0);
	for (unsigned a = 0; a < WORLDS; a++) {
		uint32_t area = areas[a];

		for (int m = 1; m <= 12; m++) {
			snprintf(period, sizeof(period), "2019-%02d", m);
			compare_figures(v->city, t, two, area, period, false);
			compare_figures(v->city, t, two, area, period, true);
		}
		for (int q = 1; q <= 4; q++) {
			snprintf(period, sizeof(period), "2019-Q%d", q);
			compare_figures(v->city, t, two, area, period, false);
			compare_figures(v->city, t, three, area, period, false);
		}
		compare_figures(v->city, t, two, area, "2019", false);
		compare_figures(v->city, t, two, area, "2018", false);
		compare_figures(v->city, t, three, area, "2019", false);
		compare_figures(v->city, t, three, area, "2020", false);
	}
	compare_overlap(v, t);
	store_read_end(t);
}

/* ---- the tests ---- */

static void play(uint64_t seed)
{
	struct city *c = calloc(1, sizeof(*c));
	struct view often, once, backwards;

	chance_state = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	city_open(c);
	view_open(&often, c);
	for (int step = 0; step < 300; step++) {
		one_step(c);
		if (chance(10) == 0)
			ship(c, chance(DISTRICTS), false);
		if (chance(6) == 0)
			view_fold(&often, 1 + chance(20), NULL, 0);
	}
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(c, i, true);
	while (view_fold(&often, 1 + chance(50), NULL, 0))
		;
	view_open(&once, c);
	view_fold(&once, 1000000, NULL, 0);
	assert_int_equal(view_fold(&once, 1000000, NULL, 0), 0);
	view_open(&backwards, c);
	for (unsigned i = WORLDS; i-- > 0;) {
		struct fold_bound most = { areas[i], UINT32_MAX };

		most.position = head_of(&c->worlds[DISTRICTS], areas[i]).position;
		while (view_fold(&backwards, 1 + chance(9), &most, 1))
			;
	}
	compare_views(&often, &once);
	compare_views(&backwards, &once);
	compare_cells(&once);
	view_close(&backwards);
	view_close(&once);
	view_close(&often);
	city_close(c);
	free(c);
}

static void views_depend_on_the_ledgers_only(void **state)
{
	const char *seeds = getenv("TALLY_UNIT_SEEDS");

	(void)state;
	for (uint64_t seed = 1; seed <= (seeds ? strtoull(seeds, NULL, 10) : 4); seed++)
		play(seed);
}

/* ---- a form that the program does not know ---- */

static const char form_13[] =
	"form \"13\" {\n number = n title = t title_en = t issuer = i approver = a approval = a "
	"valid_until = \"2030-12-31\"\n"
	" unit = u unit_en = u edition = 1 periods = {month, half, year}\n"
	" dim \"kind\" { zh = k en = k codes = certificate_kind rows = {level_social, "
	"level_employer} }\n"
	" measure \"1\" { zh = z en = e register = certificate date = issued_on where = \"source "
	"!= contest\" }\n"
	" measure \"2\" { zh = z en = e of = 1 distinct = {level} }\n"
	" measure \"3\" { zh = z en = e of = 1 distinct = {district, level} }\n"
	" check \"13-1\" { level = hard rule = \"1 = 1 + 1\" }\n"
	" check \"13-2\" { level = hard rule = \"2 <= 3\" }\n}\n";

static void count_failures(void *arg, const struct figures_check *found)
{
	assert_true(found->left != found->right);
	++*(size_t *)arg;
}

static void slow_13(const struct city *c, uint32_t area, int half, size_t row, int64_t v[3])
{
	bool by_level[8] = { 0 }, by_district[WORLDS][8] = { 0 };

	memset(v, 0, 3 * sizeof(*v));
	for (size_t i = 0; i < c->n; i++) {
		const struct rec *r = &c->recs[i];
		int month = r->enrolled / 100 % 100;
		bool counted = r->live && r->reg == CERTIFICATE && !r->contest &&
			       r->enrolled / 10000 == 2019 && (month > 6) == (half == 2);

		/* rows: level_social, level_employer, total */
		if (!counted || (r->kind != 1 && r->kind != 2) || (row == 0 && r->kind != 2) ||
			(row == 1 && r->kind != 1) || (area != CITY && areas[r->world] != area))
			continue;
		v[0]++;
		by_level[r->level] = true;
		by_district[r->world][r->level] = true;
	}
	for (unsigned l = 0; l < 8; l++) {
		v[1] += by_level[l];
		for (unsigned w = 0; w < WORLDS; w++)
			v[2] += by_district[w][l];
	}
}

static void a_form_written_as_a_file_only_is_counted(void **state)
{
	struct form_source source = { "13.form", form_13 };
	struct city *c = calloc(1, sizeof(*c));
	struct errmsg m = { "" };
	struct store_txn *t;
	struct view v;

	(void)state;
	chance_state = 13;
	city_open(c);
	view_open(&v, c);
	forms_close(v.forms);
	fold_close(v.fold);
	v.forms = forms_open(&source, 1, &m);
	if (!v.forms)
		fail_msg("%s", m.text);
	v.fold = fold_open(v.forms, CITY);
	for (int step = 0; step < 300; step++) {
		one_step(c);
		if (chance(20) == 0) {
			ship(c, chance(DISTRICTS), true);
			view_fold(&v, 30, NULL, 0);
		}
	}
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(c, i, true);
	while (view_fold(&v, 1000, NULL, 0))
		;
	assert_int_equal(store_read_begin(v.store, &t, 60000), 0);
	for (unsigned k = 0; k < 2 * WORLDS; k++) {
		struct figures f = { .form = v.forms->forms[0],
			.area = areas[k / 2],
			.period = { PERIOD_HALF, 2019, (int)k % 2 + 1 } };
		size_t failed = 0, nonzero = 0;

		assert_int_equal(figures_open(&f, t), 0);
		assert_int_equal(f.n_rows, 3);
		for (size_t row = 0; row < 3; row++) {
			int64_t slow[3], at[3];

			slow_13(c, f.area, f.period.index, row, slow);
			for (size_t i = 0; i < 3; i++)
				at[i] = figures_value(&f, row, i);
			assert_memory_equal(at, slow, sizeof(slow));
			nonzero += slow[0] != 0;
		}
		for (const struct form_check *check = f.form->checks; check; check = check->next)
			assert_int_equal(figures_check(check, &f, t, count_failures, &failed), 0);
		assert_int_equal(failed, nonzero); /* 13-1, wherever something is; 13-2 nowhere */
		assert_true(f.area != CITY || nonzero == 3);
		figures_close(&f);
	}
	store_read_end(t);
	view_close(&v);
	city_close(c);
	free(c);
}

/* When everything is taken back nothing is left but positions and findings. */
static void retracting_all_leaves_nothing(void **state)
{
	struct city *c = calloc(1, sizeof(*c));
	struct store_txn *t;
	struct view v;

	(void)state;
	chance_state = 99;
	city_open(c);
	view_open(&v, c);
	for (int i = 0; i < 150; i++)
		rec_write(c, rec_new(c));
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(c, i, true);
	view_fold(&v, 100000, NULL, 0);
	for (size_t i = 0; i < c->n; i++)
		rec_retract(c, &c->recs[i]);
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(c, i, true);
	while (view_fold(&v, 17, NULL, 0))
		;
	assert_int_equal(store_read_begin(v.store, &t, 60000), 0);
	assert_int_equal(store_count(t, VIEW_FOLD), WORLDS);
	assert_int_equal(store_count(t, VIEW_RECORD), 0);
	assert_int_equal(store_count(t, VIEW_PERSON), 0);
	assert_int_equal(store_count(t, VIEW_GROUP), 0);
	assert_int_equal(store_count(t, VIEW_CELL), 0);
	store_read_end(t);
	view_close(&v);
	city_close(c);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_depend_on_the_ledgers_only),
		cmocka_unit_test(a_form_written_as_a_file_only_is_counted),
		cmocka_unit_test(retracting_all_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
