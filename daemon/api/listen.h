/* The listening end of the control socket. */
#ifndef API_LISTEN_H
#define API_LISTEN_H

#include "daemon/base/err.h"

struct listen {
	int fd;	     /* listening, non-blocking */
	int lock_fd; /* holds PATH.lock while the daemon lives */
	char path[108];
};

/* ERR_BUSY: another daemon is there; ERR_NOTFOUND: no such directory; ERR_DENIED: others may write
 * to it; ERR_LIMIT: the path is too long for a socket; ERR_EXISTS: something that is no socket
 * stands there. */
MUST_CHECK int listen_open(struct listen *l, const char *path, struct errmsg *m);
/* Removes the socket and gives up the lock. */
void listen_close(struct listen *l);

#endif
