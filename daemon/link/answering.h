/* Questions of children on their way to whoever can answer them: one thread of its own, so that a
 * slow answer never holds up a receipt. Inside the room only; on the loop's thread but where said.
 *
 * A ring of ANSWERING_MOST jobs, taken once at the start: memory is flat whatever is asked. */
#ifndef LINK_ANSWERING_H
#define LINK_ANSWERING_H

#include "daemon/link/frame.h"

#define ANSWERING_MOST 128

struct answering_job {
	size_t key; /* the driver's */
	uint32_t serial;
	uint64_t nonce;
	uint32_t origin, kind;
	size_t n;
	char asked[LINK_ASKED_MAX];
	struct link_answer answer;
};

struct answering_conf {
	/* The ring's thread: fills `out`. */
	void (*answer)(
		void *arg, uint32_t origin, const struct link_question *q, struct link_answer *out);
	void *arg;
	void (*wake)(void *arg); /* the ring's thread: answering_finished() has something */
	void *wake_arg;
};

struct answering;
/* ERR_NOMEM, ERR_IO: no thread. */
MUST_CHECK int answering_open(struct answering **out, const struct answering_conf *conf);
/* Waits for the one that is being answered; the others are let go. NULL is fine. */
void answering_close(struct answering *a);
/* Takes the QUESTION f over, under these names. False: the ring is full. */
MUST_CHECK bool answering_put(
	struct answering *a, const struct answering_job *names, const struct frame *f);
/* The next that is answered, in the order of asking. False: none is. */
MUST_CHECK bool answering_finished(struct answering *a, struct answering_job *out);

#endif
