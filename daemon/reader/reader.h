/* Clerks' files become rows: CSV and tab-separated text in UTF-8, GB18030 or UTF-16, workbooks
 * (XLSX), lines of JSON. One entrance for all, and memory is bounded whatever comes in.
 *
 * Words: cell = what stands in one column of one row, as UTF-8 text; kind = what the file says the
 * cell is; flaw = what is wrong with a row as text, before anybody asks what it means; line = the
 * number under which a user finds the row: in text 1, 2, 3, … as an editor counts (CR LF, LF or CR
 * end one), in a workbook the sheet's row number.
 *
 * Nothing is given out before the file is whole and judged (its encoding, its checksums): the bytes
 * that are fed lie in a nameless file of mode 0600 until reader_end(). Not thread-safe: one owner;
 * different readers may run on different threads. */
#ifndef READER_READER_H
#define READER_READER_H

#include "daemon/base/err.h"
#include "proto/text.h"

#define READER_CELLS_MAX 64 /* cells of a row that are kept */
#define READER_CELL_MAX \
	(64 * 1024) /* bytes of a cell; of a longer one only the beginning is kept */
#define READER_ROW_MAX (128 * 1024)	      /* bytes of a row's kept cells together */
#define READER_CELL_BEGINNING_MAX 200	      /* bytes kept of a cell that is too long */
#define READER_BYTES_MAX ((uint64_t)16 << 30) /* of a file, unless the caller says less */

enum cell_kind {
	CELL_TEXT,
	CELL_NUMBER, /* plain decimal: 12.5, 1000000; never with an exponent. What was typed as an
			identity number has lost its last digits in such a cell */
	CELL_DATE,   /* always yyyy-mm-dd; a time of day is left out */
	CELL_BOOL,   /* 1 and 0 from a workbook, true and false from JSON */
	CELL_ERROR   /* a formula's error (#N/A), or empty: a formula never computed; with
			FLAW_ERROR */
};

enum reader_flaw {
	FLAW_TOO_LONG = 1, /* a cell or the row is over its limit */
	FLAW_NOT_UTF8 = 2, /* bytes that are none in the file's encoding */
	FLAW_NUL = 4,
	FLAW_QUOTE = 8,	  /* CSV: a quote is not closed: what follows was swallowed up to the next
			     quote or the end */
	FLAW_ERROR = 16,  /* a cell is of kind CELL_ERROR */
	FLAW_DIGITS = 32, /* a number of more than 15 digits: a spreadsheet has already changed its
			     last ones; it must be text */
	FLAW_JSON = 64,	  /* the line is no JSON object; `what` is the line, all cells are absent */
	FLAW_KEY = 128,	  /* JSON: a key that is no column, or stands twice; `what` is the key */
	FLAW_VALUE = 256  /* JSON: an object, or an array where one value is wanted; `what` is the
			     key */
};
#define FLAWS_OF_CELLS \
	(FLAW_TOO_LONG | FLAW_NOT_UTF8 | FLAW_NUL | FLAW_ERROR | FLAW_DIGITS | FLAW_VALUE)

/* Borrowed for the call. */
struct reader_row {
	uint64_t line;	/* of its first character; with FLAW_QUOTE the line on which the quote
			   stands */
	uint64_t lines; /* how many it spans */
	size_t n_cells; /* as many as it has; cells[] and kinds[] hold the first READER_CELLS_MAX.
			   CSV: as many as stand there. XLSX: as many as the header at least, more
			   when one behind it is filled. JSON: always the columns asked for */
	const struct text *cells; /* p is NULL: absent (a JSON key that is not there, or null) */
	const uint8_t *kinds;	  /* enum cell_kind, as many as cells */
	unsigned flaws;
	size_t flawed;	  /* index of the first cell with one of FLAWS_OF_CELLS; n_cells: none */
	struct text what; /* see the flaws; may hold anything, also bytes that are no text */
};

enum reader_format { READER_AUTO, READER_CSV, READER_TSV, READER_XLSX, READER_NDJSON };

/* From a content type (parameters are passed over) and a file's name; either may be NULL, the type
 * goes before the name. READER_AUTO: they say nothing that holds, the bytes decide. */
enum reader_format reader_format_of(const char *content_type, const char *name);

/* What text is when neither a BOM nor its bytes tell: not UTF-8 and not GB18030. In UTF-8 and
 * GB18030 the rows with bytes that are none get FLAW_NOT_UTF8 and the others are whole. */
enum reader_encoding { READER_UTF8, READER_GB18030, READER_UTF16LE, READER_UTF16BE };

/* A column of an NDJSON file: the keys under which it may stand. */
struct reader_column {
	const char *name;
	const char *other; /* may be NULL */
	bool list;	   /* also an array of texts, which are joined by ';' */
};

struct reader_conf {
	enum reader_format format;
	enum reader_encoding otherwise;
	const char *dir;    /* where nameless files are made */
	uint64_t bytes_max; /* of the file; 0: READER_BYTES_MAX */
	const struct reader_column *columns;
	size_t n_columns; /* at most READER_CELLS_MAX */
	/* The first row with anything in it; for NDJSON the names of the columns, as line 0. Both
	 * return false to be called no more. */
	bool (*on_header)(void *arg, const struct reader_row *row);
	bool (*on_row)(void *arg, const struct reader_row *row);
	void *arg;
};

struct reader;

/* *c is copied, what it points to borrowed until reader_close(). ERR_NOMEM. */
MUST_CHECK int reader_open(struct reader **out, const struct reader_conf *c);
void reader_close(struct reader *r);

/* A piece of the file, of any size. False: it cannot be kept (reader_error). No row is given out.
 */
bool reader_feed(struct reader *r, const char *p, size_t n);
/* The file is whole: gives out its header and rows, on the caller's thread. False: a callback said
 * stop, or the file cannot be read to its end (reader_error); rows given out before that stand. */
bool reader_end(struct reader *r);
/* Instead of feed and end: all of a regular file, which is read where it lies. `fd` stays the
 * caller's, its offset moves. The file is also refused when it changed meanwhile. */
bool reader_file(struct reader *r, int fd);

/* 0 or: ERR_INVALID the file cannot be read, ERR_LIMIT it is over a limit; ERR_FULL, ERR_IO,
 * ERR_NOMEM it is our side. reader_words(): a sentence without a value of the file; NULL when 0. */
int reader_error(const struct reader *r);
const char *reader_words(const struct reader *r);
/* What the user should know of a file that was read, a sentence; NULL: nothing. */
const char *reader_warning(const struct reader *r);

#endif
