/* Sends local files as the bodies of one request each, and keeps what was refused beside them. */
#ifndef CTL_UPLOAD_H
#define CTL_UPLOAD_H

#include "daemon/ctl/client.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/command.h"

/* Every file of the request, one after the other; a line of results each. The worst exit code: a
 * failure, then CTL_PART. */
int upload_run(struct client *c, const struct request *q, const struct ctl_options *o);

/* Content type by the file's name. */
const char *upload_type(const char *path);

#endif
