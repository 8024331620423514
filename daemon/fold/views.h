/* The views of a running city: their store, and the fold thread that keeps them up (the store's
 * writer thread).
 *
 * views_wake() is called when a ledger has grown; the fold then takes chunk after chunk until
 * nothing waits. From the commit of an entry to its being visible it is one short fold and one
 * commit; no timer stands in between. */
#ifndef FOLD_VIEWS_H
#define FOLD_VIEWS_H

#include "daemon/fold/fold.h"
#include "daemon/talent/talent_index.h"

struct views;

struct views_conf {
	const char *dir; /* of the store; made when missing: views can always be folded again */
	uint64_t limit_bytes;  /* of the store */
	struct ledger *ledger; /* borrowed until views_close() */
	const struct forms *forms;
	uint32_t city;
	/* NULL: without talents and marks (a district's views). Borrowed. */
	const struct talent_rules *rules;
	size_t chunk; /* entries at most in one transaction; 0: 4096 */
};

/* Views of other forms, of an older fold, or of ledgers that are not these are cleared: the fold
 * begins anew. Not on the loop. */
MUST_CHECK int views_open(struct views **out, const struct views_conf *conf, struct errmsg *m);
/* Ends after the chunk under way. */
void views_close(struct views *v);
/* Any thread; cheap. */
void views_wake(struct views *v);
/* Folds what the ledgers hold now and waits for it, at most `ms`. ERR_EXPIRED; ERR_DAMAGED: a
 * ledger cannot be read on (views_state() tells which); or why the fold stands still. Not on the
 * loop nor on a writer thread, and not while holding a snapshot of the views. */
MUST_CHECK int views_catch_up(struct views *v, uint32_t ms);
/* The store, for reading. */
struct store *views_store(struct views *v);
const struct views_conf *views_conf(const struct views *v);

struct views_state {
	uint64_t chunks, entries; /* folded in this life */
	uint64_t left;		  /* entries that waited after the last chunk */
	int err;		  /* why the last chunk failed; 0: it went well */
	uint32_t stopped_origin;  /* a ledger that cannot be read on: its origin; 0: none */
	uint64_t stopped_at;	  /* the position that cannot be read */
};
/* Any thread. */
void views_state(struct views *v, struct views_state *out);

/* What the views depend on besides the ledgers: forms, registers, code lists, the fold itself. */
void views_digest(
	const struct forms *fs, const struct talent_rules *rules, uint8_t out[HASH_BYTES]);

/* The same without the forms: by which rules records are judged and counted. */
void views_rules(uint8_t out[HASH_BYTES]);

/* The talents in memory, as of the last chunk, on a day (yyyymmdd); live_talents_on() says how.
 * NULL: not to be asked now (*err says why), or without rules (*err 0). */
struct talent_index *views_talents(struct views *v, int day, int *err);

#endif
