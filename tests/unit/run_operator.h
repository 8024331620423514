/* A daemon with nothing of its own, run as a process by the test, which is its operator. */
#ifndef RUN_OPERATOR_H
#define RUN_OPERATOR_H

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

static inline void note(const char *line)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/notes", server_dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		abort();
	close(fd);
}

static inline int start_a(struct daemon *d, struct errmsg *m)
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
static inline int start_b(struct daemon *d, struct errmsg *m)
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
static inline void add_status(struct daemon *d, json_t *object)
{
	json_object_set_new(
		object, "extra", json_integer((json_int_t)conf_number(d->conf, "extra")));
}
static inline int check(const struct conf *c, struct errmsg *m)
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

static inline const char *in_dir(const char *name)
{
	static int turn;
	char *path = path_of[turn++ % 8];

	snprintf(path, sizeof(path_of[0]), "%s/%s", server_dir, name);
	return path;
}

static inline void write_conf(const char *more)
{
	FILE *f = fopen(conf_path, "w");

	assert_non_null(f);
	fprintf(f,
		"district = \"310115\"\nstate_dir = \"%s\"\ncontrol = \"%s\"\nkeys_dir = "
		"\"%s\"\n%s",
		in_dir("state"), server_socket, server_dir, more);
	fclose(f);
}

static inline pid_t spawn(const char *const *args, const char *err_file)
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

static inline int wait_end(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static char said[8192];

static inline const char *read_said(const char *name)
{
	FILE *f = fopen(in_dir(name), "r");
	size_t n = f ? fread(said, 1, sizeof(said) - 1, f) : 0;

	said[n] = 0;
	if (f)
		fclose(f);
	return said;
}

/* Runs to its end; the exit code, words in `said`. */
static inline int run_once(const char *const *args)
{
	int code = wait_end(spawn(args, in_dir("err")));

	read_said("err");
	return code;
}

static inline pid_t daemon_up(void)
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

static inline void daemon_down(pid_t pid, int signal_number)
{
	assert_int_equal(kill(pid, signal_number), 0);
	assert_int_equal(wait_end(pid), 0);
	assert_int_equal(client_connect(), -1);
}

static inline void wait_said(const char *words)
{
	for (int i = 0; i < 500; i++) {
		if (strstr(read_said("log"), words))
			return;
		usleep(10000);
	}
	fail_msg("\"%s\" is not in the log:\n%s", words, said);
}

static inline void remove_all(const char *name)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -rf %s", in_dir(name));
	assert_int_equal(system(command), 0);
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	(void)state;
	server_dir_remove();
	return 0;
}

static inline json_t *ask(const char *method, const char *path, int status)
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

#endif
