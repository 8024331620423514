/* Versions of the index: lists of blocks (talent_block.c) in the order of pids.
 *
 * A search goes over all rows (talent_find.c): exact counts, and no index that could disagree with
 * another. It reads a version: the blocks as they were at the end of a chunk. Who changes the index
 * copies the blocks that are touched, changes the copies, and puts a new version in place; nobody
 * waits for anybody. A version goes, with the blocks that the next one replaced, when it and all
 * older ones have no reader; it is freed with the next change, by who changes: who asks does not
 * wait for the memory of another thread.
 *
 * How it fails: without memory a change leaves the version that stands. A chunk whose changes did
 * not go in makes the index lost: it answers nobody until it is made anew of all rows
 * (talent_index_load). A turn that fails has done nothing: it is still the day before. */
#include "daemon/talent/talent_index_inside.h"

#include <assert.h>
#include <stdlib.h>

#define FILL (BLOCK - BLOCK / 8) /* of blocks made of all rows: what comes later finds room */

/* ---- versions ---- */

/* Frees what nobody reads any more. */
static void versions_free(struct talent_index *x)
{
	struct version *v;

	pthread_mutex_lock(&x->lock);
	v = x->done;
	x->done = NULL;
	pthread_mutex_unlock(&x->lock);
	while (v) {
		struct version *next = v->next;

		for (size_t i = 0; i < v->n_replaced; i++)
			block_free(v->replaced[i]);
		free(v->replaced);
		free(v->blocks);
		free(v);
		v = next;
	}
}

/* Sets apart what nobody reads; the lock is held. */
static void versions_sweep(struct talent_index *x)
{
	while (x->oldest != x->newest && x->oldest->readers == 0) {
		struct version *v = x->oldest;

		x->oldest = v->next;
		v->next = x->done;
		x->done = v;
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
	x->newest->n_areas = x->words.n_areas = 1; /* number 0: none */
	memset(x->words.planes.of, PLANE_NONE, sizeof(x->words.planes.of));
	pthread_mutex_init(&x->lock, NULL);
	pthread_mutex_init(&x->changing, NULL);
	return x;
}

void talent_index_close(struct talent_index *x)
{
	struct version *last;

	if (!x)
		return;
	versions_sweep(x);
	versions_free(x);
	last = x->newest;
	assert(x->oldest == last && !last->readers);
	for (size_t i = 0; i < last->n; i++)
		block_free(last->blocks[i]);
	free(last->blocks);
	free(last);
	pthread_mutex_destroy(&x->lock);
	pthread_mutex_destroy(&x->changing);
	free(x);
}

struct version *version_take(struct talent_index *x)
{
	struct version *v;

	pthread_mutex_lock(&x->lock);
	v = x->lost ? NULL : x->newest;
	if (v)
		v->readers++;
	pthread_mutex_unlock(&x->lock);
	return v;
}

void version_give(struct talent_index *x, struct version *v)
{
	pthread_mutex_lock(&x->lock);
	v->readers--;
	versions_sweep(x);
	pthread_mutex_unlock(&x->lock);
}

int talent_index_day(struct talent_index *x)
{
	struct version *v = version_take(x);
	int day = v ? v->day : 0;

	if (v)
		version_give(x, v);
	return day;
}

static void lost_set(struct talent_index *x, bool lost)
{
	pthread_mutex_lock(&x->lock);
	x->lost = lost;
	pthread_mutex_unlock(&x->lock);
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

	if (b && (!to->blocks || to->n == e->room)) {
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
		return own_add(e, to->n, block_new(e->x->words.n_planes));
	}
	last -= last > e->at;
	for (; e->at < last; e->at++)
		if (!block_add(e, to->n, v->blocks[e->at]))
			return false;
	e->own = to->n;
	if (!own_add(e, to->n, block_copy(v->blocks[e->at], e->x->words.n_planes)))
		return false;
	to->replaced[to->n_replaced++] = v->blocks[e->at++];
	return true;
}

static bool row_write(struct edit *e, struct block **b, unsigned row, struct text bytes)
{
	struct talent_state s;

	/* A damaged row says nothing: nobody finds it. */
	talent_state_at(&s, e->x->rules, bytes, e->day);
	return block_row_write(b, row, &e->x->words, &s);
}

/* Into one of the blocks that are ours. A full one is split; one that is full at the end of all
 * rows is left so: rows that come in their order fill blocks. */
static bool edit_row(struct edit *e, const struct talent_change *c)
{
	struct version *to = e->to;
	size_t at = to->n - 1;
	struct block *b;
	unsigned row;
	bool there;

	while (at > e->own && memcmp(c->pid, to->blocks[at]->pids[0], PID_BYTES) < 0)
		at--;
	b = to->blocks[at];
	row = block_row(b, c->pid);
	there = row < b->n && memcmp(b->pids[row], c->pid, PID_BYTES) == 0;
	if (c->row.n == 0) {
		if (there)
			block_row_drop(b, row);
		to->talents -= there;
		return true;
	}
	if (!there && b->n == BLOCK && row == BLOCK && at + 1 == to->n && e->at == e->from->n) {
		if (!own_add(e, ++at, block_new(e->x->words.n_planes)))
			return false;
		row = 0;
	} else if (!there && b->n == BLOCK) {
		return own_add(e, at + 1, block_split(b)) && edit_row(e, c);
	}
	if (!there) {
		block_row_insert(to->blocks[at], row, c->pid);
		to->talents++;
	}
	return row_write(e, &to->blocks[at], row, c->row);
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
	free(e->to->replaced);
	free(e->to->blocks);
	free(e->to);
}

/* Puts the version in place; what it replaced goes with the old one. */
static void edit_commit(struct edit *e)
{
	struct talent_index *x = e->x;

	e->to->n_areas = x->words.n_areas;
	e->to->n_planes = x->words.n_planes;
	pthread_mutex_lock(&x->lock);
	x->newest->replaced = e->to->replaced;
	x->newest->n_replaced = e->to->n_replaced;
	e->to->replaced = NULL;
	e->to->n_replaced = 0;
	x->newest->next = e->to;
	x->newest = e->to;
	versions_sweep(x);
	pthread_mutex_unlock(&x->lock);
	versions_free(x);
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

/* A version in the making that goes on from the newest; e->to is NULL without memory. */
static void edit_begin(struct edit *e, struct talent_index *x, int day)
{
	*e = (struct edit){ .x = x, .from = x->newest, .day = day };
	e->to = calloc(1, sizeof(*e->to));
	if (!e->to)
		return;
	e->to->day = day;
	e->to->replaced = calloc(e->from->n + 1, sizeof(struct block *));
	if (!e->to->replaced) {
		free(e->to);
		e->to = NULL;
	}
}

bool version_edit(struct talent_index *x, int day, const struct talent_change *changes, size_t n)
{
	const struct talent_change **order = malloc((n + 1) * sizeof(struct talent_change *));
	struct edit e;
	bool ok = false;

	if (!order)
		return false;
	versions_free(x);
	edit_begin(&e, x, day);
	if (e.to) {
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
	/* One that is lost is made anew of rows that have these changes already. */
	ok = n == 0 || x->lost || version_edit(x, x->newest->day, changes, n);
	if (!ok)
		lost_set(x, true);
	pthread_mutex_unlock(&x->changing);
	return ok;
}

void talent_index_lose(struct talent_index *x)
{
	pthread_mutex_lock(&x->changing);
	lost_set(x, true);
	pthread_mutex_unlock(&x->changing);
}

bool talent_index_lost(struct talent_index *x)
{
	bool lost;

	pthread_mutex_lock(&x->lock);
	lost = x->lost;
	pthread_mutex_unlock(&x->lock);
	return lost;
}

/* ---- all rows ---- */

static bool row_append(struct edit *e, const uint8_t pid[PID_BYTES], struct text row)
{
	struct version *to = e->to;
	struct block **b = to->n ? &to->blocks[to->n - 1] : NULL;

	if (!b || (*b)->n == FILL) {
		if (!own_add(e, to->n, block_new(e->x->words.n_planes)))
			return false;
		b = &to->blocks[to->n - 1];
	}
	assert((*b)->n == 0 || memcmp((*b)->pids[(*b)->n - 1], pid, PID_BYTES) < 0);
	block_row_insert(*b, (*b)->n, pid);
	to->talents++;
	return row_write(e, b, (*b)->n - 1, row);
}

/* A version without rows in the place of a lost one, whose memory is wanted. */
static bool index_empty(struct talent_index *x)
{
	struct edit e;

	edit_begin(&e, x, x->newest->day);
	if (!e.to)
		return false;
	if (e.from->n)
		memcpy(e.to->replaced, e.from->blocks, e.from->n * sizeof(struct block *));
	e.to->n_replaced = e.from->n;
	edit_commit(&e);
	return true;
}

int talent_index_load(struct talent_index *x, int day,
	int (*next)(void *arg, uint8_t pid[PID_BYTES], struct text *row), void *arg)
{
	uint8_t pid[PID_BYTES];
	struct text row;
	struct edit e;
	int err;

	pthread_mutex_lock(&x->changing);
	lost_set(x, true);
	if (!index_empty(x)) {
		pthread_mutex_unlock(&x->changing);
		return ERR_NOMEM;
	}
	edit_begin(&e, x, day);
	for (err = e.to ? 0 : ERR_NOMEM; !err;) {
		err = next(arg, pid, &row);
		if (!err && row.n && !row_append(&e, pid, row))
			err = ERR_NOMEM;
	}
	if (err == ERR_NOTFOUND) {
		edit_commit(&e);
		lost_set(x, false);
		err = 0;
	} else if (e.to) {
		edit_undo(&e);
	}
	pthread_mutex_unlock(&x->changing);
	return err;
}
