/* daemon_main: what every daemon of tally does the same way. Start is a list of parts, stop is its mirror.
 *
 * Around the program's own parts it brings: command line (-c FILE, -n, -V), configuration and reload, log, loop, keys,
 * ledger store, links to parents, control socket with the routes every daemon has (status, config, ledger, metrics,
 * backup), readiness and watchdog. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include "daemon/api/api.h"
#include "daemon/base/version.h"
#include "daemon/conf/conf.h"
#include "daemon/link/link.h"
#include "daemon/loop/loop.h"

#define PARENTS_MAX 8

/* What stands while a daemon runs. Parts put their own state behind `own`. */
struct daemon {
	const struct daemon_program *program;
	struct conf *conf;
	struct loop *loop;
	struct sign_key sign;
	struct link_keys link_keys;
	struct ledger *ledger;
	struct link_net *net;
	struct link_child *parents[PARENTS_MAX];
	size_t n_parents;
	struct api *api;
	uint64_t started_ms; /* monotonic */
	void *own;           /* the program's */
};

struct daemon_part {
	const char *name;
	MUST_CHECK int (*start)(struct daemon *d, struct errmsg *m);
	void (*stop)(struct daemon *d); /* only after a start that went well */
};

struct daemon_program {
	const char *name;               /* "tally-collector" */
	const char *role;               /* "collector" */
	const char *origin_setting;     /* "district" or "area" */
	const struct conf_row *rows;    /* all settings; common ones by DAEMON_CONF_ROWS */
	size_t n_rows;
	const char *const *tables;      /* of the ledger's store, beyond the ledger's own */
	size_t n_tables;
	const struct daemon_part *before_links; /* started after the ledger, before links to parents and the socket */
	size_t n_before_links;
	const struct api_route *routes; /* the program's own; context is the struct daemon */
	size_t n_routes;
	void (*status)(struct daemon *d, json_t *object); /* adds the program's own fields to `status` */
	void (*metrics)(struct daemon *d, struct buf *out);
};

/* Settings of every daemon, for a program's table of rows (run.c documents each). */
#define DAEMON_CONF_ROWS_N 11
extern const struct conf_row daemon_conf_rows[DAEMON_CONF_ROWS_N];

int daemon_main(int argc, char **argv, const struct daemon_program *p);
/* After a commit that made the own ledger longer: wakes all links to parents. Any thread. */
void daemon_ledger_grew(struct daemon *d);

#endif
