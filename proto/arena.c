/* The arena: a list of blocks, filled from the front, emptied all at once.
 *
 *   blocks ──▶ newest ──▶ … ──▶ first ──▶ NULL        only the newest is filled
 *              [ head | piece | piece | free … ]
 *
 * Blocks double from 16 KiB to 1 MiB, so that a frame of a megabyte costs a few mallocs and a row
 * costs none after the first. What is counted against the budget is what was asked for (rounded up
 * to 16), not the blocks: the same input is always refused or always taken. No room, and NULL is
 * the only failure. */
#include <stdlib.h>

#include "proto/arena.h"

#define ALIGN 16
#define BLOCK_MIN ((size_t)16 << 10)
#define BLOCK_MAX ((size_t)1 << 20)

struct arena_block {
	struct arena_block *next;
	size_t size; /* bytes after the head */
	size_t used;
	_Alignas(ALIGN) unsigned char bytes[];
};

static void *pb_alloc(void *data, size_t n);

static void pb_free(void *data, void *p)
{
	(void)data;
	(void)p;
}

void arena_init(struct arena *a, size_t budget)
{
	*a = (struct arena){ .budget = budget };
	a->pb = (ProtobufCAllocator){ .alloc = pb_alloc, .free = pb_free, .allocator_data = a };
}

void arena_deinit(struct arena *a)
{
	while (a->blocks) {
		struct arena_block *b = a->blocks;
		a->blocks = b->next;
		free(b);
	}
	a->used = 0;
}

void arena_reset(struct arena *a)
{
	while (a->blocks && a->blocks->next) {
		struct arena_block *b = a->blocks;
		a->blocks = b->next;
		free(b);
	}
	if (a->blocks)
		a->blocks->used = 0;
	a->used = 0;
}

static struct arena_block *add_block(struct arena *a, size_t n)
{
	size_t size = a->blocks ? a->blocks->size * 2 : BLOCK_MIN;
	struct arena_block *b;

	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < n)
		size = n;
	b = malloc(sizeof *b + size);
	if (!b)
		return NULL;
	b->next = a->blocks;
	b->size = size;
	b->used = 0;
	a->blocks = b;
	return b;
}

/* Not zeroed: protobuf-c fills what it asks for. */
static void *pb_alloc(void *data, size_t n)
{
	struct arena *a = data;
	struct arena_block *b = a->blocks;
	void *p;

	if (n > a->budget || a->budget - n < a->used)
		return NULL;
	n = n ? (n + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
	if (a->budget - a->used < n)
		return NULL;
	if ((!b || b->size - b->used < n) && !(b = add_block(a, n)))
		return NULL;
	p = b->bytes + b->used;
	b->used += n;
	a->used += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = pb_alloc(a, n);

	return p ? memset(p, 0, n) : NULL;
}

struct text arena_copy(struct arena *a, struct text t)
{
	char *p = t.n < SIZE_MAX ? pb_alloc(a, t.n + 1) : NULL;

	if (!p)
		return (struct text){ NULL, 0 };
	if (t.n)
		memcpy(p, t.p, t.n);
	p[t.n] = '\0';
	return (struct text){ p, t.n };
}
