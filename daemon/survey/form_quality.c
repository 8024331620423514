/* Columns made of returns and of what ledgers wrote: how complete and timely a district reports,
 * and how well. They stand in a form without dims: one row for each area. */
#include "daemon/survey/form_keys.h"

static const struct {
	const char *key, *word;
	enum measure_quality quality;
} words[] = {
	{ "returns", "expected", QUALITY_EXPECTED },
	{ "returns", "received", QUALITY_RECEIVED },
	{ "returns", "on_time", QUALITY_ON_TIME },
	{ "returns", "late", QUALITY_LATE },
	{ "returns", "missing", QUALITY_MISSING },
	{ "returns", "hard_errors", QUALITY_HARD },
	{ "returns", "soft_errors", QUALITY_SOFT },
	{ "activity", "entries", QUALITY_ENTRIES },
	{ "activity", "corrections", QUALITY_CORRECTIONS },
	{ "activity", "retractions", QUALITY_RETRACTIONS },
	{ "activity", "refused", QUALITY_REFUSED },
	{ "activity", "age", QUALITY_AGE },
};

/* What else such a column may say. */
static const char *const beside[] = { "zh", "en", "returns", "activity", "periods", "hidden" };

void form_quality_read(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct node *n = key_find(section, "returns");

	n = n ? n : key_find(section, "activity");
	mm->kind = MEASURE_QUALITY;
	mm->of = -1;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (text_is(n->name, words[i].key) && text_is(n->text, words[i].word))
			mm->quality = words[i].quality;
	if (mm->quality == QUALITY_NONE)
		form_refuse(l, n->line,
			text_is(n->name, "returns")
				? "of returns there are: expected, received, on_time, late, "
				  "missing, hard_errors, soft_errors"
				: "of activity there are: entries, corrections, retractions, "
				  "refused, age",
			n->text);
	for (const struct node *k = section->inside; k; k = k->next) {
		size_t i = 0;

		while (i < sizeof(beside) / sizeof(*beside) && !text_is(k->name, beside[i]))
			i++;
		if (i == sizeof(beside) / sizeof(*beside) || (k != n && (i == 2 || i == 3)))
			form_refuse(l, k->line, "a column of returns or activity counts no records",
				k->name);
	}
	if (l->form->n_dims)
		form_refuse(l, n->line, "a form of returns or activity has no dims", n->name);
}

bool form_of_returns(const struct form *f)
{
	for (size_t i = 0; i < f->n_measures; i++)
		if (f->measures[i].kind == MEASURE_QUALITY)
			return true;
	return false;
}

void form_dims_check(struct loader *l, const struct node *form)
{
	for (size_t i = 0; i < l->form->n_measures && !l->form->n_dims; i++)
		if (l->form->measures[i].kind != MEASURE_QUALITY &&
			l->form->measures[i].kind != MEASURE_FORMULA)
			form_refuse(l, form->line,
				"a form without dims has columns of returns and activity only",
				text_of(l->form->measures[i].id));
}
