/* Questions: who asks here, the parent's worker, and what lies between. Included by link_world.c.
 *
 *     node: slot ─ QUESTION ─▶ parent: machine ─▶ worker, slow ─ ANSWER ─▶ node: the slot ends
 *
 * Each question is a number that is never asked twice; the worker's answer follows from it alone:
 * yes or no, with a rule that names the number. So an answer given to another question is seen. */

void world_ask(struct world *w, struct world_node *n)
{
	size_t slot = 0;

	while (slot < QUESTIONS_MOST && n->asked[slot])
		slot++;
	if (!n->up || slot == QUESTIONS_MOST)
		return;
	n->asked[slot] = ++w->number;
	n->asked_at[slot] = w->now;
	n->n_asked++;
	node_drive(w, n, (struct child_event){ .kind = CHILD_ASK, .slot = slot });
}

static void rule_of(uint32_t question, char out[LINK_RULE_MAX + 1])
{
	snprintf(out, LINK_RULE_MAX + 1, "Q%u", question);
}

static void node_answered(struct world *w, struct world_node *n, const struct child_action *a)
{
	uint32_t question = n->asked[a->slot];
	char rule[LINK_RULE_MAX + 1];

	if (!question) {
		world_wrong(w, "a question ended twice, or was never asked");
		return;
	}
	rule_of(question, rule);
	if (a->answer == LINK_NO && !text_eq(w->at_hand->frame.rule, text_of(rule)))
		world_wrong(w, "the answer to one question was given to another");
	if (a->answer == LINK_NO && question % 2)
		world_wrong(w, "no where yes was said");
	if (a->answer == LINK_YES && question % 2 == 0)
		world_wrong(w, "yes where no was said");
	n->asked[a->slot] = 0;
	n->n_ended++;
	n->n_right += a->answer == LINK_YES || a->answer == LINK_NO;
}

/* Those who asked are gone with the process. */
static void node_questions_lost(struct world_node *n)
{
	for (size_t i = 0; i < QUESTIONS_MOST; i++)
		n->n_ended += n->asked[i] != 0;
	memset(n->asked, 0, sizeof n->asked);
}

/* BREAK_NONCE: as if nobody compared. */
static void node_answers_tamper(struct world *w, struct world_node *n, struct world_message *m)
{
	const struct questions *q = &n->machine.questions;

	m->frame.rule = text_of(m->rule);
	if (w->broken != BREAK_NONCE || m->frame.kind != TALLY__FRAME_KIND__ANSWER)
		return;
	for (size_t i = QUESTIONS_MOST; i-- > 0;)
		if (q->at[i].state == QUESTION_SENT)
			m->frame.nonce = q->at[i].nonce;
}

static void watch_questions(struct world *w)
{
	for (size_t i = 0; i < w->n_nodes; i++) {
		const struct world_node *n = &w->nodes[i];
		size_t standing = 0;
		for (size_t k = 0; k < QUESTIONS_MOST; k++) {
			standing += n->asked[k] != 0;
			if (n->asked[k] && w->now - n->asked_at[k] > WORLD_QUESTION_MS + TICK_MS)
				world_wrong(w, "a question stands longer than its deadline");
		}
		if (n->n_asked - n->n_ended != standing)
			world_wrong(w, "a question ended not once");
		if (n->up && questions_standing(&n->machine.questions) != standing)
			world_wrong(w, "the machine and those who ask disagree on what stands");
	}
}

/* ---- at the parent ---- */

static void question_put(struct world *w, size_t key, const struct peer_action *a)
{
	const struct link_questions_conf bucket = WORLD_BUCKET;
	size_t standing = 0;

	for (size_t i = 0; i < w->n_questions; i++)
		standing += w->questions[i].key == key;
	if (standing >= bucket.standing)
		world_wrong(w, "more questions of a child stand than were granted");
	/* Counted anew: never more than the bucket lets pass. */
	uint64_t ms = w->now - w->taken_since[key];
	if (++w->taken[key] > bucket.burst + ms * bucket.rate / 1000)
		world_wrong(w, "more questions were taken than the bucket held");
	if (w->broken == BREAK_FORGET && world_chance(w, 8) == 0)
		return;
	struct world_question *q = &w->questions[w->n_questions++];
	*q = (struct world_question){ .at = w->now + (bad_luck(w, 10) ? world_chance(w, 9000)
								      : world_chance(w, 30)),
		.nonce = w->at_hand->frame.nonce,
		.key = key,
		.serial = a->serial,
		.question = w->at_hand->frame.question };
}

static void questions_work(struct world *w)
{
	for (size_t i = 0; i < w->n_questions && w->parent_up;) {
		struct world_question q = w->questions[i];
		struct link_answer answer = { q.question % 2 ? LINK_YES : LINK_NO, "" };
		if (q.at > w->now) {
			i++;
			continue;
		}
		w->questions[i] = w->questions[--w->n_questions];
		if (answer.answer == LINK_NO)
			rule_of(q.question, answer.rule);
		peer_drive(w, q.key,
			(struct peer_event){ .kind = PEER_ANSWERED,
				.serial = q.serial,
				.nonce = q.nonce,
				.answer = &answer });
	}
}

static void peer_answer(struct world *w, size_t key, const struct peer_action *a)
{
	struct frame f = { .kind = TALLY__FRAME_KIND__ANSWER,
		.nonce = a->nonce,
		.answer = (uint32_t)a->answer.answer };
	int conn = w->routes[key];

	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	if (conn < 0 || w->now >= w->conns[conn].known_ms) {
		peer_drive(w, key, (struct peer_event){ .kind = PEER_UNREACHABLE });
		return;
	}
	struct world_message *m = frame_put(w, conn, TO_CHILD, &f);
	if (!m)
		return;
	memcpy(m->rule, a->answer.rule, sizeof m->rule);
	if (bad_luck(w, 20))
		message_twice(w, m);
}
