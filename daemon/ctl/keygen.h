/* Makes the key files of a daemon; needs no daemon. */
#ifndef CTL_KEYGEN_H
#define CTL_KEYGEN_H

#include "daemon/ctl/ctl.h"

/* `keygen [--pid | --registrar] DIR`: words without the first. A CTL_… code. */
int keygen_run(char *const *words, int n, const struct ctl_options *o);

#endif
