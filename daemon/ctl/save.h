/* An answer into a file: whole, or not at all. */
#ifndef CTL_SAVE_H
#define CTL_SAVE_H

#include "daemon/ctl/client.h"

struct save {
	const char *path;
	char temporary[4096];
	int fd;	 /* -1: none yet */
	int err; /* errno of what failed; 0 */
};

/* What the file's name asks the daemon for (its Accept header): .xlsx, .csv, .json; NULL: its name
 * says nothing. */
const char *save_type(const char *path);

/* No file is made before the first piece. */
void save_init(struct save *s, const char *path);
/* A piece; false: it cannot be written (s->err). */
bool save_put(struct save *s, const char *p, size_t n);
/* Under its name, over what stood there. False: s->err. */
bool save_keep(struct save *s);
/* Leaves nothing behind that was not kept. */
void save_deinit(struct save *s);

#endif
