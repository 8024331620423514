/* One set of handles serves a driver for its life; only the poll handle goes with its socket:
 *
 *     timers ─▶ prepare: turn() ─▶ the loop sleeps (poll, async) ─▶ check: turn()
 *                    └─ more stands: idle runs, and the loop does not sleep
 */
#include "daemon/link/socket_loop.h"

#include <stdlib.h>
#include <zmq.h>

struct socket_loop {
	struct socket_loop_calls calls;
	uv_loop_t *uv;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t timer;
	uv_async_t async;
	uv_poll_t *polls[SOCKETS_MAX];
	unsigned open; /* handles, beside the polls */
};

int socket_events(void *socket)
{
	int events = 0;
	size_t size = sizeof events;
	return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 ? events : 0;
}

static void on_idle(uv_idle_t *h)
{
	(void)h; /* that it runs is the point */
}

static void turn(struct socket_loop *s)
{
	if (s->calls.turn(s->calls.arg))
		uv_idle_start(&s->idle, on_idle);
	else
		uv_idle_stop(&s->idle);
}

static void on_prepare(uv_prepare_t *h)
{
	turn(h->data);
}

static void on_check(uv_check_t *h)
{
	turn(h->data);
}

static void on_timer(uv_timer_t *h)
{
	struct socket_loop *s = h->data;
	s->calls.tick(s->calls.arg);
}

static void on_async(uv_async_t *h)
{
	(void)h; /* check follows */
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	(void)h, (void)status, (void)events; /* check follows */
}

struct socket_loop *socket_loop_open(struct loop *l, const struct socket_loop_calls *calls)
{
	struct socket_loop *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->calls = *calls;
	s->uv = loop_uv(l);
	if (uv_async_init(s->uv, &s->async, on_async) != 0) {
		free(s);
		return NULL;
	}
	/* These cannot fail. */
	uv_prepare_init(s->uv, &s->prepare);
	uv_check_init(s->uv, &s->check);
	uv_idle_init(s->uv, &s->idle);
	uv_timer_init(s->uv, &s->timer);
	s->open = 5;
	s->async.data = s->prepare.data = s->check.data = s->idle.data = s->timer.data = s;
	uv_prepare_start(&s->prepare, on_prepare);
	uv_check_start(&s->check, on_check);
	uv_timer_start(&s->timer, on_timer, 0, SOCKET_TICK_MS);
	return s;
}

static void on_poll_closed(uv_handle_t *h)
{
	free(h);
}

int socket_loop_watch(struct socket_loop *s, int number, void *socket)
{
	uv_os_sock_t fd;
	size_t size = sizeof fd;

	socket_loop_unwatch(s, number);
	if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0)
		return ERR_INVALID;
	uv_poll_t *poll = calloc(1, sizeof *poll);
	if (!poll)
		return ERR_NOMEM;
	if (uv_poll_init(s->uv, poll, fd) != 0) {
		free(poll);
		return ERR_INVALID;
	}
	s->polls[number] = poll;
	return uv_poll_start(poll, UV_READABLE, on_poll) == 0 ? 0 : ERR_INVALID;
}

void socket_loop_unwatch(struct socket_loop *s, int number)
{
	if (!s->polls[number])
		return;
	uv_poll_stop(s->polls[number]);
	uv_close((uv_handle_t *)s->polls[number], on_poll_closed);
	s->polls[number] = NULL;
}

void socket_loop_wake(struct socket_loop *s)
{
	uv_async_send(&s->async);
}

static void on_closed(uv_handle_t *h)
{
	struct socket_loop *s = h->data;

	if (--s->open > 0)
		return;
	s->calls.closed(s->calls.arg);
	free(s);
}

void socket_loop_close(struct socket_loop *s)
{
	for (int i = 0; i < SOCKETS_MAX; i++)
		socket_loop_unwatch(s, i);
	uv_close((uv_handle_t *)&s->prepare, on_closed);
	uv_close((uv_handle_t *)&s->check, on_closed);
	uv_close((uv_handle_t *)&s->idle, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
	uv_close((uv_handle_t *)&s->async, on_closed);
}
