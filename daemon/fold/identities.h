/* Who is sealed where, and which identities have something in common: what IDENTITY entries and
 * names leave in the views. Nothing here can be read as a name: tags are keyed by a key that no
 * city holds.
 *
 *     VIEW_IDENTITY   pid (16) origin (4)            → position (8) | registrar's mark (8) | tags
 *                                                      (9 each): the newest IDENTITY entry of
 *                                                      that pid in that ledger
 *     VIEW_CASE       'T' tag (9) pid (16) origin (4) → nothing
 *                     'D' tag (9)                    → nothing: two pids or more have it
 *                     'N' pid (16)                   → nothing: one number came with two names
 *                     (cases.h has more)
 *
 * 'D' and 'N' follow from the other rows alone, so they do not depend on any order. */
#ifndef FOLD_IDENTITIES_H
#define FOLD_IDENTITIES_H

#include "daemon/fold/facts.h"
#include "daemon/ledger/ledger.h"

#define IDENTITY_ROW_TAGS_MAX 4
#define IDENTITY_TAG_SIZE 9

/* The body of an IDENTITY entry, judged; by reference into it. */
struct identity_body {
	const uint8_t *pid, *registrar; /* 16 and 8 bytes */
	struct text sealed;
	const uint8_t *tags[IDENTITY_ROW_TAGS_MAX];
	size_t n_tags;
};
/* False: it is none. Memory from `a`. */
bool identity_body_read(struct identity_body *out, struct text body, struct arena *a);

/* Folds an IDENTITY entry; NULL, or the code of a finding. Errors are sticky in t. */
const char *identity_fold(struct store_txn *t, const struct entry_view *e, struct arena *a);

/* The facts of a person went from `old` to `new`: did the number come with two names, does it? */
void names_mark(struct store_txn *t, const uint8_t pid[PID_BYTES], struct fact_list old,
	struct fact_list new);

/* ---- reading ---- */

struct identity_row {
	uint8_t pid[PID_BYTES];
	uint32_t origin;
	uint64_t position;
	const uint8_t *registrar; /* mark, 8 bytes */
	const uint8_t (*tags)[IDENTITY_TAG_SIZE];
	size_t n_tags;
};
/* All rows of a pid, by origin; of every pid from `after` on when pid is NULL. fn returns false to
 * stop; rows are borrowed for the call. */
void identity_walk(struct store_txn *t, const uint8_t *pid,
	bool (*fn)(void *arg, const struct identity_row *row), void *arg);
/* Every pid of which one number came with two names; every tag that two pids or more have, with its
 * pids one after the other. */
void names_walk(
	struct store_txn *t, bool (*fn)(void *arg, const uint8_t pid[PID_BYTES]), void *arg);
void tags_walk(struct store_txn *t,
	bool (*fn)(void *arg, const uint8_t tag[IDENTITY_TAG_SIZE], const uint8_t pid[PID_BYTES]),
	void *arg);

#endif
