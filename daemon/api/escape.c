/* The common case is text without anything to escape: it is found as a run and copied whole. */
#include "daemon/api/escape.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* Length of the valid UTF-8 sequence at p, 0 when there is none. */
static size_t sequence(const unsigned char *p, size_t n)
{
	size_t want = p[0] < 0x80   ? 1
		      : p[0] < 0xc2 ? 0
		      : p[0] < 0xe0 ? 2
		      : p[0] < 0xf0 ? 3
		      : p[0] < 0xf5 ? 4
				    : 0;

	if (!want || want > n || !text_utf8_ok((struct text){ (const char *)p, want }))
		return 0;
	return want;
}

static void json_sign(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"':
		buf_put(out, "\\\"", 2);
		break;
	case '\\':
		buf_put(out, "\\\\", 2);
		break;
	case '\n':
		buf_put(out, "\\n", 2);
		break;
	case '\t':
		buf_put(out, "\\t", 2);
		break;
	default:
		buf_printf(out, "\\u%04x", c);
	}
}

void escape_json(struct buf *out, struct text t)
{
	const unsigned char *p = (const unsigned char *)t.p;
	bool good = text_utf8_ok(t);
	size_t run = 0;

	buf_put(out, "\"", 1);
	for (size_t i = 0; i < t.n;) {
		bool sign = p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f;
		size_t n = sign || p[i] < 0x80 ? 1 : good ? 1 : sequence(p + i, t.n - i);

		if (!sign && n) {
			i += n;
			continue;
		}
		buf_put(out, p + run, i - run);
		if (sign)
			json_sign(out, p[i]);
		else
			buf_str(out, REPLACEMENT);
		run = ++i;
	}
	if (t.n > run)
		buf_put(out, p + run, t.n - run);
	buf_put(out, "\"", 1);
}

static void put_utf8(struct buf *out, struct text t)
{
	for (size_t i = 0; i < t.n;) {
		size_t n = sequence((const unsigned char *)t.p + i, t.n - i);

		buf_put(out, n ? t.p + i : REPLACEMENT, n ? n : 3);
		i += n ? n : 1;
	}
}

static void csv_quoted(struct buf *out, struct text t)
{
	buf_put(out, "\"", 1);
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] == '"')
			buf_put(out, "\"", 1);
		buf_put(out, &t.p[i], 1);
	}
	buf_put(out, "\"", 1);
}

void escape_csv(struct buf *out, struct text t, bool guard)
{
	struct buf changed = { 0 };
	bool quote = false;

	if (guard && t.n && memchr("=+-@\t\r", t.p[0], 6))
		buf_str(&changed, "'");
	if (changed.n || !text_utf8_ok(t)) {
		put_utf8(&changed, t);
		t = buf_as_text(&changed);
		out->failed |= changed.failed;
	}
	for (size_t i = 0; i < t.n && !quote; i++)
		quote = t.p[i] == ',' || t.p[i] == '"' || t.p[i] == '\n' || t.p[i] == '\r';
	if (quote)
		csv_quoted(out, t);
	else if (t.n)
		buf_put(out, t.p, t.n);
	buf_deinit(&changed);
}

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

bool escape_is_number(struct text t)
{
	const char *p = t.p, *end = t.p + t.n, *from;

	if (p < end && *p == '-')
		p++;
	from = p;
	p = digits(p, end);
	if (p == from || (*from == '0' && p - from > 1))
		return false;
	if (p < end && *p == '.') {
		from = ++p;
		p = digits(p, end);
		if (p == from)
			return false;
	}
	return p == end;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool escape_url_decode(struct text in, bool plus, char *out)
{
	char *to = out;

	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (c == '%') {
			int high = in.n - i > 2 ? hex_digit(in.p[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(in.p[i + 2]) : -1;

			if (low < 0 || (high == 0 && low == 0))
				return false;
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		*to++ = c;
	}
	*to = 0;
	return text_utf8_ok((struct text){ out, (size_t)(to - out) });
}
