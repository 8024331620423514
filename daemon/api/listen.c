/* Order: lock file (held for life; the kernel drops it with the process, however that ends) → is
 * somebody answering all the same → a stale socket is removed → bind with mode 0660 → listen. The
 * lock file stays when the daemon stops: removing it would let two daemons lock two files of one
 * name. */
#include "daemon/api/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static int check_directory(const char *path, struct errmsg *m)
{
	char dir[108];
	struct stat st;
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || !slash[1]) {
		errmsg_set(m, "%s: not an absolute path of a socket", path);
		return ERR_INVALID;
	}
	slash[slash == dir] = 0;
	if (stat(dir, &st) || !S_ISDIR(st.st_mode)) {
		errmsg_set(m,
			"%s: the directory of the control socket is missing; make it with mode "
			"0750",
			dir);
		return ERR_NOTFOUND;
	}
	if (st.st_mode & 022) {
		errmsg_set(m,
			"%s: others may write to the directory of the control socket; run chmod "
			"0750 on it",
			dir);
		return ERR_DENIED;
	}
	return 0;
}

static int lock(struct listen *l, struct errmsg *m)
{
	char path[120];

	snprintf(path, sizeof(path), "%s.lock", l->path);
	l->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (l->lock_fd < 0) {
		errmsg_set(m, "%s: %s", path, strerror(errno));
		return errno == EACCES || errno == EROFS ? ERR_DENIED : ERR_IO;
	}
	if (flock(l->lock_fd, LOCK_EX | LOCK_NB)) {
		errmsg_set(m, "%s: another daemon is running here", l->path);
		return ERR_BUSY;
	}
	return 0;
}

static int remove_stale(const struct listen *l, const struct sockaddr_un *at, struct errmsg *m)
{
	struct stat st;
	int fd, answered;

	if (lstat(l->path, &st))
		return 0;
	if (!S_ISSOCK(st.st_mode)) {
		errmsg_set(m,
			"%s: something that is no socket stands here; remove it or name another "
			"path",
			l->path);
		return ERR_EXISTS;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	answered = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0;
	if (fd >= 0)
		close(fd);
	if (answered) {
		errmsg_set(m, "%s: another daemon answers here", l->path);
		return ERR_BUSY;
	}
	if (unlink(l->path)) {
		errmsg_set(m, "%s: a stale socket cannot be removed: %s", l->path, strerror(errno));
		return ERR_DENIED;
	}
	return 0;
}

static int bind_socket(struct listen *l, const struct sockaddr_un *at, struct errmsg *m)
{
	int failed, why;
	mode_t before;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	why = errno;
	if (l->fd < 0)
		goto fail;
	before = umask(0117);
	failed = bind(l->fd, (const struct sockaddr *)at, sizeof(*at));
	why = errno;
	umask(before);
	if (failed)
		goto fail;
	if (listen(l->fd, BACKLOG) == 0)
		return 0;
	why = errno;
	unlink(l->path);
fail:
	errmsg_set(m, "%s: %s", l->path, strerror(why));
	return why == EACCES ? ERR_DENIED : ERR_IO;
}

int listen_open(struct listen *l, const char *path, struct errmsg *m)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int err;

	*l = (struct listen){ .fd = -1, .lock_fd = -1 };
	if (strlen(path) >= sizeof(at.sun_path)) {
		errmsg_set(m,
			"%s: longer than %zu bytes, too long for a socket; name a shorter path",
			path, sizeof(at.sun_path) - 1);
		return ERR_LIMIT;
	}
	snprintf(l->path, sizeof(l->path), "%s", path);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	err = check_directory(path, m);
	if (!err)
		err = lock(l, m);
	if (!err)
		err = remove_stale(l, &at, m);
	if (!err)
		err = bind_socket(l, &at, m);
	if (err) {
		if (l->fd >= 0)
			close(l->fd);
		if (l->lock_fd >= 0)
			close(l->lock_fd);
		*l = (struct listen){ .fd = -1, .lock_fd = -1 };
	}
	return err;
}

void listen_close(struct listen *l)
{
	if (l->lock_fd < 0)
		return;
	unlink(l->path);
	if (l->fd >= 0)
		close(l->fd);
	close(l->lock_fd);
	*l = (struct listen){ .fd = -1, .lock_fd = -1 };
}
