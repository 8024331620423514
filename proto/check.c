/* Normal form of cells, and calendar dates.
 *
 * Normalising never makes a text longer: full-width letters and digits shrink from three bytes to
 * one U+FF10…FF19 = EF BC 90…99   0–9 U+FF21…FF3A = EF BC A1…BA   A–Z U+FF41…FF5A = EF BD 81…9A a–z
 * Bytes that are not valid UTF-8 pass through; who asks for text checks that too. */
#include "proto/check.h"

/* The half-width character of the three bytes at p, or 0. */
static char half_width(const unsigned char *p)
{
	if (p[0] != 0xEF)
		return 0;
	if (p[1] == 0xBC && ((p[2] >= 0x90 && p[2] <= 0x99) || (p[2] >= 0xA1 && p[2] <= 0xBA)))
		return (char)(p[2] - 0x60);
	if (p[1] == 0xBD && p[2] >= 0x81 && p[2] <= 0x9A)
		return (char)(p[2] - 0x20);
	return 0;
}

struct text normalise(struct text in, bool upper, char *out, size_t size)
{
	struct text t = text_trim(in);
	const unsigned char *p = (const unsigned char *)t.p;
	size_t n = 0;

	for (size_t i = 0; i < t.n; i++) {
		char c = (char)p[i];
		if (p[i] == 0xEF && t.n - i >= 3 && half_width(p + i)) {
			c = half_width(p + i);
			i += 2;
		}
		if (upper && c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (n == size)
			return (struct text){ NULL, 0 };
		out[n++] = c;
	}
	return (struct text){ out, n };
}

bool date_ok(int yyyymmdd)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int y = yyyymmdd / 10000, m = yyyymmdd / 100 % 100, d = yyyymmdd % 100;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

	if (y < 1 || y > 9999 || m < 1 || m > 12 || d < 1)
		return false;
	return d <= days[m - 1] + (m == 2 && leap);
}

/* Takes from `min` to `max` digits off the front of t; -1 when there are fewer. */
static int take_digits(struct text *t, size_t min, size_t max)
{
	int value = 0;
	size_t n = 0;

	for (; n < max && n < t->n && t->p[n] >= '0' && t->p[n] <= '9'; n++)
		value = value * 10 + (t->p[n] - '0');
	t->p += n;
	t->n -= n;
	return n < min ? -1 : value;
}

static bool take(struct text *t, const char *word)
{
	size_t n = strlen(word);

	if (t->n < n || memcmp(t->p, word, n) != 0)
		return false;
	t->p += n;
	t->n -= n;
	return true;
}

/* The separators of the forms: after the year, after the month, after the day. Without separators
 * all parts are full. */
static const struct {
	const char *year, *month, *day;
} forms[] = { { "-", "-", "" }, { "/", "/", "" }, { ".", ".", "" }, { "年", "月", "日" } };

int date_parse(struct text in)
{
	char buf[64];
	struct text t = normalise(in, false, buf, sizeof buf);
	int y = take_digits(&t, 4, 4), m = -1, d = -1;

	if (y < 0)
		return 0;
	if (t.n == 4 && t.p[0] >= '0' && t.p[0] <= '9') {
		m = take_digits(&t, 2, 2);
		d = take_digits(&t, 2, 2);
		if (m >= 0 && d >= 0)
			goto made;
		return 0;
	}
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct text rest = t;
		if (!take(&rest, forms[i].year) || (m = take_digits(&rest, 1, 2)) < 0 ||
			!take(&rest, forms[i].month) || (d = take_digits(&rest, 1, 2)) < 0 ||
			!take(&rest, forms[i].day) || rest.n != 0)
			continue;
		goto made;
	}
	return 0;
made:
	return date_ok(y * 10000 + m * 100 + d) ? y * 10000 + m * 100 + d : 0;
}
