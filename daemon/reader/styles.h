/* Which cells of a workbook hold dates: a date is a number like any other, but for its style. */
#ifndef READER_STYLES_H
#define READER_STYLES_H

#include "daemon/reader/package.h"

#define STYLES_MAX 65536 /* Excel's own limit is 65,490 */

struct styles {
	uint8_t date[STYLES_MAX / 8]; /* a bit a style, by its index */
};

/* Errors of package_read(), with words. */
MUST_CHECK int styles_read(struct styles *out, struct package *p, uint64_t part, struct errmsg *m);

static inline bool styles_is_date(const struct styles *s, uint32_t style)
{
	return style < STYLES_MAX && s->date[style / 8] >> style % 8 & 1;
}

/* Does a number under this format code show a day or a month of a year? Times alone do not. */
bool styles_format_is_date(const char *code);

#endif
