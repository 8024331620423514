/* One value, as a row of the table wants it. Pure. */
#ifndef CONF_SETTING_H
#define CONF_SETTING_H

#include "daemon/conf/conf.h"

/* Judges `value`, as written, by `type`, bounds and choices of the row. *number: bytes, ms or the
 * count; 0 for texts. ERR_INVALID with words in `why` (what is wrong, and what to write). */
MUST_CHECK int setting_parse(
	const struct conf_row *row, const char *value, uint64_t *number, struct errmsg *why);
/* A number as it is written in a file, with the greatest unit that divides it. */
void setting_print(enum conf_type type, uint64_t number, char *out, size_t size);

#endif
