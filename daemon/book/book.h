/* Workbooks (XLSX) that a daemon answers with.
 *
 * Errors are sticky: after the first one nothing that is written counts, and book_close() tells. */
#ifndef BOOK_BOOK_H
#define BOOK_BOOK_H

#include <xlsxwriter.h>

#include "daemon/api/api.h"

#define BOOK_TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

struct book {
	lxw_workbook *workbook;
	int fd; /* of the file, which has no name */
	bool failed;
};

/* Begins one, in a nameless file in `dir` (borrowed until book_close(), so are the library's
 * temporary files). `flat`: memory does not grow with the rows: they must be written from top to
 * bottom. ERR_IO: the file cannot be made; then there is nothing to close. */
MUST_CHECK int book_open(struct book *b, const char *dir, bool flat);
/* A sheet; `name` is cut and cleaned to what a sheet may be called. NULL: failed. */
lxw_worksheet *book_sheet(struct book *b, const char *name);
/* A format; NULL: failed. */
lxw_format *book_format(struct book *b);
/* A text into a cell. What is no UTF-8 fails: the library would write broken XML. */
void book_put(struct book *b, lxw_worksheet *sheet, uint32_t row, size_t column, const char *text,
	lxw_format *format);
/* Makes cells of a column, or of a row, one, in a sheet that is written from top to bottom: what
 * stands in them was, or will be, written by the caller (all but the first of them blank). */
void book_join_rows(
	struct book *b, lxw_worksheet *sheet, size_t column, uint32_t first, uint32_t last);
void book_join_columns(
	struct book *b, lxw_worksheet *sheet, uint32_t row, size_t first, size_t last);
/* Writes the file. 0: *fd stands at its beginning, the caller's; or ERR_IO. */
MUST_CHECK int book_close(struct book *b, int *fd);

/* Does the peer ask for a workbook (Accept)? */
bool book_wanted(const struct api_call *call);
/* Closes the workbook and answers with it, or with what went wrong. */
void book_answer(struct api_call *call, struct book *b);

#endif
