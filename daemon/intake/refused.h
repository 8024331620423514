/* GET /v1/refused: rows refused lately, with reasons. */
#ifndef COLLECTOR_REFUSED_H
#define COLLECTOR_REFUSED_H

#include "daemon/api/api.h"

/* Handler; the context is the struct daemon. Query: limit, lang. */
void refused_list(struct api_call *call);

#endif
