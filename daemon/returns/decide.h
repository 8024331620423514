/* A city decides on a district's return: an entry of its ledger of public decisions, which comes
 * down to all districts. */
#ifndef RETURNS_DECIDE_H
#define RETURNS_DECIDE_H

#include "daemon/figures/office.h"
#include "daemon/returns/hindrance.h"

struct deciding {
	const struct form *form; /* the edition in force at the period's end */
	struct period period;
	uint32_t area;
	bool accept;	   /* else it is sent back */
	struct text words; /* of a return that is sent back; else they may be empty */
	const char *check; /* sent back because of this one; NULL: of all that hinders */
	struct text author;
	/* out */
	uint64_t position;	      /* of the DECISION entry */
	uint64_t of;		      /* of the RETURN entry that it is about */
	struct hindrances hindrances; /* in the views at that moment */
	bool differs; /* the area's figures are not (any more) those that were signed */
};
/* What was sent back may be accepted: the district answered with words, and its figures stand.
 * ERR_NOTFOUND: nothing is signed; ERR_EXISTS: the period is closed, or the newest signature is
 * accepted already; ERR_BUSY: something hinders its acceptance (hindrances says what);
 * ERR_INVALID: words are wanted, or there is no such check. All with words. An API thread. */
MUST_CHECK int deciding_run(struct deciding *x, struct daemon *d, struct errmsg *m);

#endif
