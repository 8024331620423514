/* The folder of a store: one owner at a time, a marker that says what is in it, a ballast to give
 * up on a full disk; all of it durable.
 *
 *     lock      flock: held while open
 *     format    the marker: version and id of the store
 *     data.mdb  LMDB's pages
 *     lock.mdb  LMDB's table of readers
 *     journal   the newest commits (journal.h)
 *     ballast   empty blocks */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

/* 3: with a journal; 2 is read, and becomes 3 at open. */
#define PLACE_FORMAT 3
#define PLACE_FORMAT_OLDEST 2
#define PLACE_ID_BYTES 16

struct place {
	char *dir;
	int dir_fd, lock_fd;
	uint64_t ballast_bytes;
	bool ballast; /* stands */
	long format;  /* of the marker that was read; 0: none */
};

/* Makes the folder (0700) when missing and `create`; takes the lock. ERR_NOTFOUND, ERR_BUSY,
 * ERR_DENIED, ERR_IO. */
MUST_CHECK int place_open(struct place *p, const char *dir, bool create, struct errmsg *m);
void place_close(struct place *p);

/* Reads the marker. ERR_NOTFOUND: none; ERR_DAMAGED; ERR_INVALID: of a version that is not known
 * here. */
MUST_CHECK int place_marker_get(struct place *p, uint8_t id[PLACE_ID_BYTES], struct errmsg *m);
/* Writes it, durable when 0 is returned. */
MUST_CHECK int place_marker_put(struct place *p, const uint8_t id[PLACE_ID_BYTES]);
MUST_CHECK int place_sync(struct place *p);
/* Is there no folder, or nothing in it (but a lock of ours)? */
bool place_empty(const char *dir);

/* Blocks for LMDB's table of readers: it is written through a map, where a full disk would be a
 * signal. */
MUST_CHECK int place_reader_table(struct place *p);

/* 0 when it stands afterwards, else errno. */
int place_ballast_make(struct place *p);
/* True when blocks were given back. */
bool place_ballast_drop(struct place *p);
/* The same before it is known whether it stands. */
bool place_ballast_give(struct place *p);

#endif
