/* A daemon that takes files in and answers in every form, on a thread of the test, and tallyctl
 * asked against it with what it prints caught. One file of tests includes it. */
#ifndef CTL_DAEMON_FIXTURE_H
#define CTL_DAEMON_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/api/api.h"
#include "daemon/ctl/ask.h"
#include "daemon/ctl/upload.h"

static char dir[] = "/tmp/ctl_test_XXXXXX";
static char socket_path[64], captured_out[64], captured_err[64];
static struct api *api;
static struct client *client;

/* ---- the daemon's side: lines that begin with x are refused ---- */

static char meddle_with[256]; /* a file that grows (or shrinks) once its first bytes have come */
static bool meddle_shrinks;
static _Atomic bool last_whole; /* set last: what is written before it may be read after it */
static size_t last_bytes;
static char last_source[256];

struct taking {
	size_t accepted, refused, n;
	struct buf rows;
	bool at_start;
};

static void *begin(struct api_call *call)
{
	const char *source = api_header(call, "Tally-Source");
	snprintf(last_source, sizeof last_source, "%s", source ? source : "");
	if (api_flag(call, "deny")) {
		api_fail(call, 403, "operators only");
		return NULL;
	}
	struct taking *t = calloc(1, sizeof *t);
	t->at_start = true;
	return t;
}

static bool data(void *state, const char *p, size_t n)
{
	struct taking *t = state;
	if (meddle_with[0]) {
		int fd = open(meddle_with, O_WRONLY | O_APPEND);
		if (meddle_shrinks)
			assert_int_equal(ftruncate(fd, 100), 0);
		else
			assert_int_equal(write(fd, "more\n", 5), 5);
		close(fd);
		meddle_with[0] = 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (t->at_start)
			p[i] == 'x' ? t->refused++ : t->accepted++;
		t->at_start = p[i] == '\n';
	}
	t->n += n;
	return true;
}

static void count(struct api_call *call, const char *name, size_t n)
{
	char value[32];
	snprintf(value, sizeof value, "%zu", n);
	api_set_header(call, name, value);
}

static void table(struct api_call *call);

static void end(struct api_call *call, void *state, bool whole)
{
	struct taking *t = state;
	last_bytes = t->n;
	last_whole = whole;
	if (api_flag(call, "fail")) {
		api_fail(call, 400, "the file has no column 'name'; add it");
	} else if (api_flag(call, "report")) {
		count(call, "Tally-Retracted", 3);
		count(call, "Tally-Unchanged", 1);
		count(call, "Tally-Refused", 1);
		api_set_header(call, "Tally-Warning", "a second sheet");
		api_set_header(call, "Content-Disposition", "inline");
		api_set_exit(call, 3);
		table(call);
	} else if (api_flag(call, "judge")) {
		t->refused ? api_fail(call, 400, "%s:1: unknown setting", last_source)
			   : api_json(call, json_pack("{s:b}", "ok", 1));
	} else {
		count(call, "Tally-Accepted", t->accepted);
		count(call, "Tally-Changed", 0);
		if (!api_flag(call, "silent"))
			count(call, "Tally-Unchanged", 0);
		count(call, "Tally-Refused", t->refused);
		if (t->refused)
			api_set_exit(call, 3);
		for (size_t i = 0; i < t->refused; i++)
			buf_printf(&t->rows, "%sx,%zu\n", i ? "" : "row,line\n", i);
		api_text(call, "text/csv; charset=utf-8", &t->rows);
	}
	free(t);
}

static const struct api_upload upload = { begin, data, end };

static void table(struct api_call *call)
{
	static const struct api_column columns[] = { { "area", "地区", "area", API_TEXT },
		{ "n", "数", "count", API_INT } };
	struct api_table *t = api_table(call, columns, 2);
	api_cell_str(t, "浦东");
	api_cell_int(t, 5);
	api_cell_str(t, "city");
	api_cell_int(t, 12345);
	if (api_flag(call, "differs"))
		api_set_exit(call, 1);
	api_table_end(t);
}

static void object(struct api_call *call)
{
	api_json(call, json_pack("{s:s, s:i}", "role", "collector", "n", 5));
}

static void refuse(struct api_call *call)
{
	uint64_t status;
	if (api_number(call, "status", 404, 400, 599, &status))
		api_fail(call, (int)status, "no such thing: look again");
}

static const struct api_route routes[] = {
	{ .method = "POST",
		.path = "/v1/in/{register}",
		.command = "import REGISTER FILE…",
		.query = "deny? fail? silent? judge? report?",
		.upload = &upload },
	{ .method = "GET",
		.path = "/v1/table",
		.command = "table",
		.query = "differs?",
		.handle = table },
	{ .method = "GET", .path = "/v1/object", .command = "object", .handle = object },
	{ .method = "GET",
		.path = "/v1/refuse",
		.command = "refuse",
		.query = "status",
		.handle = refuse },
};

/* ---- helpers ---- */

static const char *path_of(const char *name)
{
	static char out[4][256];
	static int i;
	char *o = out[i++ % 4];
	snprintf(o, 256, "%s/%s", dir, name);
	return o;
}

static void write_file(const char *path, const char *text, size_t times)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	while (times--)
		fputs(text, f);
	fclose(f);
}

static const char *read_file(const char *path)
{
	static char out[100000];
	FILE *f = fopen(path, "r");
	if (!f)
		return NULL;
	out[fread(out, 1, sizeof out - 1, f)] = 0;
	fclose(f);
	return out;
}

/* Runs fn with standard output and standard error going to files. */
static int saved[2];
static void capture_begin(void)
{
	fflush(NULL);
	saved[0] = dup(1);
	saved[1] = dup(2);
	assert_true(freopen(captured_out, "w", stdout) && freopen(captured_err, "w", stderr));
}
static void capture_end(void)
{
	fflush(NULL);
	dup2(saved[0], 1);
	dup2(saved[1], 2);
	close(saved[0]);
	close(saved[1]);
}

static int run_as(const char *url, char **files, size_t n, enum ctl_output output)
{
	struct request q = { .method = files ? "POST" : "GET", .files = files, .n_files = n };
	struct ctl_options o = { .output = output };
	buf_str(&q.url, url);
	capture_begin();
	int code = files ? upload_run(client, &q, &o) : ask_run(client, &q, &o);
	capture_end();
	buf_deinit(&q.url);
	return code;
}

static int send_one(const char *path, const char *query)
{
	char url[100];
	char *files[] = { (char *)path };
	snprintf(url, sizeof url, "/v1/in/training%s", query);
	return run_as(url, files, 1, CTL_TABLE);
}

static bool said(const char *words)
{
	const char *err = read_file(captured_err);
	if (strstr(err, words) && strchr(err, '\n') == err + strlen(err) - 1)
		return true;
	print_message("said: %s", err);
	return false;
}

static int setup(void **state)
{
	(void)state;
	struct errmsg m;
	if (!mkdtemp(dir))
		return -1;
	snprintf(socket_path, sizeof socket_path, "%s/s", dir);
	snprintf(captured_out, sizeof captured_out, "%s/out", dir);
	snprintf(captured_err, sizeof captured_err, "%s/err", dir);
	struct api_conf conf = { .socket = socket_path, .name = "test", .version = "1" };
	if (api_open(&api, &conf, routes, sizeof routes / sizeof *routes, &m)) {
		print_error("%s\n", m.text);
		return -1;
	}
	return client_open(&client, socket_path);
}

static int teardown(void **state)
{
	(void)state;
	char command[100];
	client_close(client);
	api_close(api);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

#endif
