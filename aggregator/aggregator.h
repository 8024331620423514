/* What the city's daemon answers beyond the desk and the office. */
#ifndef AGGREGATOR_AGGREGATOR_H
#define AGGREGATOR_AGGREGATOR_H

#include "daemon/figures/office.h"

/* ---- handlers (route_city.c) ---- */

void route_districts(struct api_call *call);
void city_status(struct daemon *d, json_t *object);
void city_metrics(struct daemon *d, struct buf *out);

#endif
