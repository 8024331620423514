/* What people see of a child's link: its status, and what the log hears. Inside the room only. The
 * loop writes; any thread may read the status. */
#ifndef LINK_CHILD_BOARD_H
#define LINK_CHILD_BOARD_H

#include <pthread.h>

#include "daemon/link/child.h"
#include "daemon/link/receipts.h"

/* A trouble that the log has heard of. */
struct board_told {
	char words[200];
	uint64_t at_ms;
};

struct child_board {
	struct board_told link, follow;
	pthread_mutex_t lock; /* guards what follows */
	struct link_child_status status;
	uint64_t last_ack_ms; /* 0: never */
	uint64_t away_ms;     /* since when it does not stream; 0: it does */
};

void board_init(struct child_board *b, const struct link_child_conf *conf);
void board_deinit(struct child_board *b);
/* After every event. */
void board_publish(struct child_board *b, const struct child *m);
/* A session ended, or none came about. `reason`: the parent's words for its fault. */
void board_report(struct child_board *b, int fault, struct text reason, enum child_state before);
/* A fault of what is followed, with the parent's words if it gave some. */
void board_named(struct child_board *b, int fault, struct text reason);
void board_count_session(struct child_board *b);
void board_count_batch(struct child_board *b, size_t bytes);
/* A batch of what is followed has come in. */
void board_count_published(struct child_board *b, size_t bytes);
/* The parent has answered. */
void board_heard(struct child_board *b);
void board_status(
	struct child_board *b, const struct receipts_state *stored, struct link_child_status *out);

#endif
