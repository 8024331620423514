/* Errors as numbers for programs and as words for people.
 *
 * An errmsg goes on to JSON, CSV and terminals: one that had to be cut is cut between characters,
 * never inside one. */
#include "daemon/base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const words[] = { "no error",
#define X(name, text) text,
	ERR_LIST(X)
#undef X
};

const char *err_words(int err)
{
	if (err < 0 || (size_t)err >= sizeof words / sizeof words[0])
		return "unknown error";
	return words[err];
}

/* Takes a character that lacks its last bytes off the end of `n` bytes. */
static void cut_clean(char *p, size_t n)
{
	size_t i = n, have = 1;

	while (i > 0 && n - i < 3 && ((unsigned char)p[i - 1] & 0xC0) == 0x80) {
		i--;
		have++;
	}
	if (i == 0)
		return;
	unsigned char lead = (unsigned char)p[i - 1];
	size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;

	if (have < want)
		p[i - 1] = '\0';
}

void errmsg_set(struct errmsg *m, const char *format, ...)
{
	va_list args;
	int n;

	if (!m)
		return;
	va_start(args, format);
	n = vsnprintf(m->text, sizeof m->text, format, args);
	va_end(args);
	if (n < 0)
		m->text[0] = '\0';
	else if ((size_t)n >= sizeof m->text)
		cut_clean(m->text, sizeof m->text - 1);
}
