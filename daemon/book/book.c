/* The normal path: a nameless file (O_TMPFILE) → the library, which opens it by /proc/self/fd/N →
 * sheets → close: the library packs the sheets, and the file is read from its beginning.
 *
 * The library does not look whether what it writes arrives: a sheet that is written from top to
 * bottom lies in a temporary file of its own, which is asked for errors before it is packed; and
 * after packing there must be room left on the disk, or something may be missing. */
#include "daemon/book/book.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/base/buf.h"

#define ROOM_LEFT (64ull * 1024) /* bytes on the disk: less is full */
#define SHEET_NAME_MAX 31	 /* characters */

static int nameless(const char *dir)
{
	char name[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || snprintf(name, sizeof name, "%s/.book-XXXXXX", dir) >= (int)sizeof name)
		return fd;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		(void)unlink(name);
	return fd;
}

int book_open(struct book *b, const char *dir, bool flat)
{
	char path[64];
	lxw_workbook_options options = { .tmpdir = (char *)(uintptr_t)dir,
		.constant_memory = flat ? LXW_TRUE : LXW_FALSE };

	*b = (struct book){ .fd = nameless(dir) };
	if (b->fd < 0)
		return ERR_IO;
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", b->fd);
	b->workbook = workbook_new_opt(path, &options);
	if (b->workbook)
		return 0;
	close(b->fd);
	return ERR_NOMEM;
}

/* Without the signs that no sheet's name may have, and no longer than it may be. */
static void name_clean(char out[4 * SHEET_NAME_MAX + 1], const char *name)
{
	size_t n = 0, characters = 0;

	for (const char *p = name; *p; p++) {
		if (((unsigned char)*p & 0xc0) != 0x80 && ++characters > SHEET_NAME_MAX)
			break;
		if (n == 4 * SHEET_NAME_MAX)
			break;
		out[n++] = strchr("[]:*?/\\'", *p) ? ' ' : *p;
	}
	out[n] = 0;
}

lxw_worksheet *book_sheet(struct book *b, const char *name)
{
	char clean[4 * SHEET_NAME_MAX + 1];
	lxw_worksheet *sheet = NULL;

	name_clean(clean, name);
	if (!b->failed && text_utf8_ok(text_of(clean)))
		sheet = workbook_add_worksheet(b->workbook, clean);
	b->failed = b->failed || !sheet;
	return sheet;
}

lxw_format *book_format(struct book *b)
{
	lxw_format *f = b->failed ? NULL : workbook_add_format(b->workbook);

	b->failed = b->failed || !f;
	return f;
}

void book_put(struct book *b, lxw_worksheet *sheet, uint32_t row, size_t column, const char *text,
	lxw_format *format)
{
	if (b->failed)
		return;
	b->failed =
		!text_utf8_ok(text_of(text)) ||
		worksheet_write_string(sheet, row, (lxw_col_t)column, text, format) != LXW_NO_ERROR;
}

/* The library's own call would write the cells, also those of rows that are not there yet. */
static void join(struct book *b, lxw_worksheet *sheet, const lxw_merged_range *range)
{
	lxw_merged_range *m = b->failed ? NULL : malloc(sizeof *m);

	b->failed = b->failed || !m;
	if (!m || sheet->merged_range_count == UINT16_MAX) {
		free(m); /* so many that the rest may stand apart */
		return;
	}
	*m = *range;
	STAILQ_INSERT_TAIL(sheet->merged_ranges, m, list_pointers);
	sheet->merged_range_count++;
}

void book_join_rows(
	struct book *b, lxw_worksheet *sheet, size_t column, uint32_t first, uint32_t last)
{
	join(b, sheet,
		&(lxw_merged_range){ .first_row = first,
			.last_row = last,
			.first_col = (lxw_col_t)column,
			.last_col = (lxw_col_t)column });
}

void book_join_columns(
	struct book *b, lxw_worksheet *sheet, uint32_t row, size_t first, size_t last)
{
	join(b, sheet,
		&(lxw_merged_range){ .first_row = row,
			.last_row = row,
			.first_col = (lxw_col_t)first,
			.last_col = (lxw_col_t)last });
}

/* Did everything arrive that was written so far? */
static bool arrived(const struct book *b)
{
	lxw_sheet *s;

	STAILQ_FOREACH(s, b->workbook->sheets, list_pointers)
	{
		FILE *rows = s->is_chartsheet ? NULL : s->u.worksheet->optimize_tmpfile;

		if (rows && (fflush(rows) != 0 || ferror(rows)))
			return false;
	}
	return true;
}

static bool room_left(int fd)
{
	struct statvfs v;

	return fstatvfs(fd, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize >= ROOM_LEFT;
}

int book_close(struct book *b, int *fd)
{
	bool good = !b->failed && arrived(b);

	good = workbook_close(b->workbook) == LXW_NO_ERROR && good && room_left(b->fd) &&
	       lseek(b->fd, 0, SEEK_SET) == 0;
	*fd = b->fd;
	if (good)
		return 0;
	close(b->fd);
	*fd = -1;
	return ERR_IO;
}

bool book_wanted(const struct api_call *call)
{
	const char *accept = api_header(call, "Accept");

	return accept && strstr(accept, BOOK_TYPE);
}

void book_answer(struct api_call *call, struct book *b)
{
	int fd, err = book_close(b, &fd);

	if (err)
		api_fail_err(call, err, "the workbook was not written");
	else
		api_file(call, BOOK_TYPE, fd);
}
