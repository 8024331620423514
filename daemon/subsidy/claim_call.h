/* `subsidy check` at a control socket, a city's or a district's: what the request says, and how it
 * is answered. One form for both. */
#ifndef SUBSIDY_CLAIM_CALL_H
#define SUBSIDY_CLAIM_CALL_H

#include "daemon/api/api.h"
#include "daemon/subsidy/claim.h"

/* The options of the route's row. */
#define CLAIM_QUERY "purpose! occupation level enrolment certificate payee at"

/* Reads the fields and `at` (absent: 0); texts are the call's. False: api_fail() was called. */
bool claim_take(struct api_call *call, struct claim *c);
/* Reads the person. False: api_fail() was called. */
bool claim_take_person(struct api_call *call, struct claim *c, const char *id);
/* {"answer": "yes"}, or {"answer": "no", "rule": …} where there is a rule. */
void claim_answer(struct api_call *call, const char *rule);

#endif
