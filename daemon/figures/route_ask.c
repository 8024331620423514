/* Judges what is asked of a form: an unknown form, period or area is a 400 with words that say what
 * there is. */
#include "daemon/figures/route_ask.h"

#include <stdio.h>
#include <stdlib.h>

bool ask_zh(const struct api_call *call)
{
	return !api_english(call);
}

void ask_kinds(const struct form *f, char *out, size_t size)
{
	size_t n = 0;

	out[0] = 0;
	for (enum period_kind k = PERIOD_KINDS; k-- > 0;)
		if (f->periods & 1u << k && n < size)
			n += (size_t)snprintf(
				out + n, size - n, "%s%s", n ? ", " : "", period_kind_name(k));
}

const struct form *ask_form_period(
	struct api_call *call, const struct forms *fs, struct period *period)
{
	const char *id = api_arg(call, "form"), *text = api_arg(call, "period");
	const struct form *f = id ? forms_find(fs, text_of(id)) : NULL;
	char kinds[64];

	if (!f) {
		api_fail(call, 400, "form %s: there is no such form; `form list` names them",
			id ? id : "");
		return NULL;
	}
	if (!text || !period_parse(period, text_of(text))) {
		api_fail(call, 400,
			"period %s: not a period: write 2019, 2019-H1, 2019-Q2 or 2019-06",
			text ? text : "");
		return NULL;
	}
	f = forms_at(fs, text_of(f->id), period);
	if (f->periods & 1u << period->kind)
		return f;
	ask_kinds(f, kinds, sizeof(kinds));
	api_fail(call, 400, "period %s: form %s has no figures for a %s, only for: %s", text, f->id,
		period_kind_name(period->kind), kinds);
	return NULL;
}

/* The form, the period, and how its months are meant. */
static bool ask_period(struct api_call *call, struct question *q)
{
	q->form = ask_form_period(call, q->office->forms, &q->period);
	if (!q->form)
		return false;
	q->cumulative = api_flag(call, "cumulative");
	if (q->cumulative && (!q->form->cumulative || q->period.kind != PERIOD_MONTH)) {
		api_fail(call, 400, "cumulative: %s",
			q->form->cumulative ? "only a month has cumulative figures"
					    : "this form has no cumulative figures");
		return false;
	}
	return true;
}

static bool ask_areas(struct api_call *call, struct question *q, struct store_txn *t)
{
	const char *text = api_arg(call, "area");
	size_t n;
	char *end;
	unsigned long area;
	bool whole;

	q->n_everyone = q->n_areas = office_areas(q->office, t, q->areas, AREAS_MAX);
	memcpy(q->everyone, q->areas, q->n_areas * sizeof(*q->areas));
	if (!text)
		return true;
	q->one_area = true;
	area = strtoul(text, &end, 10);
	whole = strspn(text, "0123456789") == 6 && *end == 0;
	for (n = 0; n < q->n_areas && q->areas[n] != area; n++)
		;
	if (!whole || (n == q->n_areas && !district_known((uint32_t)area))) {
		api_fail(call, 400, "area %s: not the city (%06u), nor one of its districts", text,
			q->office->area);
		return false;
	}
	q->areas[0] = (uint32_t)area;
	q->n_areas = 1;
	return true;
}

int ask_figures(struct question *q, struct store_txn *t, size_t n)
{
	uint32_t areas[AREAS_MAX];
	int err = 0;

	if (q->form->publish)
		n = q->one_area ? office_areas(q->office, t, areas, AREAS_MAX) : q->n_areas;
	if (!q->form->publish || !q->one_area)
		memcpy(areas, q->areas, n * sizeof(*areas));
	q->all = calloc(n, sizeof(*q->all));
	if (!q->all)
		return ERR_NOMEM;
	for (size_t i = 0; i < n && !err; i++) {
		q->all[i] = (struct figures){ .form = q->form,
			.period = q->period,
			.cumulative = q->cumulative,
			.area = areas[i],
			.areas = q->everyone,
			.n_areas = q->n_everyone };
		err = figures_open(&q->all[i], t);
		q->n_all += !err;
	}
	return !err && q->form->publish ? figures_hold(q->all, q->n_all) : err;
}

bool ask_area(const struct question *q, uint32_t area, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (q->areas[i] == area)
			return true;
	return false;
}

void route_ask_then(struct api_call *call,
	int (*read)(struct api_call *call, struct question *q, struct store_txn *t),
	int (*answer)(struct api_call *call, struct question *q), void (*own_free)(void *own))
{
	struct question *q = calloc(1, sizeof(*q));
	struct store_txn *t;
	bool asked = false;
	int err = q ? 0 : ERR_NOMEM;

	if (q) {
		q->office = office_of(daemon_of(call));
		q->zeros = api_flag(call, "zeros");
		q->zh = ask_zh(call);
		if (!ask_period(call, q))
			goto out;
		err = office_read(q->office, &t);
		if (!err) {
			asked = ask_areas(call, q, t);
			if (asked)
				err = read(call, q, t);
			store_read_end(t);
		}
		if (asked && !err && answer)
			err = answer(call, q);
	}
	if (err)
		api_fail_err(call, err, "the figures cannot be read");
out:
	if (q && own_free)
		own_free(q->own);
	for (size_t i = 0; q && i < q->n_all; i++)
		figures_close(&q->all[i]);
	free(q ? q->all : NULL);
	free(q);
}

void route_ask(struct api_call *call,
	int (*fn)(struct api_call *call, struct question *q, struct store_txn *t))
{
	route_ask_then(call, fn, NULL, NULL);
}
