/* A daemon with nothing of its own: started, asked over its socket, reloaded, stopped, started
 * again, refused where it must be. It runs as a process of its own; the test is its operator. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "api_client.h"
#include "daemon/base/clock.h"
#include "daemon/conf/keys.h"
#include "daemon/run/run.h"

static const struct conf_row own_rows[] = {
	{ .name = "district", .type = CONF_AREA, .required = true, .example = "\"310115\"" },
	{ .name = "extra", .type = CONF_COUNT, .preset = "1" },
};
#define OWN_ROWS (sizeof(own_rows) / sizeof(own_rows[0]))

static struct conf_row rows[OWN_ROWS + DAEMON_CONF_ROWS_N];

static void note(const char *line)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/notes", server_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		abort();
	close(fd);
}

static int start_a(struct daemon *d, struct errmsg *m)
{
	(void)m;
	note(d->ledger && !d->net && d->fresh ? "+a(fresh) " : "+a ");
	return 0;
}
static void stop_a(struct daemon *d)
{
	(void)d;
	note("-a ");
}
static int start_b(struct daemon *d, struct errmsg *m)
{
	if (conf_number(d->conf, "extra") == 13) {
		errmsg_set(m, "thirteen does not start");
		return ERR_INVALID;
	}
	note(d->net && !d->api ? "+b " : "+b(early) ");
	return 0;
}
static void stop_b(struct daemon *d)
{
	(void)d;
	note("-b ");
}
static void add_status(struct daemon *d, json_t *object)
{
	json_object_set_new(
		object, "extra", json_integer((json_int_t)conf_number(d->conf, "extra")));
}
static int check(const struct conf *c, struct errmsg *m)
{
	if (conf_number(c, "extra") != 66)
		return 0;
	errmsg_set(m, "%s:%d: extra = 66: not this one", conf_file(c), conf_line(c, "extra"));
	return ERR_INVALID;
}

static const struct daemon_part before[] = { { "a", start_a, stop_a } };
static const struct daemon_part after[] = { { "b", start_b, stop_b } };
static const struct daemon_program program = { .name = "tally-test",
	.role = "tester",
	.origin_setting = "district",
	.rows = rows,
	.n_rows = OWN_ROWS + DAEMON_CONF_ROWS_N,
	.before_links = before,
	.n_before_links = 1,
	.after_links = after,
	.n_after_links = 1,
	.status = add_status,
	.check = check };

/* ---- the daemon's process ---- */

static char path_of[8][96]; /* short-lived ones, in turn */
static char conf_path[96];

static const char *in_dir(const char *name)
{
	static int turn;
	char *path = path_of[turn++ % 8];

	snprintf(path, sizeof(path_of[0]), "%s/%s", server_dir, name);
	return path;
}

static void write_conf(const char *more)
{
	FILE *f = fopen(conf_path, "w");

	assert_non_null(f);
	fprintf(f,
		"district = \"310115\"\nstate_dir = \"%s\"\ncontrol = \"%s\"\nkeys_dir = "
		"\"%s\"\n%s",
		in_dir("state"), server_socket, server_dir, more);
	fclose(f);
}

static pid_t spawn(const char *const *args, const char *err_file)
{
	char *argv[8] = { (char *)"tally-test" };
	int argc = 1, fd;
	pid_t pid;

	while (args[argc - 1]) {
		argv[argc] = (char *)args[argc - 1];
		argc++;
	}
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		fd = open(err_file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(fd, 2);
		dup2(fd, 1);
		optind = 1;
		exit(daemon_main(argc, argv, &program));
	}
	assert_true(pid > 0);
	return pid;
}

static int wait_end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static char said[8192];

static const char *read_said(const char *name)
{
	FILE *f = fopen(in_dir(name), "r");
	size_t n = f ? fread(said, 1, sizeof(said) - 1, f) : 0;

	said[n] = 0;
	if (f)
		fclose(f);
	return said;
}

/* Runs to its end; the exit code, words in `said`. */
static int run_once(const char *const *args)
{
	int code = wait_end(spawn(args, in_dir("err")));

	read_said("err");
	return code;
}

static pid_t daemon_up(void)
{
	const char *const args[] = { "-c", conf_path, NULL };
	pid_t pid = spawn(args, in_dir("log"));

	for (int i = 0; i < 1000; i++) {
		int fd = client_connect();

		if (fd >= 0) {
			close(fd);
			return pid;
		}
		usleep(10000);
	}
	fail_msg("not up: %s", read_said("log"));
	return 0;
}

static void daemon_down(pid_t pid, int signal_number)
{
	assert_int_equal(kill(pid, signal_number), 0);
	assert_int_equal(wait_end(pid), 0);
	assert_int_equal(client_connect(), -1);
}

static void wait_said(const char *words)
{
	for (int i = 0; i < 500; i++) {
		if (strstr(read_said("log"), words))
			return;
		usleep(10000);
	}
	fail_msg("\"%s\" is not in the log:\n%s", words, said);
}

static void remove_all(const char *name)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -rf %s", in_dir(name));
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	uint8_t seed[32];
	char text[KEY_TEXT_MAX];
	struct link_keys k;
	struct errmsg m;

	(void)state;
	memcpy(rows, own_rows, sizeof(own_rows));
	memcpy(rows + OWN_ROWS, daemon_conf_rows, sizeof(daemon_conf_rows));
	server_dir_make();
	snprintf(conf_path, sizeof(conf_path), "%s/x.conf", server_dir);
	link_keys_make(&k);
	random_bytes(seed, sizeof(seed));
	base64_put(text, sizeof(text), seed, sizeof(seed));
	return key_write(server_dir, "link.key", k.secret_key, &m) ||
	       key_write(server_dir, "sign.key", text, &m);
}

static int teardown(void **state)
{
	(void)state;
	server_dir_remove();
	return 0;
}

static json_t *ask(const char *method, const char *path, int status)
{
	struct answer a = { 0 };
	json_t *object;

	client_ask(&a, method, path, "");
	if (a.status != status)
		fail_msg("%s %s: %d %s", method, path, a.status, a.body);
	object = json_loads(a.body, JSON_REJECT_DUPLICATES, NULL);
	answer_deinit(&a);
	return object;
}

/* ---- tests ---- */

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
		cmocka_unit_test(command_line),
		cmocka_unit_test(life),
		cmocka_unit_test(common_routes),
		cmocka_unit_test(config_check),
		cmocka_unit_test(reloading),
		cmocka_unit_test(refused_starts),
		cmocka_unit_test(never_empty_in_silence),
		cmocka_unit_test(backup),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
