/* One file: open, look, send, and write FILE.refused.csv from the answer while it comes in.
 *
 *     FILE  ──read──▶  POST body ──▶ daemon ──▶ counts in headers, refused rows as body  ──▶
 * FILE.refused.csv.XXXXXX  ──rename──▶
 *
 * The size is told beforehand, so a body that is cut is never taken for a whole one. A file that
 * changes while it is read is given up before its last piece is sent: rows that are in stay in
 * (importing again changes nothing), and the line says so. The refused rows are written to a file
 * of mode 0600, synced, and take their name by rename: what stood there before is replaced only by
 * a whole one, and removed when nothing was refused. An answer marked "inline" is a report (what a
 * dry run would change): it is shown, and nothing is written. */
#include "daemon/ctl/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/ctl/ask.h"
#include "daemon/ctl/width.h"

#define PROGRESS_MS 200
#define PATH_ROOM 4096

struct upload {
	const char *path;
	int fd;
	struct stat before;
	int64_t sent;
	char why[300];		     /* what went wrong on this side; "" : nothing */
	char refused[PATH_ROOM - 8]; /* FILE.refused.csv */
	char temporary[PATH_ROOM];
	int out;	      /* the temporary file; -1: none yet */
	bool out_named;	      /* FILE.refused.csv stands */
	bool terminal, drawn; /* progress is shown; something stands on the line */
	uint64_t drawn_ms;
};

/* ---- progress ---- */

static void progress_clear(struct upload *u)
{
	if (u->drawn)
		fputs("\r\033[K", stderr);
	u->drawn = false;
}

static void progress_draw(struct upload *u)
{
	uint64_t now = clock_mono_ms();
	if (!u->terminal || (u->drawn && now - u->drawn_ms < PROGRESS_MS))
		return;
	double mib = 1024.0 * 1024.0, size = (double)u->before.st_size;
	struct buf name = { 0 };
	width_put(&name, text_of(u->path));
	fprintf(stderr, "\r\033[K%s: %.1f of %.1f MiB, %.0f %%", name.p ? name.p : "",
		(double)u->sent / mib, size / mib,
		size > 0 ? 100.0 * (double)u->sent / size : 100.0);
	fflush(stderr);
	buf_deinit(&name);
	u->drawn = true;
	u->drawn_ms = now;
}

/* ---- the file ---- */

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static size_t give_up(struct upload *u, const char *why)
{
	snprintf(u->why, sizeof u->why,
		"%s; what was taken in before stays (%lld of %lld bytes were sent): import the "
		"file again",
		why, (long long)u->sent, (long long)u->before.st_size);
	return SIZE_MAX;
}

static size_t on_read(void *arg, char *p, size_t n)
{
	struct upload *u = arg;
	int64_t left = u->before.st_size - u->sent;
	struct stat now;
	ssize_t got;
	if ((uint64_t)left < n)
		n = (size_t)left;
	do
		got = n ? read(u->fd, p, n) : 0;
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		char why[100];
		snprintf(why, sizeof why, "cannot be read on: %s", strerror(errno));
		return give_up(u, why);
	}
	/* Before the last piece leaves: the daemon would take the body for whole. */
	if ((got == 0 && left > 0) ||
		(got == left && got > 0 && (fstat(u->fd, &now) != 0 || !same(&now, &u->before))))
		return give_up(u, "changed while it was read");
	u->sent += got;
	progress_draw(u);
	return (size_t)got;
}

static int file_open(struct upload *u)
{
	/* O_NONBLOCK: opening a pipe must not hang */
	u->fd = open(u->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (u->fd < 0 || fstat(u->fd, &u->before) != 0)
		return ctl_fail(CTL_FAILED, "%s: %s", u->path, strerror(errno));
	if (S_ISDIR(u->before.st_mode))
		return ctl_fail(CTL_FAILED, "%s: is a directory; name the files in it", u->path);
	if (!S_ISREG(u->before.st_mode))
		return ctl_fail(
			CTL_FAILED, "%s: is not a regular file; save it as one first", u->path);
	if ((size_t)snprintf(u->refused, sizeof u->refused, "%s.refused.csv", u->path) >=
		sizeof u->refused)
		return ctl_fail(CTL_FAILED, "%s: the name is too long", u->path);
	return 0;
}

const char *upload_type(const char *path)
{
	static const struct {
		const char *end, *type;
	} types[] = { { ".csv", "text/csv" }, { ".tsv", "text/tab-separated-values" },
		{ ".ndjson", "application/x-ndjson" }, { ".jsonl", "application/x-ndjson" },
		{ ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" } };
	size_t n = strlen(path);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		size_t end = strlen(types[i].end);
		if (n > end && strcasecmp(path + n - end, types[i].end) == 0)
			return types[i].type;
	}
	return "application/octet-stream"; /* the daemon looks at the bytes */
}

/* ---- what was refused ---- */

static bool refused_fail(struct upload *u)
{
	snprintf(u->why, sizeof u->why,
		"the refused rows cannot be written beside it: %s; the good rows are in, "
		"import the file again where you may write",
		strerror(errno));
	return false;
}

static bool wants_body(void *arg, const struct answer *a)
{
	(void)arg;
	return strcmp(a->type, "text/csv") == 0;
}

static bool on_body(void *arg, const struct answer *a, const char *p, size_t n)
{
	struct upload *u = arg;
	if (a->shown)
		return fwrite(p, 1, n, stdout) == n;
	if (u->out < 0) {
		snprintf(u->temporary, sizeof u->temporary, "%s.XXXXXX", u->refused);
		u->out = mkostemp(u->temporary, O_CLOEXEC); /* 0600 */
		if (u->out < 0)
			return refused_fail(u);
	}
	while (n) {
		ssize_t put = write(u->out, p, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return refused_fail(u);
		p += put;
		n -= (size_t)put;
	}
	return true;
}

/* After a whole answer: the refused rows take their name, or what stood there goes. */
static bool refused_settle(struct upload *u, bool some)
{
	if (!some || u->out < 0)
		return unlink(u->refused) == 0 || errno == ENOENT || refused_fail(u);
	if (fsync(u->out) != 0 || rename(u->temporary, u->refused) != 0)
		return refused_fail(u);
	close(u->out);
	u->out = -1;
	return true;
}

static void upload_deinit(struct upload *u)
{
	progress_clear(u);
	if (u->out >= 0) {
		close(u->out);
		unlink(u->temporary);
	}
	if (u->fd >= 0)
		close(u->fd);
}

/* ---- one file ---- */

static void result_json(const struct upload *u, const struct answer *a)
{
	json_t *v = json_pack("{s:s?}", "file", u->path), *rows;
	for (int i = 0; i < CLIENT_COUNTS && v; i++)
		if (a->counts[i] >= 0)
			json_object_set_new(v, client_counts[i], json_integer(a->counts[i]));
	if (v && u->out_named)
		json_object_set_new(v, "refused_file", json_string(u->refused));
	rows = v && a->shown ? json_loadb(a->body.p ? a->body.p : "", a->body.n, 0, NULL) : NULL;
	if (rows)
		json_object_set_new(v, "rows", rows);
	if (v)
		json_dumpf(v, stdout, JSON_COMPACT);
	else /* a file name that is no UTF-8 has no JSON */
		fputs("{}", stdout);
	fputc('\n', stdout);
	json_decref(v);
}

static void result_print(
	const struct upload *u, const struct answer *a, const struct ctl_options *o)
{
	struct buf line = { 0 };
	const char *sign = ": ";
	if (o->output == CTL_JSON) {
		result_json(u, a);
		return;
	}
	if (a->shown && a->body.n)
		(void)answer_print(a, o);
	width_put(&line, text_of(u->path));
	for (int i = 0; i < CLIENT_COUNTS; i++) {
		if (a->counts[i] < 0)
			continue;
		buf_printf(&line, "%s%s %lld", sign, client_counts[i], (long long)a->counts[i]);
		sign = ", ";
	}
	buf_str(&line, "\n");
	/* Behind a list for programs the line would be one of its rows. */
	fwrite(line.p ? line.p : "", 1, line.n, a->shown && o->output == CTL_CSV ? stderr : stdout);
	buf_deinit(&line);
}

static int refused_by_daemon(const struct upload *u, struct answer *a)
{
	int code = a->exit > 0 ? a->exit : a->status == 403 ? CTL_DENIED : CTL_FAILED;
	const char *slash = strrchr(u->path, '/'), *name = slash ? slash + 1 : u->path,
		   *words = answer_error(a);
	size_t n = strlen(name);
	/* "conf:3: unknown setting" names the file already */
	if (strncmp(words, name, n) == 0 && words[n] == ':')
		return ctl_fail(code, "%.*s%s", (int)(name - u->path), u->path, words);
	return ctl_fail(code, "%s: %s", u->path, words);
}

/* The answer came. */
static int answered(struct upload *u, struct answer *a, const struct ctl_options *o)
{
	if (a->status < 200 || a->status >= 300)
		return refused_by_daemon(u, a);
	bool taken = a->counts[CLIENT_REFUSED] >= 0;
	if (!taken && u->out < 0) { /* a file that is judged, not rows that are taken in */
		int code = a->body.n ? answer_print(a, o) : CTL_DONE;
		return code ? code : a->exit > 0 ? a->exit : CTL_DONE;
	}
	if (!taken || a->counts[CLIENT_UNCHANGED] < 0)
		return ctl_fail(CTL_FAILED,
			"%s: the daemon's answer has no counts; is it of another version?",
			u->path);
	if (a->warning[0])
		ctl_fail(0, "%s: warning: %s", u->path, a->warning);
	bool some = a->counts[CLIENT_REFUSED] > 0;
	bool kept = a->shown || refused_settle(u, some);
	u->out_named = some && kept && !a->shown;
	result_print(u, a, o);
	if (!kept)
		return ctl_fail(CTL_FAILED, "%s: %s", u->path, u->why);
	return a->exit > 0 ? a->exit : some ? CTL_PART : CTL_DONE;
}

/* A file's name for the daemon's log and lists: no folder, nothing that could end a header. */
static void source_name(char *out, size_t size, const char *path)
{
	const char *slash = strrchr(path, '/');
	snprintf(out, size, "%s", slash ? slash + 1 : path);
	for (; *out; out++)
		if ((unsigned char)*out < 0x20 || *out == 0x7f)
			*out = '?';
}

static int upload_one(
	struct client *c, const struct request *q, const char *path, const struct ctl_options *o)
{
	struct upload u = { .path = path, .fd = -1, .out = -1, .terminal = isatty(STDERR_FILENO) };
	static const char *const accept[] = { [CTL_TABLE] = ANSWER_TABLE ", text/csv",
		[CTL_CSV] = "text/csv",
		[CTL_JSON] = "application/json, text/csv" };
	struct answer a = { 0 };
	char source[256];
	int code = file_open(&u);
	if (code)
		goto out;
	source_name(source, sizeof source, path);
	struct call call = { .method = q->method,
		.url = q->url.p,
		.accept = accept[o->output],
		.read = on_read,
		.size = u.before.st_size,
		.type = upload_type(path),
		.source = source,
		.body = on_body,
		.wants = wants_body,
		.arg = &u };
	code = client_call(c, &call, &a);
	progress_clear(&u);
	if (code == 0)
		code = answered(&u, &a, o);
	else
		ctl_fail(code, "%s: %s", path, u.why[0] ? u.why : a.why);
out:
	answer_deinit(&a);
	upload_deinit(&u);
	return code;
}

int upload_run(struct client *c, const struct request *q, const struct ctl_options *o)
{
	int worst = CTL_DONE;
	for (size_t i = 0; i < q->n_files; i++) {
		int code = upload_one(c, q, q->files[i], o);
		fflush(stdout);
		if (code == CTL_NO_DAEMON || code == CTL_DENIED)
			return code; /* the next file would fare no better */
		if (code == CTL_FAILED || worst == CTL_DONE)
			worst = code;
	}
	return worst;
}
