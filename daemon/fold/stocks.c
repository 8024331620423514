/* What the facts of one entity do to the counts of stocks.
 *
 * An entity's state is constant between a few points: where a fact begins or ends, where a newer
 * record speaks for it, where an age is reached. So its contribution is written as steps at those
 * points, and a figure is the sum of the steps up to its point.
 *
 * Normal path, for the old facts with weight −1 and for the new ones with weight 1, and for each
 * kind of period that wants numbers of its own:
 *
 *     facts ──► spans: (place, from, out), joined where they touch     spans_each, spans_highest
 *     newest records, ages ──► marks: from this point on these measures' conditions hold
 *     spans × marks ──► a measure's bit goes on or off at a point ──► step, entered, left
 *
 * Points are counted through in units of the kind: month ÷ months in a period. Pure, but for memory
 * that is kept between calls. */
#include <limits.h>
#include <stdlib.h>

#include "daemon/fold/facts.h"

#define NEVER INT_MAX
#define POINT_LAST ((PERIOD_YEAR_MOST + 1) * 12) /* a month beyond all */

struct span {
	uint64_t place;
	int from, out;
};

struct mark {
	int point;
	uint64_t bits; /* by measure: its conditions hold from here on */
};

struct stock_scratch {
	struct span *spans;
	size_t n_spans, spans_room;
	struct mark *marks;
	size_t n_marks, marks_room;
};

struct walk {
	const struct stock_change *c;
	struct stock_scratch *s;
	const struct form *form;
	struct fact_list all, facts; /* of the entity; of the source */
	int weight;
	enum period_kind kind;
	int unit;	   /* months in a period of the kind */
	uint64_t measures; /* those that are counted in this walk: bits */
	uint64_t with_ask; /* of them, those with a condition on the person */
	struct expr_person person;
};

void stock_scratch_close(struct stock_scratch *s)
{
	if (!s)
		return;
	free(s->spans);
	free(s->marks);
	free(s);
}

/* Makes room for one more; false without memory. */
static bool room_for(void **at, size_t n, size_t *room, size_t size)
{
	void *more;

	if (n < *room)
		return true;
	more = realloc(*at, (*room ? *room * 2 : 64) * size);
	if (!more)
		return false;
	*at = more;
	*room = *room ? *room * 2 : 64;
	return true;
}

/* ---- the newest record ---- */

/* Of a source at a point: the latest day, on a tie the smaller district. NULL: none yet. */
static const uint8_t *newest_at(const struct walk *w, unsigned source, int point)
{
	struct fact_list l = facts_of_source(w->all, source);
	const uint8_t *best = NULL;

	for (size_t i = 0; i < l.n; i++) {
		const uint8_t *f = l.at[i];
		int later;

		if (fact_from(f) / w->unit > point)
			continue;
		later = best ? memcmp(f + 6, best + 6, 4) : 1; /* month, day */
		if (later > 0 || (later == 0 && fact_origin(f) < fact_origin(best)))
			best = f;
	}
	return best;
}

static uint32_t area_at(const struct walk *w, const uint8_t *fact, int point)
{
	const struct source *s = w->c->source;

	for (size_t i = 0; i < s->n_areas; i++) {
		const uint8_t *newest = newest_at(w, s->areas[i], point);

		if (newest)
			return fact_origin(newest);
	}
	return fact_origin(fact);
}

/* ---- marks ---- */

static bool mark_add(struct walk *w, int point)
{
	struct stock_scratch *s = w->s;

	if (!room_for((void **)&s->marks, s->n_marks, &s->marks_room, sizeof(*s->marks)))
		return false;
	s->marks[s->n_marks++] = (struct mark){ .point = point };
	return true;
}

static int by_point(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	return x->point < y->point ? -1 : x->point > y->point;
}

static void marks_join(struct stock_scratch *s)
{
	size_t n = 0;

	qsort(s->marks, s->n_marks, sizeof(*s->marks), by_point);
	for (size_t i = 0; i < s->n_marks; i++)
		if (n == 0 || s->marks[n - 1].point != s->marks[i].point)
			s->marks[n++] = s->marks[i];
	s->n_marks = n;
}

/* `newest`: of the source that it asks, at the point. */
static bool measure_holds(
	const struct walk *w, const struct measure *mm, int point, const uint8_t *newest)
{
	struct expr_person p = w->person;

	p.year = point == INT_MIN ? 0 : (int)((int64_t)point * w->unit / 12);
	if (mm->whose && !expr_holds_person(mm->whose, &p))
		return false;
	if (!mm->newest)
		return true;
	if (!newest)
		return mm->or_none;
	return fact_row(newest, mm->ask / 16) >> mm->ask % 16 & 1;
}

static uint64_t bits_at(const struct walk *w, int point)
{
	uint64_t bits = w->measures & ~w->with_ask;
	const uint8_t *newest = NULL;
	unsigned asked = 0;

	for (uint64_t left = w->with_ask; left; left &= left - 1) {
		size_t i = (size_t)__builtin_ctzll(left);
		const struct measure *mm = &w->form->measures[i];

		/* most often all ask the same one */
		if (mm->newest && mm->newest != asked)
			newest = newest_at(w, asked = mm->newest, point);
		if (measure_holds(w, mm, point, newest))
			bits |= 1ull << i;
	}
	return bits;
}

/* From when on which conditions hold. The first mark stands before all points. */
static bool marks_make(struct walk *w)
{
	const struct source *s = w->c->source;
	unsigned asked = 0;

	w->s->n_marks = 0;
	if (!mark_add(w, INT_MIN))
		return false;
	for (size_t i = 0; i < w->form->n_measures; i++) {
		unsigned source = w->form->measures[i].newest;
		struct fact_list l = { 0 };

		/* most often all ask the same one */
		if (w->with_ask & 1ull << i && source && source != asked)
			l = facts_of_source(w->all, asked = source);
		for (size_t k = 0; k < l.n; k++)
			if (!mark_add(w, fact_from(l.at[k]) / w->unit))
				return false;
	}
	for (size_t i = 0; i < s->n_ages && w->person.birth_year && w->with_ask; i++)
		if (!mark_add(w, (w->person.birth_year + s->ages[i]) * 12 / w->unit))
			return false;
	marks_join(w->s);
	for (size_t k = 0; k < w->s->n_marks; k++)
		w->s->marks[k].bits = bits_at(w, w->s->marks[k].point);
	return true;
}

/* ---- spans ---- */

static void fact_points(const struct walk *w, const uint8_t *fact, int *from, int *out)
{
	int till = fact_till(fact);

	*from = fact_from(fact) / w->unit;
	/* at any time: the period in which it ends still counts */
	*out = till == 0 || till >= POINT_LAST ? NEVER
	       : w->c->source->any	       ? (till + w->unit - 1) / w->unit
					       : till / w->unit;
}

/* A span in each row that the fact's rows count in, of the area and of the city. */
static bool span_add(struct walk *w, const uint8_t *fact, uint32_t area, int from, int out)
{
	uint16_t rows[FORM_DIMS_MAX], up[FORM_DIMS_MAX] = { 0 };
	struct stock_scratch *s = w->s;

	if (out <= from)
		return true;
	for (size_t i = 0; i < FORM_DIMS_MAX; i++)
		rows[i] = i < w->form->n_dims ? fact_row(fact, i) : 0;
	for (size_t k = 0; form_up_next(w->form, rows, &k, up);) {
		for (int city = 0; city < (area == w->c->city ? 1 : 2); city++) {
			if (!room_for((void **)&s->spans, s->n_spans, &s->spans_room,
				    sizeof(*s->spans)))
				return false;
			s->spans[s->n_spans++] =
				(struct span){ place_of(city ? w->c->city : area, up), from, out };
		}
	}
	return true;
}

static bool spans_each(struct walk *w)
{
	for (size_t i = 0; i < w->facts.n; i++) {
		const uint8_t *fact = w->facts.at[i];
		int from, out;

		fact_points(w, fact, &from, &out);
		if (!span_add(w, fact, fact_origin(fact), from, out))
			return false;
	}
	return true;
}

/* The fact that speaks at a point: the one whose row stands last. */
static const uint8_t *highest_at(const struct walk *w, int point)
{
	size_t dim = (size_t)w->c->source->highest;
	const uint8_t *best = NULL;

	for (size_t i = 0; i < w->facts.n; i++) {
		const uint8_t *f = w->facts.at[i];
		int from, out;

		fact_points(w, f, &from, &out);
		if (from <= point && point < out &&
			(!best || fact_row(f, dim) > fact_row(best, dim)))
			best = f;
	}
	return best;
}

/* Where the highest fact, or the area, may change: kept as marks until the spans are made. */
static bool turns_make(struct walk *w)
{
	const struct source *s = w->c->source;

	w->s->n_marks = 0;
	for (size_t i = 0; i < w->facts.n; i++) {
		int from, out;

		fact_points(w, w->facts.at[i], &from, &out);
		if (!mark_add(w, from) || (out != NEVER && !mark_add(w, out)))
			return false;
	}
	for (size_t i = 0; i < s->n_areas; i++) {
		struct fact_list l = facts_of_source(w->all, s->areas[i]);

		for (size_t k = 0; k < l.n; k++)
			if (!mark_add(w, fact_from(l.at[k]) / w->unit))
				return false;
	}
	marks_join(w->s);
	return true;
}

static bool spans_highest(struct walk *w)
{
	struct stock_scratch *s = w->s;

	if (!turns_make(w))
		return false;
	for (size_t i = 0; i < s->n_marks; i++) {
		int from = s->marks[i].point,
		    out = i + 1 < s->n_marks ? s->marks[i + 1].point : NEVER;
		const uint8_t *best = highest_at(w, from);

		if (best && !span_add(w, best, area_at(w, best, from), from, out))
			return false;
	}
	return true;
}

static int by_place(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->from < y->from ? -1 : x->from > y->from;
}

/* Joins spans of a place that touch or overlap. */
static void spans_join(struct stock_scratch *s)
{
	size_t n = 0;

	if (s->n_spans == 0)
		return;
	qsort(s->spans, s->n_spans, sizeof(*s->spans), by_place);
	for (size_t i = 0; i < s->n_spans; i++) {
		struct span *last = n ? &s->spans[n - 1] : NULL;

		if (!last || last->place != s->spans[i].place || last->out < s->spans[i].from)
			s->spans[n++] = s->spans[i];
		else if (last->out < s->spans[i].out)
			last->out = s->spans[i].out;
	}
	s->n_spans = n;
}

/* ---- into the cells ---- */

/* The measures' bits at a place go from `before` to `after` at a point. */
static void toggle(const struct walk *w, uint64_t place, int point, uint64_t before, uint64_t after)
{
	struct period p = period_around(w->kind, point * w->unit);
	int64_t *steps = NULL, *cell = NULL;

	if (before == after || p.year > PERIOD_YEAR_MOST)
		return;
	for (uint64_t bits = before ^ after; bits; bits &= bits - 1) {
		size_t i = (size_t)__builtin_ctzll(bits);
		enum measure_time time = w->form->measures[i].time;
		bool on = after >> i & 1;

		if (time == TIME_ENTERED || time == TIME_LEFT) {
			if (on != (time == TIME_ENTERED))
				continue;
			if (!cell)
				cell = cells_at(w->c->cells, w->form, period_code(&p), place);
			if (cell)
				cell[i] += w->weight;
		} else {
			if (!steps)
				steps = cells_steps_at(
					w->c->cells, w->form, period_code(&p), place);
			if (steps)
				steps[i] += on ? w->weight : -w->weight;
		}
	}
}

static void span_emit(const struct walk *w, const struct span *span)
{
	const struct stock_scratch *s = w->s;
	uint64_t bits = 0;
	size_t m = 0;

	while (m + 1 < s->n_marks && s->marks[m + 1].point <= span->from)
		m++;
	toggle(w, span->place, span->from, bits, s->marks[m].bits);
	bits = s->marks[m].bits;
	for (m++; m < s->n_marks && s->marks[m].point < span->out; m++) {
		toggle(w, span->place, s->marks[m].point, bits, s->marks[m].bits);
		bits = s->marks[m].bits;
	}
	if (span->out != NEVER)
		toggle(w, span->place, span->out, bits, 0);
}

/* ---- the walks ---- */

/* Which measures of the source are counted by periods of a kind. */
static uint64_t measures_of(const struct source *s, enum period_kind kind)
{
	const struct form *f = s->form;
	bool shown = f->periods & 1u << kind, points = f->points == kind;
	uint64_t bits = 0;

	for (size_t i = 0; i < f->n_measures; i++) {
		const struct measure *mm = &f->measures[i];
		bool at_point = mm->time == TIME_END || mm->time == TIME_START;

		if (mm->kind == MEASURE_DISTINCT && mm->source == s->number &&
			(at_point ? points : shown))
			bits |= 1ull << i;
	}
	return bits;
}

/* Sex and year of birth: all facts of a person say the same, or nothing. */
static struct expr_person person_of(const struct walk *w)
{
	unsigned best = 0;

	for (size_t i = 0; w->c->source->whose && i < w->facts.n; i++) {
		unsigned v = fact_row(w->facts.at[i], FORM_DIMS_MAX - 1);

		best = v > best ? v : best;
	}
	return (struct expr_person){ (enum sex)(best >> 14), (int)(best & 0x3fff), 0 };
}

static bool walk_kind(struct walk *w)
{
	const struct source *s = w->c->source;

	w->measures = measures_of(s, w->kind);
	w->unit = period_months(w->kind);
	w->with_ask = 0;
	if (!w->measures)
		return true;
	for (size_t i = 0; i < w->form->n_measures; i++)
		if (w->form->measures[i].whose || w->form->measures[i].newest)
			w->with_ask |= w->measures & 1ull << i;
	w->s->n_spans = 0;
	if (!(s->highest < 0 ? spans_each : spans_highest)(w))
		return false;
	spans_join(w->s);
	if (!marks_make(w))
		return false;
	for (size_t i = 0; i < w->s->n_spans; i++)
		span_emit(w, &w->s->spans[i]);
	return true;
}

static bool walk_list(const struct stock_change *c, struct stock_scratch *s, bool old)
{
	struct walk w = { .c = c,
		.s = s,
		.form = c->source->form,
		.all = old ? c->old : c->new,
		.weight = old ? -1 : 1 };

	w.facts = facts_of_source(w.all, c->source->number);
	if (w.facts.n == 0)
		return true;
	w.person = person_of(&w);
	for (w.kind = 0; w.kind < PERIOD_KINDS; w.kind++)
		if (!walk_kind(&w))
			return false;
	return true;
}

/* Nothing that the source's measures look at has changed. */
static bool still(const struct stock_change *c, unsigned source)
{
	return facts_same(facts_of_source(c->old, source), facts_of_source(c->new, source));
}

static bool all_still(const struct stock_change *c)
{
	const struct source *s = c->source;
	const struct form *f = s->form;
	bool same = still(c, s->number);

	for (size_t i = 0; i < s->n_areas && same; i++)
		same = still(c, s->areas[i]);
	for (size_t i = 0; i < f->n_measures && same; i++)
		if (f->measures[i].kind == MEASURE_DISTINCT && f->measures[i].source == s->number &&
			f->measures[i].newest)
			same = still(c, f->measures[i].newest);
	return same;
}

bool stock_change_run(const struct stock_change *c, struct stock_scratch **scratch)
{
	if (all_still(c))
		return true;
	if (!*scratch)
		*scratch = calloc(1, sizeof(**scratch));
	return *scratch && walk_list(c, *scratch, true) && walk_list(c, *scratch, false);
}
