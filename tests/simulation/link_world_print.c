/* How a world stands, for people. Included by link_world.c. */
void world_print(const struct world *w)
{
	for (size_t i = 0; i < w->n_nodes; i++) {
		const struct world_node *n = &w->nodes[i];
		const struct child *m = &n->machine;
		fprintf(stderr,
			"node %zu key %zu %s %s fault %s faults %lx flights %zu room %lld conn "
			"%d\n",
			i, n->key, n->up ? "up" : "down", child_state_word(m->state),
			link_fault_word(m->fault), n->faults, m->n_flights,
			(long long)(m->credit - m->spent), n->conn);
		for (size_t l = 0; l < w->n_ledgers; l++)
			fprintf(stderr,
				"  ledger %zu: own %llu acked %llu next %llu receipt %llu\n", l,
				(unsigned long long)n->ledgers[l].n,
				(unsigned long long)m->ledgers[l].acked,
				(unsigned long long)m->ledgers[l].next,
				(unsigned long long)n->receipts[l]);
		fprintf(stderr, "  copy %llu follow state %d position %llu fault %s faults %lx\n",
			(unsigned long long)n->copy.n, m->follow.state,
			(unsigned long long)m->follow.position, link_fault_word(m->follow.fault),
			n->follow_faults);
	}
	for (size_t k = 0; k < WORLD_KEYS; k++) {
		const struct peer *p = &w->peers[k];
		fprintf(stderr, "key %zu %s fault %s faults %lx in flight %llu route %d\n", k,
			p->state == PEER_LIVE ? "live" : "absent", link_fault_word(p->fault),
			w->parent_faults[k], (unsigned long long)p->in_flight, w->routes[k]);
		for (size_t l = 0; l < w->n_ledgers; l++)
			fprintf(stderr, "  ledger %zu: stored %llu expected %llu claimed %llu\n", l,
				(unsigned long long)w->stores[k][l].n,
				(unsigned long long)p->ledgers[l].expected,
				(unsigned long long)p->ledgers[l].claimed);
	}
}
