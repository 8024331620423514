/* One line, one write(2): lines of several threads never mix.
 *
 * Normal path: level → format into a buffer on the stack → control characters made harmless (what
 * is logged may come from a peer; a line break in it must not forge a line) → write. A line that
 * the journal does not take is lost, the daemon goes on.
 *
 * Floods: a line is known by its room and its format. After FLOOD_LINES of one kind within a second
 * the rest of that second is only counted; the next line of any kind after it, or the end of the
 * process, first says how many there were. A table of FLOOD_SLOTS kinds is enough: a flood is by
 * its nature one kind that comes often; the kind with the fewest lines in its second gives way. */
#include "daemon/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/clock.h"

#define FLOOD_LINES 20
#define FLOOD_MS 1000
#define FLOOD_SLOTS 32
#define LINE_MAX_BYTES 1024

struct kind {
	const char *room, *format; /* both are literals: compared and kept by address */
	enum log_level level;
	uint64_t since_ms; /* begin of its second */
	uint32_t lines;	   /* in this second */
	uint32_t swallowed;
};

static _Atomic int level_most = LOG_LEVEL_INFO;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kind kinds[FLOOD_SLOTS];
static bool at_exit_set;

void log_set_level(enum log_level most)
{
	atomic_store_explicit(&level_most, (int)most, memory_order_relaxed);
}

static void write_line(char *line, int n)
{
	size_t left = n < 0 ? 0 : (size_t)n >= LINE_MAX_BYTES ? LINE_MAX_BYTES - 1 : (size_t)n;
	const char *p = line;

	for (size_t i = 0; i < left; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
			line[i] = ' ';
	line[left++] = '\n'; /* over the NUL */
	while (left > 0) {
		ssize_t did = write(STDERR_FILENO, p, left);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return;
		p += did;
		left -= (size_t)did;
	}
}

/* Says what was swallowed of a kind whose second is over. Under the lock. */
static void settle(struct kind *k)
{
	char line[LINE_MAX_BYTES];

	if (k->swallowed == 0)
		return;
	/* the format, not the values: it names the kind and holds no data */
	write_line(line, snprintf(line, sizeof line, "<%d>%s: … %u lines more like: %s",
				 (int)k->level, k->room, k->swallowed, k->format));
	k->swallowed = 0;
}

static void settle_all(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < FLOOD_SLOTS; i++)
		settle(&kinds[i]);
	pthread_mutex_unlock(&lock);
}

/* May a line of this kind go out? Under the lock. */
static bool admit(enum log_level level, const char *room, const char *format)
{
	uint64_t now = clock_mono_ms();
	struct kind *mine = NULL, *least = &kinds[0];

	for (size_t i = 0; i < FLOOD_SLOTS; i++) {
		struct kind *k = &kinds[i];

		if (k->format && now - k->since_ms >= FLOOD_MS) {
			settle(k);
			k->since_ms = now;
			k->lines = 0;
		}
		if (k->format == format && k->room == room)
			mine = k;
		if (!k->format || (least->format && k->lines < least->lines))
			least = k;
	}
	if (!mine) {
		mine = least;
		settle(mine);
		*mine = (struct kind){ room, format, level, now, 0, 0 };
	}
	if (mine->lines < FLOOD_LINES) {
		mine->lines++;
		return true;
	}
	mine->level = level;
	mine->swallowed++;
	if (!at_exit_set)
		at_exit_set = atexit(settle_all) == 0;
	return false;
}

void log_line(enum log_level level, const char *room, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list args;
	int head, body;

	if ((int)level > atomic_load_explicit(&level_most, memory_order_relaxed))
		return;
	pthread_mutex_lock(&lock);
	if (admit(level, room, format)) {
		head = snprintf(line, sizeof line, "<%d>%s: ", (int)level, room);
		va_start(args, format);
		body = vsnprintf(line + head, sizeof line - (size_t)head, format, args);
		va_end(args);
		write_line(line, body < 0 ? head : head + body);
	}
	pthread_mutex_unlock(&lock);
}
