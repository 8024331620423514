/* Signals reach the loop and nobody else; notification and watchdog over path and abstract sockets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/loop/loop.h"

static struct loop *open_loop(void)
{
	struct errmsg m;
	struct loop *l = loop_open(&m);

	assert_non_null(l);
	return l;
}

static int reloads;
static bool alive_now;
static int fed;

static void on_reload(void *arg)
{
	reloads++;
	kill(getpid(), SIGTERM);
	(void)arg;
}

static void hang_up(void *arg)
{
	(void)arg;
	kill(getpid(), SIGHUP);
}

static void *masked(void *arg)
{
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	*(bool *)arg = sigismember(&set, SIGTERM) && sigismember(&set, SIGINT) &&
		       sigismember(&set, SIGHUP);
	return NULL;
}

static void signals_reach_the_loop(void **state)
{
	struct loop *l = open_loop();
	struct timer *t = timer_open(l, hang_up, NULL);
	bool blocked = false;
	pthread_t thread;
	int fd[2];

	(void)state;
	pthread_create(&thread, NULL, masked, &blocked);
	pthread_join(thread, NULL);
	assert_true(blocked);
	loop_on_reload(l, on_reload, NULL);
	timer_start(t, 1, 0);
	loop_run(l); /* SIGHUP → reload → SIGTERM → end */
	assert_int_equal(reloads, 1);
	kill(getpid(), SIGINT); /* waits until the loop turns */
	loop_run(l);
	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	assert_int_equal(write(fd[1], "x", 1), -1); /* SIGPIPE would have ended us */
	close(fd[1]);
	timer_close(t);
	loop_close(l);
}

static int listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, name, strlen(name));
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(
		bind(fd, (struct sockaddr *)&at,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static const char *heard(int fd)
{
	static char text[256];
	ssize_t n = recv(fd, text, sizeof text - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void notifications_are_heard(void **state)
{
	char path[64], name[64];
	int fd;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	service_notify("READY=1"); /* nobody asked */
	snprintf(path, sizeof path, "/tmp/tally-notify-%d", (int)getpid());
	fd = listen_at(path);
	service_notify("READY=1\nSTATUS=here");
	assert_string_equal(heard(fd), "READY=1\nSTATUS=here");
	close(fd);
	unlink(path);
	service_notify("READY=1"); /* nobody hears: a warning, no end */
	snprintf(name, sizeof name, "@tally-notify-%d", (int)getpid());
	fd = listen_at(name);
	service_notify("STOPPING=1");
	assert_string_equal(heard(fd), "STOPPING=1");
	close(fd);
	setenv("NOTIFY_SOCKET", "relative", 1);
	service_notify("READY=1");
	unsetenv("NOTIFY_SOCKET");
}

static bool alive(void *arg)
{
	if (strcmp(heard(*(int *)arg), "WATCHDOG=1") == 0)
		fed++;
	return alive_now;
}

static void stop(void *arg)
{
	loop_stop(arg);
}

static void the_watchdog_is_fed_while_alive(void **state)
{
	struct loop *l = open_loop();
	struct timer *t = timer_open(l, stop, l);
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof name, "@tally-watchdog-%d", (int)getpid());
	fd = listen_at(name);
	setenv("WATCHDOG_USEC", "20000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	service_watchdog(l, alive, &fd); /* another process's */
	unsetenv("WATCHDOG_PID");
	alive_now = true;
	service_watchdog(l, alive, &fd);
	timer_start(t, 200, 0);
	loop_run(l);
	assert_in_range(fed, 3, 21); /* every 10 ms, and not twice */
	alive_now = false;
	heard(fd);
	timer_start(t, 50, 0);
	fed = 0;
	loop_run(l);
	assert_int_equal(fed, 0);
	assert_string_equal(heard(fd), "");
	close(fd);
	unsetenv("WATCHDOG_USEC");
	unsetenv("NOTIFY_SOCKET");
	loop_close(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_reach_the_loop),
		cmocka_unit_test(notifications_are_heard),
		cmocka_unit_test(the_watchdog_is_fed_while_alive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
