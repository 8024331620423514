/* Facets: of the talents found, how many have what. */
#include "daemon/talent/talent_index.h"

#include <stdlib.h>

static void bits_add(uint64_t counts[32], uint32_t bits)
{
	for (; bits; bits &= bits - 1)
		counts[__builtin_ctz(bits)]++;
}

static void district_add(struct talent_facets *f, uint32_t code)
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
	f->districts[i].n++;
}

static void occ_add(struct talent_facets *f, uint32_t digits)
{
	uint16_t *hint = &f->hints[digits * 2654435761u >> 20];
	size_t first = 0, end = f->n_occs;

	if (*hint < f->n_occs && f->occs[*hint].digits == digits) {
		f->occs[*hint].n++;
		return;
	}

	while (first < end) {
		size_t mid = (first + end) / 2;

		if (f->occs[mid].digits < digits)
			first = mid + 1;
		else
			end = mid;
	}
	*hint = (uint16_t)first; /* looked at before it is believed */
	if (first < f->n_occs && f->occs[first].digits == digits) {
		f->occs[first].n++;
		return;
	}
	if (f->n_occs == f->occs_room) {
		size_t room = f->occs_room ? f->occs_room * 2 : 256;
		struct talent_occ_count *more = realloc(f->occs, room * sizeof(*more));

		if (!more) {
			f->failed = true;
			return;
		}
		f->occs = more;
		f->occs_room = room;
	}
	memmove(&f->occs[first + 1], &f->occs[first], (f->n_occs - first) * sizeof(*f->occs));
	f->occs[first] = (struct talent_occ_count){ digits, 1 };
	f->n_occs++;
}

static unsigned age_band(const struct talent_state *s, int year)
{
	int age = year - s->birth_year;

	if (!s->birth_year)
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
	f->ages[age_band(s, year)]++;
	district_add(f, s->district);
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
