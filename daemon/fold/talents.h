/* Talents and what only the centre can see, as the fold keeps them. All of it follows from the
 * facts of one person and the records that they name.
 *
 * Beside the forms' facts a person has facts of sources from FACT_TALENT on; they stand before
 * those of FACT_NAME at the end of the list, so that a look there says that somebody has none, and
 * a person without them costs nothing more:
 *
 *     FACT_TALENT       a record for which the search wants the person (talent_row_wants())
 *     FACT_TRACE + k    a trace of kind k (talent_alert.h); its 12 bytes stand in from, till, rows
 *
 * Tables:
 *     TALENT  pid (16) → row (talent_row.h), of who has a FACT_TALENT
 *     MARK    'C' hash of the number (16)              → nothing: stands in two districts
 *             'P' pid (16)                             → nothing: worth a look
 *             'M' talent id (10) origin (4) position (8) → nothing: named there as mentor */
#ifndef FOLD_TALENTS_H
#define FOLD_TALENTS_H

#include "daemon/fold/facts.h"
#include "daemon/ledger/ledger.h"
#include "daemon/talent/talent_index.h"

#define FACT_TALENT 0xfff0u
#define FACT_TRACE 0xfff1u

#define MARK_CERTIFICATE 'C'
#define MARK_PERSON 'P'
#define MARK_MENTOR 'M'
#define MARK_KEY_MAX 23

struct talents; /* of one fold */

/* NULL without memory. The rules are borrowed. */
struct talents *talents_open(const struct talent_rules *t);
void talents_close(struct talents *ts);
/* A chunk begins. */
void talents_reset(struct talents *ts, struct store_txn *views, struct store_txn *ledgers);

/* What a record that comes or goes brings: facts, and marks of mentors. */
void talents_record(struct talents *ts, const struct record *r, const struct record_place *where,
	struct fact_changes *changes);
/* Are there alerts on one number in two districts, of this register? */
bool talents_watches(const struct talents *ts, const struct reg *reg);
/* What is to be done about a person. */
struct talent_todo {
	unsigned what; /* TALENTS_… */
	/* n of them, sorted; borrowed. When there is a row and all of them come, it is what it was
	 * and what these records bring. */
	const struct fact_change *changes;
	size_t n;
};
#define TALENTS_ROW 1u	  /* its row is to be made anew, or goes */
#define TALENTS_MARK 2u	  /* its mark comes */
#define TALENTS_UNMARK 4u /* its mark goes */
#define TALENTS_MORE 8u	  /* it had a row, and records came only */
/* A person's facts go from old to new by the changes. Writes nothing. More facts than `crowd` are
 * worth a look: there may be as many records. */
struct talent_todo talents_look(struct fact_list old, struct fact_list new,
	const struct fact_change *changes, size_t n, size_t crowd);
/* How many records one person may have by the rules. */
size_t talents_crowd(const struct talents *ts);
/* Does it. `scratch` is used. 0 or an error. A record that cannot be read is left out of the row:
 * its ledger says where it is damaged. */
MUST_CHECK int talents_person(struct talents *ts, const uint8_t pid[PID_BYTES],
	const struct talent_todo *todo, struct fact_list new, struct arena *scratch);
/* For record_index_shared(): `arg` is the talents. */
void talents_shared(void *arg, const uint8_t hash[KEY_HASH_BYTES], bool shared);

/* The rows that are another since talents_reset(); borrowed until the next. False: memory ran out,
 * they are not all. */
bool talents_changes(const struct talents *ts, const struct talent_change **out, size_t *n);

/* ---- records of a person ---- */

struct person_ref {
	uint32_t origin;
	uint64_t position;
};
/* The records that facts name, each once, ascending. `out` has room for l.n. */
size_t person_refs(struct fact_list l, struct person_ref *out);
/* Reads the record at a place, in `a` (not reset). ERR_DAMAGED, ERR_NOTFOUND, or an error of the
 * store. */
MUST_CHECK int person_record(
	struct store_txn *ledgers, const struct person_ref *ref, struct arena *a, struct record *r);

#endif
