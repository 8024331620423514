/* Memory that is given out piece by piece and taken back all at once, with a hard budget: what a
 * hostile message can cost is bounded before it is unpacked. Not thread-safe: one owner. */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H

#include <protobuf-c/protobuf-c.h>

#include "proto/text.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first; the first one stays over a reset */
	size_t used;		    /* bytes given out since the last reset */
	size_t budget;		    /* bytes that may be given out; beyond it NULL */
	ProtobufCAllocator pb;	    /* for protobuf_c unpack; free does nothing */
};

/* No allocation. `a` stays where it is until arena_deinit(): its allocator points to it. */
void arena_init(struct arena *a, size_t budget);
/* Gives everything back. `a` may be inited again. */
void arena_deinit(struct arena *a);
/* Forgets all pieces, keeps the first block. */
void arena_reset(struct arena *a);
/* `n` bytes, aligned for anything, zeroed; NULL beyond the budget or without memory. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy of `t`, followed by a NUL (not counted). p is NULL when there is no room. */
struct text arena_copy(struct arena *a, struct text t);

#endif
