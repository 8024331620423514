/* One request, inside the room. */
#ifndef API_CALL_H
#define API_CALL_H

#include <stdatomic.h>
#include <microhttpd.h>

#include "daemon/api/api.h"
#include "daemon/api/peer.h"
#include "daemon/api/route.h"

#define CALL_HEADERS 12

struct api_stats {
	atomic_ullong requests, denied, refused, failed; /* failed: 5xx */
	atomic_uint connections;
};

struct api_call {
	struct api *api;
	struct MHD_Connection *connection;
	const struct peer *peer;
	const struct route *route; /* NULL: none was found */
	const atomic_bool *stopping;

	struct route_arg args[ROUTE_ARGS];
	size_t n_args;
	char *texts; /* the args' memory */

	/* the answer */
	struct MHD_Response *response;
	int status;
	int exit;
	struct {
		char name[ROUTE_NAME], value[512];
	} headers[CALL_HEADERS];
	size_t n_headers;

	/* the upload */
	void *state;  /* between begin() and end() */
	bool stopped; /* data() wants no more */
	bool discard; /* refused, but what is left of the body is short: read it, so that the
			 connection can stay */
	bool body;    /* bytes came for a route that takes none */
	struct api_table *table;
};

/* Reads path variables and query. False: it was answered. */
bool call_take_query(struct api_call *call);
/* Sends the answer that stands; without one, 500. */
enum MHD_Result call_send(struct api_call *call);
void call_deinit(struct api_call *call);
/* Answers with bytes on the heap; takes over. */
void call_answer(struct api_call *call, int status, const char *type, struct buf *b);
/* Frees a table that was never ended. */
void call_table_drop(struct api_table *t);

#endif
