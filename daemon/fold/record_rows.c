/* In which row of each dim of a form a record stands: that of an exception whose condition holds,
 * or that of its own code. */
#include "daemon/fold/facts.h"

/* Among many rows whose codes ascend. */
static int row_search(const struct form_dim *d, struct text code)
{
	size_t n = d->n_codes - d->none - d->other, first = 0, end = n;

	while (first < end) {
		size_t mid = (first + end) / 2;
		const char *row = d->rows[mid].code;
		size_t length = strlen(row), least = length < code.n ? length : code.n;
		int order = memcmp(row, code.p, least);

		if (order == 0 && length == code.n)
			return (int)mid;
		if (order < 0 || (order == 0 && length < code.n))
			first = mid + 1;
		else
			end = mid;
	}
	return d->other ? (int)n : -1;
}

static int dim_row(
	const struct record *r, uint32_t origin, const struct form_dim *d, const struct field *f)
{
	struct value v;

	for (const struct form_exception *x = d->exceptions; x; x = x->next)
		if (x->reg == r->reg && expr_holds(x->where, r, origin))
			return x->row;
	v = record_value(r, f);
	if (!v.present)
		return d->none ? (int)d->n_codes - 1 : -1;
	if (d->sorted)
		return row_search(d, v.text);
	for (size_t i = 0; i < d->n_codes; i++)
		if (text_is(v.text, d->rows[i].code))
			return (int)i;
	return d->other ? (int)d->n_codes - 1 - d->none : -1;
}

bool record_rows(const struct form_plan *p, const struct record *r, uint32_t origin,
	uint16_t rows[FORM_DIMS_MAX])
{
	memset(rows, 0, FORM_DIMS_MAX * sizeof(*rows));
	for (size_t i = 0; i < p->form->n_dims; i++) {
		int row = dim_row(r, origin, &p->form->dims[i], p->fields[i]);

		if (row < 0)
			return false;
		rows[i] = (uint16_t)row;
	}
	return true;
}
