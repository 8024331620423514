/* Facets: of the talents found, how many have what. */
#include "daemon/talent/talent_index_inside.h"

#include <stdlib.h>

#define FEW 6 /* of a block: each is looked at */

static void bits_add(uint64_t counts[32], uint32_t bits)
{
	for (; bits; bits &= bits - 1)
		counts[__builtin_ctz(bits)]++;
}

static void district_add(struct talent_facets *f, uint32_t code, uint64_t n)
{
	size_t i = 0;

	while (i < f->n_districts && f->districts[i].code != code)
		i++;
	if (i == TALENT_DISTRICTS_MAX)
		return;
	if (i == f->n_districts) {
		f->districts[f->n_districts].code = code;
		f->districts[f->n_districts++].n = 0;
	}
	f->districts[i].n += n;
}

/* ---- occupations: a table by hash while they are counted ---- */

static size_t occ_hash(uint32_t digits)
{
	return digits * 2654435761u >> 12;
}

static struct talent_occ_count *occ_place(struct talent_facets *f, uint32_t digits)
{
	size_t i = occ_hash(digits) & (f->occs_room - 1);

	while (f->occs[i].n && f->occs[i].digits != digits)
		i = (i + 1) & (f->occs_room - 1);
	return &f->occs[i];
}

/* At most half of the places are taken. */
static bool occs_grow(struct talent_facets *f)
{
	struct talent_facets more = *f;

	more.occs_room = f->occs_room ? f->occs_room * 2 : 1024;
	more.occs = calloc(more.occs_room, sizeof(*more.occs));
	if (!more.occs) {
		f->failed = true;
		return false;
	}
	for (size_t i = 0; i < f->occs_room; i++)
		if (f->occs[i].n)
			*occ_place(&more, f->occs[i].digits) = f->occs[i];
	free(f->occs);
	f->occs = more.occs;
	f->occs_room = more.occs_room;
	return true;
}

static void occ_add_slowly(struct talent_facets *f, uint32_t digits)
{
	struct talent_occ_count *o;

	if (f->n_occs * 2 >= f->occs_room && !occs_grow(f))
		return;
	o = occ_place(f, digits);
	o->digits = digits;
	f->n_occs += o->n++ == 0;
}

static inline void occ_add(struct talent_facets *f, uint32_t digits)
{
	struct talent_occ_count *o;

	/* Most often it stands where it belongs. */
	if (f->occs_room) {
		o = &f->occs[occ_hash(digits) & (f->occs_room - 1)];
		if (o->digits == digits && o->n) {
			o->n++;
			return;
		}
	}
	occ_add_slowly(f, digits);
}

static int by_digits(const void *a, const void *b)
{
	const struct talent_occ_count *x = a, *y = b;

	return x->digits < y->digits ? -1 : x->digits > y->digits;
}

void talent_facets_end(struct talent_facets *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->occs_room; i++)
		if (f->occs[i].n)
			f->occs[n++] = f->occs[i];
	if (n)
		qsort(f->occs, n, sizeof(*f->occs), by_digits);
}

/* ---- a row ---- */

static unsigned age_band(int birth_year, int year)
{
	int age = year - birth_year;

	if (!birth_year)
		return TALENT_AGE_BANDS - 1;
	return age <= 35 ? 0 : age <= 45 ? 1 : age <= 55 ? 2 : 3;
}

void talent_facets_add(struct talent_facets *f, const struct talent_query *q,
	const struct talent_state *s, int year)
{
	f->levels[s->level & 15]++;
	f->status[s->status & 31]++;
	f->industries[s->industry & 31]++;
	bits_add(f->honours, s->honours);
	bits_add(f->programmes, s->programmes);
	bits_add(f->areas, s->areas);
	f->ages[age_band(s->birth_year, year)]++;
	district_add(f, s->district, 1);
	for (size_t i = 0; i < s->n_occs; i++) {
		uint32_t digits = s->occs[i] & 0xffffff;

		if (s->occs[i] >> 24 >= q->level_min &&
			(!q->occ_most || (digits >= q->occ_least && digits <= q->occ_most)))
			occ_add(f, digits);
	}
}

void talent_facets_deinit(struct talent_facets *f)
{
	free(f->occs);
	f->occs = NULL;
	f->n_occs = f->occs_room = 0;
}

/* ---- the rows of a block, by planes ---- */

struct block_facets {
	struct talent_facets *f;
	const struct search *s;
	const struct block *b;
	const struct head *h;
};

/* A value as far as its bits are known, and how many rows have it. */
struct number {
	uint32_t value;
	unsigned rows;
	void (*add)(const struct block_facets *x, uint32_t value, unsigned n);
};

/* Of a bit: its plane, or NULL where all rows have it (*all) or none. */
static const uint64_t *plane_of(const struct block_facets *x, unsigned bit, bool *all)
{
	unsigned plane = x->s->reading.planes.of[bit];

	*all = plane != PLANE_NONE && planes_has(&x->h->all, plane);
	if (plane == PLANE_NONE || *all || !planes_has(&x->h->some, plane))
		return NULL;
	return x->h->planes[plane];
}

static void with_bit(
	const uint64_t *restrict rows, const uint64_t *restrict plane, uint64_t *restrict with)
{
	for (unsigned i = 0; i < WORDS; i++)
		with[i] = rows[i] & plane[i];
}

static void without_bit(
	const uint64_t *restrict rows, const uint64_t *restrict plane, uint64_t *restrict without)
{
	for (unsigned i = 0; i < WORDS; i++)
		without[i] = rows[i] & ~plane[i];
}

/* Rows by the value of a column: those with its highest bit and those without it, each again by the
 * next lower one. `n` rows; `value`: of the bits above. */
static void numbers_add(const struct block_facets *x, enum column column, unsigned bits,
	const uint64_t rows[WORDS], struct number n)
{
	const struct column_bits *fb = &column_bits[column];
	uint64_t half[WORDS];
	const uint64_t *plane = NULL;
	unsigned with;
	bool all;

	while (bits && !plane) {
		plane = plane_of(x, fb->first + --bits, &all);
		n.value |= (uint32_t)all << bits;
	}
	if (!plane) {
		n.add(x, n.value, n.rows);
		return;
	}
	with = rows_both(rows, plane);
	if (with) {
		with_bit(rows, plane, half);
		numbers_add(x, column, bits, half,
			(struct number){ n.value | 1u << bits, with, n.add });
	}
	if (with == n.rows)
		return;
	without_bit(rows, plane, half);
	n.rows -= with;
	numbers_add(x, column, bits, half, n);
}

static void level_counted(const struct block_facets *x, uint32_t value, unsigned n)
{
	x->f->levels[value] += n;
}

static void status_counted(const struct block_facets *x, uint32_t value, unsigned n)
{
	x->f->status[value] += n;
}

static void industry_counted(const struct block_facets *x, uint32_t value, unsigned n)
{
	x->f->industries[value] += n;
}

static void district_counted(const struct block_facets *x, uint32_t value, unsigned n)
{
	district_add(x->f, x->s->reading.words->areas[value], n);
}

/* Who is not older than each band's oldest; the rest is older, or of no known age. */
static void ages_add(const struct block_facets *x, const uint64_t rows[WORDS], unsigned n)
{
	uint64_t *ages = x->f->ages;
	unsigned counts[AGE_STEPS], before = 0;

	for (unsigned i = 0; i < AGE_STEPS; i++) {
		struct plan plan;
		uint64_t fit[WORDS];

		program_plan(&x->s->ages[i], x->h, &plan);
		memcpy(fit, rows, sizeof(fit));
		counts[i] = program_run(&x->s->ages[i], &plan, fit) ? rows_count(fit) : 0;
	}
	for (unsigned i = 0; i < AGE_STEPS - 1; before = counts[i++])
		ages[i] += counts[i] - before;
	ages[AGE_STEPS - 1] += n - before - counts[AGE_STEPS - 1];
	ages[AGE_STEPS] += counts[AGE_STEPS - 1];
}

static void set_add(const struct block_facets *x, enum column column,
	const struct block_rows *these, uint64_t counts[32])
{
	for (unsigned k = 0; k < column_bits[column].width; k++) {
		bool all;
		const uint64_t *plane = plane_of(x, column_bits[column].first + k, &all);

		if (plane)
			counts[k] += rows_both(these->rows, plane);
		else if (all)
			counts[k] += these->n;
	}
}

static void occs_add(const struct block_facets *x, const uint64_t rows[WORDS])
{
	const struct talent_query *q = x->s->q;
	const uint32_t least = q->occ_most ? q->occ_least : 0,
		       span = q->occ_most ? q->occ_most - least : 0xffffff, level = q->level_min;
	const struct block *b = x->b;

	for (unsigned w = 0; w < WORDS; w++)
		for (uint64_t left = rows[w]; left; left &= left - 1) {
			uint32_t occ = b->occs[w * 64 + (unsigned)__builtin_ctzll(left)];

			if (occ && occ >> 24 >= level && (occ & 0xffffff) - least <= span)
				occ_add(x->f, occ & 0xffffff);
		}
	for (unsigned i = 0; i < b->n_more; i++) {
		uint32_t digits = b->more[i] >> 4;

		if (rows_has(rows, b->more_rows[i]) && (b->more[i] & 15) >= level &&
			digits - least <= span)
			occ_add(x->f, digits);
	}
}

/* One by one. */
static void rows_add(const struct block_facets *x, const uint64_t rows[WORDS])
{
	for (unsigned w = 0; w < WORDS; w++)
		for (uint64_t left = rows[w]; left; left &= left - 1) {
			struct talent_state state;

			block_row_read(x->b, w * 64 + (unsigned)__builtin_ctzll(left),
				&x->s->reading, &state);
			talent_facets_add(x->f, x->s->q, &state, x->s->year);
		}
}

void facets_add_block(
	struct talent_facets *f, const struct search *s, const struct block_rows *these)
{
	struct block_facets x = { f, s, these->b, these->h };
	const uint64_t *rows = these->rows;
	unsigned n = these->n;

	if (n <= FEW) {
		rows_add(&x, rows);
		return;
	}
	numbers_add(&x, COLUMN_LEVEL, 4, rows, (struct number){ 0, n, level_counted });
	numbers_add(&x, COLUMN_STATUS, 5, rows, (struct number){ 0, n, status_counted });
	numbers_add(&x, COLUMN_INDUSTRY, 5, rows, (struct number){ 0, n, industry_counted });
	numbers_add(&x, COLUMN_DISTRICT, 12, rows, (struct number){ 0, n, district_counted });
	ages_add(&x, rows, n);
	set_add(&x, COLUMN_HONOURS, these, f->honours);
	set_add(&x, COLUMN_PROGRAMMES, these, f->programmes);
	set_add(&x, COLUMN_AREAS, these, f->areas);
	occs_add(&x, rows);
}
