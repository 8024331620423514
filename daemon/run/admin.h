/* Routes of every daemon: its configuration, and a copy of its stores. Context: the struct daemon.
 */
#ifndef RUN_ADMIN_H
#define RUN_ADMIN_H

#include "daemon/run/run.h"

void admin_config_show(struct api_call *call);
extern const struct api_upload admin_config_check;
void admin_backup(struct api_call *call);

#endif
