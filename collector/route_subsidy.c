/* `subsidy check` at a district: the question goes to the city over the link, and its answer comes
 * back here. The district says who by a pid; it makes one of a document number itself, which is a
 * line of the body (asked for at the terminal), never a part of a path, a list of processes, a log
 * or a frame.
 *
 * What can go wrong is said in words: no parent is configured; it is away (in which state, since
 * when, why); of an older version; slow; it refuses. The thread of the request waits, nothing
 * else does. */
#include "collector/collector.h"

#include "daemon/base/clock.h"
#include "daemon/intake/desk.h"
#include "daemon/registrar/ask.h"
#include "daemon/run/parents.h"
#include "proto/check.h"
#include "proto/link.pb-c.h"

#define PATIENCE_MS 15000 /* the link ends a question long before */
#define SLICE_MS 100

/* ---- what comes of it ---- */

static int status_of(int answer)
{
	switch (answer) {
	case LINK_MANY:
	case LINK_CROWDED:
		return 429;
	case LINK_UNCLEAR:
		return 400;
	case LINK_OLD:
	case LINK_UNKNOWN:
	case LINK_STRANGE:
		return 501;
	case LINK_SLOW:
		return 504;
	default:
		return 503;
	}
}

static void age_print(double seconds, char out[32])
{
	static const struct {
		double seconds;
		const char *unit;
	} units[] = { { 86400, "days" }, { 3600, "hours" }, { 60, "minutes" }, { 1, "seconds" } };
	size_t i = 0;

	while (i < 3 && seconds < 2 * units[i].seconds)
		i++;
	snprintf(out, 32, "%.0f %s", seconds / units[i].seconds, units[i].unit);
}

static void answer_say(struct api_call *call, const struct link_answer *answer,
	const struct link_child_status *parent)
{
	const char *words = link_answer_words(answer->answer);
	char since[32];

	if (answer->answer == LINK_YES || answer->answer == LINK_NO) {
		claim_answer(call, answer->rule);
		return;
	}
	age_print(parent->away_s, since);
	if (answer->answer == LINK_AWAY && parent->away_s >= 0)
		api_fail(call, status_of(answer->answer),
			"parent %s: %s: %s, for %s%s%s; ask again when `status` says streaming",
			parent->name, words, parent->state, since, parent->error[0] ? ": " : "",
			parent->error);
	else
		api_fail(call, status_of(answer->answer), "parent %s: %s", parent->name, words);
}

/* ---- asking ---- */

static void wait_for(
	struct api_call *call, struct link_asked *asked, const struct link_child_status *parent)
{
	uint64_t until = clock_mono_ms() + PATIENCE_MS;
	struct link_answer answer;
	bool ended;

	do
		ended = link_asked_wait(asked, SLICE_MS, &answer);
	while (!ended && !api_stopping(call) && clock_mono_ms() < until);
	if (!ended)
		answer.answer = LINK_SLOW;
	answer_say(call, &answer, parent);
	link_asked_close(asked);
}

static void ask(struct api_call *call, const struct claim *claim)
{
	struct buf packed = { 0 };
	struct link_question q = { .kind = TALLY__QUESTION_KIND__SUBSIDY };
	const char *name = api_arg(call, "parent");
	struct link_child_status parent;
	struct link_asked *asked;
	int err;

	claim_pack(claim, &packed);
	q.asked = buf_as_text(&packed);
	if (packed.failed || q.asked.n > LINK_ASKED_MAX) {
		api_fail(call, 400, "the claim's texts are too long to ask for, together");
		buf_deinit(&packed);
		return;
	}
	err = parents_ask(api_context(call), name, &q, &asked, &parent);
	buf_deinit(&packed);
	if (!err)
		wait_for(call, asked, &parent);
	else if (err == ERR_NOTFOUND && name)
		api_fail(call, 404, "parent %s: no such section in the configuration", name);
	else if (err == ERR_NOTFOUND)
		api_fail(call, 409,
			"no parent is configured: nobody here sees the other districts' records");
	else
		api_fail_err(call, err, "the question cannot be asked");
}

/* ---- the routes ---- */

void route_subsidy_ask(struct api_call *call)
{
	struct claim claim;

	if (claim_take(call, &claim) && claim_take_person(call, &claim, api_arg(call, "pid")))
		ask(call, &claim);
}

/* The pid of a document number, as the intake makes it. */
static bool number_take(struct api_call *call, const struct ask *body, struct claim *c)
{
	const struct secrets *secrets = desk_of(api_context(call))->secrets;
	const char *given = api_arg(call, "doc_type"), *type = given ? given : "111", *code;
	struct text number = ask_value(body, "number"), canonical;
	char out[DOC_NUMBER_MAX + 1];
	enum sex sex;
	int birth_year;
	bool good = secrets && !body->too_long &&
		    doc_check(text_of(type), number, clock_date(clock_wall_ms()), out, &canonical,
			    &sex, &birth_year, &code) != VERDICT_HARD;

	if (good) {
		secrets_pid(secrets, text_of(type), canonical, c->person);
		c->n_person = PID_BYTES;
	} else {
		api_fail(call, secrets ? 400 : 404,
			secrets ? "this is no document number of that type (--doc-type, else 111)"
				: "this node holds no linking key");
	}
	explicit_bzero(out, sizeof out);
	return good;
}

static void check_end(struct api_call *call, void *state, bool whole)
{
	const char *id = api_arg(call, "pid");
	struct ask *body = state;
	bool number = ask_value(body, "number").n > 0 || body->too_long;
	struct claim claim;

	if (!whole || !claim_take(call, &claim))
		goto out;
	if (!id == !number)
		api_fail(call, 400, "%s",
			id ? "give the PID or --number, not both"
			   : "whose claim? Give the PID, or --number and type the document number");
	else if (number ? number_take(call, body, &claim) : claim_take_person(call, &claim, id))
		ask(call, &claim);
	explicit_bzero(&claim, sizeof claim);
out:
	ask_end(body);
}

const struct api_upload subsidy_check_upload = { ask_begin, ask_data, check_end };
