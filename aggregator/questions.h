/* What districts ask over the link, beside their ledgers: a row for each kind of question. */
#ifndef AGGREGATOR_QUESTIONS_H
#define AGGREGATOR_QUESTIONS_H

#include "daemon/conf/setting.h"
#include "daemon/link/link.h"

/* Settings, for the program's table of rows; and what they say. */
#define QUESTIONS_CONF_ROWS_N 2
extern const struct conf_row questions_conf_rows[QUESTIONS_CONF_ROWS_N];
void questions_conf(const struct conf *c, struct link_questions_conf *out);

/* For link_parent_conf.on_question; `arg` is the daemon. */
void questions_answer(
	void *arg, uint32_t origin, const struct link_question *q, struct link_answer *out);

#endif
