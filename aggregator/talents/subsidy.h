/* May a claim be paid? One door, for the city's socket and for its districts over the link. */
#ifndef AGGREGATOR_TALENTS_SUBSIDY_H
#define AGGREGATOR_TALENTS_SUBSIDY_H

#include "aggregator/talents/talents.h"
#include "daemon/subsidy/claim.h"

/* Puts the claim, checked, beside the person's records of all districts as if `origin` had approved
 * it, and asks the rules. *rule: the id of the first that speaks against it, or NULL: none does, or
 * nobody knows the person. 0; ERR_EXISTS: two persons have this id; ERR_EXPIRED, ERR_…: it cannot
 * be said now. Takes snapshots of its own: the records as they are folded just now. Any thread but
 * the loop's and a writer's. */
MUST_CHECK int subsidy_judge(
	struct daemon *d, const struct claim *c, uint32_t origin, const char **rule);

#endif
