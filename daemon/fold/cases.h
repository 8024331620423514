/* Identity cases as they are decided: which pids are one person.
 *
 * A CASE entry proposes (link, unlink, not the same) or decides a proposal; who decides is not who
 * proposed. Pairs that are linked are edges; the person of a pid is the smallest pid that it is
 * connected with. Person facts stand under that pid (VIEW_PERSON), so everything that counts
 * persons follows: when a decision moves a pid to another person, the person's records go out under
 * the old one and come in under the new one, like a correction.
 *
 *     VIEW_CASE   'P' a (16) b (16) origin (4) → decided act (1), its position (8), who (1 + n);
 *                                               proposed act (1), its position (8), who (1 + n)
 *                 'E' pid (16) pid (16) origin (4) → nothing: linked; stands in both directions
 *                 'M' pid (16)                → pid (16): its person; where it is not alone
 *
 * Edges are a set, and the smallest pid of a component does not depend on the order in which they
 * came; which records stand under it follows from the records and the edges alone. */
#ifndef FOLD_CASES_H
#define FOLD_CASES_H

#include "daemon/ledger/ledger.h"
#include "proto/record.h"

#define CASE_WHO_MAX 32

/* What the fold does for a decision; errors as everywhere. */
struct case_hands {
	/* Everything gathered so far stands in the tables. */
	int (*settle)(void *arg);
	/* Whose is the record at this position? */
	int (*pid_of)(void *arg, uint32_t origin, uint64_t position, uint8_t pid[PID_BYTES]);
	/* The record goes out (−1) or comes in (1) under the person that its pid has now. */
	int (*weigh)(void *arg, uint32_t origin, uint64_t position, int weight);
	void *arg;
};

/* Folds a CASE entry. NULL, or the code of a finding. *err: it could not be done now; then nothing
 * was changed (ERR_DAMAGED: a record of the persons cannot be read). */
const char *case_fold(struct store_txn *t, const struct entry_view *e, struct arena *a,
	const struct case_hands *hands, int *err);

/* The person of a pid: itself where it is linked with none. Any transaction. */
void case_person(struct store_txn *t, const uint8_t pid[PID_BYTES], uint8_t person[PID_BYTES]);
/* Is any pid linked? */
bool case_any(struct store_txn *t);
/* All pids of the person of `pid`, ascending, `pid` among them; at most `size` are written. */
size_t case_members(
	struct store_txn *t, const uint8_t pid[PID_BYTES], uint8_t (*out)[PID_BYTES], size_t size);

/* A step on a pair: a decision that stands, or a proposal that waits. */
struct case_step {
	unsigned act; /* TALLY__CASE_ACT__…; 0: none */
	uint64_t position;
	char who[CASE_WHO_MAX + 1];
};
struct case_pair {
	uint8_t a[PID_BYTES], b[PID_BYTES];
	uint32_t origin; /* whose decision: a city */
	struct case_step decided, proposed;
};
/* What a city has said on a pair (a < b); zeroed steps when nothing. */
void case_pair_get(struct store_txn *t, const uint8_t a[PID_BYTES], const uint8_t b[PID_BYTES],
	uint32_t origin, struct case_pair *out);
void case_pairs_walk(
	struct store_txn *t, bool (*fn)(void *arg, const struct case_pair *pair), void *arg);

/* May `who` take this step on the pair as it stands? NULL, or why not, in words. The fold asks it
 * again of every entry: an entry that may not be is a finding and changes nothing. `decides`: the
 * position of the proposal, 0: it is one. */
const char *case_refuses(
	const struct case_pair *pair, unsigned act, uint64_t decides, struct text who);

#endif
