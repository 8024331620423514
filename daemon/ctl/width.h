/* How many columns a text takes on a terminal (a Chinese character takes two), and texts made
 * harmless for one: what comes from records may not move the cursor or turn the writing round. */
#ifndef CTL_WIDTH_H
#define CTL_WIDTH_H

#include "daemon/base/buf.h"

/* Columns of `t` as width_put() writes it. */
size_t width_of(struct text t);
/* Appends `t`: control and direction characters and broken UTF-8 become one U+FFFD each, a line
 * feed or tab a space. */
void width_put(struct buf *out, struct text t);

#endif
