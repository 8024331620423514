/* The form of targets is the one with a forecast: of it comes the column of what was reached, and
 * of the quotient that divides it the target. */
#include "daemon/figures/plan.h"

#include "daemon/fold/fold.h"

#define WHOLE 10000 /* 100 percent, in hundredths */

static int kind_find(const struct form *f, enum measure_kind kind)
{
	for (size_t i = 0; i < f->n_measures; i++)
		if (f->measures[i].kind == kind)
			return (int)i;
	return -1;
}

/* The quotient of the column, in percent. */
static int quotient_find(const struct form *f, size_t of)
{
	for (size_t i = 0; i < f->n_measures; i++) {
		const struct measure *mm = &f->measures[i];

		if (mm->kind == MEASURE_FORMULA && mm->percent && mm->per && mm->per->n == 1 &&
			mm->formula->n == 1 && mm->formula->terms[0].measure == of)
			return (int)i;
	}
	return -1;
}

static int difference_find(const struct form *f, size_t of, size_t less)
{
	for (size_t i = 0; i < f->n_measures; i++) {
		const struct check_side *s = f->measures[i].formula;

		if (f->measures[i].kind == MEASURE_FORMULA && s->n == 2 &&
			s->terms[0].measure == of && s->terms[1].measure == less &&
			s->terms[1].sign < 0)
			return (int)i;
	}
	return -1;
}

static bool columns_find(const struct form *f, struct plan_columns *c)
{
	int forecast = kind_find(f, MEASURE_FORECAST), time = kind_find(f, MEASURE_TIME), percent,
	    difference;

	if (forecast < 0 || time < 0 || f->n_dims != 1)
		return false;
	c->forecast = (size_t)forecast;
	c->time = (size_t)time;
	c->actual = f->measures[forecast].forecast;
	percent = quotient_find(f, c->actual);
	if (percent < 0)
		return false;
	c->percent = (size_t)percent;
	c->target = f->measures[percent].per->terms[0].measure;
	difference = difference_find(f, c->percent, c->time);
	if (difference < 0 || f->measures[c->target].reported < 0)
		return false;
	c->difference = (size_t)difference;
	c->given = (size_t)f->measures[c->target].reported;
	return true;
}

const struct form *plan_form(
	const struct forms *fs, const struct period *p, struct plan_columns *out)
{
	for (size_t i = 0; i < fs->n; i++) {
		const struct form *f = fs->forms[i];

		if (kind_find(f, MEASURE_FORECAST) < 0)
			continue;
		f = forms_at(fs, text_of(f->id), p);
		if (columns_find(f, out))
			return f;
	}
	return NULL;
}

/* Targets stand in January of their year. */
static int form_newest_year(const struct form *f, const struct plan_columns *p, uint32_t area,
	int most, struct store_txn *views)
{
	struct cell_key from = { .form = f->index, .area = area };
	uint8_t bytes[CELL_KEY_MAX];
	struct text start = { (const char *)bytes, cell_key_put(bytes, &from, 0) }, key, value;
	struct store_cursor *c = store_cursor_open(views, VIEW_CELL);
	int year = 0;

	for (bool more = c && store_seek(c, start, &key, &value); more;
		more = store_next(c, &key, &value)) {
		int64_t slots[2 * FORM_MEASURES_MAX] = { 0 };
		struct cell_key k;
		struct period at;

		if (key.n < 5 || memcmp(key.p, bytes, 5) != 0)
			break;
		if (!cell_key_get(&k, key, f->n_dims) || !period_of_code(&at, k.period) ||
			!cell_value_add(slots, 2 * f->n_measures, value)) {
			store_fail(views, ERR_DAMAGED);
			break;
		}
		if (slots[p->given] > 0 && at.year > year && at.year <= most)
			year = at.year;
	}
	if (c)
		store_cursor_close(c);
	return year;
}

int plan_newest_year(const struct forms *fs, uint32_t area, int most, struct store_txn *views)
{
	int year = 0;

	for (size_t i = 0; i < fs->n; i++) {
		struct plan_columns c;
		int of_form = columns_find(fs->forms[i], &c)
				      ? form_newest_year(fs->forms[i], &c, area, most, views)
				      : 0;

		year = of_form > year ? of_form : year;
	}
	return year;
}

enum plan_state plan_state(const struct figures *f, size_t row, const struct plan_columns *c)
{
	if (figures_value(f, row, c->given) <= 0)
		return PLAN_NO_TARGET;
	if (figures_mark(f, row, c->percent) & MARK_HELD)
		return PLAN_NO_FIGURE;
	if (figures_value(f, row, c->percent) >= WHOLE)
		return PLAN_REACHED;
	return figures_value(f, row, c->difference) >= 0 ? PLAN_ON_PACE : PLAN_BEHIND;
}

static const struct {
	const char *code, *zh, *en;
} states[PLAN_STATES] = {
	[PLAN_REACHED] = { "reached", "已完成", "reached" },
	[PLAN_ON_PACE] = { "on_pace", "符合进度", "on pace" },
	[PLAN_BEHIND] = { "behind", "落后", "behind" },
	[PLAN_NO_TARGET] = { "no_target", "未下达", "no target" },
	[PLAN_NO_FIGURE] = { "no_figure", "无数据", "no figure" },
};

const char *plan_state_code(enum plan_state s)
{
	return states[s].code;
}

const char *plan_state_words(enum plan_state s, bool zh)
{
	return zh ? states[s].zh : states[s].en;
}

size_t plan_rows(const struct form *f)
{
	return f->dims[0].n_codes;
}

const char *plan_unit(const struct form *f, size_t row, const struct plan_columns *c, bool zh)
{
	for (const struct form_cell *at = f->measures[c->actual].cells; at; at = at->next)
		if (at->row == row)
			return zh ? at->unit : at->unit_en;
	return "";
}

struct plan_sum plan_sum(const struct figures *f, const struct plan_columns *c)
{
	struct plan_sum sum = { 0 };
	int64_t percents = 0;

	for (size_t row = 0; row < plan_rows(f->form); row++) {
		enum plan_state s = plan_state(f, row, c);
		int64_t percent = figures_value(f, row, c->percent);

		if (s == PLAN_NO_TARGET)
			continue;
		sum.given++;
		sum.kept += s == PLAN_REACHED || s == PLAN_ON_PACE;
		if (s != PLAN_NO_FIGURE)
			percents += percent > WHOLE ? WHOLE : percent < 0 ? 0 : percent;
	}
	if (sum.given)
		sum.progress = figures_rounded(percents, (int64_t)sum.given);
	return sum;
}
