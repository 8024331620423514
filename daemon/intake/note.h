/* What an import came to, as an INTAKE entry of the own ledger: how many rows were refused, and for
 * which faults. The city sees by it what a district's clerks struggle with; no value of a row
 * stands in it. */
#ifndef INTAKE_NOTE_H
#define INTAKE_NOTE_H

#include "daemon/intake/counts.h"
#include "daemon/ledger/ledger.h"

struct note {
	struct ledger *ledger;
	struct text reg, author;
	struct counts counts;		   /* of the whole import */
	const struct fault_counts *faults; /* of the rows that were refused; by code */
};

/* Appends the entry and waits for the commit. Not on the loop or the writer thread. */
MUST_CHECK int note_write(const struct note *n);

#endif
