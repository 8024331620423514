/* Who qualifies is sealed to the registrar, in the same commit, again when the identity changes,
 * and nobody else: against the talent rules asked of all records of a person at once. */
#include "tests/unit/intake_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/intake/admission.h"
#include "daemon/intake/catch_up.h"
#include "daemon/talent/talent_rules.h"
#include "proto/entry.pb-c.h"
#include "proto/identity.pb-c.h"

#define PEOPLE 60

struct world {
	struct fixture *f;
	struct registrar_secret secret;
	struct talent_rules *rules;
	struct admission *admission;
};

/* Opens with (or without) sealing; the ledger must be open for the admission to know its origin. */
static void open_sealing(struct world *w, bool sealing)
{
	struct fixture *f = w->f;
	struct errmsg m = { "" };
	char text[64];

	if (f->ledger)
		fixture_close(f);
	admission_close(w->admission);
	w->admission = NULL;
	f->sealing = NULL;
	fixture_open(f);
	if (!sealing)
		return;
	base64_put(text, sizeof text, w->secret.half.key, sizeof w->secret.half.key);
	if (admission_open(&w->admission,
		    &(struct sealing){
			    .ledger = f->ledger, .secrets = f->secrets, .table = T_SEALED },
		    w->rules, text_of(text), &m))
		fail_msg("%s", m.text);
	f->sealing = admission_sealing(w->admission);
	intake_close(f->intake);
	assert_int_equal(intake_open(&f->intake, &(struct intake_conf){ .ledger = f->ledger,
							 .secrets = f->secrets,
							 .view = T_VIEW,
							 .older = T_OLDER,
							 .person = T_PERSON,
							 .vault = T_VAULT,
							 .counts = T_INTAKE,
							 .refused = T_REFUSED,
							 .sealing = f->sealing,
							 .spool_dir = f->dir,
							 .grew = fixture_grew,
							 .arg = &f->grew }),
		0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	struct errmsg m = { "" };

	w->f = fixture_make();
	w->rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	assert_non_null(w->rules);
	registrar_secret_make(&w->secret);
	open_sealing(w, true);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fixture_remove(w->f);
	admission_close(w->admission);
	talent_rules_close(w->rules);
	free(w);
	return 0;
}

static void import(struct world *w, const char *reg, const char *head, struct buf *rows)
{
	struct intake_request q = {
		.reg = register_find(text_of(reg)), .author = "tester", .english = true
	};
	struct buf b = { 0 };
	struct fed_result r;

	buf_str(&b, head);
	buf_put(&b, rows->p, rows->n);
	r = feed(w->f->intake, &q, buf_as_text(&b), true);
	if (r.counts.refused || r.words[0])
		fail_msg("%s %s", r.words, r.refused.p);
	buf_deinit(&b);
	buf_deinit(&r.refused);
	buf_deinit(rows);
}

#define CERTIFICATE_HEAD \
	"number,name,doc_type,doc_number,kind,source,occupation,level,issued_on,valid_until," \
	"revoked_on\n"
#define HONOUR_HEAD "honour_no,title,name,doc_type,doc_number,granted_on,revoked_on\n"
#define CONTEST_HEAD "entry_no,contest,tier,trade,name,doc_type,doc_number,held_on,award\n"

static void certificate(struct buf *b, unsigned key, unsigned index, const char *name, char level,
	const char *valid_until, const char *revoked_on)
{
	char number[19];

	made_up(number, index);
	buf_printf(b,
		"Y000031%06u19%c%06u,%s,111,%s,level_employer,assessment,6-18-01-01,%c,2019-03-01,%"
		"s,%s\n",
		123456u, level, key, name, number, level, valid_until, revoked_on);
}

static void honour(
	struct buf *b, unsigned key, unsigned index, const char *title, const char *revoked_on)
{
	char number[19];

	made_up(number, index);
	buf_printf(b, "H%u,%s,甲%u,111,%s,2019-05-01,%s\n", key, title, index, number, revoked_on);
}

static void contest(
	struct buf *b, unsigned key, unsigned index, const char *tier, const char *award)
{
	char number[19];

	made_up(number, index);
	buf_printf(
		b, "C%u,K1,%s,焊接,甲%u,111,%s,2019-06-01,%s\n", key, tier, index, number, award);
}

/* ---- what stands in the ledger ---- */

struct found {
	unsigned entries;	  /* of kind IDENTITY */
	unsigned last_index;	  /* whose is the newest one; by the number inside */
	char name[64], phone[64]; /* inside the newest one */
	unsigned of[PEOPLE];	  /* per person */
};

static struct found look(struct world *w)
{
	struct found found = { 0 };
	struct store_txn *t;
	struct arena a;
	uint64_t length = ledger_length(w->f);

	arena_init(&a, 1 << 20);
	assert_int_equal(store_read_begin(ledger_store(w->f->ledger), &t, 10000), 0);
	for (uint64_t p = 1; p <= length; p++) {
		uint8_t plain[SEAL_PLAIN_MOST], pid[PID_BYTES];
		struct identity id;
		struct entry_view e;
		struct text bytes;
		Tally__Identity *body;
		char number[19];

		assert_int_equal(ledger_get(t, 310115, p, &bytes), 0);
		assert_int_equal(entry_unpack(&e, bytes, NULL), 0);
		if (e.kind != TALLY__ENTRY_KIND__IDENTITY)
			continue;
		body = tally__identity__unpack(NULL, e.body.n, (const uint8_t *)e.body.p);
		assert_non_null(body);
		assert_int_equal(
			identity_open(&id, plain, &w->secret,
				(struct text){ (char *)body->sealed.data, body->sealed.len }),
			0);
		assert_int_equal(body->n_tags, 1);
		assert_memory_equal(body->registrar.data, w->secret.half.mark, 8);
		secrets_pid(w->f->secrets, id.doc_type, id.doc_number, pid);
		assert_memory_equal(pid, body->pid.data, PID_BYTES);
		found.entries++;
		for (unsigned i = 0; i < PEOPLE; i++) {
			made_up(number, i);
			if (text_is(id.doc_number, number)) {
				found.of[i]++;
				found.last_index = i;
			}
		}
		(void)snprintf(found.name, sizeof found.name, "%.*s", (int)id.name.n, id.name.p);
		(void)snprintf(
			found.phone, sizeof found.phone, "%.*s", (int)id.phone.n, id.phone.p);
		tally__identity__free_unpacked(body, NULL);
	}
	store_read_end(t);
	arena_deinit(&a);
	return found;
}

static void who_qualifies_is_sealed(void **state)
{
	struct world *w = *state;
	struct buf b = { 0 };
	struct found found;

	certificate(&b, 1, 1, "甲一", '4', "", "");
	certificate(&b, 2, 2, "甲二", '3', "2020-01-01", ""); /* over */
	certificate(&b, 3, 3, "甲三", '3', "", "2020-01-01"); /* revoked */
	import(w, "certificate", CERTIFICATE_HEAD, &b);
	assert_int_equal(look(w).entries, 0);
	certificate(&b, 4, 4, "甲四", '3', "", "");
	import(w, "certificate", CERTIFICATE_HEAD, &b);
	found = look(w);
	assert_int_equal(found.entries, 1);
	assert_int_equal(found.of[4], 1);
	assert_string_equal(found.name, "甲四");
	/* the newest entry, in the commit of its record */
	assert_int_equal(ledger_length(w->f), 6);

	contest(&b, 1, 2, "district", "gold");
	import(w, "contest_entry", CONTEST_HEAD, &b);
	assert_int_equal(look(w).of[2], 0);
	contest(&b, 2, 2, "city", "");
	import(w, "contest_entry", CONTEST_HEAD, &b);
	assert_int_equal(look(w).of[2], 0);
	contest(&b, 3, 2, "city", "bronze");
	import(w, "contest_entry", CONTEST_HEAD, &b);
	assert_int_equal(look(w).of[2], 1);
}

static void again_when_the_identity_changes(void **state)
{
	struct world *w = *state;
	struct buf b = { 0 };
	char number[19];

	certificate(&b, 4, 4, "甲四", '3', "", "");
	import(w, "certificate", CERTIFICATE_HEAD, &b);
	assert_int_equal(look(w).entries, 1);
	certificate(&b, 4, 4, "甲四", '3', "", ""); /* unchanged */
	import(w, "certificate", CERTIFICATE_HEAD, &b);
	certificate(&b, 5, 4, "甲四", '2', "", ""); /* another record, the same identity */
	import(w, "certificate", CERTIFICATE_HEAD, &b);
	assert_int_equal(look(w).entries, 1);

	made_up(number, 4); /* a new phone, in a record that lets nobody in */
	buf_printf(&b,
		"T1,C1,甲四,111,%s,13800000004,upgrade,individual,91310101MA1T000136,employed,2019-"
		"03-01,"
		"2019-04-01,1,completed\n",
		number);
	import(w, "training", HEAD, &b);
	assert_int_equal(look(w).entries, 2);
	assert_string_equal(look(w).phone, "13800000004");

	certificate(&b, 6, 4, "甲四改", '4', "", ""); /* a new name, likewise; the phone stays */
	import(w, "certificate", CERTIFICATE_HEAD, &b);
	assert_int_equal(look(w).entries, 3);
	assert_string_equal(look(w).name, "甲四改");
	assert_string_equal(look(w).phone, "13800000004");
}

/* ---- random records against the rule asked of all records of a person ---- */

static const char *words[] = { "", "2019-12-01", NULL };

static void random_rows(struct world *w, unsigned seed)
{
	static char later[16];
	struct buf c = { 0 }, h = { 0 }, k = { 0 };

	(void)snprintf(later, sizeof later, "%d-12-31", clock_date(clock_wall_ms()) / 10000 + 2);
	words[2] = later;
	srand(seed);
	for (unsigned i = 0; i < 300; i++) {
		unsigned index = (unsigned)rand() % PEOPLE, r = (unsigned)rand();
		char name[32];

		(void)snprintf(name, sizeof name, "甲%u", index);
		switch (rand() % 6) {
		case 0:
			honour(&h, (unsigned)rand() % 30, index,
				(const char *const[]){ "grand", "district", "chief" }[r % 3],
				words[r / 3 % 3]);
			break;
		case 1:
			contest(&k, (unsigned)rand() % 30, index,
				(const char *const[]){
					"city", "district", "world", "enterprise" }[r % 4],
				(const char *const[]){ "", "gold", "excellence" }[r / 4 % 3]);
			break;
		default:
			certificate(&c, i, index, name, "5432145"[r % 7], words[r / 7 % 3],
				words[r / 21 % 3]);
		}
	}
	import(w, "certificate", CERTIFICATE_HEAD, &c);
	import(w, "honour", HONOUR_HEAD, &h);
	import(w, "contest_entry", CONTEST_HEAD, &k);
}

/* The slow way: the records that stand, person by person. A record that was replaced has let its
 * person in when it came: `ever` counts those too. */
static void expect_by_rule(struct world *w, const struct found *found)
{
	struct errmsg m = { "" };
	struct talent_rules *rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	struct store_txn *t;
	uint64_t length = ledger_length(w->f);
	bool in[PEOPLE] = { false };
	int today = clock_date(clock_wall_ms());
	unsigned inside = 0;

	assert_non_null(rules);
	assert_int_equal(store_read_begin(ledger_store(w->f->ledger), &t, 60000), 0);
	for (unsigned i = 0; i < PEOPLE; i++) {
		static struct record records[1000];
		static struct talent_record of[1000];
		struct arena a;
		char number[19];
		uint8_t pid[PID_BYTES];
		size_t n = 0;

		made_up(number, i);
		secrets_pid(w->f->secrets, TEXT("111"), text_of(number), pid);
		arena_init(&a, 8 << 20);
		for (uint64_t p = 1; p <= length; p++) {
			struct entry_view e;
			struct text bytes;

			assert_int_equal(ledger_get(t, 310115, p, &bytes), 0);
			assert_int_equal(entry_unpack(&e, bytes, &a), 0);
			if (e.kind != TALLY__ENTRY_KIND__RECORD)
				continue;
			assert_int_equal(
				record_unpack(register_find(e.reg), e.body, &a, &records[n]), 0);
			if (memcmp(record_person(&records[n], 0).pid, pid, PID_BYTES) != 0)
				continue;
			of[n] = (struct talent_record){ &records[n], 310115 };
			assert_true(++n < 1000);
		}
		in[i] = talent_qualifies(rules, of, n, today) != NULL;
		inside += in[i];
		arena_deinit(&a);
	}
	store_read_end(t);
	talent_rules_close(rules);
	assert_in_range(inside, 10, PEOPLE - 3);
	for (unsigned i = 0; i < PEOPLE; i++)
		if ((found->of[i] > 0) != in[i])
			fail_msg("person %u: sealed %u times, the rule says %d", i, found->of[i],
				in[i]);
}

static void record_by_record_is_exact(void **state)
{
	struct world *w = *state;
	struct found found;

	random_rows(w, 11);
	found = look(w);
	expect_by_rule(w, &found);
	for (unsigned i = 0; i < PEOPLE; i++)
		assert_in_range(found.of[i], 0, 1);
}

/* ---- catching up ---- */

static unsigned catch_up(struct world *w)
{
	struct catch_up *c;
	bool finished = false;
	unsigned steps = 0;

	assert_int_equal(catch_up_open(&c, &(struct catch_up_conf){ .ledger = w->f->ledger,
						   .sealing = w->f->sealing,
						   .vault = intake_vault(w->f->intake),
						   .view = { .view = T_VIEW, .older = T_OLDER },
						   .state = T_INTAKE }),
		0);
	while (!finished) {
		assert_int_equal(catch_up_step(c, &finished), 0);
		assert_true(++steps < 1000);
		if (steps == 2) { /* a restart in the middle */
			catch_up_close(c);
			open_sealing(w, true);
			assert_int_equal(
				catch_up_open(
					&c, &(struct catch_up_conf){ .ledger = w->f->ledger,
						    .sealing = w->f->sealing,
						    .vault = intake_vault(w->f->intake),
						    .view = { .view = T_VIEW, .older = T_OLDER },
						    .state = T_INTAKE }),
				0);
		}
	}
	catch_up_close(c);
	return steps;
}

static void a_key_that_comes_later(void **state)
{
	struct world *w = *state;
	struct found found;
	uint64_t length;
	unsigned entries;
	struct buf b = { 0 };

	open_sealing(w, false);
	for (unsigned seed = 0; seed < 4; seed++)
		random_rows(w, seed);
	for (unsigned i = 0; i < 700; i++) /* several steps */
		certificate(&b, 5000 + i, i % 3, "甲零", '5', "", "");
	import(w, "certificate", CERTIFICATE_HEAD, &b);
	assert_int_equal(look(w).entries, 0);
	open_sealing(w, true);
	assert_true(catch_up(w) > 2);
	found = look(w);
	/* what was replaced by then lets nobody in */
	entries = found.entries;
	assert_in_range(entries, 10, PEOPLE);
	length = ledger_length(w->f);
	(void)catch_up(w);
	assert_int_equal(ledger_length(w->f), length);

	registrar_secret_make(&w->secret); /* another registrar: everybody once more */
	open_sealing(w, true);
	(void)catch_up(w);
	assert_int_equal(ledger_length(w->f), length + entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_qualifies_is_sealed, setup, teardown),
		cmocka_unit_test_setup_teardown(again_when_the_identity_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(record_by_record_is_exact, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_that_comes_later, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
