/* How the index lies in memory. For this room. */
#ifndef TALENT_TALENT_INDEX_INSIDE_H
#define TALENT_TALENT_INDEX_INSIDE_H

#include <pthread.h>

#include "daemon/talent/talent_index.h"

#define BLOCK 256

#define W0_STATUS 8
#define W0_INDUSTRY 16
#define W0_SEX 24
#define W0_IN 26
#define W0_BIRTH 32
#define W0_DISTRICT 48
#define W1_CHAINS 32
#define W2_AREAS 16
#define W2_OCCS 32

struct line {
	uint64_t w[3];
};

struct block {
	struct line lines[BLOCK];
	uint8_t pids[BLOCK][PID_BYTES];
	uint16_t changes[BLOCK];
	uint16_t occ_end[BLOCK]; /* of each row, in occs; it begins where the one before ends */
	uint32_t *occs;
	size_t occs_room;
	unsigned n;
};

struct talent_index {
	const struct talent_rules *rules;
	pthread_rwlock_t lock;
	pthread_mutex_t changing; /* one changer at a time; asked for before the lock */
	struct block **blocks;
	size_t n, room;
	uint64_t talents, bytes;
	int day;
	uint32_t areas[TALENT_DISTRICTS_MAX];
	size_t n_areas;
};

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
