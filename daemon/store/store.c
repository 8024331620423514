/* Opening, closing, state, copies.
 *
 * Open: take the folder's lock → marker → walk the data file (check.c) before LMDB maps it → open →
 * one transaction makes the tables → compare ids → marker, when this is a new store → ballast →
 * writer. What each finding means:
 *
 *     data.mdb            marker      without `create`    with `create`
 *     missing or empty    missing     ERR_NOTFOUND        a new store
 *     missing or empty    stands      ERR_DAMAGED         ERR_DAMAGED     never started empty in
 * silence two pages, no more  missing     ERR_NOTFOUND        a new store     a creation was cut
 * short before its first commit whole               missing     opens               opens cut short
 * before the marker, or brought back alone whole               other id    ERR_DAMAGED ERR_DAMAGED
 * the data of another store not whole           any         ERR_DAMAGED         ERR_DAMAGED
 *
 * In the file: a tree for each table, and `_store` with "id" (16 bytes) and "format" (4 bytes,
 * big-endian).
 *
 * A disk that fails to read under the map is a signal (SIGBUS), at any byte of any read: then the
 * process says so and ends. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/store/check.h"
#include "daemon/store/inside.h"

#define MAP_FIRST (64ULL << 20)
#define RESERVE_LEAST (4ULL << 20)
#define BALLAST_MOST (8ULL << 20)
#define READERS_MOST 512
#define OWN_TABLE "_store"

int store_err(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
	case ENOENT:
		return ERR_NOTFOUND;
	case MDB_KEYEXIST:
		return ERR_EXISTS;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_FULL;
	case MDB_PANIC:
		return ERR_UNKNOWN;
	case MDB_READERS_FULL:
		return ERR_BUSY;
	case MDB_TXN_FULL:
		return ERR_LIMIT;
	case MDB_BAD_VALSIZE:
		return ERR_INVALID;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_CURSOR_FULL:
	case MDB_INCOMPATIBLE:
		return ERR_DAMAGED;
	case ENOMEM:
		return ERR_NOMEM;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	default:
		return ERR_IO;
	}
}

/* ---- open ---- */

static void on_sigbus(int sig)
{
	static const char words[] =
		"<3>store: the data file cannot be read (a failing disk, or it was cut "
		"while open); the process ends\n";

	(void)sig;
	if (write(STDERR_FILENO, words, sizeof words - 1) < 0)
		_exit(71);
	_exit(70);
}

/* A page that LMDB does not believe, in spite of the walk before: a file above the walk's bound, or
 * damaged while open. */
static void on_assert(MDB_env *env, const char *words)
{
	struct store *s = mdb_env_get_userctx(env);

	log_error("store", "%s: data.mdb is damaged, the process ends: %s", s->place.dir, words);
	_exit(70);
}

/* What stands in the folder before LMDB touches it. *fresh: nothing; *marked: a marker with `id`.
 */
static int inspect(
	struct store *s, bool create, bool *fresh, bool *marked, uint8_t *id, struct errmsg *m)
{
	struct place *p = &s->place;
	struct stat st = { 0 };
	int rc = place_marker_get(p, id, m), fd;

	if (rc && rc != ERR_NOTFOUND)
		return rc;
	*marked = rc == 0;
	fd = openat(p->dir_fd, "data.mdb", O_RDONLY | O_CLOEXEC);
	if ((fd < 0 && errno != ENOENT) || (fd >= 0 && fstat(fd, &st) != 0)) {
		errmsg_set(m, "%s: data.mdb cannot be opened: %s", p->dir, strerror(errno));
		rc = store_err(errno);
		goto out;
	}
	*fresh = st.st_size == 0 || (!*marked && st.st_size <= 2 * sysconf(_SC_PAGESIZE));
	if (!*fresh) {
		struct errmsg why;

		rc = s->derived ? 0 : replay_restore(s, *marked ? id : NULL, m);
		if (rc)
			goto out;
		rc = check_file(fd, &why);
		if (rc)
			errmsg_set(m, "%s: data.mdb: %s", p->dir, why.text);
	} else if (*marked) {
		errmsg_set(m,
			"%s: data.mdb is %s although a store was here: bring it back from a copy; "
			"or, to begin "
			"without it, move the folder away",
			p->dir, fd < 0 ? "missing" : "empty");
		rc = ERR_DAMAGED;
	} else {
		errmsg_set(m, "%s: no store here", p->dir);
		rc = create ? 0 : ERR_NOTFOUND;
		if (create && fd >= 0 && unlinkat(p->dir_fd, "data.mdb", 0) != 0)
			rc = ERR_IO;
	}
out:
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Sizes from the settings and from what LMDB opened. */
static void measure(struct store *s, const struct store_conf *conf)
{
	uint64_t limit = conf->limit_bytes, reserve = conf->reserve_bytes, end;
	MDB_envinfo info;
	MDB_stat st;

	mdb_env_info(s->env, &info);
	mdb_env_stat(s->env, &st);
	s->page = st.ms_psize;
	if (reserve == 0)
		reserve = limit / 20 > RESERVE_LEAST ? limit / 20 : RESERVE_LEAST;
	if (reserve > limit / 2)
		reserve = limit / 2;
	end = info.me_last_pgno + 1;
	s->limit_pages = limit / s->page;
	s->reserve_pages = reserve / s->page;
	s->ceiling_pages = s->limit_pages;
	if (end + s->reserve_pages / 2 >
		s->ceiling_pages) /* more than the limit stands: acks must go on */
		s->ceiling_pages = end + s->reserve_pages / 2;
	s->place.ballast_bytes = reserve < BALLAST_MOST ? reserve : BALLAST_MOST;
	atomic_store(&s->map_pages, info.me_mapsize / s->page);
}

static int open_env(struct store *s, const struct store_conf *conf, struct errmsg *m)
{
	uint64_t map = conf->limit_bytes < MAP_FIRST ? conf->limit_bytes : MAP_FIRST;
	int dead, rc = place_reader_table(&s->place);

	if (rc) {
		errmsg_set(m, "%s: lock.mdb cannot be made: %s", s->place.dir, err_words(rc));
		return rc;
	}
	rc = mdb_env_create(&s->env);
	if (rc == 0) {
		mdb_env_set_userctx(s->env, s);
		mdb_env_set_assert(s->env, on_assert);
		rc = mdb_env_set_mapsize(s->env, map / 4096 * 4096);
	}
	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, (MDB_dbi)conf->n_tables + 1);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, READERS_MOST);
	if (rc == 0)
		rc = mdb_env_open(s->env, s->place.dir, MDB_NOTLS | MDB_NOSYNC, 0600);
	if (rc) {
		errmsg_set(m, "%s: cannot be opened: %s", s->place.dir, mdb_strerror(rc));
		return store_err(rc);
	}
	mdb_reader_check(s->env, &dead);
	measure(s, conf);
	rc = s->replays || s->ceiling_pages > s->limit_pages ? room_all(s) : 0;
	if (rc)
		errmsg_set(m, "%s: cannot be mapped: %s", s->place.dir, err_words(rc));
	return rc;
}

/* Reads the id, or gives one to a new store. */
static int identify(MDB_txn *txn, bool fresh, uint8_t id[PLACE_ID_BYTES], struct errmsg *m)
{
	MDB_val id_key = { 2, "id" }, format_key = { 6, "format" }, v;
	uint8_t format[4];
	MDB_dbi own;
	int rc = mdb_dbi_open(txn, OWN_TABLE, fresh ? MDB_CREATE : 0, &own);

	if (fresh && rc == 0) {
		random_bytes(id, PLACE_ID_BYTES);
		put_u32(format, PLACE_FORMAT);
		v = (MDB_val){ PLACE_ID_BYTES, id };
		rc = mdb_put(txn, own, &id_key, &v, 0);
		v = (MDB_val){ sizeof format, format };
		return rc ? rc : mdb_put(txn, own, &format_key, &v, 0);
	}
	if (rc == 0)
		rc = mdb_get(txn, own, &format_key, &v);
	if (rc == 0 && v.mv_size == sizeof format && get_u32(v.mv_data) > PLACE_FORMAT) {
		errmsg_set(m, "made by a later version of tally");
		return MDB_VERSION_MISMATCH;
	}
	if (rc == 0)
		rc = mdb_get(txn, own, &id_key, &v);
	if (rc == MDB_NOTFOUND || (rc == 0 && v.mv_size != PLACE_ID_BYTES)) {
		errmsg_set(m,
			"data.mdb is not a store of tally, or an empty one was put in its place");
		return MDB_INVALID;
	}
	if (rc == 0)
		memcpy(id, v.mv_data, PLACE_ID_BYTES);
	return rc;
}

static int open_tables(
	struct store *s, const struct store_conf *conf, bool fresh, uint8_t *id, struct errmsg *m)
{
	struct errmsg why = { "" };
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (rc == 0) {
		rc = identify(txn, fresh, id, &why);
		for (size_t i = 0; i < conf->n_tables && rc == 0; i++)
			rc = mdb_dbi_open(txn, conf->tables[i], MDB_CREATE, &s->dbi[i]);
		if (rc == 0)
			rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
		if (rc == 0 && !s->derived)
			rc = mdb_env_sync(s->env, 1);
	}
	if (rc)
		errmsg_set(m, "%s: %s", s->place.dir, why.text[0] ? why.text : mdb_strerror(rc));
	return store_err(rc);
}

/* Everything between the lock and the writer. */
static int load(struct store *s, const struct store_conf *conf, struct errmsg *m)
{
	uint8_t marker[PLACE_ID_BYTES] = { 0 }, id[PLACE_ID_BYTES] = { 0 };
	bool fresh = false, marked = false;
	int rc = inspect(s, conf->create, &fresh, &marked, marker, m);

	if (rc == 0)
		rc = open_env(s, conf, m);
	if (rc == 0)
		rc = open_tables(s, conf, fresh, id, m);
	if (rc)
		return rc;
	if (marked && memcmp(marker, id, PLACE_ID_BYTES) != 0) {
		errmsg_set(m, "%s: data.mdb belongs to another store than the marker `format`",
			s->place.dir);
		return ERR_DAMAGED;
	}
	rc = marked && s->place.format == PLACE_FORMAT ? place_sync(&s->place)
						       : place_marker_put(&s->place, id);
	if (rc)
		errmsg_set(m, "%s: the marker cannot be written: %s", s->place.dir, err_words(rc));
	else if (!s->derived)
		rc = durable_open(s, conf, id, m);
	return rc;
}

/* A damaged store that can be folded again. */
static int load_anew(struct store *s, const struct store_conf *conf, struct errmsg *m)
{
	int rc;

	if (s->env)
		mdb_env_close(s->env);
	s->env = NULL;
	log_warning("store", "%s", m->text);
	rc = derived_empty(&s->place, "it was found damaged");
	return rc ? rc : load(s, conf, m);
}

static void init(struct store *s, const struct store_conf *conf)
{
	pthread_condattr_t attr;

	s->n_tables = conf->n_tables;
	s->derived = conf->derived;
	s->group_weight = conf->group_weight ? conf->group_weight : 512;
	s->group_pages = conf->group_pages ? conf->group_pages : 1000;
	s->before_commit = conf->before_commit;
	s->arg = conf->arg;
	s->tail = &s->head;
	reads_init(&s->reads);
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_condattr_destroy(&attr);
}

/* Everything but the writer. */
static void discard(struct store *s)
{
	if (s->gauge_at)
		mdb_cursor_close(s->gauge_at);
	if (s->gauge)
		mdb_txn_abort(s->gauge);
	if (reads_deinit(&s->reads)) {
		durable_close(s);
		if (s->derived && s->env)
			derived_close(&s->place, mdb_env_sync(s->env, 1) == 0);
		if (s->env)
			mdb_env_close(s->env);
		place_close(&s->place);
		pthread_cond_destroy(&s->wake);
		pthread_mutex_destroy(&s->lock);
		free(s);
	} else { /* a bug of ours; everything is committed, and readers must not lose their map */
		log_error("store", "%s: closed while snapshots are open", s->place.dir);
	}
}

int store_open(struct store **out, const struct store_conf *conf, struct errmsg *m)
{
	struct sigaction bus = { .sa_handler = on_sigbus };
	struct store *s;
	int rc;

	assert(conf->n_tables <= STORE_TABLES_MAX && conf->limit_bytes >= 1 << 20);
	*out = NULL;
	s = calloc(1, sizeof *s);
	if (!s) {
		errmsg_set(m, "%s: out of memory", conf->dir);
		return ERR_NOMEM;
	}
	init(s, conf);
	sigaction(SIGBUS, &bus, NULL);
	rc = place_open(&s->place, conf->dir, conf->create, m);
	if (rc == 0 && conf->derived)
		rc = derived_open(&s->place, m);
	if (rc == 0)
		rc = load(s, conf, m);
	if (rc == ERR_DAMAGED && conf->derived)
		rc = load_anew(s, conf, m);
	if (rc)
		goto fail;
	rc = place_ballast_make(&s->place);
	if (rc) {
		log_warning("store", "%s: no ballast can be made: %s", conf->dir, strerror(rc));
		s->disk_full = rc == ENOSPC || rc == EDQUOT;
	}
	room_gauge(s);
	rc = writer_start(s);
	if (rc) {
		errmsg_set(m, "%s: no thread can be made", conf->dir);
		goto fail;
	}
	*out = s;
	return 0;
fail:
	discard(s);
	return rc;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	writer_stop(s);
	discard(s);
}

/* ---- state ---- */

void store_stats(struct store *s, struct store_stats *out)
{
	uint64_t now = clock_mono_ms();

	*out = (struct store_stats){
		.used_bytes = atomic_load(&s->used_pages) * s->page,
		.map_bytes = atomic_load(&s->map_pages) * s->page,
		.limit_bytes = s->limit_pages * s->page,
		.oldest_read_ms = reads_oldest_ms(s),
		.full = atomic_load(&s->full),
	};
	pthread_mutex_lock(&s->lock);
	out->commits = s->commits;
	out->jobs = s->jobs;
	out->waiting = s->waiting;
	out->progress_ms = s->sleeping && !s->sick && !s->head ? now : s->progress_ms;
	pthread_mutex_unlock(&s->lock);
}

/* ---- copies ---- */

static int copy_data(struct store *s, struct place *to, struct errmsg *m)
{
	/* stands in the list of open reads, so that the map does not grow under it */
	struct store_txn *t = calloc(1, sizeof *t);
	int fd, rc = ERR_NOMEM;

	if (!t)
		return rc;
	fd = openat(to->dir_fd, "data.mdb", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		rc = errno == EEXIST ? ERR_EXISTS : store_err(errno);
		errmsg_set(m, "%s: data.mdb: %s", to->dir, strerror(errno));
		free(t);
		return rc;
	}
	rc = reads_enter(s, t, 60000);
	if (rc == 0) {
		t->deadline_ms = UINT64_MAX; /* as long as it takes */
		rc = mdb_env_copyfd2(s->env, fd, 0);
		reads_leave(s, t);
		if (rc == 0 && fsync(fd) != 0)
			rc = errno;
		if (rc)
			errmsg_set(m, "%s: the copy failed: %s", to->dir, mdb_strerror(rc));
		rc = store_err(rc);
	} else {
		errmsg_set(m, "%s: the copy failed: %s", to->dir, err_words(rc));
	}
	if (rc == 0)
		rc = check_file(fd, m);
	close(fd);
	free(t);
	if (rc)
		unlinkat(to->dir_fd, "data.mdb", 0);
	return rc;
}

int store_copy(struct store *s, const char *dir, struct errmsg *m)
{
	uint8_t id[PLACE_ID_BYTES];
	struct place to;
	int rc = place_marker_get(&s->place, id, m);

	if (rc)
		return rc;
	if (!place_empty(dir)) {
		errmsg_set(m, "%s: not an empty folder", dir);
		return ERR_EXISTS;
	}
	rc = place_open(&to, dir, true, m);
	if (rc)
		return rc;
	rc = copy_data(s, &to, m);
	if (rc == 0) {
		rc = place_marker_put(&to, id);
		if (rc)
			errmsg_set(m, "%s: the marker cannot be written: %s", dir, err_words(rc));
	}
	place_close(&to);
	return rc;
}
