/* The drop folder: a file that is put into DIR/REGISTER/ by rename is taken in by itself.
 *
 *     DIR/REGISTER/NAME          a clerk's file; names that begin with '.' or end in .part or .tmp
 * wait DIR/taking/REGISTER/NAME   it is being taken in, or was when the daemon ended
 *     DIR/done/REGISTER/NAME     all its rows are in
 *     DIR/failed/REGISTER/NAME   not all: beside it NAME.refused.csv or NAME.reason.txt
 *
 * One thread, one file at a time, the oldest first. A file leaves `taking` only after its end;
 * until then it is taken in again after a restart, which changes nothing that is in. A name is
 * never overwritten. What is wrong on our side (no room, a folder that cannot be written) is said
 * and tried again. */
#ifndef INTAKE_DROP_H
#define INTAKE_DROP_H

#include "daemon/intake/intake.h"

struct drop;

struct drop_conf {
	const char *dir;
	struct intake *intake;
	const char *spool_dir; /* for nameless files */
	/* May this node take in the register? */
	bool (*takes)(void *arg, const struct reg *reg);
	void *arg;
};

/* Begins at once. All pointers are borrowed until drop_close(). A folder that is not there is no
 * error: it is looked for again. ERR_NOMEM. */
MUST_CHECK int drop_open(struct drop **out, const struct drop_conf *conf);
/* Gives up the file that is being taken in. */
void drop_close(struct drop *d);
/* Something may have come. Any thread. */
void drop_wake(struct drop *d);

struct drop_state {
	uint64_t waiting;      /* files */
	const struct reg *reg; /* of the last file that was ended; NULL: none since the start */
	uint64_t at_ms;	       /* wall clock */
	bool done;	       /* else it lies in failed */
	struct counts counts;
	char error[512]; /* why files wait; "": nothing is wrong */
};
/* Any thread. */
void drop_state(struct drop *d, struct drop_state *out);

#endif
