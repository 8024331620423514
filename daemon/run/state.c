/* The state directory.
 *
 *     state_dir/state     the marker: role and origin; written once all stores stood for the first
 * time state_dir/ledger/   the ledger's store …                   further stores of the program
 *
 * Without the marker stores may be created: it is the first start, or the first start was cut off.
 * With it a store that is missing is refused: somebody lost it, and a new empty one in its place
 * would be told from a real one by nobody. The lock is on the directory itself and goes with the
 * process. */
#include "daemon/run/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKER "state"
#define MARKER_MAX 256

static void marker_text(const struct daemon *d, char out[MARKER_MAX])
{
	snprintf(out, MARKER_MAX, "tally state 1\nrole %s\norigin %u\n", d->program->role,
		d->origin);
}

static int fail(struct errmsg *m, const char *dir, const char *what)
{
	int err = errno == ENOSPC || errno == EDQUOT  ? ERR_FULL
		  : errno == EACCES || errno == EROFS ? ERR_DENIED
						      : ERR_IO;

	errmsg_set(m, "%s: %s: %s", dir, what, strerror(errno));
	return err;
}

static int read_marker(struct daemon *d, const char *dir, struct errmsg *m)
{
	char want[MARKER_MAX], have[MARKER_MAX] = "";
	int fd = openat(d->state_fd, MARKER, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == ENOENT) {
		d->fresh = true;
		return 0;
	}
	if (fd < 0)
		return fail(m, dir, "its marker");
	n = read(fd, have, sizeof(have) - 1);
	close(fd);
	marker_text(d, want);
	if (n < 0 || strcmp(have, want) != 0) {
		errmsg_set(m,
			"%s: this state belongs to another daemon or another origin (its file %s "
			"says which); "
			"name another state_dir",
			dir, MARKER);
		return ERR_INVALID;
	}
	return 0;
}

int state_open(struct daemon *d, struct errmsg *m)
{
	const char *dir = conf_text(d->conf, "state_dir");
	int err;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return fail(m, dir, "the state directory cannot be made");
	d->state_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->state_fd < 0)
		return fail(m, dir, "the state directory");
	if (flock(d->state_fd, LOCK_EX | LOCK_NB)) {
		errmsg_set(m,
			"%s: another daemon runs on this state; stop it first, or name another "
			"state_dir",
			dir);
		err = ERR_BUSY;
	} else {
		err = read_marker(d, dir, m);
	}
	if (err)
		state_close(d);
	return err;
}

static int write_marker(int dir_fd, const char *dir, const char *text, struct errmsg *m)
{
	int fd = openat(dir_fd, MARKER ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t n = strlen(text);
	int err = 0;

	if (fd < 0)
		return fail(m, dir, "its marker");
	if (write(fd, text, n) != (ssize_t)n || fsync(fd) ||
		renameat(dir_fd, MARKER ".new", dir_fd, MARKER) || fsync(dir_fd))
		err = fail(m, dir, "its marker");
	close(fd);
	return err;
}

int state_mark_in(const struct daemon *d, const char *dir, struct errmsg *m)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	char text[MARKER_MAX];

	if (fd < 0)
		return fail(m, dir, "the directory");
	marker_text(d, text);
	err = write_marker(fd, dir, text, m);
	close(fd);
	return err;
}

int state_mark(struct daemon *d, struct errmsg *m)
{
	char text[MARKER_MAX];

	if (!d->fresh)
		return 0;
	marker_text(d, text);
	return write_marker(d->state_fd, conf_text(d->conf, "state_dir"), text, m);
}

void state_close(struct daemon *d)
{
	close(d->state_fd);
	d->state_fd = -1;
}
