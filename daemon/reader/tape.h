/* A tape: bytes written once, from front to back, then read at any place. Up to TAPE_MEMORY they
 * stay in memory; more lies in a nameless file of mode 0600, which is gone when it is closed, also
 * by a kill. One owner. */
#ifndef READER_TAPE_H
#define READER_TAPE_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#define TAPE_MEMORY (64 * 1024)
#define TAPE_BLOCK 4096
#define TAPE_BLOCKS 32 /* of the file, kept for small reads */

struct tape_block {
	uint64_t number; /* of the block, from 1; 0: none */
	size_t n;
	char bytes[TAPE_BLOCK];
};

struct tape {
	const char *dir; /* borrowed */
	struct buf tail; /* not yet in the file */
	int fd;		 /* -1: all is in the tail */
	bool foreign;	 /* the file is somebody else's */
	uint64_t n;
	int err; /* sticky: ERR_FULL, ERR_IO, ERR_NOMEM */
	struct tape_block *blocks;
};

/* No allocation. */
void tape_init(struct tape *t, const char *dir);
/* A regular file that is there already, of n bytes; borrowed, nothing may be put. */
void tape_init_file(struct tape *t, int fd, uint64_t n);
void tape_deinit(struct tape *t);
void tape_put(struct tape *t, const void *p, size_t n);
/* After the last put. `file` true: there must be a file, even for few bytes. Returns t->err. */
MUST_CHECK int tape_seal(struct tape *t, bool file);
/* Up to n bytes from `at` on; fewer only at the end, or after an error (t->err). Reads of less than
 * a block are kept for the next one near by. */
size_t tape_read(struct tape *t, uint64_t at, void *out, size_t n);

#endif
