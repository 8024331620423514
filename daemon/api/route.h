/* The route table, made ready for matching. */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "daemon/api/api.h"

#define ROUTE_SEGMENTS 8
#define ROUTE_QUERY 24
#define ROUTE_ARGS (ROUTE_SEGMENTS + ROUTE_QUERY)
#define ROUTE_NAME 32

struct route_param {
	char name[ROUTE_NAME];
	bool required, flag;
};
struct route_segment {
	char name[ROUTE_NAME]; /* of the variable, or the literal */
	bool variable;
};
struct route {
	struct api_route row;
	struct route_segment segments[ROUTE_SEGMENTS];
	size_t n_segments;
	struct route_param query[ROUTE_QUERY];
	size_t n_query;
};

struct route_arg {
	const char *name;  /* the route's */
	const char *value; /* decoded; "" for a flag without a value */
};

/* Takes a row apart. A row that does not fit the limits is our bug (assert). */
void route_init(struct route *r, const struct api_route *row);
/* Finds the route of a path as it came (still encoded). Its variables go to args, their decoded
 * values to `texts` (strlen(path) + 1 bytes). 0 and *out; ERR_INVALID: a bad escape; ERR_NOTFOUND;
 * ERR_DENIED: there are routes, but not for the method; `allow` then holds the methods as the Allow
 * header lists them. */
MUST_CHECK int route_find(const struct route *routes, size_t n, const char *method,
	const char *path, char *texts, const struct route **out,
	struct route_arg args[ROUTE_SEGMENTS], size_t *n_args, char allow[64]);
const struct route_param *route_param(const struct route *r, const char *name);
const char *route_right(enum api_right right);
/* The routes as a JSON array: a part of the body of GET /v1/. */
void route_list(const struct route *routes, size_t n, struct buf *out);

#endif
