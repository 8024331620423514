/* From records to what the forms count. Pure: no store, no clock.
 *
 * Two steps. record_effects(): what one record does: it adds to cells (events, sums), and it makes
 * facts about entities (persons, classes, …) that are counted once. entity_change(): what the facts
 * of one entity do to the distinct counts: they depend on the set of its facts only, so the fold
 * takes the effect of the old set away and adds that of the new one.
 *
 * A fact, as stored, 24 bytes, numbers big-endian, so that the order of bytes is the order of
 * facts:
 *
 *     source (2) origin (4) from (2) till (2) rows (4 × 2) ref (6)
 *
 * from, till: months by number; till 0: never ends. ref: of a person's fact the position of its
 * record; of other entities' facts how many records make it. Source 0: a record of the person that
 * no form counts (the person view needs it). */
#ifndef AGGREGATOR_FACTS_H
#define AGGREGATOR_FACTS_H

#include "aggregator/fold/cells.h"
#include "daemon/ledger/hash.h"

#define FACT_BYTES 24
#define FACT_SAME_BYTES 18 /* without ref */
#define ENTITY_KEY_BYTES (1 + KEY_HASH_BYTES)

/* A fact comes or goes. */
struct fact_change {
	uint8_t entity[ENTITY_KEY_BYTES]; /* number of the entity (1), then the pid or the hash of
					     the fields' values */
	uint8_t fact[FACT_BYTES];	  /* ref 0 for entities other than persons */
	int32_t weight;			  /* 1, -1 */
};

/* A list of changes that grows; one owner. */
struct fact_changes {
	struct fact_change *at;
	size_t n, room;
	bool failed; /* sticky: out of memory */
};
void fact_changes_deinit(struct fact_changes *c);

struct record_place {
	uint32_t origin;
	uint64_t position;
	uint32_t city; /* the area that counts everything */
	int weight;    /* 1: the record comes; -1: it goes */
};
/* Adds the record's effects to cells and changes. Returns false when a form counts it but has no
 * row for it. */
bool record_effects(const struct forms *fs, const struct record *r,
	const struct record_place *where, struct cells *cells, struct fact_changes *changes);

/* ---- facts of one entity ---- */

struct fact_list {
	const uint8_t (*at)[FACT_BYTES]; /* sorted by bytes */
	size_t n;
};
/* The facts after the changes (all of the entity, sorted by fact) in *out, which has room for old.n
 * + n of them. Returns the number; SIZE_MAX when a fact goes that is not there, or comes twice: the
 * views are damaged. */
size_t facts_apply(struct fact_list old, const struct fact_change *changes, size_t n,
	uint8_t (*out)[FACT_BYTES]);
/* Order for facts_apply(): by entity, then by fact. For qsort. */
int fact_change_order(const void *a, const void *b);

/* Adds to cells what changes in the distinct counts when the facts of an entity go from `old` to
 * `new`. `scratch` is memory kept between calls; false without memory. */
struct entity_scratch {
	struct combo *at;
	size_t n, room;
};
bool entity_change(const struct forms *fs, uint32_t city, struct fact_list old,
	struct fact_list new, struct cells *cells, struct entity_scratch *scratch);
void entity_scratch_deinit(struct entity_scratch *s);

#endif
