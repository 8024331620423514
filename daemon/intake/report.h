/* What a dry run would do, row by row: a table of line, key, outcome, field, old, new, code,
 * reason. A record that would change has a row for each field that differs; one that is refused, a
 * row for each fault; one to be taken back, a row. What would be new or stay as it is is only
 * counted. Identities are masked: a pid, and that a name is another. */
#ifndef INTAKE_REPORT_H
#define INTAKE_REPORT_H

#include "daemon/intake/aside.h"
#include "daemon/intake/take.h"

enum report_form { REPORT_NONE, REPORT_TABLE, REPORT_JSON, REPORT_CSV };

struct report {
	enum report_form form;
	bool english; /* reasons */
	const struct reg *reg;
	struct aside aside;
	struct arena arena;
	uint64_t rows;
	size_t cell; /* of the row that is being written */
	struct held_row
		*held; /* refused, to be written after what stands before them in the file */
	size_t n_held;
};

/* No allocation. */
void report_init(struct report *r, enum report_form form, const char *dir, bool english,
	const struct reg *reg);
void report_deinit(struct report *r);
/* Held back until rows before it in the file have been told, or report_settle(). False: no more can
 * be held; nothing was done. */
#define REPORT_HELD 64
MUST_CHECK bool report_refused(struct report *r, uint64_t line, const struct faults *faults);
/* Writes what is held. */
void report_settle(struct report *r);
/* `old`: the body that stands; {NULL, 0}: it cannot be read. */
void report_changed(struct report *r, const struct item *item, struct text old);
void report_retracted(struct report *r, const struct item *item);
/* The file, also of no rows; -1: r->aside.err. */
int report_finish(struct report *r);

#endif
