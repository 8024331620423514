/* What a transaction did, as bytes: a record of the journal. Pure. */
#ifndef STORE_REDO_H
#define STORE_REDO_H

#include <stdbool.h>

#include "daemon/base/buf.h"

#define REDO_HEAD_BYTES 24 /* before the operations, the journal's */
#define REDO_BYTES_MOST (512 * 1024)

enum redo_op { REDO_PUT = 1, REDO_DEL, REDO_CLEAR };

struct redo_item {
	enum redo_op op;
	unsigned table; /* its index */
	struct text key, value;
};

/* {0} is valid; buf_deinit(&r->bytes) frees. */
struct redo {
	struct buf bytes; /* head and operations */
	bool large;	  /* more than REDO_BYTES_MOST, or there was no memory: it holds nothing */
	const void *later;
	size_t later_n;
};

/* A transaction begins; what was noted of another is forgotten. */
void redo_start(struct redo *r);
void redo_note(struct redo *r, const struct redo_item *i);
/* A put of n bytes that stand at p, but are filled only until the next note. */
void redo_note_later(struct redo *r, unsigned table, struct text key, const void *p, size_t n);
/* Nothing more comes: the bytes, not of a large one. */
uint8_t *redo_done(struct redo *r);

/* Takes the first off *ops; false at the end, or when the bytes are none. */
bool redo_item(struct text *ops, struct redo_item *out);

#endif
