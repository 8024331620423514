/* Rows are written as they come, in one of the API's three forms of a table, into a file put aside:
 * a report of any length passes in flat memory. */
#include "daemon/intake/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/api/escape.h"

#define ARENA_BYTES (256 * 1024)
#define MASK "***"

static const struct {
	const char *name, *zh;
	bool number;
} columns[] = { { "line", "行", true }, { "key", "键", false }, { "outcome", "结果", false },
	{ "field", "字段", false }, { "old", "原值", false }, { "new", "新值", false },
	{ "code", "代码", false }, { "reason", "原因", false } };
#define COLUMNS (sizeof columns / sizeof *columns)

void report_init(struct report *r, enum report_form form, const char *dir, bool english,
	const struct reg *reg)
{
	*r = (struct report){ .form = form, .english = english, .reg = reg };
	aside_init(&r->aside, dir);
	arena_init(&r->arena, ARENA_BYTES);
}

void report_deinit(struct report *r)
{
	aside_deinit(&r->aside);
	arena_deinit(&r->arena);
	free(r->held);
}

struct held_row {
	uint64_t line;
	struct faults faults;
};

/* ---- cells ---- */

static void begin(struct report *r)
{
	struct buf *out = &r->aside.out;

	for (size_t i = 0; i < COLUMNS && r->form == REPORT_CSV; i++)
		buf_printf(out, "%s%s", columns[i].name, i + 1 < COLUMNS ? "," : "\r\n");
	for (size_t i = 0; i < COLUMNS && r->form == REPORT_TABLE; i++)
		buf_printf(out,
			"%s{\"name\": \"%s\", \"zh\": \"%s\", \"en\": \"%s\", \"right\": %s}",
			i ? ", " : "{\"columns\": [", columns[i].name, columns[i].zh,
			columns[i].name, columns[i].number ? "true" : "false");
	if (r->form != REPORT_CSV)
		buf_str(out, r->form == REPORT_TABLE ? "],\n\"rows\": [" : "[");
}

/* The next cell of a row; p NULL: empty. */
static void put(struct report *r, struct text t)
{
	struct buf *out = &r->aside.out;
	size_t i = r->cell++ % COLUMNS;

	if (i == 0 && r->rows++ == 0)
		begin(r);
	if (r->form == REPORT_CSV) {
		escape_csv(out, t, !columns[i].number);
		buf_str(out, i + 1 < COLUMNS ? "," : "\r\n");
		aside_settle(&r->aside);
		return;
	}
	if (i == 0)
		buf_printf(out, "%s%s", r->rows > 1 ? ",\n" : "\n",
			r->form == REPORT_JSON ? "{" : "[");
	if (r->form == REPORT_JSON)
		buf_printf(out, "\"%s\": ", columns[i].name);
	if (!t.p && r->form == REPORT_JSON)
		buf_str(out, "null");
	else if (columns[i].number && r->form == REPORT_JSON)
		buf_text(out, t);
	else
		escape_json(out, t);
	buf_str(out, i + 1 < COLUMNS ? ", " : r->form == REPORT_JSON ? "}" : "]");
	aside_settle(&r->aside);
}

static void put_line(struct report *r, uint64_t line)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)line);
	put(r, text_of(text));
}

static void put_none(struct report *r, int n)
{
	while (n-- > 0)
		put(r, (struct text){ NULL, 0 });
}

/* ---- rows ---- */

static void put_refused(struct report *r, const struct held_row *row)
{
	for (size_t i = 0; i < row->faults.n; i++) {
		const struct fault *f = &row->faults.at[i];

		put_line(r, row->line);
		put_none(r, 1);
		put(r, text_of(f->def->code[0] == 'W' ? "warning" : "refused"));
		put(r, text_of(f->field ? f->field->name : NULL));
		put_none(r, 2);
		put(r, text_of(f->def->code));
		put(r, text_of(r->english ? f->def->en : f->def->zh));
	}
}

bool report_refused(struct report *r, uint64_t line, const struct faults *faults)
{
	if (!r->held)
		r->held = calloc(REPORT_HELD, sizeof *r->held);
	if (!r->held)
		r->aside.err = ERR_NOMEM;
	if (!r->held || r->n_held == REPORT_HELD)
		return false;
	r->held[r->n_held++] = (struct held_row){ line, *faults };
	return true;
}

/* Those before a line. */
static void settle_before(struct report *r, uint64_t line)
{
	size_t n = 0;

	while (n < r->n_held && r->held[n].line < line)
		put_refused(r, &r->held[n++]);
	if (n)
		memmove(r->held, r->held + n, (r->n_held - n) * sizeof *r->held);
	r->n_held -= n;
}

void report_settle(struct report *r)
{
	settle_before(r, UINT64_MAX);
}

struct change {
	struct report *r;
	uint64_t line;
	struct text key;
	size_t n; /* rows */
};

static void change_row(
	struct change *c, const char *prefix, const char *field, struct text old, struct text new)
{
	char name[64];

	(void)snprintf(name, sizeof name, "%s%s", prefix, field);
	put_line(c->r, c->line);
	put(c->r, c->key);
	put(c->r, TEXT("changed"));
	put(c->r, text_of(name));
	put(c->r, old);
	put(c->r, new);
	put_none(c->r, 2);
	c->n++;
}

/* Nothing, when it is absent. */
static struct text number_text(int n, char out[16])
{
	(void)snprintf(out, 16, "%d", n);
	return n ? text_of(out) : (struct text){ NULL, 0 };
}

static struct text hex_text(const uint8_t *pid, char out[2 * PID_BYTES + 1])
{
	if (!pid)
		return (struct text){ NULL, 0 };
	hex_put(out, pid, PID_BYTES);
	return text_of(out);
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
	return a && b ? memcmp(a, b, n) == 0 : a == b;
}

static void change_person(struct change *c, const char *prefix, const struct person_facts *old,
	const struct person_facts *new)
{
	static const char *const sexes[] = { NULL, "male", "female" };
	char a[2 * PID_BYTES + 1], b[2 * PID_BYTES + 1];
	bool same = same_bytes(old->pid, new->pid, PID_BYTES);

	if (!same)
		change_row(c, prefix, "pid", hex_text(old->pid, a), hex_text(new->pid, b));
	/* The tag is keyed by the pid: of another person it says nothing. */
	if (same && !same_bytes(old->name_tag, new->name_tag, NAME_TAG_BYTES))
		change_row(c, prefix, "name", text_of(old->name_tag ? MASK : NULL),
			text_of(new->name_tag ? MASK : NULL));
	if (old->sex != new->sex)
		change_row(c, prefix, "sex", text_of(sexes[old->sex]), text_of(sexes[new->sex]));
	if (old->birth_year != new->birth_year)
		change_row(c, prefix, "birth_year", number_text(old->birth_year, a),
			number_text(new->birth_year, b));
}

static struct text print(const struct record *rec, const struct field *f, char *out, size_t size)
{
	struct value v = record_value(rec, f);
	size_t n = v.present ? value_print(f, &v, out, size) : 0;

	return (struct text){ v.present ? out : NULL, n < size ? n : size };
}

static void change_fields(struct change *c, const struct record *old, const struct record *new)
{
	char a[2048], b[2048];

	for (size_t i = 0; i < c->r->reg->n_persons; i++) {
		struct person_facts x = record_person(old, i), y = record_person(new, i);

		change_person(c, c->r->reg->persons[i].prefix, &x, &y);
	}
	for (size_t i = 0; i < c->r->reg->n_fields; i++) {
		const struct field *f = &c->r->reg->fields[i];
		struct text x, y;

		if (f->person >= 0)
			continue;
		x = print(old, f, a, sizeof a);
		y = print(new, f, b, sizeof b);
		if (!text_eq(x, y))
			change_row(c, "", f->name, x, y);
	}
}

void report_changed(struct report *r, const struct item *item, struct text old)
{
	struct change c = { .r = r, .line = item->line };
	struct record was, is;

	settle_before(r, item->line);
	arena_reset(&r->arena);
	if (record_unpack(r->reg, item->body, &r->arena, &is) == 0)
		c.key = record_key(&is, &r->arena);
	if (c.key.p && old.p && record_unpack(r->reg, old, &r->arena, &was) == 0)
		change_fields(&c, &was, &is);
	if (c.n == 0) /* it differs in what this version does not know, or cannot be read */
		change_row(&c, "", "", (struct text){ NULL, 0 }, (struct text){ NULL, 0 });
}

void report_retracted(struct report *r, const struct item *item)
{
	settle_before(r, item->line);
	put_line(r, item->line);
	put(r, item->natural);
	put(r, TEXT("retracted"));
	put_none(r, 4);
	put(r, item->body);
}

int report_finish(struct report *r)
{
	report_settle(r);
	if (r->rows == 0)
		begin(r);
	if (r->form == REPORT_JSON)
		buf_str(&r->aside.out, "\n]\n");
	else if (r->form == REPORT_TABLE)
		buf_str(&r->aside.out, "\n],\n\"notes\": []}\n");
	return aside_finish(&r->aside);
}
