/* form export: the figures are read under one snapshot, which is given back before the workbook is
 * written: thousands of rows take a while. */
#include <stdlib.h>

#include "daemon/figures/export.h"
#include "daemon/figures/route_ask.h"

static int export_read(struct api_call *call, struct question *q, struct store_txn *t)
{
	(void)call;
	return ask_figures(q, t, q->n_areas);
}

static int export_write(struct api_call *call, struct question *q)
{
	static const struct export_sign nobody = { "", "", "" };
	const struct daemon *d = daemon_of(call);
	const char *lang = api_arg(call, "lang");
	struct export *x = calloc(1, sizeof(*x));
	int err = ERR_NOMEM;

	if (!x)
		return err;
	x->form = q->form;
	x->period = q->period;
	x->cumulative =
		q->cumulative || (q->form->always_cumulative && q->period.kind == PERIOD_MONTH);
	/* What is filed is Chinese unless asked for otherwise: never by a terminal's locale. */
	x->zh = !lang || strcmp(lang, "en") != 0;
	x->state = x->zh ? "数据未结账，以结账版本为准。"
			 : "The period is open: figures may still move.";
	err = export_open(x, conf_text(d->conf, "state_dir"));
	for (size_t i = 0; i < q->n_all && !err && !api_stopping(call); i++) {
		if (ask_area(q, q->all[i].area, q->n_areas))
			export_area(x, &q->all[i], area_name(q->all[i].area, x->zh), &nobody);
	}
	if (!err)
		book_answer(call, &x->book);
	free(x);
	return err;
}

void route_form_export(struct api_call *call)
{
	if (!book_wanted(call))
		api_fail(call, 400,
			"this is a workbook: give --to FILE.xlsx; `form show -o csv` is for "
			"programs");
	else
		route_ask_then(call, export_read, export_write);
}
