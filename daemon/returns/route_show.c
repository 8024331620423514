/* What a district signed, beside what its records say at this moment: both are texts of frozen
 * figures, laid side by side cell by cell.
 *
 * The figures of now are made as the district made them: of its area alone, so that what is held
 * back is held back alike. They may differ for two reasons: the records changed since, or the city
 * knows what the district cannot (a certificate that another district issued). */
#include <stdlib.h>

#include "daemon/figures/frozen.h"
#include "daemon/figures/returns.h"
#include "daemon/figures/route_ask.h"
#include "daemon/returns/routes.h"

#define READ_MS 30000
#define BODY_MEMORY (512u * 1024)

/* One cell of either text, in the order of the form. */
struct cell {
	uint64_t order;
	struct frozen_line line;
	bool now; /* of now; else of the signature */
};

struct side_by_side {
	struct api_call *call;
	struct office *office;
	const struct form *form;
	struct period period;
	uint32_t area;
	struct return_item item;
	struct arena arena;
	const Tally__Return *body;
	struct buf signed_text, now_text;
	struct cell *cells;
	size_t n;
};

/* ---- reading ---- */

static int signature_read(struct side_by_side *s)
{
	struct frozen_place at = { .kind = FROZEN_FIGURES,
		.origin = s->area,
		.first = s->body->figures,
		.parts = s->body->parts,
		.digest = s->body->digest.data };
	struct store_txn *ledgers;
	uint64_t broken = 0;
	int err;

	if (s->body->parts == 0)
		return 0;
	err = store_read_begin(
		ledger_store(views_conf(s->office->views)->ledger), &ledgers, READ_MS);
	if (err)
		return err;
	err = frozen_read(ledgers, &at, &s->signed_text, &broken);
	store_read_end(ledgers);
	return err;
}

static int now_read(struct side_by_side *s, struct store_txn *views)
{
	struct frozen_ask ask = { .form = s->form,
		.period = s->period,
		.areas = &s->area,
		.n_areas = 1,
		.only = s->area,
		.closed = true };

	return frozen_text(&ask, views, &s->now_text);
}

/* Where a cell stands in the form; behind all others when the form of today has no such cell. */
static uint64_t order_of(const struct form *f, const struct frozen_line *l)
{
	uint16_t rows[FORM_DIMS_MAX] = { 0 };
	struct buf codes = { 0 };
	int m = form_measure_find(f, l->measure);
	uint64_t order = UINT64_MAX >> 1;

	for (size_t d = 0; d < l->n_dims; d++) {
		buf_str(&codes, d ? " " : "");
		buf_text(&codes, l->dims[d]);
	}
	if (m >= 0 && l->n_dims == f->n_dims && form_row_find(f, codes.p ? codes.p : "", rows))
		order = (uint64_t)figures_row_number(f, rows) << 8 | (unsigned)m;
	buf_deinit(&codes);
	return order | (uint64_t)l->cumulative << 63;
}

static size_t lines_of(const struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++)
		n += b->p[i] == '\n';
	return n;
}

static int by_order(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;
	int c;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	c = text_cmp(x->line.cell, y->line.cell);
	return c ? c : x->now - y->now;
}

static int cells_make(struct side_by_side *s)
{
	struct text rest[2] = { buf_as_text(&s->signed_text), buf_as_text(&s->now_text) };

	s->cells =
		calloc(lines_of(&s->signed_text) + lines_of(&s->now_text) + 1, sizeof(*s->cells));
	if (!s->cells)
		return ERR_NOMEM;
	for (int now = 0; now < 2; now++) {
		struct frozen_line l;

		while (frozen_line_next(&rest[now], &l)) {
			s->cells[s->n++] = (struct cell){ order_of(s->form, &l), l, now };
		}
	}
	qsort(s->cells, s->n, sizeof(*s->cells), by_order);
	return 0;
}

/* ---- answering ---- */

static size_t columns_make(const struct form *f, struct api_column *out)
{
	size_t n = 0;

	out[n++] = (struct api_column){ "cumulative", "累计", "cumulative", API_TEXT };
	for (size_t d = 0; d < f->n_dims; d++)
		out[n++] = (struct api_column){ f->dims[d].name, f->dims[d].zh, f->dims[d].en,
			API_TEXT };
	out[n++] = (struct api_column){ "measure", "指标", "measure", API_TEXT };
	out[n++] = (struct api_column){ "signed", "签报数", "signed", API_DECIMAL };
	out[n++] = (struct api_column){ "now", "此刻汇总数", "now", API_DECIMAL };
	return n;
}

/* A cell of which only one side stands is 0 on the other. */
static void value_cell(struct api_table *t, const struct cell *c)
{
	if (c)
		api_cell(t, c->line.value);
	else
		api_cell_str(t, "0");
}

static void cell_row(
	struct api_table *t, const struct form *f, const struct cell *was, const struct cell *is)
{
	const struct frozen_line *l = was ? &was->line : &is->line;

	api_cell_str(t, l->cumulative ? "yes" : "no");
	for (size_t d = 0; d < f->n_dims; d++)
		api_cell(t, d < l->n_dims ? l->dims[d] : (struct text){ 0 });
	api_cell(t, l->measure);
	value_cell(t, was);
	value_cell(t, is);
}

static void notes(struct api_table *t, const struct side_by_side *s, size_t differ, bool zh)
{
	int on = s->item.received_on;

	api_note(t,
		zh ? "填报人 %.*s · 负责人 %.*s · 首次签报 %04d-%02d-%02d · 担保至 %llu · 状态：%s"
		   : "made by %.*s · approved by %.*s · first signed on %04d-%02d-%02d · vouched "
		     "up to %llu · %s",
		(int)s->body->by.len, (const char *)s->body->by.data, (int)s->body->approve.len,
		(const char *)s->body->approve.data, on / 10000, on / 100 % 100, on % 100,
		(unsigned long long)s->body->position, return_state_words(s->item.state, zh));
	if (s->body->parts == 0)
		api_note(t, zh ? "零报告" : "零报告: nothing but zeros was signed");
	api_note(t, zh ? "%zu 个单元与此刻不同" : "%zu cells differ from what stands now", differ);
}

static void answer(struct side_by_side *s)
{
	struct api_column columns[FORM_DIMS_MAX + 4];
	struct api_table *t = api_table(s->call, columns, columns_make(s->form, columns));
	bool all = api_flag(s->call, "all");
	size_t differ = 0;

	for (size_t i = 0, n; i < s->n; i += n) {
		const struct cell *c = &s->cells[i], *was = c->now ? NULL : c,
				  *is = c->now ? c : NULL;
		bool same;

		n = 1;
		if (was && i + 1 < s->n && s->cells[i + 1].now &&
			s->cells[i + 1].line.cumulative == c->line.cumulative &&
			text_eq(s->cells[i + 1].line.cell, c->line.cell)) {
			is = &s->cells[i + 1];
			n = 2;
		}
		same = was && is && text_eq(was->line.whole, is->line.whole);
		differ += !same;
		if (all || !same)
			cell_row(t, s->form, was, is);
	}
	notes(t, s, differ, ask_zh(s->call));
	api_table_end(t);
}

static int show(struct side_by_side *s)
{
	struct returns r = { .forms = s->office->forms,
		.decisions = ORIGIN_DECISIONS(s->office->area) };
	int err = office_read(s->office, &r.views);

	if (err)
		return err;
	return_read(&r, s->form->id, &s->period, s->area, &s->item);
	err = store_txn_err(r.views);
	s->body = s->item.position ? survey_return(s->item.body, &s->arena) : NULL;
	if (!err && s->body)
		err = now_read(s, r.views);
	store_read_end(r.views);
	if (!err && s->body)
		err = signature_read(s);
	if (!err && s->body)
		err = cells_make(s);
	return err;
}

void route_return_show(struct api_call *call)
{
	struct side_by_side *s = calloc(1, sizeof(*s));
	const char *area = api_arg(call, "area");
	int err;

	if (!s) {
		api_fail_err(call, ERR_NOMEM, "the return cannot be shown");
		return;
	}
	s->call = call;
	s->office = office_of(daemon_of(call));
	s->area = area && strspn(area, "0123456789") == 6 && !area[6]
			  ? (uint32_t)strtoul(area, NULL, 10)
			  : 0;
	arena_init(&s->arena, BODY_MEMORY);
	s->form = ask_form_period(call, s->office->forms, &s->period);
	if (!s->form)
		goto out;
	err = show(s);
	if (err)
		api_fail_err(call, err, "the return cannot be shown");
	else if (!s->body)
		api_fail(call, 404, "area %s has signed nothing for form %s and this period",
			area ? area : "", s->form->id);
	else
		answer(s);
out:
	free(s->cells);
	buf_deinit(&s->signed_text);
	buf_deinit(&s->now_text);
	arena_deinit(&s->arena);
	free(s);
}
