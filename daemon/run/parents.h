/* The links to parents: opened at start, changed at a reload, closed at the end. On the loop, but
 * where said. */
#ifndef RUN_PARENTS_H
#define RUN_PARENTS_H

#include "daemon/run/run.h"

MUST_CHECK int parents_open(struct daemon *d, struct errmsg *m);
void parents_close(struct daemon *d);
/* Closes what is gone from `next` or changed, opens what is new. A link that cannot be opened is
 * logged and missing: the others go on. */
void parents_reload(struct daemon *d, const struct conf *before, const struct conf *next);
/* All of them, as they stand now. Any thread. Returns their number. */
size_t parents_status(struct daemon *d, struct link_child_status out[PARENTS_MAX]);

/* Hands a question to the parent of that name, by its section; NULL: to the first that answers
 * questions now, else to the first. *which: that parent as it stood. Any thread; `out` as of
 * link_child_ask(). ERR_NOTFOUND: there is no such parent; ERR_NOMEM. */
MUST_CHECK int parents_ask(struct daemon *d, const char *name, const struct link_question *q,
	struct link_asked **out, struct link_child_status *which);

/* The signer of a ledger that a parent publishes and we follow, by configuration; false: none does
 * now. Any thread. */
bool parents_signer(struct daemon *d, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES]);

#endif
