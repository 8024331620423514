/* Records of any register, made from a table of its fields and packed by reflection; a model of
 * them to count in the slow way; and a city that folds them in several orders. A value is a number:
 * of a code its place in the list, of a date yyyymmdd, of a text its number; ABSENT when there is
 * none. */
#ifndef TESTS_UNIT_AGGREGATOR_SURVEY_FIXTURE_H
#define TESTS_UNIT_AGGREGATOR_SURVEY_FIXTURE_H

#include "tests/unit/figures_fixture.h"

#include "daemon/figures/figures.h"

#define ABSENT (-1)
#define TRAITS_MAX 16
#define ITEMS_MAX 1200
#define MANY_PERSONS 16
#define UNITS 20

struct trait {
	const char *field;
	char type;	   /* c code, d date, n number, b yes or no, t text, u unit, o occupation */
	const char *codes; /* of c: the list */
	unsigned absent;   /* one in so many is absent; 0: none */
	int least, most;   /* c, n, t, u, o */
};

struct kind {
	const char *reg;
	bool person;
	unsigned absent_person; /* one in so many */
	const char *key;	/* field of the key, or NULL: made of others */
	struct trait traits[TRAITS_MAX];
};

struct item {
	bool live;
	const struct kind *kind;
	unsigned world, key;
	int person; /* ABSENT: nobody */
	int64_t v[TRAITS_MAX];
};

struct people {
	struct city city; /* ledgers; its own records are not used */
	struct item items[ITEMS_MAX];
	size_t n;
	char usccs[UNITS][19];
	const struct kind *kinds;
	size_t n_kinds;
	void (*repair)(struct item *r); /* makes it one that is taken in */
};

static const char *const occupations[] = { "6-18-01-01", "4-03-01-01", "6-29-02-06" };

static inline void usccs_make(struct people *p)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";

	for (int i = 0; i < UNITS; i++) {
		char canonical[19];
		const char *code;
		struct text got;

		snprintf(p->usccs[i], 19, "91310000MA1FL00%02u_", (unsigned)i % 100);
		for (const char *c = alphabet; *c; c++) {
			p->usccs[i][17] = *c;
			if (uscc_check(text_of(p->usccs[i]), canonical, &got, &code) !=
				VERDICT_HARD)
				break;
		}
	}
}

/* What is known of a person. */
static inline int birth_of(int person)
{
	return person % 6 == 5 ? 0 : 1963 + person * 7 % 23;
}
static inline enum sex sex_of(int person)
{
	return person % 6 == 5 ? SEX_UNKNOWN : person % 2 ? SEX_FEMALE : SEX_MALE;
}

/* ---- packing ---- */

static inline void field_set(ProtobufCMessage *m, const char *name, int64_t number, struct text t)
{
	const ProtobufCFieldDescriptor *d =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
	uint8_t *at = (uint8_t *)m;

	if (!d)
		fail_msg("no field %s", name);
	*(protobuf_c_boolean *)(at + d->quantifier_offset) = true;
	switch (d->type) {
	case PROTOBUF_C_TYPE_BYTES:
		*(ProtobufCBinaryData *)(at + d->offset) =
			(ProtobufCBinaryData){ t.n, (uint8_t *)(uintptr_t)t.p };
		break;
	case PROTOBUF_C_TYPE_INT64:
		*(int64_t *)(at + d->offset) = number;
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)(at + d->offset) = number != 0;
		break;
	default:
		*(uint32_t *)(at + d->offset) = (uint32_t)number;
	}
}

static inline struct text trait_text(
	const struct people *p, const struct trait *t, int64_t v, char out[16])
{
	switch (t->type) {
	case 'c':
		return text_of(code_list_find(text_of(t->codes))->at[v].code);
	case 'u':
		return text_of(p->usccs[v]);
	case 'o':
		return text_of(occupations[v]);
	case 't':
		snprintf(out, 16, strcmp(t->field, "period") == 0 ? "2019-H%d" : "T%d", (int)v);
		return text_of(out);
	default:
		return (struct text){ 0 };
	}
}

static inline void item_key(const struct item *r, char out[64])
{
	if (strcmp(r->kind->reg, "certificate") == 0 && r->v[0] <= 2)
		snprintf(out, 64,
			r->v[0] == 0   ? "000%013u"
			: r->v[0] == 1 ? "Y000131000001195%06u"
				       : "S000131000001195%06u",
			r->key);
	else
		snprintf(out, 64, "K%u", r->key);
}

/* The message of a record: its register's, in the arena. */
static inline struct record item_record(
	const struct people *p, const struct item *r, struct arena *a)
{
	struct record out = { register_find(text_of(r->kind->reg)), NULL };
	static const uint8_t tag[8] = { 1 };
	const char *prefix = strcmp(r->kind->reg, "facility") == 0 ? "lead_" : "";
	char *key = arena_alloc(a, 64), name[32];
	uint8_t *pid = arena_alloc(a, 16);

	out.msg = arena_alloc(a, out.reg->pb->sizeof_message);
	protobuf_c_message_init(out.reg->pb, out.msg);
	item_key(r, key);
	if (r->kind->key)
		field_set(out.msg, r->kind->key, 0, text_of(key));
	for (const struct trait *t = r->kind->traits; t->field; t++) {
		int64_t v = r->v[t - r->kind->traits];

		if (v != ABSENT)
			field_set(out.msg, t->field, v, trait_text(p, t, v, arena_alloc(a, 16)));
	}
	if (r->person != ABSENT) {
		pid_of((unsigned)r->person, pid);
		snprintf(name, sizeof(name), "%spid", prefix);
		field_set(out.msg, name, 0, (struct text){ (const char *)pid, 16 });
		snprintf(name, sizeof(name), "%sname_tag", prefix);
		field_set(out.msg, name, 0, (struct text){ (const char *)tag, 8 });
		snprintf(name, sizeof(name), "%ssex", prefix);
		field_set(out.msg, name, sex_of(r->person), (struct text){ 0 });
		snprintf(name, sizeof(name), "%sbirth_year", prefix);
		field_set(out.msg, name, birth_of(r->person), (struct text){ 0 });
	}
	return out;
}

/* Appends a version of the record, or its retraction, to its district's ledger. */
static inline void item_write(struct people *p, const struct item *r, bool retract)
{
	static uint8_t body[4096];
	struct entry_draft d = { .kind = retract ? TALLY__ENTRY_KIND__RETRACT
						 : TALLY__ENTRY_KIND__RECORD,
		.at_ms = AT_MS,
		.reg = text_of(r->kind->reg) };
	struct faults faults = { 0 };
	struct record record;
	struct arena a;

	arena_init(&a, 1 << 16);
	record = item_record(p, r, &a);
	record_check(&record, 20200601, &faults);
	if (faults.hard)
		fail_msg("%s: the test wrote a record that is refused: %s %s", r->kind->reg,
			faults.at[0].def->code, faults.at[0].field ? faults.at[0].field->name : "");
	if (retract) {
		d.key = record_key(&record, &a);
		d.reason = TEXT("entered twice");
	} else {
		d.body = (struct text){ (const char *)body, record_pack(&record, body) };
	}
	entry_put(&p->city.worlds[r->world], &d);
	arena_deinit(&a);
}

/* ---- chance ---- */

/* A day from 2017 to May 2020; often the first or the last of a month. */
static inline int any_day(void)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = 2017 + (int)chance(4), month = 1 + (int)chance(year == 2020 ? 5 : 12);
	int last = days[month - 1], day = 1 + (int)chance((uint32_t)last);

	if (chance(3) == 0)
		day = chance(2) ? 1 : last;
	return year * 10000 + month * 100 + day;
}

static inline void item_shuffle(struct people *p, struct item *r)
{
	int64_t before[TRAITS_MAX];

	memcpy(before, r->v, sizeof(before));
	for (const struct trait *t = r->kind->traits; t->field; t++) {
		int64_t *v = &r->v[t - r->kind->traits];

		if (t->absent && chance(t->absent) == 0)
			*v = ABSENT;
		else if (t->type == 'd')
			*v = any_day();
		else
			*v = t->least + (int)chance((uint32_t)(t->most - t->least + 1));
	}
	/* what the key is made of stays: the kind of a certificate, the day of a person's facts */
	if (r->live && strcmp(r->kind->reg, "certificate") == 0)
		r->v[0] = before[0];
	if (strcmp(r->kind->reg, "person") == 0)
		r->v[0] =
			20170101 + r->key / 8 % 3 * 10000 + r->key / 24 % 12 * 100 + r->key / 4 % 2;
	else if (r->kind->person)
		r->person = r->kind->absent_person && chance(r->kind->absent_person) == 0
				    ? ABSENT
				    : (int)chance(MANY_PERSONS);
	if (p->repair)
		p->repair(r);
}

static inline struct item *item_new(struct people *p)
{
	struct item *r = &p->items[p->n];

	assert_true(p->n < ITEMS_MAX);
	*r = (struct item){ .kind = &p->kinds[chance((uint32_t)p->n_kinds)],
		.world = chance(WORLDS),
		.key = (unsigned)p->n++,
		.person = ABSENT };
	if (strcmp(r->kind->reg, "person") == 0) {
		/* one a day and district: on the same day in several districts, sometimes */
		r->world = r->key % WORLDS;
		r->person = (int)(r->key / 8 % MANY_PERSONS);
	} else if (!r->kind->key) {
		r->world = r->key % WORLDS; /* its key is made of other fields */
	}
	item_shuffle(p, r);
	r->live = true;
	return r;
}

static inline void people_step(struct people *p)
{
	struct item *r = p->n ? &p->items[chance((uint32_t)p->n)] : NULL;
	unsigned dice = chance(100);

	if (dice < 60 || !r) {
		item_write(p, item_new(p), false);
	} else if (dice < 85) {
		item_shuffle(p, r);
		r->live = true;
		item_write(p, r, false);
	} else {
		item_write(p, r, true);
		r->live = false;
	}
}

/* ---- views ---- */

/* A history of `steps`, folded as it comes, at once, and ledger by ledger backwards: equal; then
 * `judge` compares every figure. */
static inline void people_play(struct people *p, uint64_t seed, int steps,
	void (*judge)(struct people *p, const struct forms *forms, struct store_txn *t))
{
	struct city *c = &p->city;
	struct view often, once, backwards;
	struct store_txn *t;

	chance_state = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	city_open(c);
	usccs_make(p);
	view_open(&often, c);
	for (int step = 0; step < steps; step++) {
		people_step(p);
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
	view_open(&backwards, c);
	for (unsigned i = WORLDS; i-- > 0;) {
		struct fold_bound most = { areas[i], UINT32_MAX };

		most.position = head_of(&c->worlds[DISTRICTS], areas[i]).position;
		while (view_fold(&backwards, 1 + chance(9), &most, 1))
			;
	}
	compare_views(&often, &once);
	compare_views(&backwards, &once);
	assert_int_equal(store_read_begin(once.store, &t, 600000), 0);
	judge(p, once.forms, t);
	store_read_end(t);
	view_close(&backwards);
	view_close(&once);
	view_close(&often);
	city_close(c);
}

/* ---- comparing ---- */

/* The last day of a period, and the one before it. */
static inline int period_end(const struct period *p)
{
	int m = period_last_month(p);

	return m / 12 * 10000 + (m % 12 + 1) * 100 + 31;
}
static inline int period_begin(const struct period *p)
{
	int m = period_first_month(p);

	return m / 12 * 10000 + (m % 12 + 1) * 100 + 1;
}

static inline bool in_area_of(const struct item *r, uint32_t area)
{
	return area == CITY || areas[r->world] == area;
}

static size_t cells_seen; /* that are not 0: a test that counts nothing proves nothing */

/* Compares every row of a form in an area and a period with what `slow` counts: v[measure]. */
typedef void slow_fn(
	const struct people *p, const struct figures *f, const uint16_t *rows, int64_t *v);

static inline void compare_form(
	struct people *p, struct store_txn *t, struct figures *f, slow_fn *slow)
{
	char period[PERIOD_TEXT_MAX];
	size_t n = f->form->n_measures;

	period_print(&f->period, period);
	assert_int_equal(figures_open(f, t), 0);
	for (size_t row = 0; row < f->n_rows; row++) {
		uint16_t rows[FORM_DIMS_MAX] = { 0 };
		int64_t v[FORM_MEASURES_MAX] = { 0 };

		figures_row(f->form, row, rows);
		slow(p, f, rows, v);
		for (size_t i = 0; i < n; i++)
			cells_seen += v[i] != 0;
		for (size_t i = 0; i < n; i++)
			if (figures_value(f, row, i) != v[i])
				fail_msg("form %s %s%s area %u row %s/%s measure %s: %lld, counted "
					 "%lld",
					f->form->id, period, f->cumulative ? " cumulative" : "",
					f->area, figures_code(f->form, 0, rows[0]),
					f->form->n_dims > 1 ? figures_code(f->form, 1, rows[1])
							    : "",
					f->form->measures[i].id,
					(long long)figures_value(f, row, i), (long long)v[i]);
	}
	figures_close(f);
}

/* Checks that are no laws of counting: they fail where the records contradict one another. */
static inline bool check_may_fail(const struct form_check *c)
{
	static const char *const may[] = { "01-9", "04-1", "08-2", "08-3" };

	for (size_t i = 0; i < sizeof(may) / sizeof(*may); i++)
		if (strcmp(c->id, may[i]) == 0)
			return true;
	return !c->hard;
}

static inline void check_failed_here(void *arg, const struct figures_check *found)
{
	const struct form_check *c = arg;

	if (!check_may_fail(c))
		fail_msg("check %s: %s: row %zu: %lld against %lld", c->id, c->rule, found->row,
			(long long)found->left, (long long)found->right);
}

static inline void hold_all_checks(const struct figures *f, struct store_txn *t)
{
	for (const struct form_check *c = f->form->checks; c; c = c->next)
		assert_int_equal(
			figures_check(c, f, t, check_failed_here, (void *)(uintptr_t)c), 0);
}

/* Every area, every period of 2018 and 2019 that the form has, and the years around them. */
static inline void compare_all(struct people *p, const struct forms *forms, struct store_txn *t,
	const char *id, slow_fn *slow)
{
	static const int counts[PERIOD_KINDS] = { 1, 2, 4, 12 };
	const struct form *form = forms_find(forms, text_of(id));

	assert_non_null(form);
	cells_seen = 0;
	for (unsigned a = 0; a < WORLDS; a++) {
		for (enum period_kind k = 0; k < PERIOD_KINDS; k++) {
			int first = k == PERIOD_YEAR ? 2016 : 2018,
			    last = k == PERIOD_YEAR ? 2024 : 2019;

			if (!(form->periods & 1u << k))
				continue;
			for (int i = 0; i < (last - first + 1) * counts[k]; i++) {
				struct figures f = { .form = form,
					.area = areas[a],
					.period = { k, first + i / counts[k], i % counts[k] + 1 } };

				compare_form(p, t, &f, slow);
				f.cumulative = form->cumulative && k == PERIOD_MONTH;
				if (f.cumulative)
					compare_form(p, t, &f, slow);
			}
		}
	}
	if (cells_seen < 100)
		fail_msg("form %s: %zu numbers only", id, cells_seen);
	print_message("form %s: %zu numbers\n", id, cells_seen);
}

#endif
