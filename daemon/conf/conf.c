/* Settings in force: what parse.c read, filled up with defaults, checked for what is missing, and
 * asked for by name.
 *
 * A name that no row has is a bug of the caller (assert). */
#include "daemon/conf/conf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/conf/parse.h"
#include "daemon/conf/setting.h"

struct conf {
	char *file;
	struct parse_result r;
};

/* ---- reading ---- */

static int complete_value(
	struct conf *c, struct parse_section *s, const struct conf_row *row, struct errmsg *m)
{
	struct parse_value *v = &s->values[parse_slot(&c->r, row)];
	struct errmsg why;
	int err;

	if (v->line)
		return 0;
	if (!row->preset) {
		if (!row->required)
			return 0;
		errmsg_set(m, "%s:%d: %s is missing%s%s; add %s = %s", c->file, s->line, row->name,
			s->kind ? " in section " : "", s->kind ? s->title : "", row->name,
			row->example ? row->example : "\"...\"");
		return ERR_INVALID;
	}
	err = setting_parse(row, row->preset, &v->number, &why);
	assert(!err);
	v->text = strdup(row->preset);
	if (err || !v->text) {
		errmsg_set(m, "%s: %s", c->file, err_words(ERR_NOMEM));
		return ERR_NOMEM;
	}
	return 0;
}

static int complete_number(struct conf *c, const struct conf_row *row, struct errmsg *m)
{
	size_t n = conf_sections(c, row->section);

	if (n < row->least || (row->most && n > row->most)) {
		errmsg_set(m, "%s:%d: %zu sections %s; there must be %llu to %llu", c->file,
			c->r.sections[0].line, n, row->section, (unsigned long long)row->least,
			(unsigned long long)row->most);
		return ERR_INVALID;
	}
	return 0;
}

static int complete(struct conf *c, struct errmsg *m)
{
	int err = 0;

	for (size_t i = 0; i < c->r.n_rows && !err; i++) {
		const struct conf_row *row = &c->r.rows[i];

		if (!row->name)
			err = complete_number(c, row, m);
		for (size_t k = 0; row->name && k < c->r.n_sections && !err; k++)
			if (parse_same_kind(c->r.sections[k].kind, row->section))
				err = complete_value(c, &c->r.sections[k], row, m);
	}
	return err;
}

int conf_parse(struct conf **out, const char *file, struct text text, const struct conf_row *rows,
	size_t n, struct errmsg *m)
{
	struct conf *c = calloc(1, sizeof(*c));
	int err = ERR_NOMEM;

	*out = NULL;
	if (c)
		c->file = strdup(file);
	if (!c || !c->file) {
		errmsg_set(m, "%s: %s", file, err_words(ERR_NOMEM));
		goto close_conf;
	}
	c->r.rows = rows;
	c->r.n_rows = n;
	if (text.n > CONF_FILE_MAX) {
		errmsg_set(m, "%s: larger than 1 MiB; this is no configuration file", file);
		err = ERR_LIMIT;
		goto close_conf;
	}
	err = parse_text(&c->r, file, text, m);
	if (!err)
		err = complete(c, m);
	if (err)
		goto close_conf;
	*out = c;
	return 0;
close_conf:
	conf_close(c);
	return err;
}

static int read_file(const char *file, struct buf *text, struct errmsg *m)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0) {
		err = errno == ENOENT ? ERR_NOTFOUND : errno == EACCES ? ERR_DENIED : ERR_IO;
		errmsg_set(m, "%s: %s", file, strerror(errno));
		return err;
	}
	for (;;) {
		void *room = buf_room(text, 16384);
		ssize_t got = room ? read(fd, room, 16384) : 0;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			errmsg_set(m, "%s: %s", file, strerror(errno));
			err = ERR_IO;
		}
		if (got <= 0)
			break;
		text->n += (size_t)got;
		if (text->n > CONF_FILE_MAX)
			break; /* conf_parse() says so */
	}
	if (text->failed && !err) {
		errmsg_set(m, "%s: %s", file, err_words(ERR_NOMEM));
		err = ERR_NOMEM;
	}
	close(fd);
	return err;
}

int conf_open(struct conf **out, const char *file, const struct conf_row *rows, size_t n,
	struct errmsg *m)
{
	struct buf text = { 0 };
	int err = read_file(file, &text, m);

	*out = NULL;
	if (!err)
		err = conf_parse(out, file, buf_as_text(&text), rows, n, m);
	buf_deinit(&text);
	return err;
}

void conf_close(struct conf *c)
{
	if (!c)
		return;
	parse_deinit(&c->r);
	free(c->file);
	free(c);
}

const char *conf_file(const struct conf *c)
{
	return c->file;
}

/* ---- asking ---- */

static const struct parse_section *section_at(const struct conf *c, const char *kind, size_t index)
{
	for (size_t i = 0; i < c->r.n_sections; i++)
		if (parse_same_kind(c->r.sections[i].kind, kind) && index-- == 0)
			return &c->r.sections[i];
	assert(!"a section beyond conf_sections()");
	return NULL;
}

static const struct parse_value *value_at(
	const struct conf *c, const char *kind, size_t index, const char *name)
{
	const struct parse_section *s = section_at(c, kind, index);

	for (size_t i = 0; i < c->r.n_rows; i++) {
		const struct conf_row *row = &c->r.rows[i];

		if (row->name && parse_same_kind(row->section, kind) &&
			strcmp(row->name, name) == 0)
			return &s->values[parse_slot(&c->r, row)];
	}
	assert(!"a setting that no row has");
	return NULL;
}

const char *conf_text(const struct conf *c, const char *name)
{
	return conf_in_text(c, NULL, 0, name);
}

uint64_t conf_number(const struct conf *c, const char *name)
{
	return conf_in_number(c, NULL, 0, name);
}

size_t conf_list(const struct conf *c, const char *name, const char *const **items)
{
	const struct parse_value *v = value_at(c, NULL, 0, name);

	*items = (const char *const *)v->items;
	return v->n_items;
}

size_t conf_sections(const struct conf *c, const char *section)
{
	size_t n = 0;

	for (size_t i = 0; i < c->r.n_sections; i++)
		n += parse_same_kind(c->r.sections[i].kind, section);
	return n;
}

const char *conf_title(const struct conf *c, const char *section, size_t i)
{
	return section_at(c, section, i)->title;
}

const char *conf_in_text(const struct conf *c, const char *section, size_t i, const char *name)
{
	const char *text = value_at(c, section, i, name)->text;

	return text ? text : "";
}

uint64_t conf_in_number(const struct conf *c, const char *section, size_t i, const char *name)
{
	return value_at(c, section, i, name)->number;
}

int conf_line(const struct conf *c, const char *name)
{
	return conf_in_line(c, NULL, 0, name);
}

int conf_in_line(const struct conf *c, const char *section, size_t i, const char *name)
{
	return value_at(c, section, i, name)->line;
}

void conf_each(const struct conf *c,
	void (*fn)(void *arg, const char *section, const char *title, const char *name,
		const char *value, const char *source),
	void *arg)
{
	char source[4096 + 16];

	for (size_t i = 0; i < c->r.n_sections; i++) {
		const struct parse_section *s = &c->r.sections[i];

		for (size_t k = 0; k < c->r.n_rows; k++) {
			const struct conf_row *row = &c->r.rows[k];
			const struct parse_value *v;

			if (!row->name || !parse_same_kind(row->section, s->kind))
				continue;
			v = &s->values[parse_slot(&c->r, row)];
			if (!v->text)
				continue;
			snprintf(source, sizeof(source), "%s:%d", c->file, v->line);
			fn(arg, s->kind, s->title, row->name, v->text,
				v->line ? source : "default");
		}
	}
}
