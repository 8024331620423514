/* A daemon is started, reloaded, stopped, started again, and refused where it must be. */
#include "run_operator.h"

static void command_line(void **state)
{
	const char *const version[] = { "-V", NULL }, *const help[] = { "-h", NULL },
			  *const none[] = { NULL }, *const wrong[] = { "-x", NULL },
			  *const more[] = { "-c", "f", "g", NULL },
			  *const missing[] = { "-c", "/nowhere", NULL },
			  *const checked[] = { "-n", "-c", conf_path, NULL },
			  *const run[] = { "-c", conf_path, NULL };

	(void)state;
	assert_int_equal(run_once(version), 0);
	assert_string_equal(said, "tally-test " TALLY_VERSION "\n");
	assert_int_equal(run_once(help), 0);
	assert_int_equal(run_once(none), 64);
	assert_string_equal(said, "tally-test: -c FILE is missing; -h shows the options\n");
	assert_int_equal(run_once(wrong), 64);
	assert_int_equal(run_once(more), 64);
	assert_int_equal(run_once(missing), 78);
	assert_string_equal(said, "tally-test: /nowhere: No such file or directory\n");
	write_conf("");
	assert_int_equal(run_once(checked), 0);
	assert_int_equal(access(in_dir("state"), F_OK), -1);
	write_conf("store_limit = 1KiB\n");
	assert_int_equal(run_once(checked), 78);
	assert_int_equal(run_once(run), 78);
	assert_non_null(strstr(said, "x.conf:5: store_limit = \"1KiB\": out of bounds"));
	write_conf("extra = 66\n");
	assert_int_equal(run_once(checked), 78);
	assert_non_null(strstr(said, "x.conf:5: extra = 66: not this one"));
}

static void life(void **state)
{
	json_t *o, *ledger;
	char head[80];
	pid_t pid;

	(void)state;
	write_conf("extra = 7\n");
	pid = daemon_up();
	o = ask("GET", "/v1/status", 200);
	assert_string_equal(json_string_value(json_object_get(o, "role")), "tester");
	assert_string_equal(json_string_value(json_object_get(o, "origin")), "310115");
	assert_string_equal(json_string_value(json_object_get(o, "version")), TALLY_VERSION);
	assert_true(json_is_integer(json_object_get(o, "uptime_s")));
	assert_true(json_is_array(json_object_get(o, "parents")));
	assert_int_equal(json_integer_value(json_object_get(o, "extra")), 7);
	ledger = json_object_get(o, "ledger");
	assert_int_equal(json_integer_value(json_object_get(ledger, "next")), 2); /* its genesis */
	assert_int_equal(json_integer_value(json_object_get(ledger, "oldest")), 1);
	snprintf(head, sizeof(head), "%s", json_string_value(json_object_get(ledger, "head")));
	assert_int_equal(strlen(head), 64);
	assert_true(
		json_integer_value(json_object_get(json_object_get(o, "store"), "used_bytes")) > 0);
	assert_true(json_is_null(json_object_get(json_object_get(o, "store"), "room_days")));
	json_decref(o);
	daemon_down(pid, SIGTERM);
	/* again: the same ledger */
	pid = daemon_up();
	o = ask("GET", "/v1/status", 200);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(o, "ledger"), "head")), head);
	json_decref(o);
	daemon_down(pid, SIGINT);
	assert_string_equal(read_said("notes"), "+a(fresh) +b -b -a +a +b -b -a ");
}

static void reloading(void **state)
{
	json_t *o;
	bool seen = false;
	pid_t pid;

	(void)state;
	write_conf("");
	pid = daemon_up();
	write_conf("extra = 1x\n");
	kill(pid, SIGHUP);
	wait_said("reload refused, nothing has changed: ");
	wait_said("x.conf:5: extra = \"1x\": not a count");
	write_conf("log = debug\nextra = 5\nheartbeat = 2s\n");
	kill(pid, SIGHUP);
	wait_said("these settings have changed and need a restart: extra, heartbeat");
	o = ask("GET", "/v1/config", 200);
	for (size_t i = 0; i < json_array_size(o); i++) {
		json_t *row = json_array_get(o, i);

		if (strcmp(json_string_value(json_object_get(row, "name")), "extra"))
			continue;
		seen = true;
		assert_string_equal(json_string_value(json_object_get(row, "value")), "1");
		assert_string_equal(json_string_value(json_object_get(row, "note")),
			"the file says 5; this needs a restart");
	}
	assert_true(seen);
	json_decref(o);
	/* links to parents come and go with the file */
	write_conf("parent city { endpoint = \"tcp://127.0.0.1:9\" key = "
		   "\"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n"
		   "signer = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\" }\n");
	kill(pid, SIGHUP);
	wait_said("link to parent city: opened");
	o = ask("GET", "/v1/status", 200);
	assert_int_equal(json_array_size(json_object_get(o, "parents")), 1);
	json_decref(o);
	write_conf("");
	kill(pid, SIGHUP);
	wait_said("link to parent city: closed");
	o = ask("GET", "/v1/status", 200);
	assert_int_equal(json_array_size(json_object_get(o, "parents")), 0);
	json_decref(o);
	daemon_down(pid, SIGTERM);
}

static void refused_starts(void **state)
{
	const char *const run[] = { "-c", conf_path, NULL };
	pid_t pid;

	(void)state;
	write_conf("");
	pid = daemon_up();
	assert_int_equal(run_once(run), 1);
	assert_non_null(strstr(said, "another daemon runs on this state"));
	daemon_down(pid, SIGTERM);
	/* a part that fails stops what stands */
	unlink(in_dir("notes"));
	write_conf("extra = 13\n");
	assert_int_equal(run_once(run), 1);
	assert_non_null(strstr(said, "tally-test: thirteen does not start\n"));
	assert_string_equal(read_said("notes"), "+a -a ");
	write_conf("");
	daemon_down(daemon_up(), SIGTERM);
	/* another origin */
	write_conf("");
	{
		FILE *f = fopen(conf_path, "r+");

		fputs("district = \"310101\"", f);
		fclose(f);
	}
	assert_int_equal(run_once(run), 1);
	assert_non_null(strstr(said, "this state belongs to another daemon or another origin"));
	/* keys that others may read; no keys */
	write_conf("");
	chmod(in_dir("sign.key"), 0644);
	assert_int_equal(run_once(run), 1);
	assert_non_null(strstr(said, "sign.key: others than its owner may use the key"));
	chmod(in_dir("sign.key"), 0600);
}

static void never_empty_in_silence(void **state)
{
	const char *const run[] = { "-c", conf_path, NULL };

	(void)state;
	write_conf("");
	daemon_down(daemon_up(), SIGTERM);
	remove_all("state/ledger");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run_once(run), 1);
		assert_non_null(strstr(said, "the ledger's store is gone"));
		assert_int_equal(access(in_dir("state/ledger/data.mdb"), F_OK), -1);
	}
	remove_all("state");
	daemon_down(daemon_up(), SIGTERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_line),
		cmocka_unit_test(life),
		cmocka_unit_test(reloading),
		cmocka_unit_test(refused_starts),
		cmocka_unit_test(never_empty_in_silence),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
