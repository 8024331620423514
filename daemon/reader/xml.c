/* Over expat, with namespaces ("URI local"). The parser's memory is counted: it keeps every name of
 * an element or attribute it ever saw and a tag until it is whole, which is where hostile files
 * make it grow. Each block carries its account before it:
 *
 *     | account, 8 bytes | size, 8 bytes | what expat sees …
 *
 * expat hands its allocator no argument of ours, hence the thread's `account`, which is set while
 * the parser works and put back, since a row's receiver may read another file meanwhile. */
#include "daemon/reader/xml.h"

#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct account {
	size_t used;
	bool over;
};

struct block {
	struct account *account;
	size_t size;
};

struct xml {
	XML_Parser parser;
	const struct xml_watch *watch;
	struct errmsg *m;
	struct account account;
	unsigned depth, foreign; /* foreign: depth at which another namespace began; 0: none */
	bool stopped;
	int err;
};

static _Thread_local struct account *account;

/* ---- counted memory ---- */

static void *counted_realloc(void *p, size_t n)
{
	struct block *old = p ? (struct block *)p - 1 : NULL, *b;
	struct account *a = old ? old->account : account;
	size_t had = old ? old->size : 0;

	if (n > XML_MEMORY_MAX || a->used - had + n > XML_MEMORY_MAX) {
		a->over = true;
		return NULL;
	}
	b = realloc(old, sizeof *b + n);
	if (!b)
		return NULL;
	a->used = a->used - had + n;
	*b = (struct block){ a, n };
	return b + 1;
}

static void *counted_malloc(size_t n)
{
	return counted_realloc(NULL, n);
}

static void counted_free(void *p)
{
	struct block *b = p ? (struct block *)p - 1 : NULL;

	if (!b)
		return;
	b->account->used -= b->size;
	free(b);
}

/* ---- events ---- */

void xml_stop(struct xml *x)
{
	if (x->stopped)
		return;
	x->stopped = true;
	(void)XML_StopParser(x->parser, XML_FALSE);
}

void xml_fail(struct xml *x, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!x->err && !x->stopped) {
		x->err = err;
		(void)vsnprintf(x->m->text, sizeof x->m->text, format, args);
	}
	va_end(args);
	xml_stop(x);
}

static const char *local_name(const struct xml *x, const char *name)
{
	for (const struct text *ns = x->watch->namespaces; ns->p; ns++)
		if (strncmp(name, ns->p, ns->n) == 0 && name[ns->n] == ' ')
			return name + ns->n + 1;
	return NULL;
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **atts)
{
	struct xml *x = arg;
	const char *local;

	if (x->stopped)
		return;
	if (++x->depth > XML_DEPTH_MAX) {
		xml_fail(x, ERR_LIMIT, "the workbook's XML is nested too deep");
		return;
	}
	if (x->foreign)
		return;
	local = local_name(x, name);
	if (local)
		x->watch->start(x->watch->arg, x, local, atts);
	else
		x->foreign = x->depth;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct xml *x = arg;
	const char *local;

	if (x->stopped)
		return;
	if (!x->foreign) {
		local = local_name(x, name);
		if (local)
			x->watch->end(x->watch->arg, x, local);
	} else if (x->foreign == x->depth) {
		x->foreign = 0;
	}
	x->depth--;
}

static void XMLCALL on_text(void *arg, const XML_Char *p, int n)
{
	struct xml *x = arg;

	if (!x->stopped && !x->foreign && x->watch->text)
		x->watch->text(x->watch->arg, x, p, (size_t)n);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
	const XML_Char *public, int internal)
{
	struct xml *x = arg;

	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	xml_fail(x, ERR_INVALID,
		"the workbook's XML has a document type definition: no spreadsheet program writes "
		"one, and it is not read");
}

/* ---- reading ---- */

static void parser_failed(struct xml *x)
{
	enum XML_Error e = XML_GetErrorCode(x->parser);

	if (x->err || x->stopped)
		return;
	if (x->account.over)
		xml_fail(x, ERR_LIMIT, "the workbook's XML has a tag or names without end");
	else if (e == XML_ERROR_NO_MEMORY)
		xml_fail(x, ERR_NOMEM, "out of memory while reading the workbook");
	else
		xml_fail(x, ERR_INVALID,
			"the workbook is damaged: its XML breaks off or is none (%s)",
			XML_ErrorString(e));
}

static bool parse(void *arg, const char *p, size_t n)
{
	struct xml *x = arg;
	struct account *before = account;
	enum XML_Status s;

	account = &x->account;
	s = XML_Parse(x->parser, p, (int)n, n == 0);
	account = before;
	if (s == XML_STATUS_ERROR)
		parser_failed(x);
	return !x->stopped;
}

int xml_read(struct package *p, uint64_t part, const struct xml_watch *w, struct errmsg *m)
{
	static const XML_Memory_Handling_Suite memory = { counted_malloc, counted_realloc,
		counted_free };
	struct xml x = { .watch = w, .m = m };
	struct account *before = account;
	int err;

	account = &x.account;
	x.parser = XML_ParserCreate_MM(NULL, &memory, " ");
	account = before;
	if (!x.parser) {
		errmsg_set(m, "out of memory while reading the workbook");
		return ERR_NOMEM;
	}
	XML_SetUserData(x.parser, &x);
	XML_SetElementHandler(x.parser, on_start, on_end);
	XML_SetCharacterDataHandler(x.parser, on_text);
	XML_SetStartDoctypeDeclHandler(x.parser, on_doctype);
	err = package_read(p, part, parse, &x, m);
	if (!err)
		(void)parse(&x, "", 0);
	if (x.stopped)
		err = x.err;
	XML_ParserFree(x.parser);
	return err;
}

/* ---- small things ---- */

const char *xml_att(const char **atts, const char *name)
{
	for (; atts[0]; atts += 2)
		if (strcmp(atts[0], name) == 0)
			return atts[1];
	return NULL;
}

bool xml_true(const char *value)
{
	return value && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character of "_xHHHH_" at p; -1: there is none. Halves of a pair and NUL stay as they are. */
static int escape_at(const char *p, size_t n)
{
	int c = 0;

	if (n < 7 || p[1] != 'x' || p[6] != '_')
		return -1;
	for (int i = 2; i < 6; i++) {
		int d = hex_digit(p[i]);

		if (d < 0)
			return -1;
		c = c << 4 | d;
	}
	return c == 0 || (c >= 0xd800 && c <= 0xdfff) ? -1 : c;
}

size_t xml_unescape(char *p, size_t n)
{
	size_t from = 0, to = 0;

	if (n < 7 || !memchr(p, '_', n))
		return n;
	while (from < n) {
		int c = p[from] == '_' ? escape_at(p + from, n - from) : -1;

		if (c < 0) {
			p[to++] = p[from++];
			continue;
		}
		from += 7;
		if (c < 0x80) {
			p[to++] = (char)c;
		} else if (c < 0x800) {
			p[to++] = (char)(0xc0 | c >> 6);
			p[to++] = (char)(0x80 | (c & 0x3f));
		} else {
			p[to++] = (char)(0xe0 | c >> 12);
			p[to++] = (char)(0x80 | (c >> 6 & 0x3f));
			p[to++] = (char)(0x80 | (c & 0x3f));
		}
	}
	return to;
}
