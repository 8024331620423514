/* Texts that are nothing but names. A text is read glyph by glyph: characters, middle dots, spaces,
 * marks of a list, all else. Spaces stand inside a name, or between two: it is tried both ways.
 *
 * In UTF-8: characters U+3400–U+9FFF (E3 90 … E9), U+F900–U+FAFF (EF A4 … EF AB) and
 * U+20000–U+33FFF (F0 A0 … F0 B3). */
#include "proto/check.h"

enum glyph { GLYPH_OTHER, GLYPH_CHARACTER, GLYPH_DOT, GLYPH_SPACE, GLYPH_MARK };

static const struct {
	const char *utf8;
	enum glyph is;
} glyphs[] = {
	{ "·", GLYPH_DOT },
	{ "•", GLYPH_DOT },
	{ "‧", GLYPH_DOT },
	{ "・", GLYPH_DOT },
	{ "．", GLYPH_DOT },
	{ " ", GLYPH_SPACE },
	{ "　", GLYPH_SPACE },
	{ "、", GLYPH_MARK },
	{ "，", GLYPH_MARK },
	{ "；", GLYPH_MARK },
	{ "／", GLYPH_MARK },
	{ "｜", GLYPH_MARK },
	{ "＆", GLYPH_MARK },
	{ "＋", GLYPH_MARK },
	{ ",", GLYPH_MARK },
	{ ";", GLYPH_MARK },
	{ "/", GLYPH_MARK },
	{ "\\", GLYPH_MARK },
	{ "|", GLYPH_MARK },
	{ "&", GLYPH_MARK },
	{ "+", GLYPH_MARK },
};

/* How many bytes the character at p takes; 0: it is none. */
static size_t character(const uint8_t *p, size_t n)
{
	if (n >= 3 && ((p[0] == 0xe3 && p[1] >= 0x90) || (p[0] > 0xe3 && p[0] <= 0xe9)))
		return 3;
	if (n >= 3 && p[0] == 0xef && p[1] >= 0xa4 && p[1] <= 0xab)
		return 3;
	return n >= 4 && p[0] == 0xf0 && p[1] >= 0xa0 && p[1] <= 0xb3 ? 4 : 0;
}

/* Takes the first glyph off `t`, which is not empty. */
static enum glyph glyph_next(struct text *t)
{
	size_t n = character((const uint8_t *)t->p, t->n);
	enum glyph is = n ? GLYPH_CHARACTER : GLYPH_OTHER;

	for (size_t i = 0; !n && i < sizeof(glyphs) / sizeof(*glyphs); i++) {
		size_t len = strlen(glyphs[i].utf8);

		if (t->n >= len && memcmp(t->p, glyphs[i].utf8, len) == 0) {
			n = len;
			is = glyphs[i].is;
		}
	}
	n = n ? n : 1;
	*t = (struct text){ t->p + n, t->n - n };
	return is;
}

static bool is_name(size_t characters, size_t dots)
{
	return characters >= 2 && (characters <= 4 || dots > 0);
}

static bool names(struct text t, bool spaces_part)
{
	size_t characters = 0, dots = 0, n = 0;

	while (t.n) {
		enum glyph is = glyph_next(&t);

		if (is == GLYPH_OTHER)
			return false;
		characters += is == GLYPH_CHARACTER;
		dots += is == GLYPH_DOT;
		if (is != GLYPH_MARK && !(is == GLYPH_SPACE && spaces_part) && t.n)
			continue;
		if (characters + dots > 0 && !is_name(characters, dots))
			return false;
		n += characters > 0;
		characters = dots = 0;
	}
	return n > 0;
}

bool text_names_only(struct text t)
{
	return names(t, false) || names(t, true);
}
