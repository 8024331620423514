/* A folder that is watched: something came, went or changed there. A hint only: the kernel drops
 * what comes too fast, and a folder that is replaced is watched no more; look now and then too. */
#ifndef LOOP_WATCH_H
#define LOOP_WATCH_H

#include "daemon/loop/loop.h"

struct watch;

/* `fn` on the loop. NULL: the folder cannot be watched. */
struct watch *watch_open(struct loop *l, const char *dir, void (*fn)(void *arg), void *arg);
/* Before loop_close(). NULL is fine. */
void watch_close(struct watch *w);

#endif
