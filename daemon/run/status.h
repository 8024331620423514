/* Routes of every daemon: status and metrics. Context: the struct daemon. */
#ifndef RUN_STATUS_H
#define RUN_STATUS_H

#include "daemon/run/run.h"

void status_show(struct api_call *call);
void status_metrics(struct api_call *call);

#endif
