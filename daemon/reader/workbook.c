/* The way through a package, each step a list of relationships (Id, Type, Target):
 *
 *     _rels/.rels → the workbook → its sheets by Id, with name and state
 *     xl/_rels/workbook.xml.rels → Id → the part of a sheet; the strings; the styles
 *
 * The names in between are those that the file gives: only Excel calls them xl/…. The way has two
 * steps and no more, so that relationships in a circle lead nowhere. A target outside of the file
 * is passed over, a target above its root is refused. A sheet's name is never looked at. */
#include "daemon/reader/workbook.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/reader/xml.h"

#define ID_MAX 64

const struct text workbook_namespaces[] = {
	{ "http://schemas.openxmlformats.org/spreadsheetml/2006/main", 57 },
	{ "http://purl.oclc.org/ooxml/spreadsheetml/main", 45 },
	{ NULL, 0 },
};

static const struct text relationship_namespaces[] = {
	{ "http://schemas.openxmlformats.org/package/2006/relationships", 60 },
	{ NULL, 0 },
};

struct sheet_entry {
	char id[ID_MAX];
	enum { UNKNOWN, CELLS, OTHER } kind;
	uint64_t part;
};

struct scan {
	struct workbook *out;
	struct package *package;
	struct errmsg *m;
	char dir[PACKAGE_NAME_MAX + 1];	 /* of the part whose relationships are read, with a '/' */
	char main[PACKAGE_NAME_MAX + 1]; /* the workbook's part */
	bool rooted;			 /* the workbook's part is one */
	size_t n;
	struct sheet_entry sheets[WORKBOOK_SHEETS_MAX];
};

/* ---- targets ---- */

/* Puts one step of a path behind out[0..*n]. */
static bool put_step(char out[PACKAGE_NAME_MAX + 1], size_t *n, const char *step, size_t len)
{
	if (len == 0 || (len == 1 && step[0] == '.'))
		return true;
	if (len == 2 && memcmp(step, "..", 2) == 0) {
		if (*n == 0)
			return false;
		while (*n && out[*n - 1] != '/')
			(*n)--;
		*n -= *n > 0;
		return true;
	}
	if (*n + 1 + len > PACKAGE_NAME_MAX)
		return false;
	if (*n)
		out[(*n)++] = '/';
	memcpy(out + *n, step, len);
	*n += len;
	return true;
}

/* A target as seen from a folder, as a name in the package; false: it has none. */
static bool resolve(char out[PACKAGE_NAME_MAX + 1], const char *dir, const char *target)
{
	size_t n = 0;
	const char *from[2] = { target[0] == '/' ? "" : dir, target };

	for (int i = 0; i < 2; i++) {
		for (const char *p = from[i]; *p;) {
			size_t len = strcspn(p, "/");

			if (!put_step(out, &n, p, len))
				return false;
			p += len;
			p += *p == '/';
		}
	}
	out[n] = 0;
	return n > 0;
}

static void folder_of(char out[PACKAGE_NAME_MAX + 1], const char *name)
{
	const char *slash = strrchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) + 1 : 0;

	memcpy(out, name, n);
	out[n] = 0;
}

/* The last word of a relationship's type: transitional and strict files differ in the rest. */
static bool type_is(const char *type, const char *word)
{
	const char *slash = strrchr(type, '/');

	return slash && strcmp(slash + 1, word) == 0;
}

/* ---- relationships ---- */

static void to_part(struct scan *s, struct xml *x, const char *target, bool *has, uint64_t *part)
{
	char name[PACKAGE_NAME_MAX + 1];
	struct errmsg m = { "a part of the workbook is missing: open it in the program that made "
			    "it and save it again" };
	int err = ERR_NOTFOUND;

	if (resolve(name, s->dir, target))
		err = package_find(s->package, text_of(name), part, &m);
	if (err)
		xml_fail(x, ERR_INVALID, "%s", m.text);
	else
		*has = true;
}

static void sheet_target(struct scan *s, struct xml *x, const char *id, const char *target)
{
	bool has;

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->sheets[i].id, id) != 0)
			continue;
		s->sheets[i].kind = CELLS;
		to_part(s, x, target, &has, &s->sheets[i].part);
	}
}

static void on_relationship(void *arg, struct xml *x, const char *name, const char **atts)
{
	struct scan *s = arg;
	const char *id = xml_att(atts, "Id"), *type = xml_att(atts, "Type"),
		   *target = xml_att(atts, "Target"), *mode = xml_att(atts, "TargetMode");

	if (strcmp(name, "Relationship") != 0 || !id || !type || !target ||
		(mode && strcmp(mode, "External") == 0))
		return;
	if (!s->rooted) {
		if (type_is(type, "officeDocument") && !s->main[0] &&
			!resolve(s->main, s->dir, target))
			xml_fail(x, ERR_INVALID, "the workbook names a part outside of itself");
	} else if (type_is(type, "worksheet")) {
		sheet_target(s, x, id, target);
	} else if (type_is(type, "sharedStrings")) {
		to_part(s, x, target, &s->out->has_strings, &s->out->strings);
	} else if (type_is(type, "styles")) {
		to_part(s, x, target, &s->out->has_styles, &s->out->styles);
	} else {
		for (size_t i = 0; i < s->n; i++)
			if (strcmp(s->sheets[i].id, id) == 0)
				s->sheets[i].kind = OTHER;
	}
}

static void on_nothing(void *arg, struct xml *x, const char *name)
{
	(void)arg;
	(void)x;
	(void)name;
}

static int read_relationships(struct scan *s, const char *name)
{
	struct xml_watch w = { .namespaces = relationship_namespaces,
		.start = on_relationship,
		.end = on_nothing,
		.arg = s };
	uint64_t part = 0;
	int err = package_find(s->package, text_of(name), &part, s->m);

	return err ? err : xml_read(s->package, part, &w, s->m);
}

/* ---- the workbook ---- */

/* The attribute of the relationships' namespace that is called id. */
static const char *relationship_id(const char **atts)
{
	for (; atts[0]; atts += 2) {
		const char *space = strchr(atts[0], ' ');

		if (space && strcmp(space, " id") == 0 && strstr(atts[0], "/relationships "))
			return atts[1];
	}
	return NULL;
}

static void add_sheet(struct scan *s, struct xml *x, const char **atts)
{
	const char *id = relationship_id(atts), *state = xml_att(atts, "state");

	if (state && strcmp(state, "visible") != 0)
		return;
	if (!id || strlen(id) >= ID_MAX) {
		xml_fail(x, ERR_INVALID, "the workbook is damaged: a sheet has no part");
		return;
	}
	if (s->n == WORKBOOK_SHEETS_MAX) {
		xml_fail(x, ERR_LIMIT, "the workbook has more than %d sheets", WORKBOOK_SHEETS_MAX);
		return;
	}
	memcpy(s->sheets[s->n++].id, id, strlen(id) + 1);
}

static void on_workbook(void *arg, struct xml *x, const char *name, const char **atts)
{
	struct scan *s = arg;

	if (strcmp(name, "workbook") == 0)
		s->rooted = true;
	else if (!s->rooted)
		xml_stop(x);
	else if (strcmp(name, "workbookPr") == 0)
		s->out->since_1904 = xml_true(xml_att(atts, "date1904"));
	else if (strcmp(name, "sheet") == 0)
		add_sheet(s, x, atts);
}

static int read_main(struct scan *s)
{
	struct xml_watch w = {
		.namespaces = workbook_namespaces, .start = on_workbook, .end = on_nothing, .arg = s
	};
	uint64_t part = 0;
	int err = package_find(s->package, text_of(s->main), &part, s->m);

	if (!err)
		err = xml_read(s->package, part, &w, s->m);
	if (err == ERR_NOTFOUND || (!err && !s->rooted)) {
		errmsg_set(s->m, "the file is no workbook that can be read: save it as XLSX (not "
				 "XLSB, not ODS) or as CSV");
		err = ERR_INVALID;
	}
	return err;
}

/* The visible sheets with cells, in their order. */
static int take_sheets(struct scan *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->sheets[i].kind == UNKNOWN) {
			errmsg_set(s->m, "the workbook is damaged: a sheet has no part");
			return ERR_INVALID;
		}
		if (s->sheets[i].kind == CELLS)
			s->out->sheets[s->out->n_sheets++] = s->sheets[i].part;
	}
	if (s->out->n_sheets)
		return 0;
	errmsg_set(s->m, "the workbook has no visible sheet");
	return ERR_INVALID;
}

int workbook_read(struct workbook *out, struct package *p, struct errmsg *m)
{
	char name[2 * PACKAGE_NAME_MAX + 16];
	struct scan *s = calloc(1, sizeof *s);
	int err;

	*out = (struct workbook){ .n_sheets = 0 };
	if (!s) {
		errmsg_set(m, "out of memory while reading the workbook");
		return ERR_NOMEM;
	}
	s->out = out;
	s->package = p;
	s->m = m;
	err = read_relationships(s, "_rels/.rels");
	if (err == ERR_NOTFOUND || (!err && !s->main[0])) {
		errmsg_set(m, "the file is an archive, but no workbook: save it as XLSX or as CSV");
		err = ERR_INVALID;
	}
	if (!err)
		err = read_main(s);
	if (!err) {
		folder_of(s->dir, s->main);
		(void)snprintf(
			name, sizeof name, "%s_rels/%s.rels", s->dir, s->main + strlen(s->dir));
		err = read_relationships(s, name);
	}
	if (err == ERR_NOTFOUND) {
		errmsg_set(m, "a part of the workbook is missing: open it in the program that "
			      "made it and save it again");
		err = ERR_INVALID;
	}
	if (!err)
		err = take_sheets(s);
	free(s);
	return err;
}
