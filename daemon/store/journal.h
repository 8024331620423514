/* The journal of a store: what its newest transactions did, one behind the other in a file whose
 * blocks are there already, so that a commit costs one write at one place and one sync. Knows bytes
 * and files, nothing of LMDB; durable.c keeps it and the data together.
 *
 * Words: record = what one transaction did; base = the data file as it was at a checkpoint, by its
 * first pages; half = where records go until the next checkpoint. One thread at a time, but for
 * journal_base_put(). */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include <stdbool.h>

#include "daemon/base/err.h"
#include "daemon/store/place.h"
#include "daemon/store/redo.h"

#define JOURNAL_META_BYTES 512 /* of each of the two first pages of the data file */
#define JOURNAL_HALF_BYTES (1u << 20)
#define JOURNAL_BYTES (2u * 4096 + 2 * JOURNAL_HALF_BYTES) /* of the file */

struct journal;

struct journal_base {
	uint32_t page; /* bytes of one of the data file */
	uint8_t meta[2][JOURNAL_META_BYTES];
	uint64_t sequence; /* of the first record behind it */
	unsigned half;	   /* where that stands */
};

/* Whose records these are. */
struct journal_owner {
	uint8_t id[PLACE_ID_BYTES]; /* of the store */
	const char *const *tables;  /* a record names them by their index */
	size_t n_tables;
};

/* ---- opening ---- */

/* What stands in the folder. ERR_NOTFOUND: no journal, or one that was closed (then *out is there,
 * to be begun); ERR_DAMAGED, ERR_IO … with words. */
MUST_CHECK int journal_open(struct journal **out, int dir_fd, struct errmsg *m);
/* Made new, its blocks written and durable, nothing in it yet. ERR_FULL, ERR_IO, ERR_NOMEM. */
MUST_CHECK int journal_make(struct journal **out, int dir_fd, struct errmsg *m);
/* Whoever was opened: the id of its store, and the base that it begins from. */
const uint8_t *journal_id(const struct journal *j);
const struct journal_base *journal_base(const struct journal *j);
/* Index of a table in `names` by the index that the records use; -1: not among them. */
int journal_table(const struct journal *j, size_t index, const char *const *names, size_t n);
/* The next record behind the base → its operations. 0; ERR_NOTFOUND: that was the last one;
 * ERR_DAMAGED: there are later ones; ERR_IO, ERR_NOMEM. Good until the next call. */
MUST_CHECK int journal_next(struct journal *j, struct text *ops);
/* Begins anew behind `base` (its sequence and half are set here); durable. errno. */
MUST_CHECK int journal_begin(
	struct journal *j, const struct journal_owner *owner, struct journal_base *base);
/* Says in the file that nothing of it is needed: the data is whole and synced. errno. */
MUST_CHECK int journal_close(struct journal *j);
/* Gives up the memory and the file, as it stands. */
void journal_free(struct journal *j);

/* ---- a transaction ---- */

/* Is there room for it in this half? */
bool journal_fits(const struct journal *j, const struct redo *r);
/* Goes on in the other half, and says so in `base`: the caller knows that what stands there is not
 * needed. */
void journal_turn(struct journal *j, struct journal_base *base);
/* Writes the record (not a large one); 0: it is durable, and counts unless it is taken back. Else
 * errno, and *in_doubt: it may stand. */
MUST_CHECK int journal_seal(struct journal *j, struct redo *r, bool *in_doubt);
/* Takes the sealed record back; 0 or errno. */
MUST_CHECK int journal_cancel(struct journal *j);
/* The sealed record is committed, too: the next one goes behind it. */
void journal_step(struct journal *j);

/* ---- checkpoints ---- */

/* From here on `base` is where it begins; durable. Any one thread. errno. */
MUST_CHECK int journal_base_put(struct journal *j, const struct journal_base *base);
/* After a checkpoint with nothing behind it: overwrites all records. errno. */
MUST_CHECK int journal_wipe(struct journal *j);

#endif
