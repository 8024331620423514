/* What a district's daemon answers beyond the desk and the office. */
#ifndef COLLECTOR_COLLECTOR_H
#define COLLECTOR_COLLECTOR_H

#include "daemon/subsidy/claim_call.h"

/* ---- handlers (route_subsidy.c) ---- */

void route_subsidy_ask(struct api_call *call);
extern const struct api_upload subsidy_check_upload;

#endif
