/* What stands between a configuration file and libconfuse: one plain form of the text in which
 * libconfuse's surprises cannot happen. Pure. */
#ifndef CONF_LEX_H
#define CONF_LEX_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#define LEX_VALUE_MAX 4096 /* bytes of one word or quoted text */

/* Writes `in` to `out` with the same lines: comments blanked, every word and quoted text in single
 * quotes. ERR_INVALID with "FILE:LINE: words": not UTF-8, control characters, quotes, comments or
 * sections left open, backslashes, characters that mean nothing. ERR_NOMEM. */
MUST_CHECK int lex_plain(const char *file, struct text in, struct buf *out, struct errmsg *m);

#endif
