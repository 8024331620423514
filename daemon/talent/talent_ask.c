/* From a question to conditions on planes, and whose rows of a block fulfil them: 512 rows in a few
 * instructions, no row is looked at.
 *
 * A number that is asked for exactly is a set of bits that are 1 and one of bits that are 0; a list
 * of which one is enough is a set of bits. Bounds on a number go over its bits from the lowest to
 * the highest; at each, `so` says of every row whether the bits so far fit:
 *
 *     at least   so &= bit          where the bound has 1, else  so |= bit     begins with 1
 *     at most    so |= ~bit         where the bound has 1, else  so &= ~bit    begins with 1
 *
 * A bit that no row of the index has ever had has no plane: it is 0 for all, and what it does is
 * worked out beforehand. A bit that all rows of a block have, or none, does the same for the whole
 * block (its head says so); only planes of which neither holds are read.
 *
 * Occupations: codes that begin alike have their first digits, so bits, in common. Bounds that are
 * no beginning of a code are looked at row by row (talent_find.c). */
#include "daemon/talent/talent_index_inside.h"

#include <assert.h>

enum op {
	OP_AND,
	OP_OR,
	OP_AND_NOT,
	OP_OR_NOT,
	OP_ONES,  /* so = 1: the next bound begins */
	OP_ZEROS, /* so = 0 */
	OP_KEEP,  /* the bound is at its end: who does not fit is out */
	OP_NONE
};

/* ---- from a question to conditions ---- */

static unsigned plane_of(const struct search *s, enum column column, unsigned bit)
{
	return s->reading.planes.of[column_bits[column].first + bit];
}

static bool too_wide(enum column column, uint32_t value)
{
	return column_bits[column].width < 32 && value >> column_bits[column].width;
}

/* Bits below `low` are free. */
static void equal_ask(
	const struct search *s, struct program *p, enum column column, uint32_t value, unsigned low)
{
	p->nothing |= too_wide(column, value);
	for (unsigned k = low; k < column_bits[column].width; k++) {
		unsigned plane = plane_of(s, column, k);
		bool one = value >> k & 1;

		if (plane != PLANE_NONE)
			planes_add(one ? &p->ones : &p->zeros, plane);
		else
			p->nothing |= one;
	}
}

static void any_ask(const struct search *s, struct program *p, enum column column, uint32_t bits)
{
	struct plane_set *any = &p->any[p->n_any];
	bool there = false;

	if (!bits)
		return;
	for (unsigned k = 0; k < column_bits[column].width; k++) {
		unsigned plane = plane_of(s, column, k);

		if (!(bits >> k & 1) || plane == PLANE_NONE)
			continue;
		planes_add(any, plane);
		planes_add(&p->looked, plane);
		there = true;
	}
	p->n_any++;
	assert(p->n_any <= ANY_SETS);
	p->nothing |= !there;
}

static void step_add(struct program *p, enum op op, unsigned plane)
{
	assert(p->n < STEPS);
	p->at[p->n++] = (struct step){ (uint8_t)op, (uint8_t)plane };
}

enum bound { AT_LEAST, AT_MOST };

static void bound_ask(const struct search *s, struct program *p, enum column column,
	enum bound bound, uint32_t value)
{
	static const enum op ops[][2] = {
		[AT_LEAST] = { OP_OR, OP_AND }, [AT_MOST] = { OP_AND_NOT, OP_OR_NOT }
	};
	unsigned begin = p->n;

	step_add(p, OP_ONES, 0);
	for (unsigned k = 0; k < column_bits[column].width; k++) {
		unsigned plane = plane_of(s, column, k);
		enum op op = ops[bound][value >> k & 1];

		if (plane != PLANE_NONE) {
			planes_add(&p->looked, plane);
			bool ones = p->n == begin + 1 && p->at[begin].op == OP_ONES;

			if (!ones || op == OP_AND || op == OP_AND_NOT)
				step_add(p, op, plane);
		} else if (op == OP_AND || op == OP_OR_NOT) {
			p->n = begin;
			step_add(p, op == OP_AND ? OP_ZEROS : OP_ONES, 0);
		}
	}
	step_add(p, OP_KEEP, 0);
	p->nothing |= bound == AT_LEAST && too_wide(column, value);
}

/* The digits, of eight, that all codes within the bounds end with in any way; -1: they are not
 * those that begin alike. */
static int digits_free(uint32_t least, uint32_t most)
{
	uint32_t step = 1;

	for (int n = 0; n <= 8; n++, step *= 10)
		if (most - least == step - 1)
			return least % step == 0 ? n : -1;
	return -1;
}

static void occupation_ask(struct search *s)
{
	const struct talent_query *q = s->q;
	int nfree = digits_free(q->occ_least, q->occ_most);

	equal_ask(s, &s->occupation, COLUMN_HAS_OCC, 1, 0);
	s->look = nfree < 0;
	if (s->look)
		return;
	equal_ask(s, &s->occupation, COLUMN_OCC, digits_apart(q->occ_least), 4 * (unsigned)nfree);
	if (q->level_min)
		bound_ask(s, &s->occupation, COLUMN_OCC_LEVEL, AT_LEAST, q->level_min);
}

/* To the greatest that a row can have. */
static uint32_t year_within(int year)
{
	return year < 0 ? 0 : year > 0xffff ? 0xffff : (uint32_t)year;
}

static void ages_ask(struct search *s)
{
	static const int most[] = { 35, 45, 55 };

	for (unsigned i = 0; i < 3; i++)
		bound_ask(s, &s->ages[i], COLUMN_BIRTH, AT_LEAST, (uint32_t)(s->year - most[i]));
	equal_ask(s, &s->ages[3], COLUMN_BIRTH, 0, 0);
}

static void numbers_ask(struct search *s, uint32_t district)
{
	const struct talent_query *q = s->q;
	const struct {
		enum column column;
		uint32_t value;
	} numbers[] = { { COLUMN_DISTRICT, district }, { COLUMN_STATUS, q->status },
		{ COLUMN_INDUSTRY, q->industry }, { COLUMN_SEX, q->sex } };

	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (numbers[i].value)
			equal_ask(s, &s->others, numbers[i].column, numbers[i].value, 0);
}

void search_ask(struct search *s, const struct version *v, bool facets)
{
	const struct talent_query *q = s->q;
	struct program *p = &s->others;
	unsigned i = 0;

	s->year = v->day / 10000;
	equal_ask(s, p, q->outside ? COLUMN_THERE : COLUMN_IN, 1, 0);
	/* Who has such an occupation at that level has the level too. */
	if (q->occ_most)
		occupation_ask(s);
	else if (q->level_min)
		bound_ask(s, p, COLUMN_LEVEL, AT_LEAST, q->level_min);
	while (q->district && i < v->n_areas && s->reading.words->areas[i] != q->district)
		i++;
	numbers_ask(s, i);
	any_ask(s, p, COLUMN_HONOURS, q->honours);
	any_ask(s, p, COLUMN_PROGRAMMES, q->programmes);
	any_ask(s, p, COLUMN_AREAS, q->areas);
	any_ask(s, p, COLUMN_CHAINS, q->chains);
	/* Who has no year of birth (0) is within no bounds. */
	if (q->born_from > 0 || q->born_to)
		bound_ask(s, p, COLUMN_BIRTH, AT_LEAST,
			q->born_from > 0 ? (uint32_t)q->born_from : 1);
	if (q->born_to)
		bound_ask(s, p, COLUMN_BIRTH, AT_MOST, year_within(q->born_to));
	/* Where the first occupation is none of them, another may be. */
	s->nothing = i == v->n_areas || p->nothing;
	if (facets)
		ages_ask(s);
}

/* ---- a block ---- */

/* Said to be apart, so that the compiler makes vectors of them. */
static void rows_and(uint64_t *restrict rows, const uint64_t *restrict plane)
{
	for (unsigned i = 0; i < WORDS; i++)
		rows[i] &= plane[i];
}

static void rows_without(uint64_t *restrict rows, const uint64_t *restrict plane)
{
	for (unsigned i = 0; i < WORDS; i++)
		rows[i] &= ~plane[i];
}

static void rows_or(uint64_t *restrict rows, const uint64_t *restrict plane)
{
	for (unsigned i = 0; i < WORDS; i++)
		rows[i] |= plane[i];
}

static void rows_or_not(uint64_t *restrict rows, const uint64_t *restrict plane)
{
	for (unsigned i = 0; i < WORDS; i++)
		rows[i] |= ~plane[i];
}

static bool none(const uint64_t rows[WORDS])
{
	uint64_t all = 0;

	for (unsigned i = 0; i < WORDS; i++)
		all |= rows[i];
	return all == 0;
}

/* The first plane of a set's word. */
static unsigned plane_first(unsigned w, uint64_t set)
{
	return w * 64 + (unsigned)__builtin_ctzll(set);
}

void program_plan(const struct program *p, const struct head *h, struct plan *plan)
{
	uint64_t out = p->nothing, read[PLANE_WORDS], looks = p->n_any + p->n;

	plan->h = h;
	for (unsigned w = 0; w < PLANE_WORDS; w++) {
		uint64_t some = h->some.w[w], all = h->all.w[w];

		out |= (p->ones.w[w] & ~some) | (p->zeros.w[w] & all);
		plan->ones.w[w] = p->ones.w[w] & ~all;
		plan->zeros.w[w] = p->zeros.w[w] & some;
		read[w] = (p->ones.w[w] & ~all) | (p->zeros.w[w] & some);
		looks |= read[w];
		read[w] |= p->looked.w[w] & some & ~all;
	}
	plan->none = out != 0;
	plan->every = looks == 0;
	for (unsigned w = 0; w < PLANE_WORDS && !out; w++)
		for (uint64_t left = read[w]; left; left &= left - 1)
			__builtin_prefetch(h->planes[plane_first(w, left)]);
}

static void equals_run(const struct plan *plan, uint64_t fit[WORDS])
{
	const uint64_t(*planes)[WORDS] = plan->h->planes;

	for (unsigned w = 0; w < PLANE_WORDS; w++) {
		for (uint64_t left = plan->ones.w[w]; left; left &= left - 1)
			rows_and(fit, planes[plane_first(w, left)]);
		for (uint64_t left = plan->zeros.w[w]; left; left &= left - 1)
			rows_without(fit, planes[plane_first(w, left)]);
	}
}

static void any_run(const struct plane_set *any, const struct head *h, uint64_t fit[WORDS])
{
	uint64_t so[WORDS] = { 0 }, all = 0;

	for (unsigned w = 0; w < PLANE_WORDS; w++)
		all |= any->w[w] & h->all.w[w];
	if (all)
		return;
	for (unsigned w = 0; w < PLANE_WORDS; w++)
		for (uint64_t left = any->w[w] & h->some.w[w]; left; left &= left - 1)
			rows_or(so, h->planes[plane_first(w, left)]);
	rows_and(fit, so);
}

/* A step on a bit that is the same for all rows; OP_NONE: it changes nothing. */
static enum op step_same(enum op op, bool ones)
{
	switch (op) {
	case OP_AND:
		return ones ? OP_NONE : OP_ZEROS;
	case OP_OR:
		return ones ? OP_ONES : OP_NONE;
	case OP_AND_NOT:
		return ones ? OP_ZEROS : OP_NONE;
	default:
		return ones ? OP_NONE : OP_ONES;
	}
}

static void steps_run(const struct program *p, const struct head *h, uint64_t fit[WORDS])
{
	uint64_t so[WORDS] = { 0 };

	for (unsigned k = 0; k < p->n; k++) {
		const struct step *s = &p->at[k];
		const uint64_t *plane = h->planes[s->plane];
		enum op op = s->op;
		bool all = planes_has(&h->all, s->plane);

		if (op <= OP_OR_NOT && (all || !planes_has(&h->some, s->plane)))
			op = step_same(op, all);
		switch (op) {
		case OP_AND:
			rows_and(so, plane);
			break;
		case OP_OR:
			rows_or(so, plane);
			break;
		case OP_AND_NOT:
			rows_without(so, plane);
			break;
		case OP_OR_NOT:
			rows_or_not(so, plane);
			break;
		case OP_ONES:
			memset(so, 0xff, sizeof(so));
			break;
		case OP_ZEROS:
			memset(so, 0, sizeof(so));
			break;
		case OP_KEEP:
			rows_and(fit, so);
			break;
		case OP_NONE:
			break;
		}
	}
}

bool program_run(const struct program *p, const struct plan *plan, uint64_t fit[WORDS])
{
	if (plan->none) {
		memset(fit, 0, WORDS * sizeof(*fit));
		return false;
	}
	if (plan->every)
		return true;
	equals_run(plan, fit);
	for (unsigned i = 0; i < p->n_any; i++)
		any_run(&p->any[i], plan->h, fit);
	if (p->n)
		steps_run(p, plan->h, fit);
	return !none(fit);
}
