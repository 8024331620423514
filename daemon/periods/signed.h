/* Who had signed what a version was made of. */
#ifndef PERIODS_SIGNED_H
#define PERIODS_SIGNED_H

#include "daemon/figures/returns.h"
#include "daemon/figures/versions.h"

/* The two names under the return of an area that was accepted when the version was made, "by,
 * approve", into `who` (emptied first); it stays empty when there was none. What was signed or
 * decided later does not change it. Sticky errors in views. */
void signed_names(struct store_txn *views, const struct version *v, uint32_t area, struct buf *who);

#endif
