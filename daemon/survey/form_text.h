/* A form file's text as a tree: sections with titles, values, lists. Every item knows its line, so
 * that whatever is wrong with it can be told with file and line. The syntax is that of the
 * configuration files; see README.md. Pure. */
#ifndef SURVEY_FORM_TEXT_H
#define SURVEY_FORM_TEXT_H

#include "daemon/base/err.h"
#include "proto/arena.h"

#define FORM_TEXT_MAX (256 * 1024) /* bytes of a form file */

enum node_kind { NODE_VALUE, NODE_LIST, NODE_SECTION };

struct node {
	enum node_kind kind;
	int line;
	struct text name; /* of the value, list or section; NUL-terminated */
	struct text
		text; /* VALUE: what was written; SECTION: the title, or empty; NUL-terminated */
	const struct node
		*inside; /* LIST: its items (VALUEs without a name); SECTION: what stands in it */
	const struct node *next; /* beside it, in the order of the file */
};

/* The items at the top level, in `a`; NULL and "FILE:LINE: words" when the text does not fit the
 * syntax. An empty file is a fault too. */
const struct node *form_text_parse(
	const char *file, struct text in, struct arena *a, struct errmsg *m);

#endif
