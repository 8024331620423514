/* What the two halves of the child's machine share. Inside the machine only. */
#ifndef LINK_CHILD_INSIDE_H
#define LINK_CHILD_INSIDE_H

#include "daemon/link/child.h"

/* A step in the making: what every function here needs. */
struct step {
	struct child *c;
	const struct child_event *e;
	uint64_t now;
	struct child_actions *out;
};

/* ---- child.c ---- */
void child_become(struct step *s, enum child_state next);
struct child_action *child_act(struct step *s, enum child_action_kind kind);
/* A CHILD_SEND of that kind of frame. */
struct child_action *child_say(struct step *s, uint32_t frame);
/* Begins a new session on the connection. */
void child_greet(struct step *s);
/* Ends what there is and waits. `said`: a FAULT of ours is on its way out. */
void child_end(struct step *s, int fault, bool said);
/* Says the fault and ends. */
void child_refuse(struct step *s, int fault);
bool child_in_session(const struct child *c);
/* Index of a ledger; n_ledgers: not one of this link's. */
size_t child_ledger(const struct child *c, uint32_t origin);
/* How long what is followed rests after a fault: people are needed, or only patience. */
uint32_t child_rest(const struct child *c, int fault);
/* The question of that slot has ended. */
void child_answer(struct step *s, size_t slot, int answer);
/* Names a fault of what is followed; LINK_OK is none. */
void child_name(struct step *s, int fault);

/* ---- child_says.c ---- */
void child_on_frame(struct step *s);

#endif
