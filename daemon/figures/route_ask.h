/* What is asked of a form: words of a request, judged, and the snapshot under which the answer is
 * made. */
#ifndef FIGURES_ROUTE_ASK_H
#define FIGURES_ROUTE_ASK_H

#include "daemon/figures/figures.h"
#include "daemon/figures/office.h"

#define AREAS_MAX (ORIGINS_MAX + 64)

struct question {
	struct office *office;
	const struct form *form;
	struct period period;
	bool cumulative, zeros, zh;
	bool one_area;
	uint32_t areas[AREAS_MAX]; /* that are asked for */
	size_t n_areas;
	struct figures *all; /* see ask_figures() */
	size_t n_all;
	void *own;		      /* the handler's */
	uint32_t everyone[AREAS_MAX]; /* that there are */
	size_t n_everyone;
};

/* `lang` says en? Else Chinese: the survey's language. */
bool ask_zh(const struct api_call *call);
/* The kinds of period that a form has: "month, quarter, year". */
void ask_kinds(const struct form *f, char *out, size_t size);
/* Reads {form} and {period} (or `period`); the edition in force at its end. NULL: api_fail() was
 * called. */
const struct form *ask_form_period(
	struct api_call *call, const struct forms *fs, struct period *period);
/* Reads {form}, period, area, cumulative, zeros and lang; answers by `fn`, all under one snapshot
 * of the views: one consistent moment. An error that fn returns is answered too. */
void route_ask(struct api_call *call,
	int (*fn)(struct api_call *call, struct question *q, struct store_txn *t));
/* The same; what `answer` does takes longer than a snapshot should stand: it is called when `read`
 * was done and the snapshot is gone. `own_free` ends q->own; may be NULL. */
void route_ask_then(struct api_call *call,
	int (*read)(struct api_call *call, struct question *q, struct store_txn *t),
	int (*answer)(struct api_call *call, struct question *q), void (*own_free)(void *own));
/* Reads the figures of the first `n` areas that are asked for into q->all; they stand until the
 * question is answered. Where some are held back, that depends on all areas: they are read too, and
 * stand among or behind them (ask_area() tells). */
MUST_CHECK int ask_figures(struct question *q, struct store_txn *t, size_t n);
bool ask_area(const struct question *q, uint32_t area, size_t n);

#endif
