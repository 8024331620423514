/* Which column of a file is which field of a register. The same for every kind of file. */
#ifndef COLLECTOR_COLUMNS_H
#define COLLECTOR_COLUMNS_H

#include "daemon/base/err.h"
#include "proto/record.h"

#define COLUMNS_MAX 64

struct columns {
	const struct reg *reg;
	size_t n;		/* cells that a row must have */
	int field[COLUMNS_MAX]; /* by column: the field's index; -1: a column of a refused file,
				   passed over */
	int key, reason;	/* of a file of retractions: these columns; -1: none */
	bool refused_file; /* ends with line, code, field, reason: refused rows that come back */
	int doc_type_from[REGISTER_PERSONS_MAX]; /* doc_type has no column: the doc_number field
						    that asks for "111"; else -1 */
};

/* Columns that a refused file has behind those of the file as it was. */
#define COLUMNS_REFUSED 4
extern const char *const columns_refused[COLUMNS_REFUSED];

/* Reads a header line; in Chinese, English or mixed, in any order. False: the file is refused, and
 * *m says which fault (its code first) and which column. */
bool columns_init(struct columns *c, const struct reg *reg, const struct text *cells, size_t n,
	struct errmsg *m);

/* The same for a file that names records which are to be taken back: the column `key` or those of
 * the natural key, and perhaps `reason`; further columns of the register may stand there. */
bool columns_init_keys(struct columns *c, const struct reg *reg, const struct text *cells, size_t n,
	struct errmsg *m);

/* What these two are called in a file, English and Chinese. */
extern const char *const columns_key[2], *const columns_reason[2];

/* The English name of a column. */
const char *columns_name(const struct columns *c, size_t i);

/* A row's cells to its fields; n_cells must be c->n. Texts are borrowed from `cells`. */
void columns_row(const struct columns *c, const struct text *cells, struct row *out);

#endif
