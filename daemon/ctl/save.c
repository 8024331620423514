/* The bytes go into a file beside it (FILE.XXXXXX), which is synced and takes the name by rename:
 * what stands under the name is the old answer or the new one, never a piece of one. */
#include "daemon/ctl/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

const char *save_type(const char *path)
{
	static const struct {
		const char *end, *type;
	} types[] = {
		{ ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
		{ ".csv", "text/csv" },
		{ ".json", "application/json" },
	};
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		size_t end = strlen(types[i].end);

		if (n > end && strcasecmp(path + n - end, types[i].end) == 0)
			return types[i].type;
	}
	return NULL;
}

void save_init(struct save *s, const char *path)
{
	*s = (struct save){ .path = path, .fd = -1 };
}

static bool failed(struct save *s, int err)
{
	s->err = err;
	return false;
}

static bool make(struct save *s)
{
	mode_t mask = umask(0);

	umask(mask);
	if ((size_t)snprintf(s->temporary, sizeof s->temporary, "%s.XXXXXX", s->path) >=
		sizeof s->temporary)
		return failed(s, ENAMETOOLONG);
	s->fd = mkostemp(s->temporary, O_CLOEXEC);
	if (s->fd < 0 || fchmod(s->fd, 0666 & ~mask) != 0)
		return failed(s, errno);
	return true;
}

bool save_put(struct save *s, const char *p, size_t n)
{
	if (s->err || (s->fd < 0 && !make(s)))
		return false;
	while (n) {
		ssize_t put = write(s->fd, p, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return failed(s, errno);
		p += put;
		n -= (size_t)put;
	}
	return true;
}

bool save_keep(struct save *s)
{
	if (!save_put(s, "", 0))
		return false;
	if (fsync(s->fd) != 0 || rename(s->temporary, s->path) != 0)
		return failed(s, errno);
	close(s->fd);
	s->fd = -1;
	return true;
}

void save_deinit(struct save *s)
{
	if (s->fd < 0)
		return;
	close(s->fd);
	(void)unlink(s->temporary);
	s->fd = -1;
}
