/* Parsing: the text in its plain form (lex.c) goes through libconfuse with an option per row; a
 * validating callback sees every value as it is set, with its line, and copies it out. libconfuse
 * keeps the last of a repeated setting; here the second one is refused. libconfuse's scanner is one
 * per process: one parse at a time, under a lock. */
#include "daemon/conf/parse.h"

#include <confuse.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#include "daemon/conf/lex.h"
#include "daemon/conf/setting.h"

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* The parse under way; libconfuse hands no argument to its callbacks. */
static struct parse {
	struct parse_result *r;
	const char *file;
	const cfg_t *root;
	struct errmsg *m;
	int err; /* the first one; its words stand in m */
} now;

bool parse_same_kind(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

size_t parse_slots(const struct parse_result *r, const char *kind)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_rows; i++)
		n += r->rows[i].name && parse_same_kind(r->rows[i].section, kind);
	return n;
}

size_t parse_slot(const struct parse_result *r, const struct conf_row *row)
{
	size_t slot = 0;

	for (const struct conf_row *other = r->rows; other < row; other++)
		slot += other->name && parse_same_kind(other->section, row->section);
	return slot;
}

static int refuse(int line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(int line, const char *format, ...)
{
	char words[400];
	va_list args;

	if (now.err)
		return -1;
	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	errmsg_set(now.m, "%s:%d: %s", now.file, line, words);
	now.err = ERR_INVALID;
	return -1;
}

static int no_memory(void)
{
	if (!now.err)
		errmsg_set(now.m, "%s: %s", now.file, err_words(ERR_NOMEM));
	now.err = ERR_NOMEM;
	return -1;
}

/* ---- sections ---- */

static const struct conf_row *find_row(const char *section, const char *name)
{
	const struct parse_result *r = now.r;

	for (size_t i = 0; i < r->n_rows; i++)
		if (parse_same_kind(r->rows[i].section, section) &&
			parse_same_kind(r->rows[i].name, name))
			return &r->rows[i];
	return NULL;
}

static struct parse_section *add_section(const char *kind, const char *title, const void *id)
{
	struct parse_result *r = now.r;
	struct parse_section *s;

	if (r->n_sections == r->room) {
		size_t room = r->room ? 2 * r->room : 8;

		s = realloc(r->sections, room * sizeof(*s));
		if (!s)
			goto no_memory;
		r->sections = s;
		r->room = room;
	}
	s = &r->sections[r->n_sections];
	*s = (struct parse_section){ .kind = kind, .id = id };
	s->values = calloc(parse_slots(r, kind) + 1, sizeof(*s->values));
	s->title = title ? strdup(title) : NULL;
	if (!s->values || (title && !s->title)) {
		free(s->values);
		free(s->title);
		goto no_memory;
	}
	r->n_sections++;
	return s;
no_memory:
	no_memory();
	return NULL;
}

/* The section that libconfuse is in. Sections do not nest: it is the first (top level), the last,
 * or a new one. */
static struct parse_section *section_of(const cfg_t *cfg, const char *kind, int line)
{
	struct parse_result *r = now.r;
	struct parse_section *last = &r->sections[r->n_sections - 1];
	const struct conf_row *row;
	struct errmsg why;
	uint64_t number;
	const char *title;

	if (cfg == now.root)
		return &r->sections[0];
	if (r->n_sections > 1 && last->id == cfg)
		return last;
	title = cfg_title((cfg_t *)cfg);
	row = find_row(kind, NULL);
	if (row && setting_parse(row, title, &number, &why)) {
		refuse(line, "the title \"%.80s\" of section %s: %s", title, kind, why.text);
		return NULL;
	}
	return add_section(kind, title, cfg);
}

static int on_section_end(cfg_t *parent, cfg_opt_t *opt)
{
	cfg_t *cfg = cfg_opt_getnsec(opt, cfg_opt_size(opt) - 1);
	struct parse_section *s;
	const char *kind = NULL;

	for (size_t i = 0; i < now.r->n_rows && !kind; i++)
		if (parse_same_kind(now.r->rows[i].section, cfg_opt_name(opt)))
			kind = now.r->rows[i].section;
	s = section_of(cfg, kind, parent->line);
	if (!s)
		return -1;
	s->line = parent->line;
	s->id = NULL;
	return 0;
}

/* ---- values ---- */

static int twice(const struct parse_value *v, const struct conf_row *row, int line)
{
	return refuse(line, "%s stands twice, first in line %d; keep one", row->name, v->line);
}

static int join_items(struct parse_value *v)
{
	struct buf all = { 0 };

	for (size_t i = 0; i < v->n_items; i++) {
		buf_str(&all, i ? ", " : "");
		buf_str(&all, v->items[i]);
	}
	buf_str(&all, "");
	free(v->text);
	v->text = all.failed ? NULL : strdup(all.p ? all.p : "");
	buf_deinit(&all);
	return v->text ? 0 : no_memory();
}

/* Called after each item and once at the closing brace: then nothing has changed. */
static int take_item(struct parse_value *v, const struct conf_row *row, cfg_opt_t *opt, int line)
{
	size_t n = cfg_opt_size(opt);
	char **more;

	if (v->whole || n < v->n_items || n > v->n_items + 1)
		return twice(v, row, line);
	for (size_t i = 0; i < v->n_items; i++)
		if (strcmp(v->items[i], cfg_opt_getnstr(opt, (unsigned)i)) != 0)
			return twice(v, row, line);
	v->whole = n == v->n_items;
	if (v->whole)
		return join_items(v);
	more = realloc(v->items, n * sizeof(*more));
	if (!more)
		return no_memory();
	v->items = more;
	v->items[n - 1] = strdup(cfg_opt_getnstr(opt, (unsigned)n - 1));
	if (!v->items[n - 1])
		return no_memory();
	v->n_items = n;
	return join_items(v);
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
	const struct conf_row *row =
		find_row(cfg == now.root ? NULL : cfg_name(cfg), cfg_opt_name(opt));
	struct parse_section *s = row ? section_of(cfg, row->section, cfg->line) : NULL;
	struct parse_value *v;
	const char *text;
	struct errmsg why;
	uint64_t number;
	int err;

	if (!s)
		return -1;
	v = &s->values[parse_slot(now.r, row)];
	if (v->line && row->type != CONF_LIST)
		return twice(v, row, cfg->line);
	text = cfg_opt_size(opt) ? cfg_opt_getnstr(opt, cfg_opt_size(opt) - 1) : "";
	if (setting_parse(row, text, &number, &why))
		return refuse(cfg->line, "%s = \"%.80s\": %s", row->name, text, why.text);
	if (row->type == CONF_LIST) {
		err = take_item(v, row, opt, cfg->line);
	} else {
		v->text = strdup(text);
		v->number = number;
		err = v->text ? 0 : no_memory();
	}
	if (!v->line)
		v->line = cfg->line;
	return err;
}

/* ---- libconfuse ---- */

/* libconfuse's words, made into ours. X(how they begin, ours) */
#define WORDS(X) \
	X("no such option", "unknown setting%s; correct its name or remove it") \
	X("found duplicate title", "a second section has the title%s; keep one") \
	X("missing title for section", "the section%s needs a title: NAME TITLE { ... }") \
	X("premature end of file", "the file ends inside a setting; finish it%s")

static void on_error(cfg_t *cfg, const char *format, va_list args)
{
	char words[256];

	vsnprintf(words, sizeof(words), format, args);
#define X(theirs, ours) \
	if (strncmp(words, theirs, sizeof(theirs) - 1) == 0) { \
		refuse(cfg->line, ours, words + sizeof(theirs) - 1); \
		return; \
	}
	WORDS(X)
#undef X
	refuse(cfg->line, "%s; write NAME = \"VALUE\", or SECTION TITLE { ... }", words);
}

static cfg_opt_t option(const struct conf_row *row)
{
	cfg_opt_t one = CFG_STR(row->name, NULL, CFGF_NODEFAULT);
	cfg_opt_t list = CFG_STR_LIST(row->name, NULL, CFGF_NODEFAULT);

	return row->type == CONF_LIST ? list : one;
}

/* The options of a kind, ended by an empty one. At the top level also the sections; their own
 * options follow behind the end, all in the one array `opts` of 3 × rows + 3. Returns the next free
 * place. */
static size_t options(cfg_opt_t *opts, size_t at, const char *kind)
{
	static const cfg_opt_t end = CFG_END();
	const struct parse_result *r = now.r;

	for (size_t i = 0; i < r->n_rows; i++)
		if (r->rows[i].name && parse_same_kind(r->rows[i].section, kind))
			opts[at++] = option(&r->rows[i]);
	opts[at++] = end;
	return at;
}

static cfg_opt_t *make_options(void)
{
	const struct parse_result *r = now.r;
	cfg_opt_t *opts = calloc(3 * r->n_rows + 3, sizeof(*opts));
	size_t at, top;

	if (!opts)
		return NULL;
	top = parse_slots(r, NULL);
	at = options(opts, 0, NULL) + r->n_rows;
	for (size_t i = 0; i < r->n_rows; i++) {
		const char *kind = r->rows[i].section;
		bool known = !kind;

		for (size_t k = 0; k < top && !known; k++)
			known = opts[k].type == CFGT_SEC && parse_same_kind(opts[k].name, kind);
		if (!known) {
			cfg_opt_t section = CFG_SEC(
				kind, opts + at, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
			cfg_opt_t end = CFG_END();

			at = options(opts, at, kind);
			opts[top++] = section;
			opts[top] = end;
		}
	}
	return opts;
}

static void set_callbacks(cfg_t *cfg)
{
	char path[128];

	for (size_t i = 0; i < now.r->n_rows; i++) {
		const struct conf_row *row = &now.r->rows[i];

		if (row->section)
			cfg_set_validate_func(cfg, row->section, on_section_end);
		if (row->name) {
			snprintf(path, sizeof(path), "%s%s%s", row->section ? row->section : "",
				row->section ? "|" : "", row->name);
			cfg_set_validate_func(cfg, path, on_value);
		}
	}
}

static void run(const char *plain)
{
	cfg_opt_t *opts = make_options();
	cfg_t *cfg = opts ? cfg_init(opts, CFGF_NONE) : NULL;

	if (!cfg || !add_section(NULL, NULL, NULL)) {
		no_memory();
	} else {
		now.root = cfg;
		cfg_set_error_function(cfg, on_error);
		set_callbacks(cfg);
		if (cfg_parse_buf(cfg, plain) != CFG_SUCCESS)
			refuse(cfg->line,
				"not a setting; write NAME = \"VALUE\", or SECTION TITLE { ... }");
	}
	if (cfg)
		cfg_free(cfg);
	free(opts);
}

int parse_text(struct parse_result *r, const char *file, struct text text, struct errmsg *m)
{
	struct buf plain = { 0 };
	int err, lines = 1;

	buf_str(&plain, "");
	err = lex_plain(file, text, &plain, m);
	if (err)
		goto out;
	for (size_t i = 0; i + 1 < text.n; i++)
		lines += text.p[i] == '\n';
	pthread_mutex_lock(&one_at_a_time);
	now = (struct parse){ .r = r, .file = file, .m = m };
	run(plain.p);
	err = now.err;
	pthread_mutex_unlock(&one_at_a_time);
	if (!err)
		r->sections[0].line = lines;
out:
	buf_deinit(&plain);
	return err;
}

void parse_deinit(struct parse_result *r)
{
	for (size_t i = 0; i < r->n_sections; i++) {
		struct parse_section *s = &r->sections[i];
		size_t slots = parse_slots(r, s->kind);

		for (size_t k = 0; k < slots; k++) {
			for (size_t n = 0; n < s->values[k].n_items; n++)
				free(s->values[k].items[n]);
			free(s->values[k].items);
			free(s->values[k].text);
		}
		free(s->values);
		free(s->title);
	}
	free(r->sections);
	*r = (struct parse_result){ .rows = r->rows, .n_rows = r->n_rows };
}
