/* Searching a version of the index. A question is made into a list of steps, each on one plane: 512
 * rows in a few instructions, no row is looked at. What the steps leave is counted; only the rows
 * of the page are put together again.
 *
 * A condition on a number goes over its bits from the lowest to the highest. At each, `so` says of
 * every row whether the bits so far fit:
 *
 *     equal      so &= bit          where the value has 1, else  so &= ~bit    begins with 1
 *     at least   so &= bit          where the value has 1, else  so |= bit     begins with 1
 *     at most    so |= ~bit         where the value has 1, else  so &= ~bit    begins with 1
 *     any of     so |= bit          where the value has 1                      begins with 0
 *
 * A bit that no row has ever had has no plane: it is 0 for all, and its step is worked out
 * beforehand.
 *
 * Occupations: codes that begin alike have their first digits, so bits, in common. Who has more
 * than one has the others in a sorted list of the block's. Bounds that are no beginning of a code
 * are looked at row by row. */
#include "daemon/talent/talent_index_inside.h"

#define AHEAD 3	   /* blocks that are fetched meanwhile */
#define FETCHED 80 /* planes for facets: most that there are */

enum op {
	OP_AND,
	OP_OR,
	OP_AND_NOT,
	OP_OR_NOT,
	OP_ONES,  /* so = 1: the next condition begins */
	OP_ZEROS, /* so = 0 */
	OP_KEEP	  /* the condition is at its end: who does not fit is out */
};

/* ---- from a question to steps ---- */

static void step_add(struct program *p, enum op op, unsigned plane)
{
	p->at[p->n++] = (struct step){ (uint8_t)op, (uint8_t)plane };
}

enum how { EQUAL, AT_LEAST, AT_MOST, ANY_OF };

struct condition {
	enum column column;
	enum how how;
	uint32_t value;
	unsigned low; /* the bits below are free */
};

static void condition_add(struct search *s, struct program *p, struct condition c)
{
	static const enum op ops[][2] = { [EQUAL] = { OP_AND_NOT, OP_AND },
		[AT_LEAST] = { OP_OR, OP_AND },
		[AT_MOST] = { OP_AND_NOT, OP_OR_NOT },
		[ANY_OF] = { OP_OR, OP_OR } };
	const struct column_bits *bits = &column_bits[c.column];
	unsigned begin = p->n;

	step_add(p, c.how == ANY_OF ? OP_ZEROS : OP_ONES, 0);
	for (unsigned k = c.low; k < bits->width; k++) {
		unsigned plane = s->reading.planes.of[bits->first + k];
		bool one = c.value >> k & 1;
		enum op op = ops[c.how][one];

		if (c.how == ANY_OF && !one)
			continue;
		if (plane != PLANE_NONE) {
			bool ones = p->n == begin + 1 && p->at[begin].op == OP_ONES;

			if (!ones || op == OP_AND || op == OP_AND_NOT)
				step_add(p, op, plane);
		} else if (op == OP_AND || op == OP_OR_NOT) {
			p->n = begin;
			step_add(p, op == OP_AND ? OP_ZEROS : OP_ONES, 0);
		}
	}
	step_add(p, OP_KEEP, 0);
	/* More than a row can have. */
	if (bits->width < 32 && c.value >> bits->width)
		s->nothing |= c.how == EQUAL || c.how == AT_LEAST;
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

	condition_add(s, &s->occupation, (struct condition){ COLUMN_HAS_OCC, EQUAL, 1 });
	s->look = nfree < 0;
	if (s->look)
		return;
	condition_add(s, &s->occupation,
		(struct condition){
			COLUMN_OCC, EQUAL, digits_apart(q->occ_least), 4 * (unsigned)nfree });
	if (q->level_min)
		condition_add(s, &s->occupation,
			(struct condition){ COLUMN_OCC_LEVEL, AT_LEAST, q->level_min });
}

/* To the greatest that a row can have. */
static uint32_t year_within(int year)
{
	return year < 0 ? 0 : year > 0xffff ? 0xffff : (uint32_t)year;
}

static void number_ask(struct search *s, enum column f, uint32_t value)
{
	if (value)
		condition_add(s, &s->others, (struct condition){ f, EQUAL, value });
}

static void set_ask(struct search *s, enum column f, uint32_t bits)
{
	if (bits)
		condition_add(s, &s->others, (struct condition){ f, ANY_OF, bits });
}

static void search_init(struct search *s, const struct version *v)
{
	const struct talent_query *q = s->q;
	unsigned i = 0;

	condition_add(s, &s->others,
		(struct condition){ q->outside ? COLUMN_THERE : COLUMN_IN, EQUAL, 1 });
	/* Who has such an occupation at that level has the level too. */
	if (q->occ_most)
		occupation_ask(s);
	else if (q->level_min)
		condition_add(
			s, &s->others, (struct condition){ COLUMN_LEVEL, AT_LEAST, q->level_min });
	while (q->district && i < v->n_areas && s->reading.words->areas[i] != q->district)
		i++;
	s->nothing |= i == v->n_areas;
	number_ask(s, COLUMN_DISTRICT, i);
	number_ask(s, COLUMN_STATUS, q->status);
	number_ask(s, COLUMN_INDUSTRY, q->industry);
	number_ask(s, COLUMN_SEX, q->sex);
	set_ask(s, COLUMN_HONOURS, q->honours);
	set_ask(s, COLUMN_PROGRAMMES, q->programmes);
	set_ask(s, COLUMN_AREAS, q->areas);
	set_ask(s, COLUMN_CHAINS, q->chains);
	/* Who has no year of birth (0) is within no bounds. */
	if (q->born_from > 0 || q->born_to)
		condition_add(s, &s->others,
			(struct condition){ COLUMN_BIRTH, AT_LEAST,
				q->born_from > 0 ? (uint32_t)q->born_from : 1 });
	if (q->born_to)
		condition_add(s, &s->others,
			(struct condition){ COLUMN_BIRTH, AT_MOST, year_within(q->born_to) });
}

static void ages_ask(struct search *s)
{
	static const int most[] = { 35, 45, 55 };

	for (unsigned i = 0; i < 3; i++)
		condition_add(s, &s->ages[i],
			(struct condition){
				COLUMN_BIRTH, AT_LEAST, (uint32_t)(s->year - most[i]) });
	condition_add(s, &s->ages[3], (struct condition){ COLUMN_BIRTH, EQUAL, 0 });
}

/* ---- a block ---- */

void program_run(const struct program *p, const struct block *b, uint64_t fit[WORDS])
{
	static const uint64_t none[WORDS];
	uint64_t so[WORDS] = { 0 };

	for (unsigned k = 0; k < p->n; k++) {
		const struct step *s = &p->at[k];
		const uint64_t *plane = s->plane < b->n_planes ? b->planes[s->plane] : none;

		switch ((enum op)s->op) {
		case OP_AND:
			for (unsigned i = 0; i < WORDS; i++)
				so[i] &= plane[i];
			break;
		case OP_OR:
			for (unsigned i = 0; i < WORDS; i++)
				so[i] |= plane[i];
			break;
		case OP_AND_NOT:
			for (unsigned i = 0; i < WORDS; i++)
				so[i] &= ~plane[i];
			break;
		case OP_OR_NOT:
			for (unsigned i = 0; i < WORDS; i++)
				so[i] |= ~plane[i];
			break;
		case OP_ONES:
			memset(so, 0xff, sizeof(so));
			break;
		case OP_ZEROS:
			memset(so, 0, sizeof(so));
			break;
		case OP_KEEP:
			for (unsigned i = 0; i < WORDS; i++)
				fit[i] &= so[i];
			break;
		}
	}
}

static void prefetch(const struct program *p, const struct block *b)
{
	for (unsigned k = 0; k < p->n; k++)
		__builtin_prefetch(b->planes[p->at[k].plane]);
}

/* The occupations that are looked through; the block itself has been fetched before. */
static void prefetch_more(const struct block *b)
{
	const char *from = (const char *)b->more, *end = (const char *)(b->more + b->n_more);

	for (; from < end; from += 64)
		__builtin_prefetch(from);
}

/* Facets look at all of it but the pids. */
static void prefetch_all(const struct block *b)
{
	const char *from = (const char *)b->occs, *end = (const char *)(b->planes + FETCHED);

	for (; from < end; from += 64)
		__builtin_prefetch(from);
}

static bool occs_take(const struct talent_query *q, const uint32_t *occs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t digits = occs[i] & 0xffffff;

		if (digits >= q->occ_least && digits <= q->occ_most &&
			occs[i] >> 24 >= q->level_min)
			return true;
	}
	return false;
}

/* Whose second or later occupation it is. */
static void more_fit(const struct search *s, const struct block *b, uint64_t fit[WORDS])
{
	const struct talent_query *q = s->q;
	uint32_t most = q->occ_most << 4 | 15;

	for (unsigned i = block_more(b, q->occ_least << 4); i < b->n_more && b->more[i] <= most;
		i++) {
		unsigned row = b->more_rows[i];

		fit[row / 64] |= (uint64_t)((b->more[i] & 15) >= q->level_min) << row % 64;
	}
}

static void look_fit(const struct search *s, const struct block *b, uint64_t fit[WORDS])
{
	for (unsigned row = 0; row < b->n; row++) {
		struct talent_state state;

		if (!rows_has(fit, row))
			continue;
		block_row_read(b, row, &s->reading, &state);
		if (!occs_take(s->q, state.occs, state.n_occs))
			fit[row / 64] &= ~(UINT64_C(1) << row % 64);
	}
}

/* Leaves in `fit` who fits; returns how many. */
static unsigned block_fit(const struct search *s, const struct block *b, uint64_t fit[WORDS])
{
	memset(fit, 0xff, WORDS * sizeof(*fit));
	program_run(&s->occupation, b, fit);
	if (s->q->occ_most && !s->look && b->n_more)
		more_fit(s, b, fit);
	program_run(&s->others, b, fit);
	if (s->look)
		look_fit(s, b, fit);
	return rows_count(fit);
}

bool talent_query_takes(const struct talent_query *q, const struct talent_state *s)
{
	int from = q->born_from || !q->born_to ? q->born_from : 1;

	return (s->in || q->outside) && s->level >= q->level_min &&
	       (!q->occ_most || occs_take(q, s->occs, s->n_occs)) &&
	       (!q->honours || (s->honours & q->honours)) &&
	       (!q->chains || (s->chains & q->chains)) &&
	       (!q->programmes || (s->programmes & q->programmes)) &&
	       (!q->areas || (s->areas & q->areas)) &&
	       (!q->district || s->district == q->district) &&
	       (!q->status || s->status == q->status) &&
	       (!q->industry || s->industry == q->industry) && (!q->sex || s->sex == q->sex) &&
	       s->birth_year >= from && (!q->born_to || s->birth_year <= q->born_to);
}

/* ---- all blocks ---- */

/* The block in which the rows after a pid begin. */
static size_t block_after(const struct version *v, const uint8_t *after)
{
	size_t first = 0, end = v->n;

	while (after && first < end) {
		size_t mid = (first + end) / 2;

		if (memcmp(v->blocks[mid]->pids[0], after, PID_BYTES) <= 0)
			first = mid + 1;
		else
			end = mid;
	}
	return first - (first > 0);
}

/* Those of a block that belong on the page. */
static void page_fill(const struct search *s, const struct block *b, const uint64_t fit[WORDS],
	const uint8_t *after, struct talent_hit *hits, size_t limit, struct talent_found *found)
{
	for (unsigned row = 0; row < b->n; row++) {
		if (!rows_has(fit, row) || (after && memcmp(b->pids[row], after, PID_BYTES) <= 0))
			continue;
		found->more = found->n == limit;
		if (found->more)
			return;
		memcpy(hits[found->n].pid, b->pids[row], PID_BYTES);
		block_row_read(b, row, &s->reading, &hits[found->n++].state);
	}
}

int talent_index_find(struct talent_index *x, const struct talent_query *q,
	const uint8_t after[PID_BYTES], struct talent_hit *hits, size_t limit,
	struct talent_found *found, struct talent_facets *facets)
{
	struct version *v = version_take(x);
	struct search s = { .q = q };
	uint64_t fit[WORDS];
	size_t page;

	if (!v)
		return ERR_NOMEM;
	*found = (struct talent_found){ .day = v->day };
	reading_init(&s.reading, &x->words, v->n_planes);
	s.year = v->day / 10000;
	search_init(&s, v);
	if (facets)
		ages_ask(&s);
	page = block_after(v, after);
	for (size_t i = 0; i < v->n && !s.nothing; i++) {
		const struct block *b = v->blocks[i];
		unsigned n;

		if (i + AHEAD < v->n) {
			prefetch(&s.occupation, v->blocks[i + AHEAD]);
			prefetch(&s.others, v->blocks[i + AHEAD]);
			if (q->occ_most)
				prefetch_more(v->blocks[i + AHEAD]);
		}
		if (i + 2 * AHEAD < v->n)
			__builtin_prefetch(v->blocks[i + 2 * AHEAD]);
		if (facets && i + 1 < v->n)
			prefetch_all(v->blocks[i + 1]);
		n = block_fit(&s, b, fit);
		found->total += n;
		if (n && i >= page && !found->more)
			page_fill(&s, b, fit, i == page ? after : NULL, hits, limit, found);
		if (n && facets)
			facets_add_block(facets, &s, b, fit, n);
	}
	version_give(x, v);
	return 0;
}
