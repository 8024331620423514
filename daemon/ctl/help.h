/* Help, from the daemon's own list of commands. */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include <jansson.h>

#include "daemon/ctl/ctl.h"

/* General usage on standard output; with `routes` (may be NULL) their commands, of which only those
 * that begin with `words` (n 0: all). CTL_DONE, or CTL_USAGE when there is no such command. */
int help_print(const json_t *routes, char *const *words, int n, const struct ctl_options *o);

#endif
