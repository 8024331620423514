/* The set of forms: read one after the other in the order of their file names, numbered, and turned
 * round so that a record finds what is asked of its register: plans (rows and events) and sources
 * (facts for distinct counts). */
#include "daemon/survey/form.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/survey/calendar.h"
#include "daemon/survey/form_read.h"
#include "daemon/base/buf.h"
#include "daemon/ledger/hash.h"
#include "proto/check.h"

#define FILES_MAX (FORMS_MAX + 1) /* with a calendar */
#define FORMS_MEMORY (32u * 1024 * 1024)

size_t form_register_index(const struct reg *reg)
{
	size_t n;

	return (size_t)(reg - registers(&n));
}

size_t form_rows(const struct form *f)
{
	size_t rows = 1;

	for (size_t i = 0; i < f->n_dims; i++)
		rows *= form_dim_rows(f, i);
	return rows;
}

bool form_up_next(const struct form *f, const uint16_t rows[FORM_DIMS_MAX], size_t *i,
	uint16_t out[FORM_DIMS_MAX])
{
	size_t rest = (*i)++;

	for (size_t d = 0; d < f->n_dims; d++) {
		const struct form_up *up = &f->dims[d].ups[rows[d]];

		if (rows[d] == ROW_TOTAL) { /* of a dim over a list */
			out[d] = ROW_TOTAL;
			continue;
		}
		out[d] = up->at[rest % up->n];
		rest /= up->n;
	}
	return rest == 0;
}

const struct form *forms_find(const struct forms *fs, struct text id)
{
	const struct form *found = NULL;

	for (size_t i = 0; i < fs->n; i++)
		if (text_is(id, fs->forms[i]->id) &&
			(!found || fs->forms[i]->from_day > found->from_day))
			found = fs->forms[i];
	return found;
}

const struct form *forms_at(const struct forms *fs, struct text id, const struct period *p)
{
	const struct form *found = NULL;
	int last = period_last_month(p), end = last / 12 * 10000 + (last % 12 + 1) * 100 + 31;

	for (size_t i = 0; i < fs->n; i++)
		if (text_is(id, fs->forms[i]->id) && (!found || fs->forms[i]->from_day <= end))
			found = fs->forms[i];
	return found;
}

/* ---- called while a file is read ---- */

static bool entity_same(const struct entity *a, const struct entity *b)
{
	return a->reg == b->reg && a->district == b->district && a->n_fields == b->n_fields &&
	       memcmp(a->fields, b->fields, sizeof(a->fields)) == 0;
}

unsigned form_entity(struct loader *l, const struct entity *e, int line)
{
	struct forms *fs = l->fs;
	struct buf name = { 0 };
	struct text kept;

	for (unsigned i = 1; i < fs->n_entities; i++)
		if (entity_same(e, &fs->entities[i]))
			return i;
	if (fs->n_entities == ENTITIES_MAX) {
		form_refuse(l, line, "more kinds of things to count than can be held",
			(struct text){ 0 });
		return 0;
	}
	buf_printf(&name, "%s%s", e->reg->name, e->district ? ".district" : "");
	for (size_t i = 0; i < e->n_fields; i++)
		buf_printf(&name, ".%s", e->fields[i]->name);
	kept = arena_copy(&fs->arena, buf_as_text(&name));
	buf_deinit(&name);
	if (!kept.p) {
		form_refuse(l, line, "the file holds more than a form may", (struct text){ 0 });
		return 0;
	}
	fs->entities[fs->n_entities] = *e;
	fs->entities[fs->n_entities].name = kept.p;
	return fs->n_entities++;
}

static bool source_same(const struct source *a, const struct source *b)
{
	bool both_without = a->measure < 0 && b->measure < 0 && !a->where && !b->where;

	return both_without && a->kind == b->kind && a->reg == b->reg && a->date == b->date &&
	       a->until == b->until;
}

unsigned form_source_add(struct loader *l, const struct source *s, int line)
{
	struct forms *fs = l->fs;
	struct source *kept;
	size_t reg = form_register_index(s->reg);

	for (unsigned i = 1; i <= fs->n_sources; i++)
		if (source_same(s, fs->sources[i]))
			return i;
	if (fs->n_sources == FORM_SOURCES_MAX) {
		form_refuse(l, line, "more distinct counts than can be held", (struct text){ 0 });
		return 0;
	}
	kept = form_alloc(l, sizeof(*kept));
	if (!kept)
		return 0;
	*kept = *s;
	kept->number = fs->n_sources + 1;
	kept->next = fs->reg_sources[reg];
	fs->reg_sources[reg] = kept;
	fs->sources[++fs->n_sources] = kept;
	return fs->n_sources;
}

void form_plan_add(struct loader *l, const struct reg *reg, int line)
{
	const struct form_plan **head = &l->fs->plans[form_register_index(reg)];
	struct form_plan *p;

	for (const struct form_plan *k = *head; k; k = k->next)
		if (k->form == l->form)
			return;
	p = form_alloc(l, sizeof(*p));
	if (!p)
		return;
	p->form = l->form;
	p->reg = reg;
	for (size_t i = 0; i < l->form->n_dims; i++) {
		int f = register_field(reg, text_of(l->form->dims[i].field));

		if (f < 0 || !reg->fields[f].pb) {
			form_refuse(l, line, "the register has no field of the name of a dim",
				text_of(l->form->dims[i].field));
			return;
		}
		p->fields[i] = &reg->fields[f];
		if (p->fields[i]->type == FIELD_CODES && !l->form->dims[i].many)
			form_refuse(l, line,
				"the field holds several codes: its dim needs many = true",
				text_of(p->fields[i]->name));
	}
	p->next = *head;
	*head = p;
}

bool form_is_void(const struct form *f, int day)
{
	int until = date_parse(text_of(f->valid_until));

	return !until || until < day;
}

/* ---- opening ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct form_source *)a)->name, ((const struct form_source *)b)->name);
}

static int by_id(const void *a, const void *b)
{
	const struct form *x = *(struct form *const *)a, *y = *(struct form *const *)b;
	int order = strcmp(x->id, y->id);

	return order ? order : x->from_day - y->from_day;
}

/* Keeps what the set is made of. */
static int forms_keep(
	struct forms *fs, const struct form_source *sources, size_t n, struct errmsg *m)
{
	struct buf all = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (strchr(sources[i].name, '\n')) {
			errmsg_set(m, "a form file's name cannot hold a line break");
			buf_deinit(&all);
			return ERR_INVALID;
		}
		buf_printf(&all, "%s %zu\n%s", sources[i].name, strlen(sources[i].text),
			sources[i].text);
	}
	fs->files = arena_copy(&fs->arena, buf_as_text(&all));
	hash_entry(fs->digest, fs->files);
	buf_deinit(&all);
	return fs->files.p && !all.failed ? 0 : ERR_NOMEM;
}

struct forms *forms_open(const struct form_source *sources, size_t n, struct errmsg *m)
{
	struct forms *fs = calloc(1, sizeof(*fs));
	struct form_source *sorted = calloc(n ? n : 1, sizeof(*sorted));
	int err = fs && sorted ? 0 : ERR_NOMEM;

	if (err) {
		errmsg_set(m, "out of memory");
		free(fs);
		free(sorted);
		return NULL;
	}
	arena_init(&fs->arena, FORMS_MEMORY);
	fs->n_entities = 1; /* persons */
	if (n)
		memcpy(sorted, sources, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_name);
	err = forms_keep(fs, sorted, n, m);
	for (size_t i = 0; i < n && !err; i++) {
		struct text file = arena_copy(&fs->arena, text_of(sorted[i].name));

		if (!file.p)
			err = ERR_NOMEM;
		else if (!calendar_is_file(file.p))
			err = form_read(fs, file.p, text_of(sorted[i].text), m);
	}
	if (!err)
		err = form_cells_check(fs, m);
	for (size_t i = 0; i < n && !err; i++)
		if (calendar_is_file(sorted[i].name))
			err = calendar_read(fs, sorted[i].name, text_of(sorted[i].text), m);
	free(sorted);
	if (err) {
		forms_close(fs);
		return NULL;
	}
	qsort(fs->forms, fs->n, sizeof(struct form *), by_id);
	for (size_t i = 0; i < fs->n; i++)
		fs->forms[i]->index = (unsigned)i;
	return fs;
}

void forms_close(struct forms *fs)
{
	if (!fs)
		return;
	arena_deinit(&fs->arena);
	free(fs);
}

/* ---- files that were kept ---- */

static void sources_free(struct form_source *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)(uintptr_t)s[i].name);
		free((char *)(uintptr_t)s[i].text);
	}
}

/* Takes the next file off the front; false: the text is not what forms_keep() writes. */
static bool file_take(struct text *in, struct form_source *out)
{
	const char *end = in->p + in->n, *line = in->n ? memchr(in->p, '\n', in->n) : NULL;
	const char *space = line ? memrchr(in->p, ' ', (size_t)(line - in->p)) : NULL;
	size_t size = 0;

	if (!space || space == in->p || space + 1 == line)
		return false;
	for (const char *p = space + 1; p < line; p++) {
		if (*p < '0' || *p > '9' || size > FORM_TEXT_MAX)
			return false;
		size = size * 10 + (size_t)(*p - '0');
	}
	line++;
	if (size > (size_t)(end - line) || memchr(in->p, 0, (size_t)(line - in->p) + size))
		return false;
	out->name = strndup(in->p, (size_t)(space - in->p));
	out->text = strndup(line, size);
	*in = (struct text){ line + size, (size_t)(end - line) - size };
	return out->name && out->text;
}

struct forms *forms_open_files(struct text files, struct errmsg *m)
{
	struct form_source found[FILES_MAX] = { { 0 } };
	struct forms *fs = NULL;
	size_t n = 0;
	bool good = true;

	while (good && files.n && n < FILES_MAX)
		good = file_take(&files, &found[n++]);
	if (good && !files.n)
		fs = forms_open(found, n, m);
	else
		errmsg_set(m, "these are no form files");
	sources_free(found, n);
	return fs;
}

/* ---- a directory of files ---- */

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && name[0] != '.' && strcmp(name + n - k, suffix) == 0;
}

/* The whole file, NUL-terminated; NULL and words. */
static char *file_read(const char *path, struct errmsg *m)
{
	FILE *f = fopen(path, "re");
	char *text = malloc(FORM_TEXT_MAX + 2);
	size_t n = 0;

	if (f && text)
		n = fread(text, 1, FORM_TEXT_MAX + 1, f);
	if (!f || !text || ferror(f)) {
		errmsg_set(m, "%s: cannot be read: %s", path, strerror(errno));
		free(text);
		text = NULL;
	} else {
		text[n] = 0;
		/* A NUL inside would cut the text short in silence. */
		if (memchr(text, 0, n)) {
			errmsg_set(m, "%s:1: the file is not valid UTF-8 text", path);
			free(text);
			text = NULL;
		}
	}
	if (f)
		fclose(f);
	return text;
}

int form_dir_files(const char *dir, const char *suffix, struct form_source *out, size_t size,
	size_t *n, struct errmsg *m)
{
	DIR *d = opendir(dir);
	int err = 0;

	if (!d) {
		errmsg_set(m, "%s: cannot be opened: %s", dir, strerror(errno));
		return ERR_IO;
	}
	for (struct dirent *e = readdir(d); e && !err; e = readdir(d)) {
		char path[4096];

		if (!ends_in(e->d_name, suffix))
			continue;
		if (*n == size) {
			errmsg_set(m, "%s: more files *%s than can be held", dir, suffix);
			err = ERR_LIMIT;
			break;
		}
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		out[*n].name = strdup(e->d_name);
		out[*n].text = file_read(path, m);
		err = out[*n].name && out[*n].text ? 0 : ERR_IO;
		++*n;
	}
	closedir(d);
	return err;
}

struct forms *forms_open_dir(const char *dir, struct errmsg *m)
{
	struct form_source found[FILES_MAX];
	struct forms *fs = NULL;
	size_t n = 0;

	if (form_dir_files(dir, ".form", found, FILES_MAX, &n, m) == 0)
		fs = forms_open(found, n, m);
	sources_free(found, n);
	return fs;
}

/* ---- forms and calendar ---- */

/* Takes over both, also when one of them is lacking. */
static int source_add(struct form_source *list, size_t *n, char *name, char *text)
{
	list[*n].name = name;
	list[*n].text = text;
	++*n;
	return name && text ? 0 : ERR_NOMEM;
}

static int calendar_add(struct form_source *list, size_t *n, const char *path, struct errmsg *m)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (!path[0])
		return source_add(list, n, strdup(calendar_sources[0].name),
			strdup(calendar_sources[0].text));
	if (calendar_is_file(name))
		return source_add(list, n, strdup(name), file_read(path, m));
	errmsg_set(m, "%s: a calendar is a file *.tsv", path);
	return ERR_INVALID;
}

struct forms *forms_open_place(const char *dir, const char *calendar, struct errmsg *m)
{
	struct form_source found[FILES_MAX] = { { 0 } };
	struct forms *fs = NULL;
	size_t n = 0;
	int err = calendar_add(found, &n, calendar, m);

	if (!err && dir[0])
		err = form_dir_files(dir, ".form", found, FILES_MAX, &n, m);
	for (size_t i = 0; !dir[0] && i < form_sources_n && i < FORMS_MAX && !err; i++)
		err = source_add(
			found, &n, strdup(form_sources[i].name), strdup(form_sources[i].text));
	if (!err)
		fs = forms_open(found, n, m);
	sources_free(found, n);
	return fs;
}
