/* Identity cases: whatever links and unlinks stand between records, corrections and retractions, in
 * whatever order the ledgers are folded, the views are equal to the last bit; and every number of
 * every form is that of a twin world in which each record named the right person from the start. */
#include "tests/unit/figures_fixture.h"

#include "daemon/fold/cases.h"
#include "daemon/fold/finding.h"
#include "daemon/fold/identities.h"
#include "proto/identity.pb-c.h"

#define LINKED 12 /* persons that are linked with each other; few, so that components grow */
#define TAGS 5

struct history {
	struct city city;
	bool edge[LINKED][LINKED];
	bool person_key[28];
	int tag[PERSONS][WORLDS]; /* of the newest IDENTITY entry; -1: none */
	uint64_t identity[PERSONS][WORLDS];
	unsigned refused; /* steps that change nothing */
};

/* ---- cases ---- */

struct case_draft {
	unsigned a, b, act;
	uint64_t decides;
	const char *who;
};

static uint64_t case_put(struct history *h, const struct case_draft *d)
{
	Tally__Case body = TALLY__CASE__INIT;
	uint8_t a[16], b[16], packed[128];
	struct world *w = &h->city.worlds[DISTRICTS];
	struct entry_draft e = {
		.kind = TALLY__ENTRY_KIND__CASE, .at_ms = AT_MS, .author = text_of(d->who)
	};

	pid_of(d->a, a);
	pid_of(d->b, b);
	body.has_a = body.has_b = body.has_act = 1;
	body.a = (ProtobufCBinaryData){ 16, memcmp(a, b, 16) < 0 ? a : b };
	body.b = (ProtobufCBinaryData){ 16, memcmp(a, b, 16) < 0 ? b : a };
	body.act = d->act;
	body.has_decides = d->decides != 0;
	body.decides = d->decides;
	e.body = (struct text){ (const char *)packed, tally__case__pack(&body, packed) };
	entry_put(w, &e);
	return head_of(w, CITY).position;
}

/* A pair is linked, unlinked or told apart, or somebody tries what may not be. */
static void case_step_random(struct history *h)
{
	struct case_draft d = { .a = chance(LINKED), .b = chance(LINKED), .who = "wang" };
	bool *one, *other;
	unsigned dice = chance(10);

	if (d.a == d.b)
		d.b = (d.a + 1) % LINKED;
	one = &h->edge[d.a][d.b];
	other = &h->edge[d.b][d.a];
	d.act = *one ? TALLY__CASE_ACT__CASE_UNLINK : TALLY__CASE_ACT__CASE_LINK;
	if (dice == 0) /* what is not linked cannot be unlinked, and the other way round */
		d.act = TALLY__CASE_ACT__CASE_LINK + TALLY__CASE_ACT__CASE_UNLINK - d.act;
	d.decides = case_put(h, &d);
	if (dice == 0) {
		h->refused++;
		return;
	}
	if (dice == 1) { /* the same pair of eyes */
		case_put(h, &d);
		h->refused++;
		return;
	}
	if (dice == 2) { /* of another proposal */
		d.who = "li";
		d.decides++;
		case_put(h, &d);
		h->refused++;
		return;
	}
	if (dice == 3)
		return; /* nobody decides */
	d.who = "li";
	case_put(h, &d);
	*one = *other = d.act == TALLY__CASE_ACT__CASE_LINK;
}

/* ---- identities ---- */

static void identity_put(struct history *h)
{
	Tally__Identity body = TALLY__IDENTITY__INIT;
	unsigned person = chance(PERSONS), world = chance(WORLDS);
	int which = (int)chance(TAGS);
	uint8_t pid[16], tag[9] = { 1, (uint8_t)which }, mark[8] = { 9 }, sealed[100] = { 3 },
			 packed[256];
	ProtobufCBinaryData tags[1] = { { 9, tag } };
	struct entry_draft e = { .kind = TALLY__ENTRY_KIND__IDENTITY, .at_ms = AT_MS };

	pid_of(person, pid);
	body.has_pid = body.has_registrar = body.has_sealed = 1;
	body.pid = (ProtobufCBinaryData){ 16, pid };
	body.registrar = (ProtobufCBinaryData){ 8, mark };
	body.sealed = (ProtobufCBinaryData){ sizeof sealed, sealed };
	body.tags = tags;
	body.n_tags = 1;
	e.body = (struct text){ (const char *)packed, tally__identity__pack(&body, packed) };
	entry_put(&h->city.worlds[world], &e);
	h->tag[person][world] = which;
	h->identity[person][world] = head_of(&h->city.worlds[world], areas[world]).position;
}

/* ---- a random history ---- */

static void rec_new_here(struct history *h)
{
	struct rec *r = rec_new(&h->city);

	/* In the twin world the keys of person records would fall together: each day once. */
	if (r->reg == PERSON && h->person_key[r->key % 28]) {
		r->reg = TRAINING;
		rec_shuffle(r);
	}
	if (r->reg == PERSON)
		h->person_key[r->key % 28] = true;
	if (chance(3))
		r->person = chance(LINKED);
	r->name = chance(12) == 0;
	rec_write(&h->city, r);
}

static void one_step(struct history *h)
{
	struct city *c = &h->city;
	struct rec *r = c->n ? &c->recs[chance((uint32_t)c->n)] : NULL;
	unsigned dice = chance(100);

	if (dice < 50 || !r) {
		rec_new_here(h);
	} else if (dice < 68) {
		rec_shuffle(r);
		r->name = chance(12) == 0;
		r->live = true;
		rec_write(c, r);
	} else if (dice < 75) {
		rec_retract(c, r);
		r->live = false;
	} else if (dice < 80) {
		identity_put(h);
	} else {
		case_step_random(h);
	}
}

/* ---- the slow way ---- */

/* The person with the smallest pid among those that the edges connect with `person`. */
static unsigned person_of(const struct history *h, unsigned person)
{
	bool in[LINKED] = { false };
	uint8_t best[16], pid[16];
	unsigned found = person;

	if (person >= LINKED)
		return person;
	in[person] = true;
	for (unsigned round = 0; round < LINKED; round++)
		for (unsigned i = 0; i < LINKED; i++)
			for (unsigned k = 0; k < LINKED; k++)
				in[k] = in[k] || (in[i] && h->edge[i][k]);
	pid_of(person, best);
	for (unsigned i = 0; i < LINKED; i++) {
		pid_of(i, pid);
		if (in[i] && memcmp(pid, best, 16) < 0) {
			memcpy(best, pid, 16);
			found = i;
		}
	}
	return found;
}

static void compare_table(struct view *x, struct view *y, int table)
{
	struct store_txn *a, *b;
	uint8_t da[HASH_BYTES], db[HASH_BYTES];
	uint64_t na, nb;

	assert_int_equal(store_read_begin(x->store, &a, 60000), 0);
	assert_int_equal(store_read_begin(y->store, &b, 60000), 0);
	view_digest(a, table, da, &na);
	view_digest(b, table, db, &nb);
	if (na != nb || memcmp(da, db, HASH_BYTES) != 0)
		fail_msg("view %s: %llu rows, in the twin world %llu", view_table_names[table],
			(unsigned long long)na, (unsigned long long)nb);
	store_read_end(a);
	store_read_end(b);
}

/* Every record as it stands, written once, by the right person. */
static void compare_with_twin(struct history *h, struct view *linked)
{
	struct city *twin = calloc(1, sizeof(*twin));
	struct view v;
	struct store_txn *t;

	city_open(twin);
	memcpy(twin->recs, h->city.recs, sizeof(twin->recs));
	twin->n = h->city.n;
	for (size_t i = 0; i < twin->n; i++) {
		twin->recs[i].person = person_of(h, twin->recs[i].person);
		if (twin->recs[i].live)
			rec_write(twin, &twin->recs[i]);
	}
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(twin, i, true);
	view_open(&v, twin);
	while (view_fold(&v, 100000, NULL, 0))
		;
	compare_table(linked, &v, VIEW_CELL);
	compare_table(linked, &v, VIEW_GROUP);
	compare_table(linked, &v, VIEW_SAMPLE);
	assert_int_equal(store_read_begin(v.store, &t, 60000), 0);
	assert_true(store_count(t, VIEW_CELL) > 100);
	store_read_end(t);
	view_close(&v);
	city_close(twin);
	free(twin);
}

/* ---- what can be read ---- */

struct counted {
	struct history *h;
	bool names[PERSONS];
	bool tags[TAGS][PERSONS];
	size_t n;
};

#define person_at(pid) ((unsigned)get_u64((pid) + 8))

static bool name_found(void *arg, const uint8_t pid[PID_BYTES])
{
	struct counted *c = arg;

	c->names[person_at(pid)] = true;
	return true;
}

static bool tag_found(void *arg, const uint8_t tag[IDENTITY_TAG_SIZE], const uint8_t pid[PID_BYTES])
{
	struct counted *c = arg;

	assert_false(c->tags[tag[1]][person_at(pid)]);
	c->tags[tag[1]][person_at(pid)] = true;
	return true;
}

static bool row_found(void *arg, const struct identity_row *row)
{
	struct counted *c = arg;
	unsigned person = person_at(row->pid), w = 0;

	while (areas[w] != row->origin)
		w++;
	assert_int_equal(row->position, c->h->identity[person][w]);
	assert_int_equal(row->n_tags, 1);
	assert_int_equal(row->tags[0][1], c->h->tag[person][w]);
	c->n++;
	return true;
}

/* One number with two names, in the records that live. */
static bool slow_name(const struct history *h, unsigned person)
{
	for (unsigned own = 0; own < PERSONS; own++) {
		bool named[2] = { false, false };

		for (size_t i = 0; i < h->city.n; i++)
			if (h->city.recs[i].live && h->city.recs[i].person == own)
				named[h->city.recs[i].name] = true;
		if (named[0] && named[1] && person_of(h, own) == person)
			return true;
	}
	return false;
}

static void compare_cases(struct history *h, struct view *v)
{
	struct counted *c = calloc(1, sizeof(*c));
	struct store_txn *t;
	size_t rows = 0;

	c->h = h;
	assert_int_equal(store_read_begin(v->store, &t, 60000), 0);
	names_walk(t, name_found, c);
	tags_walk(t, tag_found, c);
	identity_walk(t, NULL, row_found, c);
	for (unsigned i = 0; i < PERSONS; i++) {
		uint8_t pid[16], found[16], expected[16];

		assert_int_equal(c->names[i], slow_name(h, i));
		pid_of(i, pid);
		pid_of(person_of(h, i), expected);
		case_person(t, pid, found);
		assert_memory_equal(found, expected, 16);
		for (unsigned w = 0; w < WORLDS; w++)
			rows += h->tag[i][w] >= 0;
	}
	assert_int_equal(c->n, rows);
	for (int tag = 0; tag < TAGS; tag++) {
		bool has[PERSONS] = { false };
		unsigned n = 0;

		for (unsigned i = 0; i < PERSONS; i++)
			for (unsigned w = 0; w < WORLDS; w++)
				has[i] = has[i] || h->tag[i][w] == tag;
		for (unsigned i = 0; i < PERSONS; i++)
			n += has[i];
		for (unsigned i = 0; i < PERSONS; i++)
			assert_int_equal(c->tags[tag][i], has[i] && n > 1);
	}
	store_read_end(t);
	free(c);
}

static unsigned findings(struct view *v, const char *code)
{
	struct store_txn *t;
	struct store_cursor *c;
	struct text key, value;
	unsigned n = 0;

	assert_int_equal(store_read_begin(v->store, &t, 60000), 0);
	c = store_cursor_open(t, VIEW_FINDING);
	for (bool more = store_seek(c, (struct text){ 0 }, &key, &value); more;
		more = store_next(c, &key, &value))
		n += value.n >= 4 && memcmp(value.p, code, 4) == 0;
	store_cursor_close(c);
	store_read_end(t);
	return n;
}

/* ---- the tests ---- */

static struct history *history_open(uint64_t seed)
{
	struct history *h = calloc(1, sizeof(*h));

	chance_state = seed;
	print_message("seed %llu\n", (unsigned long long)seed);
	memset(h->tag, 0xff, sizeof(h->tag));
	city_open(&h->city);
	return h;
}

static void play(uint64_t seed)
{
	struct history *h = history_open(seed);
	struct city *c = &h->city;
	struct view often, once, backwards;

	view_open(&often, c);
	for (int step = 0; step < 350; step++) {
		one_step(h);
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
	view_open(&backwards, c); /* first all that was decided, then the records */
	for (unsigned i = WORLDS; i-- > 0;) {
		struct fold_bound most = { areas[i], UINT32_MAX };

		most.position = head_of(&c->worlds[DISTRICTS], areas[i]).position;
		while (view_fold(&backwards, 1 + chance(9), &most, 1))
			;
	}
	compare_views(&often, &once);
	compare_views(&backwards, &once);
	compare_with_twin(h, &often);
	compare_cases(h, &once);
	assert_true(h->refused > 0);
	assert_int_equal(findings(&once, FINDING_CASE), h->refused);
	view_close(&backwards);
	view_close(&once);
	view_close(&often);
	city_close(c);
	free(h);
}

static void views_follow_the_cases(void **state)
{
	const char *seeds = getenv("TALLY_UNIT_SEEDS");

	(void)state;
	for (uint64_t seed = 1; seed <= (seeds ? strtoull(seeds, NULL, 10) : 6); seed++)
		play(seed);
}

/* What was linked and unlinked again leaves nothing but the words on the pair. */
static void unlinking_all_is_as_before(void **state)
{
	struct history *h = history_open(7);
	struct view linked, never;
	struct fold_bound before = { CITY, 0 };

	(void)state;
	for (int i = 0; i < 120; i++)
		rec_new_here(h);
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(&h->city, i, true);
	before.position = head_of(&h->city.worlds[DISTRICTS], CITY).position;
	view_open(&never, &h->city);
	for (unsigned i = 0; i < WORLDS; i++) {
		struct fold_bound most = { areas[i],
			i == DISTRICTS ? before.position : UINT32_MAX };

		if (i != DISTRICTS)
			most.position = head_of(&h->city.worlds[DISTRICTS], areas[i]).position;
		while (view_fold(&never, 50, &most, 1))
			;
	}
	for (int act = TALLY__CASE_ACT__CASE_LINK; act <= TALLY__CASE_ACT__CASE_UNLINK; act++)
		for (unsigned i = 1; i < LINKED; i++) {
			struct case_draft d = { i - 1, i, (unsigned)act, 0, "wang" };

			d.decides = case_put(h, &d);
			d.who = "li";
			case_put(h, &d);
		}
	view_open(&linked, &h->city);
	while (view_fold(&linked, 7, NULL, 0))
		;
	for (int table = VIEW_RECORD; table <= VIEW_CELL; table++)
		compare_table(&linked, &never, table);
	assert_int_equal(findings(&linked, FINDING_CASE), 0);
	view_close(&linked);
	view_close(&never);
	city_close(&h->city);
	free(h);
}

/* A district says nothing on who is who. */
static void only_a_city_links(void **state)
{
	struct history *h = history_open(8);
	struct view v;
	struct store_txn *t;
	Tally__Case body = TALLY__CASE__INIT;
	uint8_t a[16], b[16], packed[128];
	struct entry_draft e = { .kind = TALLY__ENTRY_KIND__CASE, .author = TEXT("wang") };

	(void)state;
	pid_of(0, a);
	pid_of(1, b);
	body.has_a = body.has_b = body.has_act = 1;
	body.a = (ProtobufCBinaryData){ 16, memcmp(a, b, 16) < 0 ? a : b };
	body.b = (ProtobufCBinaryData){ 16, memcmp(a, b, 16) < 0 ? b : a };
	body.act = TALLY__CASE_ACT__CASE_LINK;
	for (int k = 0; k < 2; k++) {
		e.body = (struct text){ (const char *)packed, tally__case__pack(&body, packed) };
		entry_put(&h->city.worlds[0], &e);
		body.has_decides = 1;
		body.decides = head_of(&h->city.worlds[0], areas[0]).position;
		e.author = TEXT("li");
	}
	ship(&h->city, 0, true);
	view_open(&v, &h->city);
	while (view_fold(&v, 100, NULL, 0))
		;
	assert_int_equal(findings(&v, FINDING_LEDGER), 2);
	assert_int_equal(store_read_begin(v.store, &t, 60000), 0);
	assert_int_equal(store_count(t, VIEW_CASE), 0);
	store_read_end(t);
	view_close(&v);
	city_close(&h->city);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_follow_the_cases),
		cmocka_unit_test(unlinking_all_is_as_before),
		cmocka_unit_test(only_a_city_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
