/* How an error of the rooms below is said to the other side. */
#ifndef LINK_FAULT_H
#define LINK_FAULT_H

#include "daemon/link/link.h"

/* The fault (enum link_fault) for an err of the ledger or the store; LINK_OK for 0. */
int fault_of_err(int err);
/* Does this fault wait for people? Such a link is stopped and only asks again now and then; any
 * other comes back by back-off. */
bool fault_stops(int fault);
/* Words for a fault of decisions that are followed, as the child says it of itself. */
const char *fault_follow_words(int fault);

/* "word: words", or "word: reason" when the other side gave one; control characters in it become
 * '?'. LINK_OK gives "". */
void fault_print(char *out, size_t size, int fault, struct text reason);

#endif
