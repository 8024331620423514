/* Blocks of the index: up to BLOCK rows in the order of pids, turned on their side.
 *
 *     pids      ████████████████ … a row after the other          16 bytes each, apart
 *     occs      ████ …             the first occupation            4
 *     changes   ██ …               when it is another              2
 *     planes    level, bit 0  ▏▏▏ … a bit of all rows: 64 bytes a plane
 *               level, bit 1  ▏▏▏ …
 *               …
 *     more      occupations but the first, sorted by their digits
 *
 * A search takes planes only: 512 rows at a time, a few instructions each. A row that is shown is
 * put together again from its bits.
 *
 * How it fails: without memory a new block is none, and one that a row could not be written to is
 * of no use (its maker drops it). */
#include "daemon/talent/talent_index_inside.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>

const struct column_bits column_bits[COLUMN_COUNT] = {
#define COLUMN(name, width) { BIT_##name, width },
	COLUMNS(COLUMN)
#undef COLUMN
};

static size_t planes_bytes(unsigned n)
{
	return (size_t)n * WORDS * sizeof(uint64_t);
}

static size_t block_size(unsigned planes)
{
	return sizeof(struct block) + planes_bytes(planes);
}

static struct block *block_make(struct talent_pool *pool, unsigned planes)
{
	struct block *b = talent_pool_get(pool, block_size(planes));

	if (!b)
		return NULL;
	b->pool = pool;
	b->n = 0;
	b->pids = NULL;
	b->n_planes = planes;
	b->more = NULL;
	b->more_rows = NULL;
	b->n_more = b->more_room = 0;
	return b;
}

struct block *block_new(struct talent_pool *pool, unsigned planes)
{
	struct block *b = block_make(pool, planes);

	if (!b)
		return NULL;
	memset(b->planes, 0, planes_bytes(planes));
	b->pids = malloc(sizeof(*b->pids));
	if (!b->pids) {
		block_free(b);
		return NULL;
	}
	b->pids->blocks = 1;
	return b;
}

void block_free(struct block *b)
{
	if (!b)
		return;
	if (b->pids && --b->pids->blocks == 0)
		free(b->pids);
	free(b->more);
	talent_pool_put(b->pool, b, block_size(b->n_planes));
}

size_t block_bytes(const struct block *b)
{
	return talent_pool_room(block_size(b->n_planes)) + sizeof(*b->pids) +
	       b->more_room * (sizeof(*b->more) + sizeof(*b->more_rows));
}

/* Room for `n` more of `more`. */
static bool more_room(struct block *b, unsigned n)
{
	unsigned need = b->n_more + n, room = need + need / 8 + 8;
	uint32_t *more;

	assert(b->more || !b->n_more);
	if (need <= b->more_room)
		return true;
	/* The rows' numbers stand behind, in the same piece. */
	more = malloc(room * (sizeof(*b->more) + sizeof(*b->more_rows)));
	if (!more)
		return false;
	if (b->n_more) {
		memcpy(more, b->more, b->n_more * sizeof(*more));
		memcpy(more + room, b->more_rows, b->n_more * sizeof(*b->more_rows));
	}
	free(b->more);
	b->more = more;
	b->more_rows = (uint16_t *)(more + room);
	b->more_room = room;
	return true;
}

struct block *block_copy(const struct block *from, unsigned planes)
{
	struct block *b = block_make(from->pool, planes);

	if (!b)
		return NULL;
	b->n = from->n;
	b->pids = from->pids;
	b->pids->blocks++;
	memcpy(b->occs, from->occs, from->n * sizeof(*b->occs));
	memcpy(b->changes, from->changes, from->n * sizeof(*b->changes));
	memcpy(b->planes, from->planes, planes_bytes(from->n_planes));
	memset(b->planes + from->n_planes, 0, planes_bytes(planes - from->n_planes));
	if (!from->n_more)
		return b;
	if (!more_room(b, from->n_more)) {
		block_free(b);
		return NULL;
	}
	memcpy(b->more, from->more, from->n_more * sizeof(*b->more));
	memcpy(b->more_rows, from->more_rows, from->n_more * sizeof(*b->more_rows));
	b->n_more = from->n_more;
	return b;
}

/* Those of the second half, which keep their order, and those of the first. */
static void more_split(struct block *left, struct block *right)
{
	unsigned kept = 0;

	assert(left->more && right->more);
	for (unsigned i = 0; i < left->n_more; i++) {
		bool second = left->more_rows[i] >= BLOCK / 2;
		struct block *to = second ? right : left;
		unsigned at = second ? right->n_more++ : kept++;

		to->more[at] = left->more[i];
		to->more_rows[at] = (uint16_t)(left->more_rows[i] % (BLOCK / 2));
	}
	left->n_more = kept;
}

struct block *block_split(struct block *left)
{
	const unsigned half = BLOCK / 2;
	struct block *right = block_new(left->pool, left->n_planes);

	if (!right || (left->n_more && !more_room(right, left->n_more))) {
		block_free(right);
		return NULL;
	}
	memcpy(right->pids->at, left->pids->at + half, half * sizeof(*left->pids->at));
	memcpy(right->occs, left->occs + half, half * sizeof(*left->occs));
	memcpy(right->changes, left->changes + half, half * sizeof(*left->changes));
	for (unsigned p = 0; p < left->n_planes; p++) {
		memcpy(right->planes[p], left->planes[p] + WORDS / 2, WORDS / 2 * sizeof(uint64_t));
		memset(left->planes[p] + WORDS / 2, 0, WORDS / 2 * sizeof(uint64_t));
	}
	if (left->n_more)
		more_split(left, right);
	left->n = right->n = half;
	return right;
}

unsigned block_row(const struct block *b, const uint8_t pid[PID_BYTES])
{
	unsigned first = 0, end = b->n;

	while (first < end) {
		unsigned mid = (first + end) / 2;

		if (memcmp(b->pids->at[mid], pid, PID_BYTES) < 0)
			first = mid + 1;
		else
			end = mid;
	}
	return first;
}

/* ---- rows that come and go ---- */

/* Bits from `row` on go one place up; `row` has 0. */
static void plane_insert(uint64_t plane[WORDS], unsigned row)
{
	unsigned w = row / 64;
	uint64_t below = (UINT64_C(1) << row % 64) - 1, over = plane[w] >> 63;

	plane[w] = (plane[w] & below) | (plane[w] & ~below) << 1;
	while (++w < WORDS) {
		uint64_t next = plane[w] >> 63;

		plane[w] = plane[w] << 1 | over;
		over = next;
	}
}

/* Bits after `row` come one place down. */
static void plane_drop(uint64_t plane[WORDS], unsigned row)
{
	unsigned w = row / 64;
	uint64_t below = (UINT64_C(1) << row % 64) - 1;

	plane[w] = (plane[w] & below) | (plane[w] >> 1 & ~below);
	for (; w + 1 < WORDS; w++) {
		plane[w] |= plane[w + 1] << 63;
		plane[w + 1] >>= 1;
	}
}

/* Pids of the block's own. */
static bool pids_own(struct block *b)
{
	struct pids *own;

	if (b->pids->blocks == 1)
		return true;
	own = malloc(sizeof(*own));
	if (!own)
		return false;
	memcpy(own->at, b->pids->at, b->n * sizeof(*own->at));
	own->blocks = 1;
	b->pids->blocks--;
	b->pids = own;
	return true;
}

bool block_row_insert(struct block *b, unsigned row, const uint8_t pid[PID_BYTES])
{
	unsigned n = b->n - row;

	if (!pids_own(b))
		return false;
	b->n++;
	memmove(b->pids->at + row + 1, b->pids->at + row, n * sizeof(*b->pids->at));
	memmove(b->occs + row + 1, b->occs + row, n * sizeof(*b->occs));
	memmove(b->changes + row + 1, b->changes + row, n * sizeof(*b->changes));
	memcpy(b->pids->at[row], pid, PID_BYTES);
	for (unsigned p = 0; p < b->n_planes && n; p++)
		plane_insert(b->planes[p], row);
	for (unsigned i = 0; i < b->n_more; i++)
		b->more_rows[i] += b->more_rows[i] >= row;
	return true;
}

/* The row's own of `more` go. */
static void more_drop(struct block *b, unsigned row)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < b->n_more; i++) {
		b->more[kept] = b->more[i];
		b->more_rows[kept] = b->more_rows[i];
		kept += b->more_rows[i] != row;
	}
	b->n_more = kept;
}

bool block_row_drop(struct block *b, unsigned row)
{
	unsigned n = b->n - row - 1;

	if (!pids_own(b))
		return false;
	b->n--;
	more_drop(b, row);
	memmove(b->pids->at + row, b->pids->at + row + 1, n * sizeof(*b->pids->at));
	memmove(b->occs + row, b->occs + row + 1, n * sizeof(*b->occs));
	memmove(b->changes + row, b->changes + row + 1, n * sizeof(*b->changes));
	for (unsigned p = 0; p < b->n_planes; p++)
		plane_drop(b->planes[p], row);
	for (unsigned i = 0; i < b->n_more; i++)
		b->more_rows[i] -= b->more_rows[i] > row;
	return true;
}

/* ---- what a row says ---- */

static uint32_t area_number(struct dictionary *words, uint32_t code)
{
	unsigned i = 0;

	if (!code)
		return 0;
	while (i < words->n_areas && words->areas[i] != code)
		i++;
	if (i == TALENT_DISTRICTS_MAX)
		return 0;
	if (i == words->n_areas)
		words->areas[words->n_areas++] = code;
	return i;
}

static void values_of(
	struct dictionary *words, const struct talent_state *s, uint32_t v[COLUMN_COUNT])
{
	v[COLUMN_THERE] = 1;
	v[COLUMN_IN] = s->in;
	v[COLUMN_LEVEL] = s->level;
	v[COLUMN_STATUS] = s->status;
	v[COLUMN_INDUSTRY] = s->industry;
	v[COLUMN_SEX] = s->sex;
	v[COLUMN_BIRTH] = s->birth_year;
	v[COLUMN_DISTRICT] = area_number(words, s->district);
	v[COLUMN_PROGRAMMES] = s->programmes;
	v[COLUMN_AREAS] = s->areas;
	v[COLUMN_CHAINS] = s->chains;
	v[COLUMN_HONOURS] = s->honours;
	v[COLUMN_HAS_OCC] = s->n_occs > 0;
	v[COLUMN_OCC] = s->n_occs ? digits_apart(s->occs[0] & 0xffffff) : 0;
	v[COLUMN_OCC_LEVEL] = s->n_occs ? s->occs[0] >> 24 : 0;
	for (unsigned f = 0; f < COLUMN_COUNT; f++)
		if (column_bits[f].width < 32 && v[f] >> column_bits[f].width)
			v[f] = 0;
}

/* Bits that no row had before get a plane. */
static void planes_meet(struct dictionary *words, const uint32_t v[COLUMN_COUNT])
{
	for (unsigned f = 0; f < COLUMN_COUNT; f++)
		for (uint32_t bits = v[f]; bits; bits &= bits - 1) {
			unsigned bit = column_bits[f].first + (unsigned)__builtin_ctz(bits);

			if (words->planes.of[bit] != PLANE_NONE)
				continue;
			words->bits[words->n_planes] = (uint8_t)bit;
			words->planes.of[bit] = (uint8_t)words->n_planes++;
		}
}

static bool planes_room(struct block **b, unsigned n)
{
	struct block *more = *b;

	if (more->n_planes >= n)
		return true;
	if (talent_pool_room(block_size(more->n_planes)) < block_size(n)) {
		more = talent_pool_get(more->pool, block_size(n));
		if (!more)
			return false;
		memcpy(more, *b, block_size((*b)->n_planes));
		talent_pool_put(more->pool, *b, block_size((*b)->n_planes));
	}
	memset(more->planes[more->n_planes], 0, planes_bytes(n - more->n_planes));
	more->n_planes = n;
	*b = more;
	return true;
}

/* Occupations but the first, each to its place. */
static bool more_put(struct block *b, unsigned row, const struct talent_state *s)
{
	if (b->n_more)
		more_drop(b, row);
	if (s->n_occs < 2)
		return true;
	if (!more_room(b, (unsigned)s->n_occs - 1))
		return false;
	for (size_t i = 1; i < s->n_occs; i++) {
		uint32_t key = (s->occs[i] & 0xffffff) << 4 | (s->occs[i] >> 24 & 15);
		unsigned at = more_from(b->more, b->n_more, key), n = b->n_more++ - at;

		memmove(b->more + at + 1, b->more + at, n * sizeof(*b->more));
		memmove(b->more_rows + at + 1, b->more_rows + at, n * sizeof(*b->more_rows));
		b->more[at] = key;
		b->more_rows[at] = (uint16_t)row;
	}
	return true;
}

bool block_row_write(
	struct block **to, unsigned row, struct dictionary *words, const struct talent_state *s)
{
	uint32_t v[COLUMN_COUNT];
	struct block *b;

	values_of(words, s, v);
	planes_meet(words, v);
	if (!planes_room(to, words->n_planes))
		return false;
	b = *to;
	b->changes[row] = s->changes;
	b->occs[row] = s->n_occs ? s->occs[0] : 0;
	for (unsigned f = 0; f < COLUMN_COUNT; f++)
		for (unsigned k = 0; k < column_bits[f].width; k++) {
			unsigned plane = words->planes.of[column_bits[f].first + k];
			uint64_t *w, bit = UINT64_C(1) << row % 64;

			if (plane == PLANE_NONE)
				continue;
			w = &b->planes[plane][row / 64];
			*w = v[f] >> k & 1 ? *w | bit : *w & ~bit;
		}
	return more_put(b, row, s);
}

/* ---- read ---- */

uint64_t pid_begin(const uint8_t pid[PID_BYTES])
{
	uint64_t begin;

	memcpy(&begin, pid, sizeof(begin));
	return htobe64(begin);
}

void head_init(struct head *h, const struct block *b)
{
	uint64_t rows[WORDS];

	*h = (struct head){ .planes = b->planes,
		.more = b->more,
		.first = pid_begin(b->pids->at[0]),
		.n = (uint16_t)b->n,
		.n_planes = (uint16_t)b->n_planes,
		.n_more = (uint16_t)b->n_more,
		.more_room = (uint16_t)b->more_room };
	rows_first(b->n, rows);
	for (unsigned p = 0; p < b->n_planes; p++) {
		uint64_t some = 0, without = 0;

		for (unsigned i = 0; i < WORDS; i++) {
			some |= b->planes[p][i];
			without |= b->planes[p][i] ^ rows[i];
		}
		h->some.w[p / 64] |= (uint64_t)(some != 0) << p % 64;
		h->all.w[p / 64] |= (uint64_t)(without == 0) << p % 64;
	}
}

void reading_init(struct reading *r, const struct dictionary *words, unsigned n_planes)
{
	r->words = words;
	memset(r->planes.of, PLANE_NONE, sizeof(r->planes.of));
	for (unsigned p = 0; p < n_planes; p++)
		r->planes.of[words->bits[p]] = (uint8_t)p;
}

static uint32_t value_read(
	const struct block *b, unsigned row, const struct reading *r, enum column f)
{
	uint32_t v = 0;

	for (unsigned k = 0; k < column_bits[f].width; k++) {
		unsigned plane = r->planes.of[column_bits[f].first + k];

		if (plane < b->n_planes)
			v |= (uint32_t)rows_has(b->planes[plane], row) << k;
	}
	return v;
}

void block_row_read(
	const struct block *b, unsigned row, const struct reading *r, struct talent_state *s)
{
	/* Field by field: of the list of occupations only what is used. */
	s->clause = 0;
	s->changes = 0;
	s->in = value_read(b, row, r, COLUMN_IN);
	s->level = (uint8_t)value_read(b, row, r, COLUMN_LEVEL);
	s->status = (uint8_t)value_read(b, row, r, COLUMN_STATUS);
	s->industry = (uint8_t)value_read(b, row, r, COLUMN_INDUSTRY);
	s->sex = (uint8_t)value_read(b, row, r, COLUMN_SEX);
	s->birth_year = (uint16_t)value_read(b, row, r, COLUMN_BIRTH);
	s->district = r->words->areas[value_read(b, row, r, COLUMN_DISTRICT)];
	s->programmes = value_read(b, row, r, COLUMN_PROGRAMMES);
	s->areas = value_read(b, row, r, COLUMN_AREAS);
	s->chains = value_read(b, row, r, COLUMN_CHAINS);
	s->honours = value_read(b, row, r, COLUMN_HONOURS);
	s->n_occs = value_read(b, row, r, COLUMN_HAS_OCC);
	s->occs[0] = b->occs[row];
	for (unsigned i = 0; i < b->n_more && s->n_occs; i++)
		if (b->more_rows[i] == row)
			s->occs[s->n_occs++] = b->more[i] >> 4 | (b->more[i] & 15) << 24;
}
