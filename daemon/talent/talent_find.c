/* Searching a version of the index. The question becomes conditions on planes (talent_ask.c); the
 * heads of the blocks, which stand side by side, say of each which planes there are to look at.
 * What fits is counted; only the rows of the page are put together again. Of a question that was
 * asked lately only blocks are counted that are new (talent_kept.c), and those of the page.
 *
 * Memory is slow where it has not been looked at lately, and of a million talents little has: what
 * a block will be asked for is fetched some blocks ahead.
 *
 * Who has more occupations than one has the others in a sorted list of the block's. Bounds that are
 * no beginning of a code are looked at row by row. */
#include "daemon/talent/talent_index_inside.h"

#define AHEAD 8 /* blocks that are fetched meanwhile */

/* What a search has to do with a block. */
struct block_plan {
	struct plan others, occupation;
};

/* ---- a block ---- */

/* The occupations that are looked through. */
static void more_fetch(const struct head *h)
{
	const char *from = (const char *)h->more, *end = (const char *)(h->more + h->n_more);

	for (; from < end; from += 64)
		__builtin_prefetch(from);
}

/* Facets look at all of it but the pids. */
static void block_fetch(const struct block *b, const struct head *h)
{
	const char *from = (const char *)b->occs, *end = (const char *)(h->planes + h->n_planes);

	for (; from < end; from += 64)
		__builtin_prefetch(from);
}

static bool search_occs(const struct talent_query *q, const uint32_t *occs, size_t n)
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
static void more_fit(const struct search *s, const struct head *h, uint64_t fit[WORDS])
{
	const struct talent_query *q = s->q;
	const uint16_t *rows = (const uint16_t *)(h->more + h->more_room);
	uint32_t most = q->occ_most << 4 | 15;

	for (unsigned i = more_from(h->more, h->n_more, q->occ_least << 4);
		i < h->n_more && h->more[i] <= most; i++)
		fit[rows[i] / 64] |= (uint64_t)((h->more[i] & 15) >= q->level_min) << rows[i] % 64;
}

static void look_fit(const struct search *s, const struct block *b, uint64_t fit[WORDS])
{
	for (unsigned row = 0; row < b->n; row++) {
		struct talent_state state;

		if (!rows_has(fit, row))
			continue;
		block_row_read(b, row, &s->reading, &state);
		if (!search_occs(s->q, state.occs, state.n_occs))
			fit[row / 64] &= ~(UINT64_C(1) << row % 64);
	}
}

static void occupation_fit(
	const struct search *s, const struct block_plan *plan, uint64_t fit[WORDS])
{
	const struct head *h = plan->others.h;
	uint64_t more[WORDS] = { 0 };

	if (!s->look && h->n_more)
		more_fit(s, h, more);
	for (unsigned i = 0; i < WORDS; i++)
		more[i] &= fit[i];
	program_run(&s->occupation, &plan->occupation, fit);
	for (unsigned i = 0; i < WORDS; i++)
		fit[i] |= more[i];
}

/* Leaves in `fit` who fits; returns how many. */
static unsigned block_fit(const struct search *s, const struct block *b,
	const struct block_plan *plan, uint64_t fit[WORDS])
{
	if (plan->others.none)
		return 0;
	rows_first(plan->others.h->n, fit);
	if (plan->others.every && !s->q->occ_most)
		return plan->others.h->n;
	if (!program_run(&s->others, &plan->others, fit))
		return 0;
	if (s->q->occ_most)
		occupation_fit(s, plan, fit);
	if (s->look)
		look_fit(s, b, fit);
	return rows_count(fit);
}

bool talent_query_takes(const struct talent_query *q, const struct talent_state *s)
{
	int from = q->born_from || !q->born_to ? q->born_from : 1;

	return (s->in || q->outside) && s->level >= q->level_min &&
	       (!q->occ_most || search_occs(q, s->occs, s->n_occs)) &&
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

static void block_plan(const struct search *s, const struct head *h, struct block_plan *plan)
{
	program_plan(&s->others, h, &plan->others);
	if (!s->q->occ_most || plan->others.none)
		return;
	program_plan(&s->occupation, h, &plan->occupation);
	if (!s->look)
		more_fetch(h);
}

/* The block in which the rows after a pid begin. */
static size_t block_after(const struct version *v, const uint8_t *after)
{
	size_t first = 0, end = v->n;

	while (after && first < end) {
		size_t mid = (first + end) / 2;

		if (memcmp(v->blocks[mid]->pids->at[0], after, PID_BYTES) <= 0)
			first = mid + 1;
		else
			end = mid;
	}
	return first - (first > 0);
}

struct walk {
	const struct version *v;
	struct search s;
	uint16_t *counts; /* of each block, as far as known; or NULL */
	const uint8_t *after;
	size_t page; /* block in which the page begins */
	struct talent_hit *hits;
	size_t limit;
	struct talent_found *found;
	struct talent_facets *facets;
	/* Of the blocks to come. */
	bool look[AHEAD];
	struct block_plan plans[AHEAD];
};

static void walk_plan(struct walk *w, size_t i)
{
	bool look = false;

	if (i < w->v->n)
		look = w->facets || !w->counts || w->counts[i] == COUNT_UNKNOWN ||
		       (w->counts[i] && i >= w->page && !w->found->more);
	if (look)
		block_plan(&w->s, &w->v->heads[i], &w->plans[i % AHEAD]);
	w->look[i % AHEAD] = look;
}

/* Those of a block that belong on the page. */
static void page_fill(
	const struct walk *w, size_t i, const uint64_t fit[WORDS], const uint8_t *after)
{
	const struct block *b = w->v->blocks[i];
	struct talent_found *found = w->found;

	for (unsigned row = 0; row < b->n; row++) {
		if (!rows_has(fit, row) ||
			(after && memcmp(b->pids->at[row], after, PID_BYTES) <= 0))
			continue;
		found->more = found->n == w->limit;
		if (found->more)
			return;
		memcpy(w->hits[found->n].pid, b->pids->at[row], PID_BYTES);
		block_row_read(b, row, &w->s.reading, &w->hits[found->n++].state);
	}
}

static unsigned walk_block(const struct walk *w, size_t i)
{
	const struct block *b = w->v->blocks[i];
	const struct head *h = &w->v->heads[i];
	uint64_t fit[WORDS];
	unsigned n = block_fit(&w->s, b, &w->plans[i % AHEAD], fit);

	if (w->facets && i + 1 < w->v->n)
		block_fetch(w->v->blocks[i + 1], &w->v->heads[i + 1]);
	if (w->counts && w->counts[i] == COUNT_UNKNOWN)
		w->counts[i] = (uint16_t)n;
	if (n && i >= w->page && !w->found->more)
		page_fill(w, i, fit, i == w->page ? w->after : NULL);
	if (n && w->facets)
		facets_add_block(w->facets, &w->s, &(struct block_rows){ b, h, fit, n });
	return n;
}

static void walk_all(struct walk *w)
{
	for (size_t i = 0; i < AHEAD; i++)
		walk_plan(w, i);
	for (size_t i = 0; i < w->v->n; i++) {
		w->found->total += w->look[i % AHEAD] ? walk_block(w, i) : w->counts[i];
		walk_plan(w, i + AHEAD);
	}
}

int talent_index_find(struct talent_index *x, const struct talent_query *q,
	const uint8_t after[PID_BYTES], struct talent_hit *hits, size_t limit,
	struct talent_found *found, struct talent_facets *facets)
{
	struct version *v = version_take(x);
	struct kept *before = NULL, *counts = NULL;
	struct walk w = { .v = v,
		.s = { .q = q },
		.after = after,
		.hits = hits,
		.limit = limit,
		.found = found,
		.facets = facets };

	if (!v)
		return ERR_NOMEM;
	*found = (struct talent_found){ .day = v->day };
	reading_init(&w.s.reading, &x->words, v->n_planes);
	search_ask(&w.s, v, facets != NULL);
	w.page = block_after(v, after);
	if (!facets && !w.s.nothing)
		before = kept_take(x, q);
	if (before && before->version == v->number)
		w.counts = before->counts; /* all known */
	else if (!facets && !w.s.nothing)
		counts = kept_new(v, q, before);
	if (counts)
		w.counts = counts->counts;
	if (!w.s.nothing)
		walk_all(&w);
	if (counts)
		kept_put(x, counts);
	if (before)
		kept_give(x, before);
	version_give(x, v);
	return 0;
}
