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
 * no form counts (the person view needs it). Sources from FACT_TALENT on: talents.h.
 *
 * Facts of a stock: from = the first month at whose end it is in stock (or in which it is, where
 * the source says any), till = the first one at whose end it is not. When a measure asks the
 * person, the last row holds sex (2 bits) and the year of birth (14). Facts of a newest record:
 * from = its month, till = its day, rows = which conditions hold (32 bits) and zeros. A fact of
 * FACT_NAME: a name by which the person's number came: from and till = the first four bytes of the
 * pid, rows = the tag of the name, ref = how many records of that district say so (0 in a change).
 * It names no record. */
#ifndef FOLD_FACTS_H
#define FOLD_FACTS_H

#include "daemon/fold/samples.h"
#include "daemon/base/buf.h"
#include "daemon/ledger/hash.h"

#define FACT_BYTES 24
#define FACT_SAME_BYTES 18 /* without ref */
#define FACT_NAME 0xffffu  /* a source beyond all */
#define ENTITY_KEY_BYTES (1 + KEY_HASH_BYTES)

static inline unsigned fact_u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}
static inline unsigned fact_source(const uint8_t *fact)
{
	return fact_u16(fact);
}
static inline uint32_t fact_origin(const uint8_t *fact)
{
	return get_u32(fact + 2);
}
static inline int fact_from(const uint8_t *fact)
{
	return (int)fact_u16(fact + 6);
}
static inline int fact_till(const uint8_t *fact)
{
	return (int)fact_u16(fact + 8);
}
static inline uint64_t fact_ref(const uint8_t *fact)
{
	return (uint64_t)fact_u16(fact + 18) << 32 | get_u32(fact + 20);
}
static inline uint16_t fact_row(const uint8_t *fact, size_t dim)
{
	return (uint16_t)fact_u16(fact + 10 + 2 * dim);
}

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
/* Sticky without memory. */
void fact_changes_add(struct fact_changes *c, const struct fact_change *change);

struct record_place {
	uint32_t origin;
	uint64_t position;
	uint32_t city;	       /* the area that counts everything */
	int weight;	       /* 1: the record comes; -1: it goes */
	const uint8_t *person; /* who the record's pid is (cases.h); NULL: nobody else */
};
/* Adds the record's effects to cells and changes. Returns what keeps it from being counted in all:
 * bits. */
#define EFFECT_NO_ROW 1u   /* a form counts it but has no row for it */
#define EFFECT_NO_BIRTH 2u /* a form asks for the age of its person, which is unknown */
struct effect_sinks {
	struct cells *cells;
	struct fact_changes *changes;
	struct samples *samples;
};
unsigned record_effects(const struct forms *fs, const struct record *r,
	const struct record_place *where, const struct effect_sinks *sinks);

/* Where a record stands (record_rows.c): of each dim one row; of a dim over a list one for each of
 * its codes, and the total, in which it counts once. */
struct record_rows {
	uint16_t at[FORM_DIMS_MAX][DIM_MANY_MAX + 1];
	size_t n[FORM_DIMS_MAX];
};
/* False: the record has no row for it. */
bool record_rows(const struct form_plan *p, const struct record *r, uint32_t origin,
	struct record_rows *out);
/* The next combination of rows; *i begins at 0. False: there are no more. */
bool record_rows_next(const struct form_plan *p, const struct record_rows *stands, size_t *i,
	uint16_t rows[FORM_DIMS_MAX]);

/* ---- facts of one entity ---- */

struct fact_list {
	const uint8_t (*at)[FACT_BYTES]; /* sorted by bytes */
	size_t n;
};
/* The facts of a source: they stand together. */
struct fact_list facts_of_source(struct fact_list l, unsigned source);
bool facts_same(struct fact_list a, struct fact_list b);
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
	struct stock_scratch *stock;
};
bool entity_change(const struct forms *fs, uint32_t city, struct fact_list old,
	struct fact_list new, struct cells *cells, struct entity_scratch *scratch);
void entity_scratch_deinit(struct entity_scratch *s);

/* The same for one source of stocks (stocks.c). */
struct stock_change {
	const struct forms *forms;
	const struct source *source;
	uint32_t city;
	struct fact_list old, new; /* all facts of the entity */
	struct cells *cells;
};
bool stock_change_run(const struct stock_change *c, struct stock_scratch **scratch);
void stock_scratch_close(struct stock_scratch *s);

#endif
