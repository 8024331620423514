/* A city with three districts, without links and sockets: ledgers that are filled at random, sent
 * over in batches, and folded. Beside it a model: the plain list of records that live, from which
 * every cell can be counted the slow way. Persons are numbers. */
#ifndef TESTS_UNIT_AGGREGATOR_FIXTURE_H
#define TESTS_UNIT_AGGREGATOR_FIXTURE_H

#include "tests/unit/ledger_fixture.h"

#include "daemon/fold/fold.h"
#include "daemon/fold/recount.h"
#include "daemon/talent/talent_rules.h"
#include "proto/check.h"
#include "proto/registers.pb-c.h"

#define DISTRICTS 3
#define CITY 310000
#define WORLDS (DISTRICTS + 1) /* the city's own ledger is the last */
#define PERSONS 24
#define CLASSES 5
#define RECORDS_MAX 4000
#define AT_MS 1590969600000u /* 2020-06-01 */

static const uint32_t areas[WORLDS] = { 310101, 310112, 310115, CITY };
static const char *const types[] = { "employment", "upgrade", "newskill", "startup", "transfer",
	"induction", "renewal", "other" };
static const char *const channels[] = { "enterprise", "sme", "individual", "self" };
static const char *const statuses[] = { "unemployed", "employed", "student", "other" };
static const char *const groups[] = { "migrant", "veteran", "disabled" };
static const char *const kinds[] = { "qualification", "level_employer", "level_social", "contest",
	"special", "newskill", "foreign" };
static const char *const levels[] = { "5", "4", "3", "2", "1", "T", "S", "9" };
static const char *const results[] = { "registered", "absent", "failed", "passed" };

enum { TRAINING, CERTIFICATE, ASSESSMENT, PERSON, REGISTERS };
static const char *const registers_of[] = { "training", "certificate", "assessment", "person" };

/* One record as the model knows it; not every field has a meaning in every register. */
struct rec {
	unsigned name; /* of the person: which tag */
	bool live;
	int reg;
	unsigned world, key, person, sex;
	unsigned type, channel, class_no, status, groups; /* groups: bits */
	int enrolled,
		ended; /* training; assessment: registered, sat; certificate: issued, revoked */
	bool completed;
	int64_t online, offline;
	unsigned kind, level, result; /* level: 8 = none */
	bool contest;
};

struct city {
	struct world worlds[WORLDS];
	uint64_t sent[WORLDS]; /* of each district's ledger, at the city */
	struct rec recs[RECORDS_MAX];
	size_t n;
	char uscc[19];
};

static inline void uscc_make(char out[19])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
	char canonical[19];
	struct text got;
	const char *code;

	strcpy(out, "91310000MA1FL0000_");
	for (const char *c = alphabet; *c; c++) {
		out[17] = *c;
		if (uscc_check(text_of(out), canonical, &got, &code) != VERDICT_HARD)
			return;
	}
	fail_msg("no credit code");
}

static inline void city_open(struct city *c)
{
	memset(c, 0, sizeof(*c));
	assert_null(registers_init());
	for (unsigned i = 0; i < WORLDS; i++)
		world_open(&c->worlds[i], areas[i], (uint8_t)(i + 1));
	uscc_make(c->uscc);
}

static inline void city_close(struct city *c)
{
	for (unsigned i = 0; i < WORLDS; i++)
		world_close(&c->worlds[i]);
}

static inline struct ledger *city_ledger(struct city *c)
{
	return c->worlds[DISTRICTS].l;
}

/* ---- writing ---- */

static inline ProtobufCBinaryData bytes_of(const char *s)
{
	return (ProtobufCBinaryData){ strlen(s), (uint8_t *)(uintptr_t)s };
}

static inline void pid_of(unsigned person, uint8_t pid[16])
{
	put_u64(pid, (person + 1) * 0x9e3779b97f4a7c15u);
	put_u64(pid + 8, person);
}

struct drafting {
	struct world *w;
	struct entry_draft d;
};
static inline int drafting_job(struct store_txn *t, void *arg)
{
	struct drafting *d = arg;

	ledger_append(t, d->w->l, &d->d);
	return store_txn_err(t);
}
static inline void entry_put(struct world *w, const struct entry_draft *d)
{
	struct drafting job = { w, *d };

	assert_int_equal(store_write(ledger_store(w->l), drafting_job, &job, 0), 0);
}

static inline void key_text(const struct rec *r, char out[64])
{
	uint8_t pid[16];

	if (r->reg == CERTIFICATE && r->kind <= 2)
		snprintf(out, 64, "%s000131000001195%06u", r->kind == 1 ? "Y" : "S", r->key);
	else if (r->reg == PERSON) {
		pid_of(r->person, pid);
		hex_put(out, pid, 16);
		snprintf(out + 32, 32, "/2019-01-%02u", r->key % 28 + 1);
	} else
		snprintf(out, 64, "K%u", r->key);
}

/* Packs the record's message into out. */
static inline size_t rec_pack(struct city *c, const struct rec *r, uint8_t *out)
{
	Tally__Training t = TALLY__TRAINING__INIT;
	Tally__Certificate z = TALLY__CERTIFICATE__INIT;
	Tally__Assessment a = TALLY__ASSESSMENT__INIT;
	Tally__Person p = TALLY__PERSON__INIT;
	ProtobufCBinaryData tags[3];
	uint8_t pid[16], tag[8] = { 1, (uint8_t)r->name };
	char key[64], class_no[16];

	pid_of(r->person, pid);
	key_text(r, key);
	snprintf(class_no, sizeof(class_no), "C%u", r->class_no);
#define GIVE(m, field, v) ((m).has_##field = true, (m).field = (v))
#define WHO(m) \
	(GIVE(m, pid, ((ProtobufCBinaryData){ 16, pid })), GIVE(m, sex, r->sex), \
		GIVE(m, birth_year, 1905), GIVE(m, name_tag, ((ProtobufCBinaryData){ 8, tag })))
	switch (r->reg) {
	case TRAINING:
		GIVE(t, enrolment_no, bytes_of(key)), GIVE(t, class_no, bytes_of(class_no)), WHO(t);
		GIVE(t, type, bytes_of(types[r->type])),
			GIVE(t, channel, bytes_of(channels[r->channel]));
		GIVE(t, institution, bytes_of(c->uscc)), GIVE(t, employer, bytes_of(c->uscc));
		GIVE(t, status_group, bytes_of(statuses[r->status])),
			GIVE(t, enrolled_on, (uint32_t)r->enrolled);
		GIVE(t, result,
			bytes_of(r->completed ? "completed"
				 : r->ended   ? "withdrawn"
					      : "enrolled"));
		if (r->ended)
			GIVE(t, ended_on, (uint32_t)r->ended);
		if (r->online)
			GIVE(t, hours_online, r->online);
		if (r->offline)
			GIVE(t, hours_offline, r->offline);
		t.groups = tags;
		for (unsigned i = 0; i < 3; i++)
			if (r->groups & 1u << i)
				tags[t.n_groups++] = bytes_of(groups[i]);
		return tally__training__pack(&t, out);
	case CERTIFICATE:
		GIVE(z, number, bytes_of(key)), WHO(z), GIVE(z, kind, bytes_of(kinds[r->kind]));
		GIVE(z, source, bytes_of(r->contest ? "contest" : "assessment")),
			GIVE(z, occupation, bytes_of("6-18-01-01"));
		if (r->level < 8)
			GIVE(z, level, bytes_of(levels[r->level]));
		GIVE(z, issued_on, (uint32_t)r->enrolled);
		if (r->ended)
			GIVE(z, revoked_on, (uint32_t)r->ended);
		return tally__certificate__pack(&z, out);
	case ASSESSMENT:
		GIVE(a, assessment_no, bytes_of(key)), WHO(a), GIVE(a, body, bytes_of(c->uscc)),
			GIVE(a, kind, bytes_of(kinds[r->kind]));
		GIVE(a, occupation, bytes_of("6-18-01-01")),
			GIVE(a, registered_on, (uint32_t)r->enrolled);
		if (r->level < 8)
			GIVE(a, level, bytes_of(levels[r->level]));
		if (r->ended)
			GIVE(a, sat_on, (uint32_t)r->ended);
		GIVE(a, result, bytes_of(results[r->result]));
		return tally__assessment__pack(&a, out);
	default:
		WHO(p), GIVE(p, status, bytes_of("employed")),
			GIVE(p, as_of, 20190101 + r->key % 28);
		return tally__person__pack(&p, out);
	}
#undef GIVE
#undef WHO
}

static inline void rec_write(struct city *c, const struct rec *r)
{
	uint8_t body[1024];
	struct entry_draft d = { .kind = TALLY__ENTRY_KIND__RECORD,
		.at_ms = AT_MS,
		.reg = text_of(registers_of[r->reg]) };

	d.body = (struct text){ (const char *)body, rec_pack(c, r, body) };
	entry_put(&c->worlds[r->world], &d);
}

static inline void rec_retract(struct city *c, const struct rec *r)
{
	char key[64];
	struct entry_draft d = { .kind = TALLY__ENTRY_KIND__RETRACT,
		.at_ms = AT_MS,
		.reg = text_of(registers_of[r->reg]) };

	key_text(r, key);
	d.key = text_of(key);
	d.reason = TEXT("entered twice");
	entry_put(&c->worlds[r->world], &d);
}

/* ---- chance ---- */

/* A day of 2019, now and then of the years beside it. */
static inline int chance_date(void)
{
	int year = chance(8) ? 2019 : 2018 + 2 * (int)chance(2);
	int last = year == 2020 ? 5 : 12;

	return year * 10000 + (1 + (int)chance((uint32_t)last)) * 100 + 1 + (int)chance(28);
}

static inline int later(int date)
{
	int d = chance_date();

	return d < date ? date : d;
}

/* New contents; register, world and key stay. */
static inline void rec_shuffle(struct rec *r)
{
	if (r->reg != PERSON)
		r->person = chance(PERSONS);
	r->sex = 1 + chance(2);
	r->type = chance(8) < 5 ? chance(2) : chance(8);
	r->channel = chance(4);
	r->class_no = chance(CLASSES);
	r->status = chance(4);
	r->groups = chance(8);
	r->enrolled = chance_date();
	r->ended = chance(4) ? later(r->enrolled) : 0;
	r->completed = r->ended && chance(5);
	r->online = chance(3) ? chance(400) : 0;
	r->offline = chance(3) ? chance(400) : 0;
	r->level = chance(20) ? chance(7) : 7;
	r->contest = chance(6) == 0;
	r->result = chance(4);
	if (r->reg == ASSESSMENT)
		r->kind = chance(6);
	if (r->reg == CERTIFICATE) {
		r->ended = chance(3) ? 0 : later(r->enrolled);
		if (r->kind >= 4) /* their numbers have no pattern: the kind may be corrected */
			r->kind = 4 + chance(3);
	}
	if ((r->reg == ASSESSMENT || r->reg == CERTIFICATE) && r->kind >= 4)
		r->level = 8;
}

static inline struct rec *rec_new(struct city *c)
{
	static const int often[] = { TRAINING, TRAINING, TRAINING, CERTIFICATE, CERTIFICATE,
		ASSESSMENT, PERSON };
	struct rec *r = &c->recs[c->n];

	assert_true(c->n < RECORDS_MAX);
	*r = (struct rec){ .live = true,
		.reg = often[chance(7)],
		.world = chance(WORLDS),
		.key = (unsigned)c->n++ };
	r->person = chance(PERSONS);
	r->kind = chance(2) ? 1 + chance(2) : 4 + chance(3);
	rec_shuffle(r);
	return r;
}

/* Sends what the district has and the city has not, or a part of it. */
static inline void ship(struct city *c, unsigned world, bool all)
{
	struct world *from = &c->worlds[world];

	do {
		uint64_t last =
			send_batch(from, &c->worlds[DISTRICTS], from->own, from->key.public_key,
				c->sent[world] + 1, all ? LEDGER_SEAL_BYTES : chance(3000));

		if (!last)
			return;
		c->sent[world] = last;
	} while (all);
}

/* ---- views of their own ---- */

struct view {
	char dir[64];
	struct store *store;
	struct fold *fold;
	struct forms *forms;
	struct talent_rules *rules;
	struct city *city;
	/* of the job under way */
	const struct fold_bound *most;
	size_t n_most, budget;
	uint64_t folded;
};

static inline void view_open(struct view *v, struct city *c)
{
	struct store_conf conf = { .dir = v->dir,
		.tables = view_table_names,
		.n_tables = VIEW_TABLES,
		.limit_bytes = 256 << 20,
		.create = true };
	struct errmsg m = { "" };

	memset(v, 0, sizeof(*v));
	strcpy(v->dir, "/tmp/tally-views-XXXXXX");
	assert_non_null(mkdtemp(v->dir));
	v->city = c;
	v->forms = forms_open(form_sources, form_sources_n, &m);
	if (!v->forms || store_open(&v->store, &conf, &m))
		fail_msg("%s", m.text);
	v->fold = fold_open(v->forms, CITY);
	assert_non_null(v->fold);
	v->rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	if (!v->rules)
		fail_msg("%s", m.text);
	assert_int_equal(fold_talents(v->fold, v->rules), 0);
}

static inline void view_close(struct view *v)
{
	char command[128];

	store_close(v->store);
	fold_close(v->fold);
	talent_rules_close(v->rules);
	forms_close(v->forms);
	snprintf(command, sizeof(command), "rm -rf %s", v->dir);
	assert_int_equal(system(command), 0);
}

static inline int view_job(struct store_txn *t, void *arg)
{
	struct view *v = arg;
	struct fold_span spans[16];
	struct store_txn *ledgers;
	uint64_t left;
	size_t n;
	int err;

	assert_int_equal(store_read_begin(ledger_store(city_ledger(v->city)), &ledgers, 60000), 0);
	n = fold_plan(t, ledgers, v->most, v->n_most, v->budget, spans, 16, &left);
	err = n ? fold_chunk(v->fold, t, ledgers, spans, n) : 0;
	store_read_end(ledgers);
	v->folded = 0;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(spans[i].err, 0);
		v->folded += spans[i].last + 1 - spans[i].first;
	}
	return err;
}

/* One chunk; how many entries it folded. */
static inline uint64_t view_fold(
	struct view *v, size_t budget, const struct fold_bound *most, size_t n_most)
{
	v->budget = budget;
	v->most = most;
	v->n_most = n_most;
	assert_int_equal(store_write(v->store, view_job, v, 0), 0);
	return v->folded;
}

/* Every table is equal to the last bit. */
static inline void compare_views(struct view *x, struct view *y)
{
	struct store_txn *a, *b;

	assert_int_equal(store_read_begin(x->store, &a, 60000), 0);
	assert_int_equal(store_read_begin(y->store, &b, 60000), 0);
	for (int table = 0; table < VIEW_TABLES; table++) {
		uint8_t da[HASH_BYTES], db[HASH_BYTES];
		uint64_t na, nb;

		view_digest(a, table, da, &na);
		view_digest(b, table, db, &nb);
		if (na != nb || memcmp(da, db, HASH_BYTES) != 0)
			fail_msg("view %s: %llu rows against %llu", view_table_names[table],
				(unsigned long long)na, (unsigned long long)nb);
	}
	store_read_end(a);
	store_read_end(b);
}

#endif
