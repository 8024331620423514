/* The fold, inside the room: what its entries (fold.c) share with the end of a chunk
 * (fold_entities.c). */
#ifndef FOLD_INSIDE_H
#define FOLD_INSIDE_H

#include "daemon/fold/activity.h"
#include "daemon/fold/facts.h"
#include "daemon/fold/fold.h"
#include "daemon/fold/record_index.h"
#include "daemon/fold/talents.h"

struct fold {
	const struct forms *forms;
	uint32_t city;
	struct cells *cells;
	struct record_index *records;
	struct samples *samples;
	struct activities *activities;
	struct talents *talents; /* NULL: they are not kept */
	struct fact_changes changes;
	struct entity_scratch scratch;
	uint8_t (*facts)[FACT_BYTES]; /* of one entity, after its changes */
	size_t facts_room;
	struct change_order *order; /* of the changes */
	size_t order_room;
	struct fact_change *group; /* the changes of one entity */
	size_t group_room;
	struct arena now, before;	   /* the entry at hand; the version that it replaces */
	struct store_txn *views, *ledgers; /* of the chunk under way */
	bool linked;			   /* some pid is another person than itself */
};

/* Writes what the changes gathered so far do to entities: their facts, and the counts. */
MUST_CHECK int fold_entities_write(struct fold *f);

#endif
