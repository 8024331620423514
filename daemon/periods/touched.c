/* Two walks over each ledger that has grown. First what came in between: which records, and their
 * newest version there. Then everything before, for the version of just these records that stood
 * at the first position. What was refused by the fold is no version. Last, record by record, what
 * the old and the new version bring: the same is no difference.
 *
 *	1 ………… from ………… to
 *	└ 2nd walk ┘└ 1st ┘
 */
#include "daemon/periods/touched.h"

#include <stdlib.h>

#include "daemon/fold/contribution.h"
#include "daemon/fold/judged.h"
#include "proto/entry.pb-c.h"

#define READ_MS 600000
#define RENEW_EVERY 2000
#define ENTRY_MEMORY (512u * 1024)

struct one {
	uint8_t id[RECORD_KEY_BYTES];
	uint64_t before, after, first_ms;
};

struct walk {
	struct touching *t;
	struct store_txn *ledgers;
	struct contribution *asked;
	uint32_t origin;
	struct one *ones; /* in the order in which they came */
	size_t n, room;
	uint32_t *index; /* open-addressed: number of a one, plus 1 */
	size_t slots;	 /* a power of two */
	struct arena arena;
	struct buf old, new;
};

/* ---- which records ---- */

static uint32_t *slot_of(const struct walk *w, const uint8_t id[RECORD_KEY_BYTES])
{
	uint64_t h;
	size_t i;

	memcpy(&h, id, sizeof(h));
	for (i = (size_t)h & (w->slots - 1); w->index[i]; i = (i + 1) & (w->slots - 1))
		if (memcmp(w->ones[w->index[i] - 1].id, id, RECORD_KEY_BYTES) == 0)
			break;
	return &w->index[i];
}

static bool grow(struct walk *w)
{
	size_t room = w->room ? w->room * 2 : 512;
	struct one *more = realloc(w->ones, room * sizeof(*more));
	uint32_t *index = calloc(room * 2, sizeof(*index));

	if (more)
		w->ones = more;
	if (!more || !index) {
		free(index);
		return false;
	}
	free(w->index);
	w->index = index;
	w->slots = room * 2;
	w->room = room;
	for (size_t i = 0; i < w->n; i++)
		*slot_of(w, w->ones[i].id) = (uint32_t)i + 1;
	return true;
}

/* The one of an id; NULL: there is none, or no memory to make it. */
static struct one *one_get(struct walk *w, const uint8_t id[RECORD_KEY_BYTES], bool make)
{
	uint32_t *slot;

	if (make && w->n == w->room && (w->n >= TOUCHED_MAX || !grow(w)))
		return NULL;
	if (!w->slots)
		return NULL;
	slot = slot_of(w, id);
	if (!*slot && make) {
		w->ones[w->n] = (struct one){ .after = 0 };
		memcpy(w->ones[w->n].id, id, RECORD_KEY_BYTES);
		*slot = (uint32_t)++w->n;
	}
	return *slot ? &w->ones[*slot - 1] : NULL;
}

/* ---- entries ---- */

static int entry_get(struct walk *w, uint64_t position, struct entry_view *e)
{
	struct text bytes;
	int err = ledger_get(w->ledgers, w->origin, position, &bytes);

	if (!err && entry_unpack(e, bytes, NULL) != 0)
		err = ERR_DAMAGED;
	if (err == ERR_DAMAGED || err == ERR_NOTFOUND) {
		w->t->broken = (struct fold_bound){ w->origin, position };
		return ERR_DAMAGED;
	}
	arena_reset(&w->arena);
	return err;
}

/* Is it about a record that the form looks at? */
static bool is_asked(const struct walk *w, const struct entry_view *e)
{
	const struct reg *reg = register_find(e->reg);

	return (e->kind == TALLY__ENTRY_KIND__RECORD || e->kind == TALLY__ENTRY_KIND__RETRACT) &&
	       reg && contribution_asks(w->asked, reg);
}

/* The id that the entry is about; false: the fold takes nothing from it. */
static bool id_of(struct walk *w, const struct entry_view *e, uint8_t id[RECORD_KEY_BYTES])
{
	struct record_judged j;

	if (e->kind == TALLY__ENTRY_KIND__RETRACT) {
		record_id_put(id, e->origin, e->reg, e->key);
		return true;
	}
	record_judge(e, &w->arena, &j);
	memcpy(id, j.id, RECORD_KEY_BYTES);
	return j.code == NULL;
}

static int between(struct walk *w, const struct entry_view *e)
{
	uint8_t id[RECORD_KEY_BYTES];
	struct one *o;

	if (e->kind == TALLY__ENTRY_KIND__CASE) {
		struct touched t = {
			.what = TOUCHED_CASE, .origin = w->origin, .after = e->position
		};

		w->t->fn(w->t->arg, &t);
		return 0;
	}
	if (!is_asked(w, e) || !id_of(w, e, id))
		return 0;
	o = one_get(w, id, true);
	if (!o)
		return w->n >= TOUCHED_MAX ? ERR_LIMIT : ERR_NOMEM;
	o->after = e->kind == TALLY__ENTRY_KIND__RECORD ? e->position : 0;
	if (!o->first_ms)
		o->first_ms = e->at_ms;
	return 0;
}

static int earlier(struct walk *w, const struct entry_view *e)
{
	uint8_t id[RECORD_KEY_BYTES];
	struct one *o;

	if (!is_asked(w, e) || !id_of(w, e, id))
		return 0;
	o = one_get(w, id, false);
	if (o)
		o->before = e->kind == TALLY__ENTRY_KIND__RECORD ? e->position : 0;
	return 0;
}

static int span_walk(struct walk *w, uint64_t first, uint64_t last,
	int (*fn)(struct walk *w, const struct entry_view *e))
{
	for (uint64_t p = first; p <= last; p++) {
		struct entry_view e;
		int err = entry_get(w, p, &e);

		if (!err) {
			e.origin = w->origin;
			e.position = p;
			err = fn(w, &e);
		}
		if (!err && p % RENEW_EVERY == 0) {
			if (w->t->stop && w->t->stop(w->t->arg))
				return ERR_CLOSED;
			err = store_read_renew(w->ledgers);
		}
		if (err)
			return err;
	}
	return 0;
}

/* ---- what they bring ---- */

/* What the version at a position brings; position 0: nothing. Its register and key stay in the
 * arena until the next one. */
static int bring(struct walk *w, uint64_t position, struct buf *out, struct record_judged *j)
{
	struct entry_view e;
	int err;

	buf_reset(out);
	if (!position)
		return 0;
	err = entry_get(w, position, &e);
	if (err)
		return err;
	e.origin = w->origin;
	e.position = position;
	record_judge(&e, &w->arena, j);
	if (j->code)
		return 0;
	return contribution_take(w->asked, &j->record, w->origin, out) ? 0 : ERR_NOMEM;
}

static int one_tell(struct walk *w, const struct one *o)
{
	struct record_judged j = { .code = NULL };
	struct touched t = { .origin = w->origin, .before = o->before, .after = o->after };
	int err = o->after ? bring(w, o->before, &w->old, &j) : 0;

	if (!err)
		err = bring(w, o->after ? o->after : o->before, o->after ? &w->new : &w->old, &j);
	if (!o->after)
		buf_reset(&w->new);
	if (err || text_eq(buf_as_text(&w->old), buf_as_text(&w->new)) || j.code || !j.record.reg)
		return err;
	t.what = !o->after			 ? TOUCHED_RETRACTED
		 : o->before			 ? TOUCHED_CORRECTED
		 : o->first_ms > w->t->closed_ms ? TOUCHED_LATE
						 : TOUCHED_NEW;
	t.reg = text_of(j.record.reg->name);
	t.key = j.key;
	w->t->fn(w->t->arg, &t);
	return 0;
}

static int ledger_walk(struct walk *w, uint64_t from, uint64_t to)
{
	int err;

	w->n = 0;
	if (w->index)
		memset(w->index, 0, w->slots * sizeof(*w->index));
	err = span_walk(w, from + 1, to, between);
	if (!err && w->n)
		err = span_walk(w, 1, from, earlier);
	for (size_t i = 0; i < w->n && !err; i++) {
		if (w->ones[i].before || w->ones[i].after)
			err = one_tell(w, &w->ones[i]);
		if (!err && (i + 1) % RENEW_EVERY == 0)
			err = store_read_renew(w->ledgers);
	}
	return err;
}

static uint64_t position_of(const struct fold_bound *b, size_t n, uint32_t origin)
{
	for (size_t i = 0; i < n; i++)
		if (b[i].origin == origin)
			return b[i].position;
	return 0;
}

int touched_walk(struct touching *t)
{
	struct walk w = { .t = t };
	int err;

	t->broken = (struct fold_bound){ 0, 0 };
	w.asked = contribution_open(t->forms, t->form, &t->period, t->city);
	if (!w.asked)
		return ERR_NOMEM;
	arena_init(&w.arena, ENTRY_MEMORY);
	err = store_read_begin(ledger_store(t->ledger), &w.ledgers, READ_MS);
	if (!err) {
		for (size_t i = 0; i < t->n_to && !err; i++) {
			uint64_t from = position_of(t->from, t->n_from, t->to[i].origin);

			w.origin = t->to[i].origin;
			if (!origin_is_decisions(w.origin) && from < t->to[i].position)
				err = ledger_walk(&w, from, t->to[i].position);
		}
		store_read_end(w.ledgers);
	}
	contribution_close(w.asked);
	arena_deinit(&w.arena);
	buf_deinit(&w.old);
	buf_deinit(&w.new);
	free(w.ones);
	free(w.index);
	return err;
}
