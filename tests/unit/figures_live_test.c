/* The talents in memory beside the views' store: made of its rows, turned by who asks on another
 * day; lost for want of memory, and made anew. */
#include "tests/unit/memory_fails.h"
#include "tests/unit/talent_fixture.h"

#include "daemon/base/clock.h"
#include "daemon/fold/fold.h"
#include "daemon/fold/live_talents.h"
#include "daemon/ledger/hash.h"

#define NOON 1800000000000 /* wall clock of 2027-01-15 */
#define TODAY 20270115

static const char *const tables[] = { VIEW_TABLE_NAMES };
static struct talent_rules *rules;

struct rows {
	unsigned first, end;
};

/* Talents of the gate in force; each third from the day after on. */
static int rows_write(struct store_txn *t, void *arg)
{
	const struct rows *r = arg;

	for (unsigned i = r->first; i < r->end; i++) {
		unsigned from = talent_day(TODAY) + (i % 3 == 0);
		const uint8_t item[TALENT_ITEM_BYTES] = { 1, 0, (uint8_t)(from >> 8), (uint8_t)from,
			0xff, 0xff };
		uint8_t pid[PID_BYTES] = { (uint8_t)(i * 37), (uint8_t)(i >> 8), (uint8_t)i };

		store_put(t, VIEW_TALENT, (struct text){ (const char *)pid, PID_BYTES },
			(struct text){ (const char *)item, sizeof(item) });
	}
	return store_txn_err(t);
}

static void write_more(struct store *s, unsigned first, unsigned end)
{
	struct rows r = { first, end };

	assert_int_equal(store_write(s, rows_write, &r, 0), 0);
}

static uint64_t total_on(struct live_talents *l, int day)
{
	struct talent_query all = { 0 };
	struct talent_found found;
	int err;
	struct talent_index *x = live_talents_on(l, day, &err);

	assert_non_null(x);
	assert_int_equal(err, 0);
	assert_int_equal(talent_index_find(x, &all, NULL, NULL, 0, &found, NULL), 0);
	assert_int_equal(found.day, day);
	return found.total;
}

static void lost_and_made_anew(void **state)
{
	char dir[] = "/tmp/tally-live-XXXXXX", command[64];
	struct store_conf conf = { .dir = dir,
		.tables = tables,
		.n_tables = VIEW_TABLES,
		.limit_bytes = 64 << 20,
		.create = true,
		.derived = true };
	struct live_talents *l = NULL;
	struct errmsg m = { "" };
	struct talent_index *x;
	struct store *s;
	int err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(store_open(&s, &conf, &m), 0);
	write_more(s, 0, 300);
	clock_hold(1000000000, NOON);
	assert_int_equal(live_talents_open(&l, s, rules), 0);
	assert_int_equal(total_on(l, TODAY), 200);
	assert_int_equal(total_on(l, TODAY + 1), 300);
	assert_int_equal(total_on(l, TODAY), 200);
	/* A chunk is written and does not come into the index. */
	write_more(s, 300, 600);
	assert_int_equal(total_on(l, TODAY), 200);
	x = live_talents_on(l, TODAY, &err);
	talent_index_lose(x);
	assert_int_equal(total_on(l, TODAY), 400);
	/* Memory is still short: not answered, and not tried again at once. */
	talent_index_lose(x);
	memory_fails_after(0);
	assert_null(live_talents_on(l, TODAY, &err));
	memory_is_back();
	assert_int_equal(err, ERR_NOMEM);
	clock_hold(1000000000 + 4000000, NOON);
	assert_null(live_talents_on(l, TODAY, &err));
	assert_int_equal(err, ERR_NOMEM);
	clock_hold(1000000000 + 5000000, NOON);
	assert_int_equal(total_on(l, TODAY + 1), 600);
	/* A turn without memory answers for no day. */
	memory_fails_after(0);
	assert_null(live_talents_on(l, TODAY, &err));
	memory_is_back();
	assert_int_equal(err, ERR_NOMEM);
	assert_int_equal(total_on(l, TODAY), 400);
	clock_release();
	live_talents_close(l);
	store_close(s);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lost_and_made_anew),
	};
	struct errmsg m = { "" };
	int failed;

	if (registers_init() || hash_init())
		return 1;
	rules = talent_rules_open(talent_sources, talent_sources_n, &m);
	if (!rules)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	talent_rules_close(rules);
	return failed;
}
