/* Normal path: at the start all rows go into the index in the order of pids; after each chunk the
 * fold puts in what has changed; the first who asks on a new day turns it.
 *
 * How it fails: a chunk whose changes found no memory, in the fold or in the index, makes the index
 * lost. The views themselves are right and go on. Who asks next makes it anew under a snapshot,
 * while no chunk goes in; when memory is still short it is tried again a while later, and until
 * then who asks walks over the rows (aggregator/talents). A turn that fails leaves the day before:
 * who asks for today is not answered from it. */
#include "daemon/fold/live_talents.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/fold/fold.h"

#define ROOM "fold"
#define READ_MS 600000
#define AGAIN_MS 5000

struct live_talents {
	struct store *views;
	struct talent_index *index;
	pthread_mutex_t mending; /* one at a time */
	uint64_t mend_from;	 /* not before; monotonic ms */
	atomic_bool told;	 /* that it is lost */
};

/* A snapshot that begins with the first row asked for: then no chunk goes into the index, and what
 * the snapshot may hold beyond it comes once more. */
struct rows {
	struct store *store;
	struct store_txn *t;
	struct store_cursor *c;
};

static int rows_begin(struct rows *r)
{
	return r->t ? 0 : store_read_begin(r->store, &r->t, READ_MS);
}

static void rows_end(struct rows *r)
{
	if (r->c)
		store_cursor_close(r->c);
	if (r->t)
		store_read_end(r->t);
}

/* For talent_index_load(). */
static int row_next(void *arg, uint8_t pid[PID_BYTES], struct text *row)
{
	struct rows *r = arg;
	struct text key;
	bool more;
	int err = rows_begin(r);

	if (err)
		return err;
	if (r->c) {
		more = store_next(r->c, &key, row);
	} else {
		r->c = store_cursor_open(r->t, VIEW_TALENT);
		more = r->c && store_seek(r->c, (struct text){ 0 }, &key, row);
	}
	while (more && key.n != PID_BYTES)
		more = store_next(r->c, &key, row);
	err = store_txn_err(r->t);
	if (err || !more)
		return err ? err : ERR_NOTFOUND;
	memcpy(pid, key.p, PID_BYTES);
	return 0;
}

/* For talent_index_turn(). */
static int row_of(void *arg, const uint8_t pid[PID_BYTES], struct text *row)
{
	struct rows *r = arg;
	int err = rows_begin(r);

	if (err)
		return err;
	if (store_get(r->t, VIEW_TALENT, (struct text){ (const char *)pid, PID_BYTES }, row) == 0)
		return 0;
	err = store_txn_err(r->t);
	return err ? err : ERR_NOTFOUND;
}

static int load(struct live_talents *l, int day)
{
	struct rows rows = { .store = l->views };
	int err = talent_index_load(l->index, day, row_next, &rows);

	rows_end(&rows);
	return err;
}

int live_talents_open(
	struct live_talents **out, struct store *views, const struct talent_rules *rules)
{
	int day = clock_date(clock_wall_ms()), err;
	struct live_talents *l = calloc(1, sizeof(*l));

	if (!l)
		return ERR_NOMEM;
	l->views = views;
	pthread_mutex_init(&l->mending, NULL);
	l->index = talent_index_open(rules, day);
	err = l->index ? load(l, day) : ERR_NOMEM;
	if (err) {
		live_talents_close(l);
		return err;
	}
	*out = l;
	return 0;
}

void live_talents_close(struct live_talents *l)
{
	if (!l)
		return;
	talent_index_close(l->index);
	pthread_mutex_destroy(&l->mending);
	free(l);
}

void live_talents_follow(struct live_talents *l, const struct talents *chunk)
{
	const struct talent_change *changes;
	size_t n;

	if (!talents_changes(chunk, &changes, &n))
		talent_index_lose(l->index);
	else if (talent_index_put(l->index, changes, n))
		return;
	if (!atomic_exchange(&l->told, true))
		log_error(ROOM, "no memory for the talents: searches are slow until they are read "
				"anew");
}

static int mend(struct live_talents *l, int day)
{
	int err = 0;

	if (pthread_mutex_trylock(&l->mending))
		return ERR_BUSY;
	/* Somebody else may just have done it. */
	if (talent_index_lost(l->index)) {
		err = clock_mono_ms() < l->mend_from ? ERR_NOMEM : load(l, day);
		if (!err && atomic_exchange(&l->told, false))
			log_info(ROOM, "the talents are read anew");
		else if (err && clock_mono_ms() >= l->mend_from)
			l->mend_from = clock_mono_ms() + AGAIN_MS;
	}
	pthread_mutex_unlock(&l->mending);
	return err;
}

struct talent_index *live_talents_on(struct live_talents *l, int day, int *err)
{
	*err = talent_index_lost(l->index) ? mend(l, day) : 0;
	if (!*err && talent_index_day(l->index) != day) {
		struct rows rows = { .store = l->views };

		*err = talent_index_turn(l->index, day, row_of, &rows);
		rows_end(&rows);
	}
	return *err ? NULL : l->index;
}
