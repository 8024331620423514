/* Answers as people read them on a terminal. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <jansson.h>

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

/* A table of the API ({"columns", "rows", "notes"}), columns aligned, headers by language. 0, or
 * ERR_INVALID when it is none. */
MUST_CHECK int table_print(struct buf *out, const json_t *answer, bool zh);
/* Any other JSON: an object as indented `key: value` lines, lists of objects in it as small tables.
 */
void object_print(struct buf *out, json_t *answer);

#endif
