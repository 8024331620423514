/* The records that made a difference: whoever applies to the earlier state just these, gets the
 * later figures. And no more are named than bring something else. */
#include "tests/unit/figures_fixture.h"

#include "daemon/figures/frozen.h"
#include "daemon/periods/touched.h"

#define BEFORE 420
#define AFTER 160
#define NAMED_MAX 2000

static const struct {
	const char *form, *period;
} questions[] = { { "02", "2019-05" }, { "02", "2019" }, { "03", "2019-Q2" }, { "01", "2019" },
	{ "12A", "2019-05" } };

static void steps(struct city *c, int n)
{
	for (int i = 0; i < n; i++) {
		struct rec *r = c->n ? &c->recs[chance((uint32_t)c->n)] : NULL;
		unsigned dice = chance(100);

		if (!r || dice < 55) {
			rec_write(c, rec_new(c));
		} else if (dice < 85) {
			if (chance(4)) /* else it is sent once more as it is */
				rec_shuffle(r);
			r->live = true;
			rec_write(c, r);
		} else {
			rec_retract(c, r);
			r->live = false;
		}
	}
}

static void ship_all(struct city *c)
{
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(c, i, true);
}

static void positions(struct city *c, struct fold_bound out[WORLDS])
{
	for (unsigned i = 0; i < WORLDS; i++) {
		unsigned k = (i + DISTRICTS) % WORLDS; /* ascending: the city first */

		out[i] = (struct fold_bound){ areas[k],
			head_of(&c->worlds[DISTRICTS], areas[k]).position };
	}
}

/* ---- the figures of a city ---- */

static void figures_of(struct city *c, const char *form, const char *period, struct buf *out)
{
	static const uint32_t shown[] = { CITY, 310101, 310112, 310115 };
	struct frozen_ask ask = { .areas = shown, .n_areas = 4, .closed = true };
	struct store_txn *t;
	struct view v;

	view_open(&v, c);
	view_fold(&v, 1000000, NULL, 0);
	ask.form = forms_find(v.forms, text_of(form));
	assert_true(period_parse(&ask.period, text_of(period)));
	assert_int_equal(store_read_begin(v.store, &t, 60000), 0);
	assert_int_equal(frozen_text(&ask, t, out), 0);
	store_read_end(t);
	view_close(&v);
}

/* ---- what is named ---- */

struct named {
	struct touched at[NAMED_MAX];
	char keys[NAMED_MAX][96], regs[NAMED_MAX][32];
	size_t n;
};

static void name_one(void *arg, const struct touched *t)
{
	struct named *n = arg;

	assert_true(n->n < NAMED_MAX && t->key.n < 96);
	n->at[n->n] = *t;
	snprintf(n->keys[n->n], 96, "%.*s", (int)t->key.n, t->key.p);
	snprintf(n->regs[n->n], 32, "%.*s", (int)t->reg.n, t->reg.p);
	n->at[n->n].key = text_of(n->keys[n->n]);
	n->at[n->n].reg = text_of(n->regs[n->n]);
	n->n++;
}

static void name_all(struct city *c, const char *form, const char *period,
	const struct fold_bound from[WORLDS], const struct fold_bound to[WORLDS], struct named *out)
{
	struct errmsg m;
	struct forms *fs = forms_open(form_sources, form_sources_n, &m);
	struct touching t = { .ledger = city_ledger(c),
		.forms = fs,
		.form = forms_find(fs, text_of(form)),
		.city = CITY,
		.from = from,
		.n_from = WORLDS,
		.to = to,
		.n_to = WORLDS,
		.closed_ms = AT_MS,
		.fn = name_one,
		.arg = out };

	out->n = 0;
	assert_true(period_parse(&t.period, text_of(period)));
	assert_int_equal(touched_walk(&t), 0);
	forms_close(fs);
}

/* Writes into `c` what `of` names in the ledgers of `from`. */
static void apply(struct city *c, struct city *from, const struct named *of)
{
	for (size_t i = 0; i < of->n; i++) {
		const struct touched *t = &of->at[i];
		struct entry_draft d = { .kind = TALLY__ENTRY_KIND__RETRACT,
			.at_ms = AT_MS,
			.reg = t->reg,
			.key = t->key,
			.reason = TEXT("named") };
		struct store_txn *ledgers = snapshot(&from->worlds[DISTRICTS]);
		struct entry_view e;
		struct text bytes;
		unsigned w = 0;

		while (areas[w] != t->origin)
			w++;
		if (t->after) {
			assert_int_equal(ledger_get(ledgers, t->origin, t->after, &bytes), 0);
			assert_int_equal(entry_unpack(&e, bytes, NULL), 0);
			d.kind = TALLY__ENTRY_KIND__RECORD;
			d.body = e.body;
			d.key = d.reason = (struct text){ 0 };
		}
		entry_put(&c->worlds[w], &d);
		store_read_end(ledgers);
	}
}

static size_t named_all, changed_all;

static void play(uint64_t seed)
{
	struct city *all = calloc(1, sizeof(*all)), *some = calloc(1, sizeof(*some));
	struct named *named = calloc(1, sizeof(*named));
	struct fold_bound from[WORLDS], to[WORLDS];
	struct buf expected = { 0 }, got = { 0 }, before = { 0 };

	chance_state = seed;
	city_open(all);
	steps(all, BEFORE);
	ship_all(all);
	positions(all, from);
	steps(all, AFTER);
	ship_all(all);
	positions(all, to);
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
		const char *form = questions[i].form, *period = questions[i].period;

		name_all(all, form, period, from, to, named);
		chance_state = seed;
		memset(some, 0, sizeof(*some));
		city_open(some);
		steps(some, BEFORE);
		ship_all(some);
		buf_reset(&before);
		figures_of(some, form, period, &before);
		apply(some, all, named);
		ship_all(some);
		buf_reset(&expected);
		buf_reset(&got);
		figures_of(all, form, period, &expected);
		figures_of(some, form, period, &got);
		assert_false(text_eq(buf_as_text(&before), buf_as_text(&expected)));
		if (!text_eq(buf_as_text(&got), buf_as_text(&expected)))
			fail_msg("seed %llu form %s %s: what is named does not make the difference",
				(unsigned long long)seed, form, period);
		print_message("seed %llu form %s %s: %zu named\n", (unsigned long long)seed, form,
			period, named->n);
		assert_true(named->n > 0);
		named_all += named->n;
		changed_all += AFTER;
		city_close(some);
	}
	buf_deinit(&expected);
	buf_deinit(&got);
	buf_deinit(&before);
	city_close(all);
	free(named);
	free(some);
	free(all);
}

static void what_is_named_makes_the_difference(void **state)
{
	const char *seeds = getenv("TALLY_UNIT_SEEDS");

	(void)state;
	for (uint64_t seed = 1; seed <= (seeds ? strtoull(seeds, NULL, 10) : 2); seed++)
		play(seed);
	print_message("%zu of %zu\n", named_all, changed_all);
	assert_true(named_all * 3 < changed_all * 2);
}

/* Nothing is named when nothing lies in between, nor what a form does not look at. */
static void what_brings_the_same_is_not_named(void **state)
{
	struct city *c = calloc(1, sizeof(*c));
	struct named *named = calloc(1, sizeof(*named));
	struct fold_bound from[WORLDS], to[WORLDS];
	struct rec r = { .live = true,
		.reg = TRAINING,
		.world = 0,
		.key = 1,
		.person = 1,
		.sex = 1,
		.enrolled = 20190310,
		.ended = 20190520,
		.completed = true };

	(void)state;
	city_open(c);
	rec_write(c, &r);
	ship_all(c);
	positions(c, from);
	name_all(c, "02", "2019-05", from, from, named);
	assert_int_equal(named->n, 0);
	rec_write(c, &r); /* once more */
	r.key = 2;
	r.enrolled = r.ended = 20200115; /* of another year */
	rec_write(c, &r);
	r.key = 3;
	rec_write(c, &r);
	rec_retract(c, &r); /* came and went */
	r.reg = ASSESSMENT;
	r.enrolled = 20190512;
	rec_write(c, &r);
	ship_all(c);
	positions(c, to);
	name_all(c, "02", "2019-05", from, to, named);
	assert_int_equal(named->n, 0);
	name_all(c, "03", "2019-Q2", from, to, named);
	assert_int_equal(named->n, 1);
	assert_int_equal(named->at[0].what, TOUCHED_NEW);
	assert_string_equal(named->regs[0], "assessment");
	/* cumulative: what lies before the month counts in it */
	r = (struct rec){ .live = true,
		.reg = TRAINING,
		.world = 1,
		.key = 9,
		.person = 2,
		.sex = 2,
		.enrolled = 20190105,
		.ended = 20190210,
		.completed = true };
	rec_write(c, &r);
	ship_all(c);
	memcpy(from, to, sizeof(to));
	positions(c, to);
	name_all(c, "02", "2019-05", from, to, named);
	assert_int_equal(named->n, 1);
	name_all(c, "02", "2019-01", from, to, named);
	assert_int_equal(named->n, 1);
	name_all(c, "02", "2019-Q2", from, to, named);
	assert_int_equal(named->n, 0);
	city_close(c);
	free(named);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_named_makes_the_difference),
		cmocka_unit_test(what_brings_the_same_is_not_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
