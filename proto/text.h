/* A piece of text (or bytes) that somebody else owns, and what is asked of text everywhere. */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `n` bytes at `p`, not terminated, not owned. {NULL, 0} is absent and empty alike. */
struct text {
	const char *p;
	size_t n;
};

#define TEXT(literal) ((struct text){ "" literal, sizeof(literal) - 1 })

static inline struct text text_of(const char *s)
{
	return (struct text){ s, s ? strlen(s) : 0 };
}

static inline bool text_eq(struct text a, struct text b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool text_is(struct text a, const char *s)
{
	return text_eq(a, text_of(s));
}

/* Order by bytes, shorter first on a tie. As strcmp. */
int text_cmp(struct text a, struct text b);

/* Strict UTF-8 (no surrogates, no overlong forms, up to U+10FFFF)? */
bool text_utf8_ok(struct text t);

/* Number of code points of valid UTF-8. */
size_t text_chars(struct text t);

/* Without leading and trailing spaces, tabs and U+3000. */
struct text text_trim(struct text t);

#endif
