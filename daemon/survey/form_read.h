/* While a form file is read: what its parts (form_read.c) hand to the set of forms (form.c). */
#ifndef SURVEY_FORM_READ_H
#define SURVEY_FORM_READ_H

#include "daemon/survey/form.h"
#include "daemon/survey/form_text.h"

struct loader {
	struct forms *fs;
	struct form *form; /* the one being read */
	const char *file;
	struct errmsg *m;
	bool failed;	 /* sticky: m holds the first fault */
	unsigned entity; /* of the measure being read */
};

/* "FILE:LINE: words: what"; only the first one is kept. */
void form_refuse(struct loader *l, int line, const char *words, struct text what);
/* Zeroed memory that lives as long as the forms; NULL after a fault. */
void *form_alloc(struct loader *l, size_t n);

/* A column of returns or activity (form_quality.c); whether what stands without dims may do so. */
void form_quality_read(struct loader *l, const struct node *section, struct measure *mm);
void form_dims_check(struct loader *l, const struct node *form);
/* Reads one section `measure`. */
void form_measure_read(struct loader *l, const struct node *section);
/* Its settings on stocks and what is asked of the person at a point (form_stock.c): before it is
 * known what is counted, and after. */
void form_stock_read(struct loader *l, const struct node *section, struct measure *mm);
void form_stock_ask(struct loader *l, const struct node *section, struct measure *mm);
/* A measure that is made of others; and what all measures may say of themselves (form_formula.c).
 */
void form_formula_read(struct loader *l, const struct node *section, struct measure *mm);
void form_measure_shown(struct loader *l, const struct node *section, struct measure *mm);
/* A measure that refers to other forms (form_cells.c), and, when all are read, whether what they
 * refer to is there. */
void form_cells_read(struct loader *l, const struct node *section, struct measure *mm);
MUST_CHECK int form_cells_check(const struct forms *fs, struct errmsg *m);
/* The number of an entity, of a source: the same one twice has one number. 0 after a fault. */
unsigned form_entity(struct loader *l, const struct entity *e, int line);
unsigned form_source_add(struct loader *l, const struct source *s, int line);
/* The NEWEST source of a register by a date. */
unsigned form_newest(struct loader *l, const struct reg *reg, const struct field *date, int line);
/* The form asks something of this register. */
void form_plan_add(struct loader *l, const struct reg *reg, int line);

#endif
