/* HTTP/1.1 over the control socket. Routes are rows: method, path, right, the words of tallyctl and
 * the help stand in one place; the right is checked in one place. A handler runs on a thread of its
 * own (one per connection): it reads snapshots, posts writes and waits for them; it never touches
 * the loop's state.
 *
 * GET /v1/ lists the routes: {"name", "version", "routes": [{"method", "path", "right", "command",
 * "query", "upload", "help_en", "help_zh"}]}.
 *
 * Forms of an answer, by Accept:
 *
 * - application/json (default): an object as it is, a table as an array of objects
 *
 * - text/csv: a table with a header line (names); RFC 4180, UTF-8, without BOM
 *
 * - application/vnd.tally.table+json: {"columns": [{"name", "zh", "en", "right": bool}],
 *   "rows": [[text, …], …], "notes": [text, …]}
 *
 * An error is {"error": "what is wrong, where, and what to do"} with its status, in every form.
 * The header Tally-Exit carries tallyctl's exit code when it is not 0 (1: found a difference, 3:
 * some rows refused). */
#ifndef API_API_H
#define API_API_H

#include <jansson.h>

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

/* What a peer may do; each includes those before it, but REGISTRAR and ADMIN both stand on
 * OPERATOR. */
enum api_right { RIGHT_VIEWER, RIGHT_OPERATOR, RIGHT_REGISTRAR, RIGHT_ADMIN };

struct api;
struct api_call; /* one request, on its thread */

/* Handlers have API_STACK bytes of stack: big things go to the heap. */
#define API_STACK (256 * 1024)

/* For routes that take a body: fed as it comes in, so that any size passes in flat memory. All on
 * one thread. */
struct api_upload {
	/* NULL: refused; then api_fail() was called. */
	void *(*begin)(struct api_call *call);
	/* false: no more of it; what still comes is thrown away and end() will answer. May block:
	 * that is the back-pressure. */
	bool (*data)(void *state, const char *p, size_t n);
	/* Answers; frees the state. `whole`: the body came to its end; false: the peer went away
	 * (the answer goes nowhere). */
	void (*end)(struct api_call *call, void *state, bool whole);
};

struct api_route {
	const char *method;  /* GET, POST, DELETE */
	const char *path;    /* "/v1/forms/{form}" */
	const char *command; /* "form show FORM": capitals are the path's variables in order; NULL:
				not for tallyctl */
	const char *query; /* "period! area version cumulative?": `!` required, `?` a flag, `file<`
			      tallyctl's --file, whose bytes are the body; `name@` and
				`name%` lines name=value of the body, which tallyctl asks for at
				the terminal (`@`: when the flag is given); NULL: none */
	enum api_right right;
	const char *help_en, *help_zh;
	void (*handle)(struct api_call *call);
	const struct api_upload *upload; /* instead of handle */
	void *context;			 /* set by the program at start: api_context() */
};

struct api_conf {
	const char *socket;    /* path; its directory must stand */
	const char *groups[4]; /* by right: names of Unix groups, NULL or "": none. root and the
				  daemon's own user have all */
	const char *name, *version;
	unsigned connections; /* 0: 64 */
	/* Somebody asked for what his rights do not cover; before the answer. On the thread of the
	 * request. May be NULL. */
	void (*denied)(void *arg, const struct api_route *row, const char *user);
	void *arg;
	unsigned idle_s; /* a connection that is silent for so long is closed; 0: 60 */
};

/* Routes are copied. *out stands before the first request is served. ERR_BUSY: another daemon
 * answers at the socket; a stale one is removed (under a lock file). */
MUST_CHECK int api_open(struct api **out, const struct api_conf *conf,
	const struct api_route *routes, size_t n, struct errmsg *m);
/* No new calls; waits for those under way (api_stopping() tells long ones to end). */
void api_close(struct api *a);
/* tally_api_… : requests, refusals by status, refused by right, connections. Any thread. */
void api_metrics(struct api *a, struct buf *out);

/* ---- the request ---- */

/* A path variable or query value (URL-decoded), NULL when absent. */
const char *api_arg(const struct api_call *call, const char *name);
bool api_flag(const struct api_call *call, const char *name);
/* A whole number; `preset` when absent. When it is none, or out of bounds, api_fail() was called
 * and false returned. */
bool api_number(struct api_call *call, const char *name, uint64_t preset, uint64_t least,
	uint64_t most, uint64_t *out);
void *api_context(const struct api_call *call);
const char *api_header(const struct api_call *call, const char *name); /* NULL when absent */
bool api_wants_csv(const struct api_call *call);
/* Words in English? By `lang`, else by Accept-Language; the survey's language is Chinese. */
bool api_english(const struct api_call *call);
/* Name of the peer's user ("root"), for `author`; never NULL. */
const char *api_user(const struct api_call *call);
/* May the caller do what asks for this right? For answers of which not everybody sees all; whether
 * there is one at all stands in the route's row. */
bool api_may(const struct api_call *call, enum api_right right);
bool api_stopping(const struct api_call *call);

/* The answer hangs on nothing but the request and this version of what is asked (up to 64 letters
 * and digits): says so (ETag), and when the peer holds that answer already (If-None-Match), answers
 * 304 and returns true: nothing is left to do. So who asks again and again what has not changed
 * costs next to nothing. */
bool api_unchanged(struct api_call *call, const char *version);

/* ---- the answer: exactly one of fail, json, text, file, table ---- */

void api_fail(struct api_call *call, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* An err.h code with words; picks the status (404, 409, 507, 500 …). */
void api_fail_err(struct api_call *call, int err, const char *what);
void api_json(struct api_call *call, json_t *value); /* takes over */
/* A body as it is; takes over b's memory. */
void api_text(struct api_call *call, const char *content_type, struct buf *b);
/* The contents of a file from its beginning; takes over fd. */
void api_file(struct api_call *call, const char *content_type, int fd);
void api_set_exit(struct api_call *call, int code);
void api_set_header(struct api_call *call, const char *name, const char *value);

/* Tables: columns, then cells row by row. api_table_end() sends it. */
enum api_kind { API_TEXT, API_INT, API_DECIMAL };
struct api_column {
	const char *name, *zh, *en;
	enum api_kind kind; /* numbers are aligned right and stand bare in JSON */
};
struct api_table;
struct api_table *api_table(struct api_call *call, const struct api_column *columns, size_t n);
void api_cell(struct api_table *t, struct text v);
void api_cell_str(struct api_table *t, const char *v); /* NULL: empty, null in JSON */
void api_cell_int(struct api_table *t, int64_t v);
void api_cell_printf(struct api_table *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A line below the table (in table and vnd form only). */
void api_note(struct api_table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void api_table_end(struct api_table *t);

/* ---- metrics ---- */

/* Prometheus text. HELP and TYPE are written at the first sample of a name in a row. labels:
 * `origin="310115"` or NULL. */
void metric(struct buf *out, const char *name, const char *type, const char *help,
	const char *labels, double value);

#endif
