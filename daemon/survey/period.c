/* Periods: three small tables and arithmetic on months. */
#include "daemon/survey/period.h"

#include <stdio.h>

static const struct {
	const char *name;
	char letter; /* between year and index; 0: none */
	int n;	     /* in a year */
	int sub;     /* of the first one, in codes */
} kinds[PERIOD_KINDS] = {
	[PERIOD_YEAR] = { "year", 0, 1, 0 },
	[PERIOD_HALF] = { "half", 'H', 2, 1 },
	[PERIOD_QUARTER] = { "quarter", 'Q', 4, 3 },
	[PERIOD_MONTH] = { "month", 0, 12, 7 },
};

const char *period_kind_name(enum period_kind kind)
{
	return kinds[kind].name;
}

enum period_kind period_kind_of(struct text name)
{
	enum period_kind k;

	for (k = 0; k < PERIOD_KINDS; k++)
		if (text_is(name, kinds[k].name))
			break;
	return k;
}

/* `n` digits at p; -1 when one is no digit. */
static int digits(const char *p, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

bool period_parse(struct period *p, struct text t)
{
	if (t.n < 4)
		return false;
	p->year = digits(t.p, 4);
	if (p->year < PERIOD_YEAR_LEAST || p->year > PERIOD_YEAR_MOST)
		return false;
	if (t.n == 4) {
		p->kind = PERIOD_YEAR;
		p->index = 1;
		return true;
	}
	if (t.n != 7 || t.p[4] != '-')
		return false;
	if (t.p[5] == 'H' || t.p[5] == 'Q') {
		p->kind = t.p[5] == 'H' ? PERIOD_HALF : PERIOD_QUARTER;
		p->index = digits(t.p + 6, 1);
	} else {
		p->kind = PERIOD_MONTH;
		p->index = digits(t.p + 5, 2);
	}
	return p->index >= 1 && p->index <= kinds[p->kind].n;
}

void period_print(const struct period *p, char out[PERIOD_TEXT_MAX])
{
	unsigned year = (unsigned)p->year % 10000, index = (unsigned)p->index % 100;

	if (p->kind == PERIOD_YEAR)
		snprintf(out, PERIOD_TEXT_MAX, "%04u", year);
	else if (p->kind == PERIOD_MONTH)
		snprintf(out, PERIOD_TEXT_MAX, "%04u-%02u", year, index);
	else
		snprintf(
			out, PERIOD_TEXT_MAX, "%04u-%c%u", year, kinds[p->kind].letter, index % 10);
}

uint16_t period_code(const struct period *p)
{
	return (uint16_t)((p->year - 1900) * 32 + kinds[p->kind].sub + p->index - 1);
}

bool period_of_code(struct period *p, uint16_t code)
{
	int sub = code % 32;

	p->year = 1900 + code / 32;
	for (enum period_kind k = 0; k < PERIOD_KINDS; k++) {
		if (sub >= kinds[k].sub && sub < kinds[k].sub + kinds[k].n) {
			p->kind = k;
			p->index = sub - kinds[k].sub + 1;
			return p->year >= PERIOD_YEAR_LEAST && p->year <= PERIOD_YEAR_MOST;
		}
	}
	return false;
}

int period_first_month(const struct period *p)
{
	return p->year * 12 + (p->index - 1) * (12 / kinds[p->kind].n);
}

int period_last_month(const struct period *p)
{
	return p->year * 12 + p->index * (12 / kinds[p->kind].n) - 1;
}

struct period period_of_month(int month)
{
	return (struct period){ PERIOD_MONTH, month / 12, month % 12 + 1 };
}

int month_of_date(int64_t yyyymmdd)
{
	int64_t year = yyyymmdd / 10000, month = yyyymmdd / 100 % 100;

	if (year < PERIOD_YEAR_LEAST || year > PERIOD_YEAR_MOST || month < 1 || month > 12)
		return 0;
	return (int)(year * 12 + month - 1);
}

int period_months(enum period_kind kind)
{
	return 12 / kinds[kind].n;
}

struct period period_around(enum period_kind kind, int month)
{
	return (struct period){ kind, month / 12, month % 12 / period_months(kind) + 1 };
}

static int days_of_month(int64_t year, int64_t month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

bool date_is_month_end(int64_t yyyymmdd)
{
	int64_t year = yyyymmdd / 10000, month = yyyymmdd / 100 % 100, day = yyyymmdd % 100;

	return month >= 1 && month <= 12 && day >= days_of_month(year, month);
}

int64_t period_last_day(const struct period *p)
{
	int month = period_last_month(p) % 12 + 1;

	return p->year * 10000LL + month * 100 + days_of_month(p->year, month);
}

int64_t days_of_date(int64_t yyyymmdd)
{
	int64_t month = yyyymmdd / 100 % 100, year = yyyymmdd / 10000 - (month <= 2),
		shifted = (month + 9) % 12; /* March is 0: leap days come last */

	return year * 365 + year / 4 - year / 100 + year / 400 + (153 * shifted + 2) / 5 +
	       yyyymmdd % 100;
}

int64_t date_of_days(int64_t days)
{
	/* 400 years are 146,097 days: near enough to begin at most a year too early. */
	int64_t year = days * 400 / 146097 - 1, month = 1;

	while (days_of_date((year + 1) * 10000 + 101) <= days)
		year++;
	while (month < 12 && days_of_date(year * 10000 + (month + 1) * 100 + 1) <= days)
		month++;
	return year * 10000 + month * 100 + days - days_of_date(year * 10000 + month * 100 + 1) + 1;
}
