/* Numbers out of cells, by type of field. Pure; input is normalised text (normalise()). */
#ifndef PROTO_PARSE_H
#define PROTO_PARSE_H

#include "proto/registers.h"

/* The largest values a record may hold. */
#define MONEY_MAX ((int64_t)10000000000000) /* fen: 10^13 */
#define NUMBER_MAX ((int64_t)1000000000000) /* ints, and tenths either side of 0: 10^12 */
#define YEAR_MIN 1950
#define YEARS_AHEAD 5 /* dates may lie so many years after today's */

/* A cell of a field of type date, month, year, int, dec1, money or bool as the number that a record
 * stores. False when it has not the form of its type; too large a number becomes INT64_MAX, which
 * no range takes. */
bool parse_number(enum field_type type, struct text t, int64_t *value);

/* The fault's code for a cell that parse_number() refused. */
const char *parse_fault(enum field_type type);

/* The fault's code for a number that may not stand in a record, or NULL. `today` is yyyymmdd. */
const char *number_fault(enum field_type type, int64_t value, int today);

#endif
