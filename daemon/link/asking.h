/* Questions of this process' threads, on their way through a child's link: handed over at any time,
 * taken by the loop when it turns, ended by the machine. Inside the room only; the loop's thread
 * but where said.
 *
 * A question is shared by two: whoever asks, and the link. The last of them frees it; so a thread
 * may wait while the link is closed under it, and the link end a question that nobody waits for. */
#ifndef LINK_ASKING_H
#define LINK_ASKING_H

#include <pthread.h>

#include "daemon/link/questions.h"

struct asking {
	pthread_mutex_t lock;			    /* guards what follows */
	struct link_asked *waiting[QUESTIONS_MOST]; /* handed over, not yet taken; in order */
	size_t n_waiting;
	bool closed;
	uint64_t asked, ended[LINK_ANSWER_LAST];
	/* the loop's */
	struct link_asked *slots[QUESTIONS_MOST];
};

void asking_init(struct asking *a);
/* Ends whatever stands by LINK_CUT; later ones end at once by LINK_AWAY. */
void asking_close(struct asking *a);
void asking_deinit(struct asking *a);
/* Any thread. Takes no more than there is room for: the next ends at once by LINK_CROWDED. NULL: no
 * memory. */
struct link_asked *asking_put(struct asking *a, const struct link_question *q);
/* The next one gets a free slot. False: none waits, or no slot is free. */
bool asking_take(struct asking *a, size_t *slot);
/* What is asked in a slot, for its QUESTION; valid until it ends. */
struct link_question asking_question(const struct asking *a, size_t slot);
/* The slot's question ends and the slot is free. `rule`: of a no. */
void asking_end(struct asking *a, size_t slot, int answer, struct text rule);
/* Any thread: counts asked and ended. */
void asking_status(struct asking *a, struct link_asking *out);

#endif
