/* Lines of JSON, an object each, in UTF-8, pushed in pieces of any size: a row each. */
#ifndef READER_NDJSON_H
#define READER_NDJSON_H

#include "daemon/reader/reader.h"

#define NDJSON_LINE_MAX \
	(64 * 1024) /* bytes of a line; a longer one is a row with FLAW_TOO_LONG \
		     */
#define NDJSON_DEPTH_MAX 8
#define NDJSON_KEYS_MAX 256 /* of an object; one with more is FLAW_JSON */

struct ndjson;

/* Columns are borrowed. Every row has a cell for each of them, in their order. `on_row` returns
 * false to be called no more. Blank lines are passed over. NULL: out of memory. */
struct ndjson *ndjson_open(const struct reader_column *columns, size_t n,
	bool (*on_row)(void *arg, const struct reader_row *row), void *arg);
void ndjson_close(struct ndjson *j);
/* False: on_row said stop, or the file is none (ndjson_words). */
bool ndjson_feed(struct ndjson *j, const char *p, size_t n);
bool ndjson_end(struct ndjson *j);
const char *ndjson_words(const struct ndjson *j);

#endif
