/* Who is at the other end of the socket, and what it may do. */
#ifndef API_PEER_H
#define API_PEER_H

#include "daemon/api/api.h"

struct peer {
	bool known;	 /* the rest is filled in */
	unsigned rights; /* bit per enum api_right */
	unsigned uid;
	char user[64]; /* its name, or its number */
};

/* Asks the kernel and the group database: once a connection, on its own thread. `groups` by right,
 * names or NULL. A peer whose credentials cannot be had may do nothing. */
void peer_init(struct peer *p, int fd, const char *const groups[4]);
static inline bool peer_may(const struct peer *p, enum api_right right)
{
	return p->rights & (1u << right);
}
/* Warns of groups that do not exist: their rights go to nobody. */
void peer_warn_groups(const char *const groups[4]);

#endif
