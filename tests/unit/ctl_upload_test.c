/* tallyctl against a real control socket: files as bodies, what was refused beside them, answers in
 * every form, exit codes. */
#include "tests/unit/ctl_daemon_fixture.h"

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
