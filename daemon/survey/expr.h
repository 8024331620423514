/* Conditions on a record, as form files write them: `result = completed and not (sex = 2)`. Pure.
 *
 *     or-part { or or-part } · and between tests · not · ( )
 *     FIELD = A|B        the code, text, number, date or yes/no is one of these
 *     FIELD != A|B       it is not; also when absent
 *     FIELD has A|B      the list of codes holds one of these
 *     FIELD < N          and <=, >, >=: numbers and dates; false when the field is absent
 *     FIELD < OTHER      the same against another field, or `60% of OTHER`
 *     FIELD present, FIELD absent
 *
 * FIELD is one of the register's, or sex, birth_year (of its person), or district (who took the
 * record in). */
#ifndef SURVEY_EXPR_H
#define SURVEY_EXPR_H

#include "daemon/base/err.h"
#include "proto/record.h"

struct expr; /* compiled; in the arena */

/* NULL and words in m (without file and line) when it does not fit: unknown field, unknown code, …
 */
const struct expr *expr_parse(
	const struct reg *reg, struct text source, struct arena *a, struct errmsg *m);
bool expr_holds(const struct expr *e, const struct record *r, uint32_t origin);

/* Conditions on a person in a year: of sex, birth_year and age (the year less the year of birth;
 * absent when that is unknown). */
const struct expr *expr_parse_person(struct text source, struct arena *a, struct errmsg *m);
struct expr_person {
	enum sex sex;
	int birth_year; /* 0: unknown */
	int year;
};
bool expr_holds_person(const struct expr *e, const struct expr_person *p);
/* The ages at which its answer may change; at most `size` are written, *n counts on. */
void expr_ages(const struct expr *e, int *out, size_t size, size_t *n);

#endif
