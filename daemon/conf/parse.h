/* From a file's text to sections and values: the one module that knows libconfuse. */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include "daemon/conf/conf.h"

/* What stands in the file for one row. */
struct parse_value {
	char *text;   /* NULL: absent. A list: its items joined by ", " */
	char **items; /* of a list */
	size_t n_items;
	uint64_t number;
	int line;   /* 0: absent, or the default */
	bool whole; /* of a list: closed */
};

/* The top level (kind NULL, always the first), or one titled section. */
struct parse_section {
	const char *kind; /* the rows' string */
	char *title;
	int line;		    /* where it ends */
	struct parse_value *values; /* by slot of the row: its index among the rows of its kind */
	const void *id;		    /* while parsing: libconfuse's section */
};

struct parse_result {
	const struct conf_row *rows;
	size_t n_rows;
	struct parse_section *sections;
	size_t n_sections, room;
};

/* Fills *r from `text`, each value judged by its row; defaults and what is missing are the
 * caller's. ERR_INVALID with "FILE:LINE: words". parse_deinit() also after an error. */
MUST_CHECK int parse_text(
	struct parse_result *r, const char *file, struct text text, struct errmsg *m);
void parse_deinit(struct parse_result *r);
/* Number of rows of a kind. */
size_t parse_slots(const struct parse_result *r, const char *kind);
size_t parse_slot(const struct parse_result *r, const struct conf_row *row);
bool parse_same_kind(const char *a, const char *b);

#endif
