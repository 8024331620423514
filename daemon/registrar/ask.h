/* Bodies that tallyctl asks for at the terminal: lines name=value (daemon/api: `name@`, `name%`).
 * They hold secrets and personal values: the memory is wiped. */
#ifndef REGISTRAR_ASK_H
#define REGISTRAR_ASK_H

#include "daemon/api/api.h"

#define ASK_BODY_MAX 4096

struct ask {
	struct api_call *call;
	size_t n;
	bool too_long;
	char body[ASK_BODY_MAX + 1];
};

/* For api_upload.begin and .data. */
void *ask_begin(struct api_call *call);
bool ask_data(void *state, const char *p, size_t n);
/* Wipes and frees; NULL is fine. */
void ask_end(struct ask *a);
/* A value of the body, trimmed; empty: it is not there. Points into the body. */
struct text ask_value(const struct ask *a, const char *name);

#endif
