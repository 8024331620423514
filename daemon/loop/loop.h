/* The libuv loop of a daemon: one thread on which links, timers and signals live. Other threads
 * reach it by loop_post() only. Close law: a handle's memory is freed in its close callback;
 * loop_close() runs until all are closed. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "daemon/base/err.h"

struct loop;

/* NULL and *m on failure. Blocks SIGINT, SIGTERM, SIGHUP in the calling thread (before any other
 * thread is made), so that only the loop sees them; ignores SIGPIPE. */
struct loop *loop_open(struct errmsg *m);
/* Posts that were accepted run; then every handle made by this room is closed, timers included, and
 * the loop turns until that is done. Other rooms close theirs before; a forgotten one is named in
 * the log. */
void loop_close(struct loop *l);
uv_loop_t *loop_uv(struct loop *l);
/* Turns until loop_stop(). SIGINT and SIGTERM call loop_stop(). */
void loop_run(struct loop *l);
/* Any thread. */
void loop_stop(struct loop *l);
/* SIGHUP. `fn` on the loop. */
void loop_on_reload(struct loop *l, void (*fn)(void *arg), void *arg);

/* A message from any thread: `fn(post)` runs on the loop, in the order of posting. The memory is
 * the caller's (embed it) and is free again when fn begins. False when the loop is closing: fn will
 * not run. */
struct loop_post {
	void (*fn)(struct loop_post *post);
	struct loop_post *next;
};
bool loop_post(struct loop *l, struct loop_post *post);

/* A timer on the monotonic clock. Memory owned by the room until timer_close(), also from within
 * fn. NULL without memory. */
struct timer;
struct timer *timer_open(struct loop *l, void (*fn)(void *arg), void *arg);
/* Fires once after `ms`, then every `every_ms` (0: once). Starting again sets it anew. */
void timer_start(struct timer *t, uint64_t ms, uint64_t every_ms);
void timer_stop(struct timer *t);
void timer_close(struct timer *t);

/* Back-off with full jitter: the n-th delay is random in [0, min(most, least × 2ⁿ)], at least 10
 * ms. */
struct backoff {
	uint32_t least_ms, most_ms;
	uint32_t tries;
};
uint64_t backoff_next(struct backoff *b, uint64_t random);
void backoff_reset(struct backoff *b);

/* systemd's notification protocol: "READY=1", "STATUS=…", "WATCHDOG=1", "STOPPING=1". No-op without
 * $NOTIFY_SOCKET. Any thread. */
void service_notify(const char *message);
/* Feeds the watchdog at half its interval while alive() says so, on the loop, until it closes.
 * No-op without $WATCHDOG_USEC, or when $WATCHDOG_PID is another process. */
void service_watchdog(struct loop *l, bool (*alive)(void *arg), void *arg);

#endif
