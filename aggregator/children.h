/* The city's children: whose ledgers come in, by configuration, and the link that they come by.
 *
 * A reload takes over another list of children at once: the link is closed and opened again with
 * them, and every child comes back by itself within seconds. Nothing of a ledger depends on it. */
#ifndef AGGREGATOR_CHILDREN_H
#define AGGREGATOR_CHILDREN_H

#include "daemon/figures/office.h"

/* Starts and stops with the daemon; behind daemon.own. */
extern const struct daemon_part children_part;

/* A child as it stands now: its link (with its origin), and how far its ledger is folded. */
struct child {
	struct link_peer_status link;
	uint64_t folded;
};
/* All of them, in the order of their codes, *n of them; NULL when they cannot be read. The caller
 * frees it. Any thread. */
struct child *children_now(struct daemon *d, size_t *n);
/* Frames refused, by fault. Any thread. */
uint64_t children_refused(struct daemon *d, int fault);
/* The signer that a child's ledger must have; false: not a child. Any thread. */
bool children_signer(struct daemon *d, uint32_t origin, uint8_t signer[SIGN_PUBLIC_BYTES]);

/* ERR_INVALID and words (file and line): a code or a key stands twice, or is the city's own. Pure.
 */
MUST_CHECK int children_check(const struct conf *c, struct errmsg *m);
/* For daemon_program.reload: takes over the children of `next` when they are others. */
void children_reload(struct daemon *d, const struct conf *next);

#endif
