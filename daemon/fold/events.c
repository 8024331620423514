/* Events: one row an entry, written as it is folded. The body is judged here once; who reads the
 * row unpacks it again, into an arena of its own. */
#include "daemon/fold/events.h"

#include "daemon/fold/finding.h"
#include "daemon/fold/fold.h"
#include "proto/entry.pb-c.h"
#include "proto/survey.h"

#define TAIL_BYTES 19 /* of a key, behind the form and its zero byte */
#define EVENT_KEY_MAX (FORM_ID_MAX + 1 + TAIL_BYTES)
#define AT_BYTES 8

bool event_is_kind(uint32_t kind)
{
	return kind == TALLY__ENTRY_KIND__RETURN || kind == TALLY__ENTRY_KIND__EXPLAIN ||
	       kind == TALLY__ENTRY_KIND__DECISION || kind == TALLY__ENTRY_KIND__VERSION;
}

bool event_ledger_ok(uint32_t kind, uint32_t origin)
{
	switch (kind) {
	case TALLY__ENTRY_KIND__RETURN:
	case TALLY__ENTRY_KIND__EXPLAIN:
	case TALLY__ENTRY_KIND__INTAKE:
		return !origin_is_decisions(origin);
	case TALLY__ENTRY_KIND__DECISION:
	case TALLY__ENTRY_KIND__VERSION:
	case TALLY__ENTRY_KIND__FORMS:
		return origin_is_decisions(origin);
	default:
		return true;
	}
}

/* Where an event stands. */
struct place {
	ProtobufCBinaryData form, period;
	uint32_t area;
};

static bool place_read(const struct entry_view *e, struct arena *a, struct place *p)
{
	const Tally__Return *r;
	const Tally__Explain *x;
	const Tally__Decision *d;
	const Tally__Version *v;

	switch (e->kind) {
	case TALLY__ENTRY_KIND__RETURN:
		r = survey_return(e->body, a);
		/* Nobody vouches for what comes after him. */
		if (!r || r->position >= e->position ||
			(r->parts &&
				(r->figures >= e->position || e->position - r->figures < r->parts)))
			return false;
		*p = (struct place){ r->form, r->period, e->origin };
		return true;
	case TALLY__ENTRY_KIND__EXPLAIN:
		x = survey_explain(e->body, a);
		if (x)
			*p = (struct place){ x->form, x->period, e->origin };
		return x != NULL;
	case TALLY__ENTRY_KIND__DECISION:
		d = survey_decision(e->body, a);
		if (d)
			*p = (struct place){ d->form, d->period, d->area };
		return d && d->area != 0;
	default:
		v = survey_version(e->body, a);
		if (v)
			*p = (struct place){ v->form, v->period, 0 };
		return v != NULL;
	}
}

/* The beginning of the keys of a form, period and area. */
static size_t prefix_put(
	uint8_t key[EVENT_KEY_MAX], struct text form, const struct period *p, uint32_t area)
{
	unsigned code = period_code(p);

	memcpy(key, form.p, form.n);
	key[form.n] = 0;
	key[form.n + 1] = (uint8_t)(code >> 8);
	key[form.n + 2] = (uint8_t)code;
	put_u32(key + form.n + 3, area);
	return form.n + 7;
}

const char *event_fold(struct store_txn *views, const struct entry_view *e, struct arena *a)
{
	uint8_t key[EVENT_KEY_MAX];
	struct place at;
	struct period period;
	size_t n;
	char *value;

	if (!event_ledger_ok(e->kind, e->origin))
		return FINDING_LEDGER;
	if (!place_read(e, a, &at) || !form_id_ok(survey_text(at.form)) ||
		!period_parse(&period, survey_text(at.period)))
		return FINDING_BODY;
	value = arena_alloc(a, AT_BYTES + e->body.n);
	if (!value)
		return FINDING_BODY;
	put_u64((uint8_t *)value, e->at_ms);
	memcpy(value + AT_BYTES, e->body.p, e->body.n);
	n = prefix_put(key, survey_text(at.form), &period, at.area);
	key[n] = (uint8_t)e->kind;
	put_u32(key + n + 1, e->origin);
	put_u64(key + n + 5, e->position);
	store_put(views, VIEW_EVENT, (struct text){ (const char *)key, n + 13 },
		(struct text){ value, AT_BYTES + e->body.n });
	return NULL;
}

/* ---- reading ---- */

static bool event_read(struct event *e, struct text key, struct text value)
{
	const char *zero = memchr(key.p, 0, key.n);
	size_t n = zero ? (size_t)(zero - key.p) : 0;
	const uint8_t *tail = (const uint8_t *)key.p + n + 1;

	if (!zero || n > FORM_ID_MAX || key.n != n + 1 + TAIL_BYTES || value.n < AT_BYTES ||
		!period_of_code(&e->period, (uint16_t)(tail[0] << 8 | tail[1])))
		return false;
	memcpy(e->form, key.p, n + 1);
	e->area = get_u32(tail + 2);
	e->kind = tail[6];
	e->origin = get_u32(tail + 7);
	e->position = get_u64(tail + 11);
	e->at_ms = get_u64((const uint8_t *)value.p);
	e->body = (struct text){ value.p + AT_BYTES, value.n - AT_BYTES };
	return true;
}

static void walk(struct store_txn *views, struct text prefix,
	bool (*fn)(void *arg, const struct event *e), void *arg)
{
	struct store_cursor *c = store_cursor_open(views, VIEW_EVENT);
	struct text key, value;
	struct event e;

	for (bool on = c && store_seek(c, prefix, &key, &value);
		on && key.n >= prefix.n &&
		(prefix.n == 0 || memcmp(key.p, prefix.p, prefix.n) == 0);
		on = store_next(c, &key, &value)) {
		if (!event_read(&e, key, value)) {
			store_fail(views, ERR_DAMAGED);
			break;
		}
		if (!fn(arg, &e))
			break;
	}
	if (c)
		store_cursor_close(c);
}

void events_walk(struct store_txn *views, struct text form, const struct period *p, uint32_t area,
	bool (*fn)(void *arg, const struct event *e), void *arg)
{
	uint8_t key[EVENT_KEY_MAX];

	if (!form_id_ok(form))
		return;
	walk(views, (struct text){ (const char *)key, prefix_put(key, form, p, area) }, fn, arg);
}

void events_walk_form(struct store_txn *views, struct text form,
	bool (*fn)(void *arg, const struct event *e), void *arg)
{
	char key[FORM_ID_MAX + 1] = "";

	if (form.n > FORM_ID_MAX)
		return;
	if (form.n)
		memcpy(key, form.p, form.n);
	walk(views, (struct text){ key, form.n ? form.n + 1 : 0 }, fn, arg);
}
