/* What the search needs to know of a person, whatever the day: a row of items made of the person's
 * records; and what it says on a day.
 *
 * A row depends on the set of records only. Stored (daemon/fold, table talent) as items of
 * TALENT_ITEM_BYTES, sorted by their bytes, none twice:
 *
 *     kind (1) code (1) from (2) over (2) value (3) origin (3)     numbers big-endian
 *
 * from: day from which it speaks; over: the first on which it does no more, 0xffff never; days
 * counted from 1900-01-01.
 *
 *     kind 1 gate       code: its number, newest 0; value: number of the clause
 *          2 chain      code: its number; value: 0 clause, 1 unless
 *          3 level      code: rank + 1; value: the occupation's digits; origin
 *          4 honour     code: place in its list + 1
 *          5 programme  value: bits, by place in the list
 *          6 area       the same
 *          7 status     code: status + 1; value: industry + 1; origin: of the person row
 *          8 home       code: number of the clause; origin
 *          9 birth      code: sex; value: year */
#ifndef TALENT_TALENT_ROW_H
#define TALENT_TALENT_ROW_H

#include "daemon/base/buf.h"
#include "daemon/talent/talent_rules.h"

#define TALENT_ITEM_BYTES 12
#define TALENT_DAY_NEVER 0xffffu
#define TALENT_OCCS_MAX 24

/* Days from 1900-01-01 on; a date before is 0, one beyond 2079 the last but one. */
uint16_t talent_day(int yyyymmdd);

/* Is a row needed for who has this record: does it matter to a gate or a chain on any day? */
bool talent_row_wants(const struct talent_rules *t, const struct talent_record *r);
/* Which of two person rows of one day and district counts for status and industry: the smaller. */
unsigned talent_status_order(const struct record *r);
/* Adds the record's items to row. */
void talent_row_add(struct buf *row, const struct talent_rules *t, const struct talent_record *r);
/* Sorts, and drops what stands twice: after the last talent_row_add(). */
void talent_row_end(struct buf *row);

/* What a row says on a day. Codes are places in their lists + 1, 0: none. */
struct talent_state {
	bool in;	/* by the gate in force */
	uint8_t clause; /* by which of its clauses, the first */
	uint8_t level;	/* highest valid: rank + 1 */
	uint8_t status, industry, sex;
	uint16_t birth_year; /* 0: unknown */
	uint32_t district;   /* 0: none */
	uint32_t honours;    /* bits by place in the list */
	uint32_t programmes, areas;
	uint32_t chains; /* bits: may apply for */
	/* Occupations with a valid level: digits | (rank + 1) << 24, the highest rank of each;
	 * ascending. */
	uint32_t occs[TALENT_OCCS_MAX];
	size_t n_occs;
	uint16_t changes; /* the next day on which any of it is another; TALENT_DAY_NEVER */
};
/* False when the row's bytes are damaged. */
bool talent_state_at(
	struct talent_state *s, const struct talent_rules *t, struct text row, int yyyymmdd);

/* "6-18-01-01" → 6180101; a prefix ("6-18", "6-18-0") → the least and the most of what begins so;
 * false when it is none. */
bool talent_occupation(struct text prefix, uint32_t *least, uint32_t *most);
/* The other way; out has 12 bytes. */
void talent_occupation_print(uint32_t digits, char out[12]);

/* ---- public ids ---- */

/* T and 16 digits of base 32 (0-9 and A-Z without I L O U): the first 80 bits of the pid. */
#define TALENT_ID_TEXT 18
#define TALENT_ID_BYTES 10
void talent_id_print(const uint8_t pid[PID_BYTES], char out[TALENT_ID_TEXT]);
/* Lower case will do; I and L are read as 1, O as 0. False when it is no id. */
bool talent_id_parse(struct text t, uint8_t out[TALENT_ID_BYTES]);

#endif
