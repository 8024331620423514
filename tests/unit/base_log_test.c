/* Log lines: one line a call, no forged lines, floods are counted and not written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

static int real_stderr, pipe_fd[2];
static char got[1 << 18];

static void capture(void)
{
	fflush(stderr);
	assert_int_equal(pipe2(pipe_fd, O_NONBLOCK), 0);
	fcntl(pipe_fd[1], F_SETPIPE_SZ, 1 << 18);
	real_stderr = dup(STDERR_FILENO);
	dup2(pipe_fd[1], STDERR_FILENO);
}

static const char *captured(void)
{
	ssize_t n = read(pipe_fd[0], got, sizeof got - 1);

	got[n > 0 ? n : 0] = '\0';
	return got;
}

static void release(void)
{
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static size_t lines_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void a_line_has_level_and_room(void **state)
{
	(void)state;
	capture();
	log_error("store", "broke at %d", 7);
	assert_string_equal(captured(), "<3>store: broke at 7\n");
	log_debug("store", "not shown");
	assert_string_equal(captured(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("store", "shown");
	log_set_level(LOG_LEVEL_INFO);
	assert_string_equal(captured(), "<7>store: shown\n");
	log_warning("link", "peer says %s", "x\n<3>store: forged\t\x7f");
	assert_string_equal(captured(), "<4>link: peer says x <3>store: forged  \n");
	release();
}

static void a_long_line_is_cut(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 'y', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	capture();
	log_info("base", "%s", text);
	assert_int_equal(lines_of(captured()), 1);
	assert_true(strlen(got) <= 1024);
	release();
}

static void floods_are_counted(void **state)
{
	(void)state;
	capture();
	clock_hold(1000000, 0);
	for (int i = 0; i < 1000; i++)
		log_warning("link", "refused %d", i);
	assert_int_equal(lines_of(captured()), 20);
	log_warning("link", "another kind");
	assert_string_equal(captured(), "<4>link: another kind\n");
	clock_hold(2100000, 0);
	log_warning("store", "a second later");
	assert_string_equal(captured(),
		"<4>link: … 980 lines more like: refused %d\n<4>store: a second later\n");
	log_warning("link", "refused %d", 5);
	log_warning("link", "refused %d", 5);
	assert_int_equal(lines_of(captured()), 2);
	clock_release();
	release();
}

static void *chatter(void *arg)
{
	for (int i = 0; i < 15; i++)
		log_info("t", "%s", (const char *)arg);
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	char texts[8][400];
	pthread_t t[8];
	const char *p;

	(void)state;
	capture();
	for (int i = 0; i < 8; i++) {
		memset(texts[i], 'a' + i, sizeof texts[i] - 1);
		texts[i][sizeof texts[i] - 1] = '\0';
		pthread_create(&t[i], NULL, chatter, texts[i]);
	}
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	p = captured();
	assert_int_equal(lines_of(p), 20); /* one kind: the limit holds across threads */
	for (; *p; p = strchr(p, '\n') + 1) {
		assert_memory_equal(p, "<6>t: ", 6);
		assert_int_equal(strspn(p + 6, (char[]){ p[6], 0 }), 399);
	}
	release();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_level_and_room),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(floods_are_counted),
		cmocka_unit_test(lines_of_threads_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
