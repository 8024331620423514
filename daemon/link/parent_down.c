/* The parent's machine, its other half: what goes down beside the receipts: decisions that are
 * published, answers to questions. See parent.c. */
#include "daemon/link/parent_inside.h"

#include "proto/link.pb-c.h"

/* ---- what is published ---- */

/* The child's FOLLOW gets no batch, and is told why. */
static void unfit(struct step *s, int fault)
{
	peer_say_live(s, TALLY__FRAME_KIND__PUBLISH)->fault = fault;
	peer_act(s, PEER_UNFIT)->fault = fault;
	s->p->follow_fault = fault;
	s->p->asked = false;
}

void peer_on_follow(struct step *s)
{
	struct peer *p = s->p;
	int fault = p->conf.published ? s->e->fault : LINK_UNLISTED;
	uint64_t held = s->e->frame->ledgers[0].position;

	if (fault != LINK_UNLISTED) {
		if (p->follows && held < p->held)
			return; /* it has come late */
		p->follows = p->followed = true;
		p->held = held;
	}
	if (fault) {
		unfit(s, fault);
		return;
	}
	p->follow_fault = LINK_OK;
	p->asked = true;
}

void peer_on_unpublished(struct step *s)
{
	if (s->p->state != PEER_LIVE)
		return;
	if (s->e->fault)
		unfit(s, s->e->fault);
	else
		s->p->asked = true;
}

/* ---- questions ---- */

static void answer(struct step *s, uint64_t nonce, const struct link_answer *is)
{
	struct peer_action *a = peer_act(s, PEER_ANSWER);
	a->nonce = nonce;
	a->answer = *is;
	memcpy(a->session, s->p->session, FRAME_SESSION_BYTES);
}

void peer_on_question(struct step *s)
{
	struct peer *p = s->p;
	struct link_answer no = { answers_take(&p->answers, &p->conf.questions, s->now), "" };

	if (no.answer)
		answer(s, s->e->frame->nonce, &no);
	else
		peer_act(s, PEER_ASK)->serial = p->serial;
}

void peer_on_answered(struct step *s)
{
	answers_done(&s->p->answers);
	if (s->p->state == PEER_LIVE && s->e->serial == s->p->serial)
		answer(s, s->e->nonce, s->e->answer);
}
