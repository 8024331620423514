/* A form as it is printed and filed: the official lay-out as a workbook (XLSX), a sheet an area.
 *
 * A sheet, from the top: title, period, the head on the right (form number, issuer, approver,
 * approval, valid until), who fills it in and in which unit; the columns' titles and their numbers
 * (the stub's 甲 乙 …, then those of the measures); the rows, totals first; what the signs mean;
 * the lines to sign. The stub has a column for each dim and one for the codes of the row.
 *
 * Zero is 0; not reported, does not apply and not given out have a sign each: EXPORT_…. Forms of up
 * to EXPORT_ALL_ROWS rows are printed whole, others only where something stands. */
#ifndef FIGURES_EXPORT_H
#define FIGURES_EXPORT_H

#include "daemon/book/book.h"
#include "daemon/figures/figures.h"

#define EXPORT_MISSING "…"
#define EXPORT_NONE "—"
#define EXPORT_HELD "※"
#define EXPORT_ALL_ROWS 500
#define EXPORT_STUB_MAX (FORM_DIMS_MAX + 1)

/* Who signed the return of an area; texts empty: nobody. */
struct export_sign {
	char by[4 * 64 + 1], approve[4 * 64 + 1]; /* who filled it in, who is responsible */
	int day;				  /* yyyymmdd; 0: none */
	uint64_t later; /* entries that the area has written since, where they are in the figures */
};

enum export_format {
	EXPORT_F_TITLE,
	EXPORT_F_CENTRE,
	EXPORT_F_PLAIN,
	EXPORT_F_NOTE,
	EXPORT_F_COLUMN,
	EXPORT_F_NUMBER,
	EXPORT_F_LABEL,
	EXPORT_F_TOTAL,
	EXPORT_F_CODE,
	EXPORT_F_WHOLE,
	EXPORT_F_TENTHS,
	EXPORT_F_CENTS,
	EXPORT_F_SIGN,
	EXPORT_FORMATS,
};

struct export
{
	/* given */
	const struct form *form;
	struct period period;
	bool cumulative, zh;
	char state[256]; /* words for the notes: what these figures are (live, or a version) */

	struct book book;
	lxw_format *formats[EXPORT_FORMATS];
	size_t shown[FORM_MEASURES_MAX], n_shown, n_stub; /* measures that have a column */
};

/* Begins the workbook, as book_open(). The caller ends it with book_answer() or book_close() of
 * x->book, also after a failure of export_area(): errors are sticky there. */
MUST_CHECK int export_open(struct export *x, const char *dir);
/* Writes the sheet of an area, called by its name ("": it has none, its code stands for it). */
void export_area(struct export *x, const struct figures *f, const char *name,
	const struct export_sign *sign);

/* ---- words (export_words.c) ---- */

/* What is printed round the table. */
enum export_words {
	EXPORT_W_NUMBER,
	EXPORT_W_ISSUER,
	EXPORT_W_APPROVER,
	EXPORT_W_APPROVAL,
	EXPORT_W_VALID,
	EXPORT_W_AREA,
	EXPORT_W_UNIT,
	EXPORT_W_CODE,
	EXPORT_W_TOTAL,
	EXPORT_W_NOTHING,
	EXPORT_W_NOTES,
	EXPORT_W_SIGNS,
	EXPORT_W_HELD,
	EXPORT_W_DISTINCT,
	EXPORT_W_SOME_ROWS,
	EXPORT_W_LATER,
	EXPORT_W_PAGES,
	EXPORT_WORDS,
};
const char *export_word(enum export_words w, bool zh);
/* The letter over a column of the stub. */
const char *export_letter(size_t column, bool zh);
/* The period as it is printed: 2019年1—6月. */
void export_period(struct buf *out, const struct period *p, bool cumulative, bool zh);
/* The line to sign. */
void export_sign_line(struct buf *out, const struct export_sign *sign, bool zh);
/* Columns that a text takes: two for a Chinese sign. */
size_t export_width(const char *text);
/* The longest of its words: a Chinese text may be broken anywhere. */
size_t export_word_width(const char *t);

#endif
