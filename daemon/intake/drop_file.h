/* One file of the drop folder, inside the room: moved without overwriting, taken in, put where it
 * belongs. */
#ifndef INTAKE_DROP_FILE_H
#define INTAKE_DROP_FILE_H

#include <sys/stat.h>

#include "daemon/intake/drop.h"
#include "daemon/intake/load.h"

/* Folders, as descriptors. */
struct drop_dirs {
	int in, taking, done, failed; /* of one register */
};

/* Opens them below `dir`, those of ours are made when missing. 0, or ERR_IO with words; nothing is
 * open then. */
MUST_CHECK int drop_dirs_open(
	struct drop_dirs *d, int dir, const struct reg *reg, struct errmsg *m);
void drop_dirs_close(struct drop_dirs *d);

/* Names in failed/ whose file did not get there before the daemon ended, or did. */
void drop_recover(int failed);

enum drop_end { DROP_DONE, DROP_FAILED, DROP_WAITS };

/* From DIR/REGISTER to taking, when it still is what was seen. ERR_BUSY: it has changed, or one of
 * its name is there; ERR_NOTFOUND: it is gone; ERR_IO with words. */
MUST_CHECK int drop_claim(
	const struct drop_dirs *d, const char *name, const struct stat *seen, struct errmsg *m);
struct drop_job {
	const struct drop_dirs *dirs;
	const char *name;
	const struct load_conf *conf; /* the author and the format are found here */
	struct counts counts;	      /* out */
	int err;		      /* out, of DROP_WAITS: an err.h code */
	struct errmsg words;	      /* and why */
};
/* Takes in a file that lies in taking. */
enum drop_end drop_take(struct drop_job *j);

#endif
