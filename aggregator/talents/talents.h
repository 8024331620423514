/* The high-skilled talent database, as a city's daemon answers for it: search, one talent, who may
 * apply for what, what only the centre can see. Every answer is pseudonymous; who somebody is only
 * a registrar learns (daemon/identity).
 *
 * A search is answered out of memory (daemon/talent/talent_index.h), all else under one snapshot of
 * the views and one of the ledgers taken after it. */
#ifndef AGGREGATOR_TALENTS_TALENTS_H
#define AGGREGATOR_TALENTS_TALENTS_H

#include "daemon/figures/office.h"
#include "daemon/talent/talent_alert.h"

/* For daemon_program.routes. */
#define TALENT_ROUTES 5
extern const struct api_route talent_routes[TALENT_ROUTES];

void talents_metrics(struct daemon *d, struct buf *out);

/* ---- handlers ---- */

void route_talent_find(struct api_call *call);
void route_talent_show(struct api_call *call);
void route_talent_eligible(struct api_call *call);
void route_alert_list(struct api_call *call);
void route_subsidy_check(struct api_call *call);

/* ---- what a request says ---- */

/* `lang` is not en. */
bool talents_zh(const struct api_call *call);
/* `at`, or today in Shanghai. False: api_fail() was called. */
bool talents_day(struct api_call *call, int *day);
/* "T…" or 32 hex digits to the person of that pid. ERR_INVALID: it is neither; ERR_NOTFOUND; */
/* ERR_EXISTS: two persons' ids are alike, only the pid tells. */
int talents_person_of(struct store_txn *views, struct text id, uint8_t pid[PID_BYTES]);
/* The same, of what an id stands for: a whole pid (PID_BYTES), or the first TALENT_ID_BYTES of one.
 */
int talents_person_known(
	struct store_txn *views, const uint8_t *known, size_t n, uint8_t pid[PID_BYTES]);
/* An `after`: the greatest pid that has this id. False: api_fail() was called. */
bool talents_after(struct api_call *call, uint8_t pid[PID_BYTES], bool *given);

/* ---- one answer's snapshots ---- */

struct talents_view {
	struct office *office;
	struct store_txn *views, *ledgers;
};
MUST_CHECK int talents_view_begin(struct talents_view *v, struct daemon *d);
/* The same for a route. False: api_fail() was called. */
bool talents_view_open(struct talents_view *v, struct api_call *call);
void talents_view_close(struct talents_view *v);

/* ---- a person's records ---- */

struct dossier {
	struct arena arena;
	struct record *records;
	struct talent_record *facts; /* the same, with who took them in */
	struct person_ref *refs;     /* where they stand; ascending */
	size_t n;
	size_t all;	   /* that the person has, held or not */
	size_t unreadable; /* damaged in the ledger: left out */
};
/* Deinit it in any case. ERR_NOTFOUND: nobody has this pid; ERR_LIMIT: more records than can be
 * held (those that stand first are). */
MUST_CHECK int dossier_init(
	struct dossier *d, const struct talents_view *v, const uint8_t pid[PID_BYTES]);
/* Apprenticeships in which the person is named as mentor, by an id of one of its pids; as above. */
MUST_CHECK int dossier_mentored(
	struct dossier *d, const struct talents_view *v, const uint8_t pid[PID_BYTES]);
void dossier_deinit(struct dossier *d);
/* The natural key of a record, in the dossier's arena. */
struct text dossier_key(struct dossier *d, size_t i);

/* ---- the slow walk: any day, one snapshot ---- */

#include "daemon/talent/talent_index.h"

/* As talent_index_find(), by walking over the rows of the views. 0, or an error of the store. */
MUST_CHECK int talents_walk(const struct talents_view *v, int day, const struct talent_query *q,
	const uint8_t after[PID_BYTES], struct talent_hit *hits, size_t limit,
	struct talent_found *found, struct talent_facets *facets);

/* Words for a code of a list, "" when there are none. */
const char *talents_words(const struct code_list *list, struct text code, bool zh);

#endif
