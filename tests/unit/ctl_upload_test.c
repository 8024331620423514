/* tallyctl against a real control socket: files as bodies, what was refused beside them, answers in
 * every form, exit codes. */
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

/* ---- uploads ---- */

static void good_rows_leave_nothing_behind(void **state)
{
	(void)state;
	const char *file = path_of("good.csv"), *refused = path_of("good.csv.refused.csv");
	write_file(file, "a,b\n", 50000);
	write_file(refused, "from the last time\n", 1);
	assert_int_equal(send_one(file, ""), CTL_DONE);
	assert_int_equal(access(refused, F_OK), -1);
	assert_true(last_whole);
	assert_int_equal(last_bytes, 200000);
	assert_string_equal(last_source, "good.csv");
	const char *out = read_file(captured_out);
	assert_non_null(
		strstr(out, "good.csv: accepted 50000, changed 0, unchanged 0, refused 0\n"));
	write_file(file, "", 0);
	assert_int_equal(send_one(file, ""), CTL_DONE);
}

static void refused_rows_stand_beside_the_file(void **state)
{
	(void)state;
	struct stat st;
	const char *file = path_of("部分.csv"), *refused = path_of("部分.csv.refused.csv");
	write_file(file, "a\nx\n", 1000);
	write_file(refused, "from the last time\n", 1);
	assert_int_equal(chmod(refused, 0644), 0);
	assert_int_equal(send_one(file, ""), CTL_PART);
	assert_non_null(strstr(
		read_file(captured_out), "accepted 1000, changed 0, unchanged 0, refused 1000\n"));
	assert_int_equal(stat(refused, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	const char *rows = read_file(refused);
	assert_int_equal(strncmp(rows, "row,line\nx,0\nx,1\n", 17), 0);
	assert_non_null(strstr(rows, "x,999\n"));
	/* nothing else is left in the folder */
	char command[200];
	snprintf(command, sizeof command, "test $(ls %s | grep -c 'refused.csv') = 1", dir);
	assert_int_equal(system(command), 0);
	char *files[] = { (char *)file };
	assert_int_equal(run_as("/v1/in/training", files, 1, CTL_JSON), CTL_PART);
	json_t *v = json_loads(read_file(captured_out), 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(v, "refused")), 1000);
	assert_string_equal(json_string_value(json_object_get(v, "refused_file")), refused);
	json_decref(v);
	assert_int_equal(unlink(refused), 0);
}

static void what_is_no_file_is_said(void **state)
{
	(void)state;
	assert_int_equal(send_one(path_of("missing.csv"), ""), CTL_FAILED);
	assert_true(said("missing.csv: No such file"));
	assert_int_equal(send_one(dir, ""), CTL_FAILED);
	assert_true(said("is a directory"));
	assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
	assert_int_equal(send_one(path_of("pipe"), ""), CTL_FAILED);
	assert_true(said("is not a regular file"));
}

static void a_file_that_changes_is_never_taken_for_whole(void **state)
{
	(void)state;
	for (int shrinks = 0; shrinks < 2; shrinks++) {
		const char *file = path_of("moving.csv");
		write_file(file, "a,b,c,d,e,f,g,h\n", 200000);
		snprintf(meddle_with, sizeof meddle_with, "%s", file);
		meddle_shrinks = shrinks;
		last_whole = true;
		assert_int_equal(send_one(file, ""), CTL_FAILED);
		assert_true(said("changed while it was read"));
		assert_true(said("import the file again"));
		/* the connection was cut: the daemon learns of it a moment later */
		for (int i = 0; i < 200 && last_whole; i++)
			usleep(10000);
		assert_false(last_whole);
		assert_int_equal(access(path_of("moving.csv.refused.csv"), F_OK), -1);
	}
}

static void refusals_of_the_daemon_are_passed_on(void **state)
{
	(void)state;
	const char *file = path_of("any.csv");
	write_file(file, "a,b,c,d,e,f,g,h\n", 200000);
	assert_int_equal(send_one(file, "?deny=1"), CTL_DENIED);
	assert_true(said("operators only"));
	assert_int_equal(send_one(file, "?fail=1"), CTL_FAILED);
	assert_true(said("no column 'name'"));
	assert_int_equal(send_one(file, "?silent=1"), CTL_FAILED);
	assert_true(said("has no counts"));
	assert_int_equal(send_one(file, ""), CTL_DONE); /* the connection is good again */
}

static void reports_are_shown(void **state)
{
	(void)state;
	const char *file = path_of("report.csv"), *beside = path_of("report.csv.refused.csv");
	char *files[] = { (char *)file };
	write_file(file, "a\n", 3);
	write_file(beside, "of another time\n", 1);
	assert_int_equal(send_one(file, "?report=1"), CTL_PART);
	const char *out = read_file(captured_out);
	assert_non_null(strstr(out, "12345\n"));
	assert_non_null(strstr(out, "report.csv: retracted 3, unchanged 1, refused 1\n"));
	assert_true(said("report.csv: warning: a second sheet"));
	assert_int_equal(run_as("/v1/in/training?report=1", files, 1, CTL_JSON), CTL_PART);
	json_t *v = json_loads(read_file(captured_out), 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(v, "retracted")), 3);
	assert_int_equal(json_array_size(json_object_get(v, "rows")), 2);
	assert_null(json_object_get(v, "accepted"));
	assert_null(json_object_get(v, "refused_file"));
	json_decref(v);
	assert_int_equal(run_as("/v1/in/training?report=1", files, 1, CTL_CSV), CTL_PART);
	assert_string_equal(read_file(captured_out), "area,n\r\n浦东,5\r\ncity,12345\r\n");
	assert_string_equal(read_file(beside), "of another time\n");
	assert_int_equal(unlink(beside), 0);
}

static int save_as(const char *url, const char *to)
{
	struct request q = { .method = "GET", .to = to };
	struct ctl_options o = { .output = CTL_TABLE };
	buf_str(&q.url, url);
	capture_begin();
	int code = ask_run(client, &q, &o);
	capture_end();
	buf_deinit(&q.url);
	return code;
}

static void answers_are_saved_whole_or_not(void **state)
{
	(void)state;
	const char *to = path_of("kept.csv");
	assert_int_equal(save_as("/v1/table", to), CTL_DONE);
	assert_string_equal(read_file(captured_out), "");
	assert_string_equal(read_file(to), "area,n\r\n浦东,5\r\ncity,12345\r\n");
	assert_int_equal(save_as("/v1/table?differs=1", path_of("kept.json")), CTL_FAILED);
	assert_non_null(strstr(read_file(path_of("kept.json")), "\"city\""));
	assert_int_equal(save_as("/v1/refuse", to), CTL_FAILED);
	assert_true(said("no such thing"));
	assert_string_equal(read_file(to), "area,n\r\n浦东,5\r\ncity,12345\r\n");
	assert_int_equal(save_as("/v1/table", path_of("kept.xlsx")), CTL_FAILED);
	assert_true(said("only"));
	assert_int_equal(access(path_of("kept.xlsx"), F_OK), -1);
	assert_int_equal(save_as("/v1/table", path_of("no/kept.csv")), CTL_FAILED);
	assert_true(said("No such file"));
	char command[200];
	snprintf(command, sizeof command, "test $(ls %s | grep -c '^kept') = 2", dir);
	assert_int_equal(system(command), 0);
}

static void a_file_may_be_judged_only(void **state)
{
	(void)state;
	const char *file = path_of("conf"), *beside = path_of("conf.refused.csv");
	char expected[300];
	write_file(file, "a = 1\n", 1);
	write_file(beside, "of somebody else\n", 1);
	assert_int_equal(send_one(file, "?judge=1"), CTL_DONE);
	assert_string_equal(read_file(captured_out), "ok: yes\n");
	write_file(file, "x = 1\n", 1);
	assert_int_equal(send_one(file, "?judge=1"), CTL_FAILED);
	snprintf(expected, sizeof expected, "tallyctl: %s:1: unknown setting\n", file);
	assert_string_equal(read_file(captured_err), expected);
	assert_int_equal(access(beside, F_OK), 0);
}

static void of_several_files_the_worst_counts(void **state)
{
	(void)state;
	const char *good = path_of("1.csv"), *part = path_of("2.csv"), *missing = path_of("3.csv");
	write_file(good, "a\n", 1);
	write_file(part, "x\n", 1);
	char *two[] = { (char *)part, (char *)good };
	assert_int_equal(run_as("/v1/in/training", two, 2, CTL_TABLE), CTL_PART);
	char *three[] = { (char *)part, (char *)missing, (char *)good };
	assert_int_equal(run_as("/v1/in/training", three, 3, CTL_TABLE), CTL_FAILED);
	const char *out = read_file(captured_out);
	assert_non_null(strstr(out, "2.csv: accepted 0, changed 0, unchanged 0, refused 1\n"));
	assert_non_null(strstr(out, "1.csv: accepted 1, changed 0, unchanged 0, refused 0\n"));
}

/* ---- answers ---- */

static void answers_come_in_the_form_that_is_wanted(void **state)
{
	(void)state;
	assert_int_equal(run_as("/v1/table", NULL, 0, CTL_TABLE), 0);
	assert_string_equal(read_file(captured_out), "area  count\n浦东      5\ncity  12345\n");
	assert_int_equal(run_as("/v1/table", NULL, 0, CTL_CSV), 0);
	assert_non_null(strstr(read_file(captured_out), "area,n"));
	assert_int_equal(run_as("/v1/table", NULL, 0, CTL_JSON), 0);
	json_t *v = json_loads(read_file(captured_out), 0, NULL);
	assert_int_equal(json_array_size(v), 2);
	json_decref(v);
	assert_int_equal(run_as("/v1/object", NULL, 0, CTL_TABLE), 0);
	assert_string_equal(read_file(captured_out), "role: collector\nn: 5\n");
	assert_int_equal(run_as("/v1/object", NULL, 0, CTL_JSON), 0);
	assert_string_equal(
		read_file(captured_out), "{\n  \"role\": \"collector\",\n  \"n\": 5\n}\n");
}

static void exit_codes_tell(void **state)
{
	(void)state;
	assert_int_equal(run_as("/v1/table?differs=1", NULL, 0, CTL_TABLE), 1);
	assert_int_equal(run_as("/v1/refuse", NULL, 0, CTL_TABLE), CTL_FAILED);
	assert_true(said("tallyctl: no such thing: look again"));
	assert_int_equal(run_as("/v1/refuse?status=403", NULL, 0, CTL_CSV), CTL_DENIED);
	assert_int_equal(run_as("/v1/refuse?status=400", NULL, 0, CTL_JSON), CTL_USAGE);
	assert_int_equal(run_as("/v1/refuse?status=507", NULL, 0, CTL_JSON), CTL_FAILED);
	assert_int_equal(run_as("/v1/nowhere", NULL, 0, CTL_JSON), CTL_FAILED);
}

static void nobody_at_the_socket_is_its_own_code(void **state)
{
	(void)state;
	struct client *c;
	struct answer a = { 0 };
	struct call call = { .method = "GET", .url = "/v1/", .accept = "application/json" };
	assert_int_equal(client_open(&c, path_of("no-socket")), 0);
	assert_int_equal(client_call(c, &call, &a), CTL_NO_DAEMON);
	assert_non_null(strstr(a.why, "no-socket"));
	answer_deinit(&a);
	client_close(c);
	char room[200], with[300];
	memset(with, 'a', sizeof with);
	with[299] = 0;
	capture_begin();
	int err = client_open(&c, with);
	int given = client_socket("/x/y", room, sizeof room);
	capture_end();
	assert_int_equal(err, CTL_NO_DAEMON);
	assert_int_equal(given, 0);
	assert_string_equal(room, "/x/y");
	setenv("TALLY_SOCKET", "/from/environment", 1);
	assert_int_equal(client_socket(NULL, room, sizeof room), 0);
	assert_string_equal(room, "/from/environment");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_rows_leave_nothing_behind),
		cmocka_unit_test(refused_rows_stand_beside_the_file),
		cmocka_unit_test(what_is_no_file_is_said),
		cmocka_unit_test(a_file_that_changes_is_never_taken_for_whole),
		cmocka_unit_test(refusals_of_the_daemon_are_passed_on),
		cmocka_unit_test(reports_are_shown),
		cmocka_unit_test(answers_are_saved_whole_or_not),
		cmocka_unit_test(a_file_may_be_judged_only),
		cmocka_unit_test(of_several_files_the_worst_counts),
		cmocka_unit_test(answers_come_in_the_form_that_is_wanted),
		cmocka_unit_test(exit_codes_tell),
		cmocka_unit_test(nobody_at_the_socket_is_its_own_code),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
