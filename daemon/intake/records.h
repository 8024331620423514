/* Records as facts, for people: get, list, history.
 * Identities are masked: a person is a pid. */
#ifndef COLLECTOR_RECORDS_H
#define COLLECTOR_RECORDS_H

#include "daemon/api/api.h"
#include "proto/registers.h"

/* Handlers of routes; the context is the struct daemon. */
void records_get(struct api_call *call);     /* {register} {key} */
void records_list(struct api_call *call);    /* {register}; limit, after */
void records_history(struct api_call *call); /* {register} {key} */
void records_retract(struct api_call *call); /* {register} {key}; reason */

/* The register that the path names; NULL: api_fail() was called. */
const struct reg *records_register(struct api_call *call);

/* A wall-clock time as Shanghai reads it: 2019-05-01T08:00:00+08:00. */
void records_time(char out[32], uint64_t ms);

#endif
