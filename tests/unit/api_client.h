/* A small HTTP client over a Unix socket, for the tests of the control socket; and a server on a
 * socket of its own. */
#ifndef API_CLIENT_H
#define API_CLIENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/api/api.h"

struct answer {
	int status;
	char headers[4096];
	char *body; /* ends with NUL; freed by the next client_read() into it, or answer_deinit() */
	size_t n;
};

static char server_dir[] = "/tmp/api_test_XXXXXX";
static char server_socket[64];

static inline void server_dir_make(void)
{
	if (!server_socket[0]) {
		assert_non_null(mkdtemp(server_dir));
		snprintf(server_socket, sizeof(server_socket), "%s/s", server_dir);
	}
}

static inline void server_dir_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", server_dir);
	if (server_socket[0])
		assert_int_equal(system(command), 0);
	server_socket[0] = 0;
}

static inline int client_connect(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", server_socket);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline bool client_send(int fd, const void *p, size_t n)
{
	while (n) {
		ssize_t w = send(fd, p, n, MSG_NOSIGNAL);

		if (w <= 0)
			return false;
		p = (const char *)p + w;
		n -= (size_t)w;
	}
	return true;
}

static inline void answer_deinit(struct answer *a)
{
	free(a->body);
	a->body = NULL;
}

/* One answer; false when the connection ended before it was whole. */
static inline bool client_read(int fd, struct answer *a)
{
	size_t n = 0, want = 0;
	char *length;

	free(a->body);
	*a = (struct answer){ 0 };
	while (n < 4 || memcmp(a->headers + n - 4, "\r\n\r\n", 4) != 0) {
		if (n == sizeof(a->headers) - 1 || read(fd, a->headers + n, 1) != 1)
			return false;
		a->headers[++n] = 0;
	}
	if (sscanf(a->headers, "HTTP/1.1 %d", &a->status) != 1)
		return false;
	length = strstr(a->headers, "Content-Length: ");
	if (length)
		want = strtoul(length + 16, NULL, 10);
	a->body = calloc(1, want + 1);
	while (a->body && a->n < want) {
		ssize_t got = read(fd, a->body + a->n, want - a->n);

		if (got <= 0)
			return false;
		a->n += (size_t)got;
	}
	return true;
}

/* A request without a body on a connection of its own; `headers` each with \r\n, or "". */
static inline void client_ask(
	struct answer *a, const char *method, const char *path, const char *headers)
{
	int fd = client_connect();
	struct buf request = { 0 };

	assert_true(fd >= 0);
	buf_printf(&request, "%s %s HTTP/1.1\r\nHost: tally\r\n%s\r\n", method, path, headers);
	assert_true(client_send(fd, request.p, request.n));
	if (!client_read(fd, a))
		fail_msg("no answer to %s %s", method, path);
	buf_deinit(&request);
	close(fd);
}

#endif
