/* The parts of a workbook's zip file, with limits: what is hostile or damaged is refused with words
 * before it costs memory or time. Nothing is ever unpacked to a name. */
#ifndef READER_PACKAGE_H
#define READER_PACKAGE_H

#include "daemon/base/err.h"
#include "proto/text.h"

#define PACKAGE_ENTRIES_MAX 4096
#define PACKAGE_NAME_MAX 255
#define PACKAGE_DIRECTORY_MAX (1024 * 1024) /* bytes of the list of entries */
#define PACKAGE_RATIO_MAX 200 /* a part may unpack to this times its packed size … */
#define PACKAGE_FREE_MAX ((uint64_t)64 << 20)	 /* … and this much */
#define PACKAGE_UNPACKED_MAX ((uint64_t)8 << 30) /* and never to more than this */

struct package;

/* Reads the list of entries of a regular file. `fd` stays the caller's, but its offset moves.
 * ERR_INVALID, ERR_LIMIT, ERR_NOMEM, ERR_IO, each with words in *m. */
MUST_CHECK int package_open(struct package **out, int fd, struct errmsg *m);
void package_close(struct package *p);

/* The part of that name (ASCII upper and lower case are one). ERR_NOTFOUND without words;
 * ERR_INVALID: there are two. */
MUST_CHECK int package_find(
	const struct package *p, struct text name, uint64_t *part, struct errmsg *m);

/* Unpacks a part, piece by piece, to its end and its checksum. on_bytes returns false to end it
 * before: ERR_CLOSED. Else as package_open(). */
MUST_CHECK int package_read(struct package *p, uint64_t part,
	bool (*on_bytes)(void *arg, const char *bytes, size_t n), void *arg, struct errmsg *m);

#endif
