/* systemd's two wishes to a service, by hand: notification and watchdog.
 *
 * A notification is one datagram to the Unix socket named in $NOTIFY_SOCKET: a path, or, with a
 * leading @, a name in the abstract space (a NUL in its place). The watchdog wants "WATCHDOG=1" at
 * least every $WATCHDOG_USEC; it gets it twice as often, but only while the daemon's own judgement
 * says that it moves. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/log.h"
#include "daemon/loop/inside.h"

void service_notify(const char *message)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct timeval patience = {
		.tv_sec = 1
	}; /* a manager that does not read must not hold the loop */
	size_t n;
	int fd;

	if (!name || !*name)
		return;
	n = strlen(name);
	if ((name[0] != '/' && name[0] != '@') || n >= sizeof to.sun_path) {
		log_warning("loop",
			"NOTIFY_SOCKET is neither a path nor an abstract name, or too long");
		return;
	}
	memcpy(to.sun_path, name, n);
	if (name[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		log_warning("loop", "no socket for a notification: %s", strerror(errno));
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	/* an abstract name is as long as the address says: no NUL behind it */
	if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warning("loop", "systemd was not notified: %s", strerror(errno));
	close(fd);
}

static void feed(void *arg)
{
	struct loop *l = arg;

	if (l->alive(l->alive_arg))
		service_notify("WATCHDOG=1");
	else
		log_error("loop", "no progress: the watchdog is not fed");
}

void service_watchdog(struct loop *l, bool (*alive)(void *arg), void *arg)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	struct timer *t;
	uint64_t ms;

	if (!usec || (pid && strtoul(pid, NULL, 10) != (unsigned long)getpid()))
		return;
	ms = strtoull(usec, NULL, 10) / 2000;
	if (ms == 0)
		return;
	l->alive = alive;
	l->alive_arg = arg;
	t = timer_open(l, feed, l);
	if (t)
		timer_start(t, ms, ms);
}
