/* Rows of about a page each are put until the file grows: then no free page was left to take. Pages
 * that a commit frees can be taken by the second one after it, so a few commits come first. Then
 * the rows are deleted again, a few at a time (stack.md: a commit that frees many pages slows down
 * those after it). A kill in between leaves rows, which the next scrub deletes first.
 *
 *     table:  number (u64) → random bytes, one page with its head */
#include "daemon/store/inside.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"

#define ROWS 128
#define ROUNDS_LEAST 4
#define PAGE_HEAD 64
#define VALUE_MAX 8192

struct scrub {
	struct store *s;
	int table;
	uint64_t next; /* number of the next row */
	bool some;     /* rows were deleted */
	uint8_t value[VALUE_MAX];
};

static int fill_job(struct store_txn *t, void *arg)
{
	struct scrub *x = arg;
	size_t n = x->s->page - PAGE_HEAD < VALUE_MAX ? x->s->page - PAGE_HEAD : VALUE_MAX;

	for (uint64_t i = 0; i < ROWS && !store_txn_err(t); i++) {
		uint8_t key[8];

		put_u64(key, x->next + i);
		store_put(t, x->table, (struct text){ (const char *)key, 8 },
			(struct text){ (const char *)x->value, n });
	}
	durable_want(x->s, false); /* else these pages are held, and the next round finds others */
	return store_txn_err(t);
}

static int wipe_job(struct store_txn *t, void *arg)
{
	struct scrub *x = arg;

	(void)t;
	durable_want(x->s, true);
	return 0;
}

static int clear_job(struct store_txn *t, void *arg)
{
	struct scrub *x = arg;
	uint8_t keys[ROWS][8];
	struct store_cursor *c = store_cursor_open(t, x->table);
	struct text key, value;
	size_t n = 0;

	for (bool more = c && store_seek(c, (struct text){ NULL, 0 }, &key, &value);
		more && n < ROWS && key.n == 8; more = store_next(c, &key, &value))
		memcpy(keys[n++], key.p, 8);
	if (c)
		store_cursor_close(c);
	for (size_t i = 0; i < n; i++)
		store_del(t, x->table, (struct text){ (const char *)keys[i], 8 });
	x->some = n > 0;
	return store_txn_err(t);
}

static int clear_all(struct scrub *x)
{
	int err;

	do
		err = store_write(x->s, clear_job, x, STORE_RESERVE);
	while (!err && x->some);
	return err;
}

static uint64_t file_end(struct store *s)
{
	MDB_envinfo info;

	mdb_env_info(s->env, &info);
	return info.me_last_pgno;
}

int store_scrub(struct store *s, int table)
{
	struct scrub x = { .s = s, .table = table };
	int err = clear_all(&x), cleared;
	bool grew = false;

	random_bytes(x.value, sizeof x.value);
	for (unsigned round = 0; !err && (round < ROUNDS_LEAST || !grew); round++) {
		uint64_t end = file_end(s);

		err = store_write(s, fill_job, &x, 0);
		x.next += ROWS;
		grew = file_end(s) > end;
	}
	cleared = clear_all(&x);
	if (!cleared)
		cleared = store_write(s, wipe_job, &x, STORE_RESERVE);
	return err ? err : cleared;
}
