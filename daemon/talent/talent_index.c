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
#include "daemon/talent/talent_index_inside.h"

#include <stdlib.h>

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
