/* Settings as rows. One table of rows per program makes the parser (over libconfuse), the check, `config show`, and the
 * man page. Unknown settings, wrong units and values out of bounds are refused with file and line. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdio.h>

#include "daemon/base/err.h"
#include "daemon/base/buf.h"

enum conf_type {
	CONF_TEXT,
	CONF_PATH,     /* absolute */
	CONF_AREA,     /* six digits */
	CONF_ENDPOINT, /* tcp://… or ipc://… */
	CONF_SIZE,     /* 64MiB, 4GiB, 512KiB, 100B: bytes */
	CONF_DURATION, /* 500ms, 30s, 10m, 2h, 1d: ms */
	CONF_COUNT,
	CONF_LIST,     /* {"a", "b"} of text */
};

struct conf_row {
	const char *section;  /* NULL: top level; else the section's name (`parent`, `child`): titled, any number of them */
	const char *name;
	enum conf_type type;
	bool required;        /* in the file, or in each of its sections */
	const char *preset;   /* default as written in a file; NULL: none */
	uint64_t least, most; /* SIZE, DURATION, COUNT; 0, 0: no bounds */
	const char *example;  /* for the man page */
	const char *help_en, *help_zh;
};

struct conf;
/* ERR_INVALID with "FILE:LINE: words" in m. rows borrowed until conf_close(). `check` (may be NULL) judges the whole. */
MUST_CHECK int conf_open(struct conf **out, const char *file, const struct conf_row *rows, size_t n, struct errmsg *m);
void conf_close(struct conf *c);

/* Top-level values: the file's or the default. Text "" when absent. */
const char *conf_text(const struct conf *c, const char *name);
uint64_t conf_number(const struct conf *c, const char *name);
size_t conf_list(const struct conf *c, const char *name, const char *const **items);
/* Sections: conf_sections(c, "child"), then by index. */
size_t conf_sections(const struct conf *c, const char *section);
const char *conf_title(const struct conf *c, const char *section, size_t i);
const char *conf_in_text(const struct conf *c, const char *section, size_t i, const char *name);
uint64_t conf_in_number(const struct conf *c, const char *section, size_t i, const char *name);

/* Every setting in force: section, title, name, value as written, and its source ("FILE:LINE" or "default"). */
void conf_each(const struct conf *c,
	void (*fn)(void *arg, const char *section, const char *title, const char *name, const char *value, const char *source),
	void *arg);
/* The settings as scdoc source for the man page. */
void conf_man(const struct conf_row *rows, size_t n, FILE *out);

#endif
