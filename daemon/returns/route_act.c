/* What districts sign and explain, and what the city decides: words of a request → the act → one
 * row, with notes for people. What is refused has words, and the status that fits. */
#include <stdlib.h>

#include "daemon/figures/route_ask.h"
#include "daemon/identity/named.h"
#include "daemon/returns/decide.h"
#include "daemon/returns/routes.h"
#include "daemon/returns/sign.h"

#define NOTES_MOST 20 /* places that are named below an answer */

static void refuse(struct api_call *call, int err, const struct errmsg *m, const char *otherwise)
{
	if (!m->text[0])
		api_fail_err(call, err, otherwise);
	else
		api_fail(call,
			err == ERR_NOTFOUND		       ? 404
			: err == ERR_EXISTS || err == ERR_BUSY ? 409
							       : 400,
			"%s", m->text);
}

static struct text arg_text(struct api_call *call, const char *name)
{
	return text_trim(text_of(api_arg(call, name)));
}

/* Words for the ledger, which every side reads. False: api_fail() was called. */
static bool words_free(struct api_call *call, struct text words)
{
	if (!text_names_somebody(words))
		return true;
	api_fail(call, 400, "words: " NAMED_WORDS);
	return false;
}

static void period_cell(struct api_table *t, const struct period *p)
{
	char period[PERIOD_TEXT_MAX];

	period_print(p, period);
	api_cell_str(t, period);
}

/* Places that do not hold, a note each. */
static void hindrances_notes(struct api_table *t, const struct hindrances *h, bool zh)
{
	for (size_t i = 0; i < h->n && i < NOTES_MOST; i++) {
		const struct hindrance *at = &h->at[i];
		const char *level = at->check->hard ? (zh ? "强制" : "hard")
				    : at->explained ? (zh ? "核实，已说明" : "soft, explained")
						    : (zh ? "核实，待说明" : "soft, not explained");

		api_note(t,
			zh ? "不符合 %s（%s）%s：%s，左 %s，右 %s"
			   : "does not hold: %s (%s) %s: %s, left %s, right %s",
			at->check->id, level, at->row, at->check->rule, at->left, at->right);
	}
	if (h->n > NOTES_MOST || h->hard + h->soft + h->explained > h->n)
		api_note(t, zh ? "……共 %zu 处，见 check run" : "… %zu in all: see `check run`",
			h->hard + h->soft + h->explained);
}

/* ---- signing ---- */

static void sign_answer(struct api_call *call, const struct signing *s, bool zh)
{
	static const struct api_column columns[] = {
		{ "form", "表", "form", API_TEXT },
		{ "period", "报告期", "period", API_TEXT },
		{ "position", "签报位置", "position", API_INT },
		{ "vouched", "担保至", "vouched up to", API_INT },
		{ "cells", "数据单元", "cells", API_INT },
		{ "zero", "零报告", "zero", API_TEXT },
		{ "hard", "强制不符", "hard", API_INT },
		{ "soft", "核实待说明", "soft", API_INT },
	};
	struct api_table *t = api_table(call, columns, sizeof(columns) / sizeof(*columns));

	api_cell_str(t, s->form->id);
	period_cell(t, &s->period);
	api_cell_int(t, (int64_t)s->position);
	api_cell_int(t, (int64_t)s->vouched);
	api_cell_int(t, (int64_t)s->cells);
	api_cell_str(t, s->cells ? "no" : "yes");
	api_cell_int(t, (int64_t)s->hindrances.hard);
	api_cell_int(t, (int64_t)s->hindrances.soft);
	if (s->cells == 0)
		api_note(t, zh ? "零报告：全部为零，已签报（与缺报不同）"
			       : "零报告: nothing but zeros, and signed (which is not missing)");
	hindrances_notes(t, &s->hindrances, zh);
	if (s->hindrances.hard)
		api_note(t, zh ? "强制性审核不符时市局不予接收：请更正数据后重新签报"
			       : "the city does not accept a return while a hard check does not "
				 "hold: put the records right and sign again");
	api_table_end(t);
}

void route_return_sign(struct api_call *call)
{
	struct daemon *d = daemon_of(call);
	struct signing *s = calloc(1, sizeof(*s));
	struct errmsg m = { "" };
	int err;

	if (!s) {
		api_fail_err(call, ERR_NOMEM, "the return was not signed");
		return;
	}
	s->form = ask_form_period(call, office_of(d)->forms, &s->period);
	if (s->form) {
		s->by = arg_text(call, "by");
		s->approve = arg_text(call, "approve");
		s->author = text_of(api_user(call));
		err = signing_run(s, d, &m);
		if (err)
			refuse(call, err, &m, "the return was not signed");
		else
			sign_answer(call, s, ask_zh(call));
	}
	free(s);
}

void route_return_explain(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "form", "表", "form", API_TEXT },
		{ "period", "报告期", "period", API_TEXT },
		{ "check", "审核关系", "check", API_TEXT },
		{ "row", "行", "row", API_TEXT },
		{ "position", "位置", "position", API_INT },
	};
	struct daemon *d = daemon_of(call);
	struct explaining_words x = { .check = arg_text(call, "check"),
		.row = arg_text(call, "row"),
		.words = arg_text(call, "words"),
		.author = text_of(api_user(call)) };
	struct errmsg m = { "" };
	struct api_table *t;
	int err;

	x.form = ask_form_period(call, office_of(d)->forms, &x.period);
	if (!x.form || !words_free(call, x.words))
		return;
	err = explain_run(&x, d, &m);
	if (err) {
		refuse(call, err, &m, "the explanation was not written");
		return;
	}
	t = api_table(call, columns, sizeof(columns) / sizeof(*columns));
	api_cell_str(t, x.form->id);
	period_cell(t, &x.period);
	api_cell(t, x.check);
	api_cell(t, x.row);
	api_cell_int(t, (int64_t)x.position);
	api_table_end(t);
}

/* ---- deciding ---- */

static bool is_child(struct office *o, uint32_t area)
{
	uint32_t *children = calloc(ORIGINS_MAX, sizeof(*children));
	size_t n = children ? office_districts(o, children, ORIGINS_MAX) : 0, i = 0;

	while (i < n && children[i] != area)
		i++;
	free(children);
	return i < n;
}

/* {area}: one of the city's districts. False: api_fail() was called. */
static bool district_ask(struct api_call *call, struct office *o, uint32_t *area)
{
	const char *text = api_arg(call, "area");

	*area = text && strspn(text, "0123456789") == 6 && !text[6]
			? (uint32_t)strtoul(text, NULL, 10)
			: 0;
	if (*area && *area != o->area && (is_child(o, *area) || district_known(*area)))
		return true;
	api_fail(call, 400, "area %s: not a district of %06u", text ? text : "", o->area);
	return false;
}

static void decide_answer(struct api_call *call, const struct deciding *x, bool zh)
{
	static const struct api_column columns[] = {
		{ "form", "表", "form", API_TEXT },
		{ "period", "报告期", "period", API_TEXT },
		{ "area", "地区", "area", API_TEXT },
		{ "state", "状态", "state", API_TEXT },
		{ "of", "签报位置", "signature", API_INT },
		{ "position", "决定位置", "position", API_INT },
		{ "hard", "强制不符", "hard", API_INT },
		{ "soft", "核实待说明", "soft", API_INT },
		{ "as_signed", "与签报数相符", "as signed", API_TEXT },
	};
	struct api_table *t = api_table(call, columns, sizeof(columns) / sizeof(*columns));

	api_cell_str(t, x->form->id);
	period_cell(t, &x->period);
	api_cell_printf(t, "%06u", x->area);
	api_cell_str(t, return_state_code(x->accept ? RETURN_ACCEPTED : RETURN_SENT_BACK));
	api_cell_int(t, (int64_t)x->of);
	api_cell_int(t, (int64_t)x->position);
	api_cell_int(t, (int64_t)x->hindrances.hard);
	api_cell_int(t, (int64_t)x->hindrances.soft);
	api_cell_str(t, x->differs ? "no" : "yes");
	hindrances_notes(t, &x->hindrances, zh);
	if (x->differs)
		api_note(t, zh ? "此刻汇总数与签报数不同：见 return show"
			       : "what stands now differs from what was signed: see `return show`");
	api_table_end(t);
}

static void decide(struct api_call *call, bool accept)
{
	struct daemon *d = daemon_of(call);
	struct office *o = office_of(d);
	struct deciding *x = calloc(1, sizeof(*x));
	struct errmsg m = { "" };
	int err;

	if (!x) {
		api_fail_err(call, ERR_NOMEM, "nothing was decided");
		return;
	}
	x->form = ask_form_period(call, o->forms, &x->period);
	x->words = arg_text(call, "words");
	if (x->form && words_free(call, x->words) && district_ask(call, o, &x->area)) {
		x->accept = accept;
		x->check = accept ? NULL : api_arg(call, "check");
		x->author = text_of(api_user(call));
		err = deciding_run(x, d, &m);
		if (err)
			refuse(call, err, &m, "nothing was decided");
		else
			decide_answer(call, x, ask_zh(call));
	}
	free(x);
}

void route_return_accept(struct api_call *call)
{
	decide(call, true);
}

void route_return_send_back(struct api_call *call)
{
	decide(call, false);
}
