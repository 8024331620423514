/* Findings: entries that stand in a ledger but could not be folded, or not in all. Nothing is
 * refused (the ledger stays whole), nothing is silent. */
#ifndef FOLD_FINDING_H
#define FOLD_FINDING_H

#include "proto/record.h"

#define FINDING_BODY "E090"	/* of faults.tsv: damaged body */
#define FINDING_REGISTER "E091" /* register not known here */
#define FINDING_RETRACT "E092"	/* what is taken back is not there */
#define FINDING_KIND "F001"	/* kind of entry not known here */
#define FINDING_NO_ROW "F002"	/* counted by a form that has no row for it */
#define FINDING_NO_BIRTH "F003" /* the age of its person is unknown: counted with the oldest */
#define FINDING_CASE "F005"	/* a step on an identity case that may not be taken */
#define FINDING_LEDGER "F004"	/* not an entry for this ledger */

/* Words for a code; "" when it is unknown (a newer version made it). Never NULL. */
struct finding_words {
	const char *zh, *en;
};
struct finding_words finding_words(struct text code);

#endif
