/* Routes of every daemon: what stands in the ledgers held here, and whether it is whole. Context:
 * the struct daemon. */
#ifndef RUN_LEDGERS_H
#define RUN_LEDGERS_H

#include "daemon/run/run.h"

void ledgers_list(struct api_call *call);
void ledgers_show(struct api_call *call);
void ledgers_verify(struct api_call *call);

#endif
