/* From a form file's tree to a form: each kind of section has a list of the keys that may stand in
 * it; what stands there is then looked up in the registers, the code lists and the form itself.
 *
 * Normal path: head → dims → measures in order (a measure may build on one before it) → checks →
 * plans and sources (form.c). The first fault ends the reading, told with its line. */
#include "daemon/survey/form_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/check.h"
#include "proto/tables.h"

static const struct key form_keys[] = {
	{ "number", KEY_TEXT, true },
	{ "title", KEY_TEXT, true },
	{ "title_en", KEY_TEXT, true },
	{ "issuer", KEY_TEXT, true },
	{ "approver", KEY_TEXT, true },
	{ "approval", KEY_TEXT, true },
	{ "valid_until", KEY_TEXT, true },
	{ "unit", KEY_TEXT, true },
	{ "unit_en", KEY_TEXT, true },
	{ "edition", KEY_TEXT, true },
	{ "periods", KEY_LIST, true },
	{ "valid_from", KEY_TEXT, false },
	{ "points", KEY_TEXT, false },
	{ "cumulative", KEY_BOOL, false },
	{ "always_cumulative", KEY_BOOL, false },
	{ "dim", KEY_SECTION, false },
	{ "measure", KEY_SECTION, true },
	{ "check", KEY_SECTION, false },
	{ "publish", KEY_SECTION, false },
};
static const struct key publish_keys[] = {
	{ "unit", KEY_TEXT, true },
	{ "least_units", KEY_TEXT, true },
	{ "least_values", KEY_TEXT, true },
	{ "largest", KEY_TEXT, true },
	{ "group", KEY_TEXT, false },
};
#define DIM_UNIONS_MAX 16

static const struct key dim_keys[] = {
	{ "zh", KEY_TEXT, true },
	{ "en", KEY_TEXT, true },
	{ "codes", KEY_TEXT, true },
	{ "rows", KEY_LIST, false },
	{ "none", KEY_BOOL, false },
	{ "other", KEY_BOOL, false },
	{ "field", KEY_TEXT, false },
	{ "total", KEY_BOOL, false },
	{ "many", KEY_BOOL, false },
	{ "row", KEY_SECTION, false },
	{ "union", KEY_SECTION, false },
};
static const struct key union_keys[] = {
	{ "zh", KEY_TEXT, true },
	{ "en", KEY_TEXT, true },
	{ "of", KEY_LIST, true },
};
static const struct key row_keys[] = {
	{ "register", KEY_TEXT, true },
	{ "where", KEY_TEXT, true },
};
static const struct key check_keys[] = {
	{ "rule", KEY_TEXT, true },
	{ "level", KEY_TEXT, true },
	{ "zh", KEY_TEXT, false },
	{ "en", KEY_TEXT, false },
	{ "periods", KEY_LIST, false },
	{ "last", KEY_BOOL, false },
	{ "dim", KEY_TEXT, false },
	{ "measures", KEY_LIST, false },
	{ "only", KEY_LIST, false },
};

/* ---- dims ---- */

static int row_index(const struct form_dim *d, struct text code)
{
	for (size_t i = 0; i < d->n; i++)
		if (text_is(code, d->rows[i].code))
			return (int)i;
	return -1;
}

/* The occupations are too many for a list of codes; here they are made one. */
static const struct code_list *occupations(struct loader *l)
{
	struct code_list *list = form_alloc(l, sizeof(*list));
	struct code *codes = form_alloc(l, table_n_occupations * sizeof(*codes));
	char *texts = form_alloc(l, table_n_occupations * 11);

	if (!list || !codes || !texts)
		return NULL;
	for (size_t i = 0; i < table_n_occupations; i++) {
		uint32_t n = table_occupations[i];

		snprintf(texts + 11 * i, 11, "%u-%02u-%02u-%02u", n / 1000000 % 10, n / 10000 % 100,
			n / 100 % 100, n % 100);
		codes[i] = (struct code){ texts + 11 * i, table_occupation_names[i],
			table_occupation_names[i], "" };
	}
	*list = (struct code_list){ "occupation", codes, table_n_occupations };
	return list;
}

static void rows_of_list(struct loader *l, const struct node *list, const struct code_list *all,
	struct form_dim *d, struct form_row *rows)
{
	for (size_t i = 0; !list && i < all->n; i++)
		rows[d->n++] = (struct form_row){ all->at[i].code, all->at[i].zh, all->at[i].en };
	for (const struct node *n = list ? list->inside : NULL; n && !l->failed; n = n->next) {
		int i = code_index(all, n->text);

		if (i < 0)
			form_refuse(l, n->line, "not a code of the list", n->text);
		else if (row_index(d, n->text) >= 0)
			form_refuse(l, n->line, "stands twice", n->text);
		else
			rows[d->n++] =
				(struct form_row){ all->at[i].code, all->at[i].zh, all->at[i].en };
	}
}

static void dim_rows(struct loader *l, const struct node *section, struct form_dim *d)
{
	const struct node *codes = key_find(section, "codes"), *list = key_find(section, "rows");
	bool occupation = text_is(codes->text, "occupation");
	const struct code_list *all = occupation ? occupations(l) : code_list_find(codes->text);
	struct form_row *rows;

	if (!all || all->n == 0 || all->n > FORM_ROWS_MAX) {
		form_refuse(l, codes->line, "no such list of codes", codes->text);
		return;
	}
	rows = form_alloc(l, (all->n + 2 + DIM_UNIONS_MAX) * sizeof(*rows));
	if (!rows)
		return;
	d->rows = rows;
	rows_of_list(l, list, all, d, rows);
	d->sorted = occupation && !list;
	d->other = key_flag(section, "other");
	if (d->other)
		rows[d->n++] = (struct form_row){ "_O", "其他", "other" };
	d->none = key_flag(section, "none");
	if (d->none)
		rows[d->n++] = (struct form_row){ "_Z", "不适用", "does not apply" };
	d->n_codes = d->n;
}

/* A row over several others: what stands in one of them counts in it once. */
static void dim_union(struct loader *l, const struct node *section, struct form_dim *d)
{
	struct form_row *rows = (struct form_row *)(uintptr_t)d->rows;
	uint16_t number = (uint16_t)d->n;

	if (!form_id_ok(section->text) || row_index(d, section->text) >= 0 ||
		d->n - d->n_codes == DIM_UNIONS_MAX) {
		form_refuse(l, section->line, "a union has a name of its own", section->text);
		return;
	}
	if (!KEYS_CHECK(l, section, union_keys))
		return;
	for (const struct node *n = key_find(section, "of")->inside; n; n = n->next) {
		int row = row_index(d, n->text);
		struct form_up *up = row >= 0 && (size_t)row < d->n_codes ? &d->ups[row] : NULL;

		if (!up || up->n == DIM_UP_MAX - 1 || up->at[up->n - 1] == number)
			form_refuse(l, n->line,
				up ? "stands twice, or in too many unions"
				   : "the dim has no such row",
				n->text);
		else
			up->at[up->n++] = number;
	}
	rows[d->n++] = (struct form_row){ section->text.p, key_text(section, "zh", ""),
		key_text(section, "en", "") };
}

static void dim_unions(struct loader *l, const struct node *section, struct form_dim *d)
{
	d->ups = form_alloc(l, d->n_codes * sizeof(*d->ups));
	for (size_t i = 0; i < d->n_codes && d->ups; i++)
		d->ups[i] = (struct form_up){ { (uint16_t)i }, 1 };
	for (const struct node *n = section->inside; n && !l->failed; n = n->next)
		if (text_is(n->name, "union"))
			dim_union(l, n, d);
	for (size_t i = 0; i < d->n_codes && d->ups && !d->many; i++)
		d->ups[i].at[d->ups[i].n++] = ROW_TOTAL;
	if (d->many && (d->n > d->n_codes || d->n_codes > DIM_MANY_MAX))
		form_refuse(l, section->line,
			d->n > d->n_codes ? "a dim over lists has no unions"
					  : "a dim over lists has fewer rows",
			section->text);
}

static void dim_exception(struct loader *l, const struct node *section, struct form_dim *d)
{
	int row = row_index(d, section->text);
	struct form_exception *x;

	if (row < 0 || (size_t)row >= d->n_codes) {
		form_refuse(l, section->line, "the dim has no such row", section->text);
		return;
	}
	if (!KEYS_CHECK(l, section, row_keys))
		return;
	x = form_alloc(l, sizeof(*x));
	if (!x)
		return;
	x->row = (uint16_t)row;
	x->reg = key_register(l, section);
	x->where = x->reg ? key_where(l, section, x->reg) : NULL;
	x->next = d->exceptions;
	d->exceptions = x;
}

static void dim_read(struct loader *l, const struct node *section)
{
	struct form_dim *d = &l->form->dims[l->form->n_dims];

	if (l->form->n_dims == FORM_DIMS_MAX) {
		form_refuse(l, section->line, "more dims than a form may have", section->text);
		return;
	}
	if (!section->text.n) {
		form_refuse(l, section->line, "a dim has a name", section->text);
		return;
	}
	for (size_t i = 0; i < l->form->n_dims; i++)
		if (text_is(section->text, l->form->dims[i].name))
			form_refuse(l, section->line, "stands twice", section->text);
	if (!KEYS_CHECK(l, section, dim_keys))
		return;
	d->name = section->text.p;
	d->field = key_text(section, "field", d->name);
	d->no_total = key_find(section, "total") && !key_flag(section, "total");
	d->many = key_flag(section, "many");
	d->zh = key_text(section, "zh", "");
	d->en = key_text(section, "en", "");
	dim_rows(l, section, d);
	if (!l->failed)
		dim_unions(l, section, d);
	for (const struct node *n = section->inside; n && !l->failed; n = n->next)
		if (text_is(n->name, "row"))
			dim_exception(l, n, d);
	l->form->n_dims++;
}

/* ---- checks ---- */

/* Between which rows, in which columns, and in which rows only. */
static void check_where(struct loader *l, const struct node *section, struct form_check *c)
{
	const struct node *dim = key_find(section, "dim"),
			  *measures = key_find(section, "measures"),
			  *only = key_find(section, "only");

	c->dim = -1;
	for (size_t i = 0; dim && i < l->form->n_dims; i++)
		if (text_is(dim->text, l->form->dims[i].name))
			c->dim = (int)i;
	if (dim && c->dim < 0)
		form_refuse(l, dim->line, "the form has no such dim", dim->text);
	if (!dim != !measures)
		form_refuse(l, section->line, "dim and measures stand together", section->text);
	for (const struct node *n = measures ? measures->inside : NULL; n; n = n->next) {
		int i = form_measure_find(l->form, n->text);

		if (i < 0)
			form_refuse(l, n->line, "the form has no such measure", n->text);
		else
			c->measures |= 1ull << i;
	}
	for (const struct node *n = only ? only->inside : NULL; n; n = n->next) {
		if (row_index(&l->form->dims[0], n->text) < 0 || c->n_only == CHECK_ONLY_MAX)
			form_refuse(l, n->line, "the dim has no such row, or there are too many",
				n->text);
		else
			c->only[c->n_only++] = n->text.p;
	}
}

static void check_read(struct loader *l, const struct node *section)
{
	const struct node *level, *periods;
	struct form_check *c;
	struct errmsg part = { "" };

	if (!section->text.n)
		form_refuse(l, section->line, "a check has a name", section->text);
	if (l->failed || !KEYS_CHECK(l, section, check_keys))
		return;
	c = form_alloc(l, sizeof(*c));
	if (!c)
		return;
	level = key_find(section, "level");
	periods = key_find(section, "periods");
	if (!text_is(level->text, "hard") && !text_is(level->text, "soft"))
		form_refuse(l, level->line, "a check is hard or soft", level->text);
	*c = (struct form_check){ .id = section->text.p,
		.rule = key_text(section, "rule", ""),
		.hard = text_is(level->text, "hard"),
		.zh = key_text(section, "zh", ""),
		.en = key_text(section, "en", ""),
		.periods = periods ? key_periods(l, periods) : l->form->periods,
		.last = key_flag(section, "last"),
		.next = l->form->checks };
	check_where(l, section, c);
	for (const struct form_check *k = c->next; k; k = k->next)
		if (strcmp(k->id, c->id) == 0)
			form_refuse(l, section->line, "stands twice", section->text);
	if (periods && c->periods & ~l->form->periods)
		form_refuse(l, periods->line, "a kind of period that the form does not have",
			periods->name);
	if (!l->failed && form_check_parse(c, l->form, &part) != 0)
		key_refuse_part(l, key_find(section, "rule"), &part);
	l->form->checks = c;
}

/* ---- the form ---- */

static void sections(struct loader *l, const struct node *form, const char *name,
	void (*read)(struct loader *l, const struct node *section))
{
	for (const struct node *n = form->inside; n && !l->failed; n = n->next)
		if (text_is(n->name, name))
			read(l, n);
}

bool form_id_ok(struct text id)
{
	for (size_t i = 0; i < id.n; i++)
		if (!isalnum((unsigned char)id.p[i]) && !strchr("._-", id.p[i]))
			return false;
	return id.n > 0 && id.n <= FORM_ID_MAX;
}

/* `points`: a finer kind than its own, for the forms that refer to this one. */
static void points_read(struct loader *l, const struct node *form)
{
	const struct node *n = key_find(form, "points");
	enum period_kind k = n ? period_kind_of(n->text) : PERIOD_KINDS;

	if (n && (k == PERIOD_KINDS || k < l->form->points))
		form_refuse(l, n->line, "points are kept as often as the form asks, or oftener",
			n->text);
	else if (n)
		l->form->points = k;
}

/* Another edition of a form begins on another day. */
static bool edition_new(const struct loader *l)
{
	for (size_t i = 0; i < l->fs->n; i++)
		if (strcmp(l->fs->forms[i]->id, l->form->id) == 0 &&
			l->fs->forms[i]->from_day == l->form->from_day)
			return false;
	return true;
}

static void head_read(struct loader *l, const struct node *n)
{
	struct form *f = l->form;
	const struct node *until = key_find(n, "valid_until"), *from = key_find(n, "valid_from");

	f->id = n->text.p;
	if (!form_id_ok(n->text))
		form_refuse(
			l, n->line, "an identifier is made of letters, digits, . _ and -", n->text);
	f->file = l->file;
	f->title = key_text(n, "title", "");
	f->title_en = key_text(n, "title_en", "");
	f->unit = key_text(n, "unit", "");
	f->unit_en = key_text(n, "unit_en", "");
	f->edition = key_text(n, "edition", "");
	f->number = key_text(n, "number", "");
	f->issuer = key_text(n, "issuer", "");
	f->approver = key_text(n, "approver", "");
	f->approval = key_text(n, "approval", "");
	f->valid_until = until->text.p;
	f->periods = key_periods(l, key_find(n, "periods"));
	f->always_cumulative = key_flag(n, "always_cumulative");
	f->cumulative = key_flag(n, "cumulative") || f->always_cumulative;
	f->set = l->fs;
	f->points = PERIOD_YEAR;
	for (unsigned k = PERIOD_YEAR; k < PERIOD_KINDS; k++)
		if (f->periods & 1u << k)
			f->points = k;
	points_read(l, n);
	if (from)
		f->from_day = date_parse(from->text);
	if (from && !f->from_day)
		form_refuse(l, from->line, "not a date", from->text);
	if (!date_parse(until->text))
		form_refuse(l, until->line, "not a date", until->text);
	if (f->cumulative && !(f->periods & 1u << PERIOD_MONTH))
		form_refuse(l, n->line, "cumulative needs months among the periods",
			(struct text){ 0 });
}

static int64_t number_read(struct loader *l, const struct node *section, const char *name)
{
	const struct node *n = key_find(section, name);
	char *end;
	long v = strtol(n->text.p, &end, 10);

	if (!n->text.n || *end || v < 0 || v > 1000000)
		form_refuse(l, n->line, "a whole number is expected", n->text);
	return v;
}

/* "REGISTER.FIELD", of a register whose key is a unit. */
static void group_read(struct loader *l, const struct node *n, struct form_publish *p)
{
	const char *dot = memchr(n->text.p, '.', n->text.n);
	struct text name = { n->text.p, dot ? (size_t)(dot - n->text.p) : n->text.n };
	const struct reg *reg = register_find(name);
	int field = reg && dot ? register_field(reg, text_of(dot + 1)) : -1;

	if (field < 0 || reg->fields[field].type != FIELD_USCC || reg->key[0] < 0 ||
		reg->key[1] != -2 || reg->fields[reg->key[0]].type != FIELD_USCC ||
		form_register_index(reg) >= 64) {
		form_refuse(l, n->line,
			"not a credit code of a register whose key is one (register.field)",
			n->text);
		return;
	}
	p->group_register = reg;
	p->group = &reg->fields[field];
	p->group_unit = &reg->fields[reg->key[0]];
	l->fs->group_registers |= 1ull << form_register_index(reg);
}

/* From how many values and units on, of the register of the form's quantiles. */
static void publish_read(struct loader *l, const struct node *section)
{
	struct form_publish *p = form_alloc(l, sizeof(*p));

	if (l->form->publish || l->form->sample < 0)
		form_refuse(l, section->line, "once, in a form that has quantiles", section->name);
	for (size_t i = 0; i < l->form->n_dims; i++)
		if (l->form->dims[i].many || l->form->dims[i].n > l->form->dims[i].n_codes)
			form_refuse(l, section->line,
				"what is held back could be told from unions and lists",
				section->name);
	if (!p || l->failed || !KEYS_CHECK(l, section, publish_keys))
		return;
	p->unit = key_field(l, l->form->measures[l->form->sample].reg, key_find(section, "unit"));
	p->least_units = number_read(l, section, "least_units");
	p->least_values = number_read(l, section, "least_values");
	p->largest = number_read(l, section, "largest");
	if (key_find(section, "group"))
		group_read(l, key_find(section, "group"), p);
	l->form->publish = p;
}

int form_read(struct forms *fs, const char *file, struct text in, struct errmsg *m)
{
	struct loader l = { .fs = fs, .file = file, .m = m };
	const struct node *n = form_text_parse(file, in, &fs->arena, m);

	if (!n)
		return ERR_INVALID;
	l.form = form_alloc(&l, sizeof(*l.form));
	if (!l.form)
		return ERR_INVALID;
	l.form->sample = -1;
	if (n->kind != NODE_SECTION || !text_is(n->name, "form") || !n->text.n || n->next)
		form_refuse(&l, n->next ? n->next->line : n->line,
			"a form file holds one form and nothing else", n->name);
	if (fs->n == FORMS_MAX)
		form_refuse(&l, n->line, "more forms than can be held", (struct text){ 0 });
	if (!l.failed && KEYS_CHECK(&l, n, form_keys))
		head_read(&l, n);
	if (!l.failed && !edition_new(&l))
		form_refuse(
			&l, n->line, "another file has this form from the same day on", n->text);
	sections(&l, n, "dim", dim_read);
	if (!l.failed && form_rows(l.form) > FORM_CELLS_MAX)
		form_refuse(&l, n->line, "the dims make more rows than a form may have",
			(struct text){ 0 });
	sections(&l, n, "measure", form_measure_read);
	if (!l.failed)
		form_dims_check(&l, n);
	sections(&l, n, "publish", publish_read);
	sections(&l, n, "check", check_read);
	if (l.failed)
		return ERR_INVALID;
	fs->forms[fs->n++] = l.form;
	return 0;
}
