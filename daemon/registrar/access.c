/* A line: append to the log → durable → the anchor moves in the ledger's store → durable → whoever
 * asked may go on. A kill between the two leaves the anchor behind the log, never ahead of it.
 *
 *     state_dir/access   a ledger of the node's own origin: ACCESS entries, author = the user
 *     anchor:  "access" → position (8) | hash there (32)
 *
 * When the disk is full the log cannot be written, and nothing is opened. */
#include "daemon/registrar/access.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "proto/entry.pb-c.h"
#include "proto/identity.pb-c.h"

#define LIMIT_BYTES (4ull << 30)
#define READ_MS 30000
#define ANCHOR_KEY TEXT("access")
#define ANCHOR_BYTES (8 + HASH_BYTES)
#define HOUR_MS 3600000ull
#define DAY_MS (24 * HOUR_MS)
#define LOOK_LINES 100000 /* for loads */
#define DENIED_MOST 20	  /* lines that may come at once … */
#define DENIED_MS 10000	  /* … and one more in this time */

struct access {
	struct access_conf conf;
	struct ledger *log;
	pthread_mutex_t lock; /* one line at a time; guards what follows */
	uint64_t denied_left, denied_ms, denied_more;
	uint64_t written;
};

/* ---- the anchor ---- */

struct anchor {
	int table;
	uint64_t position;
	uint8_t hash[HASH_BYTES];
};

static int anchor_get(struct store_txn *t, struct anchor *a)
{
	struct text value;
	int err = store_get(t, a->table, ANCHOR_KEY, &value);

	if (!err && value.n != ANCHOR_BYTES)
		err = ERR_DAMAGED;
	if (err)
		return err;
	a->position = get_u64((const uint8_t *)value.p);
	memcpy(a->hash, value.p + 8, HASH_BYTES);
	return 0;
}

static int anchor_read(struct ledger *l, struct anchor *a)
{
	struct store_txn *t;
	int err = store_read_begin(ledger_store(l), &t, READ_MS);

	if (err)
		return err;
	err = anchor_get(t, a);
	store_read_end(t);
	return err;
}

static int anchor_job(struct store_txn *t, void *arg)
{
	const struct anchor *a = arg;
	uint8_t value[ANCHOR_BYTES];

	put_u64(value, a->position);
	memcpy(value + 8, a->hash, HASH_BYTES);
	store_put(t, a->table, ANCHOR_KEY, (struct text){ (const char *)value, sizeof value });
	return store_txn_err(t);
}

/* Is the log the one that the anchor knows, or longer? */
static bool anchor_fits(struct store_txn *log, uint32_t origin, const struct anchor *a)
{
	uint8_t hash[HASH_BYTES];

	return ledger_hash_at(log, origin, a->position, hash) == 0 &&
	       memcmp(hash, a->hash, HASH_BYTES) == 0;
}

/* To where the log stands now; but never away from a log that was cut. */
static int anchor_move(struct access *a)
{
	struct anchor anchor = { .table = a->conf.anchor };
	struct store_txn *t;
	struct ledger_head h;
	bool fits;
	int err = anchor_read(a->conf.ledger, &anchor);

	if (err && err != ERR_NOTFOUND)
		return err;
	err = store_read_begin(ledger_store(a->log), &t, READ_MS);
	if (err)
		return err;
	fits = anchor.position == 0 || anchor_fits(t, ledger_own(a->log), &anchor);
	h = ledger_head(t, ledger_own(a->log));
	store_read_end(t);
	if (!fits) {
		log_error("access", "lines of the access log are missing: run access verify");
		return 0;
	}
	anchor.position = h.position;
	memcpy(anchor.hash, h.head, HASH_BYTES);
	return store_write(ledger_store(a->conf.ledger), anchor_job, &anchor, STORE_RESERVE);
}

/* ---- opening ---- */

int access_open(struct access **out, const struct access_conf *conf, struct errmsg *m)
{
	struct access *a = calloc(1, sizeof *a);
	struct anchor anchor = { .table = conf->anchor };
	struct store_conf sc = { .limit_bytes = LIMIT_BYTES };
	char dir[4096];
	int err;

	if (!a)
		return ERR_NOMEM;
	a->conf = *conf;
	a->denied_left = DENIED_MOST;
	pthread_mutex_init(&a->lock, NULL);
	(void)snprintf(dir, sizeof dir, "%s/access", conf->state_dir);
	err = anchor_read(conf->ledger, &anchor);
	sc.create = err == ERR_NOTFOUND;
	if (err && err != ERR_NOTFOUND)
		errmsg_set(m, "the anchor of the access log cannot be read: %s", err_words(err));
	else
		err = ledger_open(&a->log, dir, conf->sign, ledger_own(conf->ledger), &sc, m);
	if (err == ERR_NOTFOUND && !sc.create)
		errmsg_set(m,
			"%s: the access log is missing, and there was one: put it back from a "
			"backup",
			dir);
	if (!err && sc.create) {
		err = anchor_move(a);
		if (err)
			errmsg_set(m, "the anchor of the access log: %s", err_words(err));
	}
	if (err) {
		access_close(a);
		return err;
	}
	*out = a;
	return 0;
}

void access_close(struct access *a)
{
	if (!a)
		return;
	if (a->log)
		ledger_close(a->log);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

int access_backup(struct access *a, const char *dir, struct errmsg *m)
{
	char to[4096];

	if ((size_t)snprintf(to, sizeof to, "%s/access", dir) >= sizeof to) {
		errmsg_set(m, "%s: the path is too long", dir);
		return ERR_LIMIT;
	}
	return store_copy(ledger_store(a->log), to, m);
}

/* ---- writing ---- */

struct putting {
	struct access *a;
	const struct access_line *lines;
	size_t n;
};

static ProtobufCBinaryData binary(struct text t)
{
	return (ProtobufCBinaryData){ t.n, (uint8_t *)(uintptr_t)t.p };
}

static int line_put(struct store_txn *t, struct access *a, const struct access_line *line)
{
	Tally__Access body = TALLY__ACCESS__INIT;
	uint8_t packed[2048];
	struct text user = text_of(line->user);
	struct entry_draft d = { .kind = TALLY__ENTRY_KIND__ACCESS,
		.at_ms = clock_wall_ms(),
		.author = { user.p, user.n < 32 ? user.n : 32 } };

	body.has_act = body.has_count = 1;
	body.act = line->act;
	body.count = line->count;
	body.has_subject = line->subject != NULL;
	if (line->subject)
		body.subject =
			(ProtobufCBinaryData){ PID_BYTES, (uint8_t *)(uintptr_t)line->subject };
	body.has_purpose = line->purpose.n > 0;
	body.purpose = binary(line->purpose);
	body.has_refused = line->refused != NULL;
	if (line->refused)
		body.refused = binary(text_of(line->refused));
	if (tally__access__get_packed_size(&body) > sizeof packed)
		return ERR_LIMIT;
	d.body = (struct text){ (const char *)packed, tally__access__pack(&body, packed) };
	(void)ledger_append(t, a->log, &d);
	return store_txn_err(t);
}

static int put_job(struct store_txn *t, void *arg)
{
	const struct putting *p = arg;
	int err = 0;

	for (size_t i = 0; i < p->n && !err; i++)
		err = line_put(t, p->a, &p->lines[i]);
	return err;
}

static int put_locked(struct access *a, const struct access_line *lines, size_t n)
{
	struct putting p = { a, lines, n };
	int err = store_write(ledger_store(a->log), put_job, &p, 0);

	if (!err)
		err = anchor_move(a);
	a->written++;
	if (err)
		log_error("access", "the access log cannot be written: %s", err_words(err));
	return err;
}

uint64_t access_written(struct access *a)
{
	uint64_t n;

	pthread_mutex_lock(&a->lock);
	n = a->written;
	pthread_mutex_unlock(&a->lock);
	return n;
}

int access_put_many(struct access *a, const struct access_line *lines, size_t n)
{
	int err;

	pthread_mutex_lock(&a->lock);
	err = put_locked(a, lines, n);
	pthread_mutex_unlock(&a->lock);
	return err;
}

int access_put(struct access *a, const struct access_line *line)
{
	return access_put_many(a, line, 1);
}

void access_denied(struct access *a, const char *user)
{
	struct access_line line = { .act = TALLY__ACCESS_ACT__ACCESS_DENIED,
		.user = user,
		.refused = "not allowed",
		.count = 1 };
	uint64_t now = clock_mono_ms(), more;

	pthread_mutex_lock(&a->lock);
	more = a->denied_ms ? (now - a->denied_ms) / DENIED_MS : 0;
	if (more || !a->denied_ms)
		a->denied_ms = now;
	a->denied_left = a->denied_left + more < DENIED_MOST ? a->denied_left + more : DENIED_MOST;
	if (a->denied_left == 0) {
		a->denied_more++;
	} else {
		a->denied_left--;
		line.count += a->denied_more;
		if (put_locked(a, &line, 1) == 0)
			a->denied_more = 0;
	}
	pthread_mutex_unlock(&a->lock);
}

/* ---- reading ---- */

static bool row_read(struct access_row *row, struct text bytes, struct arena *arena)
{
	struct entry_view e;
	const Tally__Access *body;

	arena_reset(arena);
	if (entry_unpack(&e, bytes, arena))
		return false;
	*row = (struct access_row){ .position = e.position, .at_ms = e.at_ms };
	if (e.kind != TALLY__ENTRY_KIND__ACCESS)
		return true; /* the genesis */
	body = tally__access__unpack(&arena->pb, e.body.n, (const uint8_t *)e.body.p);
	if (!body)
		return false;
	(void)snprintf(row->user, sizeof row->user, "%.*s", (int)e.author.n, e.author.p);
	row->act = body->act;
	row->subject =
		body->has_subject && body->subject.len == PID_BYTES ? body->subject.data : NULL;
	row->purpose = (struct text){ (const char *)body->purpose.data, body->purpose.len };
	row->refused = (struct text){ (const char *)body->refused.data, body->refused.len };
	row->count = body->count;
	return true;
}

int access_walk(struct access *a, uint64_t before,
	bool (*fn)(void *arg, const struct access_row *row), void *arg)
{
	uint32_t origin = ledger_own(a->log);
	struct store_txn *t;
	struct arena arena;
	uint64_t last;
	int err = store_read_begin(ledger_store(a->log), &t, READ_MS);

	if (err)
		return err;
	arena_init(&arena, 64 * 1024);
	last = ledger_head(t, origin).position;
	if (before && before <= last)
		last = before - 1;
	for (uint64_t p = last; p > 1 && !err; p--) {
		struct access_row row;
		struct text bytes;

		err = ledger_get(t, origin, p, &bytes);
		if (!err && !row_read(&row, bytes, &arena))
			err = ERR_DAMAGED;
		if (!err && !fn(arg, &row))
			break;
	}
	arena_deinit(&arena);
	store_read_end(t);
	return err == ERR_NOTFOUND ? ERR_DAMAGED : err;
}

int access_verify(struct access *a, struct access_verdict *v)
{
	struct anchor anchor = { .table = a->conf.anchor };
	struct ledger_verdict found;
	struct store_txn *t;
	int err = anchor_read(a->conf.ledger, &anchor);

	*v = (struct access_verdict){ .lines = 0 };
	if (err)
		return err;
	err = ledger_verify(
		a->log, ledger_own(a->log), a->conf.sign->public_key, &found, NULL, NULL);
	v->lines = found.entries ? found.entries - 1 : 0;
	if (err && !found.broken_at)
		return err;
	if (err) {
		v->broken_at = found.broken_at;
		v->why = err == ERR_CHAIN    ? "a line is missing or changed: the chain breaks"
			 : err == ERR_GAP    ? "a line is missing"
			 : err == ERR_SIGNER ? "the signature is not this node's"
					     : "a line is changed";
		return 0;
	}
	err = store_read_begin(ledger_store(a->log), &t, READ_MS);
	if (err)
		return err;
	if (!anchor_fits(t, ledger_own(a->log), &anchor)) {
		v->broken_at = found.entries + 1;
		if (v->broken_at > anchor.position)
			v->broken_at = anchor.position;
		v->why = "the log was longer: lines are missing at its end";
	}
	store_read_end(t);
	return 0;
}

struct loading {
	struct access_load *at;
	size_t n, size;
	uint64_t now, lines;
};

static bool load_row(void *arg, const struct access_row *row)
{
	struct loading *l = arg;
	size_t i = 0;

	if (row->at_ms + DAY_MS < l->now || ++l->lines > LOOK_LINES)
		return false;
	if (row->refused.n || row->act == TALLY__ACCESS_ACT__ACCESS_ERASE)
		return true;
	while (i < l->n && strcmp(l->at[i].user, row->user) != 0)
		i++;
	if (i == l->n) {
		if (l->n == l->size)
			return true;
		l->at[l->n++] = (struct access_load){ .hour = 0 };
		memcpy(l->at[i].user, row->user, sizeof row->user);
	}
	l->at[i].day += row->count;
	if (row->at_ms + HOUR_MS >= l->now)
		l->at[i].hour += row->count;
	return true;
}

size_t access_loads(struct access *a, struct access_load *out, size_t size)
{
	struct loading l = { .at = out, .size = size, .now = clock_wall_ms() };

	if (access_walk(a, 0, load_row, &l))
		log_error("access", "the access log cannot be read to its end");
	return l.n;
}
