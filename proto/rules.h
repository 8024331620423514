/* Rules between the fields of a record: rows of rules.tsv, bound to the fields of their register.
 * For this room. */
#ifndef PROTO_RULES_H
#define PROTO_RULES_H

#include "proto/judge.h"

struct check;

/* One row, bound. Which members mean something is the check's matter (rules.c). */
struct rule {
	const struct check *check;
	const struct fault_def *fault;
	int field;
	int at[3];	    /* fields named by the arguments */
	uint32_t codes;	    /* indexes in the list of the field that decides */
	uint32_t own_codes; /* indexes in the field's own list */
	int64_t low, high;
	const char *words;
	uint32_t needs;	 /* fields that must be present for it to ask */
	uint32_t silent; /* fields whose own fault silences it */
};

/* Binds a row to its register; NULL, or what does not fit. */
const char *rule_bind(const struct reg *reg, const struct table_rule *row, struct rule *out);

/* Asks every rule of the record's register. */
void rules_judge(struct judgement *j);

#endif
