/* Forms as data: what the form files say, read and made ready for folding. README.md is the page
 * for who writes a form.
 *
 * Words: dim = a dimension of a form's rows; row = a code of a dim (`_T`: the total over it, `_Z`:
 * has none); measure = a numbered column; plan = what one form asks of one register's records;
 * source = facts kept for distinct counts: which records count, by which date; entity = what is
 * counted once: persons, or whatever a list of fields names. Once loaded nothing changes. */
#ifndef AGGREGATOR_FORM_H
#define AGGREGATOR_FORM_H

#include "aggregator/survey/form_check.h"
#include "aggregator/survey/expr.h"
#include "aggregator/survey/period.h"

#define FORMS_MAX 64
#define FORM_DIMS_MAX 4
#define FORM_ROWS_MAX 2000   /* of one dim */
#define FORM_CELLS_MAX 20000 /* all combinations of rows */
#define FORM_MEASURES_MAX 60
#define FORM_SOURCES_MAX 500
#define ENTITY_FIELDS_MAX 4
#define ENTITIES_MAX 64

struct form_source {
	const char *name; /* of the file: "02.form" */
	const char *text;
};
/* The forms that the program carries (aggregator/forms, embedded). */
extern const struct form_source form_sources[];
extern const size_t form_sources_n;

struct form_row {
	const char *code, *zh, *en;
};

/* Records of a register for which a condition holds stand in a row of their own. */
struct form_exception {
	const struct reg *reg;
	const struct expr *where;
	uint16_t row;
	const struct form_exception *next;
};

struct form_dim {
	const char *name, *zh, *en;
	const struct form_row *rows; /* in the order of tables; `_T` is not among them */
	size_t n;
	bool none; /* the last row is _Z */
	const struct form_exception *exceptions;
};

enum measure_kind { MEASURE_EVENTS, MEASURE_SUM, MEASURE_DISTINCT };

struct measure {
	const char *id, *zh, *en;
	enum measure_kind kind;
	const struct reg *reg;
	const struct field *date;
	int of;			  /* index of the measure whose conditions hold too; -1 */
	const struct expr *where; /* its own condition, or NULL */
	const struct field *sum;  /* SUM */
	unsigned source;	  /* DISTINCT: number of its source */
	unsigned with; /* DISTINCT: only entities with a fact of this source too; 0: all */
};

/* What a form asks of records of one register. */
struct form_plan {
	const struct form *form;
	const struct reg *reg;
	const struct field *fields[FORM_DIMS_MAX]; /* by dim: where its code stands */
	const struct form_plan *next;		   /* of the same register */
};

struct form {
	const char *id, *file;
	const char *title, *title_en, *unit, *unit_en, *edition;
	const char *number, *issuer, *approver, *approval, *valid_until; /* the head, as printed */
	unsigned index;	  /* among the forms: its number in cells */
	unsigned periods; /* bit of each period kind that it has */
	bool cumulative;  /* its months are also shown from January on */
	struct form_dim dims[FORM_DIMS_MAX];
	size_t n_dims;
	struct measure measures[FORM_MEASURES_MAX];
	size_t n_measures;
	const struct form_check *checks;
};

/* Which facts are kept of whom. Numbers begin at 1. */
struct source {
	unsigned number;
	const struct form *form;
	const struct reg *reg;
	int measure; /* the measure whose conditions make it; -1: `where` does, and it has no rows
		      */
	const struct expr *where; /* may be NULL: all */
	const struct field *date;
	const struct field *until; /* the fact ends with this date; NULL: never */
	unsigned entity;
	const struct source *next; /* of the same register */
};

/* What is counted once. Number 0: persons. */
struct entity {
	const struct reg *reg;
	const struct field *fields[ENTITY_FIELDS_MAX];
	size_t n_fields;
	bool district; /* the same values in two districts are two */
	const char *name;
};

#define FORMS_REGISTERS_MAX 64
struct forms {
	uint8_t digest[32]; /* BLAKE2b-256 of the files, in their order */
	struct arena arena;
	struct form *forms[FORMS_MAX]; /* by id */
	size_t n;
	struct source *sources[FORM_SOURCES_MAX + 1];
	unsigned n_sources; /* 1 … n_sources */
	struct entity entities[ENTITIES_MAX];
	unsigned n_entities;
	/* by the register's index in registers() */
	const struct form_plan *plans[FORMS_REGISTERS_MAX];
	const struct source *reg_sources[FORMS_REGISTERS_MAX];
};

/* Reads forms; NULL and "FILE:LINE: words" when one does not fit. registers_init() was called. */
struct forms *forms_open(const struct form_source *sources, size_t n, struct errmsg *m);
/* The same from the files *.form of a directory. */
struct forms *forms_open_dir(const char *dir, struct errmsg *m);
void forms_close(struct forms *fs);
/* NULL when there is none. */
const struct form *forms_find(const struct forms *fs, struct text id);
size_t form_register_index(const struct reg *reg);
/* Rows of a dim, `_T` included; all combinations of them. */
static inline size_t form_dim_rows(const struct form *f, size_t dim)
{
	return f->dims[dim].n + 1;
}
size_t form_rows(const struct form *f);

/* ---- while loading (form_read.c) ---- */

/* Reads one file into the next of fs->forms. */
MUST_CHECK int form_read(struct forms *fs, const char *file, struct text in, struct errmsg *m);

#endif
