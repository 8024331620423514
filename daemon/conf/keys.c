/* Key files.
 *
 * Reading: $CREDENTIALS_DIRECTORY/NAME where it exists, else keys_dir/NAME. systemd keeps a
 * credential private by itself (its mode may show a group because of an access list); a file in
 * keys_dir is refused when anybody but its owner may touch it. Writing: into a file beside it,
 * synced, then linked under its name: a power cut leaves either no key or the whole key, and an
 * existing key is never overwritten. */
#include "daemon/conf/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int key_path(char *out, size_t size, const char *dir, const char *name, struct errmsg *m)
{
	if (strchr(name, '/') || !name[0] ||
		(size_t)snprintf(out, size, "%s/%s", dir, name) >= size) {
		errmsg_set(m, "%s/%s: the path is too long or no file name", dir, name);
		return ERR_INVALID;
	}
	return 0;
}

static int errno_err(void)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOTFOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case EEXIST:
		return ERR_EXISTS;
	case ENOSPC:
	case EDQUOT:
		return ERR_FULL;
	default:
		return ERR_IO;
	}
}

static int fail_errno(struct errmsg *m, const char *path, const char *hint)
{
	int err = errno_err();

	errmsg_set(m, "%s: %s%s", path, strerror(errno), hint);
	return err;
}

/* Cuts white space off the end and looks at the rest. */
static int key_judge(char *out, size_t n, const char *path, struct errmsg *m)
{
	while (n && (out[n - 1] == '\n' || out[n - 1] == '\r' || out[n - 1] == ' ' ||
			    out[n - 1] == '\t'))
		n--;
	out[n] = 0;
	for (size_t i = 0; i < n; i++)
		if (out[i] <= ' ' || out[i] > '~')
			n = 0;
	if (!n) {
		errmsg_set(m, "%s: not a key: one line of printable text is expected", path);
		return ERR_INVALID;
	}
	return 0;
}

static int key_load(const char *path, bool private, char out[KEY_TEXT_MAX], struct errmsg *m)
{
	struct stat st;
	ssize_t got = 0, n = 0;
	int err, fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fail_errno(m, path, "; `tallyctl keygen` makes what is missing");
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		errmsg_set(m, "%s: not a regular file", path);
		err = ERR_INVALID;
		goto close_file;
	}
	if (private && (st.st_mode & 077)) {
		errmsg_set(
			m, "%s: others than its owner may use the key; run chmod 0600 on it", path);
		err = ERR_DENIED;
		goto close_file;
	}
	while (n < KEY_TEXT_MAX && (got = read(fd, out + n, (size_t)(KEY_TEXT_MAX - n))) > 0)
		n += got;
	if (got < 0) {
		err = fail_errno(m, path, "");
	} else if (n == KEY_TEXT_MAX) {
		errmsg_set(m, "%s: too long for a key", path);
		err = ERR_INVALID;
	} else {
		err = key_judge(out, (size_t)n, path, m);
	}
close_file:
	close(fd);
	return err;
}

int key_read(const char *keys_dir, const char *name, char out[KEY_TEXT_MAX], struct errmsg *m)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	char path[4096];
	int err;

	memset(out, 0, KEY_TEXT_MAX);
	if (credentials && credentials[0]) {
		err = key_path(path, sizeof(path), credentials, name, m);
		if (!err)
			err = key_load(path, false, out, m);
		if (err != ERR_NOTFOUND)
			goto wipe;
	}
	err = key_path(path, sizeof(path), keys_dir, name, m);
	if (!err)
		err = key_load(path, true, out, m);
wipe:
	if (err)
		explicit_bzero(out, KEY_TEXT_MAX);
	return err;
}

static int write_whole(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return fsync(fd);
}

int key_write(const char *keys_dir, const char *name, const char *text, struct errmsg *m)
{
	char path[4096], part[4160], line[KEY_TEXT_MAX + 1];
	int err, fd, dir;

	err = key_path(path, sizeof(path), keys_dir, name, m);
	if (err)
		return err;
	if ((size_t)snprintf(line, sizeof(line), "%s\n", text) > KEY_TEXT_MAX - 1) {
		errmsg_set(m, "%s: too long for a key", path);
		return ERR_INVALID;
	}
	snprintf(part, sizeof(part), "%s/.%s.%ld.part", keys_dir, name, (long)getpid());
	dir = open(keys_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return fail_errno(m, keys_dir, "");
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = fail_errno(m, part, "");
		goto close_dir;
	}
	if (fchmod(fd, 0600) || write_whole(fd, line, strlen(line)))
		err = fail_errno(m, part, "");
	else if (link(part, path))
		err = fail_errno(m, path, "");
	unlink(part);
	if (!err && fsync(dir))
		err = fail_errno(m, keys_dir, "");
	close(fd);
close_dir:
	close(dir);
	explicit_bzero(line, sizeof(line));
	return err;
}
