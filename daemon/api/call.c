/* A request's questions and answers. The first answer stands; a second one, or none, is a fault of
 * a handler, which is logged and does no further harm. */
#include "daemon/api/call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/api/escape.h"
#include "daemon/base/log.h"

#define JSON_MAX ((size_t)256 * 1024 * 1024)

/* ---- the request ---- */

struct query_walk {
	struct api_call *call;
	char *to; /* free room in texts */
};

static bool query_arg(struct query_walk *w, const char *name, const char *value)
{
	struct api_call *call = w->call;
	const struct route_param *param;
	char *key = w->to;

	if (!escape_url_decode(text_of(name), true, key) ||
		!escape_url_decode(text_of(value ? value : ""), true, key + strlen(key) + 1)) {
		api_fail(call, 400,
			"a query parameter with a bad %%-escape or no UTF-8; correct it");
		return false;
	}
	value = key + strlen(key) + 1;
	w->to = (char *)value + strlen(value) + 1;
	param = route_param(call->route, key);
	if (!param) {
		api_fail(call, 400, "unknown parameter '%.64s'; %s takes: %s", key,
			call->route->row.path,
			call->route->row.query ? call->route->row.query : "none");
		return false;
	}
	if (api_arg(call, param->name)) {
		api_fail(call, 400, "the parameter '%s' stands twice; give it once", param->name);
		return false;
	}
	if (param->flag && value[0] && strcmp(value, "1") != 0 && strcmp(value, "true") != 0) {
		api_fail(call, 400, "the parameter '%s' is a switch; give it without a value",
			param->name);
		return false;
	}
	call->args[call->n_args++] = (struct route_arg){ param->name, value };
	return true;
}

static enum MHD_Result on_query(
	void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	return query_arg(arg, name, value) ? MHD_YES : MHD_NO;
}

static enum MHD_Result measure(
	void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	*(size_t *)arg += strlen(name) + (value ? strlen(value) : 0) + 2;
	return MHD_YES;
}

/* The texts of the path stand already in the first `used` bytes. */
static char *grow_texts(struct api_call *call, size_t used, size_t more)
{
	char *texts = realloc(call->texts, used + more);

	if (!texts)
		return NULL;
	for (size_t i = 0; i < call->n_args; i++)
		call->args[i].value = texts + (call->args[i].value - call->texts);
	call->texts = texts;
	return texts + used;
}

bool call_take_query(struct api_call *call)
{
	struct query_walk w = { .call = call };
	size_t used = 0, more = 0;

	MHD_get_connection_values(call->connection, MHD_GET_ARGUMENT_KIND, measure, &more);
	if (more) {
		for (size_t i = 0; i < call->n_args; i++) {
			const char *end = call->args[i].value + strlen(call->args[i].value) + 1;

			if ((size_t)(end - call->texts) > used)
				used = (size_t)(end - call->texts);
		}
		w.to = grow_texts(call, used, more);
		if (!w.to) {
			api_fail_err(call, ERR_NOMEM, "the query");
			return false;
		}
		MHD_get_connection_values(call->connection, MHD_GET_ARGUMENT_KIND, on_query, &w);
	}
	for (size_t i = 0; i < call->route->n_query && !call->response; i++) {
		const struct route_param *q = &call->route->query[i];

		if (q->required && !api_arg(call, q->name))
			api_fail(call, 400, "the parameter '%s' is missing; %s takes: %s", q->name,
				call->route->row.path, call->route->row.query);
	}
	return !call->response;
}

const char *api_arg(const struct api_call *call, const char *name)
{
	for (size_t i = 0; i < call->n_args; i++)
		if (strcmp(call->args[i].name, name) == 0)
			return call->args[i].value;
	return NULL;
}

bool api_flag(const struct api_call *call, const char *name)
{
	return api_arg(call, name) != NULL;
}

bool api_number(struct api_call *call, const char *name, uint64_t preset, uint64_t least,
	uint64_t most, uint64_t *out)
{
	const char *text = api_arg(call, name);
	size_t n = text ? strlen(text) : 0;

	*out = preset;
	if (!text)
		return true;
	if (n && n < 20 && strspn(text, "0123456789") == n) {
		*out = strtoull(text, NULL, 10);
		if (*out >= least && *out <= most)
			return true;
	}
	api_fail(call, 400, "the parameter '%s' must be a whole number from %llu to %llu", name,
		(unsigned long long)least, (unsigned long long)most);
	return false;
}

void *api_context(const struct api_call *call)
{
	return call->route->row.context;
}

const char *api_header(const struct api_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

bool api_wants_csv(const struct api_call *call)
{
	const char *accept = api_header(call, "Accept");

	const char *csv = accept ? strstr(accept, "text/csv") : NULL;
	const char *json = csv ? strstr(accept, "application/json") : NULL;

	return csv && (!json || csv < json); /* what is named first is liked best */
}

bool api_english(const struct api_call *call)
{
	const char *lang = api_arg(call, "lang");

	if (!lang)
		lang = api_header(call, "Accept-Language");
	return lang && strncmp(lang, "en", 2) == 0;
}

const char *api_user(const struct api_call *call)
{
	return call->peer->user;
}

bool api_may(const struct api_call *call, enum api_right right)
{
	return peer_may(call->peer, right);
}

bool api_stopping(const struct api_call *call)
{
	return atomic_load(call->stopping);
}

/* ---- the answer ---- */

static void answer(
	struct api_call *call, int status, const char *type, struct MHD_Response *response)
{
	if (!response) {
		log_error("api", "an answer was lost: %s", err_words(ERR_NOMEM));
		return;
	}
	if (call->response) {
		log_error("api", "a second answer to one request was dropped: %s",
			call->route ? call->route->row.path : "");
		MHD_destroy_response(response);
		return;
	}
	if (type)
		MHD_add_response_header(response, "Content-Type", type);
	call->response = response;
	call->status = status;
}

void call_answer(struct api_call *call, int status, const char *type, struct buf *b)
{
	struct MHD_Response *response = NULL;

	if (b->failed) {
		buf_deinit(b);
		if (status < 500)
			api_fail(call, 500, "the answer is too large; ask for less of it");
		return;
	}
	response = MHD_create_response_from_buffer(
		b->n, b->n ? b->p : "", b->n ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	if (response && b->n)
		*b = (struct buf){ 0 };
	else
		buf_deinit(b);
	answer(call, status, type, response);
}

void api_fail(struct api_call *call, int status, const char *format, ...)
{
	struct buf body = { 0 };
	char words[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	n = n < 0 ? 0 : n >= (int)sizeof(words) ? (int)sizeof(words) - 1 : n;
	buf_str(&body, "{\"error\": ");
	escape_json(&body, (struct text){ words, (size_t)n });
	buf_str(&body, "}\n");
	if (body.failed) {
		buf_deinit(&body);
		return; /* call_send() answers 500 without words */
	}
	call_answer(call, status, "application/json", &body);
}

static int status_of(int err)
{
	switch (err) {
	case ERR_NOTFOUND:
		return 404;
	case ERR_EXISTS:
	case ERR_FORK:
	case ERR_GAP:
		return 409;
	case ERR_INVALID:
		return 400;
	case ERR_LIMIT:
		return 413;
	case ERR_DENIED:
		return 403;
	case ERR_FULL:
		return 507;
	case ERR_BUSY:
	case ERR_CLOSED:
	case ERR_EXPIRED:
		return 503;
	default:
		return 500;
	}
}

void api_fail_err(struct api_call *call, int err, const char *what)
{
	api_fail(call, status_of(err), "%s: %s", what, err_words(err));
}

static int put_json(const char *p, size_t n, void *arg)
{
	buf_put(arg, p, n);
	return ((struct buf *)arg)->failed ? -1 : 0;
}

void api_json(struct api_call *call, json_t *value)
{
	struct buf body = { .limit = JSON_MAX };

	if (!value || json_dump_callback(
			      value, put_json, &body, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)))
		body.failed = true;
	json_decref(value);
	buf_str(&body, "\n");
	call_answer(call, 200, "application/json", &body);
}

void api_text(struct api_call *call, const char *content_type, struct buf *b)
{
	call_answer(call, 200, content_type, b);
}

bool api_unchanged(struct api_call *call, const char *version)
{
	const char *accept = api_header(call, "Accept"), *held = api_header(call, "If-None-Match");
	const char *form = accept && strstr(accept, "vnd.tally") ? "v"
			   : api_wants_csv(call)		 ? "c"
								 : "j";
	char tag[80];

	assert(strlen(version) <= 64);
	snprintf(tag, sizeof(tag), "\"%s-%s%s\"", version, form, api_english(call) ? "e" : "z");
	api_set_header(call, "ETag", tag);
	if (!held || !strstr(held, tag))
		return false;
	answer(call, 304, NULL, MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT));
	return true;
}

void api_file(struct api_call *call, const char *content_type, int fd)
{
	struct MHD_Response *response;
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		api_fail(call, 500, "the file cannot be read");
		return;
	}
	response = MHD_create_response_from_fd64((uint64_t)st.st_size, fd);
	if (!response)
		close(fd);
	answer(call, 200, content_type, response);
}

void api_set_exit(struct api_call *call, int code)
{
	call->exit = code;
}

void api_set_header(struct api_call *call, const char *name, const char *value)
{
	assert(call->n_headers < CALL_HEADERS);
	snprintf(call->headers[call->n_headers].name, ROUTE_NAME, "%s", name);
	snprintf(call->headers[call->n_headers].value, sizeof(call->headers[0].value), "%s", value);
	call->n_headers++;
}

enum MHD_Result call_send(struct api_call *call)
{
	char code[16];

	if (!call->response)
		api_fail(call, 500, "no answer; this is a fault of the daemon, its log says more");
	if (!call->response)
		return MHD_NO;
	for (size_t i = 0; i < call->n_headers; i++)
		MHD_add_response_header(
			call->response, call->headers[i].name, call->headers[i].value);
	if (call->exit) {
		snprintf(code, sizeof(code), "%d", call->exit);
		MHD_add_response_header(call->response, "Tally-Exit", code);
	}
	return MHD_queue_response(call->connection, (unsigned)call->status, call->response);
}

void call_deinit(struct api_call *call)
{
	if (call->table)
		call_table_drop(call->table);
	if (call->response)
		MHD_destroy_response(call->response);
	free(call->texts);
}
