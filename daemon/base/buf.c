/* Grows by doubling, so that n puts cost n steps; one byte more than asked is always held, for the
 * NUL. */
#include "daemon/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/err.h"

#define FIRST_ROOM 64

void buf_deinit(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ .limit = b->limit };
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = '\0';
}

void *buf_room(struct buf *b, size_t n)
{
	size_t most = b->limit && b->limit < SIZE_MAX / 4 ? b->limit : SIZE_MAX / 4;
	size_t need, room;
	char *p;

	if (b->failed)
		return NULL;
	if (b->n > most || n > most - b->n)
		goto fail;
	need = b->n + n + 1;
	if (!b->p || need > b->room) {
		room = b->room ? b->room * 2 : FIRST_ROOM;
		if (room < need)
			room = need;
		if (room > most + 1)
			room = most + 1;
		p = realloc(b->p, room);
		if (!p)
			goto fail;
		b->p = p;
		b->room = room;
	}
	b->p[need - 1] = '\0';
	return b->p + b->n;
fail:
	b->failed = true;
	return NULL;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	void *to = buf_room(b, n);

	if (!to)
		return;
	if (n > 0)
		memcpy(to, p, n);
	b->n += n;
}

void buf_text(struct buf *b, struct text t)
{
	buf_put(b, t.p, t.n);
}

void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args, again;
	char *to;
	int n;

	if (b->failed)
		return;
	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(b->p ? b->p + b->n : NULL, b->p ? b->room - b->n : 0, format, args);
	va_end(args);
	if (n < 0) {
		b->failed = true;
	} else {
		size_t had = b->room > b->n ? b->room - b->n : 0;

		to = buf_room(b, (size_t)n);
		if (to && had <= (size_t)n)
			vsnprintf(to, (size_t)n + 1, format, again);
		if (to)
			b->n += (size_t)n;
		else if (b->p)
			b->p[b->n] = '\0';
	}
	va_end(again);
}

/* ---- text forms of bytes ---- */

void hex_put(char *out, const void *bytes, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digit[p[i] >> 4];
		out[2 * i + 1] = digit[p[i] & 15];
	}
	out[2 * n] = '\0';
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_get(void *out, size_t n, struct text hex)
{
	uint8_t *to = out;

	if (hex.n != 2 * n)
		return ERR_INVALID;
	for (size_t i = 0; i < n; i++) {
		int high = digit_of(hex.p[2 * i]), low = digit_of(hex.p[2 * i + 1]);

		if (high < 0 || low < 0)
			return ERR_INVALID;
		to[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
