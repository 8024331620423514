/* How the index lies in memory. For this room. */
#ifndef TALENT_TALENT_INDEX_INSIDE_H
#define TALENT_TALENT_INDEX_INSIDE_H

#include <pthread.h>

#include "daemon/talent/talent_index.h"
#include "daemon/talent/talent_pool.h"

#define BLOCK 512
#define WORDS (BLOCK / 64)

/* What is searched of a row, in bits: X(name, width). A value that is too wide says nothing (0):
 * only a damaged row has one. */
#define COLUMNS(X) \
	X(THERE, 1) /* of every row */ \
	X(IN, 1) \
	X(LEVEL, 4) \
	X(STATUS, 5) \
	X(INDUSTRY, 5) \
	X(SEX, 2) \
	X(BIRTH, 16) \
	X(DISTRICT, 12) /* its number in the index */ \
	X(PROGRAMMES, 24) \
	X(AREAS, 24) \
	X(CHAINS, TALENT_CHAINS_MAX) \
	X(HONOURS, 32) \
	X(HAS_OCC, 1) \
	X(OCC, 32) /* of the first occupation: four bits a digit */ \
	X(OCC_LEVEL, 4)

enum column {
#define COLUMN(name, width) COLUMN_##name,
	COLUMNS(COLUMN)
#undef COLUMN
		COLUMN_COUNT
};
/* Where a column's bits begin among all bits. */
enum {
#define COLUMN(name, width) BIT_##name, BIT_##name##_LAST = BIT_##name + (width)-1,
	COLUMNS(COLUMN)
#undef COLUMN
		BIT_COUNT
};
struct column_bits {
	uint8_t first, width;
};
extern const struct column_bits column_bits[COLUMN_COUNT];

/* Whose rows they are. One that says something else is still there: blocks of several versions
 * share it. */
struct pids {
	unsigned blocks; /* that have it; who changes the index counts */
	uint8_t at[BLOCK][PID_BYTES];
};

/* Rows in the order of pids. Once in a version a block is never changed.
 *
 * A plane is one bit of all rows: row r is bit r % 64 of word r / 64, 0 from row n on. Only bits
 * that some row of the index has ever had have a plane; a block that was made before may have fewer
 * planes: it has none of those bits. */
struct block {
	struct talent_pool *pool; /* that it is of */
	unsigned n, n_planes;
	struct pids *pids;
	/* Occupations but the first of each row: digits << 4 | level in ascending order (of equal
	 * ones in any), and whose. */
	uint32_t *more;
	uint16_t *more_rows;
	unsigned n_more, more_room;
	uint32_t occs[BLOCK]; /* the first: digits | level << 24 */
	uint16_t changes[BLOCK];
	uint64_t planes[][WORDS];
};

/* A set of planes, by number. */
#define PLANE_WORDS 3
struct plane_set {
	uint64_t w[PLANE_WORDS];
};
_Static_assert(BIT_COUNT <= PLANE_WORDS * 64, "a plane for each bit");

/* What a search wants to know of a block first: they stand side by side in a version, and most
 * planes that are the same for all rows need not be looked at. */
struct head {
	const uint64_t (*planes)[WORDS]; /* NULL: still at work */
	const uint32_t *more;
	struct plane_set some, all; /* planes of which some row, every row has the bit */
	uint64_t first;		    /* the first eight bytes of the first pid, big-endian */
	uint16_t n, n_planes, n_more, more_room;
};

/* Where the plane of a bit is; PLANE_NONE. */
struct plane_map {
	uint8_t of[BIT_COUNT];
};
#define PLANE_NONE 0xff

/* What numbers stand for. The lists only grow: what a version knows of them never changes. */
struct dictionary {
	uint8_t bits[BIT_COUNT]; /* of each plane */
	unsigned n_planes;
	uint32_t areas[TALENT_DISTRICTS_MAX]; /* number 0: none */
	unsigned n_areas;
	struct plane_map planes; /* the other way round, for who changes */
};

/* The index as of the end of a chunk. */
struct version {
	struct block **blocks;
	struct head *heads; /* of each block */
	uint64_t *ids;	    /* its number: no other block ever had it; all are below next_id */
	size_t n;
	uint64_t number, next_id; /* numbers only grow */
	uint64_t talents;
	unsigned n_areas, n_planes; /* of the dictionary */
	int day;
	unsigned readers;
	struct block **replaced; /* by the next version: to be freed with this one */
	size_t n_replaced;
	struct version *next; /* newer */
};

/* What a question counted in each block of a version (talent_kept.c). */
struct kept {
	struct talent_query q;
	unsigned holders;
	uint64_t asked; /* when last */
	uint64_t version, next_id;
	size_t n;
	uint16_t *counts; /* behind the ids; COUNT_UNKNOWN */
	uint64_t ids[];
};
#define KEPT 16
#define COUNT_UNKNOWN 0xffff

struct talent_index {
	const struct talent_rules *rules;
	struct dictionary words;
	struct talent_pool pool;
	pthread_mutex_t changing; /* one changer at a time */
	pthread_mutex_t lock;	  /* what follows: held for an instant */
	struct version *oldest, *newest;
	struct version *done; /* nobody reads them any more */
	bool lost;	      /* the newest does not hold what it should */
	struct kept *kept[KEPT];
	uint64_t asked; /* how often */
};

/* The newest version, kept until it is given back; NULL when the index is lost. */
struct version *version_take(struct talent_index *x);
void version_give(struct talent_index *x, struct version *v);

/* Sets apart what nobody reads any more; the lock is held. */
void versions_sweep(struct talent_index *x);
/* Frees what was set apart; the caller holds `changing`. */
void versions_free(struct talent_index *x);

/* ---- talent_kept.c ---- */

/* What is kept of a question, or NULL; until it is given back. Any thread, as all of these. */
struct kept *kept_take(struct talent_index *x, const struct talent_query *q);
void kept_give(struct talent_index *x, struct kept *k);
/* For a version, with the counts that are known from `before` (may be NULL). NULL without memory.
 */
struct kept *kept_new(
	const struct version *v, const struct talent_query *q, const struct kept *before);
/* Keeps it, with no count unknown, instead of what it was made of; takes it over. */
void kept_put(struct talent_index *x, struct kept *k);
/* Forgets all. */
void kept_drop(struct talent_index *x);
size_t kept_bytes(struct talent_index *x);

/* ---- talent_edit.c; the caller holds `changing` ---- */

/* A new version on a day with these changes (of one person the last counts). False without memory:
 * nothing is changed. */
bool version_edit(struct talent_index *x, int day, const struct talent_change *changes, size_t n);
/* One of all rows; those that stood go first. As talent_index_load(). */
int version_load(struct talent_index *x, int day,
	int (*next)(void *arg, uint8_t pid[PID_BYTES], struct text *row), void *arg);

/* ---- blocks: those that no version has yet are changed ---- */

/* NULL without memory. */
struct block *block_new(struct talent_pool *pool, unsigned planes);
struct block *block_copy(const struct block *from, unsigned planes);
/* The second half of a full block goes to a new one. */
struct block *block_split(struct block *left);
void block_free(struct block *b);
size_t block_bytes(const struct block *b);
/* The first row that is not before a pid. */
unsigned block_row(const struct block *b, const uint8_t pid[PID_BYTES]);
/* Makes room for a row that says nothing yet; the block is not full. False without memory, also of
 * the next: the block is as it was. */
MUST_CHECK bool block_row_insert(struct block *b, unsigned row, const uint8_t pid[PID_BYTES]);
MUST_CHECK bool block_row_drop(struct block *b, unsigned row);
/* What the row says from now on; *b may move. False without memory: the block is of no use. */
bool block_row_write(
	struct block **b, unsigned row, struct dictionary *words, const struct talent_state *s);
/* Of a block that is not changed any more. */
void head_init(struct head *h, const struct block *b);
/* The first bytes of a pid as they stand in a head. */
uint64_t pid_begin(const uint8_t pid[PID_BYTES]);

/* What a version knows. */
struct reading {
	const struct dictionary *words;
	struct plane_map planes;
};
void reading_init(struct reading *r, const struct dictionary *words, unsigned n_planes);
/* `changes` and `clause` are left out. */
void block_row_read(
	const struct block *b, unsigned row, const struct reading *r, struct talent_state *s);

/* ---- a question as conditions on planes (talent_ask.c) ---- */

struct step {
	uint8_t op, plane;
};
#define ANY_SETS 4
#define STEPS 64
/* All of it must be so of a row. */
struct program {
	struct plane_set ones, zeros;	/* it has these bits, and none of those */
	struct plane_set any[ANY_SETS]; /* of each set one */
	struct step at[STEPS];		/* bounds on numbers */
	unsigned n_any, n;
	struct plane_set looked; /* by sets and bounds */
	bool nothing;		 /* no row can */
};
/* What a program has to do with a block. */
struct plan {
	const struct head *h;
	bool none, every; /* of its rows, without a look */
	struct plane_set ones, zeros;
};
/* Fetches what will be looked at. */
void program_plan(const struct program *p, const struct head *h, struct plan *plan);
/* Takes out of `fit` who does not; false: nobody is left. */
bool program_run(const struct program *p, const struct plan *plan, uint64_t fit[WORDS]);

#define AGE_STEPS 4
struct search {
	const struct talent_query *q;
	struct reading reading;
	int year;
	struct program occupation; /* by the first one, when one is asked for */
	struct program others;
	bool look;    /* conditions do not say all: at each row's occupations */
	bool nothing; /* asked for what no row can have */
	/* For facets: born not before the first year of each band but the oldest; no year. */
	struct program ages[AGE_STEPS];
};
/* s->q and s->reading are there. */
void search_ask(struct search *s, const struct version *v, bool facets);

/* `n` rows of a block. */
struct block_rows {
	const struct block *b;
	const struct head *h;
	const uint64_t *rows; /* WORDS */
	unsigned n;
};
void facets_add_block(
	struct talent_facets *f, const struct search *s, const struct block_rows *these);

/* The first of `n` of `more` from `key` on. */
static inline unsigned more_from(const uint32_t *more, unsigned n, uint32_t key)
{
	const uint32_t *at = more;

	for (; n > 1; n -= n / 2)
		at += at[n / 2 - 1] < key ? n / 2 : 0;
	return n ? (unsigned)(at - more) + (*at < key) : 0;
}

/* ---- sets of planes ---- */

static inline void planes_add(struct plane_set *s, unsigned plane)
{
	s->w[plane / 64] |= UINT64_C(1) << plane % 64;
}

static inline bool planes_has(const struct plane_set *s, unsigned plane)
{
	return s->w[plane / 64] >> plane % 64 & 1;
}

/* ---- sets of a block's rows ---- */

static inline bool rows_has(const uint64_t rows[WORDS], unsigned row)
{
	return rows[row / 64] >> row % 64 & 1;
}

/* The first n. */
static inline void rows_first(unsigned n, uint64_t rows[WORDS])
{
	static const uint64_t words[2 * WORDS] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
		UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX };

	memcpy(rows, words + WORDS - n / 64, WORDS * sizeof(*rows));
	if (n < BLOCK)
		rows[n / 64] = (UINT64_C(1) << n % 64) - 1;
}

/* How many are in both. In lanes of bytes: the compiler makes vectors of it. */
static inline unsigned rows_both(const uint64_t a[WORDS], const uint64_t b[WORDS])
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WORDS; i++) {
		uint64_t w = a[i] & b[i];

		w -= w >> 1 & 0x5555555555555555;
		w = (w & 0x3333333333333333) + (w >> 2 & 0x3333333333333333);
		sum += (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0f;
	}
	sum = (sum & 0x00ff00ff00ff00ff) + (sum >> 8 & 0x00ff00ff00ff00ff);
	return (unsigned)(sum * 0x0001000100010001 >> 48);
}

static inline unsigned rows_count(const uint64_t rows[WORDS])
{
	return rows_both(rows, rows);
}

/* Four bits a decimal digit, eight digits. */
static inline uint32_t digits_apart(uint32_t digits)
{
	uint32_t out = 0;

	for (unsigned i = 0; i < 32; i += 4, digits /= 10)
		out |= digits % 10 << i;
	return out;
}

#endif
