/* Views folded anew, beside the running ones: a scratch store in a folder of its own, folded up to
 * positions that are given. For whoever compares: recount, reproduce. */
#ifndef FOLD_ANEW_H
#define FOLD_ANEW_H

#include "daemon/fold/fold.h"

struct anew;

struct anew_conf {
	const char *dir; /* of the store; removed before and after, with all that stands in it */
	uint64_t limit_bytes;
	struct ledger *ledger; /* borrowed, as the forms are */
	const struct forms *forms;
	const struct talent_rules *rules; /* or NULL */
	uint32_t city;
	/* May be NULL. Asked between chunks, with the entries folded so far: true ends the fold
	 * with ERR_CLOSED. */
	bool (*stop)(void *arg, uint64_t entries);
	void *arg;
};

MUST_CHECK int anew_open(struct anew **out, const struct anew_conf *conf, struct errmsg *m);
/* Also removes the folder. */
void anew_close(struct anew *a);
/* What a killed process left. Nothing may be open there. */
void anew_remove(const char *dir);

/* Folds on, up to just these positions (ascending by origin); ledgers that are not named are not
 * folded. ERR_DAMAGED: an entry cannot be read: anew_broken() names it. Not on the loop, nor on a
 * writer thread, nor with a snapshot of the ledgers. */
MUST_CHECK int anew_fold(struct anew *a, const struct fold_bound *bounds, size_t n);
/* The entry at which the fold ended; origin 0: none. */
struct fold_bound anew_broken(const struct anew *a);
uint64_t anew_entries(const struct anew *a);
/* For reading. */
struct store *anew_store(struct anew *a);

#endif
