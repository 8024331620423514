/* Columns that are made of other columns (sums, shares, means), and what every column may say of
 * itself: in which periods it applies, whether it is shown, how its numbers are printed. */
#include "daemon/survey/form_keys.h"

#include <stdlib.h>

static const char *const records_only[] = { "register", "date", "of", "where", "sum", "distinct",
	"days_since", "with", "quantile", "p", "stock", "at", "moves", "highest", "area", "whose",
	"newest" };

static const struct check_side *terms_read(
	struct loader *l, const struct node *section, const char *name)
{
	const struct node *n = key_find(section, name);
	struct check_side *s = n ? form_alloc(l, sizeof(*s)) : NULL;
	struct errmsg part = { "" };

	if (s && form_terms_parse(s, l->form, n->text, &part) != 0)
		key_refuse_part(l, n, &part);
	return s;
}

void form_formula_read(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct node *divisor = key_find(section, "divisor");

	for (size_t i = 0; i < sizeof(records_only) / sizeof(*records_only); i++) {
		const struct node *n = key_find(section, records_only[i]);

		if (n)
			form_refuse(l, n->line, "a formula counts no records", n->name);
	}
	mm->kind = MEASURE_FORMULA;
	mm->of = -1;
	mm->formula = terms_read(l, section, "formula");
	mm->per = terms_read(l, section, "per");
	mm->percent = key_flag(section, "percent");
	if (divisor) {
		mm->divisor = strtol(divisor->text.p, NULL, 10);
		if (mm->divisor < 1 || mm->divisor > 1000000 || mm->per)
			form_refuse(l, divisor->line,
				"a divisor is a whole number from 1 on, without per",
				divisor->text);
	}
}

static enum measure_format format_of(const struct form *f, const struct measure *mm)
{
	if (mm->kind == MEASURE_CELL || mm->kind == MEASURE_TIME || mm->kind == MEASURE_FORECAST)
		return FORMAT_HUNDREDTHS;
	if (mm->kind == MEASURE_FORMULA) {
		if (mm->per || mm->divisor || mm->percent || !mm->formula || !mm->formula->n)
			return FORMAT_HUNDREDTHS;
		return f->measures[mm->formula->terms[0].measure].format;
	}
	if (mm->kind != MEASURE_SUM && mm->kind != MEASURE_QUANTILE)
		return FORMAT_WHOLE;
	if (!mm->sum)
		return FORMAT_WHOLE;
	return mm->sum->type == FIELD_MONEY  ? FORMAT_MONEY
	       : mm->sum->type == FIELD_DEC1 ? FORMAT_TENTHS
					     : FORMAT_WHOLE;
}

/* A formula without division adds like to like. */
static bool formats_same(const struct form *f, const struct check_side *s)
{
	for (size_t i = 1; i < s->n; i++)
		if (f->measures[s->terms[i].measure].format !=
			f->measures[s->terms[0].measure].format)
			return false;
	return true;
}

void form_measure_shown(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct node *periods = key_find(section, "periods"),
			  *reported = key_find(section, "reported");

	if (!periods && mm->of < 0)
		mm->periods = l->form->periods;
	else if (periods)
		mm->periods = key_periods(l, periods);
	if (periods && mm->periods & ~l->form->periods)
		form_refuse(l, periods->line, "a kind of period that the form does not have",
			periods->name);
	if (mm->date && mm->date->type == FIELD_YEAR && mm->periods != 1u << PERIOD_YEAR &&
		!l->form->always_cumulative)
		form_refuse(
			l, section->line, "a year is no date for shorter periods", section->text);
	mm->reported = reported ? form_measure_find(l->form, reported->text) : -1;
	if (reported && mm->reported < 0)
		form_refuse(l, reported->line, "no measure of this number stands before",
			reported->text);
	mm->hidden = key_flag(section, "hidden");
	mm->format = format_of(l->form, mm);
	if (mm->kind == MEASURE_FORMULA && !l->failed &&
		(!formats_same(l->form, mm->formula) ||
			(mm->per && !formats_same(l->form, mm->per))))
		form_refuse(
			l, section->line, "a formula adds only numbers of one kind", section->text);
}
