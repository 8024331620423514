/* One walk over the events of a form, period and area, in the order of kinds: signatures come
 * before explanations, and these before decisions, each in the order of its ledger. So when the
 * decisions come, the newest signature is known. */
#include "daemon/figures/returns.h"

#include <stdlib.h>

#include "daemon/base/clock.h"
#include "proto/entry.pb-c.h"

#define BODY_MEMORY (512u * 1024)

static const struct {
	const char *code, *zh, *en;
} states[] = {
	[RETURN_OPEN] = { "open", "未报", "open" },
	[RETURN_SIGNED] = { "signed", "已报", "signed" },
	[RETURN_ACCEPTED] = { "accepted", "已接收", "accepted" },
	[RETURN_SENT_BACK] = { "sent_back", "已退回", "sent back" },
	[RETURN_CLOSED] = { "closed", "已关账", "closed" },
};

const char *return_state_code(enum return_state s)
{
	return states[s].code;
}

const char *return_state_words(enum return_state s, bool zh)
{
	return zh ? states[s].zh : states[s].en;
}

/* ---- one return ---- */

struct reading {
	const struct returns *r;
	struct return_item *out;
	struct arena arena;
};

static bool counts(const struct returns *r, uint32_t origin)
{
	return r->decisions ? origin == r->decisions : origin_is_decisions(origin);
}

static void decision_read(struct reading *x, const struct event *e)
{
	const Tally__Decision *d;

	arena_reset(&x->arena);
	d = survey_decision(e->body, &x->arena);
	if (!d)
		return;
	if (!d->accepted && d->position <= x->out->position) {
		x->out->sent_back = e->body;
		x->out->sent_back_position = d->position;
	}
	if (!x->out->position || d->position != x->out->position)
		return;
	x->out->state = d->accepted ? RETURN_ACCEPTED : RETURN_SENT_BACK;
	x->out->decision = e->body;
	x->out->decided_at_ms = e->at_ms;
}

static bool event_take(void *arg, const struct event *e)
{
	struct reading *x = arg;
	struct return_item *out = x->out;

	switch (e->kind) {
	case TALLY__ENTRY_KIND__RETURN:
		if (!out->signatures++)
			out->received_on = clock_date(e->at_ms);
		out->state = RETURN_SIGNED;
		out->position = e->position;
		out->at_ms = e->at_ms;
		out->body = e->body;
		break;
	case TALLY__ENTRY_KIND__EXPLAIN:
		out->explained++;
		break;
	case TALLY__ENTRY_KIND__DECISION:
		if (counts(x->r, e->origin))
			decision_read(x, e);
		break;
	default:
		break;
	}
	return true;
}

static bool version_take(void *arg, const struct event *e)
{
	struct reading *x = arg;
	const Tally__Version *v;

	if (e->kind != TALLY__ENTRY_KIND__VERSION || !counts(x->r, e->origin))
		return true;
	arena_reset(&x->arena);
	v = survey_version(e->body, &x->arena);
	if (v && v->number > x->out->version)
		x->out->version = v->number;
	return true;
}

void return_read(const struct returns *r, const char *form, const struct period *p, uint32_t area,
	struct return_item *out)
{
	struct reading x = { .r = r, .out = out };

	*out = (struct return_item){ .form = form,
		.period = *p,
		.area = area,
		.due = calendar_due(r->forms, text_of(form), p) };
	arena_init(&x.arena, BODY_MEMORY);
	events_walk(r->views, text_of(form), p, area, event_take, &x);
	events_walk(r->views, text_of(form), p, 0, version_take, &x);
	arena_deinit(&x.arena);
	out->decided = out->state;
	if (out->version)
		out->state = RETURN_CLOSED;
}

int return_late(const struct return_item *r, int today)
{
	int on = r->received_on ? r->received_on : today;

	return r->due && on > r->due ? (int)(days_of_date(on) - days_of_date(r->due)) : 0;
}

/* ---- explanations ---- */

/* Of words on a whole check the row is empty: no row is. */
static void explained_key(uint8_t out[KEY_HASH_BYTES], struct text check, struct text row)
{
	hash_key(out, check, row);
}

struct explaining {
	struct explanations *to;
	struct arena arena;
};

static bool explain_take(void *arg, const struct event *e)
{
	struct explaining *x = arg;
	struct explanations *to = x->to;
	const Tally__Explain *words;

	if (e->kind != TALLY__ENTRY_KIND__EXPLAIN)
		return e->kind < TALLY__ENTRY_KIND__EXPLAIN;
	arena_reset(&x->arena);
	words = survey_explain(e->body, &x->arena);
	if (!words)
		return true;
	if (to->n == to->room) {
		size_t room = to->room ? to->room * 2 : 16;
		void *more = realloc(to->at, room * sizeof(*to->at));

		if (!more) {
			to->failed = true;
			return false;
		}
		to->at = more;
		to->room = room;
	}
	explained_key(to->at[to->n++], survey_text(words->check),
		words->has_row ? survey_text(words->row) : (struct text){ 0 });
	return true;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, KEY_HASH_BYTES);
}

int explanations_read(struct explanations *x, const struct returns *r, const char *form,
	const struct period *p, uint32_t area)
{
	struct explaining reading = { .to = x };

	*x = (struct explanations){ 0 };
	arena_init(&reading.arena, BODY_MEMORY);
	events_walk(r->views, text_of(form), p, area, explain_take, &reading);
	arena_deinit(&reading.arena);
	if (x->n)
		qsort(x->at, x->n, sizeof(*x->at), by_key);
	return x->failed ? ERR_NOMEM : store_txn_err(r->views);
}

void explanations_deinit(struct explanations *x)
{
	free(x->at);
	*x = (struct explanations){ 0 };
}

bool explanations_have(const struct explanations *x, struct text check, struct text row)
{
	uint8_t place[KEY_HASH_BYTES], whole[KEY_HASH_BYTES];

	if (!x->n)
		return false;
	explained_key(place, check, row);
	explained_key(whole, check, (struct text){ 0 });
	return bsearch(place, x->at, x->n, sizeof(*x->at), by_key) ||
	       bsearch(whole, x->at, x->n, sizeof(*x->at), by_key);
}

/* ---- completeness ---- */

struct adding {
	const struct returns *r;
	uint32_t area;
	const char *form;
	int today;
	struct completeness *sum;
};

static bool is_zero(struct text body)
{
	const Tally__Return *ret;
	struct arena a;
	bool zero;

	arena_init(&a, BODY_MEMORY);
	ret = survey_return(body, &a);
	zero = ret && ret->parts == 0;
	arena_deinit(&a);
	return zero;
}

static bool add_one(void *arg, const char *form, const struct period *p, int due)
{
	struct adding *x = arg;
	struct completeness *s = x->sum;
	struct return_item item;

	if ((x->form && strcmp(form, x->form) != 0) || due > x->today)
		return true;
	return_read(x->r, form, p, x->area, &item);
	s->expected++;
	s->accepted += item.decided == RETURN_ACCEPTED;
	if (!item.signatures) {
		s->missing++;
		return true;
	}
	s->received++;
	s->on_time += item.received_on <= due;
	s->late += item.received_on > due;
	s->late_days += (uint64_t)return_late(&item, 0);
	s->zero += is_zero(item.body);
	return true;
}

void returns_due(const struct returns *r, uint32_t area, const char *form, int first, int last,
	struct completeness *sum)
{
	struct adding x = { r, area, form, last, sum };

	calendar_walk(r->forms, first, last, add_one, &x);
}

void returns_in(const struct returns *r, uint32_t area, const char *form, const struct period *in,
	int today, struct completeness *sum)
{
	struct adding x = { r, area, form, today, sum };

	calendar_walk_in(r->forms, in, add_one, &x);
}
