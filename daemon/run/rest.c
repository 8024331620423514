/* Memory at rest. What a crowd at the control socket or a large import needed lies free in the heap
 * afterwards, and would stay with the process for months. When a second has passed in which nothing
 * was kept or given back, it goes to the system, once: the next crowd takes it again.
 *
 * The sanitizers bring a heap of their own; there is nothing to do then. */
#include "daemon/run/rest.h"

#include <malloc.h>
#include <stdlib.h>

#define LOOK_MS 1000
#define WORTH_BYTES (256 * 1024)

struct rest {
	struct timer *timer;
	size_t in_use;	/* at the last look */
	size_t trimmed; /* what was in use when memory was given back last */
};

static void look(void *arg)
{
	struct rest *r = arg;
	struct mallinfo2 now = mallinfo2();

	if (now.uordblks == r->in_use && now.uordblks != r->trimmed &&
		now.fordblks >= WORTH_BYTES) {
		malloc_trim(0);
		r->trimmed = now.uordblks;
	}
	r->in_use = now.uordblks;
}

int rest_start(struct daemon *d, struct errmsg *m)
{
	struct rest *r = calloc(1, sizeof(*r));

	if (r)
		r->timer = timer_open(d->loop, look, r);
	if (!r || !r->timer) {
		free(r);
		errmsg_set(m, "%s", err_words(ERR_NOMEM));
		return ERR_NOMEM;
	}
	timer_start(r->timer, LOOK_MS, LOOK_MS);
	d->rest = r;
	return 0;
}

void rest_end(struct daemon *d)
{
	timer_close(d->rest->timer);
	free(d->rest);
	d->rest = NULL;
}
