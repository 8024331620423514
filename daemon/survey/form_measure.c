/* Measures of a form: what is counted or summed, of which register, by which date, under which
 * conditions.
 *
 * A measure either names register and date, or builds on an earlier one (`of`): then the conditions
 * of both hold. A count of different persons or things makes a source: the facts that the fold
 * keeps of each of them. */
#include "daemon/survey/form_keys.h"

#include <stdlib.h>

static const struct key measure_keys[] = {
	{ "zh", KEY_TEXT, true },
	{ "en", KEY_TEXT, true },
	{ "of", KEY_TEXT, false },
	{ "register", KEY_TEXT, false },
	{ "date", KEY_TEXT, false },
	{ "where", KEY_TEXT, false },
	{ "sum", KEY_TEXT, false },
	{ "distinct", KEY_LIST, false },
	{ "with", KEY_SECTION, false },
	{ "days_since", KEY_TEXT, false },
	{ "quantile", KEY_TEXT, false },
	{ "p", KEY_TEXT, false },
	{ "stock", KEY_SECTION, false },
	{ "at", KEY_TEXT, false },
	{ "moves", KEY_TEXT, false },
	{ "highest", KEY_TEXT, false },
	{ "area", KEY_LIST, false },
	{ "whose", KEY_TEXT, false },
	{ "newest", KEY_SECTION, false },
	{ "place", KEY_TEXT, false },
	{ "reported", KEY_TEXT, false },
	{ "cell", KEY_SECTION, false },
	{ "time_gone", KEY_BOOL, false },
	{ "forecast", KEY_TEXT, false },
	{ "formula", KEY_TEXT, false },
	{ "per", KEY_TEXT, false },
	{ "divisor", KEY_TEXT, false },
	{ "percent", KEY_BOOL, false },
	{ "periods", KEY_LIST, false },
	{ "hidden", KEY_BOOL, false },
	{ "returns", KEY_TEXT, false },
	{ "activity", KEY_TEXT, false },
};
static const struct key with_keys[] = {
	{ "date", KEY_TEXT, true },
	{ "until", KEY_TEXT, false },
	{ "where", KEY_TEXT, false },
};

int form_measure_find(const struct form *f, struct text id)
{
	for (size_t i = 0; i < f->n_measures; i++)
		if (text_is(id, f->measures[i].id))
			return (int)i;
	return -1;
}

/* What is counted once: `distinct = {"person"}`, or field names with or without "district". */
static void measure_distinct(struct loader *l, const struct node *list, struct measure *mm)
{
	struct entity e = { .reg = mm->reg };

	mm->kind = MEASURE_DISTINCT;
	if (text_is(list->inside->text, "person") && !list->inside->next) {
		l->entity = 0;
		if (!mm->reg->n_persons)
			form_refuse(l, list->line, "the register names no person",
				text_of(mm->reg->name));
		return;
	}
	for (const struct node *n = list->inside; n && !l->failed; n = n->next) {
		if (text_is(n->text, "district"))
			e.district = true;
		else if (e.n_fields == ENTITY_FIELDS_MAX)
			form_refuse(l, n->line, "too many fields", n->text);
		else
			e.fields[e.n_fields++] = key_field(l, mm->reg, n);
	}
	if (!l->failed && !e.n_fields)
		form_refuse(l, list->line, "at least one field must be named", (struct text){ 0 });
	if (!l->failed)
		l->entity = form_entity(l, &e, list->line);
}

static void measure_with(struct loader *l, const struct node *section, struct measure *mm)
{
	struct source s = { .kind = SOURCE_WITH,
		.form = l->form,
		.reg = register_find(section->text),
		.measure = -1,
		.highest = -1 };

	if (mm->kind != MEASURE_DISTINCT || l->entity != 0) {
		form_refuse(
			l, section->line, "with stands in a count of persons only", section->text);
		return;
	}
	if (!s.reg || !s.reg->n_persons) {
		form_refuse(l, section->line, "not a register of persons", section->text);
		return;
	}
	if (!KEYS_CHECK(l, section, with_keys))
		return;
	s.date = key_date(l, section, s.reg, "date");
	s.until = key_date(l, section, s.reg, "until");
	s.where = key_where(l, section, s.reg);
	if (!l->failed)
		mm->with = form_source_add(l, &s, section->line);
}

/* Takes over what `of` brings: the conditions, the date and what is counted. */
static void measure_base(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct node *of = key_find(section, "of"), *date = key_find(section, "date");
	int base;

	if (of) {
		base = form_measure_find(l->form, of->text);
		if (base < 0) {
			form_refuse(
				l, of->line, "no measure of this number stands before", of->text);
			return;
		}
		if (key_find(section, "register")) {
			form_refuse(l, of->line, "of brings the register: give one of the two",
				(struct text){ 0 });
			return;
		}
		if (!l->form->measures[base].reg) {
			form_refuse(l, of->line,
				"a column that is made of others counts no records", of->text);
			return;
		}
		*mm = l->form->measures[base];
		mm->of = base;
		mm->where = NULL;
		if (date)
			mm->time = TIME_IN;
	} else {
		mm->of = -1;
		mm->reg = key_register(l, section);
		if (!l->failed && (!mm->reg || (!date && !key_find(section, "stock"))))
			form_refuse(l, section->line,
				"a measure names a register and a date, or another measure with of",
				(struct text){ 0 });
	}
	if (!l->failed && date)
		mm->date = key_when(l, section, mm->reg, "date");
}

/* Different facts than those of the measure it builds on. */
static bool source_own(const struct loader *l, const struct node *section, const struct measure *mm)
{
	static const char *const own[] = { "where", "date", "distinct", "stock", "highest",
		"area" };

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (key_find(section, own[i]))
			return true;
	return mm->of < 0 || l->fs->sources[mm->source]->any != (mm->time == TIME_ANY);
}

/* All quantiles of a form are of the same values: those of the first one. */
static void measure_quantile(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct node *n = key_find(section, "quantile"), *p = key_find(section, "p");
	const struct measure *first =
		l->form->sample >= 0 ? &l->form->measures[l->form->sample] : NULL;

	mm->kind = MEASURE_QUANTILE;
	mm->sum = key_field(l, mm->reg, n);
	if (mm->sum && mm->sum->type != FIELD_INT && mm->sum->type != FIELD_DEC1 &&
		mm->sum->type != FIELD_MONEY)
		form_refuse(l, n->line, "not a number that has quantiles", n->text);
	mm->quantile = p ? (int)strtol(p->text.p, NULL, 10) : 0;
	if (mm->quantile < 1 || mm->quantile > 100)
		form_refuse(l, section->line, "p is a percentage from 1 to 100", section->text);
	if (mm->time != TIME_IN || mm->where || mm->of < 0 || key_find(section, "sum") ||
		key_find(section, "distinct") || key_find(section, "date"))
		form_refuse(l, section->line,
			"a quantile builds on a count of records with of, and says nothing else",
			section->text);
	if (first && (first->of != mm->of || first->sum != mm->sum))
		form_refuse(l, section->line, "all quantiles of a form are of the same values",
			section->text);
	if (!first)
		l->form->sample = (int)l->form->n_measures;
}

static void measure_counts(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct node *sum = key_find(section, "sum"),
			  *distinct = key_find(section, "distinct");
	const struct node *with = key_find(section, "with");
	const struct node *quantile = key_find(section, "quantile");
	bool inherits = mm->of >= 0 && mm->kind == MEASURE_DISTINCT && !distinct;
	unsigned base = mm->source;

	if (key_find(section, "days_since")) {
		mm->kind = MEASURE_SUM;
		mm->sum = NULL;
		mm->since = key_date(l, section, mm->reg, "days_since");
		if (sum || distinct || quantile || !mm->date || mm->date->type != FIELD_DATE)
			form_refuse(l, section->line,
				"days are summed from a date to the measure's own, and nothing "
				"else",
				section->text);
	} else if (quantile) {
		measure_quantile(l, section, mm);
	} else if (sum && distinct) {
		form_refuse(
			l, sum->line, "sum and distinct exclude each other", (struct text){ 0 });
	} else if (sum) {
		mm->kind = MEASURE_SUM;
		mm->sum = key_field(l, mm->reg, sum);
		if (mm->sum && mm->sum->type != FIELD_INT && mm->sum->type != FIELD_DEC1 &&
			mm->sum->type != FIELD_MONEY)
			form_refuse(l, sum->line, "not a number that can be summed", sum->text);
	} else if (distinct) {
		measure_distinct(l, distinct, mm);
	}
	if (l->failed || mm->kind != MEASURE_DISTINCT)
		goto with;
	/* A measure that only adds `with` to a distinct one looks at the same facts. */
	if (inherits)
		l->entity = l->fs->sources[mm->source]->entity;
	if (!inherits || source_own(l, section, mm)) {
		struct source s = { .kind = mm->time == TIME_IN ? SOURCE_IN : SOURCE_STOCK,
			.form = l->form,
			.reg = mm->reg,
			.measure = (int)l->form->n_measures,
			.date = mm->date,
			.entity = l->entity,
			.stock = mm->stock,
			.any = mm->time == TIME_ANY,
			.highest = -1 };

		if (inherits && mm->time != TIME_IN) {
			s.highest = l->fs->sources[base]->highest;
			s.n_areas = l->fs->sources[base]->n_areas;
			memcpy(s.areas, l->fs->sources[base]->areas, sizeof(s.areas));
		}
		mm->source = form_source_add(l, &s, section->line);
	}
with:
	if (!l->failed && with)
		measure_with(l, with, mm);
}

/* A record counts in the area that it names. */
static void measure_place(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct node *n = key_find(section, "place");

	if (n)
		mm->place = key_field(l, mm->reg, n);
	if (mm->place && (!mm->place->codes || strcmp(mm->place->codes->name, "district") != 0))
		form_refuse(l, n ? n->line : section->line, "not a field that names an area",
			n ? n->text : section->text);
	if (mm->place && !form_adds_up(mm))
		form_refuse(l, section->line, "place stands beside a date, without distinct",
			section->text);
}

/* What is asked of records. */
static void measure_records(struct loader *l, const struct node *section, struct measure *mm)
{
	mm->where = key_where(l, section, mm->reg);
	if (!l->failed)
		form_stock_read(l, section, mm);
	if (!l->failed)
		measure_counts(l, section, mm);
	if (!l->failed)
		form_stock_ask(l, section, mm);
	if (!l->failed)
		measure_place(l, section, mm);
	if (!l->failed)
		form_plan_add(l, mm->reg, section->line);
}

void form_measure_read(struct loader *l, const struct node *section)
{
	struct measure *mm = &l->form->measures[l->form->n_measures];

	if (l->form->n_measures == FORM_MEASURES_MAX) {
		form_refuse(l, section->line, "more measures than a form may have", section->text);
		return;
	}
	if (!form_id_ok(section->text) || form_measure_find(l->form, section->text) >= 0) {
		form_refuse(l, section->line, "a measure has a number of its own", section->text);
		return;
	}
	if (!KEYS_CHECK(l, section, measure_keys))
		return;
	if (key_find(section, "returns") || key_find(section, "activity"))
		form_quality_read(l, section, mm);
	else if (key_find(section, "formula"))
		form_formula_read(l, section, mm);
	else if (key_find(section, "cell") || key_find(section, "time_gone") ||
		 key_find(section, "forecast"))
		form_cells_read(l, section, mm);
	else
		measure_base(l, section, mm);
	mm->id = section->text.p;
	mm->zh = key_text(section, "zh", "");
	mm->en = key_text(section, "en", "");
	if (!l->failed && mm->reg)
		measure_records(l, section, mm);
	if (!l->failed)
		form_measure_shown(l, section, mm);
	l->form->n_measures++;
}
