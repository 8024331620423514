/* What the city's daemon answers beyond the desk and the office. */
#ifndef AGGREGATOR_AGGREGATOR_H
#define AGGREGATOR_AGGREGATOR_H

#include "daemon/figures/office.h"

/* ---- handlers (route_*.c) ---- */

void route_districts(struct api_call *call);
void route_plan(struct api_call *call);
void route_assess(struct api_call *call);
void city_status(struct daemon *d, json_t *object);
void city_metrics(struct daemon *d, struct buf *out);

#endif
