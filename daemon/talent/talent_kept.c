/* What questions asked lately counted in each block. A question is seldom asked once: every page of
 * its answer tells the total again. Blocks never change, so what was counted in one holds as long
 * as it stands; of a question that comes again only blocks are looked at that are new.
 *
 * Each has a list of its own: the numbers of the blocks and their counts, in the order of one
 * version. Numbers of blocks only grow. A later version has a block of that list or one of a higher
 * number, and what is left of the list in its order: one walk along both finds it.
 *
 *     list at version 7      12    4    9    30   31      blocks below 40
 *     version 9              12    41   9    42   43   31
 *                            │     new  │    new  new  │
 *                            known      known          known
 *
 * Lists do not change either, once they are put; who asks holds one as long as it reads it. How it
 * fails: without memory nothing is kept. */
#include "daemon/talent/talent_index_inside.h"

#include <assert.h>
#include <stdlib.h>

static size_t kept_size(size_t n)
{
	return sizeof(struct kept) + n * (sizeof(uint64_t) + sizeof(uint16_t));
}

static bool same_question(const struct talent_query *a, const struct talent_query *b)
{
	return a->level_min == b->level_min && a->occ_least == b->occ_least &&
	       a->occ_most == b->occ_most && a->honours == b->honours &&
	       a->programmes == b->programmes && a->areas == b->areas && a->chains == b->chains &&
	       a->district == b->district && a->status == b->status && a->industry == b->industry &&
	       a->sex == b->sex && a->born_from == b->born_from && a->born_to == b->born_to &&
	       a->outside == b->outside;
}

/* The lock is held. */
static struct kept **kept_place(struct talent_index *x, const struct talent_query *q)
{
	for (unsigned i = 0; i < KEPT; i++)
		if (x->kept[i] && same_question(&x->kept[i]->q, q))
			return &x->kept[i];
	return NULL;
}

/* The lock is held; what is to be freed. */
static struct kept *let_go(struct kept *k)
{
	return k && --k->holders == 0 ? k : NULL;
}

struct kept *kept_take(struct talent_index *x, const struct talent_query *q)
{
	struct kept **place, *k = NULL;

	pthread_mutex_lock(&x->lock);
	place = kept_place(x, q);
	if (place) {
		k = *place;
		k->holders++;
		k->asked = ++x->asked;
	}
	pthread_mutex_unlock(&x->lock);
	return k;
}

void kept_give(struct talent_index *x, struct kept *k)
{
	pthread_mutex_lock(&x->lock);
	k = let_go(k);
	pthread_mutex_unlock(&x->lock);
	free(k);
}

struct kept *kept_new(
	const struct version *v, const struct talent_query *q, const struct kept *before)
{
	struct kept *k = malloc(kept_size(v->n));

	if (!k)
		return NULL;
	*k = (struct kept){
		.q = *q, .holders = 1, .version = v->number, .next_id = v->next_id, .n = v->n
	};
	k->counts = (uint16_t *)(k->ids + v->n);
	if (v->n)
		memcpy(k->ids, v->ids, v->n * sizeof(*k->ids));
	memset(k->counts, 0xff, v->n * sizeof(*k->counts));
	/* Somebody may have asked a later version meanwhile. */
	if (!before || before->version > v->number)
		return k;
	for (size_t i = 0, at = 0; i < v->n; i++) {
		if (v->ids[i] >= before->next_id)
			continue;
		while (at < before->n && before->ids[at] != v->ids[i])
			at++;
		assert(at < before->n);
		k->counts[i] = before->counts[at++];
	}
	return k;
}

void kept_put(struct talent_index *x, struct kept *k)
{
	struct kept **place, *old = NULL;

	pthread_mutex_lock(&x->lock);
	place = kept_place(x, &k->q);
	for (unsigned i = 0; i < KEPT && !place; i++)
		if (!x->kept[i])
			place = &x->kept[i];
	if (!place) { /* in the place of what was asked longest ago */
		place = &x->kept[0];
		for (unsigned i = 1; i < KEPT; i++)
			if (x->kept[i]->asked < (*place)->asked)
				place = &x->kept[i];
	}
	k->asked = ++x->asked;
	old = *place;
	*place = k;
	old = let_go(old);
	pthread_mutex_unlock(&x->lock);
	free(old);
}

void kept_drop(struct talent_index *x)
{
	struct kept *old[KEPT];

	pthread_mutex_lock(&x->lock);
	for (unsigned i = 0; i < KEPT; i++) {
		old[i] = let_go(x->kept[i]);
		x->kept[i] = NULL;
	}
	pthread_mutex_unlock(&x->lock);
	for (unsigned i = 0; i < KEPT; i++)
		free(old[i]);
}

size_t kept_bytes(struct talent_index *x)
{
	size_t bytes = 0;

	pthread_mutex_lock(&x->lock);
	for (unsigned i = 0; i < KEPT; i++)
		bytes += x->kept[i] ? kept_size(x->kept[i]->n) : 0;
	pthread_mutex_unlock(&x->lock);
	return bytes;
}
