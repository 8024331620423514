/* On the link's thread for questions: reads what is asked, takes a snapshot, answers. Nothing of
 * the records goes into an answer but the number of a rule, and nothing of a question into the log.
 */
#include "aggregator/questions.h"

#include <stdio.h>

#include "aggregator/talents/subsidy.h"
#include "proto/link.pb-c.h"

#define MEMORY (16u * 1024) /* a question's 1 KiB, unpacked */
#define STANDING 8

const struct conf_row questions_conf_rows[QUESTIONS_CONF_ROWS_N] = {
	{ .name = "questions_rate",
		.type = CONF_COUNT,
		.preset = "2",
		.most = 1000,
		.help_en = "Questions a second (subsidy check) that are answered to each district, "
			   "on the average. 0: districts cannot ask.",
		.help_zh = "平均每秒答复每个区的查询（subsidy check）次数；0 表示各区不得查询。" },
	{ .name = "questions_burst",
		.type = CONF_COUNT,
		.preset = "60",
		.least = 1,
		.most = 100000,
		.help_en = "Questions that a district may ask at once, when it has not asked for a "
			   "while.",
		.help_zh = "一段时间未查询的区可一次连续查询的次数。" },
};

void questions_conf(const struct conf *c, struct link_questions_conf *out)
{
	*out = (struct link_questions_conf){ .rate = (uint32_t)conf_number(c, "questions_rate"),
		.burst = (uint32_t)conf_number(c, "questions_burst"),
		.standing = STANDING };
}

/* ---- subsidy check ---- */

static void subsidy_answer(
	struct daemon *d, uint32_t origin, struct text asked, struct link_answer *out)
{
	const char *rule = NULL;
	struct claim claim;
	struct arena a;

	arena_init(&a, MEMORY);
	int err = claim_unpack(&claim, asked, &a);
	if (!err)
		err = subsidy_judge(d, &claim, origin, &rule);
	if (err)
		out->answer = err == ERR_INVALID || err == ERR_EXISTS ? LINK_UNCLEAR : LINK_UNABLE;
	else
		out->answer = rule ? LINK_NO : LINK_YES;
	if (out->answer == LINK_NO)
		snprintf(out->rule, sizeof(out->rule), "%s", rule);
	arena_deinit(&a);
}

/* ---- all kinds ---- */

void questions_answer(
	void *arg, uint32_t origin, const struct link_question *q, struct link_answer *out)
{
	static const struct {
		uint32_t kind;
		void (*answer)(struct daemon *d, uint32_t origin, struct text asked,
			struct link_answer *out);
	} kinds[] = { { TALLY__QUESTION_KIND__SUBSIDY, subsidy_answer } };

	out->answer = LINK_UNKNOWN;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].kind == q->kind)
			kinds[i].answer(arg, origin, q->asked, out);
}
