/* period diff: two versions beside each other. First the cells, with both values; then the records
 * that made the difference. Everything is gathered before the answer begins: it is whole or an
 * error. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/figures/frozen.h"
#include "daemon/figures/route_ask.h"
#include "daemon/figures/route_form.h"
#include "daemon/figures/versions.h"
#include "daemon/periods/periods.h"
#include "daemon/periods/touched.h"

#define LIVE "live"
#define ROWS_MOST 100000

/* One side. */
struct side {
	bool live;
	uint32_t number;
	uint64_t at_ms;
	struct buf text;
	struct fold_bound *positions;
	size_t n;
};

struct diff {
	struct api_call *call;
	struct side m, n;
	struct buf files; /* the forms of the newer side */
	struct period period;
	char form[FORM_ID_MAX + 1];
	uint32_t city;
	bool whole; /* else it was answered */
	bool other_forms;
	uint64_t limit, cells, records;
	struct buf rows; /* cells of the table, each closed by a zero byte; COLUMNS to a row */
	bool people, zh;
};

#define COLUMNS 10
static const struct api_column columns[COLUMNS] = {
	{ "what", "变动", "what", API_TEXT },
	{ "area", "地区", "area", API_TEXT },
	{ "register", "登记册", "register", API_TEXT },
	{ "item", "单元格或记录", "cell or record", API_TEXT },
	{ "m", "前", "m", API_DECIMAL },
	{ "n", "后", "n", API_DECIMAL },
	{ "difference", "差额", "difference", API_DECIMAL },
	{ "status", "状态", "status", API_TEXT },
	{ "before", "前条目", "entry before", API_INT },
	{ "after", "后条目", "entry after", API_INT },
};

static void cell_put(struct diff *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void cell_put(struct diff *d, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	buf_put(&d->rows, text, strlen(text) + 1);
}

/* ---- cells ---- */

/* A value in hundredths; false: it is no number (held back, does not apply). */
static bool number_of(const struct frozen_line *l, int64_t *out, int *decimals)
{
	bool minus, point = false;
	int places = 0;

	*out = 0;
	if (!l)
		return true;
	if (!l->value.n || l->value.n > 17)
		return false;
	minus = l->value.p[0] == '-';
	for (size_t i = minus; i < l->value.n; i++) {
		char c = l->value.p[i];

		if (c == '.') {
			point = true;
			continue;
		}
		*out = *out * 10 + (c - '0');
		places += point;
	}
	*decimals = places > *decimals ? places : *decimals;
	for (; places < 2; places++)
		*out *= 10;
	*out = minus ? -*out : *out;
	return true;
}

static void difference_put(struct diff *d, const struct frozen_line *a, const struct frozen_line *b)
{
	int64_t from, to;
	uint64_t by;
	int decimals = 0;

	if (!number_of(a, &from, &decimals) || !number_of(b, &to, &decimals)) {
		cell_put(d, "%s", "");
		return;
	}
	by = to < from ? (uint64_t)(from - to) : (uint64_t)(to - from);
	if (decimals == 0)
		cell_put(d, "%s%llu", to < from ? "-" : "", (unsigned long long)(by / 100));
	else if (decimals == 1)
		cell_put(d, "%s%llu.%llu", to < from ? "-" : "", (unsigned long long)(by / 100),
			(unsigned long long)(by % 100 / 10));
	else
		cell_put(d, "%s%llu.%02llu", to < from ? "-" : "", (unsigned long long)(by / 100),
			(unsigned long long)(by % 100));
}

/* A value; empty where it is held back or does not apply. A text leaves zeros out: what it does not
 * have is 0 where the other one has a number. */
static void value_put(struct diff *d, const struct frozen_line *l, const struct frozen_line *other)
{
	if (!l)
		cell_put(d, "%s", other->value.n ? "0" : "");
	else
		cell_put(d, "%.*s", (int)l->value.n, l->value.p);
}

static bool is_plain(const struct frozen_line *l)
{
	return !l || (text_is(l->obs, "A") && text_is(l->conf, "F"));
}

/* What stands instead of a number, before and after: "A C > A F". */
static void status_put(struct diff *d, const struct frozen_line *a, const struct frozen_line *b)
{
	static const struct frozen_line none;
	const struct frozen_line *x = a ? a : &none, *y = b ? b : &none;

	if (is_plain(a) && is_plain(b))
		cell_put(d, "%s", "");
	else
		cell_put(d, "%.*s %.*s > %.*s %.*s", (int)x->obs.n, x->obs.n ? x->obs.p : "",
			(int)x->conf.n, x->conf.n ? x->conf.p : "", (int)y->obs.n,
			y->obs.n ? y->obs.p : "", (int)y->conf.n, y->conf.n ? y->conf.p : "");
}

static bool cell_one(void *arg, const struct frozen_line *a, const struct frozen_line *b)
{
	struct diff *d = arg;
	const struct frozen_line *any = a ? a : b;

	if (d->cells++ >= d->limit)
		return true;
	if (d->people)
		cell_put(d, "%s",
			any->cumulative ? d->zh ? "指标（累计）" : "cell, cumulative"
			: d->zh		? "指标"
					: "cell");
	else
		cell_put(d, "%s", any->cumulative ? "cell_cumulative" : "cell");
	cell_put(d, "%06u", any->area);
	cell_put(d, "%s", "");
	cell_put(d, "%.*s", (int)(any->cell.n > 7 ? any->cell.n - 7 : 0), any->cell.p + 7);
	value_put(d, a, b);
	value_put(d, b, a);
	difference_put(d, a, b);
	status_put(d, a, b);
	cell_put(d, "%s", "");
	cell_put(d, "%s", "");
	return true;
}

/* ---- records ---- */

static const struct {
	const char *code, *zh, *en;
} whats[] = {
	[TOUCHED_NEW] = { "new", "新到", "new" },
	[TOUCHED_LATE] = { "late", "迟报", "late" },
	[TOUCHED_CORRECTED] = { "corrected", "更正", "corrected" },
	[TOUCHED_RETRACTED] = { "retracted", "撤回", "retracted" },
	[TOUCHED_CASE] = { "case", "身份认定", "identity case" },
};

static void position_put(struct diff *d, uint64_t position)
{
	if (position)
		cell_put(d, "%llu", (unsigned long long)position);
	else
		cell_put(d, "%s", "");
}

static void record_one(void *arg, const struct touched *t)
{
	struct diff *d = arg;

	if (d->records++ >= d->limit)
		return;
	cell_put(d, "%s",
		!d->people ? whats[t->what].code
		: d->zh	   ? whats[t->what].zh
			   : whats[t->what].en);
	cell_put(d, "%06u", t->origin);
	cell_put(d, "%.*s", (int)t->reg.n, t->reg.n ? t->reg.p : "");
	cell_put(d, "%.*s", (int)t->key.n, t->key.n ? t->key.p : "");
	for (int i = 0; i < 4; i++)
		cell_put(d, "%s", "");
	position_put(d, t->before);
	position_put(d, t->after);
}

static bool stopping(void *arg)
{
	return api_stopping(((struct diff *)arg)->call);
}

static int records_gather(struct diff *d, struct fold_bound *broken)
{
	struct daemon *daemon = daemon_of(d->call);
	struct errmsg m;
	struct forms *fs = forms_open_files(buf_as_text(&d->files), &m);
	struct touching t = { .ledger = daemon->ledger,
		.forms = fs,
		.form = fs ? forms_at(fs, text_of(d->form), &d->period) : NULL,
		.period = d->period,
		.city = d->city,
		.from = d->m.positions,
		.n_from = d->m.n,
		.to = d->n.positions,
		.n_to = d->n.n,
		.closed_ms = d->m.at_ms,
		.stop = stopping,
		.fn = record_one,
		.arg = d };
	int err = t.form ? touched_walk(&t) : ERR_INVALID;

	forms_close(fs);
	*broken = t.broken;
	return err;
}

/* ---- both sides ---- */

static int positions_take(struct side *s, const Tally__Version *v)
{
	s->positions = calloc(v->n_positions + 1, sizeof(*s->positions));
	if (!s->positions)
		return ERR_NOMEM;
	for (size_t i = 0; i < v->n_positions; i++)
		s->positions[s->n++] =
			(struct fold_bound){ v->positions[i]->origin, v->positions[i]->position };
	return 0;
}

static int side_take(struct version_call *c, const struct version *v, struct side *s,
	struct buf *files, uint64_t *broken)
{
	int err = version_figures(c->ledgers, v, &s->text, broken);

	s->number = v->at.number;
	s->at_ms = v->at_ms;
	if (!err)
		err = positions_take(s, v->body);
	if (!err && files)
		err = version_forms(c->ledgers, v, files, broken);
	return err;
}

/* What the views say now. */
static int live_take(struct version_call *c, struct diff *d)
{
	const struct forms *fs = c->office->forms;
	uint32_t *areas = calloc(AREAS_MAX, sizeof(*areas));
	struct frozen_ask ask = { .form = forms_at(fs, text_of(d->form), &d->period),
		.period = d->period,
		.areas = areas,
		.closed = true };
	int err = ERR_NOMEM;

	d->n.live = true;
	d->n.positions = calloc(ORIGINS_MAX, sizeof(*d->n.positions));
	if (areas && d->n.positions)
		err = ask.form ? 0 : ERR_NOTFOUND;
	if (!err) {
		ask.n_areas = office_areas(c->office, c->views, areas, AREAS_MAX);
		d->n.n = fold_positions(c->views, d->n.positions, ORIGINS_MAX);
		err = frozen_text(&ask, c->views, &d->n.text);
	}
	if (!err) {
		buf_text(&d->files, fs->files);
		err = d->files.failed ? ERR_NOMEM : 0;
	}
	free(areas);
	return err;
}

/* Version N of the same form and period. */
static int other_take(struct version_call *c, struct diff *d, uint64_t *broken)
{
	const char *text = api_arg(d->call, "n");
	struct version_place at;
	struct arena arena;
	struct version v;
	uint64_t n;
	int err;

	if (strcmp(text, LIVE) == 0)
		return live_take(c, d);
	if (!api_number(d->call, "n", 0, 1, UINT32_MAX, &n))
		return ERR_INVALID;
	if (n <= c->v.at.number) {
		api_fail(d->call, 400, "name the older version first");
		return ERR_INVALID;
	}
	if (!version_find(c->office, c->views, text_of(d->form), &d->period, (uint32_t)n, &at)) {
		api_fail(d->call, 404, "form %s %s has no version %llu", d->form,
			api_arg(d->call, "period"), (unsigned long long)n);
		return ERR_INVALID;
	}
	arena_init(&arena, VERSION_MEMORY);
	err = version_get(c->ledgers, &at, &arena, &v);
	if (!err) {
		d->other_forms = memcmp(v.body->forms_digest.data, c->v.body->forms_digest.data,
					 HASH_BYTES) != 0;
		err = side_take(c, &v, &d->n, &d->files, broken);
	} else if (err == ERR_DAMAGED) {
		*broken = at.position;
	}
	arena_deinit(&arena);
	return err == ERR_INVALID ? ERR_DAMAGED : err;
}

static int take(struct api_call *call, struct version_call *c)
{
	struct diff *d = c->arg;
	uint64_t broken = 0;
	int err;

	d->period = c->v.period;
	d->city = c->v.body->areas[0];
	snprintf(d->form, sizeof(d->form), "%s", c->v.form);
	err = side_take(c, &c->v, &d->m, NULL, &broken);
	if (!err)
		err = other_take(c, d, &broken);
	if (!err && d->n.live)
		d->other_forms = memcmp(c->office->forms->digest, c->v.body->forms_digest.data,
					 HASH_BYTES) != 0;
	d->whole = !err;
	/* ERR_INVALID: it was answered */
	if (err && err != ERR_INVALID)
		version_fail(call, &c->v, err, broken);
	return 0;
}

/* ---- the answer ---- */

static void notes_put(struct api_table *table, const struct diff *d)
{
	char n[32];

	if (d->n.live)
		snprintf(n, sizeof(n), "%s", d->zh ? "现状" : "now");
	else
		snprintf(n, sizeof(n), d->zh ? "第 %u 版" : "%u", d->n.number);
	api_note(table,
		d->zh ? "%s %s 第 %u 版与%s：%llu 格不同；带来变动的记录 %llu 条"
		      : "form %s %s, version %u and %s: %llu cells differ; %llu records bring "
			"something else",
		d->form, api_arg(d->call, "period"), d->m.number, n, (unsigned long long)d->cells,
		(unsigned long long)d->records);
	if (d->cells > d->limit || d->records > d->limit)
		api_note(table,
			d->zh ? "各显示前 %llu 条；--limit 可增加"
			      : "the first %llu of each are shown; --limit for more",
			(unsigned long long)d->limit);
	if (d->other_forms)
		api_note(
			table, d->zh ? "两者的报表定义不同：差异也可能由此而来"
				     : "the form files differ too: they may have made a difference "
				       "of their own");
}

static void answer(struct diff *d)
{
	struct api_table *table = api_table(d->call, columns, COLUMNS);

	for (const char *p = d->rows.p, *end = p + d->rows.n; p && p < end; p += strlen(p) + 1)
		api_cell_str(table, p);
	notes_put(table, d);
	api_table_end(table);
}

static void compare(struct diff *d)
{
	struct fold_bound broken = { 0, 0 };
	int err = frozen_compare(buf_as_text(&d->m.text), buf_as_text(&d->n.text), cell_one, d);

	if (!err)
		err = records_gather(d, &broken);
	if (!err && d->rows.failed)
		err = ERR_NOMEM;
	if (!err) {
		answer(d);
		return;
	}
	api_set_exit(d->call, 1);
	if (broken.origin)
		api_fail(d->call, 409, "ledger %u, entry %llu: %s", broken.origin,
			(unsigned long long)broken.position, err_words(err));
	else
		api_fail_err(d->call, err, "the versions cannot be compared");
}

void route_period_diff(struct api_call *call)
{
	struct diff *d = calloc(1, sizeof(*d));

	if (!d) {
		api_fail_err(call, ERR_NOMEM, "the versions");
		return;
	}
	d->call = call;
	d->people = form_wants_table(call);
	d->zh = ask_zh(call);
	if (api_number(call, "limit", 1000, 1, ROWS_MOST, &d->limit)) {
		version_ask(call, "m", take, d);
		if (d->whole)
			compare(d);
	}
	buf_deinit(&d->m.text);
	buf_deinit(&d->n.text);
	buf_deinit(&d->files);
	buf_deinit(&d->rows);
	free(d->m.positions);
	free(d->n.positions);
	free(d);
}
