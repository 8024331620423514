/* CSV (RFC 4180) and tab-separated text in UTF-8, pushed in pieces of any size, comes out row by
 * row. */
#ifndef READER_CSV_H
#define READER_CSV_H

#include "daemon/reader/reader.h"

struct csv;

/* `tabs`: the cells are parted by tabs; else the first line decides: tabs where it has tabs and no
 * comma. `on_row` returns false to be called no more. Lines without any character are passed over.
 * NULL: out of memory. */
struct csv *csv_open(bool tabs, bool (*on_row)(void *arg, const struct reader_row *row), void *arg);
void csv_close(struct csv *r);
/* False: on_row said stop, or the file is none (csv_words). */
bool csv_feed(struct csv *r, const char *p, size_t n);
/* The file is at its end: gives out the last row. */
bool csv_end(struct csv *r);
/* Why the file as a whole cannot be read, a sentence without a value of it; NULL: nothing is wrong.
 */
const char *csv_words(const struct csv *r);

#endif
