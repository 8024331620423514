/* Settings of measures that count what stands at a point: how long a record is in stock (`stock`),
 * at which moment it is asked for (`at`, `moves`), which of a person's records speaks (`highest`),
 * where the person stands (`area`), and what is asked of the person at that moment (`whose`,
 * `newest`). */
#include "daemon/survey/form_keys.h"

static const struct key stock_keys[] = {
	{ "from", KEY_TEXT, true },
	{ "until", KEY_TEXT, false },
	{ "through", KEY_TEXT, false },
};
static const struct key newest_keys[] = {
	{ "date", KEY_TEXT, true },
	{ "where", KEY_TEXT, true },
	{ "or_none", KEY_BOOL, false },
};

/* ---- when ---- */

static void word_of(struct loader *l, const struct node *n, struct measure *mm,
	const enum measure_time *times, const char *const *words)
{
	for (size_t i = 0; words[i]; i++) {
		if (text_is(n->text, words[i])) {
			mm->time = times[i];
			return;
		}
	}
	form_refuse(l, n->line, "not a word that may stand here", n->text);
}

void form_stock_read(struct loader *l, const struct node *section, struct measure *mm)
{
	static const enum measure_time at_times[] = { TIME_END, TIME_START, TIME_ANY };
	static const char *const at_words[] = { "end", "start", "any", NULL };
	static const enum measure_time move_times[] = { TIME_ENTERED, TIME_LEFT, TIME_GONE };
	static const char *const move_words[] = { "entered", "left", "gone", NULL };
	const struct node *stock = key_find(section, "stock"), *at = key_find(section, "at"),
			  *moves = key_find(section, "moves");

	if (stock && key_find(section, "date")) {
		form_refuse(l, stock->line, "a stock has its dates inside", (struct text){ 0 });
		return;
	}
	if (stock && KEYS_CHECK(l, stock, stock_keys)) {
		mm->date = key_date(l, stock, mm->reg, "from");
		mm->stock.until = key_date(l, stock, mm->reg, "until");
		mm->stock.through = key_date(l, stock, mm->reg, "through");
		mm->time = TIME_END;
	}
	if (l->failed)
		return;
	if ((at || moves) && mm->time == TIME_IN)
		form_refuse(l, at ? at->line : moves->line, "only a stock can be asked for this",
			at ? at->name : moves->name);
	else if (at && moves)
		form_refuse(l, at->line, "at and moves exclude each other", (struct text){ 0 });
	else if (at)
		word_of(l, at, mm, at_times, at_words);
	else if (moves)
		word_of(l, moves, mm, move_times, move_words);
}

/* ---- of whom, and where ---- */

unsigned form_newest(struct loader *l, const struct reg *reg, const struct field *date, int line)
{
	struct source s = { .kind = SOURCE_NEWEST,
		.form = l->form,
		.reg = reg,
		.measure = -1,
		.date = date,
		.highest = -1 };

	return form_source_add(l, &s, line);
}

static void highest_read(struct loader *l, const struct node *n, struct source *s)
{
	for (size_t i = 0; i < l->form->n_dims; i++)
		if (text_is(n->text, l->form->dims[i].name))
			s->highest = (int)i;
	if (s->highest < 0 || l->form->dims[s->highest].many)
		form_refuse(l, n->line,
			s->highest < 0 ? "the form has no such dim"
				       : "of a dim over lists no row is the highest",
			n->text);
}

/* "REGISTER.DATE": the newest record of the register by the date. */
static void area_read(struct loader *l, const struct node *n, struct source *s)
{
	const char *dot = memchr(n->text.p, '.', n->text.n);
	struct text name = { n->text.p, dot ? (size_t)(dot - n->text.p) : n->text.n };
	const struct reg *reg = register_find(name);
	int field = reg && dot ? register_field(reg, text_of(dot + 1)) : -1;

	if (field < 0 || !reg->n_persons || reg->fields[field].type != FIELD_DATE)
		form_refuse(
			l, n->line, "not a date of a register of persons (register.date)", n->text);
	else if (s->n_areas == SOURCE_AREAS_MAX)
		form_refuse(l, n->line, "too many", n->text);
	else
		s->areas[s->n_areas++] = form_newest(l, reg, &reg->fields[field], n->line);
}

/* ---- what is asked of the person ---- */

static void ages_add(struct loader *l, const struct node *n, const struct expr *e, struct source *s)
{
	int ages[SOURCE_AGES_MAX];
	size_t found = 0;

	s->whose = true;
	expr_ages(e, ages, SOURCE_AGES_MAX, &found);
	for (size_t i = 0; i < found && i < SOURCE_AGES_MAX; i++) {
		size_t k = 0;

		while (k < s->n_ages && s->ages[k] != ages[i])
			k++;
		if (k == s->n_ages && k < SOURCE_AGES_MAX)
			s->ages[s->n_ages++] = ages[i];
		else if (k == s->n_ages)
			found = SOURCE_AGES_MAX + 1;
	}
	if (found > SOURCE_AGES_MAX)
		form_refuse(l, n->line, "too many ages are asked for", n->text);
}

static void whose_read(struct loader *l, const struct node *n, struct measure *mm)
{
	struct errmsg part = { "" };

	if (mm->whose) {
		form_refuse(l, n->line, "the measure it builds on asks this of the person already",
			n->name);
		return;
	}
	if (l->form->n_dims == FORM_DIMS_MAX) {
		form_refuse(l, n->line, "a form that asks this has at most three dims", n->name);
		return;
	}
	mm->whose = expr_parse_person(n->text, &l->fs->arena, &part);
	if (!mm->whose)
		key_refuse_part(l, n, &part);
}

/* The number of a condition at its source: the same words twice are one. */
static unsigned ask_number(struct loader *l, const struct node *section, struct source *s)
{
	const struct node *where = key_find(section, "where");
	unsigned i = 0;

	while (i < s->n_asks && strcmp(s->ask_texts[i], where->text.p) != 0)
		i++;
	if (i < s->n_asks)
		return i;
	if (i == SOURCE_ASKS_MAX) {
		form_refuse(l, where->line, "too much is asked of this register", where->name);
		return 0;
	}
	s->ask_texts[i] = where->text.p;
	s->asks[i] = key_where(l, section, s->reg);
	s->n_asks++;
	return i;
}

static void newest_read(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct reg *reg = register_find(section->text);
	const struct field *date;

	if (!reg || !reg->n_persons) {
		form_refuse(l, section->line, "not a register of persons", section->text);
		return;
	}
	if (mm->newest) {
		form_refuse(l, section->line,
			"the measure it builds on asks this of the person already", section->name);
		return;
	}
	if (!KEYS_CHECK(l, section, newest_keys))
		return;
	date = key_date(l, section, reg, "date");
	mm->newest = date ? form_newest(l, reg, date, section->line) : 0;
	if (mm->newest)
		mm->ask = ask_number(l, section, l->fs->sources[mm->newest]);
	mm->or_none = key_flag(section, "or_none");
}

void form_stock_ask(struct loader *l, const struct node *section, struct measure *mm)
{
	static const char *const names[] = { "whose", "newest", "highest", "area" };
	const struct node *found[4] = { NULL };
	bool stock = mm->kind == MEASURE_DISTINCT && mm->time != TIME_IN;
	struct source *s = stock ? l->fs->sources[mm->source] : NULL;

	for (size_t i = 0; i < 4; i++) {
		found[i] = key_find(section, names[i]);
		if (found[i] && (!stock || s->entity != 0))
			form_refuse(l, found[i]->line,
				"only persons in stock can be asked for this", found[i]->name);
	}
	if (mm->kind != MEASURE_DISTINCT && mm->time == TIME_ANY)
		form_refuse(l, section->line, "at = any needs distinct", section->text);
	if (mm->kind == MEASURE_DISTINCT && mm->time == TIME_GONE)
		form_refuse(l, section->line, "moves = gone is for records, without distinct",
			section->text);
	if (stock && mm->with)
		form_refuse(
			l, section->line, "with stands beside a date, not a stock", section->text);
	if (found[2] && !l->failed)
		highest_read(l, found[2], s);
	for (const struct node *n = found[3] ? found[3]->inside : NULL; n && !l->failed;
		n = n->next)
		area_read(l, n, s);
	if (found[0] && !l->failed)
		whose_read(l, found[0], mm);
	if (found[1] && !l->failed)
		newest_read(l, found[1], mm);
	if (!stock && (mm->whose || mm->newest))
		form_refuse(l, section->line,
			"the measure it builds on asks the person: only persons in stock can be",
			section->text);
	if (mm->whose && !l->failed)
		ages_add(l, section, mm->whose, s);
}
