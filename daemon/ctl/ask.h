/* A command that is one request: asks the daemon and prints its answer in the form that is wanted.
 */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include "daemon/ctl/client.h"
#include "daemon/ctl/ctl.h"
#include "daemon/ctl/command.h"

/* A table as it is printed. */
#define ANSWER_TABLE "application/vnd.tally.table+json"

/* A CTL_… code. With q->to the answer goes into that file, in the form that its name asks for. */
int ask_run(struct client *c, const struct request *q, const struct ctl_options *o);

/* Prints a good answer's gathered body by -o; what is not JSON as it is. A CTL_… code. */
int answer_print(const struct answer *a, const struct ctl_options *o);

#endif
