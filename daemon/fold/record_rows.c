/* In which rows of each dim of a form a record stands: that of an exception whose condition holds,
 * or that of its own code, or those of its codes. */
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

static int code_row(const struct form_dim *d, struct text code)
{
	if (d->sorted)
		return row_search(d, code);
	for (size_t i = 0; i < d->n_codes; i++)
		if (text_is(code, d->rows[i].code))
			return (int)i;
	return d->other ? (int)d->n_codes - 1 - d->none : -1;
}

static int dim_row(
	const struct record *r, uint32_t origin, const struct form_dim *d, const struct field *f)
{
	struct value v;

	for (const struct form_exception *x = d->exceptions; x; x = x->next)
		if (x->reg == r->reg && expr_holds(x->where, r, origin))
			return x->row;
	v = record_value(r, f);
	if (!v.present || (f->type == FIELD_CODES && v.n_list == 0))
		return d->none ? (int)d->n_codes - 1 : -1;
	if (f->type != FIELD_CODES)
		return code_row(d, v.text);
	for (size_t i = 0; i < v.n_list; i++) {
		struct text code = { (const char *)v.list[i].data, v.list[i].len };
		int row = code_row(d, code);

		if (row >= 0)
			return row;
	}
	return -1;
}

static void stand(struct record_rows *s, size_t dim, int row)
{
	size_t n = s->n[dim];

	for (size_t i = 0; i < n; i++)
		if (s->at[dim][i] == row)
			return;
	if (row >= 0 && n <= DIM_MANY_MAX)
		s->at[dim][s->n[dim]++] = (uint16_t)row;
}

bool record_rows(
	const struct form_plan *p, const struct record *r, uint32_t origin, struct record_rows *out)
{
	for (size_t i = 0; i < p->form->n_dims; i++) {
		const struct form_dim *d = &p->form->dims[i];
		int row = dim_row(r, origin, d, p->fields[i]);

		if (row < 0)
			return false;
		out->n[i] = 0;
		stand(out, i, row);
		if (!d->many)
			continue;
		if (p->fields[i]->type == FIELD_CODES) {
			struct value v = record_value(r, p->fields[i]);

			for (size_t k = 0; k < v.n_list; k++)
				stand(out, i,
					code_row(d, (struct text){ (const char *)v.list[k].data,
							    v.list[k].len }));
		}
		stand(out, i, ROW_TOTAL);
	}
	return true;
}

bool record_rows_next(const struct form_plan *p, const struct record_rows *stands, size_t *i,
	uint16_t rows[FORM_DIMS_MAX])
{
	size_t rest = (*i)++;

	memset(rows, 0, FORM_DIMS_MAX * sizeof(*rows));
	for (size_t d = 0; d < p->form->n_dims; d++) {
		rows[d] = stands->at[d][rest % stands->n[d]];
		rest /= stands->n[d];
	}
	return rest == 0;
}
