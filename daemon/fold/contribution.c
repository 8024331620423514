/* The record's effects are made as the fold makes them; those that the form looks at in the period
 * are kept as items of one size, sorted:
 *
 *	1 cell key, slot, number      2 entity, fact without its ref      3 sample key
 *
 * Which months are looked at: of the form itself the period's, or from January on when its months
 * are cumulative; of a form that it refers to the whole year. A stock is looked at from the point
 * before the period to its end. The newest record of a person (01: who lives and works where) is
 * looked at up to the end: whether a newer one hides it is not asked, so it may be named although
 * nothing hung on it. */
#include "daemon/fold/contribution.h"

#include <stdlib.h>

#define ITEM_BYTES 40

struct contribution {
	const struct forms *forms;
	uint32_t city;
	uint64_t own, others;		     /* bits of forms by index */
	bool sources[FORM_SOURCES_MAX + 1];  /* that they look at */
	bool registers[FORMS_REGISTERS_MAX]; /* likewise */
	int first, last, least, year_end;    /* months */
	struct cells *cells;
	struct samples *samples;
	struct fact_changes changes;
	struct buf *out; /* of the take under way */
};

_Static_assert(FORMS_MAX <= 64, "forms are bits");

static void measures_mark(struct contribution *c, const struct form *f)
{
	for (size_t i = 0; i < f->n_measures; i++) {
		const struct measure *mm = &f->measures[i];

		c->sources[mm->source] = c->sources[mm->with] = c->sources[mm->newest] = true;
	}
	for (unsigned n = 1; n <= c->forms->n_sources; n++) {
		const struct source *s = c->forms->sources[n];

		if (s->form == f)
			c->sources[n] = true;
		for (size_t i = 0; c->sources[n] && i < s->n_areas; i++)
			c->sources[s->areas[i]] = true;
	}
	c->sources[0] = false;
}

static void forms_mark(struct contribution *c, const struct form *f)
{
	c->own = 1ull << f->index;
	for (size_t i = 0; i < f->n_measures; i++)
		for (const struct form_cell *x = f->measures[i].cells; x; x = x->next)
			for (size_t k = 0; k < c->forms->n; k++)
				if (strcmp(c->forms->forms[k]->id, x->form) == 0)
					c->others |= 1ull << k;
	for (size_t k = 0; k < c->forms->n; k++)
		if ((c->own | c->others) & 1ull << k)
			measures_mark(c, c->forms->forms[k]);
}

static void registers_mark(struct contribution *c)
{
	for (size_t i = 0; i < FORMS_REGISTERS_MAX; i++) {
		for (const struct form_plan *p = c->forms->plans[i]; p; p = p->next)
			if ((c->own | c->others) & 1ull << p->form->index)
				c->registers[i] = true;
		for (const struct source *s = c->forms->reg_sources[i]; s; s = s->next)
			if (c->sources[s->number])
				c->registers[i] = true;
	}
	for (unsigned n = 1; n <= c->forms->n_sources; n++)
		if (c->sources[n] && c->forms->sources[n]->reg)
			c->registers[form_register_index(c->forms->sources[n]->reg)] = true;
}

struct contribution *contribution_open(
	const struct forms *fs, const struct form *f, const struct period *p, uint32_t city)
{
	struct contribution *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->forms = fs;
	c->city = city;
	c->first = period_first_month(p);
	c->last = period_last_month(p);
	c->least = p->kind == PERIOD_MONTH && f->cumulative ? p->year * 12 : c->first;
	c->year_end = p->year * 12 + 11;
	forms_mark(c, f);
	registers_mark(c);
	c->cells = cells_open(fs);
	c->samples = samples_open();
	if (!c->cells || !c->samples) {
		contribution_close(c);
		return NULL;
	}
	return c;
}

void contribution_close(struct contribution *c)
{
	if (!c)
		return;
	cells_close(c->cells);
	samples_close(c->samples);
	fact_changes_deinit(&c->changes);
	free(c);
}

bool contribution_asks(const struct contribution *c, const struct reg *reg)
{
	return c->registers[form_register_index(reg)];
}

/* ---- items ---- */

static void item_put(
	struct contribution *c, uint8_t kind, const void *a, size_t n_a, const void *b, size_t n_b)
{
	uint8_t *item = buf_room(c->out, ITEM_BYTES);

	if (!item)
		return;
	memset(item, 0, ITEM_BYTES);
	item[0] = kind;
	memcpy(item + 1, a, n_a);
	if (n_b)
		memcpy(item + 1 + n_a, b, n_b);
	c->out->n += ITEM_BYTES;
}

/* Does a form look at a cell of this period? */
static bool cell_looked_at(const struct contribution *c, unsigned form, uint16_t code)
{
	bool own = c->own & 1ull << (form & ~CELL_STEPS);
	struct period p;

	if (!own && !(c->others & 1ull << (form & ~CELL_STEPS)))
		return false;
	if (!period_of_code(&p, code))
		return false;
	if (form & CELL_STEPS)
		return period_last_month(&p) <= (own ? c->last : c->year_end);
	if (own)
		return period_first_month(&p) >= c->least && period_last_month(&p) <= c->last;
	return period_last_month(&p) <= c->year_end && period_first_month(&p) >= c->year_end - 11;
}

static void cell_take(void *arg, const struct cell_key *k, const int64_t *numbers)
{
	struct contribution *c = arg;
	const struct form *f = c->forms->forms[k->form & ~CELL_STEPS];
	uint8_t key[CELL_KEY_MAX], number[9];
	size_t n = cell_key_put(key, k, f->n_dims);

	if (!cell_looked_at(c, k->form, k->period))
		return;
	for (size_t i = 0; i < 2 * f->n_measures; i++) {
		if (!numbers[i])
			continue;
		number[0] = (uint8_t)i;
		put_u64(number + 1, (uint64_t)numbers[i]);
		item_put(c, 1, key, n, number, sizeof(number));
	}
}

static bool fact_looked_at(const struct contribution *c, const uint8_t *fact)
{
	unsigned number = fact_source(fact);
	const struct source *s = number <= c->forms->n_sources ? c->forms->sources[number] : NULL;
	int from = fact_from(fact), till = fact_till(fact), last = c->last, least = c->least;

	if (!s || !c->sources[number])
		return false;
	if (c->others && !(s->form && c->own & 1ull << s->form->index)) {
		last = c->year_end;
		least = c->year_end - 11;
	}
	switch (s->kind) {
	case SOURCE_STOCK:
		return from <= last && (!till || till > least - 1);
	case SOURCE_NEWEST:
		return from <= last;
	default:
		return from >= least && from <= last;
	}
}

static void sample_take(void *arg, struct text key)
{
	struct contribution *c = arg;
	const uint8_t *p = (const uint8_t *)key.p;

	if (cell_looked_at(c, p[0], (uint16_t)(p[5] << 8 | p[6])))
		item_put(c, 3, key.p, key.n, NULL, 0);
}

static int item_order(const void *a, const void *b)
{
	return memcmp(a, b, ITEM_BYTES);
}

bool contribution_take(
	struct contribution *c, const struct record *r, uint32_t origin, struct buf *out)
{
	struct record_place at = { .origin = origin, .city = c->city, .weight = 1 };
	struct effect_sinks sinks = { c->cells, &c->changes, c->samples };

	buf_reset(out);
	c->out = out;
	cells_reset(c->cells);
	samples_reset(c->samples);
	c->changes.n = 0;
	c->changes.failed = false;
	record_effects(c->forms, r, &at, &sinks);
	cells_each(c->cells, cell_take, c);
	for (size_t i = 0; i < c->changes.n; i++)
		if (fact_looked_at(c, c->changes.at[i].fact))
			item_put(c, 2, c->changes.at[i].entity, ENTITY_KEY_BYTES,
				c->changes.at[i].fact, FACT_SAME_BYTES);
	samples_each(c->samples, sample_take, c);
	if (out->n)
		qsort(out->p, out->n / ITEM_BYTES, ITEM_BYTES, item_order);
	return !out->failed && !c->changes.failed;
}
