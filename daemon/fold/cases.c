/* A decision to link or unlink: the components of both pids are walked anew, before and after. The
 * records of all persons concerned are read once to see that they can be (or nothing happens), then
 * those whose person changes go out, the map changes, and they come in again. Cells, stocks,
 * samples and talents follow as with any correction. */
#include "daemon/fold/cases.h"

#include <stdlib.h>

#include "daemon/fold/facts.h"
#include "daemon/fold/finding.h"
#include "daemon/fold/fold.h"
#include "proto/identity.pb-c.h"

#define PAIR_KEY (1 + 2 * PID_BYTES + 4)
#define PAIR_MAX (2 * (1 + 8 + 1 + CASE_WHO_MAX))

static struct text bytes(const void *p, size_t n)
{
	return (struct text){ p, n };
}

static void pair_key(
	uint8_t key[PAIR_KEY], char kind, const uint8_t *a, const uint8_t *b, uint32_t origin)
{
	key[0] = (uint8_t)kind;
	memcpy(key + 1, a, PID_BYTES);
	memcpy(key + 1 + PID_BYTES, b, PID_BYTES);
	put_u32(key + 1 + 2 * PID_BYTES, origin);
}

/* ---- pairs ---- */

static size_t step_put(uint8_t *out, const struct case_step *s)
{
	size_t n = strlen(s->who);

	out[0] = (uint8_t)s->act;
	put_u64(out + 1, s->position);
	out[9] = (uint8_t)n;
	memcpy(out + 10, s->who, n);
	return 10 + n;
}

static size_t step_get(struct case_step *s, struct text value)
{
	const uint8_t *p = (const uint8_t *)value.p;

	if (value.n < 10 || p[9] > CASE_WHO_MAX || value.n < 10u + p[9])
		return 0;
	s->act = p[0];
	s->position = get_u64(p + 1);
	memcpy(s->who, p + 10, p[9]);
	s->who[p[9]] = 0;
	return 10u + p[9];
}

static bool pair_read(struct case_pair *out, struct text key, struct text value)
{
	size_t n;

	*out = (struct case_pair){ .origin = 0 };
	if (key.n != PAIR_KEY)
		return false;
	memcpy(out->a, key.p + 1, PID_BYTES);
	memcpy(out->b, key.p + 1 + PID_BYTES, PID_BYTES);
	out->origin = get_u32((const uint8_t *)key.p + 1 + 2 * PID_BYTES);
	n = step_get(&out->decided, value);
	return n && step_get(&out->proposed, bytes(value.p + n, value.n - n)) == value.n - n;
}

void case_pair_get(struct store_txn *t, const uint8_t a[PID_BYTES], const uint8_t b[PID_BYTES],
	uint32_t origin, struct case_pair *out)
{
	uint8_t key[PAIR_KEY];
	struct text value;
	bool there;

	pair_key(key, 'P', a, b, origin);
	there = store_get(t, VIEW_CASE, bytes(key, sizeof key), &value) == 0;
	if (there && !pair_read(out, bytes(key, sizeof key), value))
		store_fail(t, ERR_DAMAGED);
	if (there)
		return;
	*out = (struct case_pair){ .origin = origin };
	memcpy(out->a, a, PID_BYTES);
	memcpy(out->b, b, PID_BYTES);
}

static void pair_put(struct store_txn *t, const struct case_pair *p)
{
	uint8_t key[PAIR_KEY], value[PAIR_MAX];
	size_t n = step_put(value, &p->decided);

	n += step_put(value + n, &p->proposed);
	pair_key(key, 'P', p->a, p->b, p->origin);
	store_put(t, VIEW_CASE, bytes(key, sizeof key), bytes(value, n));
}

void case_pairs_walk(
	struct store_txn *t, bool (*fn)(void *arg, const struct case_pair *pair), void *arg)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_CASE);
	struct text key, value;

	for (bool more = c && store_seek(c, TEXT("P"), &key, &value); more && key.p[0] == 'P';
		more = store_next(c, &key, &value)) {
		struct case_pair pair;

		if (!pair_read(&pair, key, value)) {
			store_fail(t, ERR_DAMAGED);
			break;
		}
		if (!fn(arg, &pair))
			break;
	}
	if (c)
		store_cursor_close(c);
}

const char *case_refuses(
	const struct case_pair *pair, unsigned act, uint64_t decides, struct text who)
{
	bool linked = pair->decided.act == TALLY__CASE_ACT__CASE_LINK;
	int order = memcmp(pair->a, pair->b, PID_BYTES);

	if (who.n == 0 || who.n > CASE_WHO_MAX || memchr(who.p, 0, who.n))
		return "nobody stands for it";
	if (act < TALLY__CASE_ACT__CASE_LINK || act > TALLY__CASE_ACT__CASE_NOT_SAME || order > 0 ||
		(order == 0 && act != TALLY__CASE_ACT__CASE_NOT_SAME))
		return "it is no pair";
	if (act == TALLY__CASE_ACT__CASE_UNLINK ? !linked : linked)
		return linked ? "they are linked; unlink them first" : "they are not linked";
	if (decides == 0)
		return NULL;
	if (pair->proposed.act != act || pair->proposed.position != decides)
		return "there is no such proposal";
	return text_is(who, pair->proposed.who) ? "who proposed it may not decide it too" : NULL;
}

/* ---- persons ---- */

void case_person(struct store_txn *t, const uint8_t pid[PID_BYTES], uint8_t person[PID_BYTES])
{
	uint8_t key[1 + PID_BYTES] = { 'M' };
	struct text value;

	memcpy(key + 1, pid, PID_BYTES);
	memcpy(person, pid, PID_BYTES);
	if (store_get(t, VIEW_CASE, bytes(key, sizeof key), &value))
		return;
	if (value.n == PID_BYTES)
		memcpy(person, value.p, PID_BYTES);
	else
		store_fail(t, ERR_DAMAGED);
}

bool case_any(struct store_txn *t)
{
	struct store_cursor *c = store_cursor_open(t, VIEW_CASE);
	struct text key, value;
	bool any = c && store_seek(c, TEXT("M"), &key, &value) && key.p[0] == 'M';

	if (c)
		store_cursor_close(c);
	return any;
}

struct pids_set {
	uint8_t (*at)[PID_BYTES];
	size_t n, room;
	bool failed;
};

static void set_add(struct pids_set *s, const uint8_t *pid)
{
	for (size_t i = 0; i < s->n; i++)
		if (memcmp(s->at[i], pid, PID_BYTES) == 0)
			return;
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 16;
		void *more = realloc(s->at, room * PID_BYTES);

		if (!more) {
			s->failed = true;
			return;
		}
		s->at = more;
		s->room = room;
	}
	memcpy(s->at[s->n++], pid, PID_BYTES);
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, PID_BYTES);
}

/* Everybody whom the edges connect with `pid`, ascending. */
static void component(struct store_txn *t, const uint8_t *pid, struct pids_set *out)
{
	uint8_t from[1 + PID_BYTES] = { 'E' };

	set_add(out, pid);
	for (size_t i = 0; i < out->n && !out->failed; i++) {
		struct store_cursor *c = store_cursor_open(t, VIEW_CASE);
		struct text key, value;

		memcpy(from + 1, out->at[i], PID_BYTES);
		for (bool more = c && store_seek(c, bytes(from, sizeof from), &key, &value);
			more && key.n == PAIR_KEY && memcmp(key.p, from, sizeof from) == 0;
			more = store_next(c, &key, &value))
			set_add(out, (const uint8_t *)key.p + 1 + PID_BYTES);
		if (c)
			store_cursor_close(c);
	}
	if (out->n)
		qsort(out->at, out->n, PID_BYTES, by_bytes);
}

size_t case_members(
	struct store_txn *t, const uint8_t pid[PID_BYTES], uint8_t (*out)[PID_BYTES], size_t size)
{
	struct pids_set s = { 0 };
	size_t n;

	component(t, pid, &s);
	n = s.n;
	if (s.failed)
		store_fail(t, ERR_NOMEM);
	else
		memcpy(out, s.at, (n < size ? n : size) * PID_BYTES);
	free(s.at);
	return n;
}

/* ---- moving records ---- */

struct moves {
	struct record_at {
		uint32_t origin;
		uint64_t position;
	} * at;
	size_t n, room;
};

static int moves_add(struct moves *m, uint32_t origin, uint64_t position)
{
	if (m->n == m->room) {
		size_t room = m->room ? m->room * 2 : 64;
		void *more = realloc(m->at, room * sizeof *m->at);

		if (!more)
			return ERR_NOMEM;
		m->at = more;
		m->room = room;
	}
	m->at[m->n++] = (struct record_at){ origin, position };
	return 0;
}

static int by_record(const void *a, const void *b)
{
	const struct record_at *x = a, *y = b;

	if (x->origin != y->origin)
		return x->origin < y->origin ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

/* Every record of the person, once. */
static int records_of(struct store_txn *t, const uint8_t *person, struct moves *out)
{
	struct text value;
	size_t first = out->n, kept;
	int err = 0;

	if (store_get(t, VIEW_PERSON, bytes(person, PID_BYTES), &value))
		return store_txn_err(t);
	for (size_t at = 0; at + FACT_BYTES <= value.n && !err; at += FACT_BYTES) {
		const uint8_t *fact = (const uint8_t *)value.p + at;

		if (fact_source(fact) != FACT_NAME)
			err = moves_add(out, fact_origin(fact), fact_ref(fact));
	}
	if (err || out->n == first)
		return err;
	qsort(out->at + first, out->n - first, sizeof *out->at, by_record);
	kept = first + 1;
	for (size_t i = first + 1; i < out->n; i++)
		if (by_record(&out->at[i], &out->at[kept - 1]) != 0)
			out->at[kept++] = out->at[i];
	out->n = kept;
	return 0;
}

/* Those of the persons' records whose person will be another one. `groups`: who belongs together
 * from now on. */
static int moves_find(struct store_txn *t, const struct pids_set groups[2],
	const struct case_hands *hands, struct moves *out)
{
	struct pids_set persons = { 0 };
	struct moves all = { 0 };
	int err = 0;

	for (size_t g = 0; g < 2; g++)
		for (size_t i = 0; i < groups[g].n; i++) {
			uint8_t person[PID_BYTES];

			case_person(t, groups[g].at[i], person);
			set_add(&persons, person);
		}
	err = persons.failed ? ERR_NOMEM : 0;
	for (size_t i = 0; i < persons.n && !err; i++)
		err = records_of(t, persons.at[i], &all);
	for (size_t i = 0; i < all.n && !err; i++) {
		uint8_t pid[PID_BYTES], before[PID_BYTES];

		err = hands->pid_of(hands->arg, all.at[i].origin, all.at[i].position, pid);
		if (err)
			break;
		case_person(t, pid, before);
		for (size_t g = 0; g < 2 && !err; g++)
			if (groups[g].n &&
				bsearch(pid, groups[g].at, groups[g].n, PID_BYTES, by_bytes) &&
				memcmp(before, groups[g].at[0], PID_BYTES) != 0)
				err = moves_add(out, all.at[i].origin, all.at[i].position);
	}
	free(persons.at);
	free(all.at);
	return err;
}

static void map_write(struct store_txn *t, const struct pids_set *group)
{
	uint8_t key[1 + PID_BYTES] = { 'M' };

	for (size_t i = 0; i < group->n; i++) {
		memcpy(key + 1, group->at[i], PID_BYTES);
		if (group->n > 1)
			store_put(t, VIEW_CASE, bytes(key, sizeof key),
				bytes(group->at[0], PID_BYTES));
		else
			store_del(t, VIEW_CASE, bytes(key, sizeof key));
	}
}

static void edge_write(struct store_txn *t, const struct case_pair *p, bool linked)
{
	uint8_t key[2][PAIR_KEY];

	pair_key(key[0], 'E', p->a, p->b, p->origin);
	pair_key(key[1], 'E', p->b, p->a, p->origin);
	for (size_t i = 0; i < 2; i++)
		if (linked)
			store_put(t, VIEW_CASE, bytes(key[i], PAIR_KEY), TEXT(""));
		else
			store_del(t, VIEW_CASE, bytes(key[i], PAIR_KEY));
}

/* The edge between a and b came or went. */
static int regroup(
	struct store_txn *t, const struct case_pair *p, bool linked, const struct case_hands *hands)
{
	struct pids_set groups[2] = { { 0 }, { 0 } };
	struct moves moves = { 0 };
	int err = hands->settle(hands->arg);

	if (err)
		return err;
	edge_write(t, p, linked);
	component(t, p->a, &groups[0]);
	if (groups[0].n && !bsearch(p->b, groups[0].at, groups[0].n, PID_BYTES, by_bytes))
		component(t, p->b, &groups[1]);
	err = groups[0].failed || groups[1].failed ? ERR_NOMEM : store_txn_err(t);
	if (!err)
		err = moves_find(t, groups, hands, &moves);
	if (err) { /* the entry is folded later: as if it had not been looked at */
		edge_write(t, p, !linked);
		goto out;
	}
	for (size_t i = 0; i < moves.n && !err; i++)
		err = hands->weigh(hands->arg, moves.at[i].origin, moves.at[i].position, -1);
	map_write(t, &groups[0]);
	map_write(t, &groups[1]);
	for (size_t i = 0; i < moves.n && !err; i++)
		err = hands->weigh(hands->arg, moves.at[i].origin, moves.at[i].position, 1);
	/* What could be read a moment ago can be read: anything else ends the transaction. */
	if (err)
		store_fail(t, err);
out:
	free(groups[0].at);
	free(groups[1].at);
	free(moves.at);
	return err;
}

const char *case_fold(struct store_txn *t, const struct entry_view *e, struct arena *a,
	const struct case_hands *hands, int *err)
{
	const Tally__Case *c = tally__case__unpack(&a->pb, e->body.n, (const uint8_t *)e->body.p);
	struct case_pair pair;
	unsigned act;

	*err = 0;
	if (!c || !c->has_a || !c->has_b || !c->has_act || c->a.len != PID_BYTES ||
		c->b.len != PID_BYTES || (c->has_decides && c->decides == 0))
		return FINDING_BODY;
	act = c->act;
	case_pair_get(t, c->a.data, c->b.data, e->origin, &pair);
	if (case_refuses(&pair, act, c->has_decides ? c->decides : 0, e->author))
		return FINDING_CASE;
	if (!c->has_decides) {
		pair.proposed = (struct case_step){ .act = act, .position = e->position };
		memcpy(pair.proposed.who, e->author.p, e->author.n);
		pair_put(t, &pair);
		return NULL;
	}
	if (act != TALLY__CASE_ACT__CASE_NOT_SAME)
		*err = regroup(t, &pair, act == TALLY__CASE_ACT__CASE_LINK, hands);
	if (*err)
		return NULL;
	pair.decided = (struct case_step){ .act = act, .position = e->position };
	memcpy(pair.decided.who, e->author.p, e->author.n);
	pair.proposed = (struct case_step){ .act = 0 };
	pair_put(t, &pair);
	return NULL;
}
