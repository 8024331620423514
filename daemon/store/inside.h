/* What the files of this room share, and nobody else sees. */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "daemon/store/place.h"
#include "daemon/store/store.h"

#define KEY_MAX 511

/* What a transaction's writes to one table cost, estimated (txn.c). */
struct cost {
	bool known;	/* `pages` was asked for */
	uint64_t pages; /* of the tree when the transaction first wrote to it */
	uint64_t puts;	/* at places of their own: each may dirty a page */
	uint64_t bytes; /* of new keys and values */
	uint64_t large; /* pages of values that lie outside the tree */
	uint64_t dirty; /* the estimate */
};

struct store_txn {
	struct store *s;
	MDB_txn *txn;
	int err;       /* sticky */
	bool writing;  /* on the writer thread */
	bool reserve;  /* the running job may use the reserve */
	bool dead;     /* LMDB will take nothing more from this transaction: it must be aborted */
	bool map_full; /* because its map ended */
	struct store_cursor *cursors;

	/* writing */
	uint64_t number;  /* of this transaction; 0: none yet */
	uint64_t changes; /* calls that changed something, or tried to */
	uint64_t dirty;	  /* pages, estimated */
	uint64_t budget;  /* most dirty pages for jobs without the reserve */
	struct cost cost[STORE_TABLES_MAX];

	/* reading */
	uint32_t allowed_ms;
	uint64_t begun_ms, deadline_ms;
	bool entered;		 /* stands in the list of open reads */
	_Atomic uint64_t id;	 /* of the commit it sees; UINT64_MAX while not known */
	struct store_txn *older; /* open reads, or the pool by `newer` */
	struct store_txn *newer;
};

/* Open snapshots, and the gate that holds new ones while the map grows (read.c). */
struct reads {
	pthread_mutex_t lock;
	pthread_cond_t may_enter; /* the gate opened */
	pthread_cond_t left;	  /* the last open one left */
	bool shut;
	size_t open;
	struct store_txn *oldest, *newest;
	struct store_txn *pool; /* ended ones with their reader slot, for the next begin */
	size_t pooled;
};

struct durable;
struct journal;
struct journal_base;

struct store {
	struct place place;
	bool derived;		 /* commits are not synced */
	struct durable *durable; /* of the others */
	struct journal *journal; /* NULL: none stands yet */
	bool replays;		 /* it holds commits that are to be done again */
	MDB_env *env;
	MDB_dbi dbi[STORE_TABLES_MAX];
	size_t n_tables;
	uint64_t page; /* bytes of one */
	uint64_t limit_pages, reserve_pages;
	uint64_t ceiling_pages; /* most of the map: the limit, or more when the file was larger at
				   open */
	size_t group_weight, group_pages;
	void (*before_commit)(struct store_txn *t, void *arg);
	void *arg;

	struct reads reads;

	/* the queue, and what the writer tells (under lock) */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct store_job *head, **tail;
	uint64_t waiting;
	bool sleeping, closing, ended;
	bool gathering;	   /* the writer waits for `crowd` jobs, a moment */
	size_t crowd;	   /* jobs that were about at the end of the last group */
	uint64_t crowd_us; /* when that was */
	bool sick;	   /* the disk failed for another reason than being full */
	uint64_t commits, jobs, progress_ms;
	pthread_t writer;

	/* the writer's own; those that stats reads are atomic */
	struct store_txn wt;
	MDB_txn *gauge; /* reads the list of free pages */
	MDB_cursor *gauge_at;
	uint64_t gauged_ms, checked_ms, ballast_ms;
	int64_t room_pages; /* that may still be filled, reserve included */
	_Atomic uint64_t used_pages, map_pages;
	_Atomic bool full;
	bool disk_full;
	void (*settle)(void *arg); /* asked for and not yet run; NULL: none */
	void *settle_arg;
	uint64_t settle_us; /* when it was asked for first */
};

/* ---- post.c, writer.c ---- */
enum { JOB_WAITS, JOB_OUT }; /* job->state; OUT: its err is final, it is not run again */

/* ---- store.c ---- */
/* LMDB's code or errno → ours. */
int store_err(int rc);

/* ---- derived.c ---- */
/* Before the data is touched: empties the store when the machine went down while it was open; marks
 * it as open. */
MUST_CHECK int derived_open(struct place *p, struct errmsg *m);
/* Takes everything away but the lock; a warning says why. */
MUST_CHECK int derived_empty(struct place *p, const char *why);
/* The calling thread, its writer, gives way to all others. */
void derived_give_way(void);
/* After the last sync. */
void derived_close(struct place *p, bool synced);

/* ---- replay.c ---- */
/* Before the walk: puts data.mdb back to where the journal begins, if it was not closed. `id`: the
 * marker's, or NULL. */
MUST_CHECK int replay_restore(struct store *s, const uint8_t *id, struct errmsg *m);
/* What stands in the journal behind its base, done again and synced. */
MUST_CHECK int replay_all(struct store *s, const struct store_conf *conf, struct errmsg *m);
/* The two first pages of the data file, as they stand. errno. */
MUST_CHECK int replay_first_pages(int fd, struct journal_base *base);

/* ---- durable.c: on the writer thread, once it runs; of a derived store nothing is done ---- */
/* After the tables were opened: does the journal's commits again, begins it anew. `id`: the
 * data's. */
MUST_CHECK int durable_open(
	struct store *s, const struct store_conf *conf, const uint8_t *id, struct errmsg *m);
/* Syncs, and says that the journal is not needed. No transaction is open. */
void durable_close(struct store *s);
/* A write transaction begins; what it does; its commit, durable on 0 (LMDB's code or errno; the
 * transaction is gone either way, and nothing of it stands on an error). */
void durable_start(struct store *s);
void durable_note(struct store_txn *t, int op, int table, struct text key, struct text value);
void durable_note_later(struct store_txn *t, int table, struct text key, const void *p, size_t n);
MUST_CHECK int durable_commit(struct store *s, MDB_txn *txn);
/* The jobs of a group were told: is a checkpoint due? */
void durable_told(struct store *s);
/* The last commit stands on the disk without the journal when this returns. */
void durable_checkpoint(struct store *s);
/* Would a checkpoint free pages? */
bool durable_behind(const struct store *s);
/* The oldest commit that is kept whole; UINT64_MAX in a derived store. */
uint64_t durable_pinned(const struct store *s);
/* While the map grows no commit is held: the last one is checkpointed before. */
void durable_unpin(struct store *s);
void durable_pin(struct store *s);
/* From a job: after its group comes a checkpoint, before it is told, and with `wipe` the journal is
 * overwritten. */
void durable_want(struct store *s, bool wipe);
void durable_as_wanted(struct store *s);

/* ---- txn.c ---- */
void txn_begin(struct store_txn *t, struct store *s, MDB_txn *txn);
void txn_close_cursors(struct store_txn *t);
/* After a snapshot was renewed: its cursors belong to the new one, and have no place yet. */
int txn_renew_cursors(struct store_txn *t);
/* After a call to LMDB: keeps its failure as the sticky error. */
int txn_keep(struct store_txn *t, int rc);

/* ---- read.c ---- */
int reads_init(struct reads *r);
/* False when snapshots are still open: the environment must stay. */
bool reads_deinit(struct reads *r);
/* Enters t into the open reads; waits at a shut gate up to allowed_ms. 0 or ERR_EXPIRED. */
int reads_enter(struct store *s, struct store_txn *t, uint32_t allowed_ms);
void reads_leave(struct store *s, struct store_txn *t);
/* Commit seen by the oldest open snapshot; UINT64_MAX when there is none. */
uint64_t reads_oldest_id(struct store *s);
uint32_t reads_oldest_ms(struct store *s);
/* Runs grow(s) while no snapshot is open. Waits for that when `wait`, else gives up at once and
 * returns ERR_BUSY. */
int reads_alone(struct store *s, bool wait, int (*grow)(struct store *s));

/* New snapshots wait from here on; those that are open go on. On the writer thread. */
void reads_shut(struct store *s);
void reads_let_in(struct store *s);

/* ---- room.c ---- */
/* After open and after commits: how much is used, how much is left. */
void room_gauge(struct store *s);
/* Makes the map larger. ERR_FULL at the ceiling; ERR_BUSY when it would have to wait and may not.
 */
int room_grow(struct store *s, bool wait);
/* At open: the map as large as it may become. */
MUST_CHECK int room_all(struct store *s);
/* The disk refused: is it full? Then gives up the ballast; true when that may have helped. */
bool room_disk_failed(struct store *s, int rc);
/* Now and then: is there room on the disk again? */
void room_disk_retry(struct store *s);

/* ---- writer.c ---- */
MUST_CHECK int writer_start(struct store *s);
void writer_stop(struct store *s);

#endif
