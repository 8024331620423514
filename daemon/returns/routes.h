/* Returns at the control socket: what both daemons show, what a district and what a city does. */
#ifndef RETURNS_ROUTES_H
#define RETURNS_ROUTES_H

#include "daemon/figures/office.h"

/* return list: in a district its own, at a city those of all districts. */
#define RETURNS_READ_ROUTES 1
extern const struct api_route returns_read_routes[RETURNS_READ_ROUTES];
/* return sign, explain. */
#define RETURNS_DISTRICT_ROUTES 2
extern const struct api_route returns_district_routes[RETURNS_DISTRICT_ROUTES];
/* return show, accept, send-back. */
#define RETURNS_CITY_ROUTES 3
extern const struct api_route returns_city_routes[RETURNS_CITY_ROUTES];

/* ---- handlers (route_*.c) ---- */

void route_return_list(struct api_call *call);
void route_return_show(struct api_call *call);
void route_return_sign(struct api_call *call);
void route_return_explain(struct api_call *call);
void route_return_accept(struct api_call *call);
void route_return_send_back(struct api_call *call);

#endif
