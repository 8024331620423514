/* Stores that must not lose anything: every commit is durable before it is told.
 *
 * LMDB's own way is two syncs a commit, after pages that lie all over the file. Here what a
 * transaction did is written into the journal first (journal.c): one write at one place, one sync.
 * Then LMDB commits without a sync, and readers see it. The pages reach the disk later, many
 * commits at once, by a checkpoint:
 *
 *     the writer      pins the last commit (a read transaction), keeps the two first pages as they
 *                     are: the base; goes on in the other half of the journal
 *     the keeper      syncs the data; then writes the base into the journal's head, and syncs that
 *     the writer      lets the former pin go
 *
 * LMDB gives out no page that a pinned commit can see, so at every moment the base named by the
 * journal's head stands whole in the file, whatever the disk made of the pages written since.
 *
 * After a power cut or a kill: the two first pages are put back as the base has them; the file is
 * walked (check.c); the records behind the base are done again, each in a transaction of its own.
 * After a clean close the journal says that it is not needed.
 *
 * What fails, and what is done:
 *
 *     the record cannot be written      nothing stands; the caller goes on as with a failed commit
 *     its sync fails, or LMDB's commit  the record is taken back, durably; as above
 *     taking it back fails              nobody knows: the process ends with 70
 *     a checkpoint fails                the kernel may have dropped pages: the process ends with
 *                                       70; the next start goes back to the base and the journal
 *     a record too large for a journal  new snapshots wait; LMDB commits, a checkpoint makes it
 *                                       durable, then they may see it */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/store/inside.h"
#include "daemon/store/journal.h"

#define PAGES_MOST 1024 /* changed by commits between two checkpoints, about */
#define PAGES_LEAST 16
#define LIMIT_PARTS 64	 /* and no more than this part of the store's limit */
#define PAGES_A_COMMIT 4 /* beside those of the tables */
#define BEHIND 4	 /* so many times as many pages: the writer waits for the keeper */

struct durable {
	struct journal *journal;
	struct redo redo; /* what the open transaction does */
	MDB_txn *pin[2];
	unsigned held;	/* pin[held] is of the base in the journal's head */
	bool turning;	/* a checkpoint is under way; the other pin is of its base */
	uint64_t pages; /* changed since the newest base, about */
	uint64_t pages_most;
	bool wanted, wiped; /* a job asked for a checkpoint, and for the journal to be overwritten
			     */

	pthread_t keeper;
	bool keeps; /* the thread runs */
	pthread_mutex_t lock;
	pthread_cond_t asked_for, finished;
	bool asked, closing; /* under lock */
	int data_fd;
	const char *dir;
	struct journal_base base; /* the keeper's from `asked` on until it is false again */
};

/* ---- checkpoints ---- */

static void end(const char *dir, const char *what, int rc)
{
	log_error("store", "%s: %s: %s; the process ends, the next start tells", dir, what,
		strerror(rc));
	_exit(70);
}

static int pin_newest(struct store *s, MDB_txn **pin)
{
	return *pin ? mdb_txn_renew(*pin) : mdb_txn_begin(s->env, NULL, MDB_RDONLY, pin);
}

static void *keeper_main(void *arg)
{
	struct durable *d = arg;

	pthread_setname_np(pthread_self(), "keeper");
	pthread_mutex_lock(&d->lock);
	for (;;) {
		int rc;

		while (!d->asked && !d->closing)
			pthread_cond_wait(&d->asked_for, &d->lock);
		if (!d->asked)
			break;
		pthread_mutex_unlock(&d->lock);
		rc = fdatasync(d->data_fd) ? errno : 0;
		if (rc == 0)
			rc = journal_base_put(d->journal, &d->base);
		if (rc)
			end(d->dir, "a checkpoint failed", rc);
		pthread_mutex_lock(&d->lock);
		d->asked = false;
		pthread_cond_signal(&d->finished);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* Has the checkpoint under way ended? Then its base holds. */
static void collect(struct durable *d, bool wait)
{
	bool asked;

	if (!d->turning)
		return;
	pthread_mutex_lock(&d->lock);
	while (wait && d->asked)
		pthread_cond_wait(&d->finished, &d->lock);
	asked = d->asked;
	pthread_mutex_unlock(&d->lock);
	if (asked)
		return;
	mdb_txn_reset(d->pin[d->held]);
	d->held = !d->held;
	d->turning = false;
}

/* Of the last commit; none is under way. */
static void begin(struct store *s)
{
	struct durable *d = s->durable;
	int rc = pin_newest(s, &d->pin[!d->held]);

	if (rc)
		end(d->dir, "no checkpoint begins", rc > 0 ? rc : EIO);
	rc = replay_first_pages(d->data_fd, &d->base);
	if (rc)
		end(d->dir, "no checkpoint begins", rc);
	journal_turn(d->journal, &d->base);
	d->turning = true;
	d->pages = 0;
	pthread_mutex_lock(&d->lock);
	d->asked = true;
	pthread_cond_signal(&d->asked_for);
	pthread_mutex_unlock(&d->lock);
}

void durable_checkpoint(struct store *s)
{
	struct durable *d = s->durable;

	collect(d, true);
	begin(s);
	collect(d, true);
}

bool durable_behind(const struct store *s)
{
	return s->durable && (s->durable->pages > 0 || s->durable->turning);
}

uint64_t durable_pinned(const struct store *s)
{
	return s->durable ? mdb_txn_id(s->durable->pin[s->durable->held]) : UINT64_MAX;
}

void durable_unpin(struct store *s)
{
	durable_checkpoint(s);
	mdb_txn_reset(s->durable->pin[s->durable->held]);
}

void durable_pin(struct store *s)
{
	int rc = mdb_txn_renew(s->durable->pin[s->durable->held]);

	if (rc)
		end(s->durable->dir, "the last commit cannot be held", rc > 0 ? rc : EIO);
}

void durable_want(struct store *s, bool wipe)
{
	if (!s->durable)
		return;
	s->durable->wanted = true;
	s->durable->wiped = wipe;
}

void durable_as_wanted(struct store *s)
{
	struct durable *d = s->durable;
	int rc;

	if (!d || !d->wanted)
		return;
	durable_checkpoint(s);
	rc = d->wiped ? journal_wipe(d->journal) : 0;
	if (rc)
		end(d->dir, "the journal cannot be overwritten", rc);
	d->wanted = d->wiped = false;
}

void durable_told(struct store *s)
{
	struct durable *d = s->durable;

	if (!d)
		return;
	collect(d, d->pages >= BEHIND * d->pages_most);
	if (!d->turning && d->pages >= d->pages_most)
		begin(s);
}

/* ---- a commit ---- */

/* Nothing may stand of the record that was sealed last. */
static void take_back(struct durable *d)
{
	int rc = journal_cancel(d->journal);

	if (rc)
		end(d->dir, "a commit failed, and its record cannot be taken back", rc);
}

static int commit_large(struct store *s, MDB_txn *txn)
{
	int rc;

	reads_shut(s);
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		durable_checkpoint(s);
	reads_let_in(s);
	return rc;
}

static int commit_sealed(struct store *s, MDB_txn *txn)
{
	struct durable *d = s->durable;
	bool in_doubt;
	int rc;

	if (!journal_fits(d->journal, &d->redo)) {
		collect(d, true);
		begin(s);
	}
	rc = journal_seal(d->journal, &d->redo, &in_doubt);
	if (rc) {
		if (in_doubt)
			take_back(d);
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	if (rc)
		take_back(d);
	else
		journal_step(d->journal);
	return rc;
}

int durable_commit(struct store *s, MDB_txn *txn)
{
	struct durable *d = s->durable;
	int rc;

	if (!d)
		return mdb_txn_commit(txn);
	rc = !d->redo.large ? commit_sealed(s, txn) : commit_large(s, txn);
	if (rc == 0)
		d->pages += s->wt.dirty + PAGES_A_COMMIT;
	return rc;
}

/* ---- what a transaction does ---- */

void durable_start(struct store *s)
{
	if (s->durable)
		redo_start(&s->durable->redo);
}

void durable_note(struct store_txn *t, int op, int table, struct text key, struct text value)
{
	if (t->s->durable)
		redo_note(&t->s->durable->redo, &(struct redo_item){ .op = (enum redo_op)op,
							.table = (unsigned)table,
							.key = key,
							.value = value });
}

void durable_note_later(struct store_txn *t, int table, struct text key, const void *p, size_t n)
{
	if (t->s->durable)
		redo_note_later(&t->s->durable->redo, (unsigned)table, key, p, n);
}

/* ---- open, close ---- */

static int make_journal(struct store *s, struct errmsg *m)
{
	struct errmsg why;
	int rc = journal_make(&s->journal, s->place.dir_fd, &why);

	if (rc == ERR_FULL && place_ballast_give(&s->place))
		rc = journal_make(&s->journal, s->place.dir_fd, &why);
	if (rc)
		errmsg_set(m, "%s: %s", s->place.dir, why.text);
	return rc;
}

static int start(struct store *s, const struct journal_owner *owner, struct errmsg *m)
{
	struct durable *d = s->durable;
	sigset_t all, had;
	int rc;

	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->asked_for, NULL);
	pthread_cond_init(&d->finished, NULL);
	d->dir = s->place.dir;
	d->base.page = (uint32_t)s->page;
	d->pages_most = s->limit_pages / LIMIT_PARTS;
	if (d->pages_most > PAGES_MOST)
		d->pages_most = PAGES_MOST;
	if (d->pages_most < PAGES_LEAST)
		d->pages_most = PAGES_LEAST;
	rc = mdb_env_get_fd(s->env, &d->data_fd);
	if (rc == 0)
		rc = pin_newest(s, &d->pin[0]);
	if (rc == 0)
		rc = replay_first_pages(d->data_fd, &d->base);
	if (rc == 0)
		rc = journal_begin(d->journal, owner, &d->base);
	if (rc) {
		errmsg_set(m, "%s: `journal` cannot be begun: %s", d->dir, mdb_strerror(rc));
		return store_err(rc);
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &had);
	d->keeps = pthread_create(&d->keeper, NULL, keeper_main, d) == 0;
	pthread_sigmask(SIG_SETMASK, &had, NULL);
	if (d->keeps)
		return 0;
	errmsg_set(m, "%s: no thread can be made", d->dir);
	return ERR_NOMEM;
}

int durable_open(
	struct store *s, const struct store_conf *conf, const uint8_t *id, struct errmsg *m)
{
	struct journal_owner owner = { .tables = conf->tables, .n_tables = conf->n_tables };
	int rc = 0;

	memcpy(owner.id, id, sizeof owner.id);
	if (s->replays && memcmp(id, journal_id(s->journal), PLACE_ID_BYTES) != 0) {
		errmsg_set(m, "%s: `journal` belongs to another store", s->place.dir);
		return ERR_DAMAGED;
	}
	if (s->replays)
		rc = replay_all(s, conf, m);
	if (rc == 0 && !s->journal)
		rc = make_journal(s, m);
	if (rc)
		return rc;
	s->durable = calloc(1, sizeof *s->durable);
	if (!s->durable) {
		errmsg_set(m, "%s: out of memory", s->place.dir);
		return ERR_NOMEM;
	}
	s->durable->journal = s->journal;
	return start(s, &owner, m);
}

static void stop_keeper(struct durable *d)
{
	if (!d->keeps)
		return;
	pthread_mutex_lock(&d->lock);
	d->closing = true;
	pthread_cond_signal(&d->asked_for);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->keeper, NULL);
}

void durable_close(struct store *s)
{
	struct durable *d = s->durable;

	if (d) {
		stop_keeper(d);
		for (unsigned i = 0; i < 2; i++)
			if (d->pin[i])
				mdb_txn_abort(d->pin[i]);
		if (d->keeps && (mdb_env_sync(s->env, 1) || journal_close(d->journal)))
			log_warning("store", "%s: could not be closed cleanly", d->dir);
		pthread_mutex_destroy(&d->lock);
		pthread_cond_destroy(&d->asked_for);
		pthread_cond_destroy(&d->finished);
		buf_deinit(&d->redo.bytes);
		free(d);
	}
	journal_free(s->journal);
	s->journal = NULL;
	s->durable = NULL;
}
