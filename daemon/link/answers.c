/* A question that is refused costs nothing of the bucket, but its answer is as cheap as a PONG: who
 * floods gains nothing that a heartbeat would not give. */
#include "daemon/link/answers.h"

#include <assert.h>

void answers_init(struct answers *a, const struct link_questions_conf *conf, uint64_t now)
{
	*a = (struct answers){ .filled_ms = now, .drops = (uint64_t)conf->burst * ANSWERS_DROP };
}

/* `rate` drops a millisecond; never above the brim, however long it was. */
static void fill(struct answers *a, const struct link_questions_conf *conf, uint64_t now)
{
	uint64_t brim = (uint64_t)conf->burst * ANSWERS_DROP, ms = now - a->filled_ms;

	a->filled_ms = now;
	if (a->drops >= brim || ms >= (brim - a->drops) / conf->rate + 1)
		a->drops = brim;
	else
		a->drops += ms * conf->rate;
}

int answers_take(struct answers *a, const struct link_questions_conf *conf, uint64_t now)
{
	if (conf->rate == 0)
		return LINK_UNKNOWN;
	fill(a, conf, now);
	if (a->standing >= conf->standing || a->drops < ANSWERS_DROP)
		return LINK_MANY;
	a->drops -= ANSWERS_DROP;
	a->standing++;
	return LINK_NONE;
}

void answers_done(struct answers *a)
{
	assert(a->standing > 0);
	a->standing--;
}
