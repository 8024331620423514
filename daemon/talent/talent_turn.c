/* From one day to another: the rows on which something begins or ends meanwhile are read again. */
#include <limits.h>
#include <stdlib.h>

#include "daemon/talent/talent_index_inside.h"

/* The rows that say something else on the other day; their bytes stand in `bytes`. */
struct turning {
	struct talent_change *changes;
	size_t n, room;
	struct buf bytes;
};

static bool turning_add(struct turning *t, const uint8_t pid[PID_BYTES], struct text row)
{
	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 1024;
		struct talent_change *more = realloc(t->changes, room * sizeof(*more));

		if (!more)
			return false;
		t->changes = more;
		t->room = room;
	}
	memcpy(t->changes[t->n].pid, pid, PID_BYTES);
	t->changes[t->n++].row.n = row.n;
	buf_text(&t->bytes, row);
	return !t->bytes.failed;
}

/* Of a block those that say something else. */
static int turning_block(struct turning *t, const struct block *b, unsigned day,
	int (*row_of)(void *arg, const uint8_t pid[PID_BYTES], struct text *row), void *arg)
{
	for (unsigned row = 0; row < b->n; row++) {
		struct text bytes;
		int err;

		if (b->changes[row] > day)
			continue;
		err = row_of(arg, b->pids->at[row], &bytes);
		if (err == ERR_NOTFOUND || (!err && !bytes.n))
			continue;
		if (err)
			return err;
		if (!turning_add(t, b->pids->at[row], bytes))
			return ERR_NOMEM;
	}
	return 0;
}

int talent_index_turn(struct talent_index *x, int day,
	int (*row_of)(void *arg, const uint8_t pid[PID_BYTES], struct text *row), void *arg)
{
	struct turning t = { 0 };
	const struct version *v;
	size_t at = 0;
	int err = 0;

	pthread_mutex_lock(&x->changing);
	v = x->newest; /* stays while we hold `changing` */
	/* Backwards all rows are read again. */
	for (size_t i = 0; i < v->n && !err && v->day != day; i++)
		err = turning_block(
			&t, v->blocks[i], day < v->day ? UINT_MAX : talent_day(day), row_of, arg);
	for (size_t i = 0; i < t.n; at += t.changes[i++].row.n)
		t.changes[i].row.p = t.bytes.p + at;
	if (!err && v->day != day && !version_edit(x, day, t.changes, t.n))
		err = ERR_NOMEM;
	pthread_mutex_unlock(&x->changing);
	free(t.changes);
	buf_deinit(&t.bytes);
	return err;
}

void talent_index_stats(struct talent_index *x, struct talent_index_stats *out)
{
	struct version *v = version_take(x);

	*out = (struct talent_index_stats){ 0 };
	if (!v)
		return;
	*out = (struct talent_index_stats){ v->talents,
		v->n * (sizeof(struct block *) + sizeof(struct head) + sizeof(uint64_t)) };
	for (size_t i = 0; i < v->n; i++)
		out->bytes += block_bytes(v->blocks[i]);
	out->bytes += kept_bytes(x);
	version_give(x, v);
}
