/* Frozen figures: what a form said at a moment, as text, and that text in the entries of a ledger.
 *
 * The text is the lines of `form show -o csv` without form, period and version, and with a sign in
 * front: 1 of cumulative figures, else 0:
 *
 *	cumulative,area,<dims…>,measure,value,obs_status,conf_status\n
 *
 * First all areas of the plain figures, then all of the cumulative ones, where the form and period
 * have them; areas and cells in the order of `form show`. Zeros are left out; figures of a closed
 * version have the status A. What is held back is held back here too: this text goes to all
 * districts. Two computations are equal when their texts are. */
#ifndef FIGURES_FROZEN_H
#define FIGURES_FROZEN_H

#include "daemon/figures/figures.h"
#include "daemon/ledger/ledger.h"

/* Bytes of a text; more cannot be frozen. */
#define FROZEN_TEXT_MAX (64u << 20)
/* Entries that hold one text. */
#define FROZEN_PARTS_MAX 8192

struct frozen_ask {
	const struct form *form;
	struct period period;
	const uint32_t *areas; /* all that the form is shown for, the city (or the district itself)
				  first: what is held back depends on all of them */
	size_t n_areas;
	uint32_t only; /* lines of this area alone; 0: of all */
	bool closed;   /* status A, not P */
};
/* Appends the text, out of one snapshot of a views store that was folded by the form's set.
 * ERR_INVALID: the form has no such period; ERR_LIMIT: the text is longer than FROZEN_TEXT_MAX. Not
 * on the loop; takes as long as `form show`. */
MUST_CHECK int frozen_text(const struct frozen_ask *ask, struct store_txn *views, struct buf *out);

/* One line, taken apart; everything points into the text. */
struct frozen_line {
	struct text whole; /* without the line feed */
	struct text cell;  /* from the area to the measure: what tells one cell from another */
	bool cumulative;
	uint32_t area;
	struct text dims[FORM_DIMS_MAX];
	size_t n_dims;
	struct text measure, value, obs, conf;
};
/* Takes the next line off the front; false: there is none, or it is not one (then *rest is left as
 * it was, and not empty). */
bool frozen_line_next(struct text *rest, struct frozen_line *out);

/* The figures of one area out of a text: f->form (as it was then), period, cumulative and area are
 * given; the caller closes them. They are to be shown, not to be counted with. ERR_INVALID: the
 * text is none of this form. */
MUST_CHECK int frozen_figures(struct text text, struct figures *f);

/* Calls fn for each cell in which two texts differ: those of `a` in their order, then those that
 * only `b` has. One of the lines is NULL where a text has none. fn may end it by returning false.
 * ERR_INVALID: one of them is no such text; ERR_NOMEM. */
MUST_CHECK int frozen_compare(struct text a, struct text b,
	bool (*fn)(void *arg, const struct frozen_line *a, const struct frozen_line *b), void *arg);

/* ---- in entries ---- */

/* Which kind of entry holds the parts (proto/survey.proto). */
enum frozen_kind { FROZEN_FIGURES, FROZEN_FORMS };

/* A text, packed into bodies of entries. */
struct frozen {
	enum frozen_kind kind;
	uint8_t digest[HASH_BYTES]; /* of the text */
	uint32_t n;		    /* parts; an empty text has none */
	struct buf bodies;	    /* one after the other */
	size_t *ends;		    /* [n] where each ends */
};
/* ERR_LIMIT: too long. */
MUST_CHECK int frozen_pack(struct frozen *f, enum frozen_kind kind, struct text text);
void frozen_deinit(struct frozen *f);
/* Appends the entries inside a job, to the ledger of `like`, with its time and author; kind and
 * body are ours. Returns the position of the first; 0 when there are no parts, or on an error
 * (sticky in t). */
uint64_t frozen_append(struct store_txn *t, struct ledger *l, const struct frozen *f,
	const struct entry_draft *like);

/* Where a text stands in a ledger, and what it must be. */
struct frozen_place {
	enum frozen_kind kind;
	uint32_t origin;
	uint64_t first;
	uint32_t parts;
	const uint8_t *digest; /* HASH_BYTES; borrowed for the call */
};
/* Reads it back into *out (emptied first). ERR_DAMAGED: an entry is broken, or the text is not the
 * one of the digest; ERR_NOTFOUND: an entry is not there. *broken: the position of the entry that
 * could not be read; 0 when it is none of them. ERR_INVALID: the place cannot be one. */
MUST_CHECK int frozen_read(
	struct store_txn *ledgers, const struct frozen_place *p, struct buf *out, uint64_t *broken);
/* The body of one part, and nothing of its ledger: for readers who hold the entries otherwise.
 * Appends its slice to out. ERR_INVALID, ERR_LIMIT. */
MUST_CHECK int frozen_open_part(
	enum frozen_kind kind, struct text body, uint32_t part, uint32_t parts, struct buf *out);

#endif
