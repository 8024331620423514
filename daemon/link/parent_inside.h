/* What the two halves of the parent's machine share. Inside the machine only. */
#ifndef LINK_PARENT_INSIDE_H
#define LINK_PARENT_INSIDE_H

#include "daemon/link/parent.h"

/* A step in the making: what every function here needs. */
struct step {
	struct peer *p;
	const struct peer_event *e;
	uint64_t now;
	struct peer_actions *out;
};

/* ---- parent.c ---- */
struct peer_action *peer_act(struct step *s, enum peer_action_kind kind);
/* A PEER_SEND of that kind of frame to the live route. */
struct peer_action *peer_say_live(struct step *s, uint32_t frame);

/* ---- parent_down.c ---- */
void peer_on_follow(struct step *s);
void peer_on_unpublished(struct step *s);
void peer_on_question(struct step *s);
void peer_on_answered(struct step *s);

#endif
