/* The refused rows of one import, in the form in which they will be answered: a CSV that can be
 * corrected and imported again, or a JSON array. They hold personal values: the file has no name,
 * mode 0600, and is gone when it is closed. */
#ifndef COLLECTOR_SPOOL_H
#define COLLECTOR_SPOOL_H

#include "daemon/intake/aside.h"
#include "daemon/intake/columns.h"
#include "daemon/base/buf.h"

enum spool_form {
	SPOOL_CSV, /* BOM, the file's own header and line,code,field,reason; then the rows as they
		      were */
	SPOOL_JSON /* {"rows": [{"line", "faults": [{"code","field","reason"}], "row": {field:
		      cell}}], … */
};

struct spool {
	enum spool_form form;
	bool english; /* reasons; else Chinese */
	const struct columns *columns;
	struct buf header;  /* CSV: the header line */
	struct aside aside; /* its error is the spool's */
	uint64_t rows;
};

/* No allocation. `columns` and `dir` are borrowed. */
void spool_init(struct spool *s, const char *dir, enum spool_form form, bool english,
	const struct columns *columns);
void spool_deinit(struct spool *s);
/* The file's header line as it was. */
void spool_header(struct spool *s, const struct text *cells, size_t n);

struct spool_row {
	uint64_t line;
	const struct text *cells; /* as they were; invalid UTF-8 comes out as U+FFFD */
	size_t n_cells;
	const struct faults *faults;
};
void spool_row(struct spool *s, const struct spool_row *row);

/* Closes the list. JSON: `tail` is put behind the array, as members ("\"accepted\":1,…"). Returns
 * the file, at its beginning, for the caller to close; -1: nothing was refused, or s->aside.err. */
int spool_finish(struct spool *s, const char *tail);

#endif
