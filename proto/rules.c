/* Rules: a check is a row of `checks` with the shape of its arguments and a function; a rule is a
 * check with arguments.
 *
 * Binding turns names into indexes once: fields, codes into bit sets, numbers as their field writes
 * them. Asking is then a few compares. A rule one of whose fields is missing where it needs it, or
 * has a fault already, says nothing. */
#include <stdlib.h>

#include "proto/rules.h"
#include "proto/check.h"
#include "proto/parse.h"

struct check {
	const char *name;
	char own; /* what the rule's own field must be: n a number, k a code, t text, p a person's
		     number, * any */
	const char *args;  /* one letter an argument, see bind_argument() */
	const char *needs; /* must be present: o the own field, 0 1 2 those of at[] */
	bool (*holds)(struct judgement *j, const struct rule *r);
};

static int64_t number_of(const struct judgement *j, int field)
{
	return message_number(j->msg, j->reg->fields[field].pb);
}

static struct text text_in(const struct judgement *j, int field)
{
	return message_text(j->msg, j->reg->fields[field].pb);
}

static bool decided(const struct judgement *j, const struct rule *r, int at)
{
	return (r->codes >> j->code[r->at[at]]) & 1;
}

static bool required_when(struct judgement *j, const struct rule *r)
{
	return judge_has(j, r->field) || !decided(j, r, 0);
}

static bool required_unless(struct judgement *j, const struct rule *r)
{
	return judge_has(j, r->field) || decided(j, r, 0);
}

static bool required_without(struct judgement *j, const struct rule *r)
{
	return judge_has(j, r->field) || judge_has(j, r->at[0]);
}

static bool required_above(struct judgement *j, const struct rule *r)
{
	return judge_has(j, r->field) || number_of(j, r->at[0]) <= r->low;
}

static bool empty_when(struct judgement *j, const struct rule *r)
{
	return !decided(j, r, 0);
}

static bool true_when(struct judgement *j, const struct rule *r)
{
	return number_of(j, r->field) == 0 || decided(j, r, 0);
}

static bool one_when(struct judgement *j, const struct rule *r)
{
	return !decided(j, r, 0) || ((r->own_codes >> j->code[r->field]) & 1);
}

static bool not_before(struct judgement *j, const struct rule *r)
{
	return number_of(j, r->field) >= number_of(j, r->at[0]);
}

static bool not_above(struct judgement *j, const struct rule *r)
{
	return number_of(j, r->field) <= number_of(j, r->at[0]);
}

static bool between(struct judgement *j, const struct rule *r)
{
	int64_t v = number_of(j, r->field);

	return v >= r->low && v <= r->high;
}

static bool at_least_when(struct judgement *j, const struct rule *r)
{
	return !decided(j, r, 1) || number_of(j, r->field) >= number_of(j, r->at[0]);
}

/* A row's number is brought into its canonical form; a message's must have it. Its own faults are
 * added here. */
static bool certificate(struct judgement *j, const struct rule *r)
{
	const struct field *field = &j->reg->fields[r->field];
	struct text number = text_in(j, r->field), level = { NULL, 0 }, canonical;
	char out[CERTIFICATE_NUMBER_MAX + 1];
	int year = 0;

	if (judge_has(j, r->at[1]) && !(j->bad >> r->at[1] & 1))
		year = (int)(number_of(j, r->at[1]) / 10000);
	if (judge_has(j, r->at[2]) && !(j->bad >> r->at[2] & 1))
		level = text_in(j, r->at[2]);
	canonical = certificate_check(text_in(j, r->at[0]), number, year, level, out, field, j->f);
	if (!canonical.n || text_eq(canonical, number))
		return true;
	if (!j->arena)
		return false;
	canonical = arena_copy(j->arena, canonical);
	if (canonical.p)
		message_set_text(j->msg, field->pb, canonical);
	else
		j->full = true;
	return true;
}

/* In years of the calendar, since a record holds no more than the year of birth. */
static bool age(struct judgement *j, const struct rule *r)
{
	int born = j->birth_year[j->reg->fields[r->field].person];
	int64_t years = number_of(j, r->at[0]) / 10000 - born;

	return born == 0 || (years >= r->low && years <= r->high);
}

/* Does t have the form: 0 a digit, other characters themselves? */
static bool like(struct text t, const char *form)
{
	if (t.n != strlen(form))
		return false;
	for (size_t i = 0; i < t.n; i++)
		if (form[i] == '0' ? t.p[i] < '0' || t.p[i] > '9' : t.p[i] != form[i])
			return false;
	return true;
}

static bool period(struct judgement *j, const struct rule *r)
{
	struct text t = text_in(j, r->field);

	if (strchr(r->words, 'Y') && like(t, "0000"))
		return true;
	if (strchr(r->words, 'H') && like(t, "0000-H0"))
		return t.p[6] == '1' || t.p[6] == '2';
	if (strchr(r->words, 'Q') && like(t, "0000-Q0"))
		return t.p[6] >= '1' && t.p[6] <= '4';
	if (strchr(r->words, 'M') && like(t, "0000-00")) {
		int month = (t.p[5] - '0') * 10 + (t.p[6] - '0');
		return month >= 1 && month <= 12;
	}
	return false;
}

static bool capitals(struct judgement *j, const struct rule *r)
{
	struct text t = text_in(j, r->field);

	for (size_t i = 0; i < t.n; i++)
		if (t.p[i] < 'A' || t.p[i] > 'Z')
			return false;
	return t.n == strtoul(r->words, NULL, 10);
}

static bool occupations(struct judgement *j, const struct rule *r)
{
	struct text t = text_in(j, r->field);

	while (t.n) {
		const char *end = memchr(t.p, ';', t.n);
		struct text one = { t.p, end ? (size_t)(end - t.p) : t.n };
		if (occupation_check(text_trim(one)) == OCC_BAD)
			return false;
		t.p += one.n + (end != NULL);
		t.n -= one.n + (end != NULL);
	}
	return true;
}

static bool no_document(struct judgement *j, const struct rule *r)
{
	struct text t = text_in(j, r->field);
	int run = 0;

	for (size_t i = 0; i < t.n; i++) {
		run = t.p[i] >= '0' && t.p[i] <= '9' ? run + 1 : 0;
		if (run == 11)
			return false;
	}
	return true;
}

/* A people's name goes nowhere in the clear: who is meant is told by a code. */
static bool no_name(struct judgement *j, const struct rule *r)
{
	return !text_names_only(text_in(j, r->field));
}

static const struct check checks[] = {
	{ "required_when", '*', "kc", "0", required_when },
	{ "required_unless", '*', "kc", "0", required_unless },
	{ "required_without", '*', "a", "", required_without },
	{ "required_above", '*', "nl", "0", required_above },
	{ "empty_when", '*', "kc", "o0", empty_when },
	{ "true_when", 'n', "kc", "o0", true_when },
	{ "one_when", 'k', "kco", "o0", one_when },
	{ "not_before", 'n', "n", "o0", not_before },
	{ "not_above", 'n', "n", "o0", not_above },
	{ "between", 'n', "lh", "o", between },
	{ "at_least_when", 'n', "nkc", "o01", at_least_when },
	{ "certificate", 't', "kNK", "o0", certificate },
	{ "age", 'p', "nLH", "o0", age },
	{ "period", 't', "s", "o", period },
	{ "capitals", 't', "s", "o", capitals },
	{ "occupations", 't', "", "o", occupations },
	{ "no_document", 't', "", "o", no_document },
	{ "no_name", 't', "", "o", no_name },
};

static bool is_number(const struct field *f)
{
	return f->type >= FIELD_DATE && f->type <= FIELD_MONEY ? true : f->type == FIELD_BOOL;
}

static bool field_is(const struct field *f, char what)
{
	switch (what) {
	case 'n':
		return is_number(f);
	case 'k':
		return f->type == FIELD_CODE;
	case 't':
		return f->type == FIELD_KEY || f->type == FIELD_TEXT;
	case 'p':
		return f->type == FIELD_DOC_NUMBER;
	default:
		return true;
	}
}

/* Codes separated by semicolons as a set of indexes; false when one is not in the list. */
static bool bind_codes(const struct code_list *list, const char *arg, uint32_t *set)
{
	*set = 0;
	while (*arg) {
		size_t n = strcspn(arg, ";");
		int at = code_index(list, (struct text){ arg, n });
		if (at < 0 || at >= 32)
			return false;
		*set |= (uint32_t)1 << at;
		arg += n + (arg[n] == ';');
	}
	return *set != 0;
}

/* A bound as people write it, in the units of `type`; an empty one is open. */
static bool bind_number(enum field_type type, const char *arg, int64_t open, int64_t *value)
{
	*value = open;
	return !*arg || parse_number(type, text_of(arg), value);
}

/* Letters of check.args: a k n a field (any, a code, a number), K N the same, asked even when it
 * has a fault · c codes of the field named last · o codes of the own list · l h a bound in the
 * units of the field named last, or the own; L H in whole numbers · s words. `last` is that field.
 */
static const char *bind_argument(
	const struct reg *reg, char letter, const char *arg, struct rule *r, int *n_at)
{
	int last = *n_at > 0 ? r->at[*n_at - 1] : r->field;
	const struct field *of = &reg->fields[last];
	int at;

	switch (letter) {
	case 'c':
		return bind_codes(of->codes, arg, &r->codes) ? NULL : "an unknown code";
	case 'o':
		return bind_codes(reg->fields[r->field].codes, arg, &r->own_codes)
			       ? NULL
			       : "an unknown code";
	case 'l':
	case 'L':
		return bind_number(letter == 'L' ? FIELD_INT : of->type, arg, INT64_MIN, &r->low)
			       ? NULL
			       : "a wrong number";
	case 'h':
	case 'H':
		return bind_number(letter == 'H' ? FIELD_INT : of->type, arg, INT64_MAX, &r->high)
			       ? NULL
			       : "a wrong number";
	case 's':
		r->words = arg;
		return *arg ? NULL : "no words";
	default:
		at = register_field(reg, text_of(arg));
		if (at < 0)
			return "an unknown field";
		r->at[(*n_at)++] = at;
		if (letter != 'N' && letter != 'K')
			r->silent |= (uint32_t)1 << at;
		return field_is(&reg->fields[at], (char)(letter | 0x20))
			       ? NULL
			       : "a field of another type";
	}
}

const char *rule_bind(const struct reg *reg, const struct table_rule *row, struct rule *r)
{
	const char *wrong = NULL;
	int n_at = 0;

	memset(r, 0, sizeof *r);
	r->fault = fault_find(row->fault);
	r->field = register_field(reg, text_of(row->field));
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		if (strcmp(checks[i].name, row->check) == 0)
			r->check = &checks[i];
	if (!r->fault || r->field < 0 || !r->check)
		return !r->fault      ? "an unknown fault"
		       : r->field < 0 ? "an unknown field"
				      : "an unknown check";
	if (!field_is(&reg->fields[r->field], r->check->own))
		return "a field of another type";
	r->silent = (uint32_t)1 << r->field;
	for (size_t i = 0; r->check->args[i] && !wrong; i++)
		wrong = bind_argument(reg, r->check->args[i], row->args[i], r, &n_at);
	for (const char *need = r->check->needs; *need && !wrong; need++)
		r->needs |= (uint32_t)1 << (*need == 'o' ? r->field : r->at[*need - '0']);
	return wrong;
}

void rules_judge(struct judgement *j)
{
	for (size_t i = 0; i < j->reg->n_rules; i++) {
		const struct rule *r = &j->reg->rules[i];
		if ((j->bad & r->silent) || (j->present & r->needs) != r->needs)
			continue;
		if (!r->check->holds(j, r))
			faults_add_def(j->f, r->fault, &j->reg->fields[r->field]);
	}
}
