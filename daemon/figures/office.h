/* The office: where a daemon's figures are asked for. It brings the parts, settings, routes and
 * metrics of forms and views to a program, a city's or a district's alike.
 *
 * At a city the views follow the ledgers as entries come in. In a district they are folded when
 * somebody asks (`on_demand`): taking records in costs nothing more, and a clerk sees, and signs,
 * what the own ledger says. The office stands behind daemon.office. */
#ifndef FIGURES_OFFICE_H
#define FIGURES_OFFICE_H

#include <stdatomic.h>

#include "daemon/fold/views.h"
#include "daemon/run/run.h"
#include "daemon/talent/talent_place.h"

struct office {
	uint32_t area; /* of this node: everything counts there */
	bool on_demand;
	struct forms *forms;
	struct talent_rules *rules; /* of the talent database; NULL: on demand, it is not kept */
	struct talent_mark mark;    /* of the rules that this node goes by */
	struct views *views;
	uint64_t life;	      /* of this process and its list of children; see office_moment() */
	pthread_mutex_t lock; /* guards children, life */
	uint32_t *children;   /* areas that are shown even when they have no entries */
	size_t n_children;
	struct timer *retry; /* wakes the fold while it stands still */
	atomic_bool recounting;
};

static inline struct office *office_of(const struct daemon *d)
{
	return d->office;
}
/* For handlers: the route's context is the daemon. */
static inline struct daemon *daemon_of(const struct api_call *call)
{
	return api_context(call);
}

/* Settings of the office, for a program's table of rows. */
#define OFFICE_CONF_ROWS_N 4
extern const struct conf_row office_conf_rows[OFFICE_CONF_ROWS_N];

/* For daemon_program.before_links. Of an aggregator the views follow by themselves. */
#define OFFICE_PARTS 2
extern const struct daemon_part office_parts[OFFICE_PARTS];

/* For daemon_program.routes. */
#define OFFICE_ROUTES 6
extern const struct api_route office_routes[OFFICE_ROUTES];

/* Forms and rules as configured: ERR_INVALID and words (file and line). For daemon_program.check.
 */
MUST_CHECK int office_check(const struct conf *c, struct errmsg *m);
/* For daemon_program.reload: says whether the rules that stand there now wait for a restart. */
void office_reload(struct daemon *d, const struct conf *next);
/* For daemon_program.backup, alive, status, metrics. */
MUST_CHECK int office_backup(struct daemon *d, const char *dir, struct errmsg *m);
bool office_alive(struct daemon *d);
void office_status(struct daemon *d, json_t *object);
void office_metrics(struct daemon *d, struct buf *out);

/* Says which areas are shown even when they have no entries; copied. On the loop. */
void office_children(struct office *o, const uint32_t *areas, size_t n);
/* The districts that owe returns here: a city's children as they are now, a district itself.
 * Returns their number (at most `size` are written). Any thread. */
size_t office_districts(struct office *o, uint32_t *out, size_t size);
/* A ledger has grown. Any thread. */
void office_wake(struct daemon *d);
/* A snapshot of the views that holds, on demand, all that the ledgers held when it was asked for.
 * ERR_EXPIRED: folding takes longer than a request may; it goes on meanwhile. Not on the loop or a
 * writer thread. */
MUST_CHECK int office_read(struct office *o, struct store_txn **t);

/* What figures made under this snapshot hang on, besides the question: as a version for
 * api_unchanged(). */
#define OFFICE_MOMENT 36
void office_moment(struct office *o, const struct store_txn *views, char out[OFFICE_MOMENT]);

/* The areas that figures are shown for: the node's own first, then the districts ascending:
 * children, and whoever has entries here. Returns their number (at most `size` are written). */
size_t office_areas(struct office *o, struct store_txn *views, uint32_t *out, size_t size);
/* Chinese or English name of an area; "" when it has none. */
const char *area_name(uint32_t area, bool zh);

/* ---- handlers (route_*.c) ---- */

void route_form_list(struct api_call *call);
void route_form_show(struct api_call *call);
void route_form_export(struct api_call *call);
void route_form_overlap(struct api_call *call);
void route_check_run(struct api_call *call);
void route_findings(struct api_call *call);
void route_recount(struct api_call *call);

#endif
