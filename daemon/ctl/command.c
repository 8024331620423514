/* Words → request. Options are sorted out first (only the route knows which of them are flags),
 * then the remaining words are laid on the command's words one by one, then the URL is built:
 * {variables} of the path from the values in their order, the rest as query. The first misfit is
 * kept in words; the caller picks the route that came furthest. */
#include "daemon/ctl/command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the list ---- */

static const char *member(const json_t *route, const char *name)
{
	const char *s = json_string_value(json_object_get(route, name));
	return s ? s : "";
}

size_t commands_n(const json_t *answer)
{
	return json_array_size(json_object_get(answer, "routes"));
}

bool command_at(const json_t *answer, size_t i, struct command *out)
{
	const json_t *r = json_array_get(json_object_get(answer, "routes"), i);
	*out = (struct command){ member(r, "method"), member(r, "path"), member(r, "command"),
		member(r, "query"), member(r, "right"), member(r, "help_en"), member(r, "help_zh"),
		json_is_true(json_object_get(r, "upload")) };
	return *out->command && *out->path && *out->method;
}

/* ---- rows of words ---- */

/* The next word of a row, {NULL, 0} at its end. */
static struct text word_next(const char **row)
{
	const char *p = *row;
	while (*p == ' ')
		p++;
	size_t n = strcspn(p, " ");
	*row = p + n;
	return n ? (struct text){ p, n } : (struct text){ NULL, 0 };
}

static bool is_value(struct text w)
{
	return w.n && ((w.p[0] >= 'A' && w.p[0] <= 'Z') || w.p[0] == '[');
}

/* A value's bare name, and what surrounds it. */
static struct text value_name(struct text w, bool *optional, bool *many)
{
	*optional = w.n > 2 && w.p[0] == '[' && w.p[w.n - 1] == ']';
	if (*optional)
		w = (struct text){ w.p + 1, w.n - 2 };
	struct text dots = TEXT("…"), points = TEXT("...");
	*many = w.n > 3 &&
		(memcmp(w.p + w.n - 3, dots.p, 3) == 0 || memcmp(w.p + w.n - 3, points.p, 3) == 0);
	if (*many)
		w.n -= 3;
	return w;
}

/* Option names are the same with '-' and '_'. */
static bool name_is(struct text a, struct text b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i] &&
			!((a.p[i] == '-' || a.p[i] == '_') && (b.p[i] == '-' || b.p[i] == '_')))
			return false;
	return true;
}

/* The next name of a query row and its sign ('!', '?', '<', '@', '%' or 0). */
static struct text query_next(const char **row, char *sign)
{
	struct text w = word_next(row);
	*sign = 0;
	if (w.n && strchr("!?<@%", w.p[w.n - 1]))
		*sign = w.p[--w.n];
	return w;
}

/* ---- matching ---- */

struct matching {
	const struct command *r;
	struct request *q;
	struct text names[REQUEST_QUERY_MAX]; /* of query values, as the route writes them */
	const char *values[REQUEST_QUERY_MAX];
	size_t n_query;
	struct text value_names[REQUEST_VALUES_MAX]; /* of the command's capitals */
	const char *given[REQUEST_VALUES_MAX];	     /* NULL: left out */
	size_t n_values;
	char **sent; /* files named by an option; room for every word */
	size_t n_sent;
};

static int misfit(struct matching *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static int misfit(struct matching *m, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(m->q->why, sizeof m->q->why, format, ap);
	va_end(ap);
	return ERR_INVALID;
}

static int query_add(struct matching *m, struct text name, const char *value)
{
	for (size_t i = 0; i < m->n_query; i++)
		if (text_eq(m->names[i], name))
			return misfit(m, "--%.*s is given twice", (int)name.n, name.p);
	if (m->n_query == REQUEST_QUERY_MAX)
		return misfit(m, "more options than a command can have");
	m->names[m->n_query] = name;
	m->values[m->n_query++] = value;
	return 0;
}

static int ask_add(struct matching *m, struct text name)
{
	for (size_t i = 0; i < m->q->n_asks; i++)
		if (text_eq(m->q->asks[i], name))
			return misfit(m, "--%.*s is given twice", (int)name.n, name.p);
	if (m->q->n_asks == REQUEST_ASKS_MAX)
		return misfit(m, "more values than a command can ask for");
	m->q->asks[m->q->n_asks++] = name;
	return 0;
}

/* What the route always asks for, in its order before what flags ask for. */
static int asks_take(struct matching *m)
{
	const char *row = m->r->query;
	struct text name;
	char sign;
	int err = 0;
	while (!err && (name = query_next(&row, &sign)).n) {
		m->q->asking = m->q->asking || sign == '@' || sign == '%';
		if (sign == '%')
			err = ask_add(m, name);
	}
	return err;
}

static int option_value_take(struct matching *m, struct text name, char sign, char *value)
{
	if (sign == '<') {
		m->sent[m->n_sent++] = value;
		return 0;
	}
	if (sign != '>')
		return query_add(m, name, value);
	if (m->q->to)
		return misfit(m, "--to is given twice");
	m->q->to = value;
	return 0;
}

/* The option words[*i]; *i ends on its last word. */
static int option_take(struct matching *m, char *const *words, size_t n, size_t *i)
{
	const char *w = words[*i] + 2, *row = m->r->query;
	struct text given = { w, strcspn(w, "=") }, name;
	char sign;
	while ((name = query_next(&row, &sign)).n)
		if (name_is(name, given))
			break;
	if (!name.n && text_is(given, "to") && strcmp(m->r->method, "GET") == 0) {
		name = given;
		sign = '>';
	}
	if (!name.n || sign == '%')
		return misfit(m, "it has no option --%.*s", (int)given.n, given.p);
	if (sign == '?' || sign == '@')
		m->q->flags++;
	else
		m->q->options++;
	bool has_value = w[given.n] == '=';
	if (sign == '@' && !has_value)
		return ask_add(m, name);
	if (sign == '?' || sign == '@')
		return has_value ? misfit(m, "--%.*s takes no value", (int)given.n, given.p)
				 : query_add(m, name, "1");
	if (has_value)
		return option_value_take(m, name, sign, words[*i] + 3 + given.n);
	if (*i + 1 >= n)
		return misfit(m, "--%.*s wants a value", (int)given.n, given.p);
	return option_value_take(m, name, sign, words[++*i]);
}

/* Lays the words on the command. */
static int words_lay(struct matching *m, char **words, size_t n)
{
	const char *row = m->r->command;
	struct text w;
	size_t i = 0;
	bool optional, many;
	while ((w = word_next(&row)).n && !is_value(w)) {
		if (i == n || !text_eq(w, text_of(words[i])))
			return misfit(m, "it is another command");
		i++;
		m->q->literals++;
	}
	m->q->named = true;
	for (; w.n; w = word_next(&row)) {
		struct text name = value_name(w, &optional, &many);
		if (many && m->r->upload) {
			m->q->files = words + i;
			m->q->n_files = n - i;
			i = n;
			if (m->q->n_files == 0)
				return misfit(m, "%.*s is missing", (int)name.n, name.p);
			continue;
		}
		if (m->n_values == REQUEST_VALUES_MAX || (i == n && !optional))
			return misfit(m, "%.*s is missing", (int)name.n, name.p);
		m->value_names[m->n_values] = name;
		m->given[m->n_values++] = i < n ? words[i++] : NULL;
	}
	return i < n ? misfit(m, "the word '%s' is one too many", words[i]) : 0;
}

static int required_check(struct matching *m)
{
	const char *row = m->r->query;
	struct text name;
	char sign;
	while ((name = query_next(&row, &sign)).n) {
		bool found = sign == '<' ? m->n_sent > 0 : sign != '!';
		for (size_t i = 0; i < m->n_query && !found; i++)
			found = text_eq(m->names[i], name);
		/* a capital beyond the path's variables is a query value too */
		for (size_t i = 0; i < m->n_values && !found; i++)
			found = m->given[i] && m->value_names[i].n == name.n &&
				strncasecmp(m->value_names[i].p, name.p, name.n) == 0;
		if (!found)
			return misfit(m, "--%.*s is missing", (int)name.n, name.p);
	}
	return 0;
}

/* ---- the URL ---- */

static void encoded_put(struct buf *out, struct text t)
{
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.p[i];
		if (isalnum(c) || strchr("-._~", c))
			buf_put(out, &c, 1);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void query_put(struct buf *out, bool *first, struct text name, const char *value)
{
	buf_str(out, *first ? "?" : "&");
	*first = false;
	encoded_put(out, name);
	buf_str(out, "=");
	encoded_put(out, text_of(value));
}

/* A local path means something in the folder where tallyctl runs, not where the daemon does. */
static bool is_local_path(struct text name)
{
	return text_is(name, "DIR") || text_is(name, "FILE");
}

static void value_query_put(struct matching *m, size_t i, bool *first)
{
	char name[64], cwd[4096], whole[8192];
	struct text t = m->value_names[i];
	const char *value = m->given[i];
	if (is_local_path(t) && value[0] != '/' && getcwd(cwd, sizeof cwd)) {
		snprintf(whole, sizeof whole, "%s/%s", cwd, value);
		value = whole;
	}
	size_t n = t.n < sizeof name ? t.n : sizeof name;
	for (size_t j = 0; j < n; j++)
		name[j] = (char)tolower((unsigned char)t.p[j]);
	query_put(&m->q->url, first, (struct text){ name, n }, value);
}

static int url_build(struct matching *m)
{
	struct buf *out = &m->q->url;
	size_t used = 0;
	bool first = true;
	for (const char *p = m->r->path; *p;) {
		if (*p != '{') {
			buf_put(out, p++, 1);
			continue;
		}
		const char *value = used < m->n_values ? m->given[used] : NULL;
		used++;
		if (value)
			encoded_put(out, text_of(value));
		else if (out->n && out->p[out->n - 1] == '/')
			out->p[--out->n] = 0; /* left out: so is its part of the path */
		p += strcspn(p, "}");
		p += *p == '}';
	}
	for (size_t i = used; i < m->n_values; i++)
		if (m->given[i])
			value_query_put(m, i, &first);
	for (size_t i = 0; i < m->n_query; i++)
		query_put(out, &first, m->names[i], m->values[i]);
	return out->failed ? misfit(m, "out of memory") : 0;
}

static bool has_lang(const struct command *r)
{
	const char *row = r->query;
	struct text name;
	char sign;
	while ((name = query_next(&row, &sign)).n)
		if (text_is(name, "lang"))
			return true;
	return false;
}

void request_deinit(struct request *q)
{
	buf_deinit(&q->url);
	free(q->files);
	*q = (struct request){ 0 };
}

bool request_nearer(const struct request *q, const struct request *other)
{
	if (q->literals != other->literals)
		return q->literals > other->literals;
	return q->flags != other->flags ? q->flags > other->flags : q->options > other->options;
}

int command_match(
	const struct command *r, char *const *words, size_t n, const char *lang, struct request *q)
{
	struct matching m = { .r = r, .q = q };
	char **plain = calloc(2 * n + 1, sizeof *plain);
	size_t n_plain = 0;
	int err = 0, later = 0;
	*q = (struct request){ .method = r->method };
	if (!plain)
		return misfit(&m, "out of memory");
	later = asks_take(&m);
	m.sent = plain + n;
	/* An option that does not fit is told only when the command's words do: see which route was
	 * meant first. */
	char option_why[sizeof q->why] = "";
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], "--") == 0) {
			while (++i < n)
				plain[n_plain++] = words[i];
		} else if (strncmp(words[i], "--", 2) != 0) {
			plain[n_plain++] = words[i];
		} else if (option_take(&m, words, n, &i) && !later) {
			later = ERR_INVALID;
			memcpy(option_why, q->why, sizeof option_why);
		}
	}
	err = words_lay(&m, plain, n_plain);
	if (m.n_sent) {
		q->literals++; /* nearer than a command that has no such option */
		q->files = m.sent;
		q->n_files = m.n_sent;
	}
	if (q->named && later) {
		memcpy(q->why, option_why, sizeof option_why);
		err = later;
	}
	if (!err)
		err = required_check(&m);
	if (!err && lang && has_lang(r))
		err = query_add(&m, TEXT("lang"), lang);
	if (!err)
		err = url_build(&m);
	if (q->n_files && !err)
		memmove(plain, q->files, q->n_files * sizeof *plain);
	q->files = plain;
	return err;
}

/* ---- how it is written ---- */

static void capitals_put(struct buf *out, struct text name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = (char)toupper((unsigned char)name.p[i]);
		buf_put(out, &c, 1);
	}
}

static bool command_names(const struct command *r, struct text name)
{
	const char *row = r->command;
	struct text w;
	bool optional, many;
	while ((w = word_next(&row)).n) {
		w = value_name(w, &optional, &many);
		if (w.n == name.n && strncasecmp(w.p, name.p, name.n) == 0 && is_value(w))
			return true;
	}
	return false;
}

void command_usage(const struct command *r, struct buf *out)
{
	const char *row = r->query;
	struct text name;
	char sign;
	buf_str(out, r->command);
	while ((name = query_next(&row, &sign)).n) {
		if (command_names(r, name) || sign == '%')
			continue;
		buf_str(out, sign == '!' || sign == '<' ? " --" : " [--");
		for (size_t i = 0; i < name.n; i++)
			buf_put(out, name.p[i] == '_' ? "-" : name.p + i, 1);
		if (sign != '?' && sign != '@') {
			buf_str(out, " ");
			capitals_put(out, name);
		}
		if (sign != '!' && sign != '<')
			buf_str(out, "]");
	}
}
