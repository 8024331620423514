/* What one record does: a walk over the plans and sources of its register.
 *
 * A measure holds for a record when its own condition and those of the measures that it builds on
 * hold, and its date is given. Rows are looked up once per form. A record that a form counts but
 * has no row for (a level that the form does not show) is left out of it altogether, so that totals
 * stay the sums of their rows; the caller hears of it. */
#include "daemon/fold/facts.h"
#include "daemon/fold/holdings.h"

#include <stdlib.h>

#define ENTITY_TEXT_MAX 1024

struct effects {
	const struct forms *forms;
	const struct record *record;
	const struct record_place *where;
	struct cells *cells;
	struct fact_changes *changes;
	struct samples *samples;
	struct person_facts person;
	bool person_fact; /* one was made */
	unsigned lacks;	  /* EFFECT_… */
};

void fact_changes_deinit(struct fact_changes *c)
{
	free(c->at);
	*c = (struct fact_changes){ 0 };
}

static struct fact_change *change_new(struct fact_changes *c)
{
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 1024;
		struct fact_change *more = c->failed ? NULL : realloc(c->at, room * sizeof(*more));

		if (!more) {
			c->failed = true;
			return NULL;
		}
		c->at = more;
		c->room = room;
	}
	return &c->at[c->n++];
}

void fact_changes_add(struct fact_changes *c, const struct fact_change *change)
{
	struct fact_change *kept = change_new(c);

	if (kept)
		*kept = *change;
}

static void put_u16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* ---- facts ---- */

/* The values that name the entity, joined by a sign that no value holds. Empty when one is absent.
 */
static struct text entity_text(
	const struct effects *e, const struct entity *en, char out[ENTITY_TEXT_MAX])
{
	size_t n = 0;

	if (en->district) {
		put_u32((uint8_t *)out, e->where->origin);
		n = 4;
	}
	for (size_t i = 0; i < en->n_fields; i++) {
		struct value v = record_value(e->record, en->fields[i]);
		size_t length;

		if (!v.present || n + 1 >= ENTITY_TEXT_MAX)
			return (struct text){ 0 };
		out[n++] = 0x1f;
		length = value_print(en->fields[i], &v, out + n, ENTITY_TEXT_MAX - n);
		if (length > ENTITY_TEXT_MAX - n)
			return (struct text){ 0 };
		n += length;
	}
	return (struct text){ out, n };
}

static bool entity_key(const struct effects *e, unsigned number, uint8_t out[ENTITY_KEY_BYTES])
{
	char text[ENTITY_TEXT_MAX];
	struct text key;

	out[0] = (uint8_t)number;
	if (number == 0) {
		if (e->person.pid)
			memcpy(out + 1, e->where->person ? e->where->person : e->person.pid,
				KEY_HASH_BYTES);
		return e->person.pid != NULL;
	}
	key = entity_text(e, &e->forms->entities[number], text);
	if (!key.p)
		return false;
	hash_key(out + 1, text_of(e->forms->entities[number].name), key);
	return true;
}

/* A fact as it is stored, but for its ref. */
static void fact_add(struct effects *e, const struct source *s, int from, int till,
	const uint16_t rows[FORM_DIMS_MAX])
{
	struct fact_change c = { .weight = e->where->weight };
	uint64_t position = e->where->position;

	if (!entity_key(e, s ? s->entity : 0, c.entity))
		return;
	put_u16(c.fact, s ? s->number : 0);
	put_u32(c.fact + 2, e->where->origin);
	put_u16(c.fact + 6, (unsigned)from);
	put_u16(c.fact + 8, (unsigned)till);
	for (size_t i = 0; i < FORM_DIMS_MAX; i++)
		put_u16(c.fact + 10 + 2 * i, rows[i]);
	if (c.entity[0] == 0) {
		put_u16(c.fact + 18, (unsigned)(position >> 32 & 0xffff));
		put_u32(c.fact + 20, (uint32_t)position);
		e->person_fact = true;
	}
	fact_changes_add(e->changes, &c);
}

/* By which name the number came: one fact a name and district, counted. */
static void name_fact(struct effects *e)
{
	struct fact_change c = { .weight = e->where->weight }, *kept;

	if (!e->person.name_tag || !entity_key(e, 0, c.entity))
		return;
	put_u16(c.fact, FACT_NAME);
	put_u32(c.fact + 2, e->where->origin);
	memcpy(c.fact + 6, e->person.pid, 4);
	memcpy(c.fact + 10, e->person.name_tag, NAME_TAG_BYTES);
	kept = change_new(e->changes);
	if (kept)
		*kept = c;
}

/* A record's date; 0 when it has none. */
static int64_t day_of(const struct effects *e, const struct field *date)
{
	struct value v = { 0 };

	if (date)
		v = record_value(e->record, date);
	return v.present ? v.number : 0;
}

/* The month that a measure puts a record in: of a year or another period its first one; 0: none. */
static int month_of(const struct effects *e, const struct field *date)
{
	struct value v = record_value(e->record, date);
	struct period p;

	if (!v.present)
		return 0;
	switch (date->type) {
	case FIELD_YEAR:
		return month_of_date(v.number * 10000 + 101);
	case FIELD_MONTH:
		return month_of_date(v.number * 100 + 1);
	case FIELD_TEXT:
		return period_parse(&p, v.text) ? period_first_month(&p) : 0;
	default:
		return month_of_date(v.number);
	}
}

/* The same; a text that names a period must name one of the shortest kind that the form has. */
static int month_in_form(const struct effects *e, const struct form *f, const struct field *date)
{
	struct value v = { 0 };
	struct period p;

	if (date->type == FIELD_TEXT)
		v = record_value(e->record, date);
	if (v.present && (!period_parse(&p, v.text) || f->periods >> p.kind != 1))
		return 0;
	return month_of(e, date);
}

/* ---- stocks ---- */

/* The first month at whose end a record is in stock is `from`; the first one at whose end it is no
 * more comes back: 0 never. With `any`: in which it is, at some time. */
static int month_out(const struct effects *e, const struct measure_stock *s, bool any)
{
	int64_t until = day_of(e, s->until), through = day_of(e, s->through);
	int out = 0, month;

	if (until) {
		/* on the first of a month it was still there in the month before only */
		out = month_of_date(until) + (any && until % 100 > 1);
	}
	if (through) {
		month = month_of_date(through) + (any || date_is_month_end(through));
		out = out && out < month ? out : month;
	}
	return out;
}

/* Was it there on any day at all? */
static bool stock_empty(const struct effects *e, const struct measure_stock *s, int64_t from)
{
	int64_t until = day_of(e, s->until), through = day_of(e, s->through);

	return (until && until <= from) || (through && through < from);
}

static void stock_fact(
	struct effects *e, const struct source *s, const uint16_t rows[FORM_DIMS_MAX])
{
	int from = month_of(e, s->date), till = month_out(e, &s->stock, s->any);
	uint16_t kept[FORM_DIMS_MAX];

	if (!from || stock_empty(e, &s->stock, day_of(e, s->date)) || (till && till <= from))
		return;
	memcpy(kept, rows, sizeof(kept));
	if (s->whose) {
		kept[FORM_DIMS_MAX - 1] =
			(uint16_t)((unsigned)e->person.sex << 14 | (e->person.birth_year & 0x3fff));
		if (s->n_ages && e->person.pid && !e->person.birth_year)
			e->lacks |= EFFECT_NO_BIRTH;
	}
	fact_add(e, s, from, till, kept);
}

static void newest_fact(struct effects *e, const struct source *s)
{
	int64_t day = day_of(e, s->date);
	uint16_t rows[FORM_DIMS_MAX] = { 0 };

	if (!month_of_date(day))
		return;
	for (size_t i = 0; i < s->n_asks; i++)
		if (expr_holds(s->asks[i], e->record, e->where->origin))
			rows[i / 16] |= (uint16_t)(1u << i % 16);
	fact_add(e, s, month_of_date(day), (int)(day % 100), rows);
}

/* Facts that have no rows: what `with`, `newest` and `area` ask for. */
static void facts_without_rows(struct effects *e)
{
	static const uint16_t rows[FORM_DIMS_MAX];

	for (const struct source *s = e->forms->reg_sources[form_register_index(e->record->reg)]; s;
		s = s->next) {
		if (s->kind == SOURCE_NEWEST)
			newest_fact(e, s);
		else if (s->kind == SOURCE_WITH && month_of(e, s->date) &&
			 (!s->where || expr_holds(s->where, e->record, e->where->origin)))
			fact_add(e, s, month_of(e, s->date), month_of_date(day_of(e, s->until)),
				rows);
	}
}

/* ---- cells ---- */

/* Where a number of a stock goes. */
struct stock_at {
	enum period_kind kind;
	int month;
	bool step;
	int64_t number;
};

/* The two cells that an event of a month adds to: the district's and the city's. */
struct event_cells {
	int month;
	int64_t *district, *city;
};

/* What one record counts for: 1, or what is summed. */
static int64_t event_number(const struct effects *e, const struct measure *mm)
{
	int64_t v = e->where->weight, since;

	if (mm->kind != MEASURE_SUM)
		return v;
	if (mm->sum)
		return v * record_value(e->record, mm->sum).number;
	since = day_of(e, mm->since);
	return since ? v * (days_of_date(day_of(e, mm->date)) - days_of_date(since)) : 0;
}

/* Into the area that the record names. */
static void place_add(struct effects *e, const struct form_plan *p,
	const uint16_t rows[FORM_DIMS_MAX], int month, size_t slot)
{
	const struct measure *mm = &p->form->measures[slot];
	struct value area = record_value(e->record, mm->place);
	struct period period = period_of_month(month);
	uint32_t code = 0;
	int64_t *numbers;

	for (size_t i = 0; area.present && i < area.text.n; i++)
		code = code * 10 + (uint32_t)(area.text.p[i] - '0');
	numbers = code ? cells_at(e->cells, p->form, period_code(&period), place_of(code, rows))
		       : NULL;
	if (numbers)
		numbers[slot] += event_number(e, mm);
}

static void event_add(struct effects *e, const struct form_plan *p,
	const uint16_t rows[FORM_DIMS_MAX], struct event_cells *at, size_t slot)
{
	int64_t v = event_number(e, &p->form->measures[slot]);

	if (v == 0)
		return;
	if (p->form->measures[slot].place) {
		place_add(e, p, rows, at->month, slot);
		return;
	}
	if (!at->district) {
		struct period period = period_of_month(at->month);
		uint16_t code = period_code(&period);

		at->district = cells_at(e->cells, p->form, code, place_of(e->where->origin, rows));
		if (e->where->origin != e->where->city)
			at->city =
				cells_at(e->cells, p->form, code, place_of(e->where->city, rows));
	}
	if (at->district)
		at->district[slot] += v;
	if (at->city)
		at->city[slot] += v;
}

/* Adds to a cell of the period of a kind that a month lies in, or to its step. */
static void stock_add(struct effects *e, const struct form_plan *p,
	const uint16_t rows[FORM_DIMS_MAX], size_t slot, const struct stock_at *at)
{
	struct period period = period_around(at->kind, at->month);
	uint32_t areas[2] = { e->where->origin, e->where->city };

	for (size_t a = 0; a < (areas[0] == areas[1] ? 1 : 2); a++) {
		int64_t *numbers = (at->step ? cells_steps_at : cells_at)(
			e->cells, p->form, period_code(&period), place_of(areas[a], rows));

		if (numbers)
			numbers[slot] += at->number;
	}
}

/* A record that stands in stock for a while: its steps, or its moves. */
static void stock_event(struct effects *e, const struct form_plan *p,
	const uint16_t rows[FORM_DIMS_MAX], size_t slot)
{
	const struct measure *mm = &p->form->measures[slot];
	int from = month_of(e, mm->date), out = month_out(e, &mm->stock, false);
	struct stock_at at = { .number = event_number(e, mm) };

	if (stock_empty(e, &mm->stock, day_of(e, mm->date)) || (out && out < from))
		out = from;
	if (mm->time == TIME_END || mm->time == TIME_START) {
		at.kind = p->form->points;
		at.step = true;
		at.month = from;
		stock_add(e, p, rows, slot, &at);
		at.month = out;
		at.number = -at.number;
		if (out)
			stock_add(e, p, rows, slot, &at);
		return;
	}
	for (at.kind = 0; at.kind < PERIOD_KINDS; at.kind++) {
		struct period a = period_around(at.kind, from),
			      b = period_around(at.kind, out ? out : from);
		bool passed = out && period_code(&a) == period_code(&b);

		if (!(p->form->periods & 1u << at.kind))
			continue;
		at.month = mm->time == TIME_ENTERED ? from : out;
		if (at.month && (!passed || mm->time == TIME_GONE))
			stock_add(e, p, rows, slot, &at);
	}
}

/* One single value, for the district and for the city. */
static void sample_put(struct effects *e, const struct form_plan *p,
	const uint16_t rows[FORM_DIMS_MAX], size_t i, int month)
{
	const struct measure *mm = &p->form->measures[i];
	struct value v = record_value(e->record, mm->sum), unit = { 0 };
	struct period period = period_of_month(month);
	struct sample s = { .at = { p->form->index, e->where->origin, period_code(&period) },
		.value = v.number,
		.count = e->where->weight };

	if (!v.present || p->form->sample != (int)i)
		return;
	if (p->form->publish)
		unit = record_value(e->record, p->form->publish->unit);
	if (unit.present)
		s.unit = holding_unit(unit.text);
	memcpy(s.at.rows, rows, sizeof(s.at.rows));
	samples_add(e->samples, &s, p->form->n_dims);
	s.at.area = e->where->city;
	if (e->where->origin != e->where->city)
		samples_add(e->samples, &s, p->form->n_dims);
}

static void measure_run(struct effects *e, const struct form_plan *p,
	const uint16_t rows[FORM_DIMS_MAX], struct event_cells *at, size_t i)
{
	const struct measure *mm = &p->form->measures[i];
	const struct source *s = e->forms->sources[mm->source];
	int month = month_of(e, mm->date);

	if (mm->kind == MEASURE_DISTINCT) {
		if (s->measure == (int)i && s->kind == SOURCE_STOCK)
			stock_fact(e, s, rows);
		else if (s->measure == (int)i)
			fact_add(e, s, month, 0, rows);
	} else if (mm->kind == MEASURE_QUANTILE) {
		sample_put(e, p, rows, i, month);
	} else if (mm->time != TIME_IN) {
		stock_event(e, p, rows, i);
	} else {
		if (at->month != month)
			*at = (struct event_cells){ .month = month };
		event_add(e, p, rows, at, i);
	}
}

/* All measures of a form that the record counts in, in one of the places where it stands. */
static void place_run(struct effects *e, const struct form_plan *p,
	const uint16_t rows[FORM_DIMS_MAX], uint64_t counted)
{
	struct event_cells at = { 0 };

	for (; counted; counted &= counted - 1)
		measure_run(e, p, rows, &at, (size_t)__builtin_ctzll(counted));
}

static void plan_run(struct effects *e, const struct form_plan *p)
{
	const struct form *f = p->form;
	uint64_t holds = 0, counted = 0;
	uint16_t rows[FORM_DIMS_MAX];
	struct record_rows stands;

	for (size_t i = 0; i < f->n_measures; i++) {
		const struct measure *mm = &f->measures[i];

		if (mm->reg != p->reg || (mm->of >= 0 && !(holds & 1ull << mm->of)) ||
			(mm->where && !expr_holds(mm->where, e->record, e->where->origin)))
			continue;
		holds |= 1ull << i;
		if (month_in_form(e, f, mm->date))
			counted |= 1ull << i;
	}
	if (counted && !record_rows(p, e->record, e->where->origin, &stands)) {
		e->lacks |= EFFECT_NO_ROW;
		return;
	}
	for (size_t n = 0; counted && record_rows_next(p, &stands, &n, rows);)
		place_run(e, p, rows, counted);
}

unsigned record_effects(const struct forms *fs, const struct record *r,
	const struct record_place *where, const struct effect_sinks *sinks)
{
	struct effects e = { .forms = fs,
		.record = r,
		.where = where,
		.cells = sinks->cells,
		.changes = sinks->changes,
		.samples = sinks->samples };
	static const uint16_t no_rows[FORM_DIMS_MAX];

	if (r->reg->n_persons)
		e.person = record_person(r, 0);
	for (const struct form_plan *p = fs->plans[form_register_index(r->reg)]; p; p = p->next)
		plan_run(&e, p);
	facts_without_rows(&e);
	if (e.person.pid && !e.person_fact)
		fact_add(&e, NULL, 0, 0, no_rows);
	name_fact(&e);
	return e.lacks;
}
