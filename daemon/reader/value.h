/* The text of one cell while it comes in pieces: bounded, of a too long one the beginning stays. */
#ifndef READER_VALUE_H
#define READER_VALUE_H

#include "daemon/base/err.h"
#include "proto/text.h"

struct value {
	char *p; /* READER_CELL_MAX bytes */
	size_t n;
	bool cut;
};

/* ERR_NOMEM */
MUST_CHECK int value_init(struct value *v);
void value_deinit(struct value *v);
void value_reset(struct value *v);
void value_put(struct value *v, const char *p, size_t n);
/* It is whole: a cut one ends with a whole character; a workbook's escapes are undone. */
void value_finish(struct value *v);
/* Borrowed until the next call. */
static inline struct text value_text(const struct value *v)
{
	return (struct text){ v->p, v->n };
}

#endif
