/* Retention: whose term is over, and letting them go.
 *
 * Words: last heard of = heard.h; term = so many years after the end of that month; due = the vault
 * holds the person, the term is over, and nothing keeps them; kept = a record of theirs, as it
 * stands now, is open (talent_clause_open) by the gate in force or by what the rules call running.
 *
 * Letting go shreds the identity (vault_erase). Records, pids and figures stay as they are. */
#ifndef INTAKE_DUE_H
#define INTAKE_DUE_H

#include "daemon/intake/heard.h"
#include "daemon/intake/vault.h"
#include "daemon/intake/view.h"
#include "daemon/talent/talent_rules.h"

struct due;

struct due_conf {
	struct ledger *ledger;
	const struct vault *vault;
	struct view view;
	const struct talent_rules *rules;
	unsigned years; /* > 0 */
	bool sure;	/* somebody vouches for the date of this machine */
	/* Asked between steps; true: give up. May be NULL. */
	bool (*give_up)(void *arg);
	void *arg;
};

/* Finds who is due now. All is borrowed until due_close(). Takes as long as reading the entries
 * that came since it was last asked, and those of the months whose term is over, in steps of a few
 * milliseconds on the writer thread; a bit of memory for each person of the vault. ERR_INVALID: the
 * clock cannot be believed without `sure`, or the rules do not say who is kept; ERR_CLOSED: gave
 * up. Words in m. Not on the loop or the writer thread. */
MUST_CHECK int due_open(struct due **out, const struct due_conf *conf, struct errmsg *m);
void due_close(struct due *d);

uint64_t due_count(const struct due *d);

struct due_person {
	uint8_t pid[PID_BYTES];
	uint64_t number;
	unsigned month; /* last heard of; heard.h */
	bool spared;	/* due_shred(): was heard of again, or is gone already */
};
/* The next ones by number after *after (0: from the first), at most n; *got of them. */
MUST_CHECK int due_next(
	struct due *d, uint64_t *after, struct due_person *out, size_t n, size_t *got);

/* Shreds persons of due_next() in one transaction, but for whom was heard of since. Until
 * store_scrub() remains may be left on the disk. */
#define DUE_BATCH 64
MUST_CHECK int due_shred(struct due *d, struct due_person *at, size_t n);

/* "2014-03" */
void due_month(char out[8], unsigned month);

#endif
