/* What a parent takes of a child's questions. Pure, a part of the parent's machine: no socket,
 * store, clock or memory of the heap.
 *
 * A bucket a key: `burst` questions at once, filled by `rate` a second of the monotonic clock,
 * whatever sessions come and go; and `standing` at most wait for their answer, over all sessions.
 */
#ifndef LINK_ANSWERS_H
#define LINK_ANSWERS_H

#include "daemon/link/link.h"

struct answers {
	uint64_t filled_ms;
	uint64_t drops;	   /* in the bucket; ANSWERS_DROP make a question */
	uint32_t standing; /* taken and not yet answered */
};
#define ANSWERS_DROP 1000

/* The bucket is full. */
void answers_init(struct answers *a, const struct link_questions_conf *conf, uint64_t now);
/* A QUESTION has come. LINK_NONE: it is taken, and answers_done() follows; else its answer. */
int answers_take(struct answers *a, const struct link_questions_conf *conf, uint64_t now);
/* What was taken is answered. */
void answers_done(struct answers *a);

#endif
