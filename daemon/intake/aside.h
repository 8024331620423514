/* Bytes on their way into an answer: they gather in memory and go into a nameless file of mode
 * 0600, which is gone when it is closed, also by a kill. One owner. */
#ifndef INTAKE_ASIDE_H
#define INTAKE_ASIDE_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

struct aside {
	const char *dir; /* where the file is made, when it is needed; borrowed */
	struct buf out;	 /* not yet written: put into it, then call aside_settle() */
	int fd;		 /* -1: no file yet */
	int err;	 /* sticky: ERR_FULL, ERR_IO, ERR_NOMEM */
};

/* No allocation. */
void aside_init(struct aside *a, const char *dir);
void aside_deinit(struct aside *a);
/* Writes out what has become much; after every few puts. */
void aside_settle(struct aside *a);
/* The file, at its beginning, for the caller to close; -1: a->err. */
int aside_finish(struct aside *a);

#endif
