/* The fold: from ledgers to views, a chunk at a time, each in one transaction with the positions up
 * to which it went.
 *
 * The state of every table depends only on how far each ledger is folded, never on the order in
 * which ledgers were mixed, nor on the size of chunks: no cell that is zero, lists sorted, no
 * counter of anything but what stands. tests/unit/figures_fold_test.c holds this, `recount`
 * checks it on running systems. */
#ifndef FOLD_FOLD_H
#define FOLD_FOLD_H

#include "daemon/survey/form.h"
#include "daemon/ledger/ledger.h"

/* Goes into the digest that a views store carries: with another number all is folded anew. Raise it
 * when the fold comes to mean something else, or stores it otherwise. */
#define FOLD_VERSION 8

/* Tables of a views store.
 *   META      name → value: "digest" of what the views depend on besides the ledgers
 *   FOLD      origin (4) → position (8), hash of the entry there (32): folded up to here
 *   RECORD    hash of register and key (16) origin (4) → position (8): the newest version of each
 *             record that lives
 *   PERSON    pid (16) of the person (cases.h) → facts (facts.h), sorted: they name all the
 *             person's records
 *   GROUP     entity (1) hash (16) → facts with counts: classes and other things that are counted
 *             once
 *   CELL      cells.h
 *   FINDING   origin (4) position (8) → fault code, and the field after a space: entries that
 *             could not be folded, or not all
 *   SAMPLE    samples.h
 *   EVENT     events.h
 *   ACTIVITY  activity.h
 *   IDENTITY  identities.h
 *   CASE      identities.h, cases.h
 *   TALENT    talents.h
 *   MARK      talents.h
 *   HOLDING   holdings.h */
enum {
	VIEW_META,
	VIEW_FOLD,
	VIEW_RECORD,
	VIEW_PERSON,
	VIEW_GROUP,
	VIEW_CELL,
	VIEW_FINDING,
	VIEW_SAMPLE,
	VIEW_EVENT,
	VIEW_ACTIVITY,
	VIEW_IDENTITY,
	VIEW_CASE,
	VIEW_TALENT,
	VIEW_MARK,
	VIEW_HOLDING,
	VIEW_TABLES
};
#define VIEW_TABLE_NAMES \
	"meta", "fold", "record", "person", "group", "cell", "finding", "sample", "event", \
		"activity", "identity", "case", "talent", "mark", "holding"
extern const char *const view_table_names[VIEW_TABLES];

struct fold; /* scratch memory of a fold; one thread at a time */

/* `city`: the area that counts everything; a record of its own ledger counts there only. NULL
 * without memory. */
struct fold *fold_open(const struct forms *fs, uint32_t city);
void fold_close(struct fold *f);
/* From now on talents and marks are kept too, by these rules (borrowed); before the first chunk. A
 * district's views, folded on demand, go without. */
struct talents;
struct talent_rules;
MUST_CHECK int fold_talents(struct fold *f, const struct talent_rules *rules);
/* What the last chunk did to them (talents_changes()); NULL without. */
const struct talents *fold_talents_of(const struct fold *f);

/* Entries of one ledger that are to be folded next. */
struct fold_span {
	uint32_t origin;
	uint64_t first, last;
	int err; /* out: why the fold stands at `last` (ERR_DAMAGED: the entry after it cannot be
		    read); 0: it does not */
};
/* What waits, ledger by ledger, shared out so that all origins move: at most about `budget`
 * entries. `most` (n of them, ascending by origin) bounds each ledger; NULL: its head. *left is how
 * many entries wait beyond that. Returns the number of spans. */
struct fold_bound {
	uint32_t origin;
	uint64_t position;
};
size_t fold_plan(struct store_txn *views, struct store_txn *ledgers, const struct fold_bound *most,
	size_t n, size_t budget, struct fold_span *spans, size_t size, uint64_t *left);

/* Folds the spans inside a job. A span that cannot be read to its end is cut short and says why;
 * everything else goes on. An error means: nothing of it is kept. May run again from the same
 * input. */
MUST_CHECK int fold_chunk(struct fold *f, struct store_txn *views, struct store_txn *ledgers,
	struct fold_span *spans, size_t n);

/* Up to where a ledger is folded. */
uint64_t fold_position(struct store_txn *views, uint32_t origin);
/* All of them, ascending by origin; returns their number (at most `size` are written). */
size_t fold_positions(struct store_txn *views, struct fold_bound *out, size_t size);
/* Do the ledgers hold what was folded? False when one is shorter, or another, than the views know.
 */
bool fold_fits(struct store_txn *views, struct store_txn *ledgers);

#endif
