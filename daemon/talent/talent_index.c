/* Blocks of up to BLOCK rows in the order of pids, a column for each thing that is searched.
 *
 * A search goes over all rows (talent_find.c): exact counts, and no index that could disagree with
 * another. It reads a version: the blocks as they were at the end of a chunk. Who changes the index
 * copies the blocks that are touched, changes the copies, and puts a new version in place; nobody
 * waits for anybody. A version is freed, with the blocks that the next one replaced, when it and
 * all older ones have no reader.
 *
 * How it fails: without memory a change leaves the version that stands. */
#include "daemon/talent/talent_index_inside.h"

#include <stdlib.h>

/* ---- versions ---- */

static void block_free(struct block *b)
{
	if (b)
		free(b->occs);
	free(b);
}

static void version_free(struct version *v)
{
	for (size_t i = 0; i < v->n_replaced; i++)
		block_free(v->replaced[i]);
	free(v->replaced);
	free(v->blocks);
	free(v);
}

static void versions_free(struct version *v)
{
	while (v) {
		struct version *next = v->next;

		version_free(v);
		v = next;
	}
}

struct talent_index *talent_index_open(const struct talent_rules *t, int day)
{
	struct talent_index *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->rules = t;
	x->newest = x->oldest = calloc(1, sizeof(*x->newest));
	if (!x->newest) {
		free(x);
		return NULL;
	}
	x->newest->day = day;
	x->newest->n_areas = 1;
	x->n_areas = 1; /* number 0: none */
	pthread_mutex_init(&x->lock, NULL);
	pthread_mutex_init(&x->changing, NULL);
	return x;
}

void talent_index_close(struct talent_index *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->newest->n; i++)
		block_free(x->newest->blocks[i]);
	versions_free(x->oldest);
	pthread_mutex_destroy(&x->lock);
	pthread_mutex_destroy(&x->changing);
	free(x);
}

struct version *version_take(struct talent_index *x)
{
	struct version *v;

	pthread_mutex_lock(&x->lock);
	v = x->newest;
	v->readers++;
	pthread_mutex_unlock(&x->lock);
	return v;
}

/* Takes out what nobody reads, the lock is held; to be freed without it. */
static struct version *versions_sweep(struct talent_index *x)
{
	struct version *first = x->oldest, *last = NULL;

	while (x->oldest != x->newest && x->oldest->readers == 0) {
		last = x->oldest;
		x->oldest = last->next;
	}
	if (!last)
		return NULL;
	last->next = NULL;
	return first;
}

void version_give(struct talent_index *x, struct version *v)
{
	struct version *done;

	pthread_mutex_lock(&x->lock);
	v->readers--;
	done = versions_sweep(x);
	pthread_mutex_unlock(&x->lock);
	versions_free(done);
}

int talent_index_day(struct talent_index *x)
{
	struct version *v = version_take(x);
	int day = v->day;

	version_give(x, v);
	return day;
}

/* ---- one block, a copy of our own ---- */

/* Room for `n` more occupations. */
static bool occs_room(struct block *b, size_t n)
{
	size_t need = n + occ_begin(b, b->n), room = b->occs_room;
	uint32_t *more;

	if (need <= room)
		return true;
	room = need + need / 4 + 16;
	more = realloc(b->occs, room * sizeof(*more));
	if (!more)
		return false;
	b->occs = more;
	b->occs_room = room;
	return true;
}

static struct block *block_copy(const struct block *from)
{
	struct block *b = malloc(sizeof(*b));
	size_t occs = occ_begin(from, from->n);

	if (!b)
		return NULL;
	memcpy(b, from, sizeof(*b));
	b->occs = NULL;
	b->occs_room = 0;
	if (occs && !occs_room(b, 0)) {
		free(b);
		return NULL;
	}
	if (occs)
		memcpy(b->occs, from->occs, occs * sizeof(*b->occs));
	return b;
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

/* The row's occupations become `n` others. */
static bool occs_put(struct block *b, unsigned row, const uint32_t *occs, size_t n)
{
	size_t first = occ_begin(b, row), was = b->occ_end[row] - first, end = occ_begin(b, b->n);

	if (n > was && !occs_room(b, n - was))
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

/* `n` rows from one place to another, in the same block or in another one. */
static void rows_move(
	struct block *to, unsigned at, const struct block *from, unsigned first, unsigned n)
{
#define COLUMN(type, name) memmove(to->name + at, from->name + first, n * sizeof(type));
	COLUMNS(COLUMN)
	COLUMN(uint16_t, changes)
	COLUMN(uint16_t, occ_end)
#undef COLUMN
	memmove(to->pids + at, from->pids + first, n * sizeof(*to->pids));
}

/* The second half of a full block goes to a new one. */
static struct block *block_split(struct block *left)
{
	struct block *right = calloc(1, sizeof(*right));
	unsigned half = BLOCK / 2, n = left->n - half;
	size_t first = occ_begin(left, half), occs = occ_begin(left, left->n) - first;

	if (!right || !occs_room(right, occs)) {
		block_free(right);
		return NULL;
	}
	rows_move(right, 0, left, half, n);
	if (occs)
		memcpy(right->occs, left->occs + first, occs * sizeof(*right->occs));
	for (unsigned i = 0; i < n; i++)
		right->occ_end[i] = (uint16_t)(right->occ_end[i] - first);
	right->n = n;
	left->n = half;
	return right;
}

static uint16_t area_number(struct talent_index *x, uint32_t code)
{
	size_t i = 0;

	if (!code)
		return 0;
	while (i < x->n_areas && x->areas[i] != code)
		i++;
	if (i == TALENT_DISTRICTS_MAX)
		return 0;
	if (i == x->n_areas)
		x->areas[x->n_areas++] = code;
	return (uint16_t)i;
}

static bool row_write(
	struct talent_index *x, struct block *b, unsigned row, struct text bytes, int day)
{
	struct talent_state s;

	/* A damaged row says nothing: nobody finds it. */
	talent_state_at(&s, x->rules, bytes, day);
	b->in[row] = s.in;
	b->level[row] = s.level;
	b->status[row] = s.status;
	b->industry[row] = s.industry;
	b->sex[row] = s.sex;
	b->birth[row] = s.birth_year;
	b->district[row] = area_number(x, s.district);
	b->programmes[row] = (uint16_t)s.programmes;
	b->areas[row] = (uint16_t)s.areas;
	b->chains[row] = (uint16_t)s.chains;
	b->honours[row] = s.honours;
	b->signs[row] = 0;
	for (size_t i = 0; i < s.n_occs; i++)
		b->signs[row] |= occ_signature(s.occs[i] & 0xffffff, 4);
	b->changes[row] = s.changes;
	return occs_put(b, row, s.occs, s.n_occs);
}

/* ---- a new version ---- */

struct edit {
	struct talent_index *x;
	const struct version *from;
	size_t at; /* next block of the old version */
	struct version *to;
	size_t own; /* from here on the blocks of `to` are ours: the copy at work, and what was
		       split from it */
	size_t room;
	int day;
};

/* Puts a block into the new version at a place. */
static bool block_add(struct edit *e, size_t at, struct block *b)
{
	struct version *to = e->to;

	if (b && to->n == e->room) {
		size_t room = e->room ? e->room * 2 : e->from->n + 64;
		struct block **more = realloc(to->blocks, room * sizeof(struct block *));

		if (!more)
			return false;
		to->blocks = more;
		e->room = room;
	}
	if (!b)
		return false;
	memmove(&to->blocks[at + 1], &to->blocks[at], (to->n - at) * sizeof(struct block *));
	to->blocks[at] = b;
	to->n++;
	return true;
}

/* A block that is ours, at a place. */
static bool own_add(struct edit *e, size_t at, struct block *b)
{
	if (b)
		b->made_for = e->to;
	if (b && block_add(e, at, b))
		return true;
	block_free(b);
	return false;
}

/* Everything before `pid` is taken over as it is; the block that the pid belongs to is copied,
 * unless it is the one at work. */
static bool edit_seek(struct edit *e, const uint8_t pid[PID_BYTES])
{
	const struct version *v = e->from;
	struct version *to = e->to;
	size_t last = e->at;

	/* The last block that does not begin after the pid. */
	while (last < v->n && memcmp(v->blocks[last]->pids[0], pid, PID_BYTES) <= 0)
		last++;
	if (last == e->at && e->own < to->n)
		return true;
	if (v->n == 0) {
		e->own = to->n;
		return own_add(e, to->n, calloc(1, sizeof(struct block)));
	}
	last -= last > e->at;
	for (; e->at < last; e->at++)
		if (!block_add(e, to->n, v->blocks[e->at]))
			return false;
	e->own = to->n;
	if (!own_add(e, to->n, block_copy(v->blocks[e->at])))
		return false;
	to->replaced[to->n_replaced++] = v->blocks[e->at++];
	return true;
}

static void row_drop(struct block *b, unsigned row)
{
	/* Fewer occupations need no memory. */
	if (!occs_put(b, row, NULL, 0))
		abort();
	rows_move(b, row, b, row + 1, b->n - row - 1);
	b->n--;
}

static bool edit_row(struct edit *e, const struct talent_change *c)
{
	size_t at = e->to->n - 1;
	struct block *b;
	unsigned row;
	bool there;

	while (at > e->own && memcmp(c->pid, e->to->blocks[at]->pids[0], PID_BYTES) < 0)
		at--;
	b = e->to->blocks[at];
	row = row_of_pid(b, c->pid);
	there = row < b->n && memcmp(b->pids[row], c->pid, PID_BYTES) == 0;
	if (c->row.n == 0) {
		if (there)
			row_drop(b, row);
		e->to->talents -= there;
		return true;
	}
	if (!there && b->n == BLOCK)
		return own_add(e, at + 1, block_split(b)) && edit_row(e, c);
	if (!there) {
		rows_move(b, row + 1, b, row, b->n - row);
		memcpy(b->pids[row], c->pid, PID_BYTES);
		b->n++;
		b->occ_end[row] = (uint16_t)occ_begin(b, row);
		e->to->talents++;
	}
	return row_write(e->x, b, row, c->row, e->day);
}

static int by_pid(const void *a, const void *b)
{
	const struct talent_change *const *x = a, *const *y = b;
	int order = memcmp((*x)->pid, (*y)->pid, PID_BYTES);

	/* Of one person the later change counts: the list is in the order of changes. */
	return order ? order : *x < *y ? -1 : *x > *y;
}

/* The rest of the old version; blocks that have become empty (they are ours) go. */
static bool edit_end(struct edit *e)
{
	struct version *to = e->to;
	size_t kept = 0;

	for (; e->at < e->from->n; e->at++)
		if (!block_add(e, to->n, e->from->blocks[e->at]))
			return false;
	for (size_t i = 0; i < to->n; i++) {
		if (to->blocks[i]->n)
			to->blocks[kept++] = to->blocks[i];
		else
			block_free(to->blocks[i]);
	}
	to->n = kept;
	return true;
}

/* Frees what a failed edit made. */
static void edit_undo(struct edit *e)
{
	for (size_t i = 0; i < e->to->n; i++)
		if (e->to->blocks[i]->made_for == e->to)
			block_free(e->to->blocks[i]);
	e->to->n_replaced = 0;
	version_free(e->to);
}

/* Puts the version in place; what it replaced goes with the old one. */
static void edit_commit(struct edit *e)
{
	struct talent_index *x = e->x;
	struct version *done;

	e->to->n_areas = x->n_areas;
	pthread_mutex_lock(&x->lock);
	x->newest->replaced = e->to->replaced;
	x->newest->n_replaced = e->to->n_replaced;
	e->to->replaced = NULL;
	e->to->n_replaced = 0;
	x->newest->next = e->to;
	x->newest = e->to;
	done = versions_sweep(x);
	pthread_mutex_unlock(&x->lock);
	versions_free(done);
}

static bool edit_run(struct edit *e, const struct talent_change **changes, size_t n)
{
	bool ok = true;

	qsort(changes, n, sizeof(struct talent_change *), by_pid);
	for (size_t i = 0; i < n && ok; i++) {
		if (i + 1 < n && memcmp(changes[i]->pid, changes[i + 1]->pid, PID_BYTES) == 0)
			continue;
		ok = edit_seek(e, changes[i]->pid) && edit_row(e, changes[i]);
	}
	return ok && edit_end(e);
}

bool version_edit(struct talent_index *x, int day, const struct talent_change *changes, size_t n)
{
	const struct talent_change **order = malloc((n + 1) * sizeof(struct talent_change *));
	struct edit e = { .x = x, .from = x->newest, .day = day };
	bool ok = false;

	e.to = order ? calloc(1, sizeof(*e.to)) : NULL;
	if (e.to)
		e.to->replaced = calloc(e.from->n + 1, sizeof(struct block *));
	if (e.to && e.to->replaced) {
		e.to->day = day;
		e.to->talents = e.from->talents;
		for (size_t i = 0; i < n; i++)
			order[i] = &changes[i];
		ok = edit_run(&e, order, n);
	}
	if (ok)
		edit_commit(&e);
	else if (e.to)
		edit_undo(&e);
	free(order);
	return ok;
}

bool talent_index_put(struct talent_index *x, const struct talent_change *changes, size_t n)
{
	bool ok;

	pthread_mutex_lock(&x->changing);
	ok = n == 0 || version_edit(x, x->newest->day, changes, n);
	pthread_mutex_unlock(&x->changing);
	return ok;
}
