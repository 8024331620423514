/* Two frozen texts, cell by cell: the lines of the second are found through a table by what tells
 * cells from one another; what is never found is left over. */
#include <stdlib.h>

#include "daemon/figures/frozen.h"

struct slot {
	const char *line; /* in b; NULL: free */
	bool met;
};

struct table {
	struct slot *slots;
	size_t room; /* a power of two */
};

static uint64_t cell_hash(const struct frozen_line *l)
{
	uint64_t h = 0xcbf29ce484222325u + l->cumulative;

	for (size_t i = 0; i < l->cell.n; i++)
		h = (h ^ (uint8_t)l->cell.p[i]) * 0x100000001b3u;
	return h ^ h >> 29;
}

static bool line_at(const char *p, struct text all, struct frozen_line *out)
{
	struct text rest = { p, (size_t)(all.p + all.n - p) };

	return frozen_line_next(&rest, out);
}

/* The slot of a cell, or the free one where it would stand; *found: its line. */
static struct slot *slot_of(const struct table *t, struct text b, const struct frozen_line *l,
	struct frozen_line *found)
{
	size_t i = (size_t)cell_hash(l) & (t->room - 1);

	for (; t->slots[i].line; i = (i + 1) & (t->room - 1))
		if (line_at(t->slots[i].line, b, found) && found->cumulative == l->cumulative &&
			text_eq(found->cell, l->cell))
			break;
	return &t->slots[i];
}

static int table_make(struct table *t, struct text b)
{
	struct frozen_line l = { 0 }, other = { 0 };
	struct text rest = b;
	size_t n = 0;

	for (size_t i = 0; i < b.n; i++)
		n += b.p[i] == '\n';
	for (t->room = 1024; t->room < 2 * n;)
		t->room *= 2;
	t->slots = calloc(t->room, sizeof(*t->slots));
	if (!t->slots)
		return ERR_NOMEM;
	while (frozen_line_next(&rest, &l)) {
		struct slot *s = slot_of(t, b, &l, &other);

		if (s->line)
			return ERR_INVALID; /* one cell twice */
		s->line = l.whole.p;
	}
	return rest.n ? ERR_INVALID : 0;
}

int frozen_compare(struct text a, struct text b,
	bool (*fn)(void *arg, const struct frozen_line *a, const struct frozen_line *b), void *arg)
{
	struct table t = { 0 };
	struct frozen_line x = { 0 }, y = { 0 };
	struct text rest = a;
	bool more = true;
	int err;

	if (text_eq(a, b))
		return 0;
	err = table_make(&t, b);
	while (!err && more && frozen_line_next(&rest, &x)) {
		struct slot *s = slot_of(&t, b, &x, &y);

		s->met = true;
		if (!s->line)
			more = fn(arg, &x, NULL);
		else if (!text_eq(x.whole, y.whole))
			more = fn(arg, &x, &y);
	}
	if (!err && more && rest.n)
		err = ERR_INVALID;
	for (rest = b; !err && more && frozen_line_next(&rest, &y);)
		if (!slot_of(&t, b, &y, &x)->met)
			more = fn(arg, NULL, &y);
	free(t.slots);
	return err;
}
