/* Conditions on a record, as form files write them: `result = completed and not (sex = 2)`. Pure.
 *
 *     or-part { or or-part } · and between tests · not · ( )
 *     FIELD = A|B    the code, text, number, date or yes/no is one of these     FIELD != A|B   it
 * is not (also when absent) FIELD has A|B  the list of codes holds one of these FIELD < N, <=, >,
 * >=   numbers and dates; false when the field is absent FIELD present, FIELD absent FIELD is one
 * of the register's, or sex, birth_year (of its person), or district (who took the record in). */
#ifndef AGGREGATOR_EXPR_H
#define AGGREGATOR_EXPR_H

#include "daemon/base/err.h"
#include "proto/record.h"

struct expr; /* compiled; in the arena */

/* NULL and words in m (without file and line) when it does not fit: unknown field, unknown code, …
 */
const struct expr *expr_parse(
	const struct reg *reg, struct text source, struct arena *a, struct errmsg *m);
bool expr_holds(const struct expr *e, const struct record *r, uint32_t origin);

#endif
