/* The questions of a child to its parent. Pure, a part of the child's machine: no socket, store,
 * clock or memory of the heap.
 *
 *   none ──asked here──▶ due ──QUESTION──▶ sent ──ANSWER, deadline, the session's end──▶ none
 *                         ▲                 │
 *                         └── socket full ──┘
 *
 * A question lives within one session. Its nonce is given when it is taken and never given again in
 * this life: an ANSWER is that question's or nobody's. Each ends exactly once. */
#ifndef LINK_QUESTIONS_H
#define LINK_QUESTIONS_H

#include "daemon/link/frame.h"

#define QUESTIONS_MOST 8 /* at one child at once, whatever the parent grants */

enum question_state { QUESTION_NONE, QUESTION_DUE, QUESTION_SENT };

struct questions {
	uint32_t granted; /* that may stand at the parent, by its WELCOME; 0: it answers none */
	uint64_t nonce;	  /* given last */
	uint64_t stray;	  /* answers to nothing that stood */
	struct {
		enum question_state state;
		uint64_t nonce, deadline_ms;
	} at[QUESTIONS_MOST];
};

/* A WELCOME has come. Nothing stands. */
void questions_begin(struct questions *q, uint32_t granted);
/* The slot's question is to be asked; the slot is free. LINK_NONE, or how it ended at once. */
int questions_take(struct questions *q, size_t slot, uint64_t deadline_ms);
/* One that may go out now; it counts as sent. False: none. */
bool questions_next(struct questions *q, size_t *slot);
/* It did not go out: due again. */
void questions_unsaid(struct questions *q, size_t slot);
/* An ANSWER with this nonce: the slot that ends by it. False: it is nobody's. */
bool questions_answered(struct questions *q, uint64_t nonce, size_t *slot);
/* A question that ends by its deadline. False: none (any more). */
bool questions_late(struct questions *q, uint64_t now, size_t *slot);
/* A question that ends with the session. False: none (any more). */
bool questions_cut(struct questions *q, size_t *slot);
size_t questions_standing(const struct questions *q);

#endif
