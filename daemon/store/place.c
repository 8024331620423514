/* The folder of a store.
 *
 * Creation is durable step by step: folder → entry in its parent → data (LMDB's first commit) →
 * marker, written beside and renamed → folder synced. A power cut in between leaves a folder
 * without a marker, which the next start completes.
 *
 * The marker: `tally store 3\n` and 32 hex digits of the store's id with a line end. The id stands
 * in the data, too: a marker without data, or with the data of another store, is a damage and never
 * "new".
 *
 * The ballast: on a full disk its blocks are given back, so that what must be stored (acks,
 * positions) still can be. */
#include "daemon/store/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/buf.h"

#define MARKER "format"
#define MARKER_NEW "format.new"
#define READER_TABLE_BYTES (64 * 1024)

/* Syncs the folder that holds `dir`. */
static int sync_parent(const char *dir)
{
	char *up = strdup(dir);
	size_t n = strlen(dir);
	char *slash;
	int fd, rc = ERR_NOMEM;

	if (!up)
		return rc;
	while (n > 1 && up[n - 1] == '/')
		up[--n] = '\0';
	slash = strrchr(up, '/');
	if (slash == up)
		slash[1] = '\0';
	else if (slash)
		*slash = '\0';
	fd = open(slash ? up : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = fd < 0 || fsync(fd) != 0 ? ERR_IO : 0;
	if (fd >= 0)
		close(fd);
	free(up);
	return rc;
}

static int fail(struct errmsg *m, const char *dir, const char *what)
{
	int e = errno;

	errmsg_set(m, "%s: %s: %s", dir, what, strerror(e));
	return e == ENOENT				 ? ERR_NOTFOUND
	       : e == EACCES || e == EPERM || e == EROFS ? ERR_DENIED
	       : e == ENOSPC || e == EDQUOT		 ? ERR_FULL
							 : ERR_IO;
}

int place_open(struct place *p, const char *dir, bool create, struct errmsg *m)
{
	int rc;

	*p = (struct place){ .dir = strdup(dir), .dir_fd = -1, .lock_fd = -1 };
	if (!p->dir)
		return ERR_NOMEM;
	if (create && mkdir(dir, 0700) == 0) {
		rc = sync_parent(dir);
		if (rc) {
			errmsg_set(m, "%s: the folder above cannot be synced", dir);
			goto fail;
		}
	} else if (create && errno != EEXIST) {
		rc = fail(m, dir, "cannot be made");
		goto fail;
	}
	p->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir_fd < 0) {
		rc = fail(m, dir, "cannot be opened");
		goto fail;
	}
	p->lock_fd = openat(p->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (p->lock_fd < 0) {
		rc = fail(m, dir, "the file `lock` cannot be made");
		goto fail;
	}
	if (flock(p->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		rc = errno == EWOULDBLOCK ? ERR_BUSY : ERR_IO;
		errmsg_set(m, "%s: %s", dir,
			rc == ERR_BUSY ? "another process has this store open"
				       : "cannot be locked");
		goto fail;
	}
	return 0;
fail:
	place_close(p);
	return rc;
}

void place_close(struct place *p)
{
	if (p->lock_fd >= 0)
		close(p->lock_fd);
	if (p->dir_fd >= 0)
		close(p->dir_fd);
	free(p->dir);
	*p = (struct place){ .dir_fd = -1, .lock_fd = -1 };
}

int place_sync(struct place *p)
{
	return fsync(p->dir_fd) == 0 ? 0 : ERR_IO;
}

bool place_empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool empty = true;

	if (!d)
		return errno == ENOENT;
	while (empty && (e = readdir(d)))
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			strcmp(e->d_name, "lock") == 0;
	closedir(d);
	return empty;
}

/* ---- the marker ---- */

int place_marker_get(struct place *p, uint8_t id[PLACE_ID_BYTES], struct errmsg *m)
{
	char text[128], *end = text;
	ssize_t n;
	int fd = openat(p->dir_fd, MARKER, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return fail(m, p->dir, "the marker `" MARKER "` cannot be read");
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		return fail(m, p->dir, "the marker `" MARKER "` cannot be read");
	text[n] = '\0';
	p->format = 0;
	if (strncmp(text, "tally store ", 12) == 0)
		p->format = strtol(text + 12, &end, 10);
	if (p->format > 0 && (p->format < PLACE_FORMAT_OLDEST || p->format > PLACE_FORMAT)) {
		errmsg_set(m, "%s: made by %s version of tally (format %ld, this one knows %d)",
			p->dir, p->format > PLACE_FORMAT ? "a later" : "an earlier", p->format,
			PLACE_FORMAT);
		return ERR_INVALID;
	}
	if (p->format > 0 && text + n - end == 2 * PLACE_ID_BYTES + 2 && *end == '\n' &&
		hex_get(id, PLACE_ID_BYTES, (struct text){ end + 1, 2 * PLACE_ID_BYTES }) == 0)
		return 0;
	errmsg_set(m, "%s: the marker `" MARKER "` is damaged", p->dir);
	return ERR_DAMAGED;
}

int place_marker_put(struct place *p, const uint8_t id[PLACE_ID_BYTES])
{
	char hex[2 * PLACE_ID_BYTES + 1], text[128];
	int n, fd, rc = ERR_IO;

	hex_put(hex, id, PLACE_ID_BYTES);
	n = snprintf(text, sizeof text, "tally store %d\n%s\n", PLACE_FORMAT, hex);
	fd = openat(p->dir_fd, MARKER_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
	if (write(fd, text, (size_t)n) == n && fsync(fd) == 0)
		rc = 0;
	else if (errno == ENOSPC || errno == EDQUOT)
		rc = ERR_FULL;
	close(fd);
	if (rc == 0 && renameat(p->dir_fd, MARKER_NEW, p->dir_fd, MARKER) != 0)
		rc = ERR_IO;
	return rc ? rc : place_sync(p);
}

/* ---- blocks held in advance ---- */

/* 0 when `name` holds at least `bytes` in blocks, else errno. */
static int hold_blocks(struct place *p, const char *name, uint64_t bytes)
{
	struct stat st;
	int fd = openat(p->dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600), rc;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st) == 0 && (uint64_t)st.st_size >= bytes &&
		(uint64_t)st.st_blocks * 512 >= bytes)
		rc = 0;
	else
		rc = posix_fallocate(fd, 0, (off_t)bytes);
	close(fd);
	return rc;
}

int place_reader_table(struct place *p)
{
	int rc = hold_blocks(p, "lock.mdb", READER_TABLE_BYTES);

	return rc == 0 ? 0 : rc == ENOSPC || rc == EDQUOT ? ERR_FULL : ERR_IO;
}

int place_ballast_make(struct place *p)
{
	int rc = hold_blocks(p, "ballast", p->ballast_bytes);

	p->ballast = rc == 0;
	if (rc)
		unlinkat(p->dir_fd, "ballast", 0);
	return rc;
}

bool place_ballast_give(struct place *p)
{
	p->ballast = true;
	return place_ballast_drop(p);
}

bool place_ballast_drop(struct place *p)
{
	if (!p->ballast)
		return false;
	p->ballast = false;
	return unlinkat(p->dir_fd, "ballast", 0) == 0;
}
