/* A step: where did the last one stop → the next entries of the own ledger → of those that are
 * records, the persons' numbers in the vault → sorted, so that each row is written once → the
 * months, and where this one stopped, in one transaction.
 *
 *     'C' | chunk (u64)  → the months of 512 persons, u16 each; person n is in chunk n / 512
 *     'M' | month (u16)  → the last position of that month (u64)
 *     'S'                → position (u64) | time (u64) | as it stood in that entry (u64)
 *
 * Two bytes a person: a million are two megabytes, and who is due is found by reading these.
 *
 * Times never fall from one position to the next. An entry whose clock stood behind the one before
 * counts as written with that one; one from before tally was written, or after now, likewise or as
 * written now: what is not known is taken as later than it was, since it is early erasing that
 * cannot be undone. */
#include "daemon/intake/heard.h"

#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/intake/vault.h"
#include "proto/entry.pb-c.h"

#define CHUNK 512
#define CHUNK_BYTES (2 * CHUNK)
#define FIRST_MS 1577836800000ull /* 2020 */
#define FIRST_MONTH (2020 * 12)
#define STATE_BYTES 24
#define STATE_KEY TEXT("S")

struct state {
	uint64_t position, time, at;
};

unsigned heard_month(uint64_t wall_ms)
{
	int date = clock_date(wall_ms);

	return (unsigned)(date / 10000 * 12 + date / 100 % 100 - 1);
}

/* ---- rows ---- */

#define KEY_BYTES 9

static struct text chunk_key(uint8_t at[KEY_BYTES], uint64_t chunk)
{
	at[0] = 'C';
	put_u64(at + 1, chunk);
	return (struct text){ (const char *)at, KEY_BYTES };
}

static struct text month_key(uint8_t at[3], unsigned month)
{
	at[0] = 'M';
	at[1] = (uint8_t)(month >> 8);
	at[2] = (uint8_t)month;
	return (struct text){ (const char *)at, 3 };
}

static unsigned month_at(const uint8_t *row, uint64_t number)
{
	const uint8_t *p = row + 2 * (number % CHUNK);

	return (unsigned)p[0] << 8 | p[1];
}

static void month_set(uint8_t *row, uint64_t number, unsigned month)
{
	uint8_t *p = row + 2 * (number % CHUNK);

	p[0] = (uint8_t)(month >> 8);
	p[1] = (uint8_t)month;
}

/* Zeros when there is none yet. */
static void chunk_get(struct store_txn *t, int table, uint64_t chunk, uint8_t row[CHUNK_BYTES])
{
	uint8_t key[KEY_BYTES];
	struct text value;

	memset(row, 0, CHUNK_BYTES);
	if (store_get(t, table, chunk_key(key, chunk), &value))
		return;
	if (value.n == CHUNK_BYTES)
		memcpy(row, value.p, CHUNK_BYTES);
	else
		store_fail(t, ERR_DAMAGED);
}

static void chunk_put(
	struct store_txn *t, int table, uint64_t chunk, const uint8_t row[CHUNK_BYTES])
{
	uint8_t key[KEY_BYTES];

	store_put(t, table, chunk_key(key, chunk), (struct text){ (const char *)row, CHUNK_BYTES });
}

static void state_get(struct store_txn *t, int table, struct state *s)
{
	struct text value;

	*s = (struct state){ 0 };
	if (store_get(t, table, STATE_KEY, &value))
		return;
	if (value.n != STATE_BYTES) {
		store_fail(t, ERR_DAMAGED);
		return;
	}
	s->position = get_u64((const uint8_t *)value.p);
	s->time = get_u64((const uint8_t *)value.p + 8);
	s->at = get_u64((const uint8_t *)value.p + 16);
}

static void state_put(struct store_txn *t, int table, const struct state *s)
{
	uint8_t value[STATE_BYTES];

	put_u64(value, s->position);
	put_u64(value + 8, s->time);
	put_u64(value + 16, s->at);
	store_put(t, table, STATE_KEY, (struct text){ (const char *)value, sizeof value });
}

static void until_put(struct store_txn *t, int table, unsigned month, uint64_t position)
{
	uint8_t key[3], value[8];

	put_u64(value, position);
	store_put(t, table, month_key(key, month), (struct text){ (const char *)value, 8 });
}

/* ---- a step ---- */

/* Moves the time on to an entry's; false: a leap that nobody vouches for. */
static bool time_take(struct heard_step *s, struct state *state, uint64_t at)
{
	if (at < FIRST_MS)
		return true;
	if (at > s->now_ms)
		at = s->now_ms; /* by a clock that was put right since */
	else if (!s->sure && state->at && at > state->at + HEARD_QUIET_MS &&
		 at + HEARD_QUIET_MS > s->now_ms) {
		s->leap_from = state->at;
		s->leap_to = at;
		return false;
	}
	state->at = at;
	if (at > state->time)
		state->time = at;
	return true;
}

static void persons(
	struct store_txn *t, struct heard_step *s, const struct entry_view *e, unsigned month)
{
	const struct reg *reg = register_find(e->reg);
	struct record r;

	if (!reg || !reg->n_persons)
		return;
	arena_reset(&s->arena);
	if (record_unpack(reg, e->body, &s->arena, &r))
		return;
	for (size_t i = 0; i < reg->n_persons && s->n_marks < HEARD_STEP; i++) {
		const uint8_t *pid = record_person(&r, i).pid;
		uint64_t number = pid ? pids_find(t, s->vault->pids, pid) : 0;

		if (number)
			s->marks[s->n_marks++] = (struct heard_mark){ number, (uint16_t)month };
	}
}

static int by_number(const void *a, const void *b)
{
	const struct heard_mark *x = a, *y = b;

	return x->number != y->number ? (x->number > y->number ? 1 : -1)
				      : (x->month > y->month) - (x->month < y->month);
}

static void marks_put(struct store_txn *t, struct heard_step *s)
{
	uint8_t row[CHUNK_BYTES];

	if (s->n_marks)
		qsort(s->marks, s->n_marks, sizeof *s->marks, by_number);
	for (size_t i = 0; i < s->n_marks && !store_txn_err(t);) {
		uint64_t chunk = s->marks[i].number / CHUNK;
		bool changed = false;

		chunk_get(t, s->vault->heard, chunk, row);
		for (; i < s->n_marks && s->marks[i].number / CHUNK == chunk; i++) {
			if (month_at(row, s->marks[i].number) >= s->marks[i].month)
				continue;
			month_set(row, s->marks[i].number, s->marks[i].month);
			changed = true;
		}
		if (changed)
			chunk_put(t, s->vault->heard, chunk, row);
	}
}

void heard_follow(struct store_txn *t, struct heard_step *s)
{
	uint32_t own = ledger_own(s->ledger);
	uint64_t last = ledger_head(t, own).position, end, began;
	struct ledger_walk walk = { .t = t, .origin = own };
	int table = s->vault->heard;
	struct state state;

	s->n_marks = 0;
	s->leap_from = s->leap_to = 0;
	state_get(t, table, &state);
	began = state.position;
	end = last - began > HEARD_STEP / 2 ? began + HEARD_STEP / 2 : last;
	pids_begin(t, s->vault->pids);
	while (state.position < end && !store_txn_err(t)) {
		struct state next = state;
		struct entry_view e;

		next.position++;
		if (ledger_walk_get(&walk, next.position, &e)) {
			if (!store_txn_err(t))
				log_error("vault", "entry %llu of the own ledger cannot be read",
					(unsigned long long)next.position);
			state = next;
			continue;
		}
		if (!time_take(s, &next, e.at_ms))
			break;
		if (state.time && heard_month(next.time) != heard_month(state.time))
			until_put(t, table, heard_month(state.time), state.position);
		state = next;
		if (e.kind == TALLY__ENTRY_KIND__RECORD)
			persons(t, s, &e, heard_month(state.time ? state.time : s->now_ms));
	}
	ledger_walk_end(&walk);
	pids_end(t, s->vault->pids);
	s->left = last - state.position;
	if (state.position == began)
		return;
	marks_put(t, s);
	if (state.time)
		until_put(t, table, heard_month(state.time), state.position);
	state_put(t, table, &state);
}

/* ---- one person ---- */

void heard_back(struct store_txn *t, int table, uint64_t number, uint64_t now_ms)
{
	uint8_t row[CHUNK_BYTES];
	struct state state;
	unsigned month;

	state_get(t, table, &state);
	month = heard_month(now_ms > state.time ? now_ms : state.time);
	chunk_get(t, table, number / CHUNK, row);
	if (month_at(row, number) >= month)
		return;
	month_set(row, number, month);
	chunk_put(t, table, number / CHUNK, row);
}

void heard_forget(struct store_txn *t, int table, uint64_t number)
{
	uint8_t row[CHUNK_BYTES];

	chunk_get(t, table, number / CHUNK, row);
	month_set(row, number, 0);
	chunk_put(t, table, number / CHUNK, row);
}

unsigned heard_of(struct store_txn *t, int table, uint64_t number)
{
	uint8_t row[CHUNK_BYTES];

	chunk_get(t, table, number / CHUNK, row);
	return month_at(row, number);
}

void heard_walk(struct store_txn *t, int table, unsigned month,
	bool (*fn)(void *arg, uint64_t number, unsigned month), void *arg)
{
	struct store_cursor *c = store_cursor_open(t, table);
	struct text key, value;

	if (!c)
		return;
	for (bool more = store_seek(c, TEXT("C"), &key, &value);
		more && key.n == KEY_BYTES && key.p[0] == 'C'; more = store_next(c, &key, &value)) {
		uint64_t first = get_u64((const uint8_t *)key.p + 1) * CHUNK;

		if (value.n != CHUNK_BYTES) {
			store_fail(t, ERR_DAMAGED);
			break;
		}
		for (uint64_t i = 0; i < CHUNK; i++) {
			unsigned at = month_at((const uint8_t *)value.p, i);

			if (at >= FIRST_MONTH && at <= month && !fn(arg, first + i, at))
				goto out;
		}
	}
out:
	store_cursor_close(c);
}

uint64_t heard_until(struct store_txn *t, int table, unsigned month)
{
	struct store_cursor *c = store_cursor_open(t, table);
	struct text key, value;
	uint64_t position = 0;
	uint8_t end[3];

	if (!c)
		return 0;
	if (store_before(c, month_key(end, month + 1), &key, &value) && key.n == 3 &&
		key.p[0] == 'M' && value.n == 8)
		position = get_u64((const uint8_t *)value.p);
	store_cursor_close(c);
	return position;
}
