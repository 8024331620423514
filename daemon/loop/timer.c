/* Timers and back-off.
 *
 * A timer counts from the moment of the call, not from the begin of the loop's turn: a turn that
 * takes long would else make short timers fire at once. A repeating timer that was late fires once,
 * not as often as it missed. */
#include <stdlib.h>

#include "daemon/loop/inside.h"

#define LEAST_MS 10

struct timer {
	uv_timer_t uv;
	struct loop *loop;
	struct timer *prev, *next;
	void (*fn)(void *arg);
	void *arg;
};

static void on_fire(uv_timer_t *handle)
{
	struct timer *t = (struct timer *)handle;

	t->fn(t->arg); /* may close the timer */
}

struct timer *timer_open(struct loop *l, void (*fn)(void *arg), void *arg)
{
	struct timer *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	uv_timer_init(&l->uv, &t->uv);
	l->open++;
	t->loop = l;
	t->fn = fn;
	t->arg = arg;
	t->next = l->timers;
	if (t->next)
		t->next->prev = t;
	l->timers = t;
	return t;
}

void timer_start(struct timer *t, uint64_t ms, uint64_t every_ms)
{
	uv_update_time(&t->loop->uv);
	uv_timer_start(&t->uv, on_fire, ms, every_ms);
}

void timer_stop(struct timer *t)
{
	uv_timer_stop(&t->uv);
}

static void on_closed(uv_handle_t *handle)
{
	loop_closed(handle);
	free(handle);
}

void timer_close(struct timer *t)
{
	if (!t)
		return;
	*(t->prev ? &t->prev->next : &t->loop->timers) = t->next;
	if (t->next)
		t->next->prev = t->prev;
	uv_close((uv_handle_t *)&t->uv, on_closed);
}

/* ---- back-off ---- */

uint64_t backoff_next(struct backoff *b, uint64_t random)
{
	uint64_t most = b->most_ms, delay;

	if (b->tries < 32 && ((uint64_t)b->least_ms << b->tries) < most)
		most = (uint64_t)b->least_ms << b->tries;
	if (b->tries < UINT32_MAX)
		b->tries++;
	delay = random % (most + 1);
	return delay < LEAST_MS ? LEAST_MS : delay;
}

void backoff_reset(struct backoff *b)
{
	b->tries = 0;
}
