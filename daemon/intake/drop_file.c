/* Normal path: claim (rename into taking) → load → done.
 *
 * What was refused is written before the file leaves taking:
 *
 *     failed/.NAME.refused.csv.part  written, synced
 *     taking/NAME → failed/NAME
 *     failed/.NAME.refused.csv.part → failed/NAME.refused.csv
 *
 * A kill between the steps: before the second the file is taken in again and the part is thrown
 * away, after it the part gets its name (drop_recover). Folders are synced after each step that the
 * next one builds on.
 *
 * Renames never overwrite: RENAME_NOREPLACE, and where the file system does not know it, a link and
 * an unlink. A name that is taken gets the time into it. */
#include "daemon/intake/drop_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/base/clock.h"

#define REFUSED ".refused.csv"
#define REASON ".reason.txt"
#define PART ".part"
#define STEM_MAX 180  /* bytes of a name that are kept when something is put to it */
#define NAME_KEPT 230 /* of a name that name_of() made: all of it */
#define TRIES 1000

/* ---- folders ---- */

static int dir_open(int at, const char *name, bool make)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && make && (mkdirat(at, name, 0770) == 0 || errno == EEXIST))
		fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

static int below(int dir, const char *ours, const char *reg)
{
	int up = dir_open(dir, ours, true), fd = up < 0 ? -1 : dir_open(up, reg, true);
	int why = errno;

	if (up >= 0)
		close(up);
	errno = why;
	return fd;
}

int drop_dirs_open(struct drop_dirs *d, int dir, const struct reg *reg, struct errmsg *m)
{
	*d = (struct drop_dirs){ .in = -1, .taking = -1, .done = -1, .failed = -1 };
	d->in = dir_open(dir, reg->name, true);
	if (d->in >= 0)
		d->taking = below(dir, "taking", reg->name);
	if (d->taking >= 0)
		d->done = below(dir, "done", reg->name);
	if (d->done >= 0)
		d->failed = below(dir, "failed", reg->name);
	if (d->failed >= 0)
		return 0;
	errmsg_set(m, "the drop folder cannot be used: %s: let the daemon's user write there",
		strerror(errno));
	drop_dirs_close(d);
	return ERR_IO;
}

void drop_dirs_close(struct drop_dirs *d)
{
	const int fds[] = { d->in, d->taking, d->done, d->failed };

	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* ---- names ---- */

static bool stands(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Bytes of a name up to `most`, no character cut. */
static size_t cut(const char *name, size_t n, size_t most)
{
	if (n <= most)
		return n;
	while (most > 0 && ((unsigned char)name[most] & 0xc0) == 0x80)
		most--;
	return most;
}

/* The k-th name to try: NAME, then STEM-20190501T080000.END, STEM-20190501T080000-2.END, … */
static void name_of(char out[NAME_MAX + 1], const char *name, int k)
{
	const char *dot = strrchr(name, '.');
	size_t n = dot && dot != name && strlen(dot) <= 16 ? (size_t)(dot - name) : strlen(name);
	uint64_t now = clock_wall_ms();
	int second = (int)((now / 1000 + 8 * 3600) % 86400); /* of Shanghai's day */
	char at[40] = "", count[16] = "";

	if (k > 0)
		(void)snprintf(at, sizeof at, "-%08dT%02d%02d%02d", clock_date(now), second / 3600,
			second / 60 % 60, second % 60);
	if (k > 1)
		(void)snprintf(count, sizeof count, "-%d", k);
	(void)snprintf(out, NAME_MAX + 1, "%.*s%s%s%s", (int)cut(name, n, STEM_MAX), name, at,
		count, name + n);
}

static void with_end(char out[NAME_MAX + 1], const char *front, const char *name, const char *end)
{
	(void)snprintf(out, NAME_MAX + 1, "%s%.*s%s", front, NAME_KEPT, name, end);
}

/* 0, EEXIST, or another errno. */
static int move(int from, const char *name, int to, const char *as)
{
	if (renameat2(from, name, to, as, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return errno;
	if (linkat(from, name, to, as, 0) != 0)
		return errno;
	return unlinkat(from, name, 0) == 0 ? 0 : errno;
}

static int words_of_errno(int why, struct errmsg *m, const char *what)
{
	errmsg_set(m, "%s: %s", what, strerror(why));
	return why == ENOSPC || why == EDQUOT ? ERR_FULL : ERR_IO;
}

/* ---- claiming ---- */

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int drop_claim(
	const struct drop_dirs *d, const char *name, const struct stat *seen, struct errmsg *m)
{
	struct stat now;
	int why;

	if (fstatat(d->in, name, &now, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? ERR_NOTFOUND
				       : words_of_errno(errno, m, "the drop folder cannot be read");
	if (!S_ISREG(now.st_mode) || !same(&now, seen))
		return ERR_BUSY;
	why = move(d->in, name, d->taking, name);
	if (why == EEXIST)
		return ERR_BUSY;
	return why == 0	       ? 0
	       : why == ENOENT ? ERR_NOTFOUND
			       : words_of_errno(why, m, "the drop folder cannot be written");
}

/* ---- where a file ends ---- */

/* A name under which nothing stands, nor what would stand beside it. */
static bool free_name(int dir, const char *name, char out[NAME_MAX + 1])
{
	char refused[NAME_MAX + 1], reason[NAME_MAX + 1];

	for (int k = 0; k < TRIES; k++) {
		name_of(out, name, k);
		with_end(refused, "", out, REFUSED);
		with_end(reason, "", out, REASON);
		if (!stands(dir, out) && !stands(dir, refused) && !stands(dir, reason))
			return true;
	}
	return false;
}

static int to_done(const struct drop_dirs *d, const char *name, struct errmsg *m)
{
	char as[NAME_MAX + 1];
	int why = EEXIST;

	for (int k = 0; k < TRIES && why == EEXIST; k++) {
		name_of(as, name, k);
		why = move(d->taking, name, d->done, as);
	}
	if (why == 0 && fsync(d->done) == 0)
		(void)fsync(d->taking);
	return why ? words_of_errno(why, m, "a file cannot be moved to done") : 0;
}

static int copy(int from, int to)
{
	char piece[16 * 1024];
	ssize_t n;

	while ((n = read(from, piece, sizeof piece)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		for (ssize_t done = 0; done < n;) {
			ssize_t put = write(to, piece + done, (size_t)(n - done));

			if (put < 0 && errno != EINTR)
				return errno;
			done += put > 0 ? put : 0;
		}
	}
	return 0;
}

/* What is to stand beside a failed file: the refused rows, or words. */
struct beside {
	int refused; /* a descriptor; -1: words */
	const char *words;
	mode_t mode;
	gid_t group;
};

/* Who may read the file may read what was wrong with it. */
static int write_part(int dir, const char *part, const struct beside *b)
{
	int fd = openat(dir, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int why;

	if (fd < 0)
		return errno;
	(void)!fchown(fd, (uid_t)-1, b->group);
	(void)fchmod(fd, 0600 | (b->mode & 0666));
	if (b->refused >= 0)
		why = copy(b->refused, fd);
	else
		why = dprintf(fd, "%s\n", b->words) < 0 ? errno : 0;
	if (!why && fsync(fd) != 0)
		why = errno;
	close(fd);
	if (!why && fsync(dir) != 0)
		why = errno;
	if (why)
		(void)unlinkat(dir, part, 0);
	return why;
}

static int to_failed(
	const struct drop_dirs *d, const char *name, const struct beside *b, struct errmsg *m)
{
	const char *end = b->refused >= 0 ? REFUSED : REASON;
	char as[NAME_MAX + 1], whole[NAME_MAX + 1], part[NAME_MAX + 1];
	int why;

	if (!free_name(d->failed, name, as))
		return words_of_errno(EEXIST, m, "a file cannot be moved to failed");
	with_end(whole, "", as, end);
	with_end(part, ".", whole, PART);
	why = write_part(d->failed, part, b);
	if (why)
		return words_of_errno(why, m, "what was refused of a file cannot be written");
	why = move(d->taking, name, d->failed, as);
	if (why) {
		(void)unlinkat(d->failed, part, 0);
		return words_of_errno(why, m, "a file cannot be moved to failed");
	}
	why = move(d->failed, part, d->failed, whole);
	(void)fsync(d->failed);
	(void)fsync(d->taking);
	return why ? words_of_errno(why, m, "what was refused of a file cannot be named") : 0;
}

/* ".NAME.refused.csv.part" → "NAME.refused.csv" and "NAME"; false: it is none of ours. */
static bool part_names(const char *part, char whole[NAME_MAX + 1], char name[NAME_MAX + 1])
{
	static const char *const ends[] = { REFUSED, REASON };
	size_t n = strlen(part);

	if (part[0] != '.' || n <= 1 + strlen(PART) || strcmp(part + n - strlen(PART), PART) != 0)
		return false;
	(void)snprintf(whole, NAME_MAX + 1, "%.*s", (int)(n - 1 - strlen(PART)), part + 1);
	n = strlen(whole);
	for (size_t i = 0; i < 2; i++) {
		size_t end = strlen(ends[i]);

		if (n > end && strcmp(whole + n - end, ends[i]) == 0) {
			(void)snprintf(name, NAME_MAX + 1, "%.*s", (int)(n - end), whole);
			return true;
		}
	}
	return false;
}

void drop_recover(int failed)
{
	char whole[NAME_MAX + 1], name[NAME_MAX + 1];
	int fd = openat(failed, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		if (!part_names(e->d_name, whole, name))
			continue;
		if (stands(failed, name) && !stands(failed, whole))
			(void)move(failed, e->d_name, failed, whole);
		else
			(void)unlinkat(failed, e->d_name, 0);
	}
	closedir(dir);
	(void)fsync(failed);
}

/* ---- taking in ---- */

/* The file's owner brought it in. */
static void owner_name(uid_t uid, char out[AUTHOR_MAX + 1])
{
	char room[1024];
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, room, sizeof room, &found) == 0 && found)
		(void)snprintf(out, AUTHOR_MAX + 1, "%s", pw.pw_name);
	else
		(void)snprintf(out, AUTHOR_MAX + 1, "uid %u", (unsigned)uid);
}

static enum drop_end wait_for(struct drop_job *j, int err, const char *words)
{
	j->err = err;
	errmsg_set(&j->words, "%s", words);
	return DROP_WAITS;
}

static enum drop_end fail_with(struct drop_job *j, const struct beside *b)
{
	j->err = to_failed(j->dirs, j->name, b, &j->words);
	return j->err ? DROP_WAITS : DROP_FAILED;
}

/* The file came to its end, one way or the other. */
static enum drop_end settle(struct drop_job *j, const struct load *l, const struct stat *st,
	const struct intake_result *r)
{
	struct beside b = {
		.refused = r->refused, .words = r->words, .mode = st->st_mode, .group = st->st_gid
	};

	if (r->words && !r->bad_file)
		return wait_for(j, r->err, r->words);
	if (load_moved(l)) {
		/* It is being written still: back to where it came from. */
		(void)move(j->dirs->taking, j->name, j->dirs->in, j->name);
		return wait_for(j, ERR_BUSY,
			"a file changed while it was read; it is taken in when it is still");
	}
	if (r->words || r->refused >= 0)
		return fail_with(j, &b);
	j->err = to_done(j->dirs, j->name, &j->words);
	return j->err ? DROP_WAITS : DROP_DONE;
}

static enum drop_end take_open(struct drop_job *j, int fd, const struct stat *st)
{
	struct load_conf c = *j->conf;
	char author[AUTHOR_MAX + 1];
	const struct intake_result *r;
	enum drop_end end;
	struct load *l;
	int err;

	owner_name(st->st_uid, author);
	c.request.author = author;
	c.format = reader_format_of(NULL, j->name);
	err = load_open(&l, &c);
	if (err)
		return wait_for(j, err, err_words(err));
	r = load_file(l, fd);
	j->counts = r->counts;
	end = settle(j, l, st, r);
	if (r->refused >= 0)
		close(r->refused);
	load_free(l);
	return end;
}

enum drop_end drop_take(struct drop_job *j)
{
	int fd = openat(j->dirs->taking, j->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct beside b = { .refused = -1, .mode = 0600, .group = (gid_t)-1 };
	enum drop_end end;
	char words[160];
	struct stat st;

	j->counts = (struct counts){ 0 };
	j->err = 0;
	if (fd < 0 && errno == ENOENT)
		return wait_for(j, ERR_NOTFOUND, "a file went away while it was to be taken in");
	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)snprintf(
			words, sizeof words, "E016: the file cannot be read: %s", strerror(errno));
		b.words = words;
		end = fail_with(j, &b);
	} else {
		end = take_open(j, fd, &st);
	}
	if (fd >= 0)
		close(fd);
	return end;
}
