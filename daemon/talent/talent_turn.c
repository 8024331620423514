/* From one day to another: the rows on which something begins or ends meanwhile are read again. */
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

bool talent_index_turn(struct talent_index *x, int day,
	bool (*row_of)(void *arg, const uint8_t pid[PID_BYTES], struct text *row), void *arg)
{
	struct turning t = { 0 };
	unsigned to = talent_day(day);
	const struct version *v;
	size_t at = 0;
	bool ok = true;

	pthread_mutex_lock(&x->changing);
	v = x->newest; /* stays while we hold `changing` */
	for (size_t i = 0; i < v->n && ok; i++) {
		const struct block *b = v->blocks[i];

		for (unsigned row = 0; row < b->n && ok; row++) {
			struct text bytes;

			if ((day < v->day || b->changes[row] <= to) &&
				row_of(arg, b->pids[row], &bytes) && bytes.n)
				ok = turning_add(&t, b->pids[row], bytes);
		}
	}
	for (size_t i = 0; i < t.n; at += t.changes[i++].row.n)
		t.changes[i].row.p = t.bytes.p + at;
	ok = ok && version_edit(x, day, t.changes, t.n);
	pthread_mutex_unlock(&x->changing);
	free(t.changes);
	buf_deinit(&t.bytes);
	return ok;
}

void talent_index_stats(struct talent_index *x, struct talent_index_stats *out)
{
	struct version *v = version_take(x);

	*out = (struct talent_index_stats){ v->talents, v->n * sizeof(struct block *) };
	for (size_t i = 0; i < v->n; i++)
		out->bytes += sizeof(struct block) +
			      v->blocks[i]->occs_room * sizeof(*v->blocks[i]->occs);
	version_give(x, v);
}
