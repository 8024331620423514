/* Sections of form files against their lists of keys, and the settings that several kinds of
 * section share. */
#include "daemon/survey/form_keys.h"

void form_refuse(struct loader *l, int line, const char *words, struct text what)
{
	if (l->failed)
		return;
	l->failed = true;
	errmsg_set(l->m, "%s:%d: %s%s%.*s", l->file, line, words, what.n ? ": " : "", (int)what.n,
		what.p ? what.p : "");
}

void *form_alloc(struct loader *l, size_t n)
{
	void *p = arena_alloc(&l->fs->arena, n);

	if (!p)
		form_refuse(l, 1, "the file holds more than a form may", (struct text){ 0 });
	return p;
}

const struct node *key_find(const struct node *section, const char *name)
{
	for (const struct node *n = section->inside; n; n = n->next)
		if (text_is(n->name, name))
			return n;
	return NULL;
}

static void item_check(
	struct loader *l, const struct node *section, const struct node *n, const struct key *k)
{
	static const enum node_kind kinds[] = { [KEY_TEXT] = NODE_VALUE,
		[KEY_BOOL] = NODE_VALUE,
		[KEY_LIST] = NODE_LIST,
		[KEY_SECTION] = NODE_SECTION };

	if (n->kind != kinds[k->type])
		form_refuse(l, n->line, "not what this setting takes", n->name);
	else if (k->type == KEY_BOOL && !text_is(n->text, "true") && !text_is(n->text, "false"))
		form_refuse(l, n->line, "true or false is expected", n->name);
	else if (k->type != KEY_SECTION && key_find(section, k->name) != n)
		form_refuse(l, n->line, "stands twice", n->name);
	else if (k->type == KEY_LIST && !n->inside)
		form_refuse(l, n->line, "the list is empty", n->name);
}

bool keys_check(struct loader *l, const struct node *section, const struct key *keys, size_t n_keys)
{
	for (const struct node *n = section->inside; n && !l->failed; n = n->next) {
		size_t i = 0;

		while (i < n_keys && !text_is(n->name, keys[i].name))
			i++;
		if (i == n_keys)
			form_refuse(l, n->line, "unknown setting", n->name);
		else
			item_check(l, section, n, &keys[i]);
	}
	for (size_t i = 0; i < n_keys && !l->failed; i++)
		if (keys[i].required && !key_find(section, keys[i].name))
			form_refuse(l, section->line, "this section lacks a setting",
				text_of(keys[i].name));
	return !l->failed;
}

const char *key_text(const struct node *section, const char *name, const char *preset)
{
	const struct node *n = key_find(section, name);

	return n ? n->text.p : preset;
}

bool key_flag(const struct node *section, const char *name)
{
	const struct node *n = key_find(section, name);

	return n && text_is(n->text, "true");
}

void key_refuse_part(struct loader *l, const struct node *n, const struct errmsg *part)
{
	form_refuse(l, n->line, part->text, (struct text){ 0 });
}

const struct expr *key_where(struct loader *l, const struct node *section, const struct reg *reg)
{
	const struct node *n = key_find(section, "where");
	const struct expr *e;
	struct errmsg part = { "" };

	if (!n || l->failed)
		return NULL;
	e = expr_parse(reg, n->text, &l->fs->arena, &part);
	if (!e)
		key_refuse_part(l, n, &part);
	return e;
}

unsigned key_periods(struct loader *l, const struct node *list)
{
	unsigned bits = 0;

	for (const struct node *n = list->inside; n; n = n->next) {
		enum period_kind k = period_kind_of(n->text);

		if (k == PERIOD_KINDS)
			form_refuse(l, n->line, "not a kind of period (year, half, quarter, month)",
				n->text);
		else
			bits |= 1u << k;
	}
	return bits;
}

const struct reg *key_register(struct loader *l, const struct node *section)
{
	const struct node *n = key_find(section, "register");
	const struct reg *reg = n ? register_find(n->text) : NULL;

	if (n && !reg)
		form_refuse(l, n->line, "unknown register", n->text);
	return reg;
}

const struct field *key_field(struct loader *l, const struct reg *reg, const struct node *n)
{
	int i = register_field(reg, n->text);

	if (i >= 0 && reg->fields[i].pb)
		return &reg->fields[i];
	form_refuse(l, n->line, "the register has no such field", n->text);
	return NULL;
}

const struct field *key_date(
	struct loader *l, const struct node *section, const struct reg *reg, const char *name)
{
	const struct node *n = key_find(section, name);
	const struct field *f = n ? key_field(l, reg, n) : NULL;

	if (f && f->type != FIELD_DATE)
		form_refuse(l, n->line, "not a date", n->text);
	return f;
}

const struct field *key_when(
	struct loader *l, const struct node *section, const struct reg *reg, const char *name)
{
	const struct node *n = key_find(section, name);
	const struct field *f = n ? key_field(l, reg, n) : NULL;

	if (f && f->type != FIELD_DATE && f->type != FIELD_YEAR && f->type != FIELD_MONTH &&
		f->type != FIELD_TEXT)
		form_refuse(l, n->line, "not a date", n->text);
	return f;
}
