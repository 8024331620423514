/* The talents in memory (daemon/talent), made of the rows of the views and kept in step with them.
 *
 * What cannot be kept in step for want of memory is lost: it answers nobody, and who asks next
 * makes it anew of the rows. */
#ifndef FOLD_LIVE_TALENTS_H
#define FOLD_LIVE_TALENTS_H

#include "daemon/fold/talents.h"

struct live_talents;

/* Reads all rows of the views' store; for today. Store and rules are borrowed until close. */
MUST_CHECK int live_talents_open(
	struct live_talents **out, struct store *views, const struct talent_rules *rules);
void live_talents_close(struct live_talents *l);
/* After the commit of a chunk: the index goes where the chunk went. On the fold's thread. */
void live_talents_follow(struct live_talents *l, const struct talents *chunk);
/* The index, on a day (yyyymmdd): it is turned to it first, and made anew when it was lost. NULL:
 * it cannot be asked now, *err says why (ERR_BUSY: somebody else makes it anew); nothing is wrong
 * with the rows. Any thread, not while holding a snapshot of the views. */
struct talent_index *live_talents_on(struct live_talents *l, int day, int *err);

#endif
