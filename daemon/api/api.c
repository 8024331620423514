/* The HTTP server on the control socket, over libmicrohttpd with a thread per connection.
 *
 * The way of a request: the first call of on_request() (headers are there) finds the route, asks
 * for the right — here and nowhere else — takes path variables and query, and begins an upload.
 * Then the body passes piece by piece. The last call runs the handler, or ends the upload, and
 * sends the answer. on_completed() frees whatever is left, also when the peer went away in the
 * middle.
 *
 * Failures: what is refused before its body came is answered at once and the connection closes,
 * unless the body is short: then it is read and thrown away, and the connection stays. Who may do
 * what is asked of the kernel once a connection.
 *
 * Stop: no new connections; calls under way have STOP_MS to end; then their sockets are shut. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "daemon/api/call.h"
#include "daemon/api/escape.h"
#include "daemon/api/listen.h"
#include "daemon/base/log.h"

#define CONNECTIONS 64
#define IDLE_S 60
#define MEMORY_PER_CONNECTION \
	(32 * 1024) /* headers, and the piece of a body that is read at once */
#define DISCARD_MAX (256 * 1024)
#define STOP_MS 10000
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK (16 * API_STACK)
#else
#define STACK API_STACK
#endif

struct api {
	struct MHD_Daemon *mhd;
	struct listen listen;
	struct route *routes;
	size_t n_routes;
	char *groups[4];
	char *name, *version;
	unsigned idle_s;
	void (*denied)(void *arg, const struct api_route *row, const char *user);
	void *arg;
	atomic_bool stopping;
	struct api_stats stats;

	pthread_mutex_t lock; /* guards under_way */
	pthread_cond_t idle;
	unsigned under_way;
};

/* ---- a request ---- */

static struct api_call *call_open(struct api *a, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct peer *peer = info ? info->socket_context : NULL;
	struct api_call *call;

	if (!peer)
		return NULL;
	if (!peer->known) {
		info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		peer_init(peer, info ? info->connect_fd : -1, (const char *const *)a->groups);
	}
	call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->api = a;
	call->connection = connection;
	call->peer = peer;
	call->stopping = &a->stopping;
	atomic_fetch_add_explicit(&a->stats.requests, 1, memory_order_relaxed);
	pthread_mutex_lock(&a->lock);
	a->under_way++;
	pthread_mutex_unlock(&a->lock);
	return call;
}

static void call_close(struct api_call *call)
{
	struct api *a = call->api;

	call_deinit(call);
	free(call);
	pthread_mutex_lock(&a->lock);
	if (--a->under_way == 0)
		pthread_cond_broadcast(&a->idle);
	pthread_mutex_unlock(&a->lock);
}

static void find_route(struct api_call *call, const char *method, const char *path)
{
	struct api *a = call->api;
	char allow[64];
	int err;

	call->texts = malloc(strlen(path) + 1);
	err = call->texts ? route_find(a->routes, a->n_routes, method, path, call->texts,
				    &call->route, call->args, &call->n_args, allow)
			  : ERR_NOMEM;
	if (err == ERR_INVALID) {
		api_fail(call, 400, "the path has a bad %%-escape or is no UTF-8; correct it");
	} else if (err == ERR_DENIED) {
		api_set_header(call, "Allow", allow);
		api_fail(call, 405, "this path does not take %.16s; it takes %s", method, allow);
	} else if (err == ERR_NOTFOUND) {
		api_fail(call, 404, "no such path; GET /v1/ lists them");
	} else if (err) {
		api_fail_err(call, err, "the path");
	}
}

static void check_right(struct api_call *call)
{
	const struct api_route *row = &call->route->row;
	const char *group = call->api->groups[row->right];

	if (peer_may(call->peer, row->right))
		return;
	atomic_fetch_add_explicit(&call->api->stats.denied, 1, memory_order_relaxed);
	log_warning("api", "refused: %s %s needs the right %s, user %u has not got it", row->method,
		row->path, route_right(row->right), call->peer->uid);
	if (call->api->denied)
		call->api->denied(call->api->arg, row, call->peer->user);
	if (group && group[0])
		api_fail(call, 403,
			"not allowed: this needs the right %s; be added to the group %s and log in "
			"again",
			route_right(row->right), group);
	else
		api_fail(call, 403,
			"not allowed: this needs the right %s, for which %s_group names no group",
			route_right(row->right), route_right(row->right));
}

static bool short_body(const struct api_call *call)
{
	const char *length = api_header(call, "Content-Length");

	if (api_header(call, "Expect") || api_header(call, "Transfer-Encoding"))
		return false;
	return !length ||
	       (strlen(length) < 10 && atol(length) <= DISCARD_MAX); /* NOLINT(cert-err34-c) */
}

static enum MHD_Result call_first(struct api_call *call, const char *method, const char *path)
{
	if (api_stopping(call))
		api_fail(call, 503, "the daemon is stopping; try again when it runs");
	if (!call->response)
		find_route(call, method, path);
	if (!call->response)
		check_right(call);
	if (!call->response)
		call_take_query(call);
	if (!call->response && call->route->row.upload) {
		call->state = call->route->row.upload->begin(call);
		if (!call->state && !call->response)
			api_fail(call, 500, "refused without words; this is a fault of the daemon");
	}
	call->discard = call->response != NULL;
	return call->discard && !short_body(call) ? call_send(call) : MHD_YES;
}

static void call_body(struct api_call *call, const char *p, size_t n)
{
	if (call->discard || call->stopped)
		return;
	if (call->state)
		call->stopped = !call->route->row.upload->data(call->state, p, n);
	else
		call->body = true;
}

static enum MHD_Result call_last(struct api_call *call)
{
	void *state = call->state;

	if (state) {
		call->state = NULL;
		call->route->row.upload->end(call, state, true);
	} else if (!call->discard && call->body) {
		api_fail(call, 400, "%s takes no body; leave it out", call->route->row.path);
	} else if (!call->discard) {
		call->route->row.handle(call);
	}
	return call_send(call);
}

static void count_status(struct api *a, int status)
{
	if (status >= 500)
		atomic_fetch_add_explicit(&a->stats.failed, 1, memory_order_relaxed);
	else if (status >= 400)
		atomic_fetch_add_explicit(&a->stats.refused, 1, memory_order_relaxed);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *data, size_t *n, void **state)
{
	struct api *a = arg;
	struct api_call *call = *state;
	enum MHD_Result result = MHD_YES;

	(void)version;
	if (!call) {
		call = call_open(a, connection);
		if (!call)
			return MHD_NO;
		*state = call;
		result = call_first(call, method, path);
	} else if (*n) {
		call_body(call, data, *n);
		*n = 0;
	} else {
		result = call_last(call);
	}
	return result;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode why)
{
	struct api_call *call = *state;

	(void)connection;
	(void)why;
	if (!call)
		return;
	if (call->state)
		call->route->row.upload->end(call, call->state, false);
	else
		count_status(arg, call->status);
	call_close(call);
	*state = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct api *a = arg;

	(void)connection;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = calloc(1, sizeof(struct peer));
		atomic_fetch_add_explicit(&a->stats.connections, 1, memory_order_relaxed);
	} else {
		free(*context);
		*context = NULL;
		atomic_fetch_sub_explicit(&a->stats.connections, 1, memory_order_relaxed);
	}
}

/* A variable may hold an encoded `/`: the escapes are undone after the path is cut (route.c). */
static size_t keep_escapes(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return strlen(text);
}

static void on_log(void *arg, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void on_log(void *arg, const char *format, va_list args)
{
	char line[256];

	(void)arg;
	vsnprintf(line, sizeof(line), format, args);
	log_debug("api", "libmicrohttpd: %s", line);
}

/* ---- the server ---- */

static void list_routes(struct api_call *call)
{
	const struct api *a = api_context(call);
	struct buf body = { 0 };

	buf_str(&body, "{\"name\": ");
	escape_json(&body, text_of(a->name));
	buf_str(&body, ", \"version\": ");
	escape_json(&body, text_of(a->version));
	buf_str(&body, ", \"routes\": ");
	route_list(a->routes, a->n_routes, &body);
	buf_str(&body, "}\n");
	api_text(call, "application/json", &body);
}

static int copy_conf(
	struct api *a, const struct api_conf *conf, const struct api_route *routes, size_t n)
{
	const struct api_route list = { .method = "GET",
		.path = "/v1/",
		.right = RIGHT_VIEWER,
		.help_en = "Lists the routes with their rights.",
		.help_zh = "列出全部路径及所需权限。",
		.handle = list_routes,
		.context = a };

	a->routes = calloc(n + 1, sizeof(*a->routes));
	a->name = strdup(conf->name ? conf->name : "");
	a->version = strdup(conf->version ? conf->version : "");
	if (!a->routes || !a->name || !a->version)
		return ERR_NOMEM;
	for (int i = 0; i < 4; i++) {
		a->groups[i] = strdup(conf->groups[i] ? conf->groups[i] : "");
		if (!a->groups[i])
			return ERR_NOMEM;
	}
	route_init(&a->routes[0], &list);
	for (size_t i = 0; i < n; i++)
		route_init(&a->routes[i + 1], &routes[i]);
	a->n_routes = n + 1;
	a->denied = conf->denied;
	a->arg = conf->arg;
	a->idle_s = conf->idle_s ? conf->idle_s : IDLE_S;
	return 0;
}

static void api_free(struct api *a)
{
	if (!a)
		return;
	listen_close(&a->listen);
	for (int i = 0; i < 4; i++)
		free(a->groups[i]);
	free(a->routes);
	free(a->name);
	free(a->version);
	pthread_mutex_destroy(&a->lock);
	pthread_cond_destroy(&a->idle);
	free(a);
}

static struct api *api_new(void)
{
	struct api *a = calloc(1, sizeof(*a));
	pthread_condattr_t attr;

	if (!a)
		return NULL;
	a->listen.fd = a->listen.lock_fd = -1;
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&a->idle, &attr);
	pthread_condattr_destroy(&attr);
	return a;
}

int api_open(struct api **out, const struct api_conf *conf, const struct api_route *routes,
	size_t n, struct errmsg *m)
{
	struct api *a = api_new();
	int err = ERR_NOMEM;

	*out = NULL;
	if (!a || copy_conf(a, conf, routes, n)) {
		errmsg_set(m, "%s: %s", conf->socket, err_words(ERR_NOMEM));
		goto free_api;
	}
	err = listen_open(&a->listen, conf->socket, m);
	if (err)
		goto free_api;
	peer_warn_groups((const char *const *)a->groups);
	*out = a; /* before the first request can ask for it */
	a->mhd = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION |
					  MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_request, a, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, a->listen.fd, MHD_OPTION_CONNECTION_LIMIT,
		conf->connections ? conf->connections : CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		a->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_PER_CONNECTION,
		MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, a, MHD_OPTION_NOTIFY_CONNECTION, on_connection, a,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
	if (!a->mhd) {
		errmsg_set(m, "%s: the server on the socket did not start: %s", conf->socket,
			strerror(errno));
		err = ERR_IO;
		goto free_api;
	}
	return 0;
free_api:
	*out = NULL;
	api_free(a);
	return err;
}

void api_close(struct api *a)
{
	struct timespec until;

	if (!a)
		return;
	atomic_store(&a->stopping, true);
	if (MHD_quiesce_daemon(a->mhd) == MHD_INVALID_SOCKET)
		a->listen.fd = -1; /* then the library closes it */
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_MS / 1000;
	pthread_mutex_lock(&a->lock);
	while (a->under_way && pthread_cond_timedwait(&a->idle, &a->lock, &until) == 0)
		;
	pthread_mutex_unlock(&a->lock);
	MHD_stop_daemon(a->mhd);
	api_free(a);
}

void api_metrics(struct api *a, struct buf *out)
{
	metric(out, "tally_api_requests_total", "counter", "Requests at the control socket.", NULL,
		(double)atomic_load(&a->stats.requests));
	metric(out, "tally_api_answers_total", "counter", "Answers that were errors.",
		"kind=\"refused\"", (double)atomic_load(&a->stats.refused));
	metric(out, "tally_api_answers_total", "counter", "Answers that were errors.",
		"kind=\"failed\"", (double)atomic_load(&a->stats.failed));
	metric(out, "tally_api_denied_total", "counter", "Requests refused for want of a right.",
		NULL, (double)atomic_load(&a->stats.denied));
	metric(out, "tally_api_connections", "gauge", "Open connections at the control socket.",
		NULL, (double)atomic_load(&a->stats.connections));
}
