/* A CSV file (RFC 4180), pushed in pieces of any size, comes out row by row. Memory is bounded
 * whatever comes in.
 *
 * Words: cell = what stands between two commas; flaw = what is wrong with a row as text, before
 * anybody asks what it means; line = 1, 2, 3, … as an editor counts (CR LF, LF or CR end one). Not
 * thread-safe: one owner. */
#ifndef COLLECTOR_CSV_READER_H
#define COLLECTOR_CSV_READER_H

#include "daemon/base/err.h"
#include "proto/text.h"

#define CSV_CELLS_MAX 64	   /* cells of a row that are kept */
#define CSV_CELL_MAX (64 * 1024)   /* bytes of a cell; of a longer one only the beginning is kept */
#define CSV_ROW_MAX (128 * 1024)   /* bytes of a row's kept cells together */
#define CSV_CELL_BEGINNING_MAX 200 /* bytes kept of a cell that is too long */

enum csv_flaw {
	FLAW_TOO_LONG = 1, /* a cell or the row is over its limit */
	FLAW_NOT_UTF8 = 2,
	FLAW_NUL = 4,
	FLAW_QUOTE = 8, /* a quote is not closed: what follows was swallowed up to the next quote or
			  the end */
};

/* Borrowed for the call. */
struct csv_row {
	uint64_t line; /* of its first character; with FLAW_QUOTE the line on which the quote stands
			*/
	uint64_t lines; /* how many it spans */
	size_t n_cells; /* as many as it has; cells[] holds the first CSV_CELLS_MAX */
	const struct text *cells;
	unsigned flaws;
	size_t flawed; /* index of the first cell with a flaw other than FLAW_QUOTE; n_cells: none
			*/
};

struct csv_reader;

/* `on_row` returns false to be called no more. Lines without any character are passed over. NULL:
 * out of memory. */
struct csv_reader *csv_reader_open(bool (*on_row)(void *arg, const struct csv_row *row), void *arg);
void csv_reader_close(struct csv_reader *r);
/* False: on_row said stop, or the file is none (csv_reader_error). */
bool csv_reader_feed(struct csv_reader *r, const char *p, size_t n);
/* The file is at its end: gives out the last row. */
bool csv_reader_end(struct csv_reader *r);
/* Why the file as a whole cannot be read, a sentence without a value of it; NULL: nothing is wrong.
 */
const char *csv_reader_error(const struct csv_reader *r);

#endif
