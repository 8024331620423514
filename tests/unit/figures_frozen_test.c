/* Frozen figures: the text says what the figures are, cell by cell, and nothing that is held back;
 * and what was put into a ledger is read back, or the entry that is broken is named. */
#include "tests/unit/figures_survey_fixture.h"

#include "daemon/figures/frozen.h"
#include "proto/survey.pb-c.h"

/* ---- the text ---- */

static const struct kind table[] = {
	{ "wage", false, 0, NULL,
		{ { "uscc", 'u', NULL, 0, 0, 7 }, { "year", 'n', NULL, 0, 2018, 2019 },
			{ "item", 'n', NULL, 0, 0, 9 }, { "occupation", 'o', NULL, 0, 0, 2 },
			{ "level", 'c', "level", 6, 2, 3 },
			{ "annual_pay", 'n', NULL, 0, 5000000, 5000099 } } },
};

static void repair(struct item *r)
{
	r->v[0] = r->key / WORLDS % 7;
	r->v[2] = r->key;
	r->v[3] = r->key / WORLDS % 3;
}

/* Where the next line must be what is expected. */
static void line_is(struct text *rest, const char *expected)
{
	size_t n = strlen(expected);

	if (rest->n < n || memcmp(rest->p, expected, n) != 0)
		fail_msg("expected %s, got %.*s", expected, (int)(rest->n < 80 ? rest->n : 80),
			rest->p);
	rest->p += n;
	rest->n -= n;
}

/* The value of a cell, printed by this test. */
static void value_print_slow(const struct figures *f, size_t row, size_t m, char out[64])
{
	long long v = (long long)figures_value(f, row, m);
	uint8_t mark = figures_mark(f, row, m);
	enum measure_format format = f->form->measures[m].format;

	out[0] = 0;
	if (mark & (MARK_NONE | MARK_MISSING | MARK_CONFIDENTIAL | MARK_SECONDARY))
		return;
	if (mark & MARK_WHOLE)
		sprintf(out, "%lld", v / 100);
	else if (format == FORMAT_MONEY || format == FORMAT_HUNDREDTHS)
		sprintf(out, "%s%lld.%02lld", v < 0 ? "-" : "", llabs(v) / 100, llabs(v) % 100);
	else if (format == FORMAT_TENTHS && v % 10)
		sprintf(out, "%s%lld.%lld", v < 0 ? "-" : "", llabs(v) / 10, llabs(v) % 10);
	else
		sprintf(out, "%lld", format == FORMAT_TENTHS ? v / 10 : v);
}

static size_t held_lines, lines;

static void area_is(struct text *rest, const struct figures *f, bool cumulative)
{
	const struct form *form = f->form;

	for (size_t at = 0; at < f->n_rows * form->n_measures; at++) {
		size_t m = at % form->n_measures, row = at / form->n_measures;
		uint8_t mark = figures_mark(f, row, m);
		uint16_t rows[FORM_DIMS_MAX];
		char line[512], value[64];
		int n;

		if (form->measures[m].hidden ||
			(!figures_value(f, row, m) &&
				!(mark & (MARK_MISSING | MARK_CONFIDENTIAL | MARK_SECONDARY))))
			continue;
		figures_row(form, row, rows);
		n = sprintf(line, "%d,%06u,", cumulative, f->area);
		for (size_t d = 0; d < form->n_dims; d++)
			n += sprintf(line + n, "%s,",
				rows[d] == ROW_TOTAL ? "_T" : form->dims[d].rows[rows[d]].code);
		value_print_slow(f, row, m, value);
		sprintf(line + n, "%s,%s,%s,%s\n", form->measures[m].id, value,
			mark & MARK_MISSING ? "M"
			: mark & MARK_NONE  ? "_Z"
					    : "A",
			mark & MARK_CONFIDENTIAL ? "C"
			: mark & MARK_SECONDARY	 ? "D"
						 : "F");
		line_is(rest, line);
		held_lines += (mark & (MARK_CONFIDENTIAL | MARK_SECONDARY)) != 0;
		lines++;
	}
}

/* The text back into figures, and those into lines again. A damaged text is refused, or is figures
 * of something else: never a crash. */
static void text_comes_back(const struct frozen_ask *ask, struct text text)
{
	struct buf again = { 0 }, bad = { 0 };
	int months = ask->form->cumulative && ask->period.kind == PERIOD_MONTH;

	for (int cumulative = ask->form->always_cumulative && months; cumulative <= months;
		cumulative++) {
		for (size_t i = 0; i < ask->n_areas; i++) {
			struct figures_lines how = {
				.before = cumulative ? "1," : "0,", .after = "\n", .closed = true
			};
			struct figures f = { .form = ask->form,
				.period = ask->period,
				.cumulative = cumulative,
				.area = ask->areas[i] };

			assert_int_equal(frozen_figures(text, &f), 0);
			figures_lines(&again, &f, &how);
			figures_close(&f);
		}
	}
	assert_int_equal(again.n, text.n);
	if (text.n)
		assert_memory_equal(again.p, text.p, text.n);
	for (int i = 0; text.n && i < 200; i++) {
		struct figures f = {
			.form = ask->form, .period = ask->period, .area = ask->areas[0]
		};

		buf_reset(&bad);
		buf_text(&bad, text);
		for (int k = 0; k < 3; k++)
			bad.p[chance(bad.n)] = "\n,0.-9_Tx\xff"[chance(10)];
		if (frozen_figures(buf_as_text(&bad), &f) == 0)
			figures_close(&f);
	}
	buf_deinit(&again);
	buf_deinit(&bad);
}

static void text_is_figures(const struct form *form, const char *period, struct store_txn *t)
{
	static const uint32_t shown[] = { CITY, 310101, 310112, 310115 };
	struct frozen_ask ask = { .form = form, .areas = shown, .n_areas = 4, .closed = true };
	struct buf text = { 0 }, one = { 0 };
	struct text rest;

	assert_true(period_parse(&ask.period, text_of(period)));
	assert_int_equal(frozen_text(&ask, t, &text), 0);
	rest = buf_as_text(&text);
	for (int cumulative = form->always_cumulative && ask.period.kind == PERIOD_MONTH;
		cumulative <= (form->cumulative && ask.period.kind == PERIOD_MONTH); cumulative++) {
		struct figures f[4];

		for (size_t i = 0; i < 4; i++) {
			f[i] = (struct figures){ .form = form,
				.period = ask.period,
				.cumulative = cumulative,
				.area = shown[i] };
			assert_int_equal(figures_open(&f[i], t), 0);
		}
		assert_int_equal(figures_hold(f, 4), 0);
		for (size_t i = 0; i < 4; i++) {
			area_is(&rest, &f[i], cumulative);
			figures_close(&f[i]);
		}
	}
	assert_int_equal(rest.n, 0);
	text_comes_back(&ask, buf_as_text(&text));
	/* one area is its lines of the whole */
	ask.only = 310112;
	assert_int_equal(frozen_text(&ask, t, &one), 0);
	for (const char *p = text.p, *q = one.p; p && *p; p = strchr(p, '\n') + 1) {
		size_t n = (size_t)(strchr(p, '\n') + 1 - p);

		if (memcmp(p + 2, "310112", 6) != 0)
			continue;
		assert_memory_equal(p, q, n);
		q += n;
		one.n -= n;
	}
	assert_int_equal(one.n, 0);
	buf_deinit(&text);
	buf_deinit(&one);
}

static void the_text_is_the_figures(void **state)
{
	struct city *c = calloc(1, sizeof(*c));
	struct store_txn *t;
	struct view v;

	(void)state;
	chance_state = 7;
	city_open(c);
	for (int i = 0; i < 900; i++)
		rec_write(c, rec_new(c));
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(c, i, true);
	view_open(&v, c);
	view_fold(&v, 100000, NULL, 0);
	assert_int_equal(store_read_begin(v.store, &t, 60000), 0);
	lines = 0;
	text_is_figures(forms_find(v.forms, TEXT("02")), "2019-05", t);
	text_is_figures(forms_find(v.forms, TEXT("02")), "2019", t);
	text_is_figures(forms_find(v.forms, TEXT("03")), "2019-Q2", t);
	text_is_figures(forms_find(v.forms, TEXT("01")), "2019", t);
	text_is_figures(forms_find(v.forms, TEXT("12A")), "2019-05", t);
	assert_true(lines > 500);
	store_read_end(t);
	view_close(&v);
	city_close(c);
	free(c);
}

static void judge_held(struct people *p, const struct forms *forms, struct store_txn *t)
{
	(void)p;
	text_is_figures(forms_find(forms, TEXT("11")), "2019", t);
}

static void what_is_held_back_is_not_frozen(void **state)
{
	struct people *p = calloc(1, sizeof(*p));

	(void)state;
	held_lines = 0;
	p->kinds = table;
	p->n_kinds = 1;
	p->repair = repair;
	people_play(p, 3, 300, judge_held);
	print_message("lines held back: %zu\n", held_lines);
	assert_true(held_lines > 5);
	free(p);
}

static void a_period_that_the_form_has_not_is_refused(void **state)
{
	static const uint32_t shown[] = { CITY };
	struct errmsg m;
	struct forms *fs;
	struct buf out = { 0 };
	struct frozen_ask ask = { .areas = shown, .n_areas = 1 };

	(void)state;
	assert_null(registers_init());
	fs = forms_open(form_sources, form_sources_n, &m);
	ask.form = forms_find(fs, TEXT("01"));
	assert_true(period_parse(&ask.period, TEXT("2019-05")));
	assert_int_equal(frozen_text(&ask, NULL, &out), ERR_INVALID);
	assert_int_equal(out.n, 0);
	forms_close(fs);
}

/* ---- in a ledger ---- */

struct putting {
	struct world *w;
	const struct frozen *f;
	uint64_t first;
};

static int putting_job(struct store_txn *t, void *arg)
{
	struct putting *p = arg;
	struct entry_draft like = { .at_ms = AT_MS, .author = TEXT("director") };

	p->first = frozen_append(t, p->w->l, p->f, &like);
	return store_txn_err(t);
}

static int read_back(
	struct world *w, const struct frozen_place *at, struct buf *out, uint64_t *broken)
{
	struct store_txn *t = snapshot(w);
	int err = frozen_read(t, at, out, broken);

	store_read_end(t);
	return err;
}

/* Lines as figures have them, or noise that cannot be packed. */
static void text_fill(struct buf *b, size_t n, bool noise)
{
	buf_reset(b);
	while (b->n < n) {
		if (noise) {
			uint8_t c = (uint8_t)chance(256);

			buf_put(b, &c, 1);
		} else {
			buf_printf(b, "0,3101%02u,K%u,_T,%u,%u,A,F\n", chance(16), chance(60),
				chance(16), chance(90000));
		}
	}
	b->n = n;
}

static struct frozen_place put(
	struct world *w, enum frozen_kind kind, struct text text, struct frozen *f)
{
	struct putting p = { .w = w, .f = f };

	assert_int_equal(frozen_pack(f, kind, text), 0);
	assert_int_equal(store_write(ledger_store(w->l), putting_job, &p, 0), 0);
	assert_true((p.first != 0) == (f->n != 0));
	return (struct frozen_place){ kind, w->own, p.first, f->n, f->digest };
}

static void what_is_put_is_read(void **state)
{
	static const size_t sizes[] = { 0, 1, 100, 15872, 131072, 131073, 700000, 5000000 };
	struct buf text = { 0 }, got = { 0 };
	struct world w;
	uint64_t broken;

	(void)state;
	chance_state = 1;
	world_open(&w, CITY, 1);
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
		struct frozen f;
		struct frozen_place at;

		text_fill(&text, sizes[i / 2], i % 2 && i < 14);
		at = put(&w, i % 2 ? FROZEN_FORMS : FROZEN_FIGURES, buf_as_text(&text), &f);
		assert_int_equal(read_back(&w, &at, &got, &broken), 0);
		assert_int_equal(got.n, text.n);
		if (got.n)
			assert_memory_equal(got.p, text.p, text.n);
		print_message("%zu bytes: %u parts\n", text.n, f.n);
		frozen_deinit(&f);
	}
	assert_int_equal(verdict_of(&w, CITY).err, 0);
	buf_deinit(&text);
	buf_deinit(&got);
	world_close(&w);
}

static void one_bit_names_its_entry(void **state)
{
	struct buf text = { 0 }, got = { 0 };
	struct frozen_place at;
	struct frozen f;
	struct world w;

	(void)state;
	chance_state = 2;
	world_open(&w, CITY, 1);
	text_fill(&text, 900000, false);
	at = put(&w, FROZEN_FIGURES, buf_as_text(&text), &f);
	assert_true(f.n >= 3);
	for (uint32_t i = 0; i < f.n; i++) {
		static uint8_t value[LEDGER_ENTRY_MAX + 256];
		uint8_t key[ROW_KEY_BYTES];
		struct text kt = row_key(key, CITY, at.first + i);
		size_t n = raw_get(&w, LEDGER_ENTRY, kt, value, sizeof(value)),
		       bit = chance((uint32_t)n * 8);
		uint64_t broken = 0;

		value[bit / 8] ^= (uint8_t)(1u << bit % 8);
		raw_put(&w, LEDGER_ENTRY, kt, (struct text){ (const char *)value, n });
		assert_int_equal(read_back(&w, &at, &got, &broken), ERR_DAMAGED);
		assert_int_equal(broken, at.first + i);
		value[bit / 8] ^= (uint8_t)(1u << bit % 8);
		raw_put(&w, LEDGER_ENTRY, kt, (struct text){ (const char *)value, n });
	}
	frozen_deinit(&f);
	buf_deinit(&text);
	buf_deinit(&got);
	world_close(&w);
}

static void a_place_that_is_none_is_refused(void **state)
{
	struct buf text = { 0 }, got = { 0 };
	uint8_t other[HASH_BYTES] = { 1 };
	struct frozen_place at, wrong;
	struct frozen f;
	struct world w;
	uint64_t broken;

	(void)state;
	chance_state = 3;
	world_open(&w, CITY, 1);
	text_fill(&text, 300000, false);
	at = put(&w, FROZEN_FIGURES, buf_as_text(&text), &f);
	wrong = at;
	wrong.digest = other;
	assert_int_equal(read_back(&w, &wrong, &got, &broken), ERR_DAMAGED);
	assert_int_equal(broken, 0);
	wrong = at;
	wrong.first--; /* not an entry of figures */
	assert_int_equal(read_back(&w, &wrong, &got, &broken), ERR_DAMAGED);
	assert_int_equal(broken, at.first - 1);
	wrong = at;
	wrong.first++;
	assert_int_equal(read_back(&w, &wrong, &got, &broken), ERR_DAMAGED);
	wrong = at;
	wrong.kind = FROZEN_FORMS;
	assert_int_equal(read_back(&w, &wrong, &got, &broken), ERR_DAMAGED);
	wrong = at;
	wrong.first = 1000000;
	assert_int_equal(read_back(&w, &wrong, &got, &broken), ERR_NOTFOUND);
	assert_int_equal(broken, 1000000);
	wrong = at;
	wrong.parts = UINT32_MAX;
	assert_int_equal(read_back(&w, &wrong, &got, &broken), ERR_INVALID);
	wrong = at;
	wrong.first = 0;
	assert_int_equal(read_back(&w, &wrong, &got, &broken), ERR_INVALID);
	frozen_deinit(&f);
	buf_deinit(&text);
	buf_deinit(&got);
	world_close(&w);
}

/* Bodies that were changed anywhere are refused or give the same; never more than a slice. */
static void hostile_parts_are_bounded(void **state)
{
	struct buf text = { 0 }, got = { 0 };
	struct frozen f;

	(void)state;
	chance_state = 4;
	text_fill(&text, 40000, false);
	assert_int_equal(frozen_pack(&f, FROZEN_FIGURES, buf_as_text(&text)), 0);
	for (int i = 0; i < 20000; i++) {
		size_t at = chance((uint32_t)f.ends[0]);
		char was = f.bodies.p[at];
		size_t n = chance(4) ? f.ends[0] : chance((uint32_t)f.ends[0]);

		f.bodies.p[at] = (char)(was ^ (1 << chance(8)));
		buf_reset(&got);
		(void)!frozen_open_part(
			FROZEN_FIGURES, (struct text){ f.bodies.p, n }, 1, f.n, &got);
		assert_true(got.n <= 128 * 1024);
		f.bodies.p[at] = was;
	}
	frozen_deinit(&f);
	buf_deinit(&text);
	buf_deinit(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_is_the_figures),
		cmocka_unit_test(what_is_held_back_is_not_frozen),
		cmocka_unit_test(a_period_that_the_form_has_not_is_refused),
		cmocka_unit_test(what_is_put_is_read),
		cmocka_unit_test(one_bit_names_its_entry),
		cmocka_unit_test(a_place_that_is_none_is_refused),
		cmocka_unit_test(hostile_parts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
