/* Rule files → gates and chains; and the question whether a record speaks on a day.
 *
 * Normal path: each file's text becomes a tree, each section at its top a gate or a chain; what
 * stands in it is looked up in the registers. The first fault ends the reading, told with file and
 * line. Memory is that of a set of forms without forms: the readers of form files work in one.
 *
 * A clause speaks from `from` on, up to the day before `until` and up to `through`; an `until` or
 * `through` before `from` makes a record that never speaks. */
#include "daemon/talent/talent_rules.h"

#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/survey/form_keys.h"
#include "daemon/talent/talent_alert.h"
#include "proto/check.h"

#define RULES_MEMORY (1024u * 1024)

static const struct key gate_keys[] = {
	{ "zh", KEY_TEXT, true },
	{ "en", KEY_TEXT, true },
	{ "valid_from", KEY_TEXT, true },
	{ "clause", KEY_SECTION, true },
};
static const struct key chain_keys[] = {
	{ "zh", KEY_TEXT, true },
	{ "en", KEY_TEXT, true },
	{ "clause", KEY_SECTION, true },
	{ "unless", KEY_SECTION, false },
};
static const struct key list_keys[] = {
	{ "clause", KEY_SECTION, true },
};
static const struct key clause_keys[] = {
	{ "zh", KEY_TEXT, true },
	{ "en", KEY_TEXT, true },
	{ "register", KEY_TEXT, true },
	{ "from", KEY_TEXT, true },
	{ "until", KEY_TEXT, false },
	{ "through", KEY_TEXT, false },
	{ "where", KEY_TEXT, false },
};

/* ---- reading ---- */

static const char *section_id(struct loader *l, const struct node *section)
{
	if (!form_id_ok(section->text))
		form_refuse(l, section->line, "a rule has a name: letters, digits, . _ and -",
			section->text);
	return section->text.p ? section->text.p : "";
}

static struct talent_clause *clause_read(struct loader *l, const struct node *section)
{
	struct talent_clause *c = form_alloc(l, sizeof(*c));

	if (!c || !KEYS_CHECK(l, section, clause_keys))
		return NULL;
	c->id = section_id(l, section);
	c->zh = key_text(section, "zh", "");
	c->en = key_text(section, "en", "");
	c->reg = key_register(l, section);
	if (!c->reg)
		return NULL;
	if (c->reg->n_persons == 0)
		form_refuse(l, section->line, "the register has no person", text_of(c->reg->name));
	c->from = key_date(l, section, c->reg, "from");
	c->until = key_date(l, section, c->reg, "until");
	c->through = key_date(l, section, c->reg, "through");
	c->where = key_where(l, section, c->reg);
	return l->failed ? NULL : c;
}

/* The clauses of a section that stand under a name. */
const struct talent_clause *talent_clauses_read(
	struct loader *l, const struct node *section, const char *name)
{
	const struct talent_clause *first = NULL, **tail = &first;
	size_t n_clauses = 0;

	for (const struct node *n = section->inside; n && !l->failed; n = n->next) {
		struct talent_clause *c = NULL;

		if (!text_is(n->name, name))
			continue;
		for (const struct talent_clause *k = first; k; k = k->next)
			if (text_is(n->text, k->id))
				form_refuse(l, n->line, "stands twice", n->text);
		if (++n_clauses > TALENT_CLAUSES_MAX)
			form_refuse(l, n->line, "more clauses than can be held", n->text);
		c = l->failed ? NULL : clause_read(l, n);
		if (!c)
			return NULL;
		*tail = c;
		tail = &c->next;
	}
	return first;
}

static void node_print(struct buf *out, const struct node *n)
{
	buf_printf(out, "%d %zu %s %zu %s\n", n->kind, n->name.n, n->name.p ? n->name.p : "",
		n->text.n, n->text.p ? n->text.p : "");
	for (const struct node *i = n->inside; i; i = i->next)
		node_print(out, i);
	buf_str(out, ".\n");
}

/* Adds a gate: a sum without order, since the order of files says nothing. */
static void gate_digest(struct talent_rules *t, const struct node *section)
{
	uint8_t hash[HASH_BYTES];
	struct buf b = { 0 };

	node_print(&b, section);
	hash_entry(hash, buf_as_text(&b));
	for (size_t i = 0; i < HASH_BYTES; i++)
		t->gates_digest[i] ^= hash[i];
	buf_deinit(&b);
}

static void gate_read(struct loader *l, struct talent_rules *t, const struct node *section)
{
	const struct talent_gate **at = &t->gates;
	struct talent_gate *g = form_alloc(l, sizeof(*g));
	const struct node *from;

	if (!g || !KEYS_CHECK(l, section, gate_keys))
		return;
	from = key_find(section, "valid_from");
	g->version = section_id(l, section);
	g->zh = key_text(section, "zh", "");
	g->en = key_text(section, "en", "");
	g->valid_from = date_parse(from->text);
	if (!g->valid_from)
		form_refuse(l, from->line, "not a date", from->text);
	for (; *at && (*at)->valid_from >= g->valid_from;
		at = (const struct talent_gate **)&(*at)->next)
		if ((*at)->valid_from == g->valid_from)
			form_refuse(l, from->line, "two gates begin on this day", from->text);
	g->clauses = talent_clauses_read(l, section, "clause");
	g->next = *at;
	*at = g;
	if (++t->n_gates > TALENT_GATES_MAX)
		form_refuse(l, section->line, "more gates than can be held", section->text);
	if (!l->failed)
		gate_digest(t, section);
}

static void chain_read(struct loader *l, struct talent_rules *t, const struct node *section)
{
	const struct talent_chain **at = &t->chains;
	struct talent_chain *c = form_alloc(l, sizeof(*c));

	if (!c || !KEYS_CHECK(l, section, chain_keys))
		return;
	c->id = section_id(l, section);
	c->zh = key_text(section, "zh", "");
	c->en = key_text(section, "en", "");
	for (; *at; at = (const struct talent_chain **)&(*at)->next)
		if (text_is(section->text, (*at)->id))
			form_refuse(l, section->line, "stands twice", section->text);
	c->clauses = talent_clauses_read(l, section, "clause");
	c->unless = talent_clauses_read(l, section, "unless");
	*at = c;
	if (++t->n_chains > TALENT_CHAINS_MAX)
		form_refuse(l, section->line, "more chains than can be held", section->text);
}

/* A list of clauses that stands once: level, home, profile, running. */
static void list_read(
	struct loader *l, const struct talent_clause **list, const struct node *section)
{
	if (*list)
		form_refuse(l, section->line, "stands twice", section->name);
	if (!l->failed && KEYS_CHECK(l, section, list_keys))
		*list = talent_clauses_read(l, section, "clause");
}

static void file_read(struct loader *l, struct talent_rules *t, const struct form_source *file)
{
	const struct node *top =
		form_text_parse(file->name, text_of(file->text), &l->fs->arena, l->m);

	l->file = file->name;
	l->failed = !top;
	for (const struct node *n = top; n && !l->failed; n = n->next) {
		if (n->kind == NODE_SECTION && text_is(n->name, "gate"))
			gate_read(l, t, n);
		else if (n->kind == NODE_SECTION && text_is(n->name, "chain"))
			chain_read(l, t, n);
		else if (n->kind == NODE_SECTION && text_is(n->name, "alert"))
			talent_alert_read(l, t, n);
		else if (n->kind == NODE_SECTION && text_is(n->name, "level"))
			list_read(l, &t->level, n);
		else if (n->kind == NODE_SECTION && text_is(n->name, "home"))
			list_read(l, &t->home, n);
		else if (n->kind == NODE_SECTION && text_is(n->name, "profile"))
			list_read(l, &t->profile, n);
		else if (n->kind == NODE_SECTION && text_is(n->name, "running"))
			list_read(l, &t->running, n);
		else
			form_refuse(l, n->line, "not a kind of rule", n->name);
	}
}

static void digest(struct talent_rules *t, const struct form_source *files, size_t n)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s %zu\n%s\n", files[i].name, strlen(files[i].text), files[i].text);
	hash_entry(t->digest, buf_as_text(&b));
	buf_deinit(&b);
}

struct talent_rules *talent_rules_open(const struct form_source *files, size_t n, struct errmsg *m)
{
	struct talent_rules *t = calloc(1, sizeof(*t));
	struct loader l = { .file = "", .m = m };

	if (t)
		t->memory = calloc(1, sizeof(*t->memory));
	if (!t || !t->memory) {
		errmsg_set(m, "no memory for the rules");
		free(t);
		return NULL;
	}
	arena_init(&t->memory->arena, RULES_MEMORY);
	l.fs = t->memory;
	for (size_t i = 0; i < n && !l.failed; i++)
		file_read(&l, t, &files[i]);
	digest(t, files, n);
	if (!l.failed)
		return t;
	talent_rules_close(t);
	return NULL;
}

void talent_rules_close(struct talent_rules *t)
{
	if (!t)
		return;
	forms_close(t->memory);
	free(t);
}

/* ---- asking ---- */

static int next_day(int day)
{
	if (date_ok(day + 1))
		return day + 1;
	return day / 100 % 100 == 12 ? (day / 10000 + 1) * 10000 + 101 : (day / 100 + 1) * 100 + 1;
}

static int date_of(const struct record *r, const struct field *f)
{
	struct value v = { 0 };

	if (f)
		v = record_value(r, f);
	return v.present ? (int)v.number : 0;
}

bool talent_clause_takes(const struct talent_clause *c, const struct talent_record *r)
{
	return c->reg == r->record->reg && record_person(r->record, 0).pid &&
	       (!c->where || expr_holds(c->where, r->record, r->origin));
}

bool talent_clause_days(
	const struct talent_clause *c, const struct talent_record *r, int *from, int *over)
{
	int until = date_of(r->record, c->until), through = date_of(r->record, c->through);

	*from = date_of(r->record, c->from);
	*over = until;
	if (through && (!until || through < until))
		*over = next_day(through);
	return *from && (!*over || *over > *from);
}

bool talent_clause_speaks(const struct talent_clause *c, const struct talent_record *r, int day)
{
	int from, over;

	return talent_clause_takes(c, r) && talent_clause_days(c, r, &from, &over) && from <= day &&
	       (!over || day < over);
}

bool talent_clause_open(const struct talent_clause *c, const struct talent_record *r, int day)
{
	int from, over;

	return talent_clause_takes(c, r) && talent_clause_days(c, r, &from, &over) &&
	       (!over || over > day);
}

const struct talent_clause *talent_clause_of(
	const struct talent_clause *list, const struct talent_record *r, unsigned *number)
{
	unsigned n = 0;

	for (const struct talent_clause *c = list; c; c = c->next, n++) {
		if (!talent_clause_takes(c, r))
			continue;
		*number = n;
		return c;
	}
	return NULL;
}

const struct talent_gate *talent_gate_at(const struct talent_rules *t, int day)
{
	const struct talent_gate *g = t->gates;

	while (g && g->valid_from > day)
		g = g->next;
	return g;
}

const struct talent_clause *talent_qualifies(
	const struct talent_rules *t, const struct talent_record *records, size_t n, int day)
{
	const struct talent_gate *g = talent_gate_at(t, day);

	for (const struct talent_clause *c = g ? g->clauses : NULL; c; c = c->next)
		for (size_t i = 0; i < n; i++)
			if (talent_clause_speaks(c, &records[i], day))
				return c;
	return NULL;
}

bool talent_may_qualify(const struct talent_rules *t, const struct talent_record *r)
{
	int from, over;

	for (const struct talent_gate *g = t->gates; g; g = g->next)
		for (const struct talent_clause *c = g->clauses; c; c = c->next)
			if (talent_clause_takes(c, r) && talent_clause_days(c, r, &from, &over))
				return true;
	return false;
}

const struct talent_chain *talent_chain_find(const struct talent_rules *t, const char *id)
{
	const struct talent_chain *c = t->chains;

	while (c && strcmp(c->id, id) != 0)
		c = c->next;
	return c;
}
