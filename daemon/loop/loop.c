/* The loop.
 *
 * Normal path: open (signals blocked, before any thread is made) → the daemon's parts put their
 * handles on it → run → a signal or loop_stop() → the parts close their handles → close.
 *
 * Posts: uv_async coalesces wake-ups, so a wake-up is only a hint: the posts stand in a list under
 * a lock, and the callback takes all that stand there. What was accepted runs, at the latest in
 * loop_close(); after that nothing is accepted.
 *
 * Signals: libuv's handler is the process's, and writes to the loop's pipe from whichever thread it
 * runs on. SIGINT, SIGTERM and SIGHUP are blocked in loop_open(), so that threads made afterwards
 * never see them (libzmq is slow after EINTR), and unblocked in the loop's own thread while it
 * runs. One that comes in between waits.
 *
 * Closing: handles of this room are counted; loop_close() turns until all close callbacks ran. A
 * handle that another room forgot is named, and then the memory stays: better a leak at the end
 * than a write to freed memory. */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "daemon/base/log.h"
#include "daemon/loop/inside.h"

static const int signal_numbers[] = { SIGINT, SIGTERM, SIGHUP };

#define SIGNALS (sizeof signal_numbers / sizeof signal_numbers[0])

static void mask_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&set, signal_numbers[i]);
	pthread_sigmask(how, &set, NULL);
}

void loop_closed(uv_handle_t *handle)
{
	struct loop *l = handle->loop->data;

	l->open--;
}

/* ---- posts ---- */

static void run_posts(struct loop *l)
{
	struct loop_post *post, *next;

	pthread_mutex_lock(&l->lock);
	post = l->head;
	l->head = NULL;
	l->tail = &l->head;
	pthread_mutex_unlock(&l->lock);
	for (; post; post = next) {
		next = post->next; /* fn may free the post, or post it again */
		post->fn(post);
	}
}

static void on_wake(uv_async_t *wake)
{
	struct loop *l = wake->loop->data;

	run_posts(l);
	if (atomic_load(&l->stop))
		uv_stop(&l->uv);
}

bool loop_post(struct loop *l, struct loop_post *post)
{
	bool taken;

	post->next = NULL;
	pthread_mutex_lock(&l->lock);
	taken = !l->closing;
	if (taken) {
		*l->tail = post;
		l->tail = &post->next;
		uv_async_send(&l->wake); /* under the lock: never to a closed handle */
	}
	pthread_mutex_unlock(&l->lock);
	return taken;
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int number)
{
	struct loop *l = handle->loop->data;

	if (number == SIGHUP) {
		if (l->reload)
			l->reload(l->reload_arg);
		return;
	}
	log_info("loop", "%s: stopping", number == SIGINT ? "SIGINT" : "SIGTERM");
	loop_stop(l);
}

void loop_on_reload(struct loop *l, void (*fn)(void *arg), void *arg)
{
	l->reload = fn;
	l->reload_arg = arg;
}

static int watch_signals(struct loop *l)
{
	for (size_t i = 0; i < SIGNALS; i++) {
		uv_signal_t *handle = &l->signals[i];
		int rc = uv_signal_init(&l->uv, handle);

		if (rc)
			return rc;
		l->open++;
		l->n_signals++;
		rc = uv_signal_start(handle, on_signal, signal_numbers[i]);
		if (rc)
			return rc;
	}
	return 0;
}

/* ---- life ---- */

struct loop *loop_open(struct errmsg *m)
{
	struct loop *l = calloc(1, sizeof *l);
	int rc;

	if (!l) {
		errmsg_set(m, "out of memory");
		return NULL;
	}
	mask_signals(SIG_BLOCK);
	signal(SIGPIPE, SIG_IGN);
	l->tail = &l->head;
	pthread_mutex_init(&l->lock, NULL);
	rc = uv_loop_init(&l->uv);
	if (rc)
		goto free;
	l->uv.data = l;
	rc = uv_async_init(&l->uv, &l->wake, on_wake);
	if (rc) {
		uv_loop_close(&l->uv);
		goto free;
	}
	l->open++;
	rc = watch_signals(l);
	if (rc) {
		errmsg_set(m, "no loop can be made: %s", uv_strerror(rc));
		loop_close(l);
		return NULL;
	}
	return l;
free:
	errmsg_set(m, "no loop can be made: %s", uv_strerror(rc));
	pthread_mutex_destroy(&l->lock);
	free(l);
	return NULL;
}

static void name_forgotten(uv_handle_t *handle, void *arg)
{
	(void)arg;
	log_error(
		"loop", "a %s handle is still open at the end", uv_handle_type_name(handle->type));
}

void loop_close(struct loop *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	pthread_mutex_unlock(&l->lock);
	run_posts(l);
	while (l->timers)
		timer_close(l->timers);
	for (size_t i = 0; i < l->n_signals; i++)
		uv_close((uv_handle_t *)&l->signals[i], loop_closed);
	uv_close((uv_handle_t *)&l->wake, loop_closed);
	while (l->open > 0)
		uv_run(&l->uv, UV_RUN_NOWAIT);
	/* other rooms' close callbacks that are on their way */
	uv_run(&l->uv, UV_RUN_NOWAIT);
	if (uv_loop_close(&l->uv) != 0) {
		uv_walk(&l->uv, name_forgotten, NULL);
		return;
	}
	pthread_mutex_destroy(&l->lock);
	free(l);
}

uv_loop_t *loop_uv(struct loop *l)
{
	return &l->uv;
}

void loop_run(struct loop *l)
{
	mask_signals(SIG_UNBLOCK);
	while (!atomic_load(&l->stop))
		uv_run(&l->uv, UV_RUN_DEFAULT);
	atomic_store(&l->stop, false);
	mask_signals(SIG_BLOCK);
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	pthread_mutex_lock(&l->lock);
	if (!l->closing)
		uv_async_send(&l->wake);
	pthread_mutex_unlock(&l->lock);
}
