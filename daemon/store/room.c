/* How much room there is, and what to do without.
 *
 * Normal path: after each commit the gauge reads where the file ends and how many pages in it are
 * free. Where the end comes near the map's, the map is doubled, up to the limit; if reads are open
 * it is put off, and only when a transaction does not fit (MDB_MAP_FULL) does the writer wait for
 * them.
 *
 * room = pages from the file's end to the limit + free pages that may be taken now. LMDB gives out
 * a page that commit N freed only from commit N + 2 on, and not while a snapshot of N or before is
 * open. Below the reserve the store is `full`: intake is refused, acks go on. LMDB needs new pages
 * even to delete: a store filled to the last page would never move again.
 *
 * A full disk is another thing than a full map: see room_disk_failed(). */
#include <errno.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/store/inside.h"

#define GAUGE_ENTRIES \
	1000 /* records of free pages read after every commit; beyond it once a second */
#define GAUGE_MS 1000
#define RETRY_MS 1000
#define DISK_SPARE (1024 * 1024) /* a disk with less is full whatever the error says */

/* Pages in the list of free ones: all, and those that the next transaction may take. */
static int free_pages(struct store *s, uint64_t newest, uint64_t *all, uint64_t *ready)
{
	uint64_t oldest = reads_oldest_id(s), pinned = durable_pinned(s);
	MDB_cursor *at = s->gauge_at;
	MDB_val k, v;
	int rc;

	if (oldest > pinned)
		oldest = pinned;
	if (oldest > newest)
		oldest = newest;
	*all = *ready = 0;
	rc = mdb_cursor_get(at, &k, &v, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(at, &k, &v, MDB_NEXT)) {
		size_t id, n;

		if (k.mv_size != sizeof id || v.mv_size < sizeof n)
			return MDB_CORRUPTED;
		memcpy(&id, k.mv_data, sizeof id);
		memcpy(&n, v.mv_data, sizeof n);
		*all += n;
		if (id < oldest)
			*ready += n;
	}
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int gauge_open(struct store *s)
{
	int rc;

	if (s->gauge_at) {
		rc = mdb_txn_renew(s->gauge);
		return rc ? rc : mdb_cursor_renew(s->gauge, s->gauge_at);
	}
	rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->gauge);
	if (rc)
		return rc;
	rc = mdb_cursor_open(s->gauge, 0, &s->gauge_at); /* 0: LMDB's own tree of free pages */
	if (rc) {
		mdb_txn_abort(s->gauge);
		s->gauge = NULL;
		s->gauge_at = NULL;
	}
	return rc;
}

/* The counts at the newest commit. */
static int gauge_read(struct store *s, uint64_t *end, uint64_t *all, uint64_t *ready)
{
	uint64_t now = clock_mono_ms();
	MDB_envinfo info;
	MDB_stat st;
	int rc = gauge_open(s);

	if (rc)
		return rc;
	mdb_env_info(s->env, &info);
	*end = info.me_last_pgno + 1;
	rc = mdb_stat(s->gauge, 0, &st);
	if (rc == 0 && (st.ms_entries <= GAUGE_ENTRIES || now - s->gauged_ms >= GAUGE_MS)) {
		s->gauged_ms = now;
		rc = free_pages(s, info.me_last_txnid, all, ready);
	} else if (rc == 0) {
		rc = MDB_NOTFOUND;
	}
	mdb_txn_reset(s->gauge);
	return rc;
}

void room_gauge(struct store *s)
{
	uint64_t end = 0, all = 0, ready = 0;
	bool full;
	int rc = gauge_read(s, &end, &all, &ready);

	if (rc == 0 && durable_behind(s) &&
		s->limit_pages + ready < end + s->reserve_pages) { /* free ones may be held */
		durable_checkpoint(s);
		rc = gauge_read(s, &end, &all, &ready);
	}
	if (rc) {
		if (rc != MDB_NOTFOUND)
			log_warning("store", "%s: the free pages cannot be counted: %s",
				s->place.dir, mdb_strerror(rc));
		return;
	}
	s->room_pages = (int64_t)s->limit_pages - (int64_t)end + (int64_t)ready;
	atomic_store(&s->used_pages, end - all);
	full = s->disk_full || s->room_pages < (int64_t)s->reserve_pages;
	if (full != atomic_load(&s->full)) {
		atomic_store(&s->full, full);
		if (full)
			log_error("store", "%s: %s: intake is refused, acks go on", s->place.dir,
				s->disk_full ? "the disk is full"
					     : "the store has reached its limit");
		else
			log_info("store", "%s: there is room again", s->place.dir);
	}
	if (end > atomic_load(&s->map_pages) / 8 * 7)
		(void)room_grow(s, false); /* it may well wait: MDB_MAP_FULL comes back to it */
}

/* ---- growing ---- */

static int grow(struct store *s)
{
	uint64_t had = atomic_load(&s->map_pages), pages = had * 2;
	int rc;

	if (pages > s->ceiling_pages)
		pages = s->ceiling_pages;
	if (s->durable)
		durable_unpin(s);
	rc = mdb_env_set_mapsize(s->env, pages * s->page);
	if (rc) { /* the old map is gone already */
		log_error("store", "%s: the map cannot grow to %llu bytes: %s; the process ends",
			s->place.dir, (unsigned long long)(pages * s->page), mdb_strerror(rc));
		_exit(70);
	}
	atomic_store(&s->map_pages, pages);
	if (s->durable)
		durable_pin(s);
	return 0;
}

int room_all(struct store *s)
{
	int rc = 0;

	if (s->ceiling_pages > atomic_load(&s->map_pages))
		rc = mdb_env_set_mapsize(s->env, s->ceiling_pages * s->page);
	if (rc)
		return store_err(rc);
	if (s->ceiling_pages > atomic_load(&s->map_pages))
		atomic_store(&s->map_pages, s->ceiling_pages);
	return 0;
}

int room_grow(struct store *s, bool wait)
{
	if (atomic_load(&s->map_pages) >= s->ceiling_pages)
		return ERR_FULL;
	return reads_alone(s, wait, grow);
}

/* ---- a full disk ---- */

/* The transaction is undone and nothing of it stands; LMDB reports a short write as EIO, so the
 * disk is asked. The ballast goes first; what then still does not fit is refused. */
bool room_disk_failed(struct store *s, int rc)
{
	struct statvfs v;
	bool full = rc == ENOSPC || rc == EDQUOT || rc == EFBIG;

	if (!full && rc == EIO && fstatvfs(s->place.dir_fd, &v) == 0)
		full = (uint64_t)v.f_bavail * v.f_frsize < DISK_SPARE + s->place.ballast_bytes / 8;
	if (!full)
		return false;
	if (!s->disk_full)
		log_error("store", "%s: the disk is full: intake is refused, acks go on",
			s->place.dir);
	s->disk_full = true;
	s->ballast_ms = clock_mono_ms();
	atomic_store(&s->full, true);
	return place_ballast_drop(&s->place);
}

void room_disk_retry(struct store *s)
{
	uint64_t now = clock_mono_ms();

	if (!s->disk_full || now - s->ballast_ms < RETRY_MS)
		return;
	s->ballast_ms = now;
	if (place_ballast_make(&s->place))
		return;
	s->disk_full = false;
	room_gauge(s);
}
