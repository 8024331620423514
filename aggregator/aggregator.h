/* What stands while the city's daemon runs; handlers find it behind struct daemon.own. */
#ifndef AGGREGATOR_AGGREGATOR_H
#define AGGREGATOR_AGGREGATOR_H

#include <stdatomic.h>

#include "aggregator/fold/views.h"
#include "daemon/run/run.h"

struct aggregator {
	uint32_t city;
	struct forms *forms;
	struct views *views;
	struct link_peer_conf *children; /* as configured */
	size_t n_children;
	struct link_parent *parent;
	struct timer *retry; /* wakes the fold while it stands still */
	atomic_bool recounting;
};

static inline struct aggregator *aggregator_of(const struct daemon *d)
{
	return d->own;
}
/* For handlers: the route's context is the daemon. */
static inline struct daemon *daemon_of(const struct api_call *call)
{
	return api_context(call);
}

/* The areas that figures are shown for: the city first, then the districts ascending: configured
 * children, and whoever has entries here. Returns their number (at most `size` are written). */
size_t aggregator_areas(
	const struct aggregator *a, struct store_txn *views, uint32_t *out, size_t size);
/* Chinese or English name of an area; "" when it has none. */
const char *area_name(uint32_t area, bool zh);

/* ---- handlers (route_form.c, route_city.c) ---- */

void route_form_list(struct api_call *call);
void route_form_show(struct api_call *call);
void route_form_overlap(struct api_call *call);
void route_check_run(struct api_call *call);
void route_districts(struct api_call *call);
void route_findings(struct api_call *call);
void route_recount(struct api_call *call);
void city_status(struct daemon *d, json_t *object);
void city_metrics(struct daemon *d, struct buf *out);

#endif
