/* What `form show` of open and of closed periods have in common. */
#ifndef FIGURES_ROUTE_FORM_H
#define FIGURES_ROUTE_FORM_H

#include "daemon/figures/office.h"

#define FORM_COLUMNS_MAX (FORM_DIMS_MAX + FORM_MEASURES_MAX + 8)

/* Is the answer for people's eyes? */
bool form_wants_table(const struct api_call *call);
/* The columns of a line a cell; those of a row a combination. Return their number. */
size_t form_long_columns(const struct form *f, struct api_column *out);
size_t form_wide_columns(const struct form *f, struct api_column *out);
/* The name of a row. */
const char *form_row_words(const struct form_dim *d, uint16_t row, bool zh);

/* `form show --version N` (route_version.c). */
void route_version_show(struct api_call *call);

#endif
