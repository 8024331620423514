/* Settings as rows. One table of rows per program makes the parser (over libconfuse), the check,
 * `config show`, and the man page. Unknown settings, wrong units and values out of bounds are
 * refused with file and line. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdio.h>

#include "daemon/base/err.h"
#include "daemon/base/buf.h"

enum conf_type {
	CONF_TEXT,
	CONF_PATH,     /* absolute */
	CONF_AREA,     /* six digits */
	CONF_ENDPOINT, /* tcp://HOST:PORT or ipc:///PATH */
	CONF_SIZE,     /* 64MiB, 4GiB, 512KiB, 100B: bytes */
	CONF_DURATION, /* 500ms, 30s, 10m, 2h, 1d: ms */
	CONF_COUNT,
	CONF_LIST,   /* {"a", "b"} of text */
	CONF_NAME,   /* letters, digits, `.`, `_` and `-`, at most 63, beginning with a letter or
			digit */
	CONF_CHOICE, /* one of `choices` */
	CONF_Z85,    /* a CURVE public key: 40 characters of Z85 */
	CONF_BASE64, /* an Ed25519 public key: 32 bytes in base64 */
};

struct conf_row {
	const char *section; /* NULL: top level; else the section's name (`parent`, `child`):
				titled, any number of them */
	const char *name;    /* NULL: the row is the section itself: `type` judges its titles, least
				and most its number */
	enum conf_type type;
	bool required;	      /* in the file, or in each of its sections */
	const char *preset;   /* default as written in a file; NULL: none */
	uint64_t least, most; /* SIZE, DURATION, COUNT; 0, 0: no bounds */
	const char *example;  /* as written in a file ("\"310115\"" in C): for the man page and for
				 what is missing */
	const char *help_en, *help_zh;
	const char *choices; /* CHOICE: "error|warning|info" */
};

struct conf;
/* Reads and checks a whole file. ERR_INVALID with "FILE:LINE: words" in m; ERR_NOTFOUND, ERR_IO,
 * ERR_LIMIT (above CONF_FILE_MAX). rows borrowed until conf_close(). Any thread (one at a time
 * parses: libconfuse's scanner is one per process). */
#define CONF_FILE_MAX ((size_t)1024 * 1024)
MUST_CHECK int conf_open(struct conf **out, const char *file, const struct conf_row *rows, size_t n,
	struct errmsg *m);
/* The same from memory; `file` is the name for messages. */
MUST_CHECK int conf_parse(struct conf **out, const char *file, struct text text,
	const struct conf_row *rows, size_t n, struct errmsg *m);
void conf_close(struct conf *c);
/* As it was given to conf_open(). */
const char *conf_file(const struct conf *c);

/* Top-level values: the file's or the default. Text "" when absent. */
const char *conf_text(const struct conf *c, const char *name);
uint64_t conf_number(const struct conf *c, const char *name);
size_t conf_list(const struct conf *c, const char *name, const char *const **items);
/* Sections: conf_sections(c, "child"), then by index, in the order of the file. */
size_t conf_sections(const struct conf *c, const char *section);
const char *conf_title(const struct conf *c, const char *section, size_t i);
const char *conf_in_text(const struct conf *c, const char *section, size_t i, const char *name);
uint64_t conf_in_number(const struct conf *c, const char *section, size_t i, const char *name);
/* Line of a value in the file, 0 when it is the default or absent: for judgements over several
 * settings. */
int conf_line(const struct conf *c, const char *name);
int conf_in_line(const struct conf *c, const char *section, size_t i, const char *name);

/* Every setting in force: section, title, name, value as written, and its source ("FILE:LINE" or
 * "default"). section and title are NULL at the top level. Settings that are absent and have no
 * default are left out. */
void conf_each(const struct conf *c,
	void (*fn)(void *arg, const char *section, const char *title, const char *name,
		const char *value, const char *source),
	void *arg);
/* The settings as scdoc source for the man page. */
void conf_man(const struct conf_row *rows, size_t n, FILE *out);

#endif
