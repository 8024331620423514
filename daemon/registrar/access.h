/* The access log: who opened an identity, or asked for it in vain, and why. A ledger of its own in
 * a store of its own: each line carries the hash of the line before, every commit is signed, and it
 * is sent to nobody. It never holds a name, a number or a phone.
 *
 * The ledger's store keeps the anchor: how far the log went, and the hash there. A line taken out
 * of the middle breaks the chain, lines taken from the end do not reach the anchor. */
#ifndef REGISTRAR_ACCESS_H
#define REGISTRAR_ACCESS_H

#include "daemon/ledger/ledger.h"
#include "proto/record.h"

struct access;

struct access_conf {
	const char *state_dir;	     /* for the call */
	const struct sign_key *sign; /* this and what follows borrowed until access_close() */
	struct ledger *ledger;
	int anchor; /* table of the ledger's store for one small row of ours */
};

/* Opens state_dir/access, written under the origin of `ledger`; makes it when there never was one.
 * ERR_NOTFOUND: there was one, and it is gone. Words in m. */
MUST_CHECK int access_open(struct access **out, const struct access_conf *conf, struct errmsg *m);
void access_close(struct access *a);

#define ACCESS_PURPOSE_CHARS 200
struct access_line {
	unsigned act; /* TALLY__ACCESS_ACT__… */
	const char *user;
	const uint8_t *subject; /* a pid, or NULL */
	struct text purpose;	/* may be empty when refused */
	const char *refused;	/* why; NULL: it is opened */
	uint64_t count;		/* identities; of refusals how many */
};
/* Writes a line. When it returns 0 the line is durable: only then may anything be opened. Any
 * thread but the writers'. */
MUST_CHECK int access_put(struct access *a, const struct access_line *line);
/* n lines in one commit, in their order. */
MUST_CHECK int access_put_many(struct access *a, const struct access_line *lines, size_t n);
/* Refused for want of a right: the same, but for at most a few lines a minute; what is beyond is
 * counted in the next line. */
void access_denied(struct access *a, const char *user);

struct access_row {
	uint64_t position, at_ms;
	char user[40];
	unsigned act;
	const uint8_t *subject; /* or NULL */
	struct text purpose, refused;
	uint64_t count;
};
/* Lines from the newest back, before `before` (0: all). fn returns false to stop; rows are borrowed
 * for the call. ERR_DAMAGED: a line cannot be read. */
MUST_CHECK int access_walk(struct access *a, uint64_t before,
	bool (*fn)(void *arg, const struct access_row *row), void *arg);

struct access_verdict {
	uint64_t lines;	    /* found good */
	uint64_t broken_at; /* the first line that is missing or changed; 0: none */
	const char *why;    /* NULL: whole */
};
/* Walks chain and seals, and compares with the anchor. */
MUST_CHECK int access_verify(struct access *a, struct access_verdict *v);

/* Identities that one user opened within the last hour and the last day. What was erased was not
 * opened. */
struct access_load {
	char user[40];
	uint64_t hour, day;
};
/* At most `size` users; returns their number. Walks a day of lines. */
size_t access_loads(struct access *a, struct access_load *out, size_t size);

/* Lines written in this life: when it has not moved, nothing was added. */
uint64_t access_written(struct access *a);

MUST_CHECK int access_backup(struct access *a, const char *dir, struct errmsg *m);

#endif
