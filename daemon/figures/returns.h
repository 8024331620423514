/* The life of a return, derived from what was signed, decided and closed (fold/events.h).
 *
 * A district's return for a form and period is open (nothing signed), signed, accepted or sent back
 * (by the newest decision on its newest signature), and closed once a version of the period stands.
 * It is received on the day on which it was signed for the first time: a signature that comes after
 * a query does not make it late. A return of nothing but zeros is received like any other.
 *
 * Nothing here asks the clock; who needs a day gives it. */
#ifndef FIGURES_RETURNS_H
#define FIGURES_RETURNS_H

#include "daemon/fold/events.h"
#include "daemon/survey/calendar.h"
#include "proto/survey.h"

enum return_state {
	RETURN_OPEN,
	RETURN_SIGNED,
	RETURN_ACCEPTED,
	RETURN_SENT_BACK,
	RETURN_CLOSED,
};
/* open, signed, accepted, sent_back, closed; and words for people. */
const char *return_state_code(enum return_state s);
const char *return_state_words(enum return_state s, bool zh);

/* Bytes that point into the snapshot have the life of it. */
struct return_item {
	const char *form; /* as given */
	struct period period;
	uint32_t area;
	int due; /* yyyymmdd; 0: it is not asked for */
	enum return_state state;
	enum return_state decided; /* what it was when it was closed; else as `state` */
	uint32_t version;	   /* the newest one of the period; 0: it is not closed */
	uint64_t signatures;
	int received_on;	  /* day of the first signature; 0: none */
	uint64_t position, at_ms; /* of the newest signature; 0: none */
	struct text body;	  /* of its RETURN */
	uint64_t decided_at_ms;	  /* of the newest decision on it; 0: none */
	struct text decision;	  /* body of that DECISION */
	struct text sent_back;	  /* of the newest DECISION that sent any of the signatures back */
	uint64_t sent_back_position; /* the signature that it spoke of */
	uint64_t explained;	     /* EXPLAIN entries */
};

/* Whose decisions and versions count: a ledger of decisions, or, 0, any (in a district, which
 * holds its parents'). Sticky errors in views. */
struct returns {
	const struct forms *forms;
	struct store_txn *views;
	uint32_t decisions;
};
void return_read(const struct returns *r, const char *form, const struct period *p, uint32_t area,
	struct return_item *out);
/* Days that it came late, or is late by on the day `today`; 0: it is in time, or not due. */
int return_late(const struct return_item *r, int today);

/* What a district has explained of a form and period: read once, asked for every place. Words on a
 * whole check count for each of its rows, and words count also where they came before the newest
 * signature. */
struct explanations {
	uint8_t (*at)[KEY_HASH_BYTES]; /* of check and row, sorted */
	size_t n, room;
	bool failed;
};
/* ERR_NOMEM, or what is wrong with the views. */
MUST_CHECK int explanations_read(struct explanations *x, const struct returns *r, const char *form,
	const struct period *p, uint32_t area);
void explanations_deinit(struct explanations *x);
bool explanations_have(const struct explanations *x, struct text check, struct text row);

/* Completeness and timeliness. received ≤ expected always: a rate above 100 % cannot exist. */
struct completeness {
	uint64_t expected, received, on_time, late, missing, accepted;
	uint64_t late_days; /* of those received late, added up */
	uint64_t zero;	    /* received, and nothing but zeros: not missing */
};
/* Of a district's returns whose due day lies between two days (yyyymmdd, both included). `form`
 * NULL: of all forms. Adds to *sum. */
void returns_due(const struct returns *r, uint32_t area, const char *form, int first, int last,
	struct completeness *sum);
/* The same of the returns for periods that lie in `in`, as far as they were due by `today`. */
void returns_in(const struct returns *r, uint32_t area, const char *form, const struct period *in,
	int today, struct completeness *sum);

#endif
