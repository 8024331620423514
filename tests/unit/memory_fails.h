/* Allocations that fail when the test wants it. The Makefile names the tests that have it: the
 * linker puts these in the place of the library's. */
#ifndef TESTS_UNIT_MEMORY_FAILS_H
#define TESTS_UNIT_MEMORY_FAILS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

/* So many more of this thread succeed; UINT_MAX: all. */
static _Thread_local unsigned memory_left = UINT_MAX;
/* Since memory_fails_after(). */
static _Thread_local bool memory_failed;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);

static bool memory_fails(void)
{
	if (memory_left == UINT_MAX)
		return false;
	if (memory_left == 0)
		return memory_failed = true;
	memory_left--;
	return false;
}

void *__wrap_malloc(size_t n)
{
	return memory_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return memory_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return memory_fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	return memory_fails() ? MAP_FAILED : __real_mmap(at, n, prot, flags, fd, offset);
}

static inline void memory_fails_after(unsigned n)
{
	memory_left = n;
	memory_failed = false;
}

static inline void memory_is_back(void)
{
	memory_left = UINT_MAX;
}

#endif
