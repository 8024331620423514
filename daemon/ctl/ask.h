/* A command that is one request: asks the daemon and prints its answer in the form that is wanted.
 */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include "daemon/ctl/client.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/command.h"

/* A CTL_… code. */
int ask_run(struct client *c, const struct request *q, const struct ctl_options *o);

#endif
