/* Matching: the path is cut at each `/` while still encoded, so that a variable may hold a %2F, and
 * each piece is decoded by itself. A few dozen routes are compared one by one: that costs less than
 * a microsecond. */
#include "daemon/api/route.h"

#include <assert.h>
#include <stdio.h>

#include "daemon/api/escape.h"

const char *route_right(enum api_right right)
{
	static const char *const names[] = { "viewer", "operator", "registrar", "admin" };

	return names[right];
}

static void name_put(char out[ROUTE_NAME], const char *p, size_t n)
{
	assert(n < ROUTE_NAME);
	memcpy(out, p, n);
	out[n] = 0;
}

static void take_path(struct route *r)
{
	const char *p = r->row.path;

	assert(*p == '/');
	do {
		size_t n = strcspn(++p, "/");
		struct route_segment *s;

		assert(r->n_segments < ROUTE_SEGMENTS);
		s = &r->segments[r->n_segments++];
		s->variable = *p == '{';
		assert(!s->variable || (n > 2 && p[n - 1] == '}'));
		name_put(s->name, p + s->variable, n - (s->variable ? 2 : 0));
		p += n;
	} while (*p);
}

static void take_query(struct route *r)
{
	const char *p = r->row.query ? r->row.query : "";

	for (p += strspn(p, " "); *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		struct route_param *q;

		if (strchr("<@%", p[n - 1])) { /* what the body is made of: tallyctl's matter */
			p += n;
			continue;
		}
		assert(r->n_query < ROUTE_QUERY);
		q = &r->query[r->n_query++];
		q->required = p[n - 1] == '!';
		q->flag = p[n - 1] == '?';
		name_put(q->name, p, n - (q->required || q->flag));
		p += n;
	}
}

void route_init(struct route *r, const struct api_route *row)
{
	assert(!row->handle != !row->upload);
	*r = (struct route){ .row = *row };
	take_path(r);
	take_query(r);
}

static bool fits(const struct route *r, char *const *pieces, size_t n)
{
	if (r->n_segments != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (r->segments[i].variable ? !pieces[i][0]
					    : strcmp(r->segments[i].name, pieces[i]) != 0)
			return false;
	}
	return true;
}

static bool same_method(const struct route *r, const char *method)
{
	return strcmp(r->row.method, method) == 0 ||
	       (strcmp(method, "HEAD") == 0 && strcmp(r->row.method, "GET") == 0);
}

int route_find(const struct route *routes, size_t n, const char *method, const char *path,
	char *texts, const struct route **out, struct route_arg args[ROUTE_SEGMENTS],
	size_t *n_args, char allow[64])
{
	char *pieces[ROUTE_SEGMENTS];
	size_t n_pieces = 0;

	*n_args = 0;
	allow[0] = 0;
	if (*path != '/')
		return ERR_NOTFOUND;
	do {
		size_t length = strcspn(++path, "/");

		if (n_pieces == ROUTE_SEGMENTS)
			return ERR_NOTFOUND;
		if (!escape_url_decode((struct text){ path, length }, false, texts))
			return ERR_INVALID;
		pieces[n_pieces++] = texts;
		texts += strlen(texts) + 1;
		path += length;
	} while (*path);
	for (size_t i = 0; i < n; i++) {
		const struct route *r = &routes[i];

		if (!fits(r, pieces, n_pieces))
			continue;
		if (!same_method(r, method)) {
			size_t at = strlen(allow);

			if (!strstr(allow, r->row.method))
				snprintf(
					allow + at, 64 - at, "%s%s", at ? ", " : "", r->row.method);
			continue;
		}
		for (size_t k = 0; k < n_pieces; k++)
			if (r->segments[k].variable)
				args[(*n_args)++] =
					(struct route_arg){ r->segments[k].name, pieces[k] };
		*out = r;
		return 0;
	}
	return allow[0] ? ERR_DENIED : ERR_NOTFOUND;
}

const struct route_param *route_param(const struct route *r, const char *name)
{
	for (size_t i = 0; i < r->n_query; i++)
		if (strcmp(r->query[i].name, name) == 0)
			return &r->query[i];
	return NULL;
}

static void put_member(struct buf *out, const char *name, const char *value, const char *after)
{
	buf_printf(out, "\"%s\": ", name);
	if (value)
		escape_json(out, text_of(value));
	else
		buf_str(out, "null");
	buf_str(out, after);
}

void route_list(const struct route *routes, size_t n, struct buf *out)
{
	buf_str(out, "[");
	for (size_t i = 0; i < n; i++) {
		const struct api_route *r = &routes[i].row;

		buf_str(out, i ? ",\n{" : "\n{");
		put_member(out, "method", r->method, ", ");
		put_member(out, "path", r->path, ", ");
		put_member(out, "right", route_right(r->right), ", ");
		put_member(out, "command", r->command, ", ");
		put_member(out, "query", r->query, ", ");
		buf_printf(out, "\"upload\": %s, ", r->upload ? "true" : "false");
		put_member(out, "help_en", r->help_en, ", ");
		put_member(out, "help_zh", r->help_zh, "}");
	}
	buf_str(out, "\n]");
}
