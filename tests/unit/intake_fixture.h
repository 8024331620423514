/* A collector without its sockets: keys, ledger store, secrets and intake in a temporary folder.
 * Numbers are made up. */
#ifndef TESTS_UNIT_COLLECTOR_FIXTURE_H
#define TESTS_UNIT_COLLECTOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/intake/load.h"
#include "daemon/conf/keys.h"

enum {
	T_VIEW = LEDGER_TABLES,
	T_OLDER,
	T_PERSON,
	T_VAULT,
	T_INTAKE,
	T_REFUSED,
	T_SCRUB,
	T_SEALED,
	T_HEARD
};
static const char *const fixture_tables[] = { "view", "older", "person", "vault", "intake",
	"refused", "scrub", "sealed", "heard" };

#define HEAD \
	"enrolment_no,class_no,name,doc_type,doc_number,phone,type,channel,institution,status_" \
	"group,enrolled_on," \
	"ended_on,hours_online,result\n"

struct fixture {
	char dir[64], store[80], keys[80];
	uint64_t limit;
	struct sign_key sign;
	struct ledger *ledger;
	struct secrets *secrets;
	struct intake *intake;
	const struct sealing *sealing; /* set before fixture_open(): identities are sealed */
	unsigned long grew;
};

static inline void fixture_grew(void *arg)
{
	__atomic_add_fetch((unsigned long *)arg, 1, __ATOMIC_RELAXED);
}

static inline unsigned long fixture_grown(struct fixture *f)
{
	return __atomic_load_n(&f->grew, __ATOMIC_RELAXED);
}

static inline int fixture_open_secrets(struct fixture *f, struct errmsg *m)
{
	static const int holding[] = { T_VIEW, T_PERSON, T_VAULT };

	return secrets_open(&f->secrets, ledger_store(f->ledger), T_INTAKE, holding, 3, f->keys, m);
}

static inline void fixture_open_ledger(struct fixture *f)
{
	static const uint8_t seed[SIGN_SEED_BYTES] = { 7 };
	struct store_conf conf = { .tables = fixture_tables,
		.n_tables = sizeof fixture_tables / sizeof *fixture_tables,
		.limit_bytes = f->limit ? f->limit : 256 << 20,
		.create = true };
	struct errmsg m = { "" };

	sign_key_init(&f->sign, seed);
	if (ledger_open(&f->ledger, f->store, &f->sign, 310115, &conf, &m))
		fail_msg("%s", m.text);
}

static inline void fixture_open(struct fixture *f)
{
	struct errmsg m = { "" };

	fixture_open_ledger(f);
	if (fixture_open_secrets(f, &m))
		fail_msg("%s", m.text);
	assert_int_equal(intake_open(&f->intake, &(struct intake_conf){ .ledger = f->ledger,
							 .secrets = f->secrets,
							 .view = T_VIEW,
							 .older = T_OLDER,
							 .person = T_PERSON,
							 .vault = T_VAULT,
							 .heard = T_HEARD,
							 .counts = T_INTAKE,
							 .refused = T_REFUSED,
							 .sealing = f->sealing,
							 .spool_dir = f->dir,
							 .grew = fixture_grew,
							 .arg = &f->grew }),
		0);
}

static inline void fixture_close(struct fixture *f)
{
	intake_close(f->intake);
	secrets_close(f->secrets);
	ledger_close(f->ledger);
	sign_key_deinit(&f->sign);
	f->intake = NULL;
	f->secrets = NULL;
	f->ledger = NULL;
}

static inline void fixture_key(struct fixture *f, const char *name, uint8_t first)
{
	uint8_t bytes[32] = { first };
	char text[64], path[128];
	struct errmsg m = { "" };

	base64_put(text, sizeof text, bytes, sizeof bytes);
	(void)snprintf(path, sizeof path, "%s/%s", f->keys, name);
	(void)unlink(path);
	if (key_write(f->keys, name, text, &m))
		fail_msg("%s", m.text);
}

/* An empty folder with keys; nothing open. */
static inline struct fixture *fixture_make(void)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	assert_int_equal(hash_init(), 0);
	assert_null(registers_init());
	(void)snprintf(f->dir, sizeof f->dir, "/tmp/collector-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	(void)snprintf(f->store, sizeof f->store, "%s/store", f->dir);
	(void)snprintf(f->keys, sizeof f->keys, "%s", f->dir);
	fixture_key(f, "vault.key", 1);
	fixture_key(f, "pid.key", 2);
	return f;
}

static inline void fixture_remove(struct fixture *f)
{
	char command[128];

	if (f->ledger)
		fixture_close(f);
	(void)snprintf(command, sizeof command, "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	free(f);
}

/* The index-th resident number that belongs to nobody. */
static inline void made_up(char out[19], unsigned index)
{
	static const int w[17] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
	int sum = 0;

	(void)snprintf(out, 19, "310101%04u%02u%02u%03u", 1903 + index / 300000 % 7,
		1 + index / 27000 % 12, 1 + index / 1000 % 27, index % 1000);
	for (int i = 0; i < 17; i++)
		sum += (out[i] - '0') * w[i];
	out[17] = "10X98765432"[sum % 11];
	out[18] = 0;
}

/* A good row: key K, person `index`, hours make the version. */
static inline void put_row(struct buf *b, unsigned key, unsigned index, unsigned version)
{
	char number[19];

	made_up(number, index);
	buf_printf(b,
		"T%u,C1,甲%u,111,%s,,upgrade,individual,91310101MA1T000136,employed,2019-03-01,"
		"2019-04-01,%u,completed\n",
		key, index, number, version);
}

struct fed_result {
	struct counts counts;
	bool bad_file;
	int err;
	char words[512];
	struct buf refused; /* the refused file */
	struct buf report;
};

static inline void fed_file(int fd, struct buf *out)
{
	char piece[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, piece, sizeof piece)) > 0)
		buf_put(out, piece, (size_t)n);
	if (fd >= 0)
		close(fd);
}

/* Imports a file as the upload does; `whole` false: the sender went away. */
static inline struct fed_result feed_as(struct intake *in, const struct intake_request *q,
	struct text file, bool whole, enum reader_format format)
{
	struct load *l;
	const struct intake_result *result;
	struct fed_result out = { 0 };

	assert_int_equal(
		load_open(&l,
			&(struct load_conf){
				.intake = in, .request = *q, .format = format, .dir = "/tmp" }),
		0);
	for (size_t at = 0; at < file.n; at += 4096)
		if (!load_feed(l, file.p + at, file.n - at < 4096 ? file.n - at : 4096))
			break;
	if (!whole) {
		load_free(l);
		return out;
	}
	result = load_end(l);
	out.counts = result->counts;
	out.bad_file = result->bad_file;
	out.err = result->err;
	(void)snprintf(out.words, sizeof out.words, "%s", result->words ? result->words : "");
	fed_file(result->refused, &out.refused);
	fed_file(result->report, &out.report);
	load_free(l);
	return out;
}

static inline struct fed_result feed(
	struct intake *in, const struct intake_request *q, struct text file, bool whole)
{
	return feed_as(in, q, file, whole, READER_AUTO);
}

static inline struct intake_request training(void)
{
	return (struct intake_request){
		.reg = register_find(TEXT("training")), .author = "tester", .english = true
	};
}

/* Imports a good-enough text and expects these counts; the refused file is thrown away. */
static inline void expect_counts(struct intake *in, struct text file, uint64_t accepted,
	uint64_t changed, uint64_t unchanged, uint64_t refused)
{
	struct intake_request q = training();
	struct fed_result r = feed(in, &q, file, true);

	if (r.words[0])
		fail_msg("%s", r.words);
	if (r.counts.accepted != accepted || r.counts.changed != changed ||
		r.counts.unchanged != unchanged || r.counts.refused != refused)
		fail_msg("accepted %llu, changed %llu, unchanged %llu, refused %llu: %s",
			(unsigned long long)r.counts.accepted, (unsigned long long)r.counts.changed,
			(unsigned long long)r.counts.unchanged,
			(unsigned long long)r.counts.refused, r.refused.p ? r.refused.p : "");
	buf_deinit(&r.refused);
}

static inline struct counts stored_counts(struct fixture *f)
{
	struct store_txn *t;
	struct counts c;

	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	c = counts_total(t, T_INTAKE);
	store_read_end(t);
	return c;
}

static inline uint64_t ledger_length(struct fixture *f)
{
	struct store_txn *t;
	struct ledger_head h;

	assert_int_equal(store_read_begin(ledger_store(f->ledger), &t, 10000), 0);
	h = ledger_head(t, 310115);
	store_read_end(t);
	return h.position;
}

#endif
