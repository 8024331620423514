/* Checks of a form, each in every row; a place is put into words as `check run` prints it, since
 * explanations and queries name it so. */
#include "daemon/figures/failing.h"

struct walking {
	struct failing now;
	bool (*fn)(void *arg, const struct failing *place);
	void *arg;
	bool stopped, no_memory;
};

static void place_found(void *arg, const struct figures_check *found)
{
	struct walking *w = arg;
	struct failing *f = &w->now;
	const struct form *form = f->at->form;
	uint16_t rows[FORM_DIMS_MAX] = { 0 };
	struct buf where = { 0 };

	if (w->stopped)
		return;
	figures_row(form, found->row, rows);
	for (size_t d = 0; d < form->n_dims; d++)
		buf_printf(&where, "%s%s", d ? " " : "", figures_code(form, d, rows[d]));
	if (f->check->dim >= 0)
		buf_printf(&where, " %s", form->measures[found->measure].id);
	f->found = found;
	f->row = buf_as_text(&where);
	f->left = (struct text){ f->left_text,
		figures_print(found->format, found->left, f->left_text, FIGURES_TEXT_MAX) };
	f->right = (struct text){ f->right_text,
		figures_print(found->format, found->right, f->right_text, FIGURES_TEXT_MAX) };
	w->no_memory = w->no_memory || where.failed;
	w->stopped = w->no_memory || !w->fn(w->arg, f);
	buf_deinit(&where);
}

int failing_walk(const struct form *form, const struct period *p, uint32_t area,
	struct store_txn *views, bool (*fn)(void *arg, const struct failing *place), void *arg)
{
	struct figures at = { .form = form, .period = *p, .area = area };
	struct walking w = { .now = { .at = &at }, .fn = fn, .arg = arg };
	int err = figures_open(&at, views);

	if (err)
		return err;
	for (w.now.check = form->checks; w.now.check && !err && !w.stopped;
		w.now.check = w.now.check->next)
		err = figures_check(w.now.check, &at, views, place_found, &w);
	figures_close(&at);
	return w.no_memory ? ERR_NOMEM : err;
}
