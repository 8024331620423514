/* What a workbook's package says of itself: which parts are its visible sheets, its strings, its
 * styles. */
#ifndef READER_WORKBOOK_H
#define READER_WORKBOOK_H

#include "daemon/reader/package.h"

#define WORKBOOK_SHEETS_MAX 256

struct workbook {
	bool since_1904;
	bool has_strings, has_styles;
	uint64_t strings, styles; /* parts */
	size_t n_sheets;
	uint64_t sheets[WORKBOOK_SHEETS_MAX]; /* parts of the visible sheets with cells, in order */
};

/* Errors of package_read(), with words. */
MUST_CHECK int workbook_read(struct workbook *out, struct package *p, struct errmsg *m);

extern const struct text workbook_namespaces[]; /* for xml_watch */

#endif
