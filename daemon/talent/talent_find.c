/* Searching the index: a query becomes words and masks, and goes over all rows (talent_index.c says
 * how they lie). */
#include "daemon/talent/talent_index_inside.h"

static void state_of(
	const struct talent_index *x, const struct block *b, unsigned row, struct talent_state *s)
{
	const struct line *l = &b->lines[row];
	size_t first = occ_begin(b, row);

	*s = (struct talent_state){ .level = (uint8_t)l->w[0],
		.status = (uint8_t)(l->w[0] >> W0_STATUS),
		.industry = (uint8_t)(l->w[0] >> W0_INDUSTRY),
		.sex = l->w[0] >> W0_SEX & 3,
		.in = l->w[0] >> W0_IN & 1,
		.birth_year = (uint16_t)(l->w[0] >> W0_BIRTH),
		.district = x->areas[l->w[0] >> W0_DISTRICT & (TALENT_DISTRICTS_MAX - 1)],
		.honours = l->w[1] & 0xffffff,
		.chains = l->w[1] >> W1_CHAINS & 0xffff,
		.programmes = l->w[2] & 0xffff,
		.areas = l->w[2] >> W2_AREAS & 0xffff,
		.n_occs = b->occ_end[row] - first };
	memcpy(s->occs, b->occs + first, s->n_occs * sizeof(*s->occs));
}

/* A query in the words of a line. */
struct probe {
	uint64_t equal[3], mask[3];		     /* (word ^ equal) & mask must be 0 */
	uint64_t honours, chains, programmes, areas; /* one bit of each that is not 0 */
	uint8_t level;
	unsigned born_from, born_to;
	bool occs;
	bool nothing; /* a district that nobody stands in */
};

static void probe_equal(struct probe *p, unsigned shift, uint64_t mask, uint64_t value)
{
	p->mask[0] |= mask << shift;
	p->equal[0] |= value << shift;
}

static void probe_make(struct probe *p, const struct talent_index *x, const struct talent_query *q)
{
	*p = (struct probe){ .level = q->level_min,
		.honours = q->honours,
		.chains = (uint64_t)q->chains << W1_CHAINS,
		.programmes = q->programmes,
		.areas = (uint64_t)q->areas << W2_AREAS,
		.born_from = q->born_from > 0 ? (unsigned)q->born_from : 0,
		.born_to = q->born_to > 0 ? (unsigned)q->born_to : 0xffff,
		.occs = q->occ_most != 0 };
	if (!p->born_from && p->born_to != 0xffff)
		p->born_from = 1;
	if (!q->outside)
		probe_equal(p, W0_IN, 1, 1);
	if (q->status)
		probe_equal(p, W0_STATUS, 0xff, q->status);
	if (q->industry)
		probe_equal(p, W0_INDUSTRY, 0xff, q->industry);
	if (q->sex)
		probe_equal(p, W0_SEX, 3, q->sex);
	if (q->district) {
		size_t i = 0;

		while (i < x->n_areas && x->areas[i] != q->district)
			i++;
		p->nothing = i == x->n_areas;
		probe_equal(p, W0_DISTRICT, 0xffff, i);
	}
	if (p->occs) {
		uint32_t span = q->occ_most - q->occ_least;
		unsigned steps = span == 0 ? 4 : span < 100 ? 3 : span < 10000 ? 2 : span < 1000000;
		uint64_t bits = (uint64_t)occ_signature(q->occ_least, steps) << W2_OCCS;

		p->mask[2] |= bits;
		p->equal[2] |= bits;
	}
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

static inline bool line_takes(const struct probe *p, const struct line *l)
{
	uint64_t w0 = l->w[0], w1 = l->w[1], w2 = l->w[2];
	unsigned birth = w0 >> W0_BIRTH & 0xffff;

	return (((w0 ^ p->equal[0]) & p->mask[0]) | ((w2 ^ p->equal[2]) & p->mask[2])) == 0 &&
	       (uint8_t)w0 >= p->level && birth >= p->born_from && birth <= p->born_to &&
	       (!p->honours || (w1 & p->honours)) && (!p->chains || (w1 & p->chains)) &&
	       (!p->programmes || (w2 & p->programmes)) && (!p->areas || (w2 & p->areas));
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
	struct probe p;

	pthread_rwlock_rdlock(&x->lock);
	*found = (struct talent_found){ .day = x->day };
	probe_make(&p, x, q);
	for (size_t i = 0; i < x->n && !p.nothing; i++) {
		const struct block *b = x->blocks[i];

		for (unsigned row = 0; row < b->n; row++) {
			if (!line_takes(&p, &b->lines[row]))
				continue;
			if (p.occs && !occs_take(q, b->occs + occ_begin(b, row),
					      b->occ_end[row] - occ_begin(b, row)))
				continue;
			found->total++;
			if (facets) {
				struct talent_state s;

				state_of(x, b, row, &s);
				talent_facets_add(facets, q, &s, x->day / 10000);
			}
			if (found->more || (after && memcmp(b->pids[row], after, PID_BYTES) <= 0))
				continue;
			if (found->n == limit) {
				found->more = true;
				continue;
			}
			memcpy(hits[found->n].pid, b->pids[row], PID_BYTES);
			state_of(x, b, row, &hits[found->n++].state);
		}
	}
	pthread_rwlock_unlock(&x->lock);
}
