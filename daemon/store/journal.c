/*     file      | head 0 | head 1 | half 0 … | half 1 … |
 *     head      "tallyjnl" | crc 4 | format 4 | life 8 | number 8 | sequence 8 | half 4 | open 4
 *               | page 4 | tables 4 | id 16 | meta 2 × 512 | names of tables, each with a NUL
 *     record    crc 4 | bytes 4 | life 8 | sequence 8 | operations (redo.c), up to a whole block
 *
 * Integers big-endian; crc: CRC-32 of all that follows it. A block is 4096 bytes: no record shares
 * one with another, so what is durable is never written again.
 *
 * Heads are written in turn; the one with the greater number counts, a torn one has no crc. Records
 * count in unbroken sequence from the head's, first in its half, then in the other: a record is
 * written only when the one before it is durable, so a power cut can spoil the last one only. If
 * later ones stand behind a spoilt one, the file was damaged. A life is counted up each time a
 * journal begins: what an earlier one left in the blocks is not taken for a record. */
#include "daemon/store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "daemon/base/buf.h"

#define NAME "journal"
#define NAME_NEW "journal.new"
#define MAGIC "tallyjnl"
#define FORMAT 1
#define BLOCK 4096u
#define RECORD_HEAD ((size_t)REDO_HEAD_BYTES)
#define TABLES_MOST 64

enum { /* where things stand in a head */
	AT_CRC = 8,
	AT_FORMAT = 12,
	AT_LIFE = 16,
	AT_NUMBER = 24,
	AT_SEQUENCE = 32,
	AT_HALF = 40,
	AT_OPEN = 44,
	AT_PAGE = 48,
	AT_TABLES = 52,
	AT_ID = 56,
	AT_META = AT_ID + PLACE_ID_BYTES,
	AT_NAMES = AT_META + 2 * JOURNAL_META_BYTES,
};

struct journal {
	int fd;
	uint8_t head[BLOCK]; /* the newest, as it stands in the file */
	struct journal_base base;
	uint64_t life, sequence; /* of the next record */
	unsigned half;
	size_t at;	   /* in the half: of the next record */
	struct buf record; /* the one that was read last */
	size_t taken;	   /* bytes of the half that the last record read or sealed takes */
	bool turned;	   /* reading: in the second half */
};

static off_t half_at(unsigned half)
{
	return (off_t)(2 * BLOCK) + (off_t)half * JOURNAL_HALF_BYTES;
}

static size_t blocks(size_t n)
{
	return (n + BLOCK - 1) / BLOCK * BLOCK;
}

static uint32_t crc_of(const void *p, size_t n)
{
	return (uint32_t)crc32_z(0, p, n);
}

/* ---- bytes in and out; 0 or errno ---- */

static int put_bytes(int fd, const void *p, size_t n, off_t at)
{
	const char *from = p;

	while (n > 0) {
		ssize_t put = pwrite(fd, from, n, at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? errno : ENOSPC;
		from += put;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

static int get_bytes(int fd, void *p, size_t n, off_t at)
{
	char *to = p;

	while (n > 0) {
		ssize_t got = pread(fd, to, n, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : ENODATA;
		to += got;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

static int put_synced(int fd, const void *p, size_t n, off_t at)
{
	int rc = put_bytes(fd, p, n, at);

	return rc ? rc : fdatasync(fd) ? errno : 0;
}

static int zeros(int fd, off_t from, off_t to)
{
	static const uint8_t none[16 * BLOCK];
	int rc = 0;

	for (; from < to && rc == 0; from += (off_t)sizeof none) {
		size_t n = to - from < (off_t)sizeof none ? (size_t)(to - from) : sizeof none;

		rc = put_bytes(fd, none, n, from);
	}
	return rc;
}

static int err_of(int rc)
{
	return rc == ENOSPC || rc == EDQUOT ? ERR_FULL : rc == ENOMEM ? ERR_NOMEM : ERR_IO;
}

/* ---- heads ---- */

static bool head_good(const uint8_t *head)
{
	return memcmp(head, MAGIC, 8) == 0 &&
	       get_u32(head + AT_CRC) == crc_of(head + AT_FORMAT, BLOCK - AT_FORMAT) &&
	       get_u32(head + AT_HALF) < 2 && get_u32(head + AT_TABLES) <= TABLES_MOST;
}

static void head_read(struct journal *j)
{
	const uint8_t *h = j->head;

	j->life = get_u64(h + AT_LIFE);
	j->base.page = get_u32(h + AT_PAGE);
	j->base.sequence = j->sequence = get_u64(h + AT_SEQUENCE);
	j->base.half = j->half = get_u32(h + AT_HALF);
	memcpy(j->base.meta, h + AT_META, sizeof j->base.meta);
	j->at = 0;
}

/* Writes j->head under the next number, into the place of the older one. */
static int head_put(struct journal *j)
{
	uint64_t number = get_u64(j->head + AT_NUMBER) + 1;

	put_u64(j->head + AT_NUMBER, number);
	put_u32(j->head + AT_CRC, crc_of(j->head + AT_FORMAT, BLOCK - AT_FORMAT));
	return put_synced(j->fd, j->head, BLOCK, (off_t)(number & 1) * BLOCK);
}

static void head_base(struct journal *j, const struct journal_base *base)
{
	put_u64(j->head + AT_SEQUENCE, base->sequence);
	put_u32(j->head + AT_HALF, base->half);
	put_u32(j->head + AT_PAGE, base->page);
	memcpy(j->head + AT_META, base->meta, sizeof base->meta);
}

int journal_base_put(struct journal *j, const struct journal_base *base)
{
	head_base(j, base);
	return head_put(j);
}

/* ---- opening ---- */

/* fd is its own from here on. */
static struct journal *new_journal(int fd)
{
	struct journal *j = calloc(1, sizeof *j);

	if (!j) {
		close(fd);
		return NULL;
	}
	j->fd = fd;
	j->record.limit = REDO_BYTES_MOST;
	return j;
}

void journal_free(struct journal *j)
{
	if (!j)
		return;
	close(j->fd);
	buf_deinit(&j->record);
	free(j);
}

/* The newest head of the file. 0 or errno; ENODATA: none is whole. */
static int newest_head(int fd, uint8_t head[BLOCK])
{
	uint8_t other[BLOCK];
	struct stat st;
	int rc = fstat(fd, &st) == 0 ? 0 : errno;

	if (rc == 0 && st.st_size < (off_t)JOURNAL_BYTES)
		rc = ENODATA;
	if (rc == 0)
		rc = get_bytes(fd, head, BLOCK, 0);
	if (rc == 0)
		rc = get_bytes(fd, other, BLOCK, BLOCK);
	if (rc)
		return rc;
	if (head_good(other) &&
		(!head_good(head) || get_u64(other + AT_NUMBER) > get_u64(head + AT_NUMBER)))
		memcpy(head, other, BLOCK);
	return head_good(head) ? 0 : ENODATA;
}

int journal_open(struct journal **out, int dir_fd, struct errmsg *m)
{
	int fd = openat(dir_fd, NAME, O_RDWR | O_CLOEXEC), rc;
	struct journal *j;

	*out = NULL;
	if (fd < 0 && errno == ENOENT)
		return ERR_NOTFOUND;
	if (fd < 0) {
		errmsg_set(m, "`" NAME "`: %s", strerror(errno));
		return ERR_IO;
	}
	j = new_journal(fd);
	if (!j) {
		errmsg_set(m, "out of memory");
		return ERR_NOMEM;
	}
	rc = newest_head(fd, j->head);
	if (rc) {
		errmsg_set(m, "`" NAME "` %s", rc == ENODATA ? "is damaged" : strerror(rc));
		journal_free(j);
		return rc == ENODATA ? ERR_DAMAGED : ERR_IO;
	}
	if (get_u32(j->head + AT_OPEN) && get_u32(j->head + AT_FORMAT) != FORMAT) {
		errmsg_set(m, "`" NAME "` is of another version of tally: start and stop that one");
		journal_free(j);
		return ERR_INVALID;
	}
	head_read(j);
	*out = j;
	return get_u32(j->head + AT_OPEN) ? 0 : ERR_NOTFOUND;
}

int journal_make(struct journal **out, int dir_fd, struct errmsg *m)
{
	int fd = openat(dir_fd, NAME_NEW, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc;
	struct journal *j;

	*out = NULL;
	if (fd < 0) {
		rc = errno;
		goto fail;
	}
	j = new_journal(fd);
	if (!j) {
		rc = ENOMEM;
		goto fail;
	}
	rc = zeros(fd, 0, (off_t)JOURNAL_BYTES);
	memcpy(j->head, MAGIC, 8);
	put_u32(j->head + AT_FORMAT, FORMAT);
	if (rc == 0)
		rc = head_put(j);
	if (rc == 0 && (fsync(fd) != 0 || renameat(dir_fd, NAME_NEW, dir_fd, NAME) != 0 ||
			       fsync(dir_fd) != 0))
		rc = errno;
	if (rc == 0) {
		*out = j;
		return 0;
	}
	journal_free(j);
fail:
	errmsg_set(m, "`" NAME "` cannot be made: %s", strerror(rc));
	unlinkat(dir_fd, NAME_NEW, 0);
	return err_of(rc);
}

const uint8_t *journal_id(const struct journal *j)
{
	return j->head + AT_ID;
}

const struct journal_base *journal_base(const struct journal *j)
{
	return &j->base;
}

int journal_table(const struct journal *j, size_t index, const char *const *names, size_t n)
{
	const char *name = (const char *)j->head + AT_NAMES;
	const char *end = (const char *)j->head + BLOCK;

	if (index >= get_u32(j->head + AT_TABLES))
		return -1;
	for (; index > 0 && name < end; index--)
		name += strnlen(name, (size_t)(end - name)) + 1;
	for (size_t i = 0; i < n && name < end; i++)
		if (strncmp(names[i], name, (size_t)(end - name)) == 0)
			return (int)i;
	return -1;
}

int journal_begin(struct journal *j, const struct journal_owner *owner, struct journal_base *base)
{
	uint8_t *name = j->head + AT_NAMES;

	j->life = get_u64(j->head + AT_LIFE) + 1;
	j->sequence = base->sequence = 1;
	j->half = base->half = 0;
	j->at = 0;
	buf_deinit(&j->record); /* nothing more is read */
	put_u32(j->head + AT_FORMAT, FORMAT);
	put_u64(j->head + AT_LIFE, j->life);
	put_u32(j->head + AT_OPEN, 1);
	put_u32(j->head + AT_TABLES, (uint32_t)owner->n_tables);
	memcpy(j->head + AT_ID, owner->id, PLACE_ID_BYTES);
	memset(name, 0, BLOCK - AT_NAMES);
	for (size_t i = 0; i < owner->n_tables; i++) {
		size_t n = strlen(owner->tables[i]) + 1;

		if (n > (size_t)(j->head + BLOCK - name))
			return E2BIG;
		memcpy(name, owner->tables[i], n);
		name += n;
	}
	return journal_base_put(j, base);
}

int journal_close(struct journal *j)
{
	put_u32(j->head + AT_OPEN, 0);
	return head_put(j);
}

/* ---- reading ---- */

/* The record at `at` of a half into j->record, if it is one of ours with this number, or any number
 * beyond it when `later`. 0, ERR_NOTFOUND, ERR_IO. */
static int load(struct journal *j, unsigned half, size_t at, uint64_t sequence, bool later)
{
	uint8_t head[RECORD_HEAD];
	size_t n;
	char *p;

	if (at + RECORD_HEAD > JOURNAL_HALF_BYTES)
		return ERR_NOTFOUND;
	if (get_bytes(j->fd, head, sizeof head, half_at(half) + (off_t)at))
		return ERR_IO;
	n = get_u32(head + 4);
	if (get_u64(head + 8) != j->life || n > REDO_BYTES_MOST - RECORD_HEAD ||
		n > JOURNAL_HALF_BYTES - RECORD_HEAD - at)
		return ERR_NOTFOUND;
	if (later ? get_u64(head + 16) <= sequence : get_u64(head + 16) != sequence)
		return ERR_NOTFOUND;
	n += RECORD_HEAD;
	buf_reset(&j->record);
	p = buf_room(&j->record, n);
	if (!p)
		return ERR_NOMEM;
	if (get_bytes(j->fd, p, n, half_at(half) + (off_t)at))
		return ERR_IO;
	j->record.n = n;
	j->taken = blocks(n);
	return get_u32(head) == crc_of(p + 4, n - 4) ? 0 : ERR_NOTFOUND;
}

/* Does any record stand that comes after the missing one? */
static int look_beyond(struct journal *j)
{
	for (unsigned half = 0; half < 2; half++) {
		for (size_t at = 0; at < JOURNAL_HALF_BYTES; at += BLOCK) {
			int rc = load(j, half, at, j->sequence, true);

			if (rc != ERR_NOTFOUND)
				return rc ? rc : ERR_DAMAGED;
		}
	}
	return ERR_NOTFOUND;
}

int journal_next(struct journal *j, struct text *ops)
{
	int rc = load(j, j->half, j->at, j->sequence, false);

	if (rc == ERR_NOTFOUND && !j->turned) {
		j->turned = true;
		j->half = !j->half;
		j->at = 0;
		rc = load(j, j->half, 0, j->sequence, false);
	}
	if (rc == ERR_NOTFOUND)
		return look_beyond(j);
	if (rc)
		return rc;
	*ops = (struct text){ j->record.p + RECORD_HEAD, j->record.n - RECORD_HEAD };
	journal_step(j);
	return 0;
}

/* ---- a transaction ---- */

bool journal_fits(const struct journal *j, const struct redo *r)
{
	return blocks(r->bytes.n) <= JOURNAL_HALF_BYTES - j->at;
}

void journal_turn(struct journal *j, struct journal_base *base)
{
	j->half = !j->half;
	j->at = 0;
	base->half = j->half;
	base->sequence = j->sequence;
}

int journal_seal(struct journal *j, struct redo *r, bool *in_doubt)
{
	uint8_t *p = redo_done(r);
	int rc;

	put_u32(p + 4, (uint32_t)(r->bytes.n - RECORD_HEAD));
	put_u64(p + 8, j->life);
	put_u64(p + 16, j->sequence);
	put_u32(p, crc_of(p + 4, r->bytes.n - 4));
	j->taken = blocks(r->bytes.n);
	rc = put_bytes(j->fd, p, r->bytes.n, half_at(j->half) + (off_t)j->at);
	*in_doubt = rc == 0;
	return rc ? rc : fdatasync(j->fd) ? errno : 0;
}

int journal_cancel(struct journal *j)
{
	static const uint8_t nothing[RECORD_HEAD];

	return put_synced(j->fd, nothing, sizeof nothing, half_at(j->half) + (off_t)j->at);
}

void journal_step(struct journal *j)
{
	j->at += j->taken;
	j->sequence++;
}

int journal_wipe(struct journal *j)
{
	int rc = zeros(j->fd, half_at(0), half_at(2));

	return rc ? rc : fdatasync(j->fd) ? errno : 0;
}
