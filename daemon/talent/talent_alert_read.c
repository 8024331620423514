/* Alerts: their rule files. What a kind cannot do without is a row, and a fault is told with its
 * line. */
#include <stdlib.h>

#include "daemon/survey/form_keys.h"
#include "daemon/talent/talent_alert.h"

static const char *const kind_names[ALERT_KINDS] = { "certificate", "paid_again", "paid_below",
	"overlap", "payees", "revoked", "age", "jump", "reads", "records" };

static const struct key alert_keys[] = {
	{ "kind", KEY_TEXT, true },
	{ "zh", KEY_TEXT, true },
	{ "en", KEY_TEXT, true },
	{ "register", KEY_TEXT, false },
	{ "where", KEY_TEXT, false },
	{ "least", KEY_TEXT, false },
	{ "most", KEY_TEXT, false },
	{ "percent", KEY_TEXT, false },
	{ "months", KEY_TEXT, false },
	{ "hours_per_day", KEY_TEXT, false },
	{ "hour", KEY_TEXT, false },
	{ "day", KEY_TEXT, false },
	{ "form", KEY_TEXT, false },
	{ "measure", KEY_TEXT, false },
	{ "date", KEY_SECTION, false },
};

/* What a kind cannot do without. */
static const struct need {
	const char *reg;
	const char *settings[4];
} needs[ALERT_KINDS] = {
	[ALERT_CERTIFICATE] = { "certificate", { NULL } },
	[ALERT_PAID_AGAIN] = { "subsidy", { NULL } },
	[ALERT_PAID_BELOW] = { "subsidy", { NULL } },
	[ALERT_OVERLAP] = { "training", { "hours_per_day" } },
	[ALERT_PAYEES] = { "subsidy", { NULL } },
	[ALERT_REVOKED] = { "subsidy", { NULL } },
	[ALERT_AGE] = { NULL, { "least", "most", "date" } },
	[ALERT_JUMP] = { NULL, { "form", "measure", "percent", "months" } },
	[ALERT_READS] = { NULL, { "hour", "day" } },
	[ALERT_RECORDS] = { NULL, { "most" } },
};

static int64_t number_read(struct loader *l, const struct node *section, const char *name)
{
	const struct node *n = key_find(section, name);
	char *end;
	long v;

	if (!n)
		return 0;
	v = strtol(n->text.p, &end, 10);
	if (*end || n->text.n == 0 || v < 0 || v > 1000000)
		form_refuse(l, n->line, "a whole number is expected", n->text);
	return v;
}

static enum talent_alert_kind kind_read(struct loader *l, const struct node *section)
{
	const struct node *n = key_find(section, "kind");
	unsigned kind = 0;

	while (kind < ALERT_KINDS && !text_is(n->text, kind_names[kind]))
		kind++;
	if (kind == ALERT_KINDS)
		form_refuse(l, n->line, "not a kind of alert", n->text);
	return kind == ALERT_KINDS ? ALERT_CERTIFICATE : (enum talent_alert_kind)kind;
}

static void needs_check(struct loader *l, const struct node *section, const struct talent_alert *a)
{
	const struct need *need = &needs[a->kind];

	if (need->reg ? !a->reg || strcmp(a->reg->name, need->reg) != 0 : a->reg != NULL)
		form_refuse(
			l, section->line, "not the register of this kind of alert", section->text);
	for (size_t i = 0; i < 4 && need->settings[i]; i++)
		if (!key_find(section, need->settings[i]))
			form_refuse(l, section->line, "a setting is missing",
				text_of(need->settings[i]));
}

static void overlap_read(struct talent_alert *a)
{
	if (a->kind != ALERT_OVERLAP || !a->reg)
		return;
	a->enrolled = talent_field(a->reg, "enrolled_on");
	a->ended = talent_field(a->reg, "ended_on");
	a->offline = talent_field(a->reg, "hours_offline");
}

void talent_alert_read(struct loader *l, struct talent_rules *t, const struct node *section)
{
	const struct talent_alert **at = &t->alerts;
	struct talent_alert *a = form_alloc(l, sizeof(*a));

	if (!a || !KEYS_CHECK(l, section, alert_keys))
		return;
	if (!form_id_ok(section->text))
		form_refuse(l, section->line, "a rule has a name: letters, digits, . _ and -",
			section->text);
	a->id = section->text.p ? section->text.p : "";
	a->kind = kind_read(l, section);
	a->zh = key_text(section, "zh", "");
	a->en = key_text(section, "en", "");
	a->reg = key_register(l, section);
	a->where = a->reg ? key_where(l, section, a->reg) : NULL;
	a->least = number_read(l, section, "least");
	a->most = number_read(l, section, "most");
	a->percent = number_read(l, section, "percent");
	a->months = number_read(l, section, "months");
	a->hours_per_day = number_read(l, section, "hours_per_day");
	a->hour = number_read(l, section, "hour");
	a->day = number_read(l, section, "day");
	a->form = key_text(section, "form", "");
	a->measure = key_text(section, "measure", "");
	a->dates = talent_clauses_read(l, section, "date");
	overlap_read(a);
	needs_check(l, section, a);
	for (; *at; at = (const struct talent_alert **)&(*at)->next)
		if (strcmp(a->id, (*at)->id) == 0)
			form_refuse(l, section->line, "stands twice", section->text);
		else if (a->kind == (*at)->kind &&
			 (a->kind == ALERT_READS || a->kind == ALERT_RECORDS))
			form_refuse(l, section->line, "there is one rule of this kind already",
				section->text);
	*at = a;
}
