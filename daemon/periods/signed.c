/* One walk over the events of an area, in the order of kinds: signatures up to the version's
 * position of the ledger, then decisions that stand before the version. */
#include "daemon/periods/signed.h"

#include "proto/entry.pb-c.h"

struct looking {
	const struct version *v;
	uint64_t up_to;	   /* of the area's ledger */
	uint64_t position; /* of the newest signature; 0: none */
	bool accepted;
	struct buf *who;
};

static void signature_take(struct looking *l, const struct event *e, struct arena *a)
{
	const Tally__Return *r = survey_return(e->body, a);

	if (!r)
		return;
	l->position = e->position;
	buf_reset(l->who);
	buf_text(l->who, survey_text(r->by));
	buf_str(l->who, ", ");
	buf_text(l->who, survey_text(r->approve));
}

static bool look(void *arg, const struct event *e)
{
	struct looking *l = arg;
	const Tally__Decision *d;
	struct arena a;

	arena_init(&a, VERSION_MEMORY);
	if (e->kind == TALLY__ENTRY_KIND__RETURN && e->position <= l->up_to)
		signature_take(l, e, &a);
	if (e->kind == TALLY__ENTRY_KIND__DECISION && e->origin == l->v->at.origin &&
		e->position < l->v->at.position) {
		d = survey_decision(e->body, &a);
		if (d && d->position == l->position)
			l->accepted = d->accepted;
	}
	arena_deinit(&a);
	return true;
}

void signed_names(struct store_txn *views, const struct version *v, uint32_t area, struct buf *who)
{
	struct looking l = { .v = v, .who = who };

	buf_reset(who);
	for (size_t i = 0; i < v->body->n_positions; i++)
		if (v->body->positions[i]->origin == area)
			l.up_to = v->body->positions[i]->position;
	events_walk(views, text_of(v->form), &v->period, area, look, &l);
	if (!l.accepted)
		buf_reset(who);
}
