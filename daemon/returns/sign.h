/* A district signs a return, and explains what a check says of it: entries of its own ledger. */
#ifndef RETURNS_SIGN_H
#define RETURNS_SIGN_H

#include "daemon/figures/office.h"
#include "daemon/returns/hindrance.h"

struct signing {
	const struct form *form; /* the edition in force at the period's end */
	struct period period;
	struct text by, approve; /* two names */
	struct text author;	 /* the peer's user */
	/* out */
	uint64_t position;	      /* of the RETURN entry */
	uint64_t vouched;	      /* up to where the own ledger is vouched for */
	uint64_t cells;		      /* that are not 0; none: 零报告 */
	struct hindrances hindrances; /* as far as the district can know */
};
/* Freezes the figures of the own area as all entries so far say, and writes them and the signature
 * in one transaction. Signing again is a newer signature. Refuses with words: ERR_INVALID (not a
 * name; a form that is no return), ERR_BUSY (the period has not ended; the form is void),
 * ERR_EXISTS (the period is closed). An API thread. */
MUST_CHECK int signing_run(struct signing *s, struct daemon *d, struct errmsg *m);

struct explaining_words {
	const struct form *form;
	struct period period;
	struct text check, row; /* row: empty for the whole check */
	struct text words, author;
	uint64_t position; /* out: of the EXPLAIN entry */
};
/* ERR_INVALID: no such check or row, a hard check (its records are to be put right), not words;
 * ERR_BUSY: the period has not ended; ERR_EXISTS: it is closed. */
MUST_CHECK int explain_run(struct explaining_words *x, struct daemon *d, struct errmsg *m);

#endif
