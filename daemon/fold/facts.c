/* What the facts of one entity do to the distinct counts.
 *
 * For one source and one year the facts say, for every place (area, rows and totals), in which
 * months the entity is there: 12 bits. From these follow 31 bits: is it counted in each month,
 * quarter, half, in the year, and from January up to each month. A measure that asks for a second
 * fact (`with`) has 31 bits of its own for that, the same for all places. What differs between the
 * bits of the old and of the new facts goes to the cells: ±1 where a bit differs, and for the
 * cumulative count the difference of steps from month to month (an entity can leave again: a
 * certificate may be revoked in a later month). */
#include "daemon/fold/facts.h"

#include <stdlib.h>

#define QUARTERS 12 /* first bit of each */
#define HALVES 16
#define YEAR 18
#define UP_TO 19

/* ---- the list of an entity ---- */

int fact_change_order(const void *a, const void *b)
{
	const struct fact_change *x = a, *y = b;

	return memcmp(x, y, ENTITY_KEY_BYTES + FACT_BYTES);
}

size_t facts_apply(struct fact_list old, const struct fact_change *changes, size_t n,
	uint8_t (*out)[FACT_BYTES])
{
	bool of_person = n && changes[0].entity[0] == 0;
	size_t i = 0, k = 0, n_out = 0;

	while (i < old.n || k < n) {
		/* Facts of other sources differ in their first bytes. */
		bool person =
			of_person && fact_source(k < n ? changes[k].fact : old.at[i]) != FACT_NAME;
		size_t same = person ? FACT_BYTES : FACT_SAME_BYTES;
		int order = i == old.n ? 1 : k == n ? -1 : memcmp(old.at[i], changes[k].fact, same);
		const uint8_t *fact = order <= 0 ? old.at[i] : changes[k].fact;
		int64_t count;

		person = of_person && fact_source(fact) != FACT_NAME;
		same = person ? FACT_BYTES : FACT_SAME_BYTES;
		count = order > 0 ? 0 : person ? 1 : (int64_t)fact_ref(fact);

		if (order <= 0)
			i++;
		while (k < n && memcmp(changes[k].fact, fact, same) == 0)
			count += changes[k++].weight;
		if (count < 0 || (person && count > 1))
			return SIZE_MAX;
		if (count == 0)
			continue;
		memmove(out[n_out], fact, FACT_BYTES);
		if (!person) {
			out[n_out][18] = (uint8_t)(count >> 40);
			out[n_out][19] = (uint8_t)(count >> 32);
			put_u32(out[n_out] + 20, (uint32_t)count);
		}
		n_out++;
	}
	return n_out;
}

struct fact_list facts_of_source(struct fact_list l, unsigned source)
{
	size_t first = 0, end = l.n;

	while (first < end) {
		size_t mid = (first + end) / 2;

		if (fact_source(l.at[mid]) < source)
			first = mid + 1;
		else
			end = mid;
	}
	for (end = first; end < l.n && fact_source(l.at[end]) == source; end++)
		;
	return (struct fact_list){ l.at + first, end - first };
}

bool facts_same(struct fact_list a, struct fact_list b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n * FACT_BYTES) == 0);
}

/* ---- bits ---- */

/* From the months in which an entity is there to the 31 bits. */
static uint32_t bits_of_months(unsigned months)
{
	uint32_t bits = months;

	if (!months)
		return 0;
	for (unsigned q = 0; q < 4; q++)
		if (months & 7u << 3 * q)
			bits |= 1u << (QUARTERS + q);
	for (unsigned h = 0; h < 2; h++)
		if (months & 0x3fu << 6 * h)
			bits |= 1u << (HALVES + h);
	return bits | 1u << YEAR | (0xfffu << __builtin_ctz(months) & 0xfff) << UP_TO;
}

/* Is there a fact that begins in the period and lasts beyond its end? Per bit, for the facts of a
 * source in a year. */
static uint32_t bits_with(struct fact_list facts, int year)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < facts.n; i++) {
		int from = fact_from(facts.at[i]) - year * 12, till = fact_till(facts.at[i]);

		if (from < 0 || from > 11)
			continue;
		till = till ? till - year * 12 : 12;
		if (till > from)
			bits |= 1u << from;
		if (till > from / 3 * 3 + 2)
			bits |= 1u << (QUARTERS + from / 3);
		if (till > from / 6 * 6 + 5)
			bits |= 1u << (HALVES + from / 6);
		if (till > 11)
			bits |= 1u << YEAR;
		for (int m = from; m < 12 && m < till; m++)
			bits |= 1u << (UP_TO + m);
	}
	return bits;
}

/* The period of each of the first 19 bits, as stored. */
static uint16_t bit_period(unsigned bit, int year)
{
	struct period p = { PERIOD_YEAR, year, 1 };

	if (bit < QUARTERS)
		p = (struct period){ PERIOD_MONTH, year, (int)bit + 1 };
	else if (bit < HALVES)
		p = (struct period){ PERIOD_QUARTER, year, (int)bit - QUARTERS + 1 };
	else if (bit < YEAR)
		p = (struct period){ PERIOD_HALF, year, (int)bit - HALVES + 1 };
	return period_code(&p);
}

static uint32_t bits_shown(const struct form *f)
{
	uint32_t bits = 0;

	if (f->periods & 1u << PERIOD_MONTH)
		bits |= 0xfff;
	if (f->periods & 1u << PERIOD_QUARTER)
		bits |= 0xfu << QUARTERS;
	if (f->periods & 1u << PERIOD_HALF)
		bits |= 3u << HALVES;
	if (f->periods & 1u << PERIOD_YEAR)
		bits |= 1u << YEAR;
	if (f->cumulative)
		bits |= 0xfffu << UP_TO;
	return bits;
}

/* ---- one source ---- */

struct combo {
	uint64_t place;
	unsigned old_months, new_months;
};

struct run {
	const struct forms *forms;
	const struct source *source;
	uint32_t city;
	struct fact_list old, new;	   /* of the source */
	struct fact_list all_old, all_new; /* of the entity */
	bool all_places; /* not only those of facts that come or go: a second fact has changed */
	struct cells *cells;
	struct entity_scratch *scratch;
};

static bool combo_add(
	struct entity_scratch *s, uint64_t place, unsigned old_months, unsigned new_months)
{
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 256;
		struct combo *more = realloc(s->at, room * sizeof(*more));

		if (!more)
			return false;
		s->at = more;
		s->room = room;
	}
	s->at[s->n++] = (struct combo){ place, old_months, new_months };
	return true;
}

static struct combo *combo_find(struct entity_scratch *s, uint64_t place)
{
	size_t first = 0, end = s->n;

	while (first < end) {
		size_t mid = (first + end) / 2;

		if (s->at[mid].place < place)
			first = mid + 1;
		else
			end = mid;
	}
	return first < s->n && s->at[first].place == place ? &s->at[first] : NULL;
}

/* Every place that a fact counts in: its district and the city, each row, the unions and the total
 * over it. */
static bool combos_of_fact(
	struct run *r, const uint8_t *fact, unsigned old_months, unsigned new_months)
{
	const struct form *f = r->source->form;
	uint32_t areas[2] = { fact_origin(fact), r->city };
	uint16_t rows[FORM_DIMS_MAX], up[FORM_DIMS_MAX] = { 0 };

	for (size_t i = 0; i < FORM_DIMS_MAX; i++)
		rows[i] = fact_row(fact, i);
	for (size_t k = 0; form_up_next(f, rows, &k, up);) {
		for (size_t a = 0; a < (areas[0] == areas[1] ? 1 : 2); a++)
			if (!combo_add(r->scratch, place_of(areas[a], up), old_months, new_months))
				return false;
	}
	return true;
}

/* A fact that stays only tells of the places that others touch. */
static void combos_touch(struct run *r, const uint8_t *fact, unsigned months)
{
	const struct form *f = r->source->form;
	uint32_t areas[2] = { fact_origin(fact), r->city };
	uint16_t rows[FORM_DIMS_MAX], up[FORM_DIMS_MAX] = { 0 };

	for (size_t i = 0; i < FORM_DIMS_MAX; i++)
		rows[i] = fact_row(fact, i);
	for (size_t k = 0; form_up_next(f, rows, &k, up);) {
		for (size_t a = 0; a < (areas[0] == areas[1] ? 1 : 2); a++) {
			struct combo *c = combo_find(r->scratch, place_of(areas[a], up));

			if (c) {
				c->old_months |= months;
				c->new_months |= months;
			}
		}
	}
}

/* Goes through both lists side by side: those that come or go (`staying` false), or those that
 * stay. */
static bool combos_walk(struct run *r, int year, bool staying)
{
	size_t i = 0, k = 0;

	while (i < r->old.n || k < r->new.n) {
		int order = i == r->old.n   ? 1
			    : k == r->new.n ? -1
					    : memcmp(r->old.at[i], r->new.at[k], FACT_BYTES);
		const uint8_t *fact = order <= 0 ? r->old.at[i] : r->new.at[k];
		int month = fact_from(fact) - year * 12;
		unsigned months = month >= 0 && month < 12 ? 1u << month : 0;

		i += order <= 0;
		k += order >= 0;
		if (!months || (order == 0) != staying)
			continue;
		if (staying && !r->all_places)
			combos_touch(r, fact, months);
		else if (!combos_of_fact(r, fact, order <= 0 ? months : 0, order >= 0 ? months : 0))
			return false;
	}
	return true;
}

static int by_place(const void *a, const void *b)
{
	const struct combo *x = a, *y = b;

	return x->place < y->place ? -1 : x->place > y->place;
}

/* Sorts and joins what stands at the same place. */
static void combos_join(struct entity_scratch *s)
{
	size_t n = 0;

	if (s->n > 48) {
		qsort(s->at, s->n, sizeof(*s->at), by_place);
	} else {
		for (size_t i = 1; i < s->n; i++) {
			struct combo c = s->at[i];
			size_t k = i;

			for (; k > 0 && s->at[k - 1].place > c.place; k--)
				s->at[k] = s->at[k - 1];
			s->at[k] = c;
		}
	}
	for (size_t i = 0; i < s->n; i++) {
		if (n && s->at[n - 1].place == s->at[i].place) {
			s->at[n - 1].old_months |= s->at[i].old_months;
			s->at[n - 1].new_months |= s->at[i].new_months;
		} else {
			s->at[n++] = s->at[i];
		}
	}
	s->n = n;
}

/* Puts what differs between old and new bits of one measure at one place into the cells. */
static void bits_emit(struct run *r, size_t slot, int year, uint64_t place, const uint32_t bits[2])
{
	const struct form *f = r->source->form;
	uint32_t differ = bits[0] ^ bits[1], up[2] = { bits[0] >> UP_TO, bits[1] >> UP_TO };
	uint32_t moved = ((up[0] ^ up[0] << 1) | (up[1] ^ up[1] << 1)) & 0xfff;
	int64_t *numbers;

	for (uint32_t left = differ & ((1u << UP_TO) - 1); left; left &= left - 1) {
		unsigned bit = (unsigned)__builtin_ctz(left);

		numbers = cells_at(r->cells, f, bit_period(bit, year), place);
		if (numbers)
			numbers[slot] += bits[1] & 1u << bit ? 1 : -1;
	}
	for (moved = up[0] == up[1] ? 0 : moved; moved; moved &= moved - 1) {
		unsigned m = (unsigned)__builtin_ctz(moved);
		int now = (int)(up[1] >> m & 1) - (int)(up[0] >> m & 1);
		int before = (int)(up[1] << 1 >> m & 1) - (int)(up[0] << 1 >> m & 1);
		int step = now - before;

		numbers = step ? cells_at(r->cells, f, bit_period(m, year), place) : NULL;
		if (numbers)
			numbers[f->n_measures + slot] += step;
	}
}

static bool year_run(struct run *r, int year)
{
	const struct form *f = r->source->form;
	uint32_t shown = bits_shown(f), with[FORM_MEASURES_MAX][2];

	r->scratch->n = 0;
	if (!combos_walk(r, year, false) || (r->all_places && !combos_walk(r, year, true)))
		return false;
	combos_join(r->scratch);
	if (!r->all_places && r->scratch->n)
		combos_walk(r, year, true);
	for (size_t i = 0; i < f->n_measures; i++) {
		const struct measure *mm = &f->measures[i];

		if (mm->kind != MEASURE_DISTINCT || mm->source != r->source->number)
			continue;
		with[i][0] = with[i][1] = shown;
		if (mm->with) {
			with[i][0] &= bits_with(facts_of_source(r->all_old, mm->with), year);
			with[i][1] &= bits_with(facts_of_source(r->all_new, mm->with), year);
		}
		for (size_t k = 0; k < r->scratch->n; k++) {
			const struct combo *c = &r->scratch->at[k];

			if (c->old_months == c->new_months && with[i][0] == with[i][1])
				continue;

			uint32_t bits[2] = { bits_of_months(c->old_months) & with[i][0],
				bits_of_months(c->new_months) & with[i][1] };

			if (bits[0] != bits[1])
				bits_emit(r, i, year, c->place, bits);
		}
	}
	return true;
}

/* The first year after `year` in which a fact of the list begins; INT32_MAX: none. */
static int year_after(struct fact_list l, int year)
{
	int first = INT32_MAX;

	for (size_t i = 0; i < l.n; i++) {
		int y = fact_from(l.at[i]) / 12;

		if (y > year && y < first)
			first = y;
	}
	return first;
}

/* Nothing of what the source's measures look at beside its own facts has changed. */
static bool others_still(const struct run *r)
{
	const struct form *f = r->source->form;

	for (size_t i = 0; i < f->n_measures; i++) {
		unsigned with = f->measures[i].with;

		if (f->measures[i].kind == MEASURE_DISTINCT &&
			f->measures[i].source == r->source->number && with &&
			!facts_same(facts_of_source(r->all_old, with),
				facts_of_source(r->all_new, with)))
			return false;
	}
	return true;
}

static bool source_run(struct run *r)
{
	int year = 0;

	if (r->source->measure < 0)
		return true;
	r->all_places = !others_still(r);
	if (!r->all_places && facts_same(r->old, r->new))
		return true;
	for (;;) {
		int a = year_after(r->old, year), b = year_after(r->new, year);

		year = a < b ? a : b;
		if (year == INT32_MAX)
			return true;
		if (!year_run(r, year))
			return false;
	}
}

bool entity_change(const struct forms *fs, uint32_t city, struct fact_list old,
	struct fact_list new, struct cells *cells, struct entity_scratch *scratch)
{
	struct run r = { .forms = fs,
		.city = city,
		.all_old = old,
		.all_new = new,
		.cells = cells,
		.scratch = scratch };
	size_t i = 0, k = 0;

	while (i < old.n || k < new.n) {
		unsigned a = i < old.n ? fact_source(old.at[i]) : UINT32_MAX;
		unsigned b = k < new.n ? fact_source(new.at[k]) : UINT32_MAX;
		unsigned number = a < b ? a : b;

		r.old = facts_of_source(old, number);
		r.new = facts_of_source(new, number);
		i += r.old.n;
		k += r.new.n;
		if (number == 0 || number > fs->n_sources)
			continue;
		r.source = fs->sources[number];
		if (r.source->kind == SOURCE_STOCK) {
			struct stock_change c = { fs, r.source, city, old, new, cells };

			if (!stock_change_run(&c, &scratch->stock))
				return false;
		} else if (!source_run(&r)) {
			return false;
		}
	}
	return true;
}

void entity_scratch_deinit(struct entity_scratch *s)
{
	free(s->at);
	stock_scratch_close(s->stock);
	*s = (struct entity_scratch){ 0 };
}
