/* One HTTP call over the daemon's control socket. Calls follow each other on one connection. */
#ifndef CTL_CLIENT_H
#define CTL_CLIENT_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

struct client;

enum {
	CLIENT_ACCEPTED,
	CLIENT_CHANGED,
	CLIENT_RETRACTED,
	CLIENT_UNCHANGED,
	CLIENT_REFUSED,
	CLIENT_COUNTS
};
/* "accepted", …; the header is Tally-Accepted. */
extern const char *const client_counts[CLIENT_COUNTS];

struct answer {
	long status;		       /* HTTP; 0: none came */
	char type[100];		       /* Content-Type without parameters */
	int exit;		       /* Tally-Exit; -1: absent */
	bool shown;		       /* Content-Disposition: inline */
	int64_t counts[CLIENT_COUNTS]; /* Tally-Accepted …; -1: absent */
	char warning[512];	       /* Tally-Warning; "": none */
	struct buf body;	       /* what `body` did not take; errors always */
	char why[600];		       /* client_call() failed: in words */
};
void answer_deinit(struct answer *a);
bool answer_is_json(const struct answer *a);
/* The words of an error answer: {"error": "…"}, or its status. Written into a->why. */
const char *answer_error(struct answer *a);

struct call {
	const char *method;
	const char *url; /* path and query, percent-encoded */
	const char *accept;
	const char *lang; /* Accept-Language; NULL: none */
	/* A body of exactly `size` bytes, or read NULL: none. read() gives at most n bytes;
	 * SIZE_MAX: give up. */
	size_t (*read)(void *arg, char *p, size_t n);
	int64_t size;
	const char *type;   /* Content-Type */
	const char *source; /* Tally-Source; NULL: none */
	/* Takes a piece of a good answer's body; NULL, or not `wants`: it goes to answer.body.
	 * False: give up. */
	bool (*body)(void *arg, const struct answer *a, const char *p, size_t n);
	bool (*wants)(void *arg, const struct answer *a);
	void *arg;
};

/* CTL_… : 0, CTL_NO_DAEMON or CTL_DENIED with words on standard error. */
MUST_CHECK int client_open(struct client **out, const char *socket);
void client_close(struct client *c);
/* 0 when an answer came, whatever its status; else a CTL_… exit code with a->why. `a` need not be
 * inited; deinit it always. */
MUST_CHECK int client_call(struct client *c, const struct call *call, struct answer *a);

/* The socket: `given`, else $TALLY_SOCKET, else the one under /run/tally-*. A CTL_… code with words
 * on standard error. */
MUST_CHECK int client_socket(const char *given, char *out, size_t size);

#endif
