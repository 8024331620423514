/* The running views: they follow the ledgers by themselves, survive a restart, begin anew when
 * forms or ledgers are others, stop at what cannot be read and go on when it can; and a recount
 * sees one wrong bit. */
#include "tests/unit/figures_fixture.h"

#include "daemon/fold/recount.h"
#include "daemon/base/clock.h"

struct town {
	struct city c;
	char dir[64], views_dir[80], recount_dir[80];
	struct forms *forms;
	struct views *views;
	uint64_t limit; /* of the views' store; 0: plenty */
};

static void views_begin(struct town *t)
{
	struct views_conf conf = { .dir = t->views_dir,
		.limit_bytes = t->limit ? t->limit : 256 << 20,
		.ledger = city_ledger(&t->c),
		.forms = t->forms,
		.city = CITY,
		.chunk = 7 };
	struct errmsg m = { "" };

	if (views_open(&t->views, &conf, &m))
		fail_msg("%s", m.text);
	views_wake(t->views);
}

static struct town *town_open(uint64_t seed)
{
	struct town *t = calloc(1, sizeof(*t));
	struct errmsg m;

	assert_non_null(t);
	chance_state = seed;
	city_open(&t->c);
	strcpy(t->dir, "/tmp/tally-town-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	snprintf(t->views_dir, sizeof(t->views_dir), "%s/views", t->dir);
	snprintf(t->recount_dir, sizeof(t->recount_dir), "%s/recount.tmp", t->dir);
	t->forms = forms_open(form_sources, form_sources_n, &m);
	assert_non_null(t->forms);
	views_begin(t);
	return t;
}

static void town_close(struct town *t)
{
	char command[128];

	views_close(t->views);
	forms_close(t->forms);
	city_close(&t->c);
	snprintf(command, sizeof(command), "rm -rf %s", t->dir);
	assert_int_equal(system(command), 0);
	free(t);
}

/* New records everywhere, sent over; the fold is told as the link tells it. */
static void grow(struct town *t, int n)
{
	for (int i = 0; i < n; i++) {
		rec_write(&t->c, rec_new(&t->c));
		if (chance(10) == 0) {
			ship(&t->c, chance(DISTRICTS), false);
			views_wake(t->views);
		}
	}
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(&t->c, i, true);
	views_wake(t->views);
}

static uint64_t folded(struct town *t, uint32_t origin)
{
	struct store_txn *txn;
	uint64_t p;

	assert_int_equal(store_read_begin(views_store(t->views), &txn, 60000), 0);
	p = fold_position(txn, origin);
	store_read_end(txn);
	return p;
}

static void wait_folded(struct town *t, uint32_t origin, uint64_t position)
{
	uint64_t until = clock_mono_ms() + 20000;

	while (folded(t, origin) != position) {
		if (clock_mono_ms() > until)
			fail_msg("%u stands at %llu, not %llu", origin,
				(unsigned long long)folded(t, origin),
				(unsigned long long)position);
		usleep(1000);
	}
}

static void wait_all(struct town *t)
{
	for (unsigned i = 0; i < WORLDS; i++)
		wait_folded(t, areas[i], head_of(&t->c.worlds[DISTRICTS], areas[i]).position);
}

static struct recount recount_now(struct town *t)
{
	struct recount r = { .stop = NULL };
	struct errmsg m = { "" };

	if (recount_run(&r, t->views, t->recount_dir, &m))
		fail_msg("%s", m.text);
	assert_int_equal(access(t->recount_dir, F_OK), -1);
	return r;
}

static void they_follow_and_survive_a_restart(void **state)
{
	struct town *t = town_open(1);
	struct views_state s;
	struct recount r;

	(void)state;
	grow(t, 200);
	wait_all(t);
	r = recount_now(t);
	assert_true(r.equal);
	assert_true(r.entries > 200);
	views_close(t->views);
	views_begin(t);
	views_state(t->views, &s);
	grow(t, 1);
	wait_all(t);
	views_state(t->views, &s);
	assert_true(s.entries < 10);
	assert_true(recount_now(t).equal);
	town_close(t);
}

static void a_recount_holds_while_they_move(void **state)
{
	struct town *t = town_open(2);

	(void)state;
	grow(t, 100);
	for (int i = 0; i < 5; i++) {
		grow(t, 40);
		assert_true(recount_now(t).equal);
	}
	town_close(t);
}

static void other_forms_begin_anew(void **state)
{
	struct form_source two[] = { form_sources[0] };
	struct town *t = town_open(3);
	struct views_state s;
	struct errmsg m;

	(void)state;
	grow(t, 60);
	wait_all(t);
	views_close(t->views);
	forms_close(t->forms);
	t->forms = forms_open(two, 1, &m);
	assert_non_null(t->forms);
	views_begin(t);
	wait_all(t);
	views_state(t->views, &s);
	assert_true(s.entries >= 60);
	assert_true(recount_now(t).equal);
	town_close(t);
}

static void other_ledgers_begin_anew(void **state)
{
	struct town *t = town_open(4);
	struct recount r;

	(void)state;
	grow(t, 60);
	wait_all(t);
	views_close(t->views);
	city_close(&t->c);
	city_open(&t->c);
	views_begin(t);
	grow(t, 30);
	wait_all(t);
	r = recount_now(t);
	assert_true(r.equal);
	assert_true(r.tables[VIEW_RECORD].running <= 30);
	town_close(t);
}

/* ---- one wrong bit ---- */

struct twist {
	int table;
	bool last;
};

static int twist_job(struct store_txn *t, void *arg)
{
	const struct twist *w = arg;
	struct store_cursor *c = store_cursor_open(t, w->table);
	struct text key, value;
	char k[64], v[4096];
	size_t n_key, n_value;

	assert_true(w->last ? store_before(c, (struct text){ 0 }, &key, &value)
			    : store_seek(c, (struct text){ 0 }, &key, &value));
	n_key = key.n;
	n_value = value.n;
	assert_true(n_key <= sizeof(k) && n_value <= sizeof(v));
	memcpy(k, key.p, n_key);
	memcpy(v, value.p, n_value);
	v[n_value - 1] ^= 1;
	store_cursor_close(c);
	store_put(t, w->table, (struct text){ k, n_key }, (struct text){ v, n_value });
	return store_txn_err(t);
}

static void a_recount_sees_one_wrong_bit(void **state)
{
	struct town *t = town_open(5);

	(void)state;
	grow(t, 60);
	wait_all(t);
	for (int table = VIEW_RECORD; table <= VIEW_CELL; table++) {
		struct twist w = { table, chance(2) };
		struct recount r;

		assert_int_equal(store_write(views_store(t->views), twist_job, &w, 0), 0);
		r = recount_now(t);
		assert_false(r.equal);
		for (int i = 0; i < VIEW_TABLES; i++)
			assert_int_equal(r.tables[i].equal, i != table);
		assert_non_null(strstr(r.tables[table].differs, "another value: "));
		assert_memory_not_equal(
			r.tables[table].digest_running, r.tables[table].digest_anew, HASH_BYTES);
		assert_int_equal(store_write(views_store(t->views), twist_job, &w, 0), 0);
		assert_true(recount_now(t).equal);
	}
	town_close(t);
}

/* ---- a damaged entry ---- */

static void they_stop_at_what_cannot_be_read(void **state)
{
	struct town *t = town_open(6);
	uint8_t at[ROW_KEY_BYTES], value[4096];
	struct world *city = &t->c.worlds[DISTRICTS];
	struct views_state s;
	struct text key;
	size_t n;

	(void)state;
	grow(t, 40);
	wait_all(t);
	for (int i = 0; i < 40; i++)
		rec_write(&t->c, rec_new(&t->c));
	for (unsigned i = 0; i < DISTRICTS; i++)
		ship(&t->c, i, true);
	key = row_key(at, areas[0], head_of(city, areas[0]).position);
	n = raw_get(city, LEDGER_ENTRY, key, value, sizeof(value));
	assert_true(n > 0);
	value[n / 2] ^= 4;
	raw_put(city, LEDGER_ENTRY, key, (struct text){ (char *)value, n });
	views_wake(t->views);
	for (unsigned i = 1; i < WORLDS; i++)
		wait_folded(t, areas[i], head_of(city, areas[i]).position);
	wait_folded(t, areas[0], head_of(city, areas[0]).position - 1);
	usleep(20000);
	views_state(t->views, &s);
	assert_int_equal(s.err, 0);
	assert_int_equal(s.stopped_origin, areas[0]);
	assert_int_equal(s.stopped_at, head_of(city, areas[0]).position);
	/* up to where they stand they are right */
	assert_true(recount_now(t).equal);
	value[n / 2] ^= 4;
	raw_put(city, LEDGER_ENTRY, key, (struct text){ (char *)value, n });
	views_wake(t->views);
	wait_all(t);
	usleep(20000);
	views_state(t->views, &s);
	assert_int_equal(s.stopped_origin, 0);
	assert_true(recount_now(t).equal);
	town_close(t);
}

/* ---- no room ---- */

static void a_full_store_stands_still_and_goes_on_with_room(void **state)
{
	struct town *t = town_open(8);
	struct views_state s;

	(void)state;
	grow(t, 50);
	wait_all(t);
	views_close(t->views);
	t->limit = 1 << 20; /* half of it is the reserve */
	views_begin(t);
	for (int i = 0; i < 60; i++) {
		grow(t, 50);
		views_state(t->views, &s);
		if (s.err)
			break;
	}
	for (int i = 0; i < 1000 && !s.err; i++) {
		usleep(10000);
		views_state(t->views, &s);
	}
	assert_int_equal(s.err, ERR_FULL);
	/* figures can be read all the while */
	assert_true(folded(t, areas[0]) > 0);
	views_close(t->views);
	t->limit = 0;
	views_begin(t);
	wait_all(t);
	views_state(t->views, &s);
	assert_int_equal(s.err, 0);
	assert_true(recount_now(t).equal);
	town_close(t);
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static void a_recount_can_be_stopped(void **state)
{
	struct town *t = town_open(7);
	struct recount r = { .stop = at_once };
	struct errmsg m = { "" };

	(void)state;
	grow(t, 20);
	wait_all(t);
	assert_int_equal(recount_run(&r, t->views, t->recount_dir, &m), ERR_CLOSED);
	assert_int_equal(access(t->recount_dir, F_OK), -1);
	town_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(they_follow_and_survive_a_restart),
		cmocka_unit_test(a_recount_holds_while_they_move),
		cmocka_unit_test(other_forms_begin_anew),
		cmocka_unit_test(other_ledgers_begin_anew),
		cmocka_unit_test(a_recount_sees_one_wrong_bit),
		cmocka_unit_test(they_stop_at_what_cannot_be_read),
		cmocka_unit_test(a_full_store_stands_still_and_goes_on_with_room),
		cmocka_unit_test(a_recount_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
