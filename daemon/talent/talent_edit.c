/* A new version of the index: the blocks of the old one that no change touches are taken over with
 * their heads; the others are copied, and the copies changed.
 *
 * How it fails: without memory, or when a row cannot be had, what was made is freed; the version
 * that stands stays. */
#include "daemon/talent/talent_index_inside.h"

#include <assert.h>
#include <stdlib.h>

#define FILL (BLOCK - BLOCK / 8) /* of blocks made of all rows: what comes later finds room */

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

/* Room for `n` more blocks. */
static bool edit_room(struct edit *e, size_t n)
{
	struct version *to = e->to;
	size_t room = to->n + n + (e->from->n > to->n ? e->from->n : to->n) + 64;
	struct block **blocks;
	struct head *heads;
	uint64_t *ids;

	if (to->blocks && to->n + n <= e->room)
		return true;
	blocks = realloc(to->blocks, room * sizeof(struct block *));
	if (blocks)
		to->blocks = blocks;
	heads = blocks ? realloc(to->heads, room * sizeof(*heads)) : NULL;
	if (heads)
		to->heads = heads;
	ids = heads ? realloc(to->ids, room * sizeof(*ids)) : NULL;
	if (!ids)
		return false;
	to->ids = ids;
	e->room = room;
	return true;
}

/* A block that is ours, at a place. It has no head yet. */
static bool own_add(struct edit *e, size_t at, struct block *b)
{
	struct version *to = e->to;

	if (!b || !edit_room(e, 1)) {
		block_free(b);
		return false;
	}
	memmove(&to->blocks[at + 1], &to->blocks[at], (to->n - at) * sizeof(struct block *));
	memmove(&to->heads[at + 1], &to->heads[at], (to->n - at) * sizeof(*to->heads));
	memmove(&to->ids[at + 1], &to->ids[at], (to->n - at) * sizeof(*to->ids));
	to->blocks[at] = b;
	to->heads[at].planes = NULL;
	to->ids[at] = to->next_id++;
	to->n++;
	return true;
}

/* The blocks of the old version up to one are taken over as they are. */
static bool edit_keep(struct edit *e, size_t end)
{
	struct version *to = e->to;
	size_t n = end - e->at;

	if (!edit_room(e, n))
		return false;
	if (n) {
		memcpy(&to->blocks[to->n], &e->from->blocks[e->at], n * sizeof(struct block *));
		memcpy(&to->heads[to->n], &e->from->heads[e->at], n * sizeof(*to->heads));
		memcpy(&to->ids[to->n], &e->from->ids[e->at], n * sizeof(*to->ids));
	}
	to->n += n;
	e->at = end;
	return true;
}

static int block_order(const struct version *v, size_t i, const uint8_t pid[PID_BYTES])
{
	uint64_t begin = pid_begin(pid), first = v->heads[i].first;

	if (first != begin)
		return first < begin ? -1 : 1;
	return memcmp(v->blocks[i]->pids->at[0], pid, PID_BYTES);
}

/* The first block, from one on, that begins after a pid. */
static size_t block_beyond(const struct version *v, size_t from, const uint8_t pid[PID_BYTES])
{
	size_t end = v->n;

	while (from < end) {
		size_t mid = (from + end) / 2;

		if (block_order(v, mid, pid) <= 0)
			from = mid + 1;
		else
			end = mid;
	}
	return from;
}

/* Everything before `pid` is taken over as it is; the block that the pid belongs to is copied,
 * unless it is the one at work. */
static bool edit_seek(struct edit *e, const uint8_t pid[PID_BYTES])
{
	const struct version *v = e->from;
	struct version *to = e->to;
	size_t last = block_beyond(v, e->at, pid);

	if (last == e->at && e->own < to->n)
		return true;
	if (v->n == 0) {
		e->own = to->n;
		return own_add(e, to->n, block_new(&e->x->pool, e->x->words.n_planes));
	}
	last -= last > e->at;
	if (!edit_keep(e, last))
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

	while (at > e->own && memcmp(c->pid, to->blocks[at]->pids->at[0], PID_BYTES) < 0)
		at--;
	b = to->blocks[at];
	row = block_row(b, c->pid);
	there = row < b->n && memcmp(b->pids->at[row], c->pid, PID_BYTES) == 0;
	if (c->row.n == 0) {
		if (there && !block_row_drop(b, row))
			return false;
		to->talents -= there;
		return true;
	}
	if (!there && b->n == BLOCK && row == BLOCK && at + 1 == to->n && e->at == e->from->n) {
		if (!own_add(e, ++at, block_new(&e->x->pool, e->x->words.n_planes)))
			return false;
		row = 0;
	} else if (!there && b->n == BLOCK) {
		return own_add(e, at + 1, block_split(b)) && edit_row(e, c);
	}
	if (!there && !block_row_insert(to->blocks[at], row, c->pid))
		return false;
	to->talents += !there;
	return row_write(e, &to->blocks[at], row, c->row);
}

static int by_pid(const void *a, const void *b)
{
	const struct talent_change *const *x = a, *const *y = b;
	int order = memcmp((*x)->pid, (*y)->pid, PID_BYTES);

	/* Of one person the later change counts: the list is in the order of changes. */
	return order ? order : *x < *y ? -1 : *x > *y;
}

/* Blocks that have become empty (they are ours) go; of the others that are ours the heads. */
static void edit_heads(struct version *to)
{
	size_t kept = 0;

	for (size_t i = 0; i < to->n; i++) {
		struct block *b = to->blocks[i];

		if (!to->heads[i].planes && !b->n) {
			block_free(b);
			continue;
		}
		to->blocks[kept] = b;
		to->ids[kept] = to->ids[i];
		if (to->heads[i].planes)
			to->heads[kept] = to->heads[i];
		else
			head_init(&to->heads[kept], b);
		kept++;
	}
	to->n = kept;
}

/* Frees what a failed edit made. */
static void edit_undo(struct edit *e)
{
	for (size_t i = 0; i < e->to->n; i++)
		if (!e->to->heads[i].planes)
			block_free(e->to->blocks[i]);
	free(e->to->replaced);
	free(e->to->ids);
	free(e->to->heads);
	free(e->to->blocks);
	free(e->to);
}

/* Puts the version in place; what it replaced goes with the old one. */
static void edit_commit(struct edit *e)
{
	struct talent_index *x = e->x;

	edit_heads(e->to);
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
	return ok && edit_keep(e, e->from->n);
}

/* A version in the making that goes on from the newest; e->to is NULL without memory. */
static void edit_begin(struct edit *e, struct talent_index *x, int day)
{
	*e = (struct edit){ .x = x, .from = x->newest, .day = day };
	e->to = calloc(1, sizeof(*e->to));
	if (!e->to)
		return;
	e->to->day = day;
	e->to->number = e->from->number + 1;
	e->to->next_id = e->from->next_id;
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

/* ---- of all rows ---- */

static bool row_append(struct edit *e, const uint8_t pid[PID_BYTES], struct text row)
{
	struct version *to = e->to;
	struct block **b = to->n ? &to->blocks[to->n - 1] : NULL;

	if (!b || (*b)->n == FILL) {
		if (!own_add(e, to->n, block_new(&e->x->pool, e->x->words.n_planes)))
			return false;
		b = &to->blocks[to->n - 1];
	}
	assert((*b)->n == 0 || memcmp((*b)->pids->at[(*b)->n - 1], pid, PID_BYTES) < 0);
	if (!block_row_insert(*b, (*b)->n, pid))
		return false;
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

int version_load(struct talent_index *x, int day,
	int (*next)(void *arg, uint8_t pid[PID_BYTES], struct text *row), void *arg)
{
	uint8_t pid[PID_BYTES];
	struct text row;
	struct edit e;
	int err;

	kept_drop(x);
	if (!index_empty(x))
		return ERR_NOMEM;
	edit_begin(&e, x, day);
	for (err = e.to ? 0 : ERR_NOMEM; !err;) {
		err = next(arg, pid, &row);
		if (!err && row.n && !row_append(&e, pid, row))
			err = ERR_NOMEM;
	}
	if (err == ERR_NOTFOUND) {
		edit_commit(&e);
		err = 0;
	} else if (e.to) {
		edit_undo(&e);
	}
	return err;
}
