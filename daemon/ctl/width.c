/* East Asian width by ranges (UAX 11: wide and full-width count two; ambiguous ones count one, as
 * terminals with a Chinese font mostly draw them), combining marks count none. */
#include "daemon/ctl/width.h"

struct range {
	uint32_t first, last;
};

static const struct range wide[] = { { 0x1100, 0x115f }, { 0x2329, 0x232a }, { 0x2e80, 0x303e },
	{ 0x3041, 0x33ff }, { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xa000, 0xa4cf },
	{ 0xa960, 0xa97f }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f },
	{ 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff },
	{ 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd } };
static const struct range none[] = { { 0x300, 0x36f }, { 0x1ab0, 0x1aff }, { 0x20d0, 0x20ff },
	{ 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f } };
/* C0, DEL, C1; zero-width and direction marks; byte order mark */
static const struct range harmful[] = { { 0, 0x1f }, { 0x7f, 0x9f }, { 0x200b, 0x200f },
	{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff } };

static bool in(const struct range *r, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].first && c <= r[i].last)
			return true;
	return false;
}
#define IN(ranges, c) in(ranges, sizeof(ranges) / sizeof *(ranges), c)

#define REPLACED 0xfffd

/* The code point at t, its length in *n; REPLACED and one byte where it is broken. */
static uint32_t code_point(struct text t, size_t *n)
{
	const uint8_t *p = (const uint8_t *)t.p;
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	*n = 1;
	if (len > t.n || !text_utf8_ok((struct text){ t.p, len }))
		return REPLACED;
	*n = len;
	uint32_t c = len == 1 ? p[0] : p[0] & (0xffU >> (len + 1));
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

/* What is written for a code point. */
static uint32_t drawn(uint32_t c)
{
	if (c == '\n' || c == '\t' || c == '\r')
		return ' ';
	return IN(harmful, c) ? REPLACED : c;
}

size_t width_of(struct text t)
{
	size_t columns = 0, n;
	for (; t.n; t.p += n, t.n -= n) {
		uint32_t c = drawn(code_point(t, &n));
		columns += IN(none, c) ? 0 : IN(wide, c) ? 2 : 1;
	}
	return columns;
}

void width_put(struct buf *out, struct text t)
{
	size_t n;
	for (; t.n; t.p += n, t.n -= n) {
		uint32_t c = code_point(t, &n), d = drawn(c);
		if (d == ' ')
			buf_put(out, " ", 1);
		else if (d == REPLACED)
			buf_put(out, "\xef\xbf\xbd", 3);
		else
			buf_put(out, t.p, n);
	}
}
