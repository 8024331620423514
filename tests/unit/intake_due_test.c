/* Retention: who is due against a slow count over random histories, with clocks that go wrong;
 * and what a clock alone may not decide. */
#include "tests/unit/intake_fixture.h"

#include <time.h>

#include "daemon/base/clock.h"
#include "daemon/intake/due.h"

#define PEOPLE 40
#define KEYS 3 /* of each register and person */
#define DAY_MS 86400000ull
#define BEGIN_MS 1609473600000ull /* 2021-01-01, noon in Shanghai */

struct world {
	struct fixture *f;
	struct talent_rules *rules;
	uint64_t now;
};

static void at(struct world *w, uint64_t ms)
{
	w->now = ms;
	clock_hold(1000000, ms);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct errmsg m = { "" };

	w->f = fixture_make();
	at(w, BEGIN_MS);
	fixture_open(w->f);
	w->rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	assert_non_null(w->rules);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fixture_remove(w->f);
	talent_rules_close(w->rules);
	clock_release();
	free(w);
	return 0;
}

static struct due_conf conf_of(struct world *w, bool sure)
{
	return (struct due_conf){ .ledger = w->f->ledger,
		.vault = intake_vault(w->f->intake),
		.view = { .view = T_VIEW, .older = T_OLDER },
		.rules = w->rules,
		.years = 1,
		.sure = sure };
}

static struct due *found(struct world *w, bool sure)
{
	struct due_conf conf = conf_of(w, sure);
	struct due *d = NULL;
	struct errmsg m = { "" };

	if (due_open(&d, &conf, &m))
		fail_msg("%s", m.text);
	return d;
}

static void doubted(struct world *w, const char *words)
{
	struct due_conf conf = conf_of(w, false);
	struct due *d = NULL;
	struct errmsg m = { "" };

	assert_int_equal(due_open(&d, &conf, &m), ERR_INVALID);
	if (!strstr(m.text, words) || !strstr(m.text, "--today"))
		fail_msg("'%s' is not in: %s", words, m.text);
}

/* ---- records ---- */

struct line {
	bool certificate;
	char level;	   /* of a certificate */
	const char *until; /* valid_until, or ended_on */
	const char *revoked;
	bool enrolled; /* a training that goes on */
};

static void bring(struct world *w, unsigned person, unsigned k, const struct line *r)
{
	struct intake_request q = { .reg = register_find(
					    text_of(r->certificate ? "certificate" : "training")),
		.author = "tester",
		.english = true };
	struct buf b = { 0 };
	struct fed_result f;
	char number[19];

	made_up(number, person);
	if (r->certificate)
		buf_printf(&b,
			"number,name,doc_type,doc_number,kind,source,occupation,level,issued_on,"
			"valid_until,revoked_on\n"
			"Y000031123456194%06u,甲,111,%s,level_employer,assessment,6-18-01-01,%c,"
			"2019-03-01,%s,%s\n",
			person * KEYS + k, number, r->level, r->until, r->revoked);
	else
		buf_printf(&b,
			HEAD "T%u,C1,甲,111,%s,,upgrade,individual,91310101MA1T000136,employed,"
			     "2019-03-01,%s,1,%s\n",
			person * KEYS + k, number, r->until,
			r->enrolled ? "enrolled" : "completed");
	f = feed(w->f->intake, &q, buf_as_text(&b), true);
	if (f.counts.refused || f.words[0])
		fail_msg("%s %s", f.words, f.refused.p);
	buf_deinit(&b);
	buf_deinit(&f.refused);
}

static const struct line ended = { .until = "2019-04-01", .revoked = "" };

/* ---- a slow count ---- */

struct held {
	bool stands;
	struct line row;
};
struct model {
	struct held held[PEOPLE][2][KEYS];
	unsigned heard[PEOPLE];
	bool kept[PEOPLE];     /* in the vault */
	uint64_t newest, read; /* times: of entries, and as far as they were looked at */
};

static unsigned month_of(uint64_t ms)
{
	time_t t = (time_t)(ms / 1000 + 8 * 3600);
	struct tm tm;

	gmtime_r(&t, &tm);
	return (unsigned)((tm.tm_year + 1900) * 12 + tm.tm_mon);
}

static bool same(const struct line *a, const struct line *b)
{
	return a->certificate == b->certificate && a->level == b->level &&
	       a->enrolled == b->enrolled && strcmp(a->until, b->until) == 0 &&
	       strcmp(a->revoked, b->revoked) == 0;
}

static void model_bring(
	struct model *m, unsigned person, unsigned k, const struct line *r, uint64_t now)
{
	struct held *h = &m->held[person][r->certificate][k];
	bool changed = !h->stands || !same(&h->row, r);
	unsigned month = 0;

	if (changed) {
		m->newest = now > m->newest ? now : m->newest;
		month = month_of(m->newest);
	}
	if (!m->kept[person] && m->heard[person] == 1) { /* back after it was shredded */
		uint64_t back = now > m->read ? now : m->read;

		month = month_of(back) > month ? month_of(back) : month;
	}
	m->kept[person] = true;
	if (month > m->heard[person])
		m->heard[person] = month;
	*h = (struct held){ true, *r };
}

static bool model_due(const struct model *m, unsigned person, uint64_t now)
{
	int today = clock_date(now);
	char day[16];

	if (!m->kept[person] || m->heard[person] + 12 >= month_of(now))
		return false;
	(void)snprintf(day, sizeof day, "%04d-%02d-%02d", today / 10000 % 10000, today / 100 % 100,
		today % 100);
	for (unsigned c = 0; c < 2; c++)
		for (unsigned k = 0; k < KEYS; k++) {
			const struct held *h = &m->held[person][c][k];
			bool over = h->stands && h->row.until[0] && strcmp(h->row.until, day) < 0;

			if (h->stands && !over &&
				(c ? h->row.level == '3' && !h->row.revoked[0] : h->row.enrolled))
				return false;
		}
	return true;
}

static struct line random_row(void)
{
	static const char *const untils[] = { "", "2020-01-01", "2022-07-01", "2024-12-31" };
	struct line r = {
		.certificate = random_below(2), .until = untils[random_below(4)], .revoked = ""
	};

	if (r.certificate) {
		r.level = "344"[random_below(3)];
		r.revoked = random_below(4) ? "" : "2020-02-02";
	} else {
		r.enrolled = random_below(3) == 0;
		if (!r.enrolled && !r.until[0])
			r.until = "2019-04-01";
		if (!r.enrolled && strcmp(r.until, "2021") > 0)
			r.until = "2019-05-01";
	}
	return r;
}

static unsigned n_due, n_kept; /* seen in all: the histories must reach both */

static void compare(struct world *w, const struct model *m, bool erase, struct model *after)
{
	struct due *d = found(w, true);
	struct due_person got[PEOPLE + 1];
	uint64_t at = 0, expected = 0;
	size_t n;

	assert_int_equal(due_next(d, &at, got, PEOPLE + 1, &n), 0);
	assert_int_equal(n, due_count(d));
	for (unsigned p = 0; p < PEOPLE; p++) {
		uint8_t pid[PID_BYTES];
		char number[19];
		bool is_due = false;

		made_up(number, p);
		secrets_pid(w->f->secrets, TEXT("111"), text_of(number), pid);
		for (size_t i = 0; i < n; i++)
			if (memcmp(got[i].pid, pid, sizeof pid) == 0) {
				is_due = true;
				assert_int_equal(got[i].month, m->heard[p]);
			}
		assert_int_equal(is_due, model_due(m, p, w->now));
		expected += is_due;
		n_due += is_due;
		n_kept += !is_due && m->kept[p] && m->heard[p] + 12 < month_of(w->now);
		if (is_due && erase) {
			after->kept[p] = false;
			after->heard[p] = 1; /* shredded */
		}
	}
	assert_int_equal(n, expected);
	if (erase) {
		assert_int_equal(due_shred(d, got, n), 0);
		for (size_t i = 0; i < n; i++)
			assert_false(got[i].spared);
	}
	due_close(d);
}

static void the_same_as_a_slow_count(void **state)
{
	struct world *w = *state;
	struct model m = { .newest = BEGIN_MS }, after;
	uint64_t real = BEGIN_MS;

	random_hold(17);
	for (unsigned step = 0; step < 700; step++) {
		/* Some people come often, some once in years. */
		unsigned p = (unsigned)random_below(1 + random_below(1 + random_below(PEOPLE))),
			 k = (unsigned)random_below(KEYS);
		struct line r = random_row();
		struct held *h = &m.held[p][r.certificate][k];

		real += random_below(6) * DAY_MS;
		/* Sometimes the clock stands behind, by days or by years. */
		at(w, random_below(8)	  ? real
			: random_below(2) ? real - random_below(200) * DAY_MS
					  : 1546300800000);
		if (h->stands && random_below(3) == 0)
			r = h->row;
		if (h->stands && random_below(10) == 0) {
			char key[32];
			uint64_t position;

			(void)snprintf(key, sizeof key,
				r.certificate ? "Y000031123456194%06u" : "T%u", p * KEYS + k);
			assert_int_equal(intake_retract(w->f->intake,
						 register_find(text_of(r.certificate ? "certificate"
										     : "training")),
						 text_of(key), "tester", TEXT("x"), &position),
				0);
			h->stands = false;
			/* of the time, not of the person */
			m.newest = w->now > m.newest ? w->now : m.newest;
		} else {
			bring(w, p, k, &r);
			model_bring(&m, p, k, &r, w->now);
		}
		at(w, real);
		if (random_below(40) == 0) {
			fixture_close(w->f);
			fixture_open(w->f);
		}
		if (random_below(5) == 0) {
			after = m;
			after.read = after.newest;
			compare(w, &m, random_below(6) == 0, &after);
			m = after;
		}
	}
	random_release();
	if (n_due < 50 || n_kept < 50)
		fail_msg("due %u, kept %u", n_due, n_kept);
}

static void a_clock_alone_decides_nothing(void **state)
{
	struct world *w = *state;
	struct due *d;

	bring(w, 1, 0, &ended);
	/* Two years on, and not a word since: is it so? */
	at(w, BEGIN_MS + 800 * DAY_MS);
	doubted(w, "the newest entry of this node is of 2021-01-01");
	d = found(w, true);
	assert_int_equal(due_count(d), 1);
	due_close(d);

	/* The clock was back at its place, and the node goes on; then it leaps again, and now
	 * entries come in under it. */
	at(w, BEGIN_MS + 30 * DAY_MS);
	bring(w, 2, 0, &ended);
	d = found(w, false);
	assert_int_equal(due_count(d), 0);
	due_close(d);
	at(w, BEGIN_MS + 3000 * DAY_MS);
	bring(w, 3, 0, &ended);
	doubted(w, "leap");
	doubted(w, "leap"); /* and nothing was kept of it */

	/* Put right again: entries of the future are no reason for anything. */
	at(w, BEGIN_MS + 60 * DAY_MS);
	doubted(w, "an entry of this node is of 2029");
	bring(w, 4, 0, &ended);
	d = found(w, false);
	assert_int_equal(due_count(d), 0);
	due_close(d);
	/* Who came in under the wrong clock counts as heard of when it was looked at. */
	for (unsigned i = 1; i < 10; i++) {
		at(w, BEGIN_MS + (60 + 60 * i) * DAY_MS);
		bring(w, 5, 0, &(struct line){ .until = i % 2 ? "2019-05-01" : "2019-06-01" });
		d = found(w, false);
		assert_int_equal(due_count(d), i < 6 ? 0 : i < 7 ? 2 : 4);
		due_close(d);
	}
}

static void a_gap_is_believed_after_a_while(void **state)
{
	struct world *w = *state;
	struct due *d;

	bring(w, 1, 0, &ended);
	at(w, BEGIN_MS + 700 * DAY_MS);
	bring(w, 2, 0, &ended);
	doubted(w, "leap");
	at(w, BEGIN_MS + 780 * DAY_MS);
	bring(w, 3, 0, &ended);
	doubted(w, "leap");
	at(w, BEGIN_MS + 800 * DAY_MS);
	d = found(w, false);
	assert_int_equal(due_count(d), 1);
	due_close(d);
}

/* Between finding and shredding somebody comes in again. */
static void who_is_heard_of_meanwhile_is_spared(void **state)
{
	struct world *w = *state;
	struct due_person got[3];
	uint64_t after = 0;
	struct due *d;
	size_t n;

	bring(w, 1, 0, &ended);
	bring(w, 2, 0, &ended);
	at(w, BEGIN_MS + 800 * DAY_MS);
	d = found(w, true);
	assert_int_equal(due_next(d, &after, got, 3, &n), 0);
	assert_int_equal(n, 2);
	bring(w, 2, 1, &ended);
	assert_int_equal(due_shred(d, got, n), 0);
	assert_false(got[0].spared);
	assert_true(got[1].spared);
	due_close(d);
	d = found(w, true);
	assert_int_equal(due_count(d), 0);
	due_close(d);
	/* Back with an unchanged row: a new term. */
	bring(w, 1, 0, &ended);
	at(w, BEGIN_MS + 1100 * DAY_MS);
	d = found(w, true);
	assert_int_equal(due_count(d), 0);
	due_close(d);
	at(w, BEGIN_MS + 1200 * DAY_MS);
	d = found(w, true);
	assert_int_equal(due_count(d), 2);
	due_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_same_as_a_slow_count, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clock_alone_decides_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_gap_is_believed_after_a_while, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_is_heard_of_meanwhile_is_spared, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
