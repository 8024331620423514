/* See the header for the normal path.
 *
 * What can go wrong: a FOLLOW or PUBLISH is lost (asked again after a while; a standing FOLLOW that
 * is repeated replaces itself) · a PUBLISH comes twice or late: one that was not asked for is let
 * go, one that brings nothing new does not count as the answer, so that a doubled frame does not
 * make a doubled conversation (but when another came meanwhile, that may have been the answer) ·
 * the parent says why there is nothing, or what it sent does not fit: the fault is named, our copy
 * stays, and we ask again after the rest · the session ends while a batch is with the store: the
 * next one waits for that answer before it asks. */
#include "daemon/link/follow.h"

#include <assert.h>

void follow_begin(struct follow *f, const struct follow_offer *o, uint64_t now, uint32_t rest_ms)
{
	bool busy = f->busy;

	*f = (struct follow){ .busy = busy };
	if (o->origin == 0)
		return;
	f->origin = o->origin;
	f->position = o->position;
	f->published = o->published;
	f->fault = o->fault;
	follow_again(f, o->fault ? now + rest_ms : now);
}

bool follow_wants(const struct follow *f, uint64_t now)
{
	return f->state == FOLLOW_DUE && !f->busy && now >= f->retry_ms;
}

void follow_asked(struct follow *f, uint64_t now)
{
	assert(f->state == FOLLOW_DUE && !f->busy);
	f->state = FOLLOW_ASKED;
	f->asked_ms = now;
}

void follow_again(struct follow *f, uint64_t at_ms)
{
	f->state = FOLLOW_DUE;
	f->retry_ms = at_ms;
}

int follow_answered(struct follow *f, const struct frame *publish, uint64_t now, uint32_t rest_ms)
{
	if (f->state == FOLLOW_NONE || publish->origin != f->origin)
		return LINK_UNLISTED;
	f->missed = f->state == FOLLOW_TAKING;
	if (f->state != FOLLOW_ASKED)
		return LINK_OK;
	if (publish->fault) {
		f->fault = (int)publish->fault;
		follow_again(f, now + rest_ms);
		return f->fault;
	}
	assert(!f->busy);
	f->state = FOLLOW_TAKING;
	f->busy = true;
	return LINK_OK;
}

int follow_taken(struct follow *f, uint64_t position, int fault, uint64_t now, uint32_t rest_ms)
{
	bool news = position > f->position;

	assert(f->busy);
	f->busy = false;
	if (!fault && news)
		f->position = position;
	if (f->published < f->position)
		f->published = f->position;
	if (f->state != FOLLOW_TAKING)
		return LINK_OK; /* of an older session, which has been named or told already */
	f->fault = fault;
	if (fault)
		follow_again(f, now + rest_ms);
	else if (news || f->missed)
		follow_again(f, now);
	else
		f->state = FOLLOW_ASKED;
	return fault;
}
