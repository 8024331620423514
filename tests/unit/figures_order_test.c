/* The same ledgers, folded in ten random interleavings, give bit-equal views: records, corrections,
 * retractions, signatures, decisions, versions with their figures and forms, identity cases. A
 * digest of every view is printed. */
#include "tests/unit/figures_fixture.h"

#include "daemon/figures/frozen.h"
#include "proto/identity.pb-c.h"
#include "proto/survey.h"

#define STEPS 500
#define ORDERS 10
#define DECISIONS ORIGIN_DECISIONS(CITY)
#define GIVE(m, field, v) ((m).has_##field = true, (m).field = (v))

static const char *const form_ids[] = { "01", "02", "03", "12A" };
static const char *const periods[] = { "2019", "2019-Q2", "2019-05", "2018" };

struct story {
	struct city c;
	uint64_t signed_at[DISTRICTS]; /* newest RETURN of each */
	unsigned numbers;
};

static struct world *city_world(struct story *s)
{
	return &s->c.worlds[DISTRICTS];
}

/* ---- what is appended together ---- */

struct together {
	struct world *w;
	struct entry_draft like, last;
	struct frozen *figures;
	uint64_t first;
};

static int together_job(struct store_txn *t, void *arg)
{
	struct together *x = arg;

	if (x->figures)
		x->first = frozen_append(t, x->w->l, x->figures, &x->like);
	if (x->last.kind)
		ledger_append(t, x->w->l, &x->last);
	return store_txn_err(t);
}

static uint64_t put(
	struct world *w, uint32_t origin, struct frozen *figures, uint32_t kind, struct text body)
{
	struct together x = { .w = w, .figures = figures };

	x.like = (struct entry_draft){ .origin = origin, .at_ms = AT_MS };
	if (kind)
		x.last = (struct entry_draft){
			.origin = origin, .kind = kind, .at_ms = AT_MS, .body = body
		};
	assert_int_equal(store_write(ledger_store(w->l), together_job, &x, 0), 0);
	return x.first;
}

static void text_make(struct frozen *f, enum frozen_kind kind)
{
	struct buf text = { 0 };

	for (unsigned n = chance(2000); n; n--)
		buf_printf(&text, "0,310000,K%u,1,%u,A,F\n", n, chance(100000));
	assert_int_equal(frozen_pack(f, kind, buf_as_text(&text)), 0);
	buf_deinit(&text);
}

/* ---- kinds of entry ---- */

static void sign(struct story *s)
{
	unsigned district = chance(DISTRICTS);
	struct world *w = &s->c.worlds[district];
	Tally__Return r = TALLY__RETURN__INIT;
	uint8_t body[512];
	struct frozen f;

	text_make(&f, FROZEN_FIGURES);
	GIVE(r, form, bytes_of(form_ids[chance(4)]));
	GIVE(r, edition, bytes_of("1"));
	GIVE(r, period, bytes_of(periods[chance(4)]));
	GIVE(r, position, head_of(w, w->own).position);
	GIVE(r, by, bytes_of("甲"));
	GIVE(r, approve, bytes_of("乙"));
	GIVE(r, parts, f.n);
	GIVE(r, digest, ((ProtobufCBinaryData){ HASH_BYTES, f.digest }));
	r.figures = put(w, 0, &f, 0, (struct text){ 0 });
	r.has_figures = r.figures != 0;
	put(w, 0, NULL, TALLY__ENTRY_KIND__RETURN,
		(struct text){ (const char *)body, tally__return__pack(&r, body) });
	s->signed_at[district] = head_of(w, w->own).position;
	frozen_deinit(&f);
}

static void decide(struct story *s)
{
	unsigned district = chance(DISTRICTS);
	Tally__Decision d = TALLY__DECISION__INIT;
	uint8_t body[512];

	GIVE(d, form, bytes_of(form_ids[chance(4)]));
	GIVE(d, period, bytes_of(periods[chance(4)]));
	GIVE(d, area, areas[district]);
	GIVE(d, position, s->signed_at[district] + 1 + chance(3));
	GIVE(d, accepted, chance(2));
	GIVE(d, words, bytes_of("请核实"));
	put(city_world(s), DECISIONS, NULL, TALLY__ENTRY_KIND__DECISION,
		(struct text){ (const char *)body, tally__decision__pack(&d, body) });
}

static void version(struct story *s)
{
	Tally__Version v = TALLY__VERSION__INIT;
	Tally__Version__Position at[WORLDS], *refs[WORLDS];
	uint8_t heads[WORLDS][HASH_BYTES];
	uint32_t shown[] = { CITY };
	struct frozen figures, forms;
	uint8_t body[4096];

	for (unsigned i = 0; i < WORLDS; i++) {
		struct ledger_head h = head_of(city_world(s), areas[i]);

		memcpy(heads[i], h.head, HASH_BYTES);
		at[i] = (Tally__Version__Position)TALLY__VERSION__POSITION__INIT;
		GIVE(at[i], origin, areas[i]);
		GIVE(at[i], position, h.position);
		GIVE(at[i], head, ((ProtobufCBinaryData){ HASH_BYTES, heads[i] }));
		refs[i] = &at[i];
	}
	text_make(&figures, FROZEN_FIGURES);
	text_make(&forms, FROZEN_FORMS);
	GIVE(v, form, bytes_of(form_ids[chance(4)]));
	GIVE(v, edition, bytes_of("1"));
	GIVE(v, period, bytes_of(periods[chance(4)]));
	GIVE(v, number, ++s->numbers);
	GIVE(v, class_, bytes_of("routine"));
	v.positions = refs;
	v.n_positions = WORLDS;
	GIVE(v, forms, put(city_world(s), DECISIONS, &forms, 0, (struct text){ 0 }));
	GIVE(v, forms_parts, forms.n);
	GIVE(v, forms_digest, ((ProtobufCBinaryData){ HASH_BYTES, forms.digest }));
	v.figures = put(city_world(s), DECISIONS, &figures, 0, (struct text){ 0 });
	v.has_figures = v.figures != 0;
	GIVE(v, parts, figures.n);
	GIVE(v, digest, ((ProtobufCBinaryData){ HASH_BYTES, figures.digest }));
	v.areas = shown;
	v.n_areas = 1;
	put(city_world(s), DECISIONS, NULL, TALLY__ENTRY_KIND__VERSION,
		(struct text){ (const char *)body, tally__version__pack(&v, body) });
	frozen_deinit(&figures);
	frozen_deinit(&forms);
}

/* A link between two persons, proposed and then decided by somebody else. */
static void link_two(struct story *s)
{
	Tally__Case body = TALLY__CASE__INIT;
	uint8_t a[16], b[16], packed[128];
	unsigned x = chance(PERSONS), y = (x + 1 + chance(3)) % PERSONS;

	pid_of(x, a);
	pid_of(y, b);
	GIVE(body, a, ((ProtobufCBinaryData){ 16, memcmp(a, b, 16) < 0 ? a : b }));
	GIVE(body, b, ((ProtobufCBinaryData){ 16, memcmp(a, b, 16) < 0 ? b : a }));
	GIVE(body, act, chance(3) ? TALLY__CASE_ACT__CASE_LINK : TALLY__CASE_ACT__CASE_UNLINK);
	for (unsigned i = 0; i < 2; i++) {
		struct entry_draft e = { .kind = TALLY__ENTRY_KIND__CASE,
			.at_ms = AT_MS,
			.author = i ? TEXT("li") : TEXT("wang") };

		if (i)
			GIVE(body, decides, head_of(city_world(s), CITY).position);
		e.body = (struct text){ (const char *)packed, tally__case__pack(&body, packed) };
		entry_put(city_world(s), &e);
	}
}

static void records(struct story *s)
{
	struct city *c = &s->c;
	struct rec *r = c->n ? &c->recs[chance((uint32_t)c->n)] : NULL;
	unsigned dice = chance(100);

	if (!r || dice < 60) {
		rec_write(c, rec_new(c));
	} else if (dice < 85) {
		rec_shuffle(r);
		rec_write(c, r);
	} else {
		rec_retract(c, r);
	}
}

static void history(struct story *s)
{
	struct errmsg m;

	city_open(&s->c);
	assert_int_equal(ledger_also(city_world(s)->l, DECISIONS, &m), 0);
	for (int i = 0; i < STEPS; i++) {
		unsigned dice = chance(40);

		if (dice == 0)
			sign(s);
		else if (dice == 1)
			decide(s);
		else if (dice == 2)
			version(s);
		else if (dice == 3)
			link_two(s);
		else
			records(s);
		if (chance(30) == 0)
			ship(&s->c, chance(DISTRICTS), false);
	}
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(&s->c, i, true);
}

/* ---- folding ---- */

/* Ledgers move by steps of any size, in any order; sometimes several at once. */
static void fold_anyhow(struct view *v, struct story *s)
{
	uint32_t origins[WORLDS + 1] = { CITY, areas[0], areas[1], areas[2], DECISIONS };
	struct fold_bound most[WORLDS + 1], end[WORLDS + 1];
	bool more = true;

	for (unsigned i = 0; i <= WORLDS; i++) {
		most[i] = (struct fold_bound){ origins[i], 0 };
		end[i] = (struct fold_bound){ origins[i],
			head_of(city_world(s), origins[i]).position };
	}
	while (more) {
		unsigned i = chance(WORLDS + 1);

		most[i].position += 1 + chance(chance(8) ? 12 : 400);
		if (most[i].position > end[i].position)
			most[i].position = end[i].position;
		if (chance(3))
			view_fold(v, 1 + chance(40), most, WORLDS + 1);
		more = false;
		for (i = 0; i <= WORLDS; i++)
			more = more || most[i].position < end[i].position;
	}
	while (view_fold(v, 1 + chance(200), end, WORLDS + 1))
		;
}

static void digests(
	struct view *v, uint8_t out[VIEW_TABLES][HASH_BYTES], uint64_t rows[VIEW_TABLES])
{
	struct store_txn *t;

	assert_int_equal(store_read_begin(v->store, &t, 60000), 0);
	for (int i = 0; i < VIEW_TABLES; i++)
		view_digest(t, i, out[i], &rows[i]);
	store_read_end(t);
}

static void ten_orders_one_view(void **state)
{
	static uint8_t first[VIEW_TABLES][HASH_BYTES], other[VIEW_TABLES][HASH_BYTES];
	static uint64_t rows[VIEW_TABLES], other_rows[VIEW_TABLES];
	struct story *s = calloc(1, sizeof(*s));

	(void)state;
	chance_state = 20;
	history(s);
	for (int i = 0; i < ORDERS; i++) {
		struct view v;

		view_open(&v, &s->c);
		fold_anyhow(&v, s);
		digests(&v, i ? other : first, i ? other_rows : rows);
		for (int k = 0; i && k < VIEW_TABLES; k++)
			if (rows[k] != other_rows[k] || memcmp(first[k], other[k], HASH_BYTES) != 0)
				fail_msg("order %d: view %s differs", i, view_table_names[k]);
		view_close(&v);
	}
	for (int k = 0; k < VIEW_TABLES; k++) {
		char hex[2 * HASH_BYTES + 1];

		hex_put(hex, first[k], HASH_BYTES);
		print_message("%-9s %6llu rows %s\n", view_table_names[k],
			(unsigned long long)rows[k], hex);
	}
	assert_true(rows[VIEW_CELL] > 100 && rows[VIEW_PERSON] > 5 && rows[VIEW_EVENT] > 10 &&
		    rows[VIEW_FOLD] == WORLDS + 1 && rows[VIEW_CASE] > 0);
	city_close(&s->c);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ten_orders_one_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
