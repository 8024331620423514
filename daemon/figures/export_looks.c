/* How the cells of an official table look: a row for each kind of cell. */
#include "daemon/figures/export.h"

#define FONT "宋体"

static const struct look {
	int size;
	bool bold, border, wrap;
	uint8_t align;
	const char *numbers;
	size_t indent;
} looks[EXPORT_FORMATS] = {
	[EXPORT_F_TITLE] = { 16, true, false, false, LXW_ALIGN_CENTER, NULL },
	[EXPORT_F_CENTRE] = { 11, false, false, false, LXW_ALIGN_CENTER, NULL },
	[EXPORT_F_PLAIN] = { 10, false, false, false, LXW_ALIGN_LEFT, NULL },
	[EXPORT_F_NOTE] = { 9, false, false, true, LXW_ALIGN_LEFT, NULL },
	[EXPORT_F_COLUMN] = { 10, true, true, true, LXW_ALIGN_CENTER, NULL },
	[EXPORT_F_NUMBER] = { 9, false, true, false, LXW_ALIGN_CENTER, NULL },
	[EXPORT_F_LABEL] = { 10, false, true, true, LXW_ALIGN_LEFT, NULL, 1 },
	[EXPORT_F_TOTAL] = { 10, true, true, true, LXW_ALIGN_LEFT, NULL, 1 },
	[EXPORT_F_CODE] = { 9, false, true, false, LXW_ALIGN_LEFT, "@", 1 },
	[EXPORT_F_WHOLE] = { 10, false, true, false, LXW_ALIGN_RIGHT, "#,##0_ " },
	[EXPORT_F_TENTHS] = { 10, false, true, false, LXW_ALIGN_RIGHT, "#,##0.0_ " },
	[EXPORT_F_CENTS] = { 10, false, true, false, LXW_ALIGN_RIGHT, "#,##0.00_ " },
	[EXPORT_F_SIGN] = { 10, false, true, false, LXW_ALIGN_RIGHT, "@_ " },
};

int export_open(struct export *x, const char *dir)
{
	int err = book_open(&x->book, dir, true);

	for (size_t i = 0; i < EXPORT_FORMATS && !err; i++) {
		lxw_format *f = x->formats[i] = book_format(&x->book);

		if (!f)
			break;
		format_set_font_name(f, FONT);
		format_set_font_size(f, looks[i].size);
		format_set_align(f, looks[i].align);
		format_set_align(f, LXW_ALIGN_VERTICAL_CENTER);
		if (looks[i].bold)
			format_set_bold(f);
		if (looks[i].border)
			format_set_border(f, LXW_BORDER_THIN);
		if (looks[i].wrap)
			format_set_text_wrap(f);
		if (looks[i].indent)
			format_set_indent(f, (uint8_t)looks[i].indent);
		if (looks[i].numbers)
			format_set_num_format(f, looks[i].numbers);
	}
	x->n_shown = 0;
	for (size_t i = 0; i < x->form->n_measures; i++)
		if (!x->form->measures[i].hidden)
			x->shown[x->n_shown++] = i;
	x->n_stub = x->form->n_dims + 1;
	return err;
}
