/* Cells: the numbers of the forms, as the fold keeps them; and the sums of changes that a chunk
 * makes.
 *
 * Words: place = an area and a row of each dim; cell = a place in a period of a form; slot = one
 * number of a cell. A form with m measures has 2m slots: slot i is measure i, slot m + i is its
 * step in the cumulative count (distinct counts only).
 *
 * What is kept: events and sums stand in months, in rows without totals, by area (the district's
 * and the city's): all else is added up when asked. Distinct counts cannot be added up: they stand
 * in every period and every row, totals included. Stocks are kept as steps: what a point has more
 * than the one before it; a number that stands still costs nothing. The steps stand in cells of
 * their own (CELL_STEPS). */
#ifndef FOLD_CELLS_H
#define FOLD_CELLS_H

#include "daemon/survey/form.h"
#include "daemon/store/store.h"

/* area (20 bits) and four rows (11 bits each); rows that a form does not have are 0. */
static inline uint64_t place_of(uint32_t area, const uint16_t rows[FORM_DIMS_MAX])
{
	return (uint64_t)area << 44 | (uint64_t)rows[0] << 33 | (uint64_t)rows[1] << 22 |
	       (uint64_t)rows[2] << 11 | rows[3];
}

struct cells; /* changes, added up; one owner */

struct cells *cells_open(const struct forms *fs);
void cells_close(struct cells *c);
/* Forgets all changes, keeps the memory. */
void cells_reset(struct cells *c);
/* The slots of a cell's change, zeros at first: add to them. NULL without memory (sticky:
 * cells_write fails then). Stays valid until cells_reset(). */
int64_t *cells_at(struct cells *c, const struct form *f, uint16_t period, uint64_t place);
/* The same for steps. */
int64_t *cells_steps_at(struct cells *c, const struct form *f, uint16_t period, uint64_t place);
/* Adds every change to the table, in the order of its keys; a cell that is all zeros is deleted.
 * Sticky errors in t. */
void cells_write(struct cells *c, struct store_txn *t, int table);

/* Calls fn for every cell that was touched; numbers has two for each measure of its form. In no
 * order. */
struct cell_key;
void cells_each(const struct cells *c,
	void (*fn)(void *arg, const struct cell_key *k, const int64_t *numbers), void *arg);

/* ---- as stored ---- */

/* Key: form (1) area (4) period (2) row (2) of each dim; a total is 0xffff. Numbers big-endian. Of
 * steps the form has the bit CELL_STEPS. */
#define CELL_STEPS 0x40u
#define CELL_KEY_MAX (7 + 2 * FORM_DIMS_MAX)
struct cell_key {
	unsigned form;
	uint32_t area;
	uint16_t period;
	uint16_t rows[FORM_DIMS_MAX]; /* ROW_TOTAL for a total */
};
size_t cell_key_put(uint8_t out[CELL_KEY_MAX], const struct cell_key *k, size_t n_dims);
/* false when the bytes are no key of a form with n_dims. */
bool cell_key_get(struct cell_key *k, struct text key, size_t n_dims);

/* Value: (slot (1), number (varint, zigzag)) for each number that is not 0, by slot. Adds the
 * numbers to slots[n]; false when the bytes are damaged. */
bool cell_value_add(int64_t *slots, size_t n, struct text value);
#define CELL_VALUE_MAX (2 * FORM_MEASURES_MAX * 11)
/* Returns the length; 0 when all are 0. */
size_t cell_value_put(uint8_t out[CELL_VALUE_MAX], const int64_t *slots, size_t n);

#endif
