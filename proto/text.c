/* Text: order, strict UTF-8, characters, spaces.
 *
 * Most cells are short and ASCII: each function first runs over ASCII eight bytes at a time and
 * decodes only what is left. */
#include "proto/text.h"

int text_cmp(struct text a, struct text b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	if (c != 0)
		return c;
	return (a.n > b.n) - (a.n < b.n);
}

/* Bytes of the ASCII run that begins at p. */
static size_t ascii_run(const unsigned char *p, size_t n)
{
	size_t i = 0;

	while (n - i >= 8) {
		uint64_t w;
		memcpy(&w, p + i, 8);
		if (w & 0x8080808080808080u)
			break;
		i += 8;
	}
	while (i < n && p[i] < 0x80)
		i++;
	return i;
}

/* Bytes of the sequence at p (lead byte ≥ 0x80), or 0 when it is not well formed (Unicode 15, table
 * 3-7). */
static size_t sequence(const unsigned char *p, size_t n)
{
	unsigned char lead = p[0], low = 0x80, high = 0xBF;
	size_t len;

	if (lead >= 0xC2 && lead <= 0xDF) {
		len = 2;
	} else if (lead >= 0xE0 && lead <= 0xEF) {
		len = 3;
		if (lead == 0xE0)
			low = 0xA0;
		else if (lead == 0xED)
			high = 0x9F;
	} else if (lead >= 0xF0 && lead <= 0xF4) {
		len = 4;
		if (lead == 0xF0)
			low = 0x90;
		else if (lead == 0xF4)
			high = 0x8F;
	} else {
		return 0;
	}
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

bool text_utf8_ok(struct text t)
{
	const unsigned char *p = (const unsigned char *)t.p;
	size_t i = 0;

	while (i < t.n) {
		i += ascii_run(p + i, t.n - i);
		if (i == t.n)
			break;
		size_t len = sequence(p + i, t.n - i);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

size_t text_chars(struct text t)
{
	size_t chars = 0;

	for (size_t i = 0; i < t.n; i++)
		chars += ((unsigned char)t.p[i] & 0xC0) != 0x80;
	return chars;
}

/* Bytes of the space at p, 0 when there is none. U+3000 is E3 80 80. */
static size_t space_at(const char *p, size_t n)
{
	if (n >= 1 && (*p == ' ' || *p == '\t'))
		return 1;
	return n >= 3 && memcmp(p, "\xE3\x80\x80", 3) == 0 ? 3 : 0;
}

struct text text_trim(struct text t)
{
	size_t s;

	while ((s = space_at(t.p, t.n)) != 0) {
		t.p += s;
		t.n -= s;
	}
	while (t.n > 0) {
		if (t.p[t.n - 1] == ' ' || t.p[t.n - 1] == '\t')
			t.n -= 1;
		else if (t.n >= 3 && space_at(t.p + t.n - 3, 3) == 3)
			t.n -= 3;
		else
			break;
	}
	return t;
}
