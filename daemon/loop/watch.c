/* uv_fs_event (inotify) on one folder; names are not passed on, since they may be missing. */
#include "daemon/loop/watch.h"

#include <stdlib.h>

#include "daemon/loop/inside.h"

struct watch {
	uv_fs_event_t uv;
	void (*fn)(void *arg);
	void *arg;
};

static void on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
	struct watch *w = (struct watch *)handle;

	(void)name;
	(void)events;
	(void)status;
	w->fn(w->arg);
}

static void on_closed(uv_handle_t *handle)
{
	loop_closed(handle);
	free(handle);
}

struct watch *watch_open(struct loop *l, const char *dir, void (*fn)(void *arg), void *arg)
{
	struct watch *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->fn = fn;
	w->arg = arg;
	if (uv_fs_event_init(&l->uv, &w->uv)) {
		free(w);
		return NULL;
	}
	l->open++;
	if (uv_fs_event_start(&w->uv, on_event, dir, 0) == 0)
		return w;
	uv_close((uv_handle_t *)&w->uv, on_closed);
	return NULL;
}

void watch_close(struct watch *w)
{
	if (w)
		uv_close((uv_handle_t *)&w->uv, on_closed);
}
