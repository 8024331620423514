/* How the index lies in memory. For this room. */
#ifndef TALENT_TALENT_INDEX_INSIDE_H
#define TALENT_TALENT_INDEX_INSIDE_H

#include <pthread.h>

#include "daemon/talent/talent_index.h"

#define BLOCK 1024

/* What a search looks at, a column each: X(type, name). */
#define COLUMNS(X) \
	X(uint8_t, in) \
	X(uint8_t, level) \
	X(uint8_t, status) \
	X(uint8_t, industry) \
	X(uint8_t, sex) \
	X(uint16_t, birth) \
	X(uint16_t, district) \
	X(uint16_t, programmes) \
	X(uint16_t, areas) \
	X(uint16_t, chains) \
	X(uint32_t, honours) \
	X(uint32_t, signs) /* of the occupations: a bit for each step of each code */

/* Rows in the order of pids. Once in a version a block is never changed. */
struct block {
#define COLUMN(type, name) type name[BLOCK];
	COLUMNS(COLUMN)
#undef COLUMN
	uint16_t changes[BLOCK];
	uint16_t occ_end[BLOCK]; /* of each row, in occs; it begins where the one before ends */
	uint8_t pids[BLOCK][PID_BYTES];
	uint32_t *occs;
	size_t occs_room;
	const struct version *made_for;
	unsigned n;
};

/* The index as of the end of a chunk. */
struct version {
	struct block **blocks;
	size_t n;
	uint64_t talents;
	size_t n_areas;
	int day;
	unsigned readers;
	struct block **replaced; /* by the next version: to be freed with this one */
	size_t n_replaced;
	struct version *next; /* newer */
};

struct talent_index {
	const struct talent_rules *rules;
	pthread_mutex_t changing; /* one changer at a time */
	pthread_mutex_t lock;	  /* versions: held for an instant */
	struct version *oldest, *newest;
	/* Areas by number; what a version knows of them never changes. */
	uint32_t areas[TALENT_DISTRICTS_MAX];
	size_t n_areas; /* of who changes */
};

/* The newest version, kept until it is given back. */
struct version *version_take(struct talent_index *x);
void version_give(struct talent_index *x, struct version *v);

/* A new version on a day with these changes (of one person the last counts); the caller holds
 * `changing`. False without memory: nothing is changed. */
bool version_edit(struct talent_index *x, int day, const struct talent_change *changes, size_t n);

/* A bit for each step of a code: 6, 6-18, 6-18-01, 6-18-01-01. `steps` of them. */
static inline uint32_t occ_signature(uint32_t digits, unsigned steps)
{
	static const uint32_t cut[] = { 1000000, 10000, 100, 1 };
	uint32_t bits = 0;

	for (unsigned i = 0; i < steps; i++)
		bits |= 1u << ((digits / cut[i] * 2654435761u + i * 40503u) >> 27);
	return bits;
}

static inline size_t occ_begin(const struct block *b, unsigned row)
{
	return row ? b->occ_end[row - 1] : 0;
}

#endif
