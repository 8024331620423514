/* Judges what is asked of a form: an unknown form, period or area is a 400 with words that say what
 * there is. */
#include "daemon/figures/route_ask.h"

#include <stdio.h>
#include <stdlib.h>

bool ask_zh(const struct api_call *call)
{
	return !api_english(call);
}

static bool ask_form(struct api_call *call, struct question *q)
{
	const char *id = api_arg(call, "form");

	q->form = id ? forms_find(q->office->forms, text_of(id)) : NULL;
	if (!q->form)
		api_fail(call, 400, "form %s: there is no such form; `form list` names them",
			id ? id : "");
	return q->form != NULL;
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

static bool ask_period(struct api_call *call, struct question *q)
{
	const char *text = api_arg(call, "period");
	char kinds[64];

	if (!text || !period_parse(&q->period, text_of(text))) {
		api_fail(call, 400,
			"period %s: not a period: write 2019, 2019-H1, 2019-Q2 or 2019-06",
			text ? text : "");
		return false;
	}
	q->form = forms_at(q->office->forms, text_of(q->form->id), &q->period);
	ask_kinds(q->form, kinds, sizeof(kinds));
	if (!(q->form->periods & 1u << q->period.kind)) {
		api_fail(call, 400, "period %s: form %s has no figures for a %s, only for: %s",
			text, q->form->id, period_kind_name(q->period.kind), kinds);
		return false;
	}
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

	q->n_areas = office_areas(q->office, t, q->areas, AREAS_MAX);
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

void route_ask(struct api_call *call,
	int (*fn)(struct api_call *call, struct question *q, struct store_txn *t))
{
	struct question *q = calloc(1, sizeof(*q));
	struct store_txn *t;
	int err = q ? 0 : ERR_NOMEM;

	if (q) {
		q->office = office_of(daemon_of(call));
		q->zeros = api_flag(call, "zeros");
		q->zh = ask_zh(call);
		if (!ask_form(call, q) || !ask_period(call, q))
			goto out;
		err = office_read(q->office, &t);
		if (!err) {
			if (ask_areas(call, q, t))
				err = fn(call, q, t);
			store_read_end(t);
		}
	}
	if (err)
		api_fail_err(call, err, "the figures cannot be read");
out:
	free(q);
}
