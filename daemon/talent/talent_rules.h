/* The rules of the talent database as data: who gets in (gates), what an honour opens (chains).
 * They stand in rule files (rules/, embedded), in the syntax of the form files; README.md is the
 * page for who writes one.
 *
 * Words: clause = records of one register that speak for a person, and from which day to which;
 * gate = a version of who gets in: one clause is enough; in force = of the gates with valid_from on
 * or before a day the newest.
 *
 * Pure, once loaded nothing changes: any thread. */
#ifndef TALENT_TALENT_RULES_H
#define TALENT_TALENT_RULES_H

#include "daemon/ledger/hash.h"
#include "daemon/survey/form.h"

/* The rule files that the program carries. */
extern const struct form_source talent_sources[];
extern const size_t talent_sources_n;

struct talent_clause {
	const char *id, *zh, *en;
	const struct reg *reg;
	const struct field *from;	     /* speaks from this day on */
	const struct field *until, *through; /* from `until` on no more; up to `through`. Or NULL */
	const struct expr *where;	     /* NULL: every record */
	const struct talent_clause *next;
};

struct talent_gate {
	const char *version, *zh, *en;
	int valid_from; /* yyyymmdd */
	const struct talent_clause *clauses;
	const struct talent_gate *next;
};

/* Persons for whom one of `clauses` speaks and none of `unless` may apply for something. */
struct talent_chain {
	const char *id, *zh, *en;
	const struct talent_clause *clauses, *unless;
	const struct talent_chain *next;
};

struct talent_alert;

#define TALENT_CHAINS_MAX 16
#define TALENT_GATES_MAX 250
#define TALENT_CLAUSES_MAX 32 /* of one section */

struct talent_rules {
	const struct talent_gate *gates;   /* newest first */
	const struct talent_chain *chains; /* in the order of the files */
	size_t n_gates, n_chains;
	/* Which certificates make a level: the highest that speaks counts. */
	const struct talent_clause *level;
	/* Where a person stands: by the newest record (`from`) of the first clause that has one. */
	const struct talent_clause *home;
	/* What is shown of a talent: the records of each clause from their day on. */
	const struct talent_clause *profile;
	/* What still runs: whoever has such a record is kept, however old it is (retention). */
	const struct talent_clause *running;
	const struct talent_alert *alerts; /* talent_alert.h; in the order of the files */
	uint8_t digest[HASH_BYTES];	   /* of all files */
	uint8_t gates_digest[HASH_BYTES];  /* of what stands in the gates, whatever the file */
	struct forms *memory;
};

/* NULL and words in m (file and line) when a rule does not fit. After registers_init(). The files
 * are borrowed for the call. Most programs give talent_sources. */
struct talent_rules *talent_rules_open(const struct form_source *files, size_t n, struct errmsg *m);
void talent_rules_close(struct talent_rules *t);

/* A record of a person, and who took it in. */
struct talent_record {
	const struct record *record;
	uint32_t origin;
};

/* Is it a record of the clause's, whatever the day? */
bool talent_clause_takes(const struct talent_clause *c, const struct talent_record *r);
/* Does it speak on this day (yyyymmdd)? The day it begins, and the first one on which it is over
 * (0: never), for a record that the clause takes: false when it speaks on no day. */
bool talent_clause_speaks(const struct talent_clause *c, const struct talent_record *r, int day);
bool talent_clause_days(
	const struct talent_clause *c, const struct talent_record *r, int *from, int *over);
/* Is it a record of the clause's that speaks on this day, or will on a later one? */
bool talent_clause_open(const struct talent_clause *c, const struct talent_record *r, int day);

/* The clause of a list that takes the record, or NULL; its number in the list. */
const struct talent_clause *talent_clause_of(
	const struct talent_clause *list, const struct talent_record *r, unsigned *number);

/* The gate in force; NULL before the first. */
const struct talent_gate *talent_gate_at(const struct talent_rules *t, int day);
/* By which clause of the gate in force does a person with these records (the newest version of
 * each; registers in any order) get in on this day? NULL: by none. */
const struct talent_clause *talent_qualifies(
	const struct talent_rules *t, const struct talent_record *records, size_t n, int day);
/* May this one record let its person in, on any day, by any gate? Cheap: what a collector asks of
 * every row before it looks at the person. */
bool talent_may_qualify(const struct talent_rules *t, const struct talent_record *r);

/* NULL: there is none. */
const struct talent_chain *talent_chain_find(const struct talent_rules *t, const char *id);

#endif
