/* libcurl on a Unix socket. Headers come first and decide where the body goes: an error's body is
 * always kept (bounded), a good answer's goes to whoever wants it piece by piece, so that a long
 * CSV passes in flat memory.
 *
 * No answer: nobody listens (exit 4), the socket may not be touched (5), or the connection broke in
 * between (1). Proxies of the environment do not apply: the request never leaves the machine. */
#include "daemon/ctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/ctl/ctl.h"

#define BODY_MAX (512u << 20)
#define ERROR_BODY_MAX (64u << 10)
/* How long the daemon may think about an upload's head before its body is sent all the same. */
#define EXPECT_MS 1000L

struct client {
	CURL *curl;
	char socket[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* ---- the answer ---- */

const char *const client_counts[CLIENT_COUNTS] = { [CLIENT_ACCEPTED] = "accepted",
	[CLIENT_CHANGED] = "changed",
	[CLIENT_RETRACTED] = "retracted",
	[CLIENT_UNCHANGED] = "unchanged",
	[CLIENT_REFUSED] = "refused" };

void answer_deinit(struct answer *a)
{
	buf_deinit(&a->body);
}

bool answer_is_json(const struct answer *a)
{
	size_t n = strlen(a->type);
	return strcmp(a->type, "application/json") == 0 ||
	       (n > 5 && strcmp(a->type + n - 5, "+json") == 0);
}

const char *answer_error(struct answer *a)
{
	json_t *v = json_loadb(a->body.p ? a->body.p : "", a->body.n, 0, NULL);
	const char *words = json_string_value(json_object_get(v, "error"));
	if (words)
		snprintf(a->why, sizeof a->why, "%s", words);
	else
		snprintf(a->why, sizeof a->why, "the daemon answered with HTTP status %ld",
			a->status);
	json_decref(v);
	return a->why;
}

static bool header_is(struct text line, const char *name, struct text *value)
{
	size_t n = strlen(name);
	if (line.n <= n || line.p[n] != ':' || strncasecmp(line.p, name, n) != 0)
		return false;
	*value = (struct text){ line.p + n + 1, line.n - n - 1 };
	while (value->n && strchr("\r\n", value->p[value->n - 1]))
		value->n--;
	*value = text_trim(*value);
	return true;
}

/* A whole number from 0 on; -1 when it is none. */
static int64_t number(struct text t)
{
	int64_t v = 0;
	if (t.n == 0 || t.n > 18)
		return -1;
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return -1;
		v = v * 10 + (t.p[i] - '0');
	}
	return v;
}

static void answer_init(struct answer *a)
{
	*a = (struct answer){ .exit = -1 };
	for (int i = 0; i < CLIENT_COUNTS; i++)
		a->counts[i] = -1;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct answer *a = arg;
	struct text line = { p, size * n }, value;
	if (line.n > 5 &&
		memcmp(p, "HTTP/", 5) == 0) { /* a 100 Continue may have stood before it */
		answer_deinit(a);
		answer_init(a);
		const char *space = memchr(p, ' ', line.n);
		a->status = space ? strtol(space + 1, NULL, 10) : 0;
	}
	if (header_is(line, "Content-Type", &value)) {
		size_t len = 0;
		while (len < value.n && len < sizeof a->type - 1 && value.p[len] != ';' &&
			value.p[len] != ' ')
			len++;
		memcpy(a->type, value.p, len);
		a->type[len] = 0;
	}
	if (header_is(line, "Tally-Exit", &value))
		a->exit = (int)number(value);
	if (header_is(line, "Tally-Warning", &value))
		snprintf(a->warning, sizeof a->warning, "%.*s", (int)value.n, value.p);
	if (header_is(line, "Content-Disposition", &value))
		a->shown = text_is(value, "inline");
	for (int i = 0; i < CLIENT_COUNTS; i++) {
		char name[40];
		snprintf(name, sizeof name, "Tally-%s", client_counts[i]);
		if (header_is(line, name, &value))
			a->counts[i] = number(value);
	}
	return size * n;
}

struct transfer {
	const struct call *call;
	struct answer *a;
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;
	bool good = t->a->status >= 200 && t->a->status < 300;
	if (good && t->call->body && t->call->wants(t->call->arg, t->a))
		return t->call->body(t->call->arg, t->a, p, len) ? len : 0;
	t->a->body.limit = good ? BODY_MAX : ERROR_BODY_MAX;
	buf_put(&t->a->body, p, len);
	return good && t->a->body.failed ? 0 : len;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t got = t->call->read(t->call->arg, p, size * n);
	return got == SIZE_MAX ? CURL_READFUNC_ABORT : got;
}

/* ---- the call ---- */

static struct curl_slist *headers_of(const struct call *call)
{
	struct curl_slist *list = NULL;
	char line[600];
	snprintf(line, sizeof line, "Accept: %s", call->accept);
	list = curl_slist_append(list, line);
	if (call->lang) {
		snprintf(line, sizeof line, "Accept-Language: %s", call->lang);
		list = curl_slist_append(list, line);
	}
	if (call->read) {
		snprintf(line, sizeof line, "Content-Type: %s", call->type);
		list = curl_slist_append(list, line);
		/* So that a refusal comes before the file is sent. */
		list = curl_slist_append(list, "Expect: 100-continue");
	}
	if (call->source) {
		snprintf(line, sizeof line, "Tally-Source: %s", call->source);
		list = curl_slist_append(list, line);
	}
	return list;
}

static void call_prepare(
	struct client *c, struct transfer *t, const char *url, struct curl_slist *headers)
{
	CURL *curl = c->curl;
	curl_easy_reset(curl); /* keeps the connection */
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, t->a);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	if (t->call->read) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->call->size);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(curl, CURLOPT_READDATA, t);
		curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_MS);
		curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
	} else if (strcmp(t->call->method, "GET") != 0) {
		curl_easy_setopt(curl, CURLOPT_POST, 1L);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	}
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, t->call->method);
}

static int call_failed(struct client *c, CURLcode code, struct answer *a)
{
	long os = 0;
	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os);
	if (code == CURLE_COULDNT_CONNECT && (os == EACCES || os == EPERM)) {
		snprintf(a->why, sizeof a->why,
			"%s: not allowed; ask to be put into the daemon's groups", c->socket);
		return CTL_DENIED;
	}
	if (code == CURLE_COULDNT_CONNECT) {
		snprintf(a->why, sizeof a->why, "no daemon answers at %s (%s); is it running?",
			c->socket, os ? strerror((int)os) : "no connection");
		return CTL_NO_DAEMON;
	}
	if (!*a->why)
		snprintf(a->why, sizeof a->why, "the connection to %s broke: %s", c->socket,
			curl_easy_strerror(code));
	return CTL_FAILED;
}

int client_call(struct client *c, const struct call *call, struct answer *a)
{
	struct transfer t = { call, a };
	struct buf url = { 0 };
	struct curl_slist *headers = headers_of(call);
	answer_init(a);
	buf_str(&url, "http://tally");
	buf_str(&url, call->url);
	int err = CTL_FAILED;
	if (url.failed || !headers) {
		snprintf(a->why, sizeof a->why, "out of memory");
		goto out;
	}
	call_prepare(c, &t, url.p, headers);
	CURLcode code = curl_easy_perform(c->curl);
	/* A refusal counts although the daemon did not read the rest of what was being sent. */
	err = code == CURLE_OK || (a->status >= 400 && code != CURLE_ABORTED_BY_CALLBACK)
		      ? 0
		      : call_failed(c, code, a);
out:
	curl_slist_free_all(headers);
	buf_deinit(&url);
	return err;
}

int client_open(struct client **out, const char *socket)
{
	*out = NULL;
	if (strlen(socket) >= sizeof((*out)->socket))
		return ctl_fail(CTL_NO_DAEMON, "%s: too long for the path of a socket", socket);
	struct client *c = calloc(1, sizeof *c);
	if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		!(c->curl = curl_easy_init())) {
		free(c);
		return ctl_fail(CTL_FAILED, "out of memory");
	}
	memcpy(c->socket, socket, strlen(socket) + 1);
	*out = c;
	return 0;
}

void client_close(struct client *c)
{
	if (!c)
		return;
	curl_easy_cleanup(c->curl);
	curl_global_cleanup();
	free(c);
}

/* ---- the socket ---- */

static int socket_search(char *out, size_t size)
{
	glob_t found;
	size_t n = 0;
	if (glob("/run/tally-*/*", 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			struct stat st;
			if (stat(found.gl_pathv[i], &st) == 0 && S_ISSOCK(st.st_mode) && n++ == 0)
				snprintf(out, size, "%s", found.gl_pathv[i]);
		}
		globfree(&found);
	}
	if (n > 1)
		return ctl_fail(CTL_USAGE,
			"more than one daemon under /run/tally-*; say which one with -s SOCKET");
	return n ? 0
		 : ctl_fail(CTL_NO_DAEMON, "no control socket under /run/tally-*; start a daemon, "
					   "or name its socket with -s SOCKET");
}

int client_socket(const char *given, char *out, size_t size)
{
	const char *s = given ? given : getenv("TALLY_SOCKET");
	if (!s || !*s)
		return socket_search(out, size);
	if (strlen(s) >= size)
		return ctl_fail(CTL_NO_DAEMON, "%s: too long for the path of a socket", s);
	memcpy(out, s, strlen(s) + 1);
	return 0;
}
