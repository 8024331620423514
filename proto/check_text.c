/* Text and names as stored: what is refused, and the normal form of a name.
 *
 * Control characters are those of category Cc: U+0000–001F, U+007F, U+0080–009F (C2 80 … C2 9F in
 * UTF-8). */
#include "proto/check.h"

#define TEXT_CHARS_MAX 200
#define NAME_CHARS_MAX 64

bool text_has_control(struct text t)
{
	const unsigned char *p = (const unsigned char *)t.p;

	for (size_t i = 0; i < t.n; i++)
		if (p[i] < 0x20 || p[i] == 0x7F || (p[i] == 0xC2 && i + 1 < t.n && p[i + 1] < 0xA0))
			return true;
	return false;
}

const char *text_fault(struct text t)
{
	if (t.n == 0)
		return "E115";
	if (t.n > TEXT_CHARS_MAX && (t.n > TEXT_CHARS_MAX * 4 || text_chars(t) > TEXT_CHARS_MAX))
		return "E104";
	if (!text_utf8_ok(t))
		return "E102";
	if (text_has_control(t))
		return "E103";
	return text_trim(t).n == t.n ? NULL : "E115";
}

struct text name_normalise(struct text in, char *out)
{
	struct text t = text_trim(in);
	size_t n = 0;

	for (size_t i = 0; i < t.n;) {
		struct text rest = { t.p + i, t.n - i };
		if (rest.n >= 3 && (memcmp(rest.p, "\xE2\x80\xA2", 3) == 0 ||
					   memcmp(rest.p, "\xEF\xBC\x8E", 3) == 0)) {
			out[n++] = '\xC2';
			out[n++] = '\xB7';
			i += 3;
		} else {
			out[n++] = t.p[i++];
		}
	}
	return (struct text){ n ? out : NULL, n };
}

const char *name_fault(struct text t)
{
	return text_fault(t) || text_chars(t) > NAME_CHARS_MAX ? "E201" : NULL;
}
