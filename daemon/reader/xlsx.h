/* A workbook (XLSX, XLSM) as rows. */
#ifndef READER_XLSX_H
#define READER_XLSX_H

#include "daemon/reader/reader.h"

struct xlsx_conf {
	const char *dir; /* for nameless files */
	/* The first row is the header. Returns false to be called no more. */
	bool (*on_row)(void *arg, const struct reader_row *row);
	void *arg;
	struct errmsg *warning; /* filled when there is something to know; else untouched */
};

/* Reads the first visible sheet that has a row. `fd`: a regular file, borrowed; its offset moves.
 * 0 also when on_row said stop. Errors of package_read(), with words; only ERR_IO, ERR_FULL,
 * ERR_NOMEM can come behind the first row, and ERR_INVALID for XML that breaks its own order. */
MUST_CHECK int xlsx_read(int fd, const struct xlsx_conf *c, struct errmsg *m);

#endif
