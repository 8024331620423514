/* What stands while the city's daemon runs; handlers find it behind struct daemon.own. */
#ifndef AGGREGATOR_AGGREGATOR_H
#define AGGREGATOR_AGGREGATOR_H

#include "daemon/figures/office.h"

struct aggregator {
	struct link_peer_conf *children; /* as configured, in the order of their codes */
	uint32_t *areas;		 /* theirs */
	size_t n_children;
	struct link_parent *parent;
};

static inline struct aggregator *aggregator_of(const struct daemon *d)
{
	return d->own;
}
/* ---- handlers (route_city.c) ---- */

void route_districts(struct api_call *call);
void city_status(struct daemon *d, json_t *object);
void city_metrics(struct daemon *d, struct buf *out);

#endif
