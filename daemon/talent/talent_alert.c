/* Alerts: their rule files, traces of records, and the look at one person's records.
 *
 * A trace, by kind:
 *
 *     paid        month (2) purpose (1) rank (1) occupation (3) asked by (1) enrolment (2) payee
 * (2) full time   first day (2) last day (2), zeros revoked     zeros age         zeros
 *
 * month: by number; days from 1900 on; enrolment, payee: of a hash, 0 none; asked by: bits of the
 * alerts' kinds. Two claims that make an alert have traces that make a suspect: every comparison
 * between traces is a coarser one of that between the records. */
#include "daemon/talent/talent_alert.h"

#include <limits.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/survey/form_keys.h"
#include "daemon/talent/talent_row.h"

#define LOOK_AT_ALL 64 /* a person with more traces is looked at in any case */

static const char *const kind_names[ALERT_KINDS] = { "certificate", "paid_again", "paid_below",
	"overlap", "payees", "revoked", "age", "jump", "reads" };

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

/* ---- reading ---- */

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

static const struct field *field_of(const struct reg *reg, const char *name)
{
	int i = register_field(reg, text_of(name));

	return i < 0 || !reg->fields[i].pb ? NULL : &reg->fields[i];
}

static void overlap_read(struct talent_alert *a)
{
	if (a->kind != ALERT_OVERLAP || !a->reg)
		return;
	a->enrolled = field_of(a->reg, "enrolled_on");
	a->ended = field_of(a->reg, "ended_on");
	a->offline = field_of(a->reg, "hours_offline");
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
		else if (a->kind == ALERT_READS && (*at)->kind == ALERT_READS)
			form_refuse(l, section->line, "there is one rule of this kind already",
				section->text);
	*at = a;
}

/* ---- what records say ---- */

static struct value value_of(const struct record *r, const char *field)
{
	const struct field *f = field_of(r->reg, field);
	struct value none = { 0 };

	return f ? record_value(r, f) : none;
}

static int64_t number_at(const struct record *r, const struct field *f)
{
	struct value v = { 0 };

	if (f)
		v = record_value(r, f);
	return v.present ? v.number : 0;
}

static int64_t number_of(const struct record *r, const char *field)
{
	struct value v = value_of(r, field);

	return v.present ? v.number : 0;
}

static struct text text_in(const struct record *r, const char *field)
{
	struct value v = value_of(r, field);

	return v.present ? v.text : (struct text){ 0 };
}

static bool looks_at(const struct talent_alert *a, const struct talent_record *r)
{
	return a->reg == r->record->reg && record_person(r->record, 0).pid &&
	       (!a->where || expr_holds(a->where, r->record, r->origin));
}

static int rank_of(const struct record *r)
{
	struct text level = text_in(r, "level");

	return level.n ? level_rank(level) : -1;
}

static bool full_time(const struct talent_alert *a, const struct record *r)
{
	int64_t first = number_at(r, a->enrolled), last = number_at(r, a->ended);
	int64_t days = first && last ? days_of_date(last) - days_of_date(first) + 1 : 0;

	return days > 0 && number_at(r, a->offline) >= a->hours_per_day * 10 * days;
}

int talent_alert_age(const struct talent_alert *a, const struct talent_record *r)
{
	struct person_facts p = record_person(r->record, 0);
	unsigned number;
	const struct talent_clause *c = talent_clause_of(a->dates, r, &number);
	struct value day = { 0 };

	if (c)
		day = record_value(r->record, c->from);
	return day.present && p.birth_year ? (int)(day.number / 10000) - p.birth_year : INT_MIN;
}

static bool impossible(const struct talent_alert *a, const struct talent_record *r)
{
	int age = talent_alert_age(a, r);

	return age != INT_MIN && (age < a->least || age > a->most);
}

/* ---- traces ---- */

/* Two bytes of a hash, never 0; 0 for nothing. */
static unsigned hash_short(const char *what, struct text t)
{
	uint8_t hash[KEY_HASH_BYTES];
	unsigned v;

	if (t.n == 0)
		return 0;
	hash_key(hash, text_of(what), t);
	v = (unsigned)hash[0] << 8 | hash[1];
	return v ? v : 1;
}

static void put_u16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}
static unsigned get_u16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void paid_trace(const struct record *r, unsigned asked, uint8_t *body)
{
	uint32_t digits = 0, most;
	struct text purpose = text_in(r, "purpose"), payee = text_in(r, "payee");
	const struct code_list *list = code_list_find(TEXT("subsidy_purpose"));
	int at = list ? code_index(list, purpose) : -1;

	if (!talent_occupation(text_in(r, "occupation"), &digits, &most))
		digits = 0;
	put_u16(body, (unsigned)month_of_date(number_of(r, "claimed_on")));
	body[2] = (uint8_t)(at + 1);
	body[3] = (uint8_t)(rank_of(r) + 1);
	body[4] = (uint8_t)(digits >> 16);
	put_u16(body + 5, digits & 0xffff);
	body[7] = (uint8_t)asked;
	put_u16(body + 8, hash_short("enrolment", text_in(r, "enrolment_no")));
	put_u16(body + 10, payee.n ? hash_short("payee", payee)
				   : hash_short("payee_kind", text_in(r, "payee_kind")));
}

size_t talent_traces(const struct talent_rules *t, const struct talent_record *r,
	struct talent_trace out[TRACE_KINDS])
{
	unsigned kinds = 0, asked = 0;
	size_t n = 0;

	for (const struct talent_alert *a = t->alerts; a; a = a->next) {
		if (a->kind == ALERT_AGE && impossible(a, r))
			kinds |= 1u << TRACE_AGE;
		else if (a->kind == ALERT_REVOKED &&
			 strcmp(r->record->reg->name, "certificate") == 0 &&
			 number_of(r->record, "revoked_on"))
			kinds |= 1u << TRACE_REVOKED;
		if (a->kind == ALERT_CERTIFICATE || !looks_at(a, r))
			continue;
		if (a->kind == ALERT_OVERLAP) {
			kinds |= full_time(a, r->record) ? 1u << TRACE_FULL_TIME : 0;
		} else {
			kinds |= 1u << TRACE_PAID;
			asked |= 1u << a->kind;
		}
	}
	for (unsigned kind = 0; kind < TRACE_KINDS; kind++) {
		struct talent_trace *one = &out[n];

		if (!(kinds & 1u << kind))
			continue;
		*one = (struct talent_trace){ .kind = kind, .origin = r->origin };
		if (kind == TRACE_PAID) {
			paid_trace(r->record, asked, one->body);
		} else if (kind == TRACE_FULL_TIME) {
			put_u16(one->body, talent_day((int)number_of(r->record, "enrolled_on")));
			put_u16(one->body + 2, talent_day((int)number_of(r->record, "ended_on")));
		}
		n++;
	}
	return n;
}

static bool paid_pair(const struct talent_trace *a, const struct talent_trace *b)
{
	const uint8_t *x = a->body, *y = b->body;
	unsigned asked = x[7] & y[7];

	if (x[2] != y[2])
		return false;
	if (asked & (1u << ALERT_PAYEES) && get_u16(x + 8) && get_u16(x + 8) == get_u16(y + 8) &&
		get_u16(x + 10) != get_u16(y + 10))
		return true;
	return asked & (1u << ALERT_PAID_AGAIN | 1u << ALERT_PAID_BELOW) &&
	       memcmp(x + 4, y + 4, 3) == 0 && get_u16(x) <= get_u16(y) && y[3] <= x[3];
}

static bool suspect_pair(const struct talent_trace *a, const struct talent_trace *b)
{
	if (a->kind == TRACE_PAID && b->kind == TRACE_PAID)
		return paid_pair(a, b) || paid_pair(b, a);
	if (a->kind == TRACE_FULL_TIME && b->kind == TRACE_FULL_TIME)
		return a->origin != b->origin && get_u16(a->body) <= get_u16(b->body + 2) &&
		       get_u16(b->body) <= get_u16(a->body + 2);
	return (a->kind == TRACE_PAID && b->kind == TRACE_REVOKED &&
		       a->body[7] & 1u << ALERT_REVOKED) ||
	       (b->kind == TRACE_PAID && a->kind == TRACE_REVOKED &&
		       b->body[7] & 1u << ALERT_REVOKED);
}

bool talent_traces_suspect(const struct talent_trace *traces, size_t n)
{
	if (n > LOOK_AT_ALL)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (traces[i].kind == TRACE_AGE)
			return true;
		for (size_t k = i + 1; k < n; k++)
			if (suspect_pair(&traces[i], &traces[k]))
				return true;
	}
	return false;
}

/* ---- one person ---- */

struct look {
	const struct talent_record *records;
	size_t n;
	const struct talent_alert *rule;
	void (*found)(void *arg, const struct talent_alert *rule, size_t i, size_t k);
	void *arg;
};

static bool same_text(const struct record *a, const struct record *b, const char *field)
{
	return text_eq(text_in(a, field), text_in(b, field));
}

/* Two that the rule looks at, `a` not later than `b`. */
static bool pair_speaks(const struct talent_alert *rule, const struct talent_record *a,
	const struct talent_record *b)
{
	const struct record *x = a->record, *y = b->record;
	bool paid_same = rule->reg == y->reg && same_text(x, y, "purpose");

	switch (rule->kind) {
	case ALERT_PAID_AGAIN:
		return paid_same && same_text(x, y, "occupation") && rank_of(x) == rank_of(y);
	case ALERT_PAID_BELOW:
		return paid_same && same_text(x, y, "occupation") &&
		       (rank_of(y) < rank_of(x) ||
			       (rank_of(x) < rank_of(y) &&
				       number_of(x, "claimed_on") == number_of(y, "claimed_on")));
	case ALERT_PAYEES:
		return paid_same && text_in(x, "enrolment_no").n &&
		       same_text(x, y, "enrolment_no") &&
		       !(same_text(x, y, "payee") && same_text(x, y, "payee_kind"));
	case ALERT_OVERLAP:
		return a->origin != b->origin && full_time(rule, x) && full_time(rule, y) &&
		       number_of(y, "enrolled_on") <= number_of(x, "ended_on");
	default:
		return false;
	}
}

static void pairs_look(const struct look *l)
{
	const char *day = l->rule->kind == ALERT_OVERLAP ? "enrolled_on" : "claimed_on";

	for (size_t i = 0; i < l->n; i++) {
		if (!looks_at(l->rule, &l->records[i]))
			continue;
		for (size_t k = i + 1; k < l->n; k++) {
			size_t a = i, b = k;

			if (!looks_at(l->rule, &l->records[k]))
				continue;
			if (number_of(l->records[b].record, day) <
				number_of(l->records[a].record, day)) {
				a = k;
				b = i;
			}
			if (pair_speaks(l->rule, &l->records[a], &l->records[b]))
				l->found(l->arg, l->rule, a, b);
		}
	}
}

/* Is the certificate k a revoked one that the claim i counts? */
static bool counts_revoked(const struct look *l, size_t i, size_t k)
{
	const struct record *claim = l->records[i].record, *z = l->records[k].record;
	int64_t revoked = number_of(z, "revoked_on");
	struct text number = text_in(claim, "certificate_no");

	if (!revoked || strcmp(z->reg->name, "certificate") != 0)
		return false;
	if (number.n)
		return text_eq(number, text_in(z, "number"));
	if (!text_in(claim, "occupation").n || rank_of(claim) < 0 ||
		!same_text(claim, z, "occupation") || rank_of(claim) != rank_of(z) ||
		revoked > number_of(claim, "claimed_on"))
		return false;
	for (size_t other = 0; other < l->n; other++) {
		const struct record *o = l->records[other].record;

		if (o->reg == z->reg && !number_of(o, "revoked_on") &&
			same_text(claim, o, "occupation") && rank_of(o) == rank_of(z))
			return false;
	}
	return true;
}

static void revoked_look(const struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		if (!looks_at(l->rule, &l->records[i]))
			continue;
		for (size_t k = 0; k < l->n; k++)
			if (counts_revoked(l, i, k))
				l->found(l->arg, l->rule, i, k);
	}
}

void talent_alerts_person(const struct talent_rules *t, const struct talent_record *records,
	size_t n, void (*found)(void *arg, const struct talent_alert *rule, size_t i, size_t k),
	void *arg)
{
	struct look l = { records, n, NULL, found, arg };

	for (l.rule = t->alerts; l.rule; l.rule = l.rule->next) {
		switch (l.rule->kind) {
		case ALERT_AGE:
			for (size_t i = 0; i < n; i++)
				if (impossible(l.rule, &records[i]))
					found(arg, l.rule, i, i);
			break;
		case ALERT_REVOKED:
			revoked_look(&l);
			break;
		case ALERT_CERTIFICATE:
		case ALERT_JUMP:
		case ALERT_READS:
			break;
		default:
			pairs_look(&l);
			break;
		}
	}
}
