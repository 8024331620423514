/* The routes that every daemon has. */
#include "run_operator.h"

static void common_routes(void **state)
{
	struct answer a = { 0 };
	json_t *o;
	pid_t pid;

	(void)state;
	write_conf("");
	pid = daemon_up();
	o = ask("GET", "/v1/", 200);
	assert_true(json_array_size(json_object_get(o, "routes")) >= 9);
	json_decref(o);
	o = ask("GET", "/v1/ledgers", 200);
	assert_int_equal(json_array_size(o), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(o, 0), "own")), "yes");
	json_decref(o);
	o = ask("GET", "/v1/ledgers/310115?from=1", 200);
	assert_int_equal(json_array_size(o), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(o, 0), "kind")), "genesis");
	json_decref(o);
	json_decref(ask("GET", "/v1/ledgers/310101", 404));
	json_decref(ask("GET", "/v1/ledgers/pudong", 400));
	json_decref(ask("GET", "/v1/ledgers/310115?from=0", 400));
	json_decref(ask("POST", "/v1/ledgers/verify?origin=310101", 404));
	o = ask("POST", "/v1/ledgers/verify", 200);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(o, 0), "verdict")), "whole");
	assert_true(json_is_null(json_object_get(json_array_get(o, 0), "broken_at")));
	json_decref(o);
	o = ask("GET", "/v1/config", 200);
	assert_int_equal(json_array_size(o), 8);
	json_decref(o);
	client_ask(&a, "GET", "/metrics", "");
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(a.headers, "text/plain; version=0.0.4"));
	assert_non_null(strstr(a.body, "# TYPE tally_ledger_position "
				       "gauge\ntally_ledger_position{origin=\"310115\"} 1\n"));
	assert_non_null(strstr(a.body, "\ntally_store_full 0\n"));
	answer_deinit(&a);
	daemon_down(pid, SIGTERM);
}

static void check_upload(const char *text, int status, const char *words)
{
	struct answer a = { 0 };
	struct buf request = { 0 };
	int fd = client_connect();

	buf_printf(&request,
		"POST /v1/config/check HTTP/1.1\r\nHost: t\r\nTally-Source: "
		"a.conf\r\nContent-Length: %zu\r\n\r\n%s",
		strlen(text), text);
	assert_true(client_send(fd, request.p, request.n));
	assert_true(client_read(fd, &a));
	assert_int_equal(a.status, status);
	assert_non_null(strstr(a.body, words));
	assert_true(!strstr(a.headers, "Tally-Exit: 1") == (status == 200));
	close(fd);
	answer_deinit(&a);
	buf_deinit(&request);
}

static void config_check(void **state)
{
	pid_t pid;

	(void)state;
	write_conf("");
	pid = daemon_up();
	check_upload("district = 310101\nstate_dir = /x\ncontrol = /y\n", 200, "\"ok\": true");
	check_upload("district = 310101\nstate_dir = /x\n", 400, "a.conf:2: control is missing");
	check_upload("district = 310101\nstate_dir = /x\ncontrol = /y\nextra = 66\n", 400,
		"a.conf:4: extra = 66: not this");
	check_upload("", 400, "a.conf:1: district is missing");
	daemon_down(pid, SIGTERM);
}

static void backup(void **state)
{
	char path[256], more[256];
	json_t *o;
	pid_t pid;

	(void)state;
	write_conf("");
	pid = daemon_up();
	snprintf(path, sizeof(path), "/v1/backup?dir=%s/copy", server_dir);
	o = ask("POST", path, 200);
	assert_non_null(json_object_get(o, "keys"));
	json_decref(o);
	json_decref(ask("POST", path, 409));
	json_decref(ask("POST", "/v1/backup?dir=copy", 400));
	json_decref(ask("POST", "/v1/backup", 400));
	daemon_down(pid, SIGTERM);
	/* a start accepts the copy, and the copy is whole */
	remove_all("state");
	snprintf(more, sizeof(more), "mv %s %s/state", in_dir("copy"), server_dir);
	assert_int_equal(system(more), 0);
	pid = daemon_up();
	o = ask("POST", "/v1/ledgers/verify", 200);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(o, 0), "verdict")), "whole");
	json_decref(o);
	daemon_down(pid, SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common_routes),
		cmocka_unit_test(config_check),
		cmocka_unit_test(backup),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
