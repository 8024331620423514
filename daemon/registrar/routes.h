/* The handlers behind the rows in registrar.c; the context is the daemon. */
#ifndef REGISTRAR_ROUTES_H
#define REGISTRAR_ROUTES_H

#include "daemon/api/api.h"

void route_access_list(struct api_call *call);
void route_access_verify(struct api_call *call);
void route_access_alerts(struct api_call *call);

extern const struct api_upload identify_upload, names_upload, publish_upload;
extern const struct api_upload export_upload, erase_upload;
/* Overwrites what was freed of the vault, one at a time; an answer was given when it fails. */
bool registrar_scrub(struct api_call *call);

void route_due_list(struct api_call *call);
void route_due_erase(struct api_call *call);

void route_case_list(struct api_call *call);
void route_case_link(struct api_call *call);
void route_case_unlink(struct api_call *call);
void route_case_not_same(struct api_call *call);

#endif
