/* What one record does: a walk over the plans and sources of its register.
 *
 * A measure holds for a record when its own condition and those of the measures that it builds on
 * hold, and its date is given. Rows are looked up once per form. A record that a form counts but
 * has no row for (a level that the form does not show) is left out of it altogether, so that totals
 * stay the sums of their rows; the caller hears of it. */
#include "aggregator/fold/facts.h"

#include <stdlib.h>

#include "daemon/base/buf.h"

#define ENTITY_TEXT_MAX 1024

struct effects {
	const struct forms *forms;
	const struct record *record;
	const struct record_place *where;
	struct cells *cells;
	struct fact_changes *changes;
	struct person_facts person;
	bool person_fact; /* one was made */
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
			memcpy(out + 1, e->person.pid, KEY_HASH_BYTES);
		return e->person.pid != NULL;
	}
	key = entity_text(e, &e->forms->entities[number], text);
	if (!key.p)
		return false;
	hash_key(out + 1, text_of(e->forms->entities[number].name), key);
	return true;
}

static void fact_add(
	struct effects *e, const struct source *s, int from, const uint16_t rows[FORM_DIMS_MAX])
{
	unsigned entity = s ? s->entity : 0;
	struct value until = { 0 };
	struct fact_change c = { .weight = e->where->weight };
	struct fact_change *kept;
	uint64_t position = e->where->position;

	if (!entity_key(e, entity, c.entity))
		return;
	if (s && s->until)
		until = record_value(e->record, s->until);
	put_u16(c.fact, s ? s->number : 0);
	put_u32(c.fact + 2, e->where->origin);
	put_u16(c.fact + 6, (unsigned)from);
	put_u16(c.fact + 8, until.present ? (unsigned)month_of_date(until.number) : 0);
	for (size_t i = 0; i < FORM_DIMS_MAX; i++)
		put_u16(c.fact + 10 + 2 * i, rows[i]);
	if (entity == 0) {
		put_u16(c.fact + 18, (unsigned)(position >> 32 & 0xffff));
		put_u32(c.fact + 20, (uint32_t)position);
		e->person_fact = true;
	}
	kept = change_new(e->changes);
	if (kept)
		*kept = c;
}

/* Month of a record's date; 0 when it has none. */
static int month_of(const struct effects *e, const struct field *date)
{
	struct value v = record_value(e->record, date);

	return v.present ? month_of_date(v.number) : 0;
}

/* Facts that have no rows: what `with` asks for. */
static void facts_without_rows(struct effects *e)
{
	static const uint16_t rows[FORM_DIMS_MAX];

	for (const struct source *s = e->forms->reg_sources[form_register_index(e->record->reg)]; s;
		s = s->next) {
		int month = s->measure < 0 ? month_of(e, s->date) : 0;

		if (month && (!s->where || expr_holds(s->where, e->record, e->where->origin)))
			fact_add(e, s, month, rows);
	}
}

/* ---- rows and cells ---- */

static int dim_row(const struct effects *e, const struct form_dim *d, const struct field *f)
{
	struct value v;

	for (const struct form_exception *x = d->exceptions; x; x = x->next)
		if (x->reg == e->record->reg && expr_holds(x->where, e->record, e->where->origin))
			return x->row;
	v = record_value(e->record, f);
	if (!v.present)
		return d->none ? (int)d->n - 1 : -1;
	for (size_t i = 0; i < d->n; i++)
		if (text_is(v.text, d->rows[i].code))
			return (int)i;
	return -1;
}

/* false: no row of the form is the record's. */
static bool plan_rows(
	const struct effects *e, const struct form_plan *p, uint16_t rows[FORM_DIMS_MAX])
{
	memset(rows, 0, FORM_DIMS_MAX * sizeof(*rows));
	for (size_t i = 0; i < p->form->n_dims; i++) {
		int row = dim_row(e, &p->form->dims[i], p->fields[i]);

		if (row < 0)
			return false;
		rows[i] = (uint16_t)row;
	}
	return true;
}

/* The two cells that an event of a month adds to: the district's and the city's. */
struct event_cells {
	int month;
	int64_t *district, *city;
};

static void event_add(struct effects *e, const struct form_plan *p,
	const uint16_t rows[FORM_DIMS_MAX], struct event_cells *at, size_t slot)
{
	const struct measure *mm = &p->form->measures[slot];
	int64_t v = e->where->weight;

	if (mm->kind == MEASURE_SUM)
		v *= record_value(e->record, mm->sum).number;
	if (v == 0)
		return;
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

/* All measures of a form; false: counted, but in no row. */
static bool plan_run(struct effects *e, const struct form_plan *p)
{
	const struct form *f = p->form;
	struct event_cells at = { 0 };
	uint16_t rows[FORM_DIMS_MAX];
	bool holds[FORM_MEASURES_MAX];
	int has_rows = -1; /* not yet looked at */

	for (size_t i = 0; i < f->n_measures; i++) {
		const struct measure *mm = &f->measures[i];
		int month;

		holds[i] = mm->reg == p->reg && (mm->of < 0 || holds[mm->of]) &&
			   (!mm->where || expr_holds(mm->where, e->record, e->where->origin));
		month = holds[i] ? month_of(e, mm->date) : 0;
		if (!month)
			continue;
		if (has_rows < 0)
			has_rows = plan_rows(e, p, rows);
		if (!has_rows)
			return false;
		if (mm->kind == MEASURE_DISTINCT) {
			const struct source *s = e->forms->sources[mm->source];

			if (s->measure == (int)i)
				fact_add(e, s, month, rows);
			continue;
		}
		if (at.month != month)
			at = (struct event_cells){ .month = month };
		event_add(e, p, rows, &at, i);
	}
	return true;
}

bool record_effects(const struct forms *fs, const struct record *r,
	const struct record_place *where, struct cells *cells, struct fact_changes *changes)
{
	struct effects e = {
		.forms = fs, .record = r, .where = where, .cells = cells, .changes = changes
	};
	static const uint16_t no_rows[FORM_DIMS_MAX];
	bool all = true;

	if (r->reg->n_persons)
		e.person = record_person(r, 0);
	for (const struct form_plan *p = fs->plans[form_register_index(r->reg)]; p; p = p->next)
		all = plan_run(&e, p) && all;
	facts_without_rows(&e);
	if (e.person.pid && !e.person_fact)
		fact_add(&e, NULL, 0, no_rows);
	return all;
}
