/* The configuration read again while the daemon runs. */
#ifndef RUN_RELOAD_H
#define RUN_RELOAD_H

#include "daemon/run/run.h"

/* `arg` is the struct daemon. On the loop. */
void reload_file(void *arg);

#endif
