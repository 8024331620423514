/* The access log: what was said stands, and a line that is taken out is missed: from its middle,
 * from its end, or the whole of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/base/buf.h"
#include "daemon/registrar/access.h"
#include "proto/identity.pb-c.h"

#define ANCHOR LEDGER_TABLES
#define LINES 12

struct world {
	char dir[64];
	struct sign_key sign;
	struct ledger *ledger;
	struct access *log;
};

static int try_open(struct world *w)
{
	struct errmsg m = { "" };

	return access_open(&w->log,
		&(struct access_conf){ .state_dir = w->dir,
			.sign = &w->sign,
			.ledger = w->ledger,
			.anchor = ANCHOR },
		&m);
}

static int setup(void **state)
{
	static const char *const tables[] = { "anchor" };
	static const uint8_t seed[SIGN_SEED_BYTES] = { 5 };
	struct world *w = calloc(1, sizeof *w);
	struct store_conf conf = {
		.tables = tables, .n_tables = 1, .limit_bytes = 64 << 20, .create = true
	};
	struct errmsg m = { "" };
	char dir[80];

	assert_int_equal(hash_init(), 0);
	strcpy(w->dir, "/tmp/tally-access-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	sign_key_init(&w->sign, seed);
	(void)snprintf(dir, sizeof dir, "%s/ledger", w->dir);
	if (ledger_open(&w->ledger, dir, &w->sign, 310000, &conf, &m))
		fail_msg("%s", m.text);
	assert_int_equal(try_open(w), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	access_close(w->log);
	ledger_close(w->ledger);
	(void)snprintf(command, sizeof command, "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static void write_lines(struct world *w)
{
	uint8_t pid[PID_BYTES] = { 7 };

	for (unsigned i = 0; i < LINES; i++)
		assert_int_equal(
			access_put(w->log,
				&(struct access_line){ .act = TALLY__ACCESS_ACT__ACCESS_IDENTIFY,
					.user = i % 2 ? "wang" : "li",
					.subject = pid,
					.purpose = TEXT("an award"),
					.refused = i % 3 ? NULL : "no key",
					.count = 1 }),
			0);
}

struct seen {
	unsigned n;
	uint64_t last;
};

static bool see(void *arg, const struct access_row *row)
{
	struct seen *s = arg;
	unsigned i = LINES - 1 - s->n++;

	assert_int_equal(row->position, i + 2);
	assert_string_equal(row->user, i % 2 ? "wang" : "li");
	assert_int_equal(row->subject[0], 7);
	assert_true(text_is(row->purpose, "an award"));
	assert_true(text_is(row->refused, i % 3 ? "" : "no key"));
	assert_true(row->at_ms > 0);
	return true;
}

static void what_was_said_stands(void **state)
{
	struct world *w = *state;
	struct access_verdict v;
	struct access_load loads[4];
	struct seen seen = { 0 };

	write_lines(w);
	access_close(w->log);
	assert_int_equal(try_open(w), 0);
	assert_int_equal(access_walk(w->log, 0, see, &seen), 0);
	assert_int_equal(seen.n, LINES);
	assert_int_equal(access_verify(w->log, &v), 0);
	assert_null(v.why);
	assert_int_equal(v.lines, LINES);
	assert_int_equal(access_loads(w->log, loads, 4), 2);
	assert_int_equal(loads[0].hour + loads[1].hour, LINES - LINES / 3);
}

static void refusals_do_not_flood(void **state)
{
	struct world *w = *state;
	struct access_verdict v;

	for (unsigned i = 0; i < 1000; i++)
		access_denied(w->log, "mallory");
	assert_int_equal(access_verify(w->log, &v), 0);
	assert_in_range(v.lines, 1, 100);
}

/* ---- tampering, with the log's store open beneath its feet ---- */

struct tamper {
	uint64_t position;
	bool to_the_end;
	bool change;
};

static int tamper_job(struct store_txn *t, void *arg)
{
	const struct tamper *x = arg;
	uint8_t key[12];
	struct text k = { (const char *)key, sizeof key }, value;
	char copy[4096];

	put_u32(key, 310000);
	for (uint64_t p = x->position; p <= (x->to_the_end ? LINES + 1 : x->position); p++) {
		put_u64(key + 4, p);
		if (store_get(t, LEDGER_ENTRY, k, &value))
			return ERR_NOTFOUND;
		memcpy(copy, value.p, value.n);
		copy[value.n - 1] ^= 1;
		if (x->change)
			store_put(t, LEDGER_ENTRY, k, (struct text){ copy, value.n });
		else
			store_del(t, LEDGER_ENTRY, k);
	}
	return store_txn_err(t);
}

static void expect_broken(struct world *w, struct tamper x, uint64_t at)
{
	struct store_conf sc = { .limit_bytes = 4ull << 30 };
	struct errmsg m = { "" };
	struct access_verdict v = { 0 };
	struct ledger *log;
	char dir[80];
	int err;

	write_lines(w);
	access_close(w->log);
	w->log = NULL;
	(void)snprintf(dir, sizeof dir, "%s/access", w->dir);
	assert_int_equal(ledger_open(&log, dir, &w->sign, 310000, &sc, &m), 0);
	assert_int_equal(store_write(ledger_store(log), tamper_job, &x, 0), 0);
	ledger_close(log);
	err = try_open(w);
	if (err) /* the daemon does not start, and says why: as visible as it gets */
		return;
	assert_int_equal(access_verify(w->log, &v), 0);
	assert_non_null(v.why);
	assert_int_equal(v.broken_at, at);
}

static void a_line_taken_out_is_missed(void **state)
{
	expect_broken(*state, (struct tamper){ 5, false, false }, 5);
}

static void a_line_changed_is_seen(void **state)
{
	expect_broken(*state, (struct tamper){ 6, false, true }, 6);
}

static void lines_cut_off_are_missed(void **state)
{
	expect_broken(*state, (struct tamper){ 9, true, false }, 9);
}

/* A copy from before, put in the log's place: whole in itself, and yet too short. */
static void an_older_copy_is_seen(void **state)
{
	struct world *w = *state;
	struct errmsg m = { "" };
	struct access_verdict v;
	char copy[96], command[512];

	write_lines(w);
	(void)snprintf(copy, sizeof copy, "%s/copy", w->dir);
	assert_int_equal(mkdir(copy, 0700), 0);
	assert_int_equal(access_backup(w->log, copy, &m), 0);
	write_lines(w);
	access_close(w->log);
	(void)snprintf(command, sizeof command, "rm -rf %s/access && mv %s/access %s/access",
		w->dir, copy, w->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(try_open(w), 0);
	assert_int_equal(access_verify(w->log, &v), 0);
	assert_non_null(v.why);
	/* and what is written now does not hide it */
	write_lines(w);
	access_close(w->log);
	assert_int_equal(try_open(w), 0);
	assert_int_equal(access_verify(w->log, &v), 0);
	assert_non_null(v.why);
}

static void a_log_that_is_gone_is_missed(void **state)
{
	struct world *w = *state;
	char command[128];

	write_lines(w);
	access_close(w->log);
	w->log = NULL;
	(void)snprintf(command, sizeof command, "rm -rf %s/access", w->dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(try_open(w), ERR_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_said_stands, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_do_not_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_taken_out_is_missed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_line_changed_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_cut_off_are_missed, setup, teardown),
		cmocka_unit_test_setup_teardown(an_older_copy_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(a_log_that_is_gone_is_missed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
