/* The only room that knows LMDB. A store is one environment in one directory, with one writer
 * thread.
 *
 * Writes are jobs. What waits is committed together: one transaction, one durable commit serves all
 * jobs in it, and only then are they told (`done`). The law "commit, then speak" hangs on that:
 * whoever answers, answers in `done`. Reads are snapshots: one transaction = one consistent moment;
 * they block nobody and are blocked by nobody.
 *
 * Words: table = a named tree of an environment; job = a function that runs inside a write
 * transaction; group = the jobs of one commit; reserve = room that only STORE_RESERVE jobs (acks,
 * positions) may use. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "daemon/base/err.h"
#include "proto/text.h"

struct store;
struct store_txn; /* a read snapshot or a running write; errors are sticky: after the first every
		     call is a no-op */

#define STORE_TABLES_MAX 24

struct store_conf {
	const char *dir;	   /* made (0700) when missing and `create` */
	const char *const *tables; /* names; a table is named by its index afterwards */
	size_t n_tables;
	uint64_t limit_bytes; /* most that the file may hold; the map begins smaller and grows up to
				 it */
	uint64_t reserve_bytes; /* 0: 5 % of the limit, at least 4 MiB */
	size_t group_weight;	/* a group takes jobs until their weights reach this; 0: 512 */
	size_t group_pages; /* … or until about so many pages are changed; they lie in anonymous
			       memory, which LMDB keeps: 4 kB each. 0: 1000 */
	bool create; /* an empty store may be made. Without it a missing file is an error, never
			"new" */
	/* What it holds is folded from elsewhere and can be folded again: commits are not synced,
	 * and its writer gives way to all other threads. A kill loses nothing; after a power cut,
	 * or when it is found damaged, the store is emptied at open (a warning in the log) and
	 * everything begins anew. Asks for `create`. */
	bool derived;
	/* Runs inside every group's transaction after its jobs, if any of them wrote (may run
	 * twice); may be NULL. */
	void (*before_commit)(struct store_txn *t, void *arg);
	void *arg;
};

/* ERR_NOTFOUND: no store there; ERR_DAMAGED; ERR_BUSY: open in another process; ERR_IO … with words
 * in m. */
MUST_CHECK int store_open(struct store **out, const struct store_conf *conf, struct errmsg *m);
/* Runs what waits, stops the writer, closes. No reader may be open. */
void store_close(struct store *s);

/* ---- writing ---- */

enum { STORE_RESERVE = 1 }; /* may use the reserve: acks and positions */

/* A job. `fn` runs on the writer thread inside the transaction; it looks first and writes then.
 * When it returns an error nothing of it is kept: its group is done again without it, so every fn
 * MAY RUN TWICE and must begin from its input. `done` runs on the writer thread after the commit
 * (err 0) or when it failed; it must be short and may post again. Memory is the caller's (embed
 * it), lent until done. */
struct store_job {
	int (*fn)(struct store_txn *t, struct store_job *job);
	void (*done)(struct store_job *job, int err);
	size_t weight; /* roughly records; 0 counts as 1 */
	unsigned flags;
	/* the store's from store_post() to done */
	struct store_job *next;
	int err;
	int state;
};

/* Any thread; `weight` and `flags` set. Jobs run in the order of posting. Without room, jobs that
 * lack STORE_RESERVE end with ERR_FULL. After a commit whose outcome is unknown the process ends
 * (exit 70): systemd starts it again and the positions tell. */
void store_post(struct store *s, struct store_job *job);

/* Post and wait; not on the writer thread, not on the loop, and not while holding a snapshot of
 * this store: the writer may have to wait for open snapshots to grow the map. */
MUST_CHECK int store_write(
	struct store *s, int (*fn)(struct store_txn *t, void *arg), void *arg, unsigned flags);

/* From a job's `done`: fn(arg) runs soon on the writer thread, once for all who asked until then:
 * when no job waits, and at the latest 2 ms after it was first asked for, or in store_close(). So
 * whoever carries on what was written (a link) wakes once for what came close together. One fn and
 * arg a store. */
void store_settle(struct store *s, void (*fn)(void *arg), void *arg);

/* All keys up to 511 bytes, compared as bytes. Values read stay valid until the next write of the
 * transaction or its end. */
/* 0 or ERR_NOTFOUND, or the sticky error. */
int store_get(struct store_txn *t, int table, struct text key, struct text *value);
void store_put(struct store_txn *t, int table, struct text key, struct text value);
/* The key is greater than all keys of the table: no search. Sticky ERR_EXISTS when it is not. */
void store_append(struct store_txn *t, int table, struct text key, struct text value);
/* Room for a value of n bytes under `key`, to be filled before the next call; NULL on a sticky
 * error. */
void *store_put_room(struct store_txn *t, int table, struct text key, size_t n);
/* A missing key is no error. */
void store_del(struct store_txn *t, int table, struct text key);
/* Everything in the table. For tables of up to some 10,000 pages: what one commit frees slows down
 * the commits after it. */
void store_clear(struct store_txn *t, int table);
/* Number of keys. */
uint64_t store_count(struct store_txn *t, int table);
/* The sticky error; 0 when all went well so far. */
int store_txn_err(const struct store_txn *t);
/* A write transaction's number, never given twice in the life of a store: a group that is done
 * again has another. What a job remembers of a transaction holds under this number only, and only
 * when the job wrote: one that fails before it wrote is dropped without a new transaction. */
uint64_t store_txn_number(const struct store_txn *t);
/* Makes an error sticky (a damaged value was found). */
void store_fail(struct store_txn *t, int err);

/* ---- walking ---- */

struct store_cursor; /* lives until store_cursor_close() or the end of its transaction */
struct store_cursor *store_cursor_open(struct store_txn *t, int table);
void store_cursor_close(struct store_cursor *c);
/* To the first key >= `from` ({NULL,0}: the first); next; to the last key < `before` ({NULL,0}: the
 * last of all). False at the end or on a sticky error. */
bool store_seek(struct store_cursor *c, struct text from, struct text *key, struct text *value);
bool store_next(struct store_cursor *c, struct text *key, struct text *value);
bool store_before(struct store_cursor *c, struct text before, struct text *key, struct text *value);

/* ---- reading ---- */

/* A snapshot with a deadline (ms from now): a stalled reader would make the file grow without end.
 * Past it every call gives sticky ERR_EXPIRED; a long walk calls store_read_renew() between keys
 * and seeks again. Any thread; used by one thread at a time. */
MUST_CHECK int store_read_begin(struct store *s, struct store_txn **t, uint32_t deadline_ms);
int store_read_renew(struct store_txn *t);
/* Which moment a snapshot shows: the number of the last commit that it sees. Two snapshots with the
 * same number, in one life of the process, show the same. */
uint64_t store_read_moment(const struct store_txn *t);
void store_read_end(struct store_txn *t);

/* ---- state ---- */

struct store_stats {
	uint64_t used_bytes; /* pages in use */
	uint64_t map_bytes;  /* the map as it stands */
	uint64_t limit_bytes;
	uint64_t commits;	 /* since open */
	uint64_t jobs;		 /* since open */
	uint64_t waiting;	 /* jobs not yet in a group */
	uint32_t oldest_read_ms; /* age of the oldest open snapshot */
	bool full;		 /* intake is refused */
	uint64_t progress_ms;	 /* monotonic time when the writer last finished something or had
				    nothing to do */
};
void store_stats(struct store *s, struct store_stats *out);

/* Overwrites what lies in pages that were freed before: LMDB writes each change to a fresh page and
 * leaves the old one as it is until it is needed again. Every free page is filled once, in small
 * commits, through `table` (its own, otherwise empty), and freed again. ERR_FULL: the store has no
 * room for it. Not on the writer thread, and not while holding a snapshot: what an open snapshot
 * sees cannot be overwritten. Slow: as many pages as are free are written. */
MUST_CHECK int store_scrub(struct store *s, int table);

/* A consistent copy into an empty or missing directory, while running. */
MUST_CHECK int store_copy(struct store *s, const char *dir, struct errmsg *m);

#endif
