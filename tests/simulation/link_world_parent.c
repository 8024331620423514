/* The parent's side of the world: machines by key, jobs in flight, stores. Included by
 * link_world.c.
 *
 * A store accepts a batch as daemon/ledger does: what stands is compared and passed over, a gap or
 * a fork changes nothing. */
/* ---- the parent ---- */

static void peer_drive(struct world *w, size_t key, struct peer_event e);
static void peer_publish(struct world *w, size_t key, const struct peer_action *a);
static int follow_judge(const struct world *w, const struct frame_ledger *held);
static void question_put(struct world *w, size_t key, const struct peer_action *a);
static void peer_answer(struct world *w, size_t key, const struct peer_action *a);

/* As ROUTER_MANDATORY: false when the route is known to be gone. */
static bool parent_send(struct world *w, int conn, const struct frame *f)
{
	if (conn < 0 || w->now >= w->conns[conn].known_ms)
		return false;
	struct world_message *m = frame_put(w, conn, TO_CHILD, f);
	if (m && bad_luck(w, 40))
		message_twice(w, m);
	return true;
}

static void state_of(const struct world *w, size_t key, size_t ledger, struct frame_ledger *out)
{
	const struct peer_ledger *l = &w->peer_ledgers[key][ledger];
	*out = (struct frame_ledger){
		.origin = ORIGIN(key, ledger), .position = l->stored, .is_signed = true
	};
	memcpy(out->head, l->head, HASH_BYTES);
}

/* What the store does with a batch, in one transaction. 0 or an error; nothing is written then. */
static int store_accept(struct world *w, const struct world_job *j)
{
	struct world_ledger *l = &w->stores[j->key][j->ledger];
	const struct world_message *b = &j->batch;
	if (b->first > l->n + 1)
		return ERR_GAP;
	if (w->broken != BREAK_FORK) {
		if (l->hash[b->first - 1] != b->prev)
			return ERR_FORK;
		for (uint64_t p = b->first; p <= b->last && p <= l->n; p++)
			if (l->hash[p] != b->hashes[p - b->first])
				return ERR_FORK;
	}
	if (b->last > l->n && w->full)
		return ERR_FULL;
	for (uint64_t p = b->first; p <= b->last; p++) {
		if (p <= l->n && l->hash[p] != b->hashes[p - b->first])
			world_wrong(w, "a stored entry was changed");
		l->hash[p] = b->hashes[p - b->first];
	}
	if (b->last > l->n)
		l->n = b->last;
	return 0;
}

static void job_answer(struct world *w, const struct world_job *j, int err)
{
	uint8_t head[HASH_BYTES];
	const struct world_ledger *l = &w->stores[j->key][j->ledger];
	uint64_t at = w->broken == BREAK_ACK ? j->batch.last : l->n;
	head_put(head, w->broken == BREAK_ACK ? j->batch.hashes[j->batch.last - j->batch.first]
					      : l->hash[at]);
	peer_drive(w, j->key,
		(struct peer_event){ .kind = PEER_STORED,
			.ledger = j->ledger,
			.serial = j->serial,
			.raw = j->raw,
			.fault = fault_of_err(err),
			.stored = at,
			.head = head });
}

static void job_put(struct world *w, size_t key, const struct peer_action *a)
{
	if (w->n_jobs == WORLD_JOBS) {
		world_wrong(w, "more jobs in flight than the window allows");
		return;
	}
	struct world_job *j = &w->jobs[w->n_jobs];
	*j = (struct world_job){ .key = key,
		.ledger = a->ledger,
		.serial = a->serial,
		.raw = w->at_hand->frame.raw_size };
	j->batch = *w->at_hand;
	j->at = w->now +
		(bad_luck(w, w->slow ? 3 : 30) ? world_chance(w, 8000) : world_chance(w, 40));
	if (w->n_jobs > 0 && j->at < w->jobs[w->n_jobs - 1].at)
		j->at = w->jobs[w->n_jobs - 1].at;
	w->n_jobs++;
	uint64_t cost = 0;
	for (size_t i = 0; i < w->n_jobs; i++)
		cost += w->jobs[i].key == key ? frame_cost(w->jobs[i].raw) : 0;
	if (cost > w->peers[key].conf.window)
		world_wrong(w, "what is in flight costs more than the window");
}

static void peer_welcome(struct world *w, size_t key, const struct peer_action *a)
{
	struct frame_ledger states[WORLD_LEDGERS], published;
	struct frame f = { .kind = TALLY__FRAME_KIND__WELCOME,
		.protocol = FRAME_PROTOCOL,
		.ledgers = states,
		.n_ledgers = w->at_hand->frame.n_ledgers,
		.credit = a->credit };
	w->routes[key] = w->at_hand->conn;
	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	for (size_t i = 0; i < f.n_ledgers; i++)
		state_of(w, key, w->at_hand->ledgers[i].origin - ORIGIN(key, 0), &states[i]);
	copy_state(&w->decisions, &published);
	f.published = &published;
	f.n_published = 1;
	f.questions = w->peers[key].conf.questions.standing;
	if (!parent_send(w, w->routes[key], &f))
		peer_drive(w, key, (struct peer_event){ .kind = PEER_UNREACHABLE });
}

static void peer_say(struct world *w, size_t key, const struct peer_action *a)
{
	struct frame_ledger state;
	bool ack = a->kind == PEER_ACK, live = ack || a->to_live;
	struct frame f = { .kind = ack ? TALLY__FRAME_KIND__ACK : a->frame,
		.nonce = a->nonce,
		.fault = (uint32_t)a->fault };
	if (f.kind == TALLY__FRAME_KIND__PUBLISH)
		f.origin = WORLD_DECISIONS;
	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	if (ack) {
		state_of(w, key, a->ledger, &state);
		f.ledgers = &state;
		f.n_ledgers = 1;
		f.credit = a->credit;
		if (bad_luck(w, 30)) {
			peer_drive(w, key,
				(struct peer_event){
					.kind = PEER_ACK_BLOCKED, .ledger = a->ledger });
			return;
		}
	}
	int to = live ? w->routes[key] : w->at_hand->conn;
	if (!parent_send(w, to, &f) && live)
		peer_drive(w, key, (struct peer_event){ .kind = PEER_UNREACHABLE });
}

static void peer_perform(struct world *w, size_t key, const struct peer_action *a)
{
	const struct world_message *m = w->at_hand;
	switch (a->kind) {
	case PEER_WELCOME:
		peer_welcome(w, key, a);
		break;
	case PEER_TAKE:
		peer_drive(w, key,
			(struct peer_event){ .kind = PEER_CHECKED,
				.ledger = m->frame.origin - ORIGIN(key, 0),
				.raw = m->frame.raw_size,
				.first = m->first,
				.last = m->last,
				.fault = bad_luck(w, 100) ? LINK_CHAIN : LINK_OK });
		break;
	case PEER_SUBMIT:
		job_put(w, key, a);
		if (w->broken == BREAK_ACK && w->n_jobs > 0) {
			job_answer(w, &w->jobs[w->n_jobs - 1], 0);
			w->jobs[w->n_jobs - 1].raw = 0;
		}
		break;
	case PEER_ACK:
	case PEER_SEND:
		peer_say(w, key, a);
		break;
	case PEER_END:
		w->routes[key] = -1;
		break;
	case PEER_PUBLISH:
		peer_publish(w, key, a);
		break;
	case PEER_ASK:
		question_put(w, key, a);
		break;
	case PEER_ANSWER:
		peer_answer(w, key, a);
		break;
	case PEER_UNFIT:
		w->unfit[key] |= 1UL << a->fault;
		break;
	case PEER_REFUSED:
		w->parent_faults[key] |= 1UL << a->fault;
		break;
	}
}

static void peer_drive(struct world *w, size_t key, struct peer_event e)
{
	struct peer_actions actions;
	if (w->wrong[0])
		return;
	parent_step(&w->peers[key], &e, w->now, &actions);
	for (size_t i = 0; i < actions.n; i++)
		peer_perform(w, key, &actions.at[i]);
}

static void parent_receive(struct world *w, struct world_message *m)
{
	struct peer_claim claims[WORLD_LEDGERS] = { 0 };
	size_t key = w->nodes[w->conns[m->conn].node].key;
	struct peer_event e = { .kind = PEER_FRAME, .frame = &m->frame, .claims = claims };
	e.here = w->routes[key] == m->conn;
	if (m->frame.kind == TALLY__FRAME_KIND__BATCH)
		e.ledger = m->frame.origin - ORIGIN(key, 0);
	if (m->frame.kind == TALLY__FRAME_KIND__FOLLOW)
		e.fault = follow_judge(w, &m->ledgers[0]);
	for (size_t i = 0; i < m->frame.n_ledgers && m->frame.kind == TALLY__FRAME_KIND__HELLO;
		i++) {
		claims[i].ledger = m->ledgers[i].origin - ORIGIN(key, 0);
		claims[i].stored = w->stores[key][claims[i].ledger].n;
		head_put(claims[i].head, w->stores[key][claims[i].ledger].hash[claims[i].stored]);
	}
	struct frame ping = { .kind = TALLY__FRAME_KIND__PING };
	memcpy(ping.session, w->peers[key].session, FRAME_SESSION_BYTES);
	if (m->frame.kind == TALLY__FRAME_KIND__HELLO && w->peers[key].state == PEER_LIVE &&
		!e.here)
		e.reachable = parent_send(w, w->routes[key], &ping);
	peer_drive(w, key, e);
}

void world_parent_start(struct world *w)
{
	struct peer_conf conf = { .heartbeat_ms = 1000,
		.window = 4UL * WORLD_BATCH * WORLD_ENTRY_BYTES,
		.published = &w->published,
		.questions = WORLD_BUCKET };
	w->parent_up = true;
	for (size_t k = 0; k < WORLD_KEYS; k++) {
		for (size_t i = 0; i < w->n_ledgers; i++) {
			struct peer_ledger *l = &w->peer_ledgers[k][i];
			*l = (struct peer_ledger){ .origin = ORIGIN(k, i) };
			l->stored = l->expected = w->stores[k][i].n;
			head_put(l->head, w->stores[k][i].hash[l->stored]);
		}
		parent_init(&w->peers[k], &conf, w->peer_ledgers[k], w->n_ledgers);
		w->routes[k] = -1;
		w->taken[k] = 0;
		w->taken_since[k] = w->now;
	}
}

/* What was not committed is gone. */
void world_parent_kill(struct world *w)
{
	w->parent_up = false;
	w->n_jobs = w->n_questions = 0;
	for (int i = 0; i < w->n_conns; i++)
		conn_cut(w, i, false);
}

void world_parent_restore(struct world *w, uint64_t part)
{
	w->forgetful = true;
	for (size_t k = 0; k < WORLD_KEYS; k++)
		for (size_t i = 0; i < w->n_ledgers; i++) {
			w->stores[k][i].n = w->stores[k][i].n * part / 4;
			w->highest[k][i] = w->stores[k][i].n;
		}
}

static void jobs_work(struct world *w)
{
	while (w->parent_up && w->n_jobs > 0 && w->jobs[0].at <= w->now && !w->wrong[0]) {
		struct world_job j = w->jobs[0];
		memmove(&w->jobs[0], &w->jobs[1], --w->n_jobs * sizeof w->jobs[0]);
		int err = bad_luck(w, 80) ? ERR_IO : store_accept(w, &j);
		if (w->broken != BREAK_ACK)
			job_answer(w, &j, err);
	}
	for (size_t k = 0; k < WORLD_KEYS && w->parent_up; k++)
		peer_drive(w, k, (struct peer_event){ .kind = PEER_FLUSH });
}
