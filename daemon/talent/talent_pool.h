/* Memory for the blocks of an index: pieces of few sizes, close together. A search goes over
 * thousands of blocks; spread over the heap each would cost it a walk through the page tables.
 *
 * One thread at a time (who changes the index). */
#ifndef TALENT_TALENT_POOL_H
#define TALENT_TALENT_POOL_H

#include <stdbool.h>
#include <stddef.h>

#define POOL_STEP 128 /* between sizes: two cache lines */
#define POOL_SIZES 256

struct pool_slab;
struct talent_pool {
	/* By size: slabs in which there is a free piece. */
	struct pool_slab *open[POOL_SIZES];
	struct pool_slab *empty; /* kept for what comes */
	size_t slabs, n_empty;
};

/* Zeros to begin with. */
void talent_pool_deinit(struct talent_pool *p);
/* At least `size` bytes (less than POOL_STEP * POOL_SIZES), not cleared; NULL without memory. */
void *talent_pool_get(struct talent_pool *p, size_t size);
/* With the size that it was got for; NULL: nothing. */
void talent_pool_put(struct talent_pool *p, void *piece, size_t size);
/* What a piece of a size takes. */
size_t talent_pool_room(size_t size);

#endif
