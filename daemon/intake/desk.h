/* The desk: where a daemon takes records in. It brings the parts, tables, settings' checks, routes
 * and figures of the intake to a program, a district's or a city's alike.
 *
 * A program names DESK_TABLE_NAMES first among the tables of its ledger's store, starts desk_parts,
 * serves desk_routes, and lets desk_status() and desk_metrics() speak. The desk then stands behind
 * daemon.desk. */
#ifndef INTAKE_DESK_H
#define INTAKE_DESK_H

#include "daemon/intake/drop.h"
#include "daemon/intake/catch_up.h"
#include "daemon/intake/intake.h"
#include "daemon/run/run.h"

/* One environment with the ledger: one transaction takes a record in whole. */
enum {
	TABLE_VIEW = LEDGER_TABLES, /* record key → newest position */
	TABLE_OLDER,		    /* record key, position: older versions */
	TABLE_PERSON,		    /* pid → number in the vault */
	TABLE_VAULT,		    /* number → sealed identity */
	TABLE_INTAKE,		    /* counters and check values */
	TABLE_REFUSED,		    /* rows refused lately */
	TABLE_SCRUB,		    /* empty; store_scrub() */
	TABLE_SEALED,		    /* number in the vault → sealed to which registrar, where */
	TABLE_HEARD,		    /* number in the vault → month of the newest record */
	DESK_TABLES_END
};
#define DESK_TABLE_NAMES \
	"view", "older", "person", "vault", "intake", "refused", "scrub", "sealed", "heard"

#define DESK_WATCHES 32

struct desk {
	struct secrets *secrets;     /* NULL: a city without pid.key and vault.key */
	struct talent_rules *rules;  /* who is in the talent database; NULL: nobody asks */
	struct admission *admission; /* who is sealed to the registrar; NULL: nobody */
	struct intake *intake;
	struct catch_up *catch_up; /* NULL: no registrar is configured */
	struct view view;
	struct drop *drop; /* NULL: no drop folder */
	struct watch *watches[DESK_WATCHES];
	size_t n_watches;
};

/* Settings of the desk, for a program's table of rows. */
#define DESK_CONF_ROWS_N 2
extern const struct conf_row desk_conf_rows[DESK_CONF_ROWS_N];

static inline struct desk *desk_of(const struct daemon *d)
{
	return d->desk;
}

/* NULL when this node may take in the register; else why not, with what to do, in `m`. */
const char *desk_refuses(const struct daemon *d, const struct reg *reg, struct errmsg *m);

/* For daemon_program.before_links. A city needs no keys: without pid.key and vault.key it takes in
 * what names nobody. */
#define DESK_PARTS 5
extern const struct daemon_part desk_parts[DESK_PARTS];

/* For daemon_program.routes. */
#define DESK_ROUTES 8
extern const struct api_route desk_routes[DESK_ROUTES];

/* From the store, so that they are right after a restart. */
void desk_status(struct daemon *d, json_t *object);
void desk_metrics(struct daemon *d, struct buf *out);

#endif
