/* Normal path: puts gather in `tail`; when it is full it is written behind the file, which is made
 * then. Sealed, a large read goes straight to the file; small ones (a string of a workbook) go
 * through TAPE_BLOCKS blocks, each with one place by its number, because strings that stand near
 * each other are asked for one after the other.
 *
 * Failures are sticky: a full disk shows in tape_seal(), and no byte that was put is missed. */
#include "daemon/reader/tape.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void tape_init(struct tape *t, const char *dir)
{
	*t = (struct tape){ .dir = dir, .fd = -1 };
}

void tape_init_file(struct tape *t, int fd, uint64_t n)
{
	*t = (struct tape){ .fd = fd, .foreign = true, .n = n };
}

void tape_deinit(struct tape *t)
{
	if (t->fd >= 0 && !t->foreign)
		close(t->fd);
	t->fd = -1;
	buf_deinit(&t->tail);
	free(t->blocks);
	t->blocks = NULL;
}

static int err_of_errno(void)
{
	if (errno == ENOMEM)
		return ERR_NOMEM;
	return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? ERR_FULL : ERR_IO;
}

static int make_file(const char *dir)
{
	char name[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
		return fd;
	if (snprintf(name, sizeof name, "%s/.reader-XXXXXX", dir) >= (int)sizeof name) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(name, O_CLOEXEC); /* 0600 */
	if (fd >= 0)
		(void)unlink(name);
	return fd;
}

static void flush(struct tape *t)
{
	size_t done = 0;

	if (t->tail.failed && !t->err)
		t->err = ERR_NOMEM;
	if (t->fd < 0 && !t->err) {
		t->fd = make_file(t->dir);
		if (t->fd < 0)
			t->err = err_of_errno();
	}
	while (!t->err && done < t->tail.n) {
		ssize_t n = write(t->fd, t->tail.p + done, t->tail.n - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			t->err = err_of_errno();
	}
	buf_reset(&t->tail);
}

void tape_put(struct tape *t, const void *p, size_t n)
{
	const char *from = p;

	while (n && !t->err) {
		size_t part = TAPE_MEMORY - t->tail.n;

		part = part < n ? part : n;
		buf_put(&t->tail, from, part);
		from += part;
		n -= part;
		t->n += part;
		if (t->tail.failed || (t->tail.n == TAPE_MEMORY && n))
			flush(t);
	}
}

int tape_seal(struct tape *t, bool file)
{
	if (!t->foreign && (t->fd >= 0 || file || t->tail.failed))
		flush(t);
	if (t->fd >= 0)
		buf_deinit(&t->tail);
	return t->err;
}

/* Straight from the file. */
static size_t read_file(struct tape *t, uint64_t at, char *out, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(t->fd, out + done, n - done, (off_t)(at + done));

		if (got == 0)
			break;
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR) {
			t->err = err_of_errno();
			break;
		}
	}
	return done;
}

static const struct tape_block *block_at(struct tape *t, uint64_t number)
{
	struct tape_block *b;

	if (!t->blocks) {
		t->blocks = calloc(TAPE_BLOCKS, sizeof *t->blocks);
		if (!t->blocks) {
			t->err = ERR_NOMEM;
			return NULL;
		}
	}
	b = &t->blocks[number % TAPE_BLOCKS];
	if (b->number != number + 1) {
		b->number = 0;
		b->n = read_file(t, number * TAPE_BLOCK, b->bytes, TAPE_BLOCK);
		if (t->err)
			return NULL;
		b->number = number + 1;
	}
	return b;
}

size_t tape_read(struct tape *t, uint64_t at, void *out, size_t n)
{
	size_t done = 0;

	if (t->err || at >= t->n)
		return 0;
	if (n > t->n - at)
		n = (size_t)(t->n - at);
	if (t->fd < 0) {
		memcpy(out, t->tail.p + at, n);
		return n;
	}
	if (n >= TAPE_BLOCK)
		return read_file(t, at, out, n);
	while (done < n) {
		const struct tape_block *b = block_at(t, (at + done) / TAPE_BLOCK);
		size_t from = (size_t)((at + done) % TAPE_BLOCK), part;

		if (!b || b->n <= from)
			break;
		part = b->n - from < n - done ? b->n - from : n - done;
		memcpy((char *)out + done, b->bytes + from, part);
		done += part;
	}
	return done;
}
