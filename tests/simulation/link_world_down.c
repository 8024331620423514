/* The way down: the parent's decisions, each node's copy of them, and what lies between. Included
 * by link_world.c.
 *
 *     decisions ─ PUBLISH ─▶ node: machine ─ a job, slow or failing ─▶ copy ─ FOLLOW ─▶ parent
 *
 * A node that is killed while its store works may find the batch there or not. */
/* ---- the way down ---- */

static void copy_state(const struct world_ledger *l, struct frame_ledger *out)
{
	*out = (struct frame_ledger){ .origin = WORLD_DECISIONS, .position = l->n };
	head_put(out->head, l->hash[l->n]);
}

void world_decide(struct world *w, uint64_t entries)
{
	struct world_ledger *l = &w->decisions;
	for (uint64_t i = 0; i < entries && l->n < WORLD_ENTRIES; i++) {
		l->hash[l->n + 1] = l->hash[l->n] * 31 + 1 + world_chance(w, UINT64_MAX);
		l->n++;
	}
	if (w->broken != BREAK_WAKE)
		w->published = l->n;
}

bool world_followed(const struct world *w, const struct world_node *n)
{
	return n->copy.n == w->decisions.n &&
	       memcmp(n->copy.hash, w->decisions.hash, (n->copy.n + 1) * sizeof n->copy.hash[0]) ==
		       0;
}

/* What a WELCOME publishes, against our copy. */
static void node_offer(const struct world *w, const struct world_node *n,
	const struct world_message *m, struct follow_offer *out)
{
	const struct world_ledger *l = &n->copy;
	uint64_t theirs = m->published.position;

	*out = (struct follow_offer){ 0 };
	if (m->frame.n_published == 0)
		return;
	out->origin = m->published.origin;
	out->position = l->n;
	out->published = theirs;
	if (w->broken == BREAK_COPY)
		return;
	if (theirs <= l->n && l->hash[theirs] != get_u64(m->published.head))
		out->fault = LINK_FORK;
	else if (theirs < l->n)
		out->fault = LINK_BEHIND;
}

/* The node's store, in one transaction. */
static int copy_take(struct world *w, struct world_node *n, const struct world_message *b)
{
	struct world_ledger *l = &n->copy;

	if (b->first > l->n + 1)
		return ERR_GAP;
	if (w->broken != BREAK_COPY) {
		if (l->hash[b->first - 1] != b->prev)
			return ERR_FORK;
		for (uint64_t p = b->first; p <= b->last && p <= l->n; p++)
			if (l->hash[p] != b->hashes[p - b->first])
				return ERR_FORK;
	}
	for (uint64_t p = b->first; p <= b->last; p++) {
		if (p <= l->n && l->hash[p] != b->hashes[p - b->first])
			world_wrong(w, "an entry of a copy was changed");
		l->hash[p] = b->hashes[p - b->first];
	}
	if (b->last > l->n)
		l->n = b->last;
	return 0;
}

static bool node_take(struct world *w, struct world_node *n, struct child_event *next)
{
	*next = (struct child_event){ .kind = CHILD_TAKEN, .origin = w->at_hand->frame.origin };
	if (bad_luck(w, 60)) {
		next->fault = LINK_CHAIN;
		return true;
	}
	if (n->taking)
		world_wrong(w, "two batches of the parent's wait at one child");
	n->taking = true;
	n->taking_at = w->now + (bad_luck(w, 5) ? world_chance(w, 6000) : world_chance(w, 40));
	n->batch = *w->at_hand;
	if (w->broken != BREAK_FOLLOW)
		return false;
	/* Said to be there while it is on its way. */
	n->said = n->batch.last;
	next->position = n->batch.last;
	return true;
}

static void node_taken(struct world *w, struct world_node *n)
{
	if (!n->up || !n->taking || n->taking_at > w->now)
		return;
	int err = bad_luck(w, 20) ? ERR_IO : n->full ? ERR_FULL : copy_take(w, n, &n->batch);
	n->taking = false;
	if (w->broken != BREAK_FOLLOW)
		node_drive(w, n,
			(struct child_event){ .kind = CHILD_TAKEN,
				.origin = WORLD_DECISIONS,
				.position = err ? 0 : n->copy.n,
				.fault = fault_of_err(err) });
}

/* What was being stored stands, or not. */
static void node_taking_lost(struct world *w, struct world_node *n)
{
	if (n->taking && world_chance(w, 2))
		(void)copy_take(w, n, &n->batch);
	n->taking = false;
}

/* ---- at the parent ---- */

static int follow_judge(const struct world *w, const struct frame_ledger *held)
{
	const struct world_ledger *l = &w->decisions;

	if (held->position > l->n)
		return LINK_BEHIND;
	if (w->broken == BREAK_COPY)
		return LINK_OK;
	return l->hash[held->position] == get_u64(held->head) ? LINK_OK : LINK_FORK;
}

static void peer_publish(struct world *w, size_t key, const struct peer_action *a)
{
	const struct world_ledger *l = &w->decisions;
	uint64_t count = 1 + world_chance(w, WORLD_BATCH);
	struct frame f = { .kind = TALLY__FRAME_KIND__PUBLISH, .origin = WORLD_DECISIONS };

	memcpy(f.session, a->session, FRAME_SESSION_BYTES);
	if (bad_luck(w, 20)) {
		peer_drive(w, key,
			(struct peer_event){ .kind = PEER_UNPUBLISHED,
				.fault = bad_luck(w, 5) ? LINK_DAMAGED : LINK_OK });
		return;
	}
	if (a->position > l->n) {
		world_wrong(w, "a PUBLISH was asked for beyond the decisions");
		return;
	}
	if (count > l->n - a->position + 1)
		count = l->n - a->position + 1;
	int conn = w->routes[key];
	if (conn < 0 || w->now >= w->conns[conn].known_ms) {
		peer_drive(w, key, (struct peer_event){ .kind = PEER_UNREACHABLE });
		return;
	}
	struct world_message *m = frame_put(w, conn, TO_CHILD, &f);
	if (!m)
		return;
	m->first = a->position;
	m->last = a->position + count - 1;
	m->prev = l->hash[a->position - 1];
	memcpy(m->hashes, &l->hash[a->position], count * sizeof m->hashes[0]);
	if (bad_luck(w, 30))
		message_twice(w, m);
}

/* The parent may only believe what is durable at its child. */
static void watch_follows(struct world *w)
{
	for (size_t k = 0; k < WORLD_KEYS; k++) {
		uint64_t most = 0;
		for (size_t i = 0; i < w->n_nodes; i++)
			if (w->nodes[i].key == k && w->nodes[i].copy.n > most)
				most = w->nodes[i].copy.n;
		if (w->peers[k].follows && w->peers[k].held > most)
			world_wrong(w, "a child has said that it holds what was not committed");
	}
	for (size_t i = 0; i < w->n_nodes; i++) {
		struct world_node *n = &w->nodes[i];
		if (n->copy.n < n->copy_highest)
			world_wrong(w, "a position of a copy went down");
		n->copy_highest = n->copy.n;
	}
}

void world_decisions_restore(struct world *w, uint64_t position)
{
	w->decisions.n = w->published = position;
}
