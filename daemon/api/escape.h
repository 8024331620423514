/* Text as JSON strings and CSV fields write it. Pure. Bytes that are no valid UTF-8 come out as
 * U+FFFD. */
#ifndef API_ESCAPE_H
#define API_ESCAPE_H

#include "daemon/base/buf.h"

/* With its quotes. */
void escape_json(struct buf *out, struct text t);
/* RFC 4180. `guard`: text that a spreadsheet would take for a formula (= + - @, tab, CR in front)
 * gets an apostrophe. */
void escape_csv(struct buf *out, struct text t, bool guard);
/* A number as JSON writes one (RFC 8259, section 6)? */
bool escape_is_number(struct text t);
/* Decodes %XX, and + as a space when `plus`, from `in` to `out` (in.n + 1 bytes, ends with NUL).
 * False: a bad escape, a NUL, or no valid UTF-8. */
bool escape_url_decode(struct text in, bool plus, char *out);

#endif
