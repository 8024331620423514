/* The talents in memory, for searching: what each row (talent_row.h) says on one day, in the order
 * of pids. Made of the rows of the views at start and kept in step by the fold, a chunk at a time:
 * one search sees one chunk's end, never half of one. Nothing of it is stored.
 *
 * One thread changes it (the fold's); any thread asks. */
#ifndef TALENT_TALENT_INDEX_H
#define TALENT_TALENT_INDEX_H

#include "daemon/talent/talent_row.h"

struct talent_index;

/* NULL without memory. Rules are borrowed until close. `day`: yyyymmdd. */
struct talent_index *talent_index_open(const struct talent_rules *t, int day);
void talent_index_close(struct talent_index *x);
/* The day for which it answers; 0 when it is lost. */
int talent_index_day(struct talent_index *x);

/* A row that is new, another, or gone (row.n 0). */
struct talent_change {
	uint8_t pid[PID_BYTES];
	struct text row;
};
/* All of them or, without memory, none (false): then the index is lost. */
MUST_CHECK bool talent_index_put(
	struct talent_index *x, const struct talent_change *changes, size_t n);
/* Goes to another day: `row_of` gives the rows that say something else from then on; ERR_NOTFOUND
 * from it is passed over (the change is on its way). 0, ERR_NOMEM or an error of row_of: then
 * nothing has changed. Any thread, one at a time. */
MUST_CHECK int talent_index_turn(struct talent_index *x, int day,
	int (*row_of)(void *arg, const uint8_t pid[PID_BYTES], struct text *row), void *arg);

/* A lost index answers nobody (ERR_NOMEM) and takes no changes until it is made anew. It becomes
 * lost by itself when changes found no memory. */
void talent_index_lose(struct talent_index *x);
bool talent_index_lost(struct talent_index *x);
/* Makes it anew of all rows, which `next` gives in the order of pids, ERR_NOTFOUND at their end. It
 * is called while no change goes in: rows read by a snapshot that begins with the first call hold
 * every change that went in before; what they hold beyond comes once more. 0, ERR_NOMEM or an error
 * of next: then the index is lost. Any thread, one at a time. */
MUST_CHECK int talent_index_load(struct talent_index *x, int day,
	int (*next)(void *arg, uint8_t pid[PID_BYTES], struct text *row), void *arg);

/* What is asked for; zeros ask nothing. Sets are bits by place in the list: one of them is enough.
 * With a level and an occupation: a valid level of at least that rank in such an occupation. */
struct talent_query {
	uint8_t level_min;	      /* rank + 1 */
	uint32_t occ_least, occ_most; /* digits; occ_most 0: any */
	uint32_t honours, programmes, areas, chains;
	uint32_t district;
	uint8_t status, industry, sex;
	int born_from, born_to; /* years of birth; 0: any. Unknown is within no bounds */
	bool outside;		/* also who is not in by the gate (chains) */
};
bool talent_query_takes(const struct talent_query *q, const struct talent_state *s);

#define TALENT_DISTRICTS_MAX 4096
#define TALENT_AGE_BANDS 5 /* up to 35, 36–45, 46–55, 56 and over, unknown */
struct talent_occ_count {
	uint32_t digits;
	uint64_t n;
};
/* How many of the talents found have what; of levels the highest valid one, of occupations each
 * that was asked for. Indexes as in the state. */
struct talent_facets {
	uint64_t levels[16], status[32], industries[32], honours[32], programmes[32], areas[32];
	uint64_t ages[TALENT_AGE_BANDS];
	struct {
		uint32_t code;
		uint64_t n;
	} districts[TALENT_DISTRICTS_MAX];
	size_t n_districts;
	/* After talent_facets_end() ascending by digits; before, places by hash, n 0: free. */
	struct talent_occ_count *occs;
	size_t n_occs, occs_room;
	bool failed; /* no memory for the occupations */
};
/* Zeros to begin with. */
void talent_facets_add(struct talent_facets *f, const struct talent_query *q,
	const struct talent_state *s, int year);
/* When all are added. */
void talent_facets_end(struct talent_facets *f);
void talent_facets_deinit(struct talent_facets *f);

struct talent_hit {
	uint8_t pid[PID_BYTES];
	struct talent_state state; /* `changes` and `clause` are not filled in */
};
struct talent_found {
	uint64_t total; /* of the whole search */
	size_t n;	/* hits */
	bool more;	/* talents after the last hit */
	int day;
};
/* The hits after a pid (NULL: from the first), in the order of pids, at most `limit`; facets (may
 * be NULL) of all, not ended. 0, or ERR_NOMEM: the index is lost. */
MUST_CHECK int talent_index_find(struct talent_index *x, const struct talent_query *q,
	const uint8_t after[PID_BYTES], struct talent_hit *hits, size_t limit,
	struct talent_found *found, struct talent_facets *facets);

struct talent_index_stats {
	uint64_t talents; /* rows held, also of those who are not in today */
	uint64_t bytes;
};
void talent_index_stats(struct talent_index *x, struct talent_index_stats *out);

#endif
