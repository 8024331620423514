/* form overlap: the districts against one another, and the identity in the notes. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/figures/overlap.h"
#include "daemon/figures/route_ask.h"

/* A row for each district; the column of another one says how many persons are in both. */
static void matrix(struct api_table *table, const struct overlap *o, bool zh)
{
	for (size_t a = 0; a < o->n; a++) {
		api_cell_printf(table, "%06u", o->areas[a]);
		api_cell_str(table, area_name(o->areas[a], zh));
		for (size_t b = 0; b < o->n; b++)
			api_cell_int(table, (int64_t)o->both[a][b]);
	}
}

static void identity(struct api_table *table, const struct overlap *o, bool zh)
{
	unsigned long long sum = overlap_sum(o), city = overlap_persons(o);

	api_note(table,
		zh ? "指标 %s：各区合计 %llu − 全市 %llu = 重复计算 %llu"
		   : "measure %s: sum over districts %llu − city %llu = %llu counted more than "
		     "once",
		o->form->measures[o->measure].id, sum, city, sum - city);
	for (size_t k = 2; k <= o->n; k++)
		if (o->in[k])
			api_note(table,
				zh ? "在 %zu 个区的 %llu 人：重复 %llu"
				   : "in %zu districts %llu persons: %llu times more than once",
				k, (unsigned long long)o->in[k],
				(unsigned long long)o->in[k] * (k - 1));
}

static int answer(struct api_call *call, struct question *q, struct overlap *o)
{
	char codes[OVERLAP_AREAS_MAX][16];
	struct api_column columns[OVERLAP_AREAS_MAX + 2] = {
		{ "area", "地区代码", "area", API_TEXT },
		{ "name", "地区", "name", API_TEXT },
	};
	struct api_table *table;

	for (size_t i = 0; i < o->n; i++) {
		snprintf(codes[i], sizeof(codes[i]), "%06u", o->areas[i]);
		columns[i + 2] = (struct api_column){ codes[i], area_name(o->areas[i], true),
			area_name(o->areas[i], false), API_INT };
	}
	table = api_table(call, columns, o->n + 2);
	matrix(table, o, q->zh);
	identity(table, o, q->zh);
	api_table_end(table);
	return 0;
}

static int overlap(struct api_call *call, struct question *q, struct store_txn *t)
{
	struct overlap *o = calloc(1, sizeof(*o));
	int measure = overlap_measure(q->form), err = o ? 0 : ERR_NOMEM;

	if (o && (measure < 0 || q->n_areas > OVERLAP_AREAS_MAX)) {
		api_fail(call, 400, "form %s counts no persons by a date: it has no overlap",
			q->form->id);
	} else if (o) {
		o->form = q->form;
		o->measure = (size_t)measure;
		o->first = q->cumulative ? q->period.year * 12 : period_first_month(&q->period);
		o->last = period_last_month(&q->period);
		/* the city stands first; what it took in itself counts like a district's */
		for (size_t i = 1; i < q->n_areas; i++)
			o->areas[o->n++] = q->areas[i];
		o->areas[o->n++] = q->areas[0];
		err = overlap_read(o, t);
		if (!err && o->both[o->n - 1][o->n - 1] == 0)
			o->n--;
		if (!err)
			err = answer(call, q, o);
	}
	free(o);
	return err;
}

void route_form_overlap(struct api_call *call)
{
	route_ask(call, overlap);
}
