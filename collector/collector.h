/* What stands in a running collector, behind daemon.own. */
#ifndef COLLECTOR_COLLECTOR_H
#define COLLECTOR_COLLECTOR_H

#include "collector/intake.h"
#include "daemon/run/run.h"

/* The collector's tables, in one environment with its ledger: one transaction takes a record in
 * whole. */
enum {
	TABLE_VIEW = LEDGER_TABLES, /* record key → newest position */
	TABLE_OLDER,		    /* record key, position: older versions */
	TABLE_PERSON,		    /* pid → number in the vault */
	TABLE_VAULT,		    /* number → sealed identity */
	TABLE_INTAKE,		    /* counters and check values */
	TABLE_REFUSED,		    /* rows refused lately */
	COLLECTOR_TABLES_END
};
#define COLLECTOR_TABLE_NAMES "view", "older", "person", "vault", "intake", "refused"

struct collector {
	struct secrets *secrets;
	struct intake *intake;
	struct view view;
};

static inline struct collector *collector_of(const struct daemon *d)
{
	return d->own;
}

#endif
