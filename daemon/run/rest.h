/* Gives back what memory lies free when the daemon is at rest. A part of every daemon. */
#ifndef RUN_REST_H
#define RUN_REST_H

#include "daemon/run/run.h"

MUST_CHECK int rest_start(struct daemon *d, struct errmsg *m);
void rest_end(struct daemon *d);

#endif
