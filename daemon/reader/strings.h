/* A workbook's shared strings: every text stands once, cells name it by its number. Any number of
 * them takes flat memory: beyond two tapes of 64 KiB they lie in nameless files. */
#ifndef READER_STRINGS_H
#define READER_STRINGS_H

#include "daemon/reader/package.h"
#include "daemon/reader/tape.h"

#define STRINGS_MAX ((uint64_t)64 << 20)
#define STRINGS_BYTES_MAX ((uint64_t)4 << 30)

struct strings {
	struct tape text, index;
	uint64_t n;
};

/* No allocation; `dir` for the files, borrowed. */
void strings_init(struct strings *s, const char *dir);
void strings_deinit(struct strings *s);
/* Errors of package_read() and tape_seal(), with words. */
MUST_CHECK int strings_read(struct strings *s, struct package *p, uint64_t part, struct errmsg *m);
/* String i into out, which has READER_CELL_MAX bytes. `*cut`: it is longer than that, and only its
 * beginning was kept. ERR_NOTFOUND; ERR_IO, ERR_NOMEM. */
MUST_CHECK int strings_get(struct strings *s, uint64_t i, char *out, size_t *n, bool *cut);

#endif
