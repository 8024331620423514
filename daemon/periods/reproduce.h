/* Proving a closed version: the ledgers are folded anew up to its positions, by its own forms, and
 * the figures compared with what was kept, line by line. */
#ifndef PERIODS_REPRODUCE_H
#define PERIODS_REPRODUCE_H

#include "daemon/figures/versions.h"

#define REPRODUCE_FAULTS_MAX 20

enum reproduce_fault_kind {
	FAULT_SHORT,  /* a ledger does not reach the position here */
	FAULT_HEAD,   /* another entry stands at the position */
	FAULT_BROKEN, /* an entry's bytes do not fit their hash, or the chain breaks there */
	FAULT_FORMS,  /* the form files of the version cannot be read by this program */
	FAULT_CELL,   /* a figure */
};
struct reproduce_fault {
	enum reproduce_fault_kind kind;
	uint32_t origin;
	uint64_t position;
	bool cumulative;
	char cell[160], kept[48], anew[48]; /* "" : there is no such line */
};

struct reproduction {
	struct daemon *d;
	const struct version *v;
	struct text figures, forms; /* what was kept, proven by the version's digests */
	bool (*stop)(void *arg);
	void *arg;
	/* out */
	bool equal;
	bool other_rules; /* registers, codes or the fold are not those of the version */
	bool other_software;
	uint64_t entries;     /* folded */
	uint64_t lines;	      /* kept */
	uint64_t differences; /* cells */
	struct reproduce_fault faults[REPRODUCE_FAULTS_MAX];
	size_t n_faults; /* the first ones */
};
/* Works in `dir`, which is removed before and after. 0: it was compared, `equal` says how; another
 * error with words: it could not be. ERR_CLOSED: `stop` said so. An API thread; takes as long as
 * folding everything. */
MUST_CHECK int reproduce_run(struct reproduction *r, const char *dir, struct errmsg *m);
/* Removes what a killed process left of a reproduction or a recount. */
void reproduce_clean(struct daemon *d);
/* Where it works. */
void reproduce_dir(const struct daemon *d, char *out, size_t size);

#endif
