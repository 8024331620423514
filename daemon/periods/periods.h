/* Closed periods at the control socket: what both daemons show, and what a city does. */
#ifndef PERIODS_PERIODS_H
#define PERIODS_PERIODS_H

#include "daemon/figures/office.h"

/* period list, show: over the versions that stand here. */
#define PERIODS_READ_ROUTES 2
extern const struct api_route periods_read_routes[PERIODS_READ_ROUTES];
/* period close, revise, reproduce (of a version here, of a bulletin), diff: at a city. */
#define PERIODS_CITY_ROUTES 5
extern const struct api_route periods_city_routes[PERIODS_CITY_ROUTES];

/* Removes what a killed process left beside the views. For daemon_program.before_links. */
extern const struct daemon_part periods_part;

/* ---- handlers (route_*.c) ---- */

void route_period_list(struct api_call *call);
void route_period_show(struct api_call *call);
void route_period_close(struct api_call *call);
void route_period_revise(struct api_call *call);
void route_period_reproduce(struct api_call *call);
extern const struct api_upload period_bulletin_upload;
void route_period_diff(struct api_call *call);

#endif
