/* The overlap of a form: how many persons a distinct count has in each two districts, and why the
 * districts do not add up to the city: who is in k districts is counted k times there, and once in
 * the city. */
#ifndef FIGURES_OVERLAP_H
#define FIGURES_OVERLAP_H

#include "daemon/survey/form.h"
#include "daemon/store/store.h"

#define OVERLAP_AREAS_MAX 64

struct overlap {
	const struct form *form;
	size_t measure;	 /* see overlap_measure() */
	int first, last; /* months by number */
	uint32_t areas[OVERLAP_AREAS_MAX];
	size_t n;
	/* out */
	uint64_t both[OVERLAP_AREAS_MAX][OVERLAP_AREAS_MAX]; /* persons in both; in one: in it */
	uint64_t in[OVERLAP_AREAS_MAX + 1];		     /* persons who are in so many */
};

/* The form's first count of different persons by a date; -1: it has none. */
int overlap_measure(const struct form *f);
/* Walks all persons of the snapshot. form, measure, months and areas are given. */
MUST_CHECK int overlap_read(struct overlap *o, struct store_txn *views);
/* Σ over areas, and the city's number: their difference is Σ (k − 1) · in[k]. */
uint64_t overlap_sum(const struct overlap *o);
uint64_t overlap_persons(const struct overlap *o);

#endif
