/* Searching a version of the index: block by block, a condition at a time over a column, each
 * leaving a byte a row: 1 for who still fits. The loops have a fixed length and no branch, so that
 * the compiler makes vectors of them. Who is left is counted; rows are looked at more closely for
 * the page, for facets, and for occupations, whose signatures say only who may have them. */
#include "daemon/talent/talent_index_inside.h"

/* ---- conditions on a column ---- */

static void keep_equal8(uint8_t *restrict ok, const uint8_t *restrict v, uint8_t value)
{
	for (unsigned i = 0; i < BLOCK; i++)
		ok[i] &= v[i] == value;
}

static void keep_from8(uint8_t *restrict ok, const uint8_t *restrict v, uint8_t least)
{
	for (unsigned i = 0; i < BLOCK; i++)
		ok[i] &= v[i] >= least;
}

static void keep_within16(
	uint8_t *restrict ok, const uint16_t *restrict v, uint16_t least, uint16_t most)
{
	for (unsigned i = 0; i < BLOCK; i++)
		ok[i] &= (v[i] >= least) & (v[i] <= most);
}

static void keep_any16(uint8_t *restrict ok, const uint16_t *restrict v, uint16_t bits)
{
	for (unsigned i = 0; i < BLOCK; i++)
		ok[i] &= (v[i] & bits) != 0;
}

static void keep_any32(uint8_t *restrict ok, const uint32_t *restrict v, uint32_t bits)
{
	for (unsigned i = 0; i < BLOCK; i++)
		ok[i] &= (v[i] & bits) != 0;
}

static void keep_all32(uint8_t *restrict ok, const uint32_t *restrict v, uint32_t bits)
{
	for (unsigned i = 0; i < BLOCK; i++)
		ok[i] &= (v[i] & bits) == bits;
}

/* ---- a query ---- */

struct search {
	const struct talent_index *x;
	const struct version *v;
	const struct talent_query *q;
	uint16_t district, born_from, born_to;
	uint32_t signs;
	bool nothing; /* a district that nobody stands in */
};

static uint16_t year_within(int year)
{
	return year < 0 ? 0 : year > 0xffff ? 0xffff : (uint16_t)year;
}

static void search_init(struct search *s)
{
	const struct talent_query *q = s->q;
	uint32_t span = q->occ_most - q->occ_least;
	size_t i = 0;

	/* Who has no year of birth (0) is within no bounds. */
	s->born_from = year_within(q->born_from > 0 || !q->born_to ? q->born_from : 1);
	s->born_to = q->born_to ? year_within(q->born_to) : 0xffff;
	if (q->occ_most)
		s->signs = occ_signature(q->occ_least, span == 0      ? 4
						       : span < 100   ? 3
						       : span < 10000 ? 2
								      : span < 1000000);
	while (q->district && i < s->v->n_areas && s->x->areas[i] != q->district)
		i++;
	s->district = (uint16_t)i;
	s->nothing = q->district && i == s->v->n_areas;
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

/* Leaves in `ok` who fits; returns how many. */
static unsigned block_fit(const struct search *s, const struct block *b, uint8_t ok[BLOCK])
{
	const struct talent_query *q = s->q;
	unsigned n = 0;

	memset(ok, 1, b->n);
	memset(ok + b->n, 0, BLOCK - b->n);
	if (!q->outside)
		keep_equal8(ok, b->in, 1);
	if (q->level_min)
		keep_from8(ok, b->level, q->level_min);
	if (q->status)
		keep_equal8(ok, b->status, q->status);
	if (q->industry)
		keep_equal8(ok, b->industry, q->industry);
	if (q->sex)
		keep_equal8(ok, b->sex, q->sex);
	if (s->born_from || s->born_to != 0xffff)
		keep_within16(ok, b->birth, s->born_from, s->born_to);
	if (q->district)
		keep_within16(ok, b->district, s->district, s->district);
	if (q->programmes)
		keep_any16(ok, b->programmes, (uint16_t)q->programmes);
	if (q->areas)
		keep_any16(ok, b->areas, (uint16_t)q->areas);
	if (q->chains)
		keep_any16(ok, b->chains, (uint16_t)q->chains);
	if (q->honours)
		keep_any32(ok, b->honours, q->honours);
	if (q->occ_most) {
		keep_all32(ok, b->signs, s->signs);
		for (unsigned i = memchr(ok, 1, b->n) ? 0 : b->n; i < b->n; i++)
			ok[i] = ok[i] && occs_take(q, b->occs + occ_begin(b, i),
						 b->occ_end[i] - occ_begin(b, i));
	}
	for (unsigned i = 0; i < BLOCK; i++)
		n += ok[i];
	return n;
}

static void state_of(
	const struct talent_index *x, const struct block *b, unsigned row, struct talent_state *s)
{
	size_t first = occ_begin(b, row);

	/* Field by field: of the list of occupations only what is used. */
	s->in = b->in[row];
	s->clause = 0;
	s->changes = 0;
	s->level = b->level[row];
	s->status = b->status[row];
	s->industry = b->industry[row];
	s->sex = b->sex[row];
	s->birth_year = b->birth[row];
	s->district = x->areas[b->district[row]];
	s->honours = b->honours[row];
	s->chains = b->chains[row];
	s->programmes = b->programmes[row];
	s->areas = b->areas[row];
	s->n_occs = b->occ_end[row] - first;
	for (size_t i = 0; i < s->n_occs; i++)
		s->occs[i] = b->occs[first + i];
}

/* Those of a block that belong on the page. */
static void page_fill(const struct search *s, const struct block *b, const uint8_t ok[BLOCK],
	const uint8_t *after, struct talent_hit *hits, size_t limit, struct talent_found *found)
{
	for (unsigned i = 0; i < b->n && !found->more; i++) {
		if (!ok[i] || (after && memcmp(b->pids[i], after, PID_BYTES) <= 0))
			continue;
		found->more = found->n == limit;
		if (found->more)
			return;
		memcpy(hits[found->n].pid, b->pids[i], PID_BYTES);
		state_of(s->x, b, i, &hits[found->n++].state);
	}
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

void talent_index_find(struct talent_index *x, const struct talent_query *q,
	const uint8_t after[PID_BYTES], struct talent_hit *hits, size_t limit,
	struct talent_found *found, struct talent_facets *facets)
{
	struct version *v = version_take(x);
	struct search s = { .x = x, .v = v, .q = q };
	uint8_t ok[BLOCK];

	*found = (struct talent_found){ .day = v->day };
	search_init(&s);
	for (size_t i = 0; i < v->n && !s.nothing; i++) {
		const struct block *b = v->blocks[i];
		unsigned n = block_fit(&s, b, ok);

		found->total += n;
		if (!n)
			continue;
		if (!found->more)
			page_fill(&s, b, ok, after, hits, limit, found);
		for (unsigned row = 0; facets && row < b->n; row++) {
			struct talent_state state;

			if (!ok[row])
				continue;
			state_of(x, b, row, &state);
			talent_facets_add(facets, q, &state, v->day / 10000);
		}
	}
	version_give(x, v);
}
