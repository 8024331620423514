/* Samples: the single values that quantiles are made of, as the fold keeps them, each with its unit
 * (who reported it), so that it can be seen whether one unit speaks for all.
 *
 * Key, numbers big-endian: form (1) area (4) period (2) row (2) of each dim, value (8, with the
 * sign turned so that bytes sort as numbers) unit (8, of a hash) → how many (4). Stood in months
 * and in rows without totals, for the district and for the city. */
#ifndef FOLD_SAMPLES_H
#define FOLD_SAMPLES_H

#include "daemon/fold/cells.h"

struct samples; /* changes; one owner */

struct samples *samples_open(void);
void samples_close(struct samples *s);
void samples_reset(struct samples *s);

struct sample {
	struct cell_key at; /* its form, area, month, rows */
	int64_t value;
	uint64_t unit;
	int32_t count; /* of a change: 1 or -1 */
};
/* Without memory: sticky, samples_write() fails then. */
void samples_add(struct samples *s, const struct sample *change, size_t n_dims);
/* Adds every change to the table in the order of keys. Sticky errors in t. */
void samples_write(struct samples *s, struct store_txn *t, int table);

/* Calls fn for every change, as it was added, by its key: what samples_write() would write. */
void samples_each(const struct samples *s, void (*fn)(void *arg, struct text key), void *arg);

#define SAMPLE_KEY_MAX (CELL_KEY_MAX + 16)
/* Reads a stored row; false when the bytes are damaged. */
bool sample_get(struct sample *out, struct text key, struct text value, size_t n_dims);

#endif
