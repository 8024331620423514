/* The plain form of a configuration file.
 *
 *     a = "x y"   # why      becomes      'a' = 'x y'
 *     p city { k = 1 }                    'p' 'city' { 'k' = '1' }
 *
 * Why, as measured on libconfuse 3.3: a comment moves its line numbers by two; ${VAR} is expanded,
 * also in a key of Z85, where these three signs may stand by chance; a quote or comment left open
 * leaves its scanner inside the quote for the next file that the process reads; a section left open
 * at the end of the file is accepted; signs that fit nowhere (`*`, a lone
 * `+`) are dropped without a word. None of that can happen to a text of this form. */
#include "daemon/conf/lex.h"

#include <ctype.h>

struct lex {
	const char *file;
	const char *p, *end;
	struct buf *out;
	struct errmsg *m;
	int line;
	int depth;     /* open braces */
	int open_line; /* where the outermost open one stands */
};

static int refuse(const struct lex *x, int line, const char *words)
{
	errmsg_set(x->m, "%s:%d: %s", x->file, line, words);
	return ERR_INVALID;
}

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.:/@-", c)) || (unsigned char)c >= 0x80;
}

static void put(struct lex *x, char c)
{
	buf_put(x->out, &c, 1);
}

static bool next_is(const struct lex *x, char second)
{
	return x->end - x->p > 1 && x->p[1] == second;
}

/* A comment becomes the ends of its lines. */
static int comment(struct lex *x)
{
	int begin = x->line;

	if (*x->p == '#' || next_is(x, '/')) {
		while (x->p < x->end && *x->p != '\n')
			x->p++;
		return 0;
	}
	for (x->p += 2; x->p < x->end; x->p++) {
		if (*x->p == '*' && next_is(x, '/')) {
			x->p += 2;
			put(x, ' ');
			return 0;
		}
		if (*x->p == '\n') {
			x->line++;
			put(x, '\n');
		}
	}
	return refuse(x, begin, "a comment is left open; close it with */");
}

static int quoted(struct lex *x)
{
	char quote = *x->p++;
	const char *begin = x->p;

	put(x, '\'');
	for (;; x->p++) {
		if (x->p == x->end || *x->p == '\n')
			return refuse(
				x, x->line, "a quote is left open; close it on the same line");
		if (*x->p == quote)
			break;
		if (*x->p == '\\')
			return refuse(x, x->line,
				"a backslash has no meaning here; write the text as it is");
		if (*x->p == '\'')
			put(x, '\\');
		put(x, *x->p);
	}
	if (x->p - begin > LEX_VALUE_MAX)
		return refuse(x, x->line, "a text of more than 4096 bytes; shorten it");
	x->p++;
	put(x, '\'');
	/* 'a''b' would be two tokens without anything between them */
	if (x->p < x->end && (word_char(*x->p) || *x->p == '"' || *x->p == '\''))
		return refuse(x, x->line,
			"something follows a closing quote; put a space or a line's end between");
	return 0;
}

static int word(struct lex *x)
{
	const char *begin = x->p;

	while (x->p < x->end && word_char(*x->p))
		x->p++;
	if (x->p - begin > LEX_VALUE_MAX)
		return refuse(x, x->line, "a word of more than 4096 bytes; shorten it");
	put(x, '\'');
	buf_put(x->out, begin, (size_t)(x->p - begin));
	put(x, '\'');
	if (x->p < x->end && (*x->p == '"' || *x->p == '\''))
		return refuse(x, x->line, "a quote follows a word; put a space or `=` between");
	return 0;
}

static int sign(struct lex *x)
{
	char c = *x->p++;

	switch (c) {
	case '{':
		if (x->depth++ == 0)
			x->open_line = x->line;
		break;
	case '}':
		if (x->depth-- == 0)
			return refuse(x, x->line, "a } without its {; remove it");
		break;
	case '=':
	case ',':
		break;
	case '$':
		return refuse(x, x->line,
			"$ outside quotes: variables are not expanded; write the value itself");
	default:
		errmsg_set(x->m, "%s:%d: '%c' has no meaning here; put the value into quotes",
			x->file, x->line, c);
		return ERR_INVALID;
	}
	put(x, c);
	return 0;
}

static int check_bytes(struct lex *x, struct text in)
{
	int line = 1;

	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];

		if (c == '\n')
			line++;
		else if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
			return refuse(x, line, "a control character; is this a text file?");
	}
	if (!text_utf8_ok(in))
		return refuse(x, 1, "the file is not UTF-8; save it as UTF-8");
	return 0;
}

int lex_plain(const char *file, struct text in, struct buf *out, struct errmsg *m)
{
	struct lex x = {
		.file = file, .p = in.p, .end = in.p + in.n, .out = out, .m = m, .line = 1
	};
	int err = check_bytes(&x, in);

	if (in.n >= 3 && memcmp(in.p, "\xef\xbb\xbf", 3) == 0)
		x.p += 3;
	while (!err && x.p < x.end) {
		char c = *x.p;

		if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
			x.line += c == '\n';
			put(&x, c == '\n' ? '\n' : ' ');
			x.p++;
		} else if (c == '#' || (c == '/' && (next_is(&x, '/') || next_is(&x, '*')))) {
			err = comment(&x);
		} else if (c == '"' || c == '\'') {
			err = quoted(&x);
		} else if (word_char(c)) {
			err = word(&x);
		} else {
			err = sign(&x);
		}
	}
	if (!err && x.depth > 0)
		err = refuse(&x, x.open_line, "what is opened here with { is never closed; add }");
	if (!err && out->failed) {
		errmsg_set(m, "%s: %s", file, err_words(ERR_NOMEM));
		err = ERR_NOMEM;
	}
	return err;
}
