/* See the header for the normal path.
 *
 * What can go wrong: a QUESTION or its ANSWER is lost (the deadline ends it) · an ANSWER comes
 * late, twice, or with a nonce that was never given: it is let go and counted · the session ends:
 * so does all that stands, since the next session's parent knows nothing of it · the parent grants
 * less than stands here: the rest waits its turn, and no longer than its deadline. */
#include "daemon/link/questions.h"

#include <assert.h>

void questions_begin(struct questions *q, uint32_t granted)
{
	assert(questions_standing(q) == 0);
	q->granted = granted;
}

int questions_take(struct questions *q, size_t slot, uint64_t deadline_ms)
{
	assert(slot < QUESTIONS_MOST && q->at[slot].state == QUESTION_NONE);
	if (q->granted == 0)
		return LINK_OLD;
	q->at[slot].state = QUESTION_DUE;
	q->at[slot].nonce = ++q->nonce;
	q->at[slot].deadline_ms = deadline_ms;
	return LINK_NONE;
}

/* The oldest that is due: nonces are given in the order of asking. */
bool questions_next(struct questions *q, size_t *slot)
{
	size_t sent = 0, next = QUESTIONS_MOST;

	for (size_t i = 0; i < QUESTIONS_MOST; i++) {
		sent += q->at[i].state == QUESTION_SENT;
		if (q->at[i].state == QUESTION_DUE &&
			(next == QUESTIONS_MOST || q->at[i].nonce < q->at[next].nonce))
			next = i;
	}
	if (next == QUESTIONS_MOST || sent >= q->granted)
		return false;
	q->at[next].state = QUESTION_SENT;
	*slot = next;
	return true;
}

void questions_unsaid(struct questions *q, size_t slot)
{
	if (q->at[slot].state == QUESTION_SENT)
		q->at[slot].state = QUESTION_DUE;
}

bool questions_answered(struct questions *q, uint64_t nonce, size_t *slot)
{
	for (size_t i = 0; i < QUESTIONS_MOST; i++) {
		if (q->at[i].state != QUESTION_SENT || q->at[i].nonce != nonce)
			continue;
		q->at[i].state = QUESTION_NONE;
		*slot = i;
		return true;
	}
	q->stray++;
	return false;
}

bool questions_late(struct questions *q, uint64_t now, size_t *slot)
{
	for (size_t i = 0; i < QUESTIONS_MOST; i++) {
		if (q->at[i].state == QUESTION_NONE || now < q->at[i].deadline_ms)
			continue;
		q->at[i].state = QUESTION_NONE;
		*slot = i;
		return true;
	}
	return false;
}

bool questions_cut(struct questions *q, size_t *slot)
{
	return questions_late(q, UINT64_MAX, slot);
}

size_t questions_standing(const struct questions *q)
{
	size_t n = 0;

	for (size_t i = 0; i < QUESTIONS_MOST; i++)
		n += q->at[i].state != QUESTION_NONE;
	return n;
}
