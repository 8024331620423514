/* What only the centre can see: alerts as data, and the judgement on one person's records. Pure.
 *
 * Two steps, so that nobody's records are read in vain. Of a record that an alert may look at, the
 * fold keeps a trace of 12 bytes beside the person's facts; talent_traces_suspect() says from a
 * person's traces alone whether its records are worth a look: never no when there is an alert.
 * More records than the rule RECORDS allows are worth one, too.
 * talent_alerts_person() looks, exactly. */
#ifndef TALENT_TALENT_ALERT_H
#define TALENT_TALENT_ALERT_H

#include "daemon/talent/talent_rules.h"

enum talent_alert_kind {
	ALERT_CERTIFICATE, /* one number, two persons: found by number, not by person */
	ALERT_PAID_AGAIN,
	ALERT_PAID_BELOW,
	ALERT_OVERLAP,
	ALERT_PAYEES,
	ALERT_REVOKED,
	ALERT_AGE,
	ALERT_JUMP,    /* of a district's figures */
	ALERT_READS,   /* of the access log; one rule at most */
	ALERT_RECORDS, /* of a person, whatever they say; one rule at most */
	ALERT_KINDS
};

struct talent_alert {
	const char *id, *zh, *en;
	enum talent_alert_kind kind;
	const struct reg *reg;	  /* NULL: AGE, JUMP, READS, RECORDS */
	const struct expr *where; /* or NULL */
	int64_t least, most, percent, months, hours_per_day, hour, day;
	const char *form, *measure;
	const struct talent_clause *dates; /* AGE */
	/* OVERLAP: fields of its register, since every training is looked at. Or NULL */
	const struct field *enrolled, *ended, *offline;
	const struct talent_alert *next;
};

/* ---- traces ---- */

enum talent_trace_kind { TRACE_PAID, TRACE_FULL_TIME, TRACE_REVOKED, TRACE_AGE, TRACE_KINDS };
#define TALENT_TRACE_BYTES 12

struct talent_trace {
	enum talent_trace_kind kind;
	uint32_t origin;
	uint8_t body[TALENT_TRACE_BYTES];
};
/* The traces of a record; at most TRACE_KINDS, returns their number. */
size_t talent_traces(const struct talent_rules *t, const struct talent_record *r,
	struct talent_trace out[TRACE_KINDS]);
bool talent_traces_suspect(const struct talent_trace *traces, size_t n);

/* ---- alerts ---- */

/* Hears of an alert: the numbers of its records; k is i where there is but one. False: it wants to
 * hear no more of this rule. */
typedef bool (*talent_alert_found)(void *arg, const struct talent_alert *rule, size_t i, size_t k);

/* Every alert of a person's records (the newest version of each), rule by rule. Pairs come once, i
 * the earlier by its day, on a tie the one that stands first. In the time of n log n and of the
 * alerts that are told, not of the pairs of records. ERR_NOMEM: not all were told. */
MUST_CHECK int talent_alerts_person(const struct talent_rules *t,
	const struct talent_record *records, size_t n, talent_alert_found found, void *arg);

/* Of those only what concerns the last record (there is one), a claim (register `subsidy`). */
MUST_CHECK int talent_alerts_claim(const struct talent_rules *t,
	const struct talent_record *records, size_t n, talent_alert_found found, void *arg);

/* How many records one person may have (the rule RECORDS); SIZE_MAX: there is none. */
size_t talent_alert_crowd(const struct talent_rules *t);

/* The age that a record says its person had: INT_MIN when it says none. */
int talent_alert_age(const struct talent_alert *a, const struct talent_record *r);

/* A register's field that stands in its message; NULL: there is none of that name. */
const struct field *talent_field(const struct reg *reg, const char *name);

/* A rule file's section (for talent_rules.c): talent_alert_read.c. */
struct loader;
struct node;
void talent_alert_read(struct loader *l, struct talent_rules *t, const struct node *section);
const struct talent_clause *talent_clauses_read(
	struct loader *l, const struct node *section, const char *name);

#endif
