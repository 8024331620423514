/* A string is all <t> of its <si> one after another: a rich text has several, in runs; phonetic
 * runs (rPh) are no part of it. On the tapes:
 *
 *     text:   | string 0 | string 1 | …
 *     index:  | where string 0 begins << 1 | cut, 8 bytes | … | where the last one ends << 1 |
 *
 * Two neighbours of the index are read at once: a string ends where the next one begins. */
#include "daemon/reader/strings.h"

#include <stdlib.h>

#include "daemon/reader/reader.h"
#include "daemon/reader/value.h"
#include "daemon/reader/workbook.h"
#include "daemon/reader/xml.h"

struct scan {
	struct strings *out;
	struct value value;
	bool in_string, phonetic, in_text;
};

void strings_init(struct strings *s, const char *dir)
{
	*s = (struct strings){ .n = 0 };
	tape_init(&s->text, dir);
	tape_init(&s->index, dir);
}

void strings_deinit(struct strings *s)
{
	tape_deinit(&s->text);
	tape_deinit(&s->index);
}

static void put_index(struct strings *s, bool cut)
{
	uint64_t at = s->text.n << 1 | cut;

	tape_put(&s->index, &at, sizeof at);
}

static void on_start(void *arg, struct xml *x, const char *name, const char **atts)
{
	struct scan *s = arg;

	(void)x;
	(void)atts;
	if (strcmp(name, "si") == 0) {
		s->in_string = true;
		s->phonetic = s->in_text = false;
		value_reset(&s->value);
	} else if (strcmp(name, "rPh") == 0) {
		s->phonetic = true;
	} else if (strcmp(name, "t") == 0) {
		s->in_text = s->in_string && !s->phonetic;
	}
}

static void on_end(void *arg, struct xml *x, const char *name)
{
	struct scan *s = arg;

	if (strcmp(name, "t") == 0) {
		s->in_text = false;
	} else if (strcmp(name, "rPh") == 0) {
		s->phonetic = false;
	} else if (strcmp(name, "si") == 0 && s->in_string) {
		struct text t;

		s->in_string = false;
		value_finish(&s->value);
		t = value_text(&s->value);
		put_index(s->out, s->value.cut);
		tape_put(&s->out->text, t.p, t.n);
		if (++s->out->n > STRINGS_MAX || s->out->text.n > STRINGS_BYTES_MAX)
			xml_fail(x, ERR_LIMIT, "the workbook holds too much text: split it");
		else if (s->out->text.err || s->out->index.err)
			xml_stop(x);
	}
}

static void on_text(void *arg, struct xml *x, const char *p, size_t n)
{
	struct scan *s = arg;

	(void)x;
	if (s->in_text)
		value_put(&s->value, p, n);
}

int strings_read(struct strings *s, struct package *p, uint64_t part, struct errmsg *m)
{
	struct scan scan = { .out = s };
	int err = value_init(&scan.value);

	if (!err)
		err = xml_read(p, part,
			&(struct xml_watch){ .namespaces = workbook_namespaces,
				.start = on_start,
				.end = on_end,
				.text = on_text,
				.arg = &scan },
			m);
	else
		errmsg_set(m, "out of memory while reading the workbook");
	value_deinit(&scan.value);
	if (err)
		return err;
	put_index(s, false);
	err = tape_seal(&s->text, false);
	if (!err)
		err = tape_seal(&s->index, false);
	if (err)
		errmsg_set(m, "the workbook's text cannot be put aside: %s", err_words(err));
	return err;
}

int strings_get(struct strings *s, uint64_t i, char *out, size_t *n, bool *cut)
{
	uint64_t at[2];

	if (i >= s->n)
		return ERR_NOTFOUND;
	if (tape_read(&s->index, i * sizeof at[0], at, sizeof at) != sizeof at)
		return s->index.err ? s->index.err : ERR_IO;
	*n = (size_t)((at[1] >> 1) - (at[0] >> 1));
	*cut = at[0] & 1;
	if (*n > READER_CELL_MAX || tape_read(&s->text, at[0] >> 1, out, *n) != *n)
		return s->text.err ? s->text.err : ERR_IO;
	return 0;
}
