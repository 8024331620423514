/* The file is made at the first write: O_TMPFILE, or where the file system has none a file that is
 * unlinked at once. When the disk is full the error is sticky: nothing that was put gets lost
 * unseen. */
#include "daemon/intake/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE (16 * 1024)

void aside_init(struct aside *a, const char *dir)
{
	*a = (struct aside){ .dir = dir, .fd = -1 };
}

void aside_deinit(struct aside *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	buf_deinit(&a->out);
}

static int make_file(const char *dir)
{
	char name[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
		return fd;
	if (snprintf(name, sizeof name, "%s/.refused-XXXXXX", dir) >= (int)sizeof name)
		return -1;
	fd = mkostemp(name, O_CLOEXEC); /* 0600 */
	if (fd >= 0)
		(void)unlink(name);
	return fd;
}

static void flush(struct aside *a)
{
	size_t done = 0;

	if (a->out.failed && !a->err)
		a->err = ERR_NOMEM;
	if (a->fd < 0 && !a->err) {
		a->fd = make_file(a->dir);
		if (a->fd < 0)
			a->err = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
	}
	while (!a->err && done < a->out.n) {
		ssize_t n = write(a->fd, a->out.p + done, a->out.n - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			a->err = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL
										      : ERR_IO;
	}
	buf_reset(&a->out);
}

void aside_settle(struct aside *a)
{
	if (a->out.n >= PIECE || a->out.failed)
		flush(a);
}

int aside_finish(struct aside *a)
{
	int fd = -1;

	flush(a);
	if (!a->err && lseek(a->fd, 0, SEEK_SET) != 0)
		a->err = ERR_IO;
	if (!a->err) {
		fd = a->fd;
		a->fd = -1;
	}
	return fd;
}
