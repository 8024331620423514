/* The alerts that stand, gathered under one snapshot: by rule, then by the places of their records.
 */
#ifndef AGGREGATOR_TALENTS_ALERTS_H
#define AGGREGATOR_TALENTS_ALERTS_H

#include "aggregator/talents/talents.h"
#include "daemon/fold/talents.h"

struct alert_record {
	struct person_ref ref; /* position 0: there is none */
	const char *reg;
	struct text key;
	char person[TALENT_ID_TEXT]; /* empty: of nobody */
};

struct alert {
	const struct talent_alert *rule;
	struct alert_record a, b; /* b may be none */
	char note[96];		  /* numbers that made it: an age; a month and its figures */
};

struct alerts {
	struct alert *at;
	size_t n, room;
	struct arena arena; /* keys */
};

#define ALERTS_MAX 200000

struct alerts_ask {
	const char *only;	   /* NULL, or a rule's id */
	int day;		   /* up to which months are looked at */
	struct registry *registry; /* whose log is looked at for bulk reads (as it is now) */
	bool users;		   /* who read is named; else a number stands for each */
};
/* ERR_LIMIT: there are more than ALERTS_MAX. Deinit in any case. */
MUST_CHECK int alerts_init(
	struct alerts *a, const struct talents_view *v, const struct alerts_ask *ask);
void alerts_deinit(struct alerts *a);

/* Of the rule ALERT_JUMP (alert_jumps.c): told(arg, area, month, now, then) for each. */
int alert_jumps(const struct talents_view *v, const struct talent_alert *rule, int day,
	bool (*told)(
		void *arg, uint32_t area, const struct period *month, int64_t now, int64_t then),
	void *arg);

#endif
