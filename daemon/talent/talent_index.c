/* Blocks of up to BLOCK rows in the order of pids; of each row 24 bytes that a search looks at, its
 * pid, the day on which it changes, and its occupations.
 *
 *     word 0   level (8) status (8) industry (8) sex (2) in (1) – (5) birth (16) district (16)
 *     word 1   honours (24) – (8) chains (16) – (16)
 *     word 2   programmes (16) areas (16) occupations (32)
 *
 * A search goes over all rows: exact counts, and no index that could disagree with another. What
 * must be equal is compared under a mask, so that a row costs about a nanosecond. Occupations have
 * a signature of 32 bits (a bit for each of the four steps of each code): who has it is looked at
 * more closely. A row that changes is written in place; one that comes or goes moves half a block.
 *
 * Districts are kept by number: `areas` grows and never shrinks. */
#include "daemon/talent/talent_index.h"

#include <pthread.h>
#include <stdlib.h>

#define BLOCK 256

#define W0_STATUS 8
#define W0_INDUSTRY 16
#define W0_SEX 24
#define W0_IN 26
#define W0_BIRTH 32
#define W0_DISTRICT 48
#define W1_CHAINS 32
#define W2_AREAS 16
#define W2_OCCS 32

struct line {
	uint64_t w[3];
};

struct block {
	struct line lines[BLOCK];
	uint8_t pids[BLOCK][PID_BYTES];
	uint16_t changes[BLOCK];
	uint16_t occ_end[BLOCK]; /* of each row, in occs; it begins where the one before ends */
	uint32_t *occs;
	size_t occs_room;
	unsigned n;
};

struct talent_index {
	const struct talent_rules *rules;
	pthread_rwlock_t lock;
	pthread_mutex_t changing; /* one changer at a time; asked for before the lock */
	struct block **blocks;
	size_t n, room;
	uint64_t talents, bytes;
	int day;
	uint32_t areas[TALENT_DISTRICTS_MAX];
	size_t n_areas;
};

struct talent_index *talent_index_open(const struct talent_rules *t, int day)
{
	struct talent_index *x = calloc(1, sizeof(*x));
	pthread_rwlockattr_t attr;

	if (!x)
		return NULL;
	x->rules = t;
	x->day = day;
	x->areas[x->n_areas++] = 0;
	pthread_rwlockattr_init(&attr);
	/* Searches must not keep the fold waiting for ever. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&x->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&x->changing, NULL);
	return x;
}

void talent_index_close(struct talent_index *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n; i++) {
		free(x->blocks[i]->occs);
		free(x->blocks[i]);
	}
	free(x->blocks);
	pthread_rwlock_destroy(&x->lock);
	pthread_mutex_destroy(&x->changing);
	free(x);
}

int talent_index_day(struct talent_index *x)
{
	int day;

	pthread_rwlock_rdlock(&x->lock);
	day = x->day;
	pthread_rwlock_unlock(&x->lock);
	return day;
}

/* ---- a row ---- */

/* A bit for each step of a code: 6, 6-18, 6-18-01, 6-18-01-01. `steps` of them. */
static uint32_t occ_signature(uint32_t digits, unsigned steps)
{
	static const uint32_t cut[] = { 1000000, 10000, 100, 1 };
	uint32_t bits = 0;

	for (unsigned i = 0; i < steps; i++)
		bits |= 1u << ((digits / cut[i] * 2654435761u + i * 40503u) >> 27);
	return bits;
}

static unsigned area_number(struct talent_index *x, uint32_t code)
{
	unsigned i = 0;

	while (i < x->n_areas && x->areas[i] != code)
		i++;
	if (i == TALENT_DISTRICTS_MAX)
		return 0;
	if (i == x->n_areas)
		x->areas[x->n_areas++] = code;
	return i;
}

static void line_make(struct talent_index *x, struct line *l, const struct talent_state *s)
{
	uint32_t occs = 0;

	for (size_t i = 0; i < s->n_occs; i++)
		occs |= occ_signature(s->occs[i] & 0xffffff, 4);
	l->w[0] = s->level | (uint64_t)s->status << W0_STATUS |
		  (uint64_t)s->industry << W0_INDUSTRY | (uint64_t)s->sex << W0_SEX |
		  (uint64_t)s->in << W0_IN | (uint64_t)s->birth_year << W0_BIRTH |
		  (uint64_t)area_number(x, s->district) << W0_DISTRICT;
	l->w[1] = (s->honours & 0xffffff) | (uint64_t)(s->chains & 0xffff) << W1_CHAINS;
	l->w[2] = (s->programmes & 0xffff) | (uint64_t)(s->areas & 0xffff) << W2_AREAS |
		  (uint64_t)occs << W2_OCCS;
}

static size_t occ_begin(const struct block *b, unsigned row)
{
	return row ? b->occ_end[row - 1] : 0;
}

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

/* ---- blocks ---- */

/* The block in which a pid stands, or would. */
static size_t block_of(const struct talent_index *x, const uint8_t pid[PID_BYTES])
{
	size_t first = 0, end = x->n;

	while (end - first > 1) {
		size_t mid = (first + end) / 2;

		if (memcmp(x->blocks[mid]->pids[0], pid, PID_BYTES) <= 0)
			first = mid;
		else
			end = mid;
	}
	return first;
}

/* The first row that is not before a pid. */
static unsigned row_of_pid(const struct block *b, const uint8_t pid[PID_BYTES])
{
	unsigned first = 0, end = b->n;

	while (first < end) {
		unsigned mid = (first + end) / 2;

		if (memcmp(b->pids[mid], pid, PID_BYTES) < 0)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

static struct block *block_new(struct talent_index *x, size_t at)
{
	struct block *b = calloc(1, sizeof(*b));

	if (b && x->n == x->room) {
		size_t room = x->room ? x->room * 2 : 64;
		struct block **more = realloc(x->blocks, room * sizeof(struct block *));

		if (!more) {
			free(b);
			return NULL;
		}
		x->blocks = more;
		x->room = room;
	}
	if (!b)
		return NULL;
	memmove(&x->blocks[at + 1], &x->blocks[at], (x->n - at) * sizeof(struct block *));
	x->blocks[at] = b;
	x->n++;
	x->bytes += sizeof(*b);
	return b;
}

/* Room for `n` more occupations. */
static bool occs_room(struct talent_index *x, struct block *b, size_t n)
{
	size_t need = n + occ_begin(b, b->n), room = b->occs_room;
	uint32_t *more;

	if (need <= room)
		return true;
	room = need + need / 2 + 16;
	more = realloc(b->occs, room * sizeof(*more));
	if (!more)
		return false;
	x->bytes += (room - b->occs_room) * sizeof(*more);
	b->occs = more;
	b->occs_room = room;
	return true;
}

/* Rows [0, n) of a block's second half go to a new one behind it. */
static bool block_split(struct talent_index *x, size_t at)
{
	struct block *right = block_new(x, at + 1), *left = right ? x->blocks[at] : NULL;
	unsigned half = BLOCK / 2, n;
	size_t first, occs;

	if (!right)
		return false;
	first = occ_begin(left, half);
	occs = occ_begin(left, left->n) - first;
	if (!occs_room(x, right, occs))
		return false;
	n = left->n - half;
	memcpy(right->lines, left->lines + half, n * sizeof(*right->lines));
	memcpy(right->pids, left->pids + half, n * sizeof(*right->pids));
	memcpy(right->changes, left->changes + half, n * sizeof(*right->changes));
	if (occs)
		memcpy(right->occs, left->occs + first, occs * sizeof(*right->occs));
	for (unsigned i = 0; i < n; i++)
		right->occ_end[i] = (uint16_t)(left->occ_end[half + i] - first);
	right->n = n;
	left->n = half;
	return true;
}

/* The row's occupations become `n` others. */
static bool occs_put(
	struct talent_index *x, struct block *b, unsigned row, const uint32_t *occs, size_t n)
{
	size_t first = occ_begin(b, row), was = b->occ_end[row] - first, end = occ_begin(b, b->n);

	if (n > was && !occs_room(x, b, n - was))
		return false;
	if (n != was) {
		memmove(b->occs + first + n, b->occs + first + was,
			(end - first - was) * sizeof(*occs));
		for (unsigned i = row; i < b->n; i++)
			b->occ_end[i] = (uint16_t)(b->occ_end[i] + n - was);
	}
	if (n)
		memcpy(b->occs + first, occs, n * sizeof(*occs));
	return true;
}

/* Makes (by 1) or takes (by -1) room at a row. */
static void rows_move(struct block *b, unsigned row, int by)
{
	unsigned from = by > 0 ? row : row + 1, to = by > 0 ? row + 1 : row, n = b->n - from;

	memmove(b->lines + to, b->lines + from, n * sizeof(*b->lines));
	memmove(b->pids + to, b->pids + from, n * sizeof(*b->pids));
	memmove(b->changes + to, b->changes + from, n * sizeof(*b->changes));
	memmove(b->occ_end + to, b->occ_end + from, n * sizeof(*b->occ_end));
	b->n = (unsigned)((int)b->n + by);
}

static void row_drop(struct talent_index *x, size_t at, unsigned row)
{
	struct block *b = x->blocks[at];

	/* Fewer occupations need no memory. */
	if (!occs_put(x, b, row, NULL, 0))
		abort();
	rows_move(b, row, -1);
	x->talents--;
	if (b->n)
		return;
	x->bytes -= sizeof(*b) + b->occs_room * sizeof(*b->occs);
	free(b->occs);
	free(b);
	x->n--;
	memmove(&x->blocks[at], &x->blocks[at + 1], (x->n - at) * sizeof(struct block *));
}

static bool row_put(struct talent_index *x, const struct talent_change *c)
{
	struct talent_state s;
	struct block *b;
	size_t at = block_of(x, c->pid);
	unsigned row;

	if (x->n == 0 && c->row.n && !block_new(x, 0))
		return false;
	if (x->n == 0)
		return true;
	b = x->blocks[at];
	row = row_of_pid(b, c->pid);
	if (row == b->n || memcmp(b->pids[row], c->pid, PID_BYTES) != 0) {
		if (c->row.n == 0)
			return true;
		if (b->n == BLOCK) {
			if (!block_split(x, at))
				return false;
			return row_put(x, c);
		}
		rows_move(b, row, 1);
		memcpy(b->pids[row], c->pid, PID_BYTES);
		b->occ_end[row] = (uint16_t)occ_begin(b, row);
		x->talents++;
	} else if (c->row.n == 0) {
		row_drop(x, at, row);
		return true;
	}
	/* A damaged row says nothing: nobody finds it. */
	talent_state_at(&s, x->rules, c->row, x->day);
	line_make(x, &b->lines[row], &s);
	b->changes[row] = s.changes;
	return occs_put(x, b, row, s.occs, s.n_occs);
}

bool talent_index_put(struct talent_index *x, const struct talent_change *changes, size_t n)
{
	bool ok = true;

	if (n == 0)
		return true;
	pthread_mutex_lock(&x->changing);
	pthread_rwlock_wrlock(&x->lock);
	for (size_t i = 0; i < n && ok; i++)
		ok = row_put(x, &changes[i]);
	pthread_rwlock_unlock(&x->lock);
	pthread_mutex_unlock(&x->changing);
	return ok;
}

bool talent_index_turn(struct talent_index *x, int day,
	bool (*row_of)(void *arg, const uint8_t pid[PID_BYTES], struct text *row), void *arg)
{
	bool ok = true, back;
	unsigned to = talent_day(day);

	pthread_mutex_lock(&x->changing);
	pthread_rwlock_wrlock(&x->lock);
	back = day < x->day;
	x->day = day;
	for (size_t i = 0; i < x->n && ok; i++) {
		struct block *b = x->blocks[i];

		for (unsigned row = 0; row < b->n && ok; row++) {
			struct talent_change c = { { 0 }, { 0 } };

			if (!back && b->changes[row] > to)
				continue;
			memcpy(c.pid, b->pids[row], PID_BYTES);
			if (row_of(arg, c.pid, &c.row) && c.row.n)
				ok = row_put(x, &c);
		}
	}
	pthread_rwlock_unlock(&x->lock);
	pthread_mutex_unlock(&x->changing);
	return ok;
}

void talent_index_stats(struct talent_index *x, struct talent_index_stats *out)
{
	pthread_rwlock_rdlock(&x->lock);
	*out = (struct talent_index_stats){ x->talents, x->bytes };
	pthread_rwlock_unlock(&x->lock);
}

/* ---- searching ---- */

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
