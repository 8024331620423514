/* Reads the rules of checks: SIDE RELATION SIDE, word by word. A term that names a measure which
 * the form does not have is refused here, so that asking a check later cannot fail. */
#include "daemon/survey/form_check.h"

#include <ctype.h>

#include "daemon/survey/form.h"

static const char *const spans[] = {
	[SPAN_SAME] = "",
	[SPAN_PREVIOUS] = "previous",
	[SPAN_YEAR_AGO] = "year_ago",
	[SPAN_CUMULATIVE] = "cumulative",
	[SPAN_CUMULATIVE_PREVIOUS] = "cumulative_previous",
	[SPAN_YEAR] = "year",
	[SPAN_EVER] = "ever",
	[SPAN_DISTRICTS] = "districts",
};

struct reader {
	struct text rest;
	const struct form *form;
	int dim; /* -1: terms are columns */
	struct errmsg *m;
};

static int refuse(struct reader *r, const char *words, struct text what)
{
	errmsg_set(r->m, "%s: %.*s", words, (int)what.n, what.p ? what.p : "");
	return ERR_INVALID;
}

/* A word of letters, digits and points, or one of + - = <= >= %. */
static struct text token(struct reader *r)
{
	struct text t = text_trim(r->rest);
	size_t n = 0;

	while (n < t.n && (isalnum((unsigned char)t.p[n]) || t.p[n] == '_' || t.p[n] == '.'))
		n++;
	if (n == 0 && t.n)
		n = t.n > 1 && strchr("<>", t.p[0]) && t.p[1] == '=' ? 2 : 1;
	r->rest = (struct text){ t.p + n, t.n - n };
	return (struct text){ t.p, n };
}

/* A term of a check of rows. */
static int row_term(struct reader *r, struct check_side *s, int sign)
{
	const struct form_dim *d = &r->form->dims[r->dim];
	struct check_term t = { .sign = sign };
	struct text w = token(r);

	while (t.measure < d->n && !text_is(w, d->rows[t.measure].code))
		t.measure++;
	if (t.measure == d->n) {
		if (!text_is(w, "_T"))
			return refuse(r, "the dim has no such row", w);
		t.measure = ROW_TOTAL;
	}
	if (s->n == CHECK_TERMS_MAX)
		return refuse(r, "the rule is too long", w);
	s->terms[s->n++] = t;
	return 0;
}

static int term(struct reader *r, struct check_side *s, int sign)
{
	struct check_term t = { .sign = sign };
	struct text w = token(r);

	for (size_t i = 1; i < sizeof(spans) / sizeof(*spans); i++) {
		if (text_is(w, spans[i])) {
			t.span = (enum check_span)i;
			w = token(r);
			break;
		}
	}
	if ((t.span == SPAN_CUMULATIVE || t.span == SPAN_CUMULATIVE_PREVIOUS) &&
		!r->form->cumulative)
		return refuse(r, "the form has no cumulative figures", w);
	if (t.span == SPAN_YEAR && !(r->form->periods & 1u << PERIOD_YEAR))
		return refuse(r, "the form has no years", w);
	for (t.measure = 0; t.measure < r->form->n_measures; t.measure++)
		if (text_is(w, r->form->measures[t.measure].id))
			break;
	if (t.measure == r->form->n_measures)
		return refuse(r, "the form has no such measure", w);
	if (t.span == SPAN_EVER && !form_adds_up(&r->form->measures[t.measure]))
		return refuse(r, "only what is added up over months has an ever", w);
	if (s->n == CHECK_TERMS_MAX)
		return refuse(r, "the rule is too long", w);
	s->terms[s->n++] = t;
	return 0;
}

/* Terms up to a word that is neither + nor -, which comes back in *after. */
static int side(struct reader *r, struct check_side *s, struct text *after)
{
	int sign = 1, err;

	for (;;) {
		err = r->dim >= 0 ? row_term(r, s, sign) : term(r, s, sign);
		if (err)
			return err;
		*after = token(r);
		if (!text_is(*after, "+") && !text_is(*after, "-"))
			return 0;
		sign = text_is(*after, "+") ? 1 : -1;
	}
}

static int within(struct reader *r, struct form_check *c)
{
	struct text w = token(r);

	for (size_t i = 0; i < w.n; i++) {
		if (!isdigit((unsigned char)w.p[i]) || i > 2)
			return refuse(r, "a percentage is expected after within", w);
		c->percent = c->percent * 10 + (unsigned)(w.p[i] - '0');
	}
	if (!w.n || !text_is(token(r), "%") || !text_is(token(r), "of"))
		return refuse(r, "it is written: within 30% of", w);
	return 0;
}

int form_terms_parse(
	struct check_side *s, const struct form *f, struct text source, struct errmsg *m)
{
	struct reader r = { .rest = source, .form = f, .dim = -1, .m = m };
	struct text after;
	int err = side(&r, s, &after);

	for (size_t i = 0; i < s->n && !err; i++)
		if (s->terms[i].span != SPAN_SAME)
			err = refuse(&r, "a formula is made of columns of the same period", source);
	if (!err && after.n)
		err = refuse(&r, "not understood from here on", after);
	return err;
}

int form_check_parse(struct form_check *c, const struct form *f, struct errmsg *m)
{
	struct reader r = { .rest = text_of(c->rule), .form = f, .dim = c->dim, .m = m };
	struct text after;
	int err = side(&r, &c->left, &after);

	if (err)
		return err;
	if (text_is(after, "="))
		c->relation = CHECK_EQUAL;
	else if (text_is(after, "<="))
		c->relation = CHECK_AT_MOST;
	else if (text_is(after, ">="))
		c->relation = CHECK_AT_LEAST;
	else if (text_is(after, "within"))
		c->relation = CHECK_WITHIN;
	else
		return refuse(&r, "a relation is one of = <= >= within", after);
	err = c->relation == CHECK_WITHIN ? within(&r, c) : 0;
	if (!err)
		err = side(&r, &c->right, &after);
	if (!err && after.n)
		err = refuse(&r, "not understood from here on", after);
	return err;
}
