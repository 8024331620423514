/* The state directory: one daemon at a time, and never empty in silence. */
#ifndef RUN_STATE_H
#define RUN_STATE_H

#include "daemon/run/run.h"

/* Makes the directory when it is missing, locks it, reads the marker; sets d->state_fd and
 * d->fresh. ERR_BUSY: another daemon runs here; ERR_INVALID: it belongs to another role or origin.
 */
MUST_CHECK int state_open(struct daemon *d, struct errmsg *m);
/* After all stores stand: the first start ends, and a missing store is an error from now on. */
MUST_CHECK int state_mark(struct daemon *d, struct errmsg *m);
void state_close(struct daemon *d);
/* Writes the marker into another directory: the last step of a backup. */
MUST_CHECK int state_mark_in(const struct daemon *d, const char *dir, struct errmsg *m);

#endif
