/* A slab is SLAB bytes at an address that is a multiple of SLAB: where a piece belongs is seen from
 * its address.
 *
 *     ┌ slab ┬ piece ┬ piece ┬ piece ┬ …  ┐       all of one size; free ones are a list
 *
 * The kernel is asked to make each slab one huge page, but for the first of a size: few talents
 * should not take the memory of many. Slabs without pieces are kept while they are a third of all:
 * a chunk may replace every block, and the blocks that it replaced are free soon after.
 *
 * Pieces are an odd number of cache lines long, so that the same place in each of them is not in
 * the same few sets of a cache: of huge pages the caches see addresses as they are here.
 *
 * Under the address sanitizer every piece is a malloc(), so that it sees what is used after it was
 * given back. */
#include "daemon/talent/talent_pool.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SLAB ((size_t)2 << 20)
#define LINE 64

struct piece {
	struct piece *next;
};

struct pool_slab {
	struct pool_slab *next, *before; /* in the list of open ones */
	struct piece *free;
	char *fresh; /* from here on no piece was ever got */
	unsigned used;
};
_Static_assert(sizeof(struct pool_slab) <= LINE, "pieces begin at a line");

size_t talent_pool_room(size_t size)
{
	return (size + POOL_STEP - LINE - 1) / POOL_STEP * POOL_STEP + LINE;
}

#ifdef __SANITIZE_ADDRESS__
void talent_pool_deinit(struct talent_pool *p)
{
	assert(p->slabs == 0);
}

void *talent_pool_get(struct talent_pool *p, size_t size)
{
	void *piece = malloc(talent_pool_room(size));

	p->slabs += piece != NULL;
	return piece;
}

void talent_pool_put(struct talent_pool *p, void *piece, size_t size)
{
	(void)size;
	p->slabs -= piece != NULL;
	free(piece);
}
#else
#define KEPT 3 /* one in so many */

static char *slab_end(const struct pool_slab *s)
{
	return (char *)s + SLAB;
}

static bool slab_full(const struct pool_slab *s, size_t room)
{
	return !s->free && s->fresh + room > slab_end(s);
}

static struct pool_slab *slab_new(bool huge)
{
	char *p = mmap(NULL, 2 * SLAB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *at = (char *)(((uintptr_t)p + SLAB - 1) / SLAB * SLAB);
	struct pool_slab *s = (struct pool_slab *)at;

	if (p == MAP_FAILED)
		return NULL;
	if (at > p)
		munmap(p, (size_t)(at - p));
	if (at + SLAB < p + 2 * SLAB)
		munmap(at + SLAB, (size_t)(p + 2 * SLAB - at - SLAB));
	if (huge)
		(void)madvise(at, SLAB, MADV_HUGEPAGE);
	return s;
}

static void open_add(struct pool_slab **list, struct pool_slab *s)
{
	s->before = NULL;
	s->next = *list;
	if (s->next)
		s->next->before = s;
	*list = s;
}

static void open_drop(struct pool_slab **list, struct pool_slab *s)
{
	*(s->before ? &s->before->next : list) = s->next;
	if (s->next)
		s->next->before = s->before;
}

static struct pool_slab *slab_take(struct talent_pool *p)
{
	struct pool_slab *s = p->empty;

	if (s) {
		p->empty = s->next;
		p->n_empty--;
	} else {
		s = slab_new(p->slabs > 0);
		p->slabs += s != NULL;
	}
	if (!s)
		return NULL;
	s->free = NULL;
	s->fresh = (char *)s + LINE;
	s->used = 0;
	return s;
}

static void slab_give(struct talent_pool *p, struct pool_slab *s)
{
	s->next = p->empty;
	p->empty = s;
	p->n_empty++;
	while (p->n_empty * KEPT > p->slabs) {
		s = p->empty;
		p->empty = s->next;
		p->n_empty--;
		p->slabs--;
		munmap(s, SLAB);
	}
}

void talent_pool_deinit(struct talent_pool *p)
{
	assert(p->n_empty == p->slabs);
	while (p->empty) {
		struct pool_slab *s = p->empty;

		p->empty = s->next;
		munmap(s, SLAB);
	}
	*p = (struct talent_pool){ 0 };
}

void *talent_pool_get(struct talent_pool *p, size_t size)
{
	size_t room = talent_pool_room(size);
	struct pool_slab **list = &p->open[room / POOL_STEP], *s = *list;
	struct piece *piece;

	assert(size > 0 && room < POOL_STEP * POOL_SIZES);
	if (!s) {
		s = slab_take(p);
		if (!s)
			return NULL;
		open_add(list, s);
	}
	piece = s->free;
	if (piece) {
		s->free = piece->next;
	} else {
		piece = (struct piece *)s->fresh;
		s->fresh += room;
	}
	s->used++;
	if (slab_full(s, room))
		open_drop(list, s);
	return piece;
}

void talent_pool_put(struct talent_pool *p, void *at, size_t size)
{
	size_t room = talent_pool_room(size);
	struct pool_slab **list = &p->open[room / POOL_STEP],
			 *s = (struct pool_slab *)((uintptr_t)at / SLAB * SLAB);
	struct piece *piece = at;

	if (!at)
		return;
	if (slab_full(s, room))
		open_add(list, s);
	piece->next = s->free;
	s->free = piece;
	if (--s->used)
		return;
	open_drop(list, s);
	slab_give(p, s);
}
#endif
