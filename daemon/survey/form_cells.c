/* Columns that take their numbers out of other forms: per row of the first dim, which cells of
 * which form. What they name is judged when all forms have been read; it is looked up again when
 * asked, since the edition depends on the period. */
#include "daemon/survey/form_keys.h"

static const struct key cell_keys[] = {
	{ "form", KEY_TEXT, true },
	{ "measure", KEY_TEXT, true },
	{ "rows", KEY_LIST, true },
	{ "per", KEY_LIST, false },
	{ "percent", KEY_BOOL, false },
	{ "pace", KEY_BOOL, false },
	{ "unit", KEY_TEXT, false },
	{ "unit_en", KEY_TEXT, false },
};

static size_t rows_read(struct loader *l, const struct node *list, const char *out[CELL_ROWS_MAX])
{
	size_t n = 0;

	for (const struct node *i = list ? list->inside : NULL; i; i = i->next) {
		if (n == CELL_ROWS_MAX)
			form_refuse(l, i->line, "too many rows", i->text);
		else
			out[n++] = i->text.p;
	}
	return n;
}

static void cell_read(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct form_dim *d = &l->form->dims[0];
	struct form_cell *c;
	size_t row = 0;

	while (row < d->n_codes && !text_is(section->text, d->rows[row].code))
		row++;
	if (row == d->n_codes || l->form->n_dims != 1) {
		form_refuse(l, section->line,
			row == d->n_codes ? "the dim has no such row"
					  : "only a form of one dim refers to others",
			section->text);
		return;
	}
	c = KEYS_CHECK(l, section, cell_keys) ? form_alloc(l, sizeof(*c)) : NULL;
	if (!c)
		return;
	c->row = (uint16_t)row;
	c->file = l->file;
	c->line = section->line;
	c->form = key_text(section, "form", "");
	c->measure = key_text(section, "measure", "");
	c->n_rows = rows_read(l, key_find(section, "rows"), c->rows);
	c->n_per = rows_read(l, key_find(section, "per"), c->per);
	c->percent = key_flag(section, "percent");
	c->pace = key_flag(section, "pace");
	c->unit = key_text(section, "unit", "");
	c->unit_en = key_text(section, "unit_en", "");
	c->next = mm->cells;
	mm->cells = c;
}

void form_cells_read(struct loader *l, const struct node *section, struct measure *mm)
{
	const struct node *forecast = key_find(section, "forecast");
	int of = forecast ? form_measure_find(l->form, forecast->text) : -1;

	mm->of = -1;
	if (forecast) {
		mm->kind = MEASURE_FORECAST;
		mm->forecast = (unsigned)of;
		if (of < 0 || l->form->measures[of].kind != MEASURE_CELL)
			form_refuse(l, forecast->line,
				"a forecast is made of a column that refers to other forms",
				forecast->text);
		return;
	}
	mm->kind = key_flag(section, "time_gone") ? MEASURE_TIME : MEASURE_CELL;
	for (const struct node *n = section->inside; n && !l->failed; n = n->next)
		if (text_is(n->name, "cell"))
			cell_read(l, n, mm);
}

/* "A B": a code for each dim, `_T` for totals. */
bool form_row_find(const struct form *f, const char *codes, uint16_t rows[FORM_DIMS_MAX])
{
	const char *at = codes;

	for (size_t d = 0; d < f->n_dims; d++) {
		size_t n = strcspn(at, " "), k = 0;
		struct text code = { at, n };

		while (k < f->dims[d].n && !text_is(code, f->dims[d].rows[k].code))
			k++;
		if (k == f->dims[d].n && !text_is(code, "_T"))
			return false;
		rows[d] = k == f->dims[d].n ? ROW_TOTAL : (uint16_t)k;
		at += n + (at[n] == ' ');
	}
	return *at == 0;
}

static const char *cell_fault(const struct forms *fs, const struct form_cell *c)
{
	const struct form *f = forms_find(fs, text_of(c->form));
	int m = f ? form_measure_find(f, text_of(c->measure)) : -1;
	uint16_t rows[FORM_DIMS_MAX];

	if (!f)
		return "there is no such form";
	if (m < 0)
		return "that form has no such measure";
	for (size_t i = 0; i < f->n_measures; i++)
		if (f->measures[i].kind == MEASURE_CELL)
			return "that form refers to others itself";
	for (size_t i = 0; i < c->n_rows + c->n_per; i++)
		if (!form_row_find(f, i < c->n_rows ? c->rows[i] : c->per[i - c->n_rows], rows))
			return "that form has no such row";
	return NULL;
}

int form_cells_check(const struct forms *fs, struct errmsg *m)
{
	for (size_t i = 0; i < fs->n; i++) {
		const struct form *f = fs->forms[i];

		for (size_t k = 0; k < f->n_measures; k++) {
			for (const struct form_cell *c = f->measures[k].cells; c; c = c->next) {
				const char *fault = cell_fault(fs, c);

				if (!fault)
					continue;
				errmsg_set(m, "%s:%d: %s: %s %s", c->file, c->line, fault, c->form,
					c->measure);
				return ERR_INVALID;
			}
		}
	}
	return 0;
}
