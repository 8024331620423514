/* The calendar: a few lines, read once; due days are counted when asked. */
#include "daemon/survey/calendar.h"

#include <stdio.h>
#include <stdlib.h>

bool calendar_is_file(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".tsv") == 0;
}

/* ---- reading ---- */

struct reading {
	struct forms *fs;
	const char *file;
	int line;
	bool ours; /* the program's own */
	struct calendar_row *last;
	size_t n;
	struct errmsg *m;
};

#define WORD_SHOWN 40

static int refuse(struct reading *r, const char *words, struct text word)
{
	errmsg_set(r->m, "%s:%d: %s%s%.*s", r->file, r->line, words, word.n ? ": " : "",
		(int)(word.n < WORD_SHOWN ? word.n : WORD_SHOWN), word.n ? word.p : "");
	return ERR_INVALID;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line. */
static struct text word_next(struct text *line)
{
	size_t n = 0;
	struct text word;

	while (line->n && is_blank(*line->p))
		line->p++, line->n--;
	while (n < line->n && !is_blank(line->p[n]))
		n++;
	word = (struct text){ line->p, n };
	line->p += n;
	line->n -= n;
	return word;
}

static int days_of(struct text word)
{
	int days = 0;

	if (word.n == 0 || word.n > 3)
		return -1;
	for (size_t i = 0; i < word.n; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			return -1;
		days = days * 10 + (word.p[i] - '0');
	}
	return days <= CALENDAR_DAYS_MAX ? days : -1;
}

static bool is_listed(const struct forms *fs, struct text form, enum period_kind kind)
{
	for (const struct calendar_row *c = fs->calendar; c; c = c->next)
		if (c->kind == kind && text_is(form, c->form))
			return true;
	return false;
}

static int line_read(struct reading *r, struct text line)
{
	struct text id = word_next(&line), kind = word_next(&line), days = word_next(&line);
	const struct form *f = forms_find(r->fs, id);
	struct calendar_row *row;

	if (id.n == 0)
		return 0;
	if (!days.n || word_next(&line).n)
		return refuse(r, "a line is a form, a kind of period and days after its end",
			(struct text){ 0 });
	if (!f && r->ours)
		return 0;
	if (!f)
		return refuse(r, "there is no such form", id);
	if (form_of_returns(f))
		return refuse(r, "a form that is made of returns is no return itself", id);
	if (period_kind_of(kind) == PERIOD_KINDS)
		return refuse(r, "not a kind of period (month, quarter, half, year)", kind);
	if (!(f->periods & 1u << period_kind_of(kind)))
		return refuse(r, "the form has no such periods", kind);
	if (days_of(days) < 0)
		return refuse(r, "not a number of days from 0 to 366", days);
	if (is_listed(r->fs, id, period_kind_of(kind)))
		return refuse(r, "the form and kind of period stand in a line before", id);
	if (r->n++ == CALENDAR_ROWS_MAX)
		return refuse(r, "more lines than a calendar may have", (struct text){ 0 });
	row = arena_alloc(&r->fs->arena, sizeof(*row));
	if (!row)
		return ERR_NOMEM;
	*row = (struct calendar_row){ f->id, period_kind_of(kind), days_of(days), NULL };
	if (r->last)
		r->last->next = row;
	else
		r->fs->calendar = row;
	r->last = row;
	return 0;
}

int calendar_read(struct forms *fs, const char *file, struct text in, struct errmsg *m)
{
	struct reading r = { .fs = fs, .file = file, .m = m };
	int err = 0;

	r.ours = calendar_sources_n && text_is(in, calendar_sources[0].text);
	if (fs->calendar) {
		errmsg_set(m, "%s: there is a calendar already", file);
		return ERR_INVALID;
	}
	while (in.n && !err) {
		const char *end = memchr(in.p, '\n', in.n);
		size_t n = end ? (size_t)(end - in.p) : in.n;
		const char *hash = n ? memchr(in.p, '#', n) : NULL;

		r.line++;
		err = line_read(&r, (struct text){ in.p, hash ? (size_t)(hash - in.p) : n });
		in.p += n + (end != NULL);
		in.n -= n + (end != NULL);
	}
	return err;
}

/* ---- asking ---- */

static int due_day(const struct calendar_row *c, const struct period *p)
{
	return (int)date_of_days(days_of_date(period_last_day(p)) + c->days);
}

int calendar_due(const struct forms *fs, struct text form, const struct period *p)
{
	for (const struct calendar_row *c = fs->calendar; c; c = c->next)
		if (c->kind == p->kind && text_is(form, c->form))
			return due_day(c, p);
	return 0;
}

/* Periods of a row from the one around month `from` on, up to that around `to`. */
static bool row_walk(const struct calendar_row *c, int from, int to, int first, int last,
	bool (*fn)(void *arg, const char *form, const struct period *p, int due), void *arg)
{
	for (int month = from; month <= to;) {
		struct period p = period_around(c->kind, month);
		int due = due_day(c, &p);

		month = period_last_month(&p) + 1;
		if (p.year < PERIOD_YEAR_LEAST || p.year > PERIOD_YEAR_MOST || due < first ||
			due > last)
			continue;
		if (!fn(arg, c->form, &p, due))
			return false;
	}
	return true;
}

void calendar_walk(const struct forms *fs, int first, int last,
	bool (*fn)(void *arg, const char *form, const struct period *p, int due), void *arg)
{
	/* A return is due at most so many days after a period that itself is at most a year. */
	int from = month_of_date(first) - CALENDAR_DAYS_MAX / 28 - 1 - 12, to = month_of_date(last);

	if (month_of_date(first) == 0 || to == 0)
		return;
	for (const struct calendar_row *c = fs->calendar; c; c = c->next)
		if (!row_walk(c, from, to, first, last, fn, arg))
			return;
}

void calendar_walk_in(const struct forms *fs, const struct period *in,
	bool (*fn)(void *arg, const char *form, const struct period *p, int due), void *arg)
{
	for (const struct calendar_row *c = fs->calendar; c; c = c->next)
		if (period_months(c->kind) <= period_months(in->kind) &&
			!row_walk(c, period_first_month(in), period_last_month(in), 0, 99991231, fn,
				arg))
			return;
}
