/* What the files of this room share, and nobody else sees. */
#ifndef LOOP_INSIDE_H
#define LOOP_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "daemon/loop/loop.h"

struct loop {
	uv_loop_t uv;
	uv_async_t wake;
	uv_signal_t signals[3];
	size_t n_signals;
	size_t open; /* handles of this room whose close callback has not run */
	struct timer *timers;
	void (*reload)(void *arg);
	void *reload_arg;
	bool (*alive)(void *arg); /* the watchdog's question */
	void *alive_arg;
	_Atomic bool stop;

	/* posts (under lock) */
	pthread_mutex_t lock;
	struct loop_post *head, **tail;
	bool closing;
};

/* Counts down l->open; frees nothing. */
void loop_closed(uv_handle_t *handle);

#endif
