/* daemon_main: what every daemon of tally does the same way. Start is a list of parts, stop is its
 * mirror.
 *
 * Around the program's own parts it brings: command line (-c FILE, -n, -M, -V, -h), configuration
 * and reload, log, loop, keys, state directory, ledger store, links to parents, control socket with
 * the routes every daemon has (status, config, ledger, metrics, backup), readiness and watchdog. */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <pthread.h>

#include "daemon/api/api.h"
#include "daemon/base/version.h"
#include "daemon/conf/conf.h"
#include "daemon/link/link.h"
#include "daemon/loop/loop.h"

struct desk;
struct office;
struct registry;

#define PARENTS_MAX 8

/* What stands while a daemon runs. Parts put their own state behind `own`. */
struct daemon {
	const struct daemon_program *program;
	struct conf
		*conf; /* as it was at start, until the end: what needs a restart is asked here */
	struct loop *loop;
	struct sign_key sign;
	struct link_keys link_keys;
	struct ledger *ledger;
	struct link_net *net;
	struct link_child *parents[PARENTS_MAX]; /* under parents_lock; use daemon_ledger_grew() */
	size_t n_parents;
	struct link_parent *children; /* under parents_lock; see daemon_children() */
	struct api *api;
	uint64_t started_ms;	   /* monotonic */
	struct desk *desk;	   /* where records are taken in (daemon/intake); NULL: nowhere */
	struct office *office;	   /* where figures are asked for (daemon/figures); NULL: nowhere */
	struct registry *registry; /* who opens identities, on record (daemon/registrar); NULL:
					nobody */
	struct rest *rest;
	void *own; /* the program's */
	/* The mark of the gates that the node goes by, told to its parents: set by a part that
	 * starts before the links. */
	uint8_t gates[LINK_GATES_BYTES];
	bool has_gates;

	uint32_t origin;
	bool fresh; /* the first start on this state directory: further stores may be created. On
		     * any later start a missing store is an error, never "new" */
	uint64_t used_at_start;	      /* bytes of the ledger's store when it was opened */
	int state_fd;		      /* the state directory, locked */
	pthread_mutex_t parents_lock; /* guards parents, n_parents and children */
	pthread_mutex_t latest_lock;  /* guards latest */
	struct conf *latest; /* the last configuration that a reload took over; conf at first */
};

struct daemon_part {
	const char *name;
	MUST_CHECK int (*start)(struct daemon *d, struct errmsg *m);
	void (*stop)(struct daemon *d); /* only after a start that went well; may be NULL */
};

struct daemon_program {
	const char *name;	     /* "tally-collector" */
	const char *role;	     /* "collector" */
	const char *origin_setting;  /* "district" or "area" */
	const struct conf_row *rows; /* all settings: the program's own, then daemon_conf_rows */
	size_t n_rows;
	const char *const *tables; /* of the ledger's store, beyond the ledger's own */
	size_t n_tables;
	const struct daemon_part *before_links; /* started after the ledger, before links to parents
						   and the socket */
	size_t n_before_links;
	const struct api_route *routes; /* the program's own; context is the struct daemon */
	size_t n_routes;
	void (*status)(
		struct daemon *d, json_t *object); /* adds the program's own fields to `status` */
	void (*metrics)(struct daemon *d, struct buf *out);

	/* All further ones may be NULL. */
	const struct daemon_part *after_links; /* started after the links to parents (d->net is
						  open), before the socket */
	size_t n_after_links;
	/* A judgement over several settings, at start, with -n, at reload and in `config check`.
	 * ERR_INVALID with words; conf_line() tells where. Pure: nothing is open yet. */
	int (*check)(const struct conf *conf, struct errmsg *m);
	/* The signer that the ledger of `origin` must have by configuration; false: unknown (then
	 * `ledger verify` takes the one that its genesis names). API threads. */
	bool (*signer_of)(struct daemon *d, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES]);
	/* Copies the program's further stores into `dir` (it exists); called before the ledger's
	 * store is copied, so that no fold is ahead of its ledger. API threads. */
	int (*backup)(struct daemon *d, const char *dir, struct errmsg *m);
	/* The configuration was read again and is taken over; what of it the program can follow at
	 * once (sections that settings_reloads() names). On the loop. */
	void (*reload)(struct daemon *d, const struct conf *next);
	/* The same, called after the ledger's store was copied: for what that store vouches for. */
	int (*backup_last)(struct daemon *d, const char *dir, struct errmsg *m);
	/* The own ledger became longer. Any thread; part of daemon_ledger_grew(). */
	void (*grew)(struct daemon *d);
	/* A parent's ledger of decisions (`origin`) has grown here, after the commit. The store's
	 * writer thread: short, and it may post. What came in before the start is there already. */
	void (*followed)(struct daemon *d, uint32_t origin);
	/* Somebody asked for what his rights do not cover. API threads. */
	void (*denied)(struct daemon *d, const struct api_route *row, const char *user);
	/* False: something of the program no longer moves; the watchdog is not fed. On the loop. */
	bool (*alive)(struct daemon *d);
};

/* Settings of every daemon, for a program's table of rows (settings.c documents each):
 *
 *	static struct conf_row rows[OWN_ROWS + DAEMON_CONF_ROWS_N];
 *	memcpy(rows, own_rows, sizeof own_rows);
 *	memcpy(rows + OWN_ROWS, daemon_conf_rows, sizeof daemon_conf_rows); */
#define DAEMON_CONF_ROWS_N 14
extern const struct conf_row daemon_conf_rows[DAEMON_CONF_ROWS_N];

/* The exit code: 0, 64 wrong usage, 78 configuration, 1 anything else; after one line on standard
 * error. */
int daemon_main(int argc, char **argv, const struct daemon_program *p);
/* After a commit that made an own ledger longer (the area's, or its decisions): wakes all links to
 * parents, and those to children. Any thread. */
void daemon_ledger_grew(struct daemon *d);
/* The links to children, when they stand: daemon_ledger_grew() wakes them too. NULL before they are
 * closed. */
void daemon_children(struct daemon *d, struct link_parent *children);

#endif
