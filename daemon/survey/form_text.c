/* Reads the text of a form file.
 *
 *     form "02" {                      a section with a title
 *             cumulative = true        a value: a word, a number, or "quoted text"
 *             periods = {"month"}      a list
 *             # words                  a comment, to the end of the line
 *     }
 *
 * Nothing is expanded and no sign has a hidden meaning: \" and \\ are the only escapes, a quoted
 * text ends on its line. The first fault ends the reading; it is told with the line on which it
 * stands (for a section left open: where it was opened). Depth is bounded, memory is the arena's.
 */
#include "daemon/survey/form_text.h"

#include <ctype.h>

#define DEPTH_MAX 8

struct reader {
	const char *file;
	const char *p, *end;
	int line;
	struct arena *a;
	struct errmsg *m;
};

static bool refuse(struct reader *r, int line, const char *words)
{
	errmsg_set(r->m, "%s:%d: %s", r->file, line, words);
	return false;
}

static void skip(struct reader *r)
{
	for (; r->p < r->end; r->p++) {
		if (*r->p == '\n')
			r->line++;
		else if (*r->p == '#')
			while (r->p + 1 < r->end && r->p[1] != '\n')
				r->p++;
		else if (*r->p != ' ' && *r->p != '\t' && *r->p != '\r')
			break;
	}
}

/* Looks at the next sign that means something; 0 at the end. */
static char peek(struct reader *r)
{
	skip(r);
	return r->p < r->end ? *r->p : 0;
}

static bool word_sign(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool keep(struct reader *r, struct text t, struct text *out)
{
	*out = arena_copy(r->a, t);
	return out->p ? true : refuse(r, r->line, "the file holds more than a form may");
}

static bool quoted(struct reader *r, struct text *out)
{
	const char *from = ++r->p;
	char *to;

	while (r->p < r->end && *r->p != '"' && *r->p != '\n')
		r->p += *r->p == '\\' && r->p + 1 < r->end ? 2 : 1;
	if (r->p >= r->end || *r->p != '"')
		return refuse(r, r->line, "a quoted text does not end on its line");
	if (!keep(r, (struct text){ from, (size_t)(r->p - from) }, out))
		return false;
	r->p++;
	to = (char *)out->p;
	for (const char *s = out->p, *end = s + out->n; s < end; s++) {
		if (*s == '\\' && *++s != '"' && *s != '\\')
			return refuse(r, r->line, "after \\ only \" and \\ may stand");
		*to++ = *s;
	}
	*to = 0;
	out->n = (size_t)(to - out->p);
	return true;
}

static bool word(struct reader *r, struct text *out)
{
	const char *from = r->p;

	while (r->p < r->end && word_sign(*r->p))
		r->p++;
	if (r->p == from)
		return refuse(r, r->line, "a word or a quoted text is expected here");
	return keep(r, (struct text){ from, (size_t)(r->p - from) }, out);
}

static bool scalar(struct reader *r, struct text *out)
{
	return peek(r) == '"' ? quoted(r, out) : word(r, out);
}

static struct node *node_new(struct reader *r, enum node_kind kind)
{
	struct node *n = arena_alloc(r->a, sizeof(*n));

	if (!n) {
		refuse(r, r->line, "the file holds more than a form may");
		return NULL;
	}
	n->kind = kind;
	n->line = r->line;
	return n;
}

static bool list(struct reader *r, struct node *n)
{
	const struct node **tail = &n->inside;

	n->kind = NODE_LIST;
	r->p++;
	while (peek(r) != '}') {
		struct node *item = node_new(r, NODE_VALUE);

		if (!item)
			return false;
		item->line = r->line;
		if (!scalar(r, &item->text))
			return false;
		*tail = item;
		tail = &item->next;
		if (peek(r) == ',')
			r->p++;
		else if (peek(r) != '}')
			return refuse(r, r->line, "a list goes on with , or ends with }");
	}
	r->p++;
	return true;
}

static const struct node *items(struct reader *r, unsigned depth);

static bool section(struct reader *r, struct node *n, unsigned depth)
{
	char c = peek(r);

	n->kind = NODE_SECTION;
	if ((c == '"' || word_sign(c)) && !scalar(r, &n->text))
		return false;
	if (peek(r) != '{')
		return refuse(r, r->line, "= or { is expected after a name");
	r->p++;
	if (depth >= DEPTH_MAX)
		return refuse(r, n->line, "sections stand too deep in one another");
	n->inside = items(r, depth + 1);
	if (r->m->text[0])
		return false;
	if (peek(r) != '}')
		return refuse(r, n->line, "this section is never closed");
	r->p++;
	return true;
}

/* Items up to a } or the end. On a fault r->m is set. */
static const struct node *items(struct reader *r, unsigned depth)
{
	const struct node *first = NULL, **tail = &first;

	for (char c = peek(r); c && c != '}'; c = peek(r)) {
		struct node *n = node_new(r, NODE_VALUE);
		bool ok;

		if (!n)
			return NULL;
		if (!word(r, &n->name))
			return NULL;
		if (peek(r) == '=') {
			r->p++;
			ok = peek(r) == '{' ? list(r, n) : scalar(r, &n->text);
		} else {
			ok = section(r, n, depth);
		}
		if (!ok)
			return NULL;
		*tail = n;
		tail = &n->next;
	}
	return first;
}

const struct node *form_text_parse(
	const char *file, struct text in, struct arena *a, struct errmsg *m)
{
	struct reader r = {
		.file = file, .p = in.p, .end = in.p + in.n, .line = 1, .a = a, .m = m
	};
	const struct node *first;

	m->text[0] = 0;
	if (in.n == 0) {
		refuse(&r, 1, "the file is empty");
		return NULL;
	}
	if (in.n > FORM_TEXT_MAX) {
		refuse(&r, 1, "the file is too large for a form");
		return NULL;
	}
	if (!text_utf8_ok(in) || memchr(in.p, 0, in.n)) {
		refuse(&r, 1, "the file is not valid UTF-8 text");
		return NULL;
	}
	first = items(&r, 0);
	if (m->text[0])
		return NULL;
	if (peek(&r)) {
		refuse(&r, r.line, "a } that closes nothing");
		return NULL;
	}
	if (!first)
		refuse(&r, 1, "the file is empty");
	return first;
}
