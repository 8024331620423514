/* Conditions: read once when a form is loaded, into a small tree; asked for every record.
 *
 * What can be known when the form is read is refused then: a field that the register does not have,
 * a code that is not in the field's list, an order on something that has none. Asking cannot fail.
 */
#include "daemon/survey/expr.h"

#include <ctype.h>

#include "proto/check.h"

#define VALUES_MAX 32
#define DEPTH_MAX 16

enum expr_kind {
	EXPR_AND,
	EXPR_OR,
	EXPR_NOT,
	EXPR_IN,
	EXPR_HAS,
	EXPR_PRESENT,
	EXPR_BELOW,
	EXPR_ABOVE
};
enum expr_side { SIDE_FIELD, SIDE_SEX, SIDE_BIRTH_YEAR, SIDE_DISTRICT, SIDE_AGE };

struct expr {
	enum expr_kind kind;
	const struct expr *a, *b; /* AND, OR; NOT: a */
	enum expr_side side;
	const struct field *field; /* SIDE_FIELD */
	bool as_text;		   /* compared as text; else as a number */
	size_t n;
	struct text *texts;
	int64_t *numbers;
	/* BELOW, ABOVE: against `percent` of another field plus numbers[0]; or NULL */
	const struct field *other;
	int64_t percent;
};

struct parser {
	const struct reg *reg; /* NULL: a person is asked */
	struct text rest;
	struct arena *a;
	struct errmsg *m;
	int depth;
};

static const struct expr *refuse(struct parser *p, const char *words, struct text what)
{
	errmsg_set(p->m, "%s%s%.*s", words, what.n ? ": " : "", (int)what.n, what.p ? what.p : "");
	return NULL;
}

static struct text rest_trimmed(struct parser *p)
{
	while (p->rest.n && isspace((unsigned char)*p->rest.p)) {
		p->rest.p++;
		p->rest.n--;
	}
	return p->rest;
}

static bool word_sign(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' ||
	       (unsigned char)c >= 0x80;
}

/* The next word, or the next sign (one of = != < <= > >= | ( )); empty at the end. */
static struct text token(struct parser *p)
{
	struct text t = rest_trimmed(p);
	size_t n = 0;

	if (!t.n)
		return t;
	while (n < t.n && word_sign(t.p[n]))
		n++;
	if (n == 0)
		n = t.n > 1 && strchr("!<>", t.p[0]) && t.p[1] == '=' ? 2 : 1;
	p->rest = (struct text){ t.p + n, t.n - n };
	return (struct text){ t.p, n };
}

static bool next_is(struct parser *p, const char *word)
{
	struct parser ahead = *p;

	if (!text_is(token(&ahead), word))
		return false;
	p->rest = ahead.rest;
	return true;
}

static struct expr *expr_new(struct parser *p, enum expr_kind kind)
{
	struct expr *e = arena_alloc(p->a, sizeof(*e));

	if (!e)
		refuse(p, "the form holds more than a form may", (struct text){ 0 });
	else
		e->kind = kind;
	return e;
}

/* Digits with at most `decimals` after a point, as a whole number of the smallest part. */
static bool number_of(struct text t, int decimals, int64_t *out)
{
	int after = -1;

	*out = 0;
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i] == '.' && after < 0 && i > 0) {
			after = 0;
			continue;
		}
		if (t.p[i] < '0' || t.p[i] > '9' || *out > INT64_MAX / 100 ||
			(after >= 0 && ++after > decimals))
			return false;
		*out = *out * 10 + (t.p[i] - '0');
	}
	for (after = after < 0 ? 0 : after; after < decimals; after++)
		*out *= 10;
	return t.n > 0;
}

static bool value_number(const struct expr *e, struct text t, int64_t *out)
{
	enum field_type type = e->field ? e->field->type : FIELD_INT;

	if (type == FIELD_DATE) {
		*out = date_parse(t);
		return *out != 0;
	}
	return number_of(t, type == FIELD_MONEY ? 2 : type == FIELD_DEC1 ? 1 : 0, out);
}

static bool value_add(struct parser *p, struct expr *e, struct text t)
{
	if (!t.n || !word_sign(t.p[0])) {
		refuse(p, "a value is expected after = or |", (struct text){ 0 });
		return false;
	}
	if (e->n >= VALUES_MAX) {
		refuse(p, "too many values", (struct text){ 0 });
		return false;
	}
	if (!e->as_text) {
		if (value_number(e, t, &e->numbers[e->n++]))
			return true;
		refuse(p, "not a value of this field", t);
		return false;
	}
	if (e->field->codes && code_index(e->field->codes, t) < 0) {
		refuse(p, "not a code of the field's list", t);
		return false;
	}
	e->texts[e->n] = arena_copy(p->a, t);
	return e->texts[e->n++].p != NULL;
}

static const struct expr *values(struct parser *p, struct expr *e)
{
	e->texts = arena_alloc(p->a, VALUES_MAX * sizeof(*e->texts));
	e->numbers = arena_alloc(p->a, VALUES_MAX * sizeof(*e->numbers));
	if (!e->texts || !e->numbers)
		return refuse(p, "the form holds more than a form may", (struct text){ 0 });
	do {
		if (!value_add(p, e, token(p)))
			return NULL;
	} while (next_is(p, "|"));
	return e;
}

static bool side(struct parser *p, struct expr *e, struct text name)
{
	int i = -1;

	if (text_is(name, "sex") && (!p->reg || p->reg->n_persons)) {
		e->side = SIDE_SEX;
	} else if (text_is(name, "birth_year") && (!p->reg || p->reg->n_persons)) {
		e->side = SIDE_BIRTH_YEAR;
	} else if (!p->reg) {
		if (!text_is(name, "age")) {
			refuse(p, "a person is asked for sex, age or birth_year", name);
			return false;
		}
		e->side = SIDE_AGE;
	} else if (text_is(name, "district")) {
		e->side = SIDE_DISTRICT;
	} else {
		i = register_field(p->reg, name);
		if (i < 0 || !p->reg->fields[i].pb) {
			refuse(p, "the register has no such field", name);
			return false;
		}
		e->field = &p->reg->fields[i];
		switch (e->field->type) {
		case FIELD_DATE:
		case FIELD_MONTH:
		case FIELD_YEAR:
		case FIELD_INT:
		case FIELD_DEC1:
		case FIELD_MONEY:
		case FIELD_BOOL:
			break;
		default:
			e->as_text = true;
		}
	}
	return true;
}

static const struct expr *negated(struct parser *p, const struct expr *a)
{
	struct expr *e = a ? expr_new(p, EXPR_NOT) : NULL;

	if (e)
		e->a = a;
	return e;
}

/* After an order: [N% of] FIELD. False: it is no field, and nothing was taken. */
static bool other_field(struct parser *p, struct expr *e)
{
	struct parser ahead = *p;
	struct text name = token(&ahead);
	int i;

	e->percent = 100;
	if (next_is(&ahead, "%")) {
		if (!number_of(name, 0, &e->percent) || e->percent > 1000 || !next_is(&ahead, "of"))
			return false;
		name = token(&ahead);
	}
	i = p->reg && e->field ? register_field(p->reg, name) : -1;
	if (i < 0 || !p->reg->fields[i].pb || p->reg->fields[i].type != e->field->type)
		return false;
	e->other = &p->reg->fields[i];
	e->numbers = arena_alloc(p->a, sizeof(*e->numbers));
	p->rest = ahead.rest;
	return e->numbers != NULL;
}

/* FIELD and what is asked of it. */
static const struct expr *test(struct parser *p)
{
	struct expr *e = expr_new(p, EXPR_IN);
	struct text op;
	bool more;

	if (!e || !side(p, e, token(p)))
		return NULL;
	op = token(p);
	if (text_is(op, "present") || text_is(op, "absent")) {
		e->kind = EXPR_PRESENT;
		return text_is(op, "absent") ? negated(p, e) : e;
	}
	if (text_is(op, "has")) {
		e->kind = EXPR_HAS;
		if (!e->field || e->field->type != FIELD_CODES)
			return refuse(p, "has asks a list of codes", (struct text){ 0 });
		return values(p, e);
	}
	if (e->field && e->field->type == FIELD_CODES)
		return refuse(p, "a list of codes is asked with has", op);
	if (text_is(op, "="))
		return values(p, e);
	if (text_is(op, "!="))
		return negated(p, values(p, e));
	more = op.n && (op.p[0] == '<' || op.p[0] == '>');
	if (!more || e->as_text)
		return refuse(p, "not something that can be asked of this field", op);
	/* a <= b is not a > b, but an absent field is in neither. */
	e->kind = op.p[0] == '<' ? EXPR_BELOW : EXPR_ABOVE;
	if (!other_field(p, e)) {
		if (!values(p, e))
			return NULL;
		if (e->n != 1)
			return refuse(p, "an order takes one value", (struct text){ 0 });
	}
	if (op.n == 2)
		e->numbers[0] += e->kind == EXPR_BELOW ? 1 : -1;
	return e;
}

static const struct expr *either(struct parser *p);

static const struct expr *one(struct parser *p)
{
	const struct expr *e = NULL;

	if (++p->depth > DEPTH_MAX)
		return refuse(p, "the condition is too deep", (struct text){ 0 });
	if (next_is(p, "not")) {
		e = negated(p, one(p));
	} else if (next_is(p, "(")) {
		e = either(p);
		if (e && !next_is(p, ")"))
			e = refuse(p, "a ( is never closed", (struct text){ 0 });
	} else if (rest_trimmed(p).n) {
		e = test(p);
	} else {
		refuse(p, "the condition ends too early", (struct text){ 0 });
	}
	p->depth--;
	return e;
}

/* One level of "a WORD b WORD c". */
static const struct expr *chain(struct parser *p, enum expr_kind kind)
{
	const struct expr *left = kind == EXPR_OR ? chain(p, EXPR_AND) : one(p);

	while (left && next_is(p, kind == EXPR_OR ? "or" : "and")) {
		struct expr *e = expr_new(p, kind);

		if (!e)
			return NULL;
		e->a = left;
		e->b = kind == EXPR_OR ? chain(p, EXPR_AND) : one(p);
		left = e->b ? e : NULL;
	}
	return left;
}

static const struct expr *either(struct parser *p)
{
	return chain(p, EXPR_OR);
}

const struct expr *expr_parse(
	const struct reg *reg, struct text source, struct arena *a, struct errmsg *m)
{
	struct parser p = { .reg = reg, .rest = source, .a = a, .m = m };
	const struct expr *e = either(&p);

	if (e && rest_trimmed(&p).n)
		return refuse(&p, "not understood from here on", p.rest);
	return e;
}

const struct expr *expr_parse_person(struct text source, struct arena *a, struct errmsg *m)
{
	return expr_parse(NULL, source, a, m);
}

void expr_ages(const struct expr *e, int *out, size_t size, size_t *n)
{
	if (e->a)
		expr_ages(e->a, out, size, n);
	if (e->b)
		expr_ages(e->b, out, size, n);
	if (e->side != SIDE_AGE)
		return;
	for (size_t i = 0; i < e->n; i++) {
		for (int step = 0; step < 2; step++) {
			if (*n < size)
				out[*n] = (int)e->numbers[i] + step;
			++*n;
		}
	}
}

/* ---- asking ---- */

struct ground {
	const struct record *record; /* or NULL: a person */
	uint32_t origin;
	const struct expr_person *person;
};

static struct value number_or_absent(int64_t number, bool present)
{
	return (struct value){ .present = present, .number = number };
}

/* The value that a test looks at, the person's and the origin's facts included. */
static struct value value_of(const struct expr *e, const struct ground *g)
{
	struct expr_person p = { SEX_UNKNOWN, 0, 0 };

	if (e->side == SIDE_FIELD)
		return record_value(g->record, e->field);
	if (e->side == SIDE_DISTRICT)
		return number_or_absent(g->origin, true);
	if (g->record) {
		struct person_facts facts = record_person(g->record, 0);

		p.sex = facts.sex;
		p.birth_year = facts.birth_year;
	} else {
		p = *g->person;
	}
	if (e->side == SIDE_SEX)
		return number_or_absent(p.sex, p.sex != SEX_UNKNOWN);
	if (e->side == SIDE_AGE)
		return number_or_absent(p.year - p.birth_year, p.birth_year != 0);
	return number_or_absent(p.birth_year, p.birth_year != 0);
}

/* FIELD < or > a value, or a part of another field. */
static bool in_order(const struct expr *e, const struct value *v, const struct ground *g)
{
	__int128 left = v->number, right = e->numbers[0];

	if (e->other) {
		struct value other = record_value(g->record, e->other);

		if (!other.present)
			return false;
		/* in hundredths: the step that makes <= of < stays one of them */
		left *= 100;
		right += (__int128)other.number * e->percent;
	}
	return e->kind == EXPR_BELOW ? left < right : left > right;
}

static bool among(const struct expr *e, const struct value *v)
{
	for (size_t i = 0; i < e->n; i++)
		if (e->as_text ? text_eq(e->texts[i], v->text) : e->numbers[i] == v->number)
			return true;
	return false;
}

static bool list_among(const struct expr *e, const struct value *v)
{
	for (size_t i = 0; i < v->n_list; i++) {
		struct value one_of = { .present = true,
			.text = { (const char *)v->list[i].data, v->list[i].len } };

		if (among(e, &one_of))
			return true;
	}
	return false;
}

static bool holds(const struct expr *e, const struct ground *g)
{
	struct value v;

	switch (e->kind) {
	case EXPR_AND:
		return holds(e->a, g) && holds(e->b, g);
	case EXPR_OR:
		return holds(e->a, g) || holds(e->b, g);
	case EXPR_NOT:
		return !holds(e->a, g);
	default:
		break;
	}
	v = value_of(e, g);
	if (!v.present)
		return false;
	switch (e->kind) {
	case EXPR_HAS:
		return list_among(e, &v);
	case EXPR_BELOW:
	case EXPR_ABOVE:
		return in_order(e, &v, g);
	case EXPR_PRESENT:
		return true;
	default:
		return among(e, &v);
	}
}

bool expr_holds(const struct expr *e, const struct record *r, uint32_t origin)
{
	struct ground g = { .record = r, .origin = origin };

	return holds(e, &g);
}

bool expr_holds_person(const struct expr *e, const struct expr_person *p)
{
	struct ground g = { .person = p };

	return holds(e, &g);
}
