/* Closing a period, and revising a closed one: figures at known positions of known ledgers, kept
 * for ever under a number. */
#ifndef PERIODS_CLOSING_H
#define PERIODS_CLOSING_H

#include "daemon/figures/versions.h"

/* Ledgers that one version can name: as many as fit into an entry. */
#define CLOSING_ORIGINS_MAX 250
#define CLOSING_AREAS_MAX (ORIGINS_MAX + 64)

struct closing {
	const struct form *form; /* the edition in force at the period's end */
	struct period period;
	bool revise;
	struct text class, reason; /* of a revision; of a closing empty */
	struct text despite;	   /* why it is closed although returns are missing; may be empty */
	struct text author;
	/* out */
	struct version_place at;
	size_t positions;	    /* ledgers that it names */
	uint64_t lines;		    /* cells that are not 0 */
	uint8_t digest[HASH_BYTES]; /* of the figures */
	uint32_t *missing; /* districts whose return is asked for and was not accepted; to be
			    * freed */
	size_t n_missing;
	bool lacks; /* the error is that returns are missing */
};
/* Reads views and figures under one snapshot, and writes FORMS (unless they stand), FIGURES and
 * VERSION in one transaction. After it the version stands in the views too. Refuses with words:
 * ERR_INVALID (not now, or not so), ERR_EXISTS (closed already), ERR_NOTFOUND (not closed yet),
 * ERR_BUSY (another closing came between: try again); else why the views or the store do not do it.
 * An API thread. */
MUST_CHECK int closing_run(struct closing *c, struct daemon *d, struct errmsg *m);

#endif
