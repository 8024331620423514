/* A part of a workbook as XML: elements of the namespaces asked for, by their local names, whatever
 * their prefix. Bounded: memory of the parser, depth; a DOCTYPE is refused, nothing outside is ever
 * followed. */
#ifndef READER_XML_H
#define READER_XML_H

#include "daemon/base/buf.h"
#include "daemon/reader/package.h"

#define XML_DEPTH_MAX 64
#define XML_MEMORY_MAX (2 * 1024 * 1024) /* of one parser */

struct xml;

/* `atts`: name, value, name, value, …, NULL. An element of another namespace is passed over with
 * everything in it. text may come in several pieces. */
struct xml_watch {
	const struct text *namespaces; /* the last one has p NULL */
	void (*start)(void *arg, struct xml *x, const char *name, const char **atts);
	void (*end)(void *arg, struct xml *x, const char *name);
	void (*text)(void *arg, struct xml *x, const char *p, size_t n); /* may be NULL */
	void *arg;
};

/* 0 also when xml_stop() ended it; else the error of package_read() or xml_fail(). Words in *m. */
MUST_CHECK int xml_read(
	struct package *p, uint64_t part, const struct xml_watch *w, struct errmsg *m);

/* In a callback: no further one comes. */
void xml_stop(struct xml *x);
/* In a callback: the part cannot be read; the first failure counts. */
void xml_fail(struct xml *x, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The value of an attribute without a prefix; NULL: it is not there. */
const char *xml_att(const char **atts, const char *name);

/* A workbook writes characters that XML cannot hold as _x000D_ (four hex digits): back again, in
 * place. Returns the new length. */
size_t xml_unescape(char *p, size_t n);

/* "1" and "true". */
bool xml_true(const char *value);

#endif
