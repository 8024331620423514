/* Posting from many threads: nothing lost, order kept, refused once the loop closes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "daemon/base/clock.h"
#include "daemon/loop/loop.h"

#define THREADS 8
#define POSTS 5000

struct numbered {
	struct loop_post post;
	int thread, n;
};

struct poster {
	struct loop *l;
	int thread;
};

static int last[THREADS];
static uint64_t ran;
static struct loop *the_loop;
static bool stop_at_all;

static struct loop *open_loop(void)
{
	struct errmsg m;
	struct loop *l = loop_open(&m);

	assert_non_null(l);
	return l;
}

static void on_post(struct loop_post *post)
{
	struct numbered *p = (struct numbered *)post;

	assert_int_equal(p->n, last[p->thread] + 1);
	last[p->thread] = p->n;
	free(p);
	if (++ran == THREADS * POSTS && stop_at_all)
		loop_stop(the_loop);
}

static void *post_many(void *arg)
{
	struct poster *me = arg;

	for (int n = 1; n <= POSTS; n++) {
		struct numbered *p = malloc(sizeof *p);

		*p = (struct numbered){ { on_post, NULL }, me->thread, n };
		assert_true(loop_post(me->l, &p->post));
	}
	return NULL;
}

static void run_posters(struct poster *posters, pthread_t *t, struct loop *l)
{
	ran = 0;
	the_loop = l;
	for (int i = 0; i < THREADS; i++) {
		last[i] = 0;
		posters[i] = (struct poster){ l, i };
	}
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, post_many, &posters[i]);
}

static void all_posts_run_in_order(void **state)
{
	struct poster posters[THREADS];
	pthread_t t[THREADS];
	struct loop *l = open_loop();

	(void)state;
	stop_at_all = true;
	run_posters(posters, t, l);
	loop_run(l);
	assert_int_equal(ran, THREADS * POSTS);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	loop_close(l);
}

static bool was_refused;

static void on_late(struct loop_post *post)
{
	was_refused = !loop_post(the_loop, post);
}

static void what_was_accepted_runs_at_close(void **state)
{
	struct poster posters[THREADS];
	struct loop_post late = { on_late, NULL };
	pthread_t t[THREADS];
	struct loop *l = open_loop();

	(void)state;
	stop_at_all = false;
	run_posters(posters, t, l);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(ran, 0); /* it never turned */
	assert_true(loop_post(l, &late));
	loop_close(l);
	assert_int_equal(ran, THREADS * POSTS);
	assert_true(was_refused);
}

static void *stop_it(void *arg)
{
	loop_stop(arg);
	return NULL;
}

static void a_stop_is_never_lost(void **state)
{
	struct loop *l = open_loop();
	pthread_t t;

	(void)state;
	for (int i = 0; i < 300; i++) { /* before, while and after the loop begins to turn */
		pthread_create(&t, NULL, stop_it, l);
		if (i % 3 == 0)
			pthread_join(t, NULL);
		loop_run(l);
		if (i % 3 != 0)
			pthread_join(t, NULL);
	}
	loop_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_posts_run_in_order),
		cmocka_unit_test(what_was_accepted_runs_at_close),
		cmocka_unit_test(a_stop_is_never_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
