/* One sheet of a workbook, row by row. */
#ifndef READER_SHEET_H
#define READER_SHEET_H

#include "daemon/reader/reader.h"
#include "daemon/reader/strings.h"
#include "daemon/reader/styles.h"

#define SHEET_ROWS_MAX 5000000
#define SHEET_COLUMNS_MAX 16384

struct sheet_conf {
	struct strings *strings;
	const struct styles *styles;
	bool since_1904;
	/* Every row with anything in it; the first one is the header, the others have as many cells
	 * at least. Returns false to be called no more. */
	bool (*on_row)(void *arg, const struct reader_row *row);
	void *arg;
};

struct sheet_result {
	bool stopped;	    /* on_row said so */
	uint64_t merged_in; /* the first row behind the header that is part of a merged cell; 0:
			       none */
};

/* Errors of package_read(), with words; rows given out before stand. */
MUST_CHECK int sheet_read(struct sheet_result *out, struct package *p, uint64_t part,
	const struct sheet_conf *c, struct errmsg *m);

#endif
