/* What is asked of a form: words of a request, judged, and the snapshot under which the answer is
 * made. */
#ifndef FIGURES_ROUTE_ASK_H
#define FIGURES_ROUTE_ASK_H

#include "daemon/figures/office.h"

#define AREAS_MAX (ORIGINS_MAX + 64)

struct question {
	struct office *office;
	const struct form *form;
	struct period period;
	bool cumulative, zeros, zh;
	bool one_area;
	uint32_t areas[AREAS_MAX];
	size_t n_areas;
};

/* `lang` says en? Else Chinese: the survey's language. */
bool ask_zh(const struct api_call *call);
/* The kinds of period that a form has: "month, quarter, year". */
void ask_kinds(const struct form *f, char *out, size_t size);
/* Reads {form}, period, area, cumulative, zeros and lang; answers by `fn`, all under one snapshot
 * of the views: one consistent moment. An error that fn returns is answered too. */
void route_ask(struct api_call *call,
	int (*fn)(struct api_call *call, struct question *q, struct store_txn *t));

#endif
