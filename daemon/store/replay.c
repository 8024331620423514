/* A store that was not closed: back to the base that its journal names, and on from there
 * (durable.c says why). Once that is done everything stands in the data, synced, and a new journal
 * begins; a cut before that finds the old one. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/store/check.h"
#include "daemon/store/inside.h"
#include "daemon/store/journal.h"

/* ---- before LMDB ---- */

/* The two first pages, as the file has them. errno. */
int replay_first_pages(int fd, struct journal_base *base)
{
	for (unsigned i = 0; i < 2; i++) {
		ssize_t n = pread(fd, base->meta[i], JOURNAL_META_BYTES, (off_t)i * base->page);

		if (n != JOURNAL_META_BYTES)
			return n < 0 ? errno : ENODATA;
	}
	return 0;
}

/* Puts back the base. What stands must have come from it: commits only go up. */
static int put_back(int fd, const struct journal_base *base, struct errmsg *m)
{
	struct journal_base now = { .page = base->page };
	bool same = true;

	if (replay_first_pages(fd, &now)) {
		errmsg_set(m, "the file was cut");
		return ERR_DAMAGED;
	}
	for (unsigned i = 0; i < 2; i++) {
		uint64_t is, was;

		if (!check_commit(base->meta[i], &was) || !check_commit(now.meta[i], &is)) {
			errmsg_set(m, "not the first page of a store");
			return ERR_DAMAGED;
		}
		if (is < was) {
			errmsg_set(m,
				"older than the journal beside it: bring back the whole folder; "
				"or, "
				"to go on with this file as it stands, move the file `journal` "
				"away");
			return ERR_DAMAGED;
		}
		same = same && memcmp(base->meta[i], now.meta[i], JOURNAL_META_BYTES) == 0;
	}
	for (unsigned i = 0; i < 2 && !same; i++)
		if (pwrite(fd, base->meta[i], JOURNAL_META_BYTES, (off_t)i * base->page) !=
			JOURNAL_META_BYTES)
			return ERR_IO;
	return same || fdatasync(fd) == 0 ? 0 : ERR_IO;
}

int replay_restore(struct store *s, const uint8_t *id, struct errmsg *m)
{
	struct place *p = &s->place;
	struct errmsg why = { "" };
	int rc = journal_open(&s->journal, p->dir_fd, &why), fd;

	if (rc == ERR_NOTFOUND)
		return 0;
	if (rc == 0 && id && memcmp(id, journal_id(s->journal), PLACE_ID_BYTES) != 0) {
		errmsg_set(&why, "`journal` belongs to another store");
		rc = ERR_DAMAGED;
	}
	if (rc) {
		errmsg_set(m, "%s: %s", p->dir, why.text);
		return rc;
	}
	fd = openat(p->dir_fd, "data.mdb", O_RDWR | O_CLOEXEC);
	rc = fd < 0 ? ERR_IO : put_back(fd, journal_base(s->journal), &why);
	if (rc)
		errmsg_set(m, "%s: data.mdb: %s", p->dir,
			why.text[0] ? why.text : "its first pages cannot be put back");
	if (fd >= 0)
		close(fd);
	s->replays = rc == 0;
	return rc;
}

/* ---- doing again ---- */

static int do_item(struct store *s, MDB_txn *txn, const int *tables, const struct redo_item *i)
{
	MDB_val key = { i->key.n, (void *)i->key.p }, value = { i->value.n, (void *)i->value.p };
	int table = i->table < STORE_TABLES_MAX ? tables[i->table] : -1, rc;

	if (table < 0)
		return MDB_INVALID;
	switch (i->op) {
	case REDO_PUT:
		return mdb_put(txn, s->dbi[table], &key, &value, 0);
	case REDO_DEL:
		rc = mdb_del(txn, s->dbi[table], &key, NULL);
		return rc == MDB_NOTFOUND ? 0 : rc;
	case REDO_CLEAR:
		return mdb_drop(txn, s->dbi[table], 0);
	}
	return MDB_INVALID;
}

static int do_record(struct store *s, const int *tables, struct text ops)
{
	struct redo_item i;
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, 0, &txn);

	if (rc)
		return rc;
	while (rc == 0 && redo_item(&ops, &i))
		rc = do_item(s, txn, tables, &i);
	if (rc == 0 && ops.n > 0)
		rc = MDB_INVALID;
	if (rc == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return rc;
}

/* Everything behind the base, which stays pinned: the power may go again. */
int replay_all(struct store *s, const struct store_conf *conf, struct errmsg *m)
{
	int tables[STORE_TABLES_MAX], rc, err;
	unsigned records = 0;
	struct text ops;
	MDB_txn *pin;

	for (size_t i = 0; i < STORE_TABLES_MAX; i++)
		tables[i] = journal_table(s->journal, i, conf->tables, conf->n_tables);
	rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &pin);
	if (rc)
		return store_err(rc);
	while ((err = journal_next(s->journal, &ops)) == 0 && rc == 0) {
		rc = do_record(s, tables, ops);
		records++;
	}
	if (rc) {
		err = rc == MDB_INVALID ? ERR_DAMAGED : store_err(rc);
		errmsg_set(m, "%s: record %u of the journal cannot be done again: %s", s->place.dir,
			records,
			rc == MDB_INVALID ? "it is damaged, or of another version of tally"
					  : mdb_strerror(rc));
	} else if (err != ERR_NOTFOUND) {
		errmsg_set(m, "%s: the journal is damaged behind its record %u", s->place.dir,
			records);
	} else {
		err = store_err(mdb_env_sync(s->env, 1));
	}
	mdb_txn_abort(pin);
	if (!err)
		log_info("store", "%s: was not closed; %u commits done again from the journal",
			s->place.dir, records);
	return err;
}
