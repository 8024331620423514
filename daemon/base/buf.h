/* A growing buffer of bytes. Errors are sticky: after memory or the limit ran out, every call is a
 * no-op and `failed` stands; look once at the end. One owner. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "proto/text.h"

struct buf {
	char *p;      /* always followed by a NUL once anything was put */
	size_t n;     /* bytes in use */
	size_t room;  /* bytes held */
	size_t limit; /* most that n may become; 0: none */
	bool failed;
};

/* {0} is a valid empty buffer. Frees; the limit stays, and it may be used again. */
void buf_deinit(struct buf *b);
/* Empty and without failure, the memory kept. */
void buf_reset(struct buf *b);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_text(struct buf *b, struct text t);
void buf_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `n` more bytes, to be filled by the caller, who then adds what he filled (at most n) to
 * b->n; NULL when it failed. A NUL stands behind the n bytes. */
void *buf_room(struct buf *b, size_t n);
static inline struct text buf_as_text(const struct buf *b)
{
	return (struct text){ b->p, b->n };
}

/* ---- text forms of bytes ---- */

/* out has 2n + 1 bytes. */
void hex_put(char *out, const void *bytes, size_t n);
/* 0, or ERR_INVALID when it is not exactly 2n hex digits. */
int hex_get(void *out, size_t n, struct text hex);

/* ---- integers as stored: big-endian ---- */

static inline void put_u32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, 4);
}
static inline uint32_t get_u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return __builtin_bswap32(v);
}
static inline void put_u64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, 8);
}
static inline uint64_t get_u64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return __builtin_bswap64(v);
}

#endif
