/* Timers, back-off, and the close law. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "daemon/base/clock.h"
#include "daemon/loop/loop.h"

struct probe {
	struct loop *l;
	struct timer *t;
	int fired, until;
	uint64_t last_ms;
};

static struct loop *open_loop(void)
{
	struct errmsg m;
	struct loop *l = loop_open(&m);

	assert_non_null(l);
	return l;
}

static void on_fire(void *arg)
{
	struct probe *p = arg;

	p->last_ms = clock_mono_ms();
	if (++p->fired == p->until)
		loop_stop(p->l);
}

static void on_fire_close(void *arg)
{
	struct probe *p = arg;

	timer_close(p->t);
	on_fire(arg);
}

static void timers_fire_in_time(void **state)
{
	struct loop *l = open_loop();
	struct probe once = { .l = l }, every = { .l = l, .until = 5 }, stopped = { .l = l };
	uint64_t begun = clock_mono_ms();
	struct timer *a = timer_open(l, on_fire, &once), *b = timer_open(l, on_fire, &every),
		     *c = timer_open(l, on_fire, &stopped);

	(void)state;
	timer_start(a, 5, 0);
	timer_start(b, 10, 10);
	timer_start(c, 15, 0);
	timer_stop(c);
	loop_run(l);
	assert_int_equal(once.fired, 1);
	assert_true(once.last_ms - begun >= 5);
	assert_int_equal(every.fired, 5);
	assert_true(every.last_ms - begun >= 49);
	assert_int_equal(stopped.fired, 0);
	timer_close(a);
	timer_close(b);
	timer_close(c);
	loop_close(l);
}

static void busy_then_start(void *arg)
{
	struct probe *p = arg;
	uint64_t until = clock_mono_ms() + 30;

	while (clock_mono_ms() < until)
		;
	p->last_ms = until;
	timer_start(p->t, 20, 0);
}

static void a_timer_counts_from_the_call(void **state)
{
	struct loop *l = open_loop();
	struct probe p = { .l = l, .until = 1 };
	struct timer *busy = timer_open(l, busy_then_start, &p);
	uint64_t begun = clock_mono_ms();

	(void)state;
	p.t = timer_open(l, on_fire, &p);
	timer_start(busy, 1, 0);
	loop_run(l);
	assert_true(p.last_ms - begun >= 50); /* not 30 */
	timer_close(busy);
	timer_close(p.t);
	loop_close(l);
}

static void a_timer_may_close_itself_or_be_left(void **state)
{
	struct loop *l = open_loop();
	struct probe p = { .l = l, .until = 1 };

	(void)state;
	p.t = timer_open(l, on_fire_close, &p);
	timer_start(p.t, 0, 1);
	timer_start(timer_open(l, on_fire, &p), 1000000, 0); /* loop_close() closes and frees it */
	timer_open(l, on_fire, &p);
	loop_run(l);
	assert_int_equal(p.fired, 1);
	loop_close(l);
}

static void back_off_has_full_jitter(void **state)
{
	struct backoff b = { .least_ms = 100, .most_ms = 5000 };

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		uint64_t most = i < 6 ? 100u << i : 5000, delay;
		struct backoff same = b;

		delay = backoff_next(&same, UINT64_MAX);
		assert_in_range(delay, 10, most);
		assert_int_equal(backoff_next(&(struct backoff){ 100, 5000, i }, most), most);
		assert_int_equal(backoff_next(&b, 0), 10);
		assert_int_equal(b.tries, i + 1);
	}
	backoff_reset(&b);
	assert_int_equal(backoff_next(&b, 100), 100);
	b.tries = UINT32_MAX;
	assert_int_equal(backoff_next(&b, 5000), 5000);
	assert_int_equal(b.tries, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_time),
		cmocka_unit_test(a_timer_counts_from_the_call),
		cmocka_unit_test(a_timer_may_close_itself_or_be_left),
		cmocka_unit_test(back_off_has_full_jitter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
