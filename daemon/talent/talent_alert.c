/* Alerts: what records say, and their traces. The look at one person's records: talent_look.c.
 *
 * A trace, by kind:
 *
 *     paid        month (2) purpose (1) rank (1) occupation (3) asked by (1) enrolment (2) payee
 * (2) full time   first day (2) last day (2), zeros revoked     zeros age         zeros
 *
 * month: by number; days from 1900 on; enrolment, payee: of a hash, 0 none; asked by: bits of the
 * alerts' kinds. Two claims that make an alert have traces that make a suspect: every comparison
 * between traces is a coarser one of that between the records. */
#include "daemon/talent/talent_alert_inside.h"

#include <limits.h>
#include <stdlib.h>

#include "daemon/base/buf.h"
#include "daemon/talent/talent_row.h"

#define LOOK_AT_ALL 64 /* a person with more traces is looked at in any case */

/* ---- what records say ---- */

const struct field *talent_field(const struct reg *reg, const char *name)
{
	int i = register_field(reg, text_of(name));

	return i < 0 || !reg->fields[i].pb ? NULL : &reg->fields[i];
}

static struct value value_of(const struct record *r, const char *field)
{
	const struct field *f = talent_field(r->reg, field);
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

int64_t alert_number(const struct record *r, const char *field)
{
	struct value v = value_of(r, field);

	return v.present ? v.number : 0;
}

struct text alert_text(const struct record *r, const char *field)
{
	struct value v = value_of(r, field);

	return v.present ? v.text : (struct text){ 0 };
}

bool alert_looks_at(const struct talent_alert *a, const struct talent_record *r)
{
	return a->reg == r->record->reg && record_person(r->record, 0).pid &&
	       (!a->where || expr_holds(a->where, r->record, r->origin));
}

int alert_rank(const struct record *r)
{
	struct text level = alert_text(r, "level");

	return level.n ? level_rank(level) : -1;
}

bool alert_full_time(const struct talent_alert *a, const struct record *r)
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

bool alert_impossible(const struct talent_alert *a, const struct talent_record *r)
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
	struct text purpose = alert_text(r, "purpose"), payee = alert_text(r, "payee");
	const struct code_list *list = code_list_find(TEXT("subsidy_purpose"));
	int at = list ? code_index(list, purpose) : -1;

	if (!talent_occupation(alert_text(r, "occupation"), &digits, &most))
		digits = 0;
	put_u16(body, (unsigned)month_of_date(alert_number(r, "claimed_on")));
	body[2] = (uint8_t)(at + 1);
	body[3] = (uint8_t)(alert_rank(r) + 1);
	body[4] = (uint8_t)(digits >> 16);
	put_u16(body + 5, digits & 0xffff);
	body[7] = (uint8_t)asked;
	put_u16(body + 8, hash_short("enrolment", alert_text(r, "enrolment_no")));
	put_u16(body + 10, payee.n ? hash_short("payee", payee)
				   : hash_short("payee_kind", alert_text(r, "payee_kind")));
}

size_t talent_traces(const struct talent_rules *t, const struct talent_record *r,
	struct talent_trace out[TRACE_KINDS])
{
	unsigned kinds = 0, asked = 0;
	size_t n = 0;

	for (const struct talent_alert *a = t->alerts; a; a = a->next) {
		if (a->kind == ALERT_AGE && alert_impossible(a, r))
			kinds |= 1u << TRACE_AGE;
		else if (a->kind == ALERT_REVOKED &&
			 strcmp(r->record->reg->name, "certificate") == 0 &&
			 alert_number(r->record, "revoked_on"))
			kinds |= 1u << TRACE_REVOKED;
		if (a->kind == ALERT_CERTIFICATE || !alert_looks_at(a, r))
			continue;
		if (a->kind == ALERT_OVERLAP) {
			kinds |= alert_full_time(a, r->record) ? 1u << TRACE_FULL_TIME : 0;
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
			put_u16(one->body, talent_day((int)alert_number(r->record, "enrolled_on")));
			put_u16(one->body + 2,
				talent_day((int)alert_number(r->record, "ended_on")));
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

size_t talent_alert_crowd(const struct talent_rules *t)
{
	for (const struct talent_alert *a = t->alerts; a; a = a->next)
		if (a->kind == ALERT_RECORDS)
			return (size_t)a->most;
	return SIZE_MAX;
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
