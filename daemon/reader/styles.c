/* A cell names a style, a style (an xf of cellXfs) a number format, a format is built in (by
 * number) or has a code. A code is read to its first ';': what stands in quotes, in brackets or
 * behind \ _ * is decoration, then y, d, e (a year in Chinese and Japanese calendars) or a month
 * without hours make a date. "m" beside h or s are minutes, E+ is an exponent, General is none. */
#include "daemon/reader/styles.h"

#include <stdlib.h>
#include <strings.h>

#include "daemon/reader/workbook.h"
#include "daemon/reader/xml.h"

#define FORMATS_MAX 65536

struct scan {
	struct styles *out;
	bool in_xfs;
	uint32_t n;
	uint8_t known[FORMATS_MAX / 8], date[FORMATS_MAX / 8]; /* formats with codes, by number */
};

/* Built-in formats (ECMA-376 part 1, 18.8.30), with those of Chinese programs from 27 on. */
static bool built_in_is_date(uint32_t id)
{
	return (id >= 14 && id <= 17) || id == 22 || (id >= 27 && id <= 31) || id == 36 ||
	       (id >= 50 && id <= 54) || id == 57 || id == 58;
}

/* Behind the decoration that begins at p; p itself where there is none. */
static const char *behind_decoration(const char *p)
{
	const char close = *p == '"' ? '"' : *p == '[' ? ']' : 0;

	if (close) {
		const char *end = strchr(p + 1, close);

		return end ? end + 1 : p + strlen(p);
	}
	if (*p == '\\' || *p == '_' || *p == '*')
		return p[1] ? p + 2 : p + 1;
	if (strncasecmp(p, "general", 7) == 0)
		return p + 7;
	if (strncasecmp(p, "am/pm", 5) == 0)
		return p + 5;
	return p;
}

bool styles_format_is_date(const char *code)
{
	bool day = false, month = false, time = false;

	while (*code && *code != ';') {
		const char *behind = behind_decoration(code);
		char c = (char)(*code | 0x20);

		if (behind != code) {
			code = behind;
			continue;
		}
		if (c == 'y' || c == 'd')
			day = true;
		else if (c == 'e' && code[1] != '+' && code[1] != '-')
			day = true;
		else if (strncasecmp(code, "aaa", 3) == 0)
			day = true;
		else if (c == 'm')
			month = true;
		else if (c == 'h' || c == 's')
			time = true;
		code++;
	}
	return day || (month && !time);
}

static uint32_t number(const char *s)
{
	return s ? (uint32_t)strtoul(s, NULL, 10) : 0;
}

static void on_start(void *arg, struct xml *x, const char *name, const char **atts)
{
	struct scan *s = arg;

	if (strcmp(name, "numFmt") == 0) {
		const char *code = xml_att(atts, "formatCode");
		uint32_t id = number(xml_att(atts, "numFmtId"));

		if (!code || id >= FORMATS_MAX)
			return;
		s->known[id / 8] |= (uint8_t)(1 << id % 8);
		if (styles_format_is_date(code))
			s->date[id / 8] |= (uint8_t)(1 << id % 8);
	} else if (strcmp(name, "cellXfs") == 0) {
		s->in_xfs = true;
	} else if (s->in_xfs && strcmp(name, "xf") == 0) {
		uint32_t id = number(xml_att(atts, "numFmtId"));
		bool known = id < FORMATS_MAX && s->known[id / 8] >> id % 8 & 1;

		if (s->n == STYLES_MAX) {
			xml_fail(x, ERR_LIMIT, "the workbook has more than %d styles", STYLES_MAX);
			return;
		}
		if (known ? s->date[id / 8] >> id % 8 & 1 : built_in_is_date(id))
			s->out->date[s->n / 8] |= (uint8_t)(1 << s->n % 8);
		s->n++;
	}
}

static void on_end(void *arg, struct xml *x, const char *name)
{
	struct scan *s = arg;

	(void)x;
	if (strcmp(name, "cellXfs") == 0)
		s->in_xfs = false;
}

int styles_read(struct styles *out, struct package *p, uint64_t part, struct errmsg *m)
{
	struct scan *s = calloc(1, sizeof *s);
	int err;

	memset(out, 0, sizeof *out);
	if (!s) {
		errmsg_set(m, "out of memory while reading the workbook");
		return ERR_NOMEM;
	}
	s->out = out;
	err = xml_read(p, part,
		&(struct xml_watch){ .namespaces = workbook_namespaces,
			.start = on_start,
			.end = on_end,
			.arg = s },
		m);
	free(s);
	return err;
}
