/* The registrar's desk: the one door to identities. Opens what is sealed (at a city), answers for
 * what a vault holds (in a district), decides identity cases; every look is a line in the access
 * log before it is answered.
 *
 * A program starts registrar_parts after the intake and the office, serves its routes, and passes
 * on backup, status, metrics and refusals. */
#ifndef REGISTRAR_REGISTRAR_H
#define REGISTRAR_REGISTRAR_H

#include <pthread.h>

#include "daemon/registrar/access.h"
#include "daemon/run/run.h"

struct registry {
	struct access *log;
	pthread_mutex_t cases;		/* one decision at a time */
	char rule[24];			/* the rule on bulk reads; empty: there is none */
	uint64_t alert_hour, alert_day; /* more than so many are an alert */
	pthread_mutex_t alerts; /* guards how many there were, of which state of the log, when */
	uint64_t alerts_n, alerts_written, alerts_ms;
};

static inline struct registry *registrar_of(const struct daemon *d)
{
	return d->registry;
}

#define REGISTRAR_CONF_ROWS_N 4
extern const struct conf_row registrar_conf_rows[REGISTRAR_CONF_ROWS_N];

/* For daemon_program.before_links, behind the desk's and the office's. */
#define REGISTRAR_PARTS 1
extern const struct daemon_part registrar_parts[REGISTRAR_PARTS];

/* What both programs serve: the access log, and what a vault owes its subjects. And what only a
 * city does. */
#define REGISTRAR_ROUTES 7
extern const struct api_route registrar_routes[REGISTRAR_ROUTES];
#define REGISTRAR_CITY_ROUTES 7
extern const struct api_route registrar_city_routes[REGISTRAR_CITY_ROUTES];

/* For daemon_program.denied, status, metrics, backup. */
void registrar_denied(struct daemon *d, const struct api_route *row, const char *user);
void registrar_status(struct daemon *d, json_t *object);
void registrar_metrics(struct daemon *d, struct buf *out);
MUST_CHECK int registrar_backup(struct daemon *d, const char *dir, struct errmsg *m);

/* Users who opened more than the rule on bulk reads lets pass, by name; at most `size`, returns
 * their number. Walks a day of the log. Any thread. */
#define REGISTRAR_LOADS_MAX 256
size_t registrar_bulk(struct registry *r, struct access_load *out, size_t size);

/* The purpose that the caller gives, trimmed; empty: none that will do. */
#define REGISTRAR_NO_PURPOSE \
	"a purpose must be given: --purpose TEXT, at most 200 characters, and no document or " \
	"phone number in it: auditors read it"
struct text registrar_purpose(const struct api_call *call);
/* The pid that a talent's id, or its 32 hexadecimal digits, stand for. False: it is neither, or
 * nobody's. */
bool registrar_named(struct store_txn *views, struct text id, uint8_t pid[PID_BYTES]);
/* A line of the log for the caller. A failure was answered (nothing may be opened): false. */
bool registrar_note(struct api_call *call, const struct access_line *line);

#endif
