#include "daemon/identity/masked.h"

#define STARS_MOST 9
#define KEPT_MOST 6

/* Bytes of the first `chars` characters; what is no UTF-8 counts byte by byte. */
static size_t first_chars(struct text t, size_t chars)
{
	size_t n = 0;

	while (n < t.n && chars--) {
		n++;
		while (n < t.n && ((unsigned char)t.p[n] & 0xc0) == 0x80)
			n++;
	}
	return n;
}

static size_t chars_of(struct text t)
{
	size_t chars = 0;

	for (size_t i = 0; i < t.n; i++)
		chars += ((unsigned char)t.p[i] & 0xc0) != 0x80;
	return chars;
}

static struct masked mask(struct text t, size_t kept, size_t stars)
{
	struct masked m = { .n = first_chars(t, kept) };

	if (m.n > MASKED_MAX / 2)
		m.n = 0;
	if (m.n)
		memcpy(m.text, t.p, m.n);
	memset(m.text + m.n, '*', stars);
	m.n += stars;
	return m;
}

struct masked masked_name(struct text name)
{
	size_t chars = chars_of(name), stars = chars > 1 ? chars - 1 : 1;

	/* Of a name of one character nothing is left. */
	return mask(name, chars > 1, stars < STARS_MOST ? stars : STARS_MOST);
}

struct masked masked_number(struct text number)
{
	size_t chars = chars_of(number), kept = chars / 3 < KEPT_MOST ? chars / 3 : KEPT_MOST;
	size_t stars = chars - kept;

	return mask(number, kept, stars < MASKED_MAX / 2 ? stars : MASKED_MAX / 2);
}
