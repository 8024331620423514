/* Who may do what: every right against every kind of peer, and the socket itself. Peers are threads
 * that take on another user for the moment of connecting, which needs root; without it the daemon's
 * own user and the socket are tested. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "api_client.h"

#define NOBODY 65534
/* Groups that stand on every Debian. */
#define VIEWER "daemon"
#define OPERATOR "bin"
#define REGISTRAR "sys"
#define ADMIN "adm"

static struct api *api;

static void fine(struct api_call *call)
{
	api_json(call, json_string(api_user(call)));
}

static const struct api_route routes[] = {
	{ .method = "GET", .path = "/v1/0", .right = RIGHT_VIEWER, .handle = fine },
	{ .method = "GET", .path = "/v1/1", .right = RIGHT_OPERATOR, .handle = fine },
	{ .method = "GET", .path = "/v1/2", .right = RIGHT_REGISTRAR, .handle = fine },
	{ .method = "GET", .path = "/v1/3", .right = RIGHT_ADMIN, .handle = fine },
};

static int open_api(struct api **out, const char *socket, struct errmsg *m)
{
	const struct api_conf conf = { .socket = socket,
		.groups = { VIEWER, OPERATOR, REGISTRAR, ADMIN } };

	return api_open(out, &conf, routes, 4, m);
}

static int setup(void **state)
{
	struct errmsg m;

	(void)state;
	server_dir_make();
	return open_api(&api, server_socket, &m);
}

static int teardown(void **state)
{
	(void)state;
	api_close(api);
	server_dir_remove();
	return 0;
}

static gid_t gid_of(const char *name)
{
	struct group *g = getgrnam(name);

	return g ? g->gr_gid : (gid_t)-1;
}

/* Connects as nobody with one further group; this thread only. */
static int connect_as(const char *group)
{
	gid_t groups[1] = { group ? gid_of(group) : NOBODY };
	int fd;

	assert_int_equal(syscall(SYS_setgroups, 1, groups), 0);
	assert_int_equal(syscall(SYS_setresgid, -1, NOBODY, -1), 0);
	assert_int_equal(syscall(SYS_setresuid, -1, NOBODY, -1), 0);
	fd = client_connect();
	assert_int_equal(syscall(SYS_setresuid, -1, 0, -1), 0);
	assert_int_equal(syscall(SYS_setresgid, -1, 0, -1), 0);
	assert_int_equal(syscall(SYS_setgroups, 0, groups), 0);
	return fd;
}

static int ask_on(int fd, int right, struct answer *a)
{
	char request[128];

	snprintf(request, sizeof(request), "GET /v1/%d HTTP/1.1\r\nHost: t\r\n\r\n", right);
	assert_true(client_send(fd, request, strlen(request)));
	assert_true(client_read(fd, a));
	return a->status;
}

static void by_group(void **state)
{
	static const struct {
		const char *group;
		int status[4];
	} peers[] = {
		{ NULL, { 403, 403, 403, 403 } },
		{ VIEWER, { 200, 403, 403, 403 } },
		{ OPERATOR, { 200, 200, 403, 403 } },
		{ REGISTRAR, { 200, 200, 200, 403 } },
		{ ADMIN, { 200, 200, 403, 200 } },
	};
	struct answer a = { 0 };

	(void)state;
	if (geteuid() != 0) {
		print_message("not root: peers of other users are left out\n");
		return;
	}
	/* let them reach the socket */
	assert_int_equal(chmod(server_dir, 0755), 0);
	assert_int_equal(chmod(server_socket, 0666), 0);
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		int fd = connect_as(peers[i].group);

		assert_true(fd >= 0);
		for (int right = 0; right < 4; right++)
			if (ask_on(fd, right, &a) != peers[i].status[right])
				fail_msg("%s, right %d: %d", peers[i].group ? peers[i].group : "-",
					right, a.status);
		assert_string_equal(
			ask_on(fd, 0, &a) == 200 ? a.body : "\"nobody\"\n", "\"nobody\"\n");
		close(fd);
	}
	{
		int fd = connect_as(VIEWER);

		ask_on(fd, RIGHT_ADMIN, &a);
		assert_string_equal(a.body,
			"{\"error\": \"not allowed: this needs the right admin; be added to the "
			"group adm and log in again\"}\n");
		close(fd);
	}
	answer_deinit(&a);
}

static void own_user(void **state)
{
	struct answer a = { 0 };
	int fd = client_connect();

	(void)state;
	for (int right = 0; right < 4; right++)
		assert_int_equal(ask_on(fd, right, &a), 200);
	close(fd);
	answer_deinit(&a);
}

static void socket_itself(void **state)
{
	char path[128], long_path[200];
	struct api *second;
	struct errmsg m;
	struct stat st;
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/t", server_dir);
	assert_int_equal(open_api(&second, server_socket, &m), ERR_BUSY);
	assert_non_null(strstr(m.text, "another daemon is running here"));
	assert_int_equal(open_api(&second, "/nowhere/s", &m), ERR_NOTFOUND);
	memset(long_path, 'x', sizeof(long_path));
	memcpy(long_path, "/tmp/", 5);
	long_path[150] = 0;
	assert_int_equal(open_api(&second, long_path, &m), ERR_LIMIT);
	/* no socket stands there */
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(open_api(&second, path, &m), ERR_EXISTS);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	/* a directory that others may write to */
	assert_int_equal(chmod(server_dir, 0777), 0);
	assert_int_equal(open_api(&second, path, &m), ERR_DENIED);
	assert_int_equal(chmod(server_dir, 0750), 0);
	/* mode, whatever the umask */
	umask(0);
	assert_int_equal(open_api(&second, path, &m), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	api_close(second);
	assert_int_equal(access(path, F_OK), -1);
	/* a stale socket is replaced; one that answers is not, also without the lock */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	{
		struct sockaddr_un at = { .sun_family = AF_UNIX };

		snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", path);
		assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	}
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(open_api(&second, path, &m), ERR_BUSY);
	assert_non_null(strstr(m.text, "another daemon answers here"));
	close(fd);
	assert_int_equal(open_api(&second, path, &m), 0);
	api_close(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_group),
		cmocka_unit_test(own_user),
		cmocka_unit_test(socket_itself),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
