/* One walk over the persons' facts: of each the districts in which the measure's source has a fact
 * in these months. Nothing is kept for it: few ask, and a walk takes a moment. */
#include "daemon/figures/overlap.h"

#include "daemon/fold/facts.h"
#include "daemon/fold/fold.h"

int overlap_measure(const struct form *f)
{
	for (size_t i = 0; i < f->n_measures; i++) {
		const struct measure *mm = &f->measures[i];

		if (mm->kind == MEASURE_DISTINCT && mm->time == TIME_IN && !mm->with &&
			f->set->sources[mm->source]->entity == 0)
			return (int)i;
	}
	return -1;
}

static uint64_t areas_of(const struct overlap *o, struct fact_list facts)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < facts.n; i++) {
		int month = fact_from(facts.at[i]);
		size_t k = 0;

		if (month < o->first || month > o->last)
			continue;
		while (k < o->n && o->areas[k] != fact_origin(facts.at[i]))
			k++;
		if (k < o->n)
			bits |= 1ull << k;
	}
	return bits;
}

static void person_add(struct overlap *o, uint64_t bits)
{
	if (!bits)
		return;
	o->in[__builtin_popcountll(bits)]++;
	for (uint64_t a = bits; a; a &= a - 1)
		for (uint64_t b = bits; b; b &= b - 1)
			o->both[__builtin_ctzll(a)][__builtin_ctzll(b)]++;
}

int overlap_read(struct overlap *o, struct store_txn *views)
{
	unsigned source = o->form->measures[o->measure].source;
	struct store_cursor *c = store_cursor_open(views, VIEW_PERSON);
	struct text key, value;

	if (!c)
		return store_txn_err(views) ? store_txn_err(views) : ERR_NOMEM;
	memset(o->both, 0, sizeof(o->both));
	memset(o->in, 0, sizeof(o->in));
	for (bool more = store_seek(c, (struct text){ 0 }, &key, &value); more;
		more = store_next(c, &key, &value)) {
		struct fact_list all = { (const uint8_t(*)[FACT_BYTES])value.p,
			value.n / FACT_BYTES };

		person_add(o, areas_of(o, facts_of_source(all, source)));
	}
	store_cursor_close(c);
	return store_txn_err(views);
}

uint64_t overlap_sum(const struct overlap *o)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < o->n; i++)
		sum += o->both[i][i];
	return sum;
}

uint64_t overlap_persons(const struct overlap *o)
{
	uint64_t sum = 0;

	for (size_t k = 1; k <= o->n; k++)
		sum += o->in[k];
	return sum;
}
