/* Periods of the survey: a year, half, quarter or month, as people write it and as views store it.
 * Pure.
 *
 * Every period is a run of whole months; months are numbered through: year × 12 + month − 1. */
#ifndef SURVEY_PERIOD_H
#define SURVEY_PERIOD_H

#include "proto/text.h"

enum period_kind { PERIOD_YEAR, PERIOD_HALF, PERIOD_QUARTER, PERIOD_MONTH, PERIOD_KINDS };

struct period {
	enum period_kind kind;
	int year;  /* PERIOD_YEAR_LEAST to PERIOD_YEAR_MOST */
	int index; /* from 1; 1 for a year */
};

#define PERIOD_YEAR_LEAST 1950
#define PERIOD_YEAR_MOST 2200
#define PERIOD_TEXT_MAX 12

/* "year", "half", "quarter", "month"; and back: PERIOD_KINDS when it is none. */
const char *period_kind_name(enum period_kind kind);
enum period_kind period_kind_of(struct text name);

/* 2019, 2019-H1, 2019-Q2, 2019-06; false when it is none of these. */
bool period_parse(struct period *p, struct text t);
void period_print(const struct period *p, char out[PERIOD_TEXT_MAX]);

/* As stored, two bytes: (year − 1900) × 32 + sub; sub 0 the year, 1–2 halves, 3–6 quarters, 7–18
 * months. The months of a year stand together in the order of these numbers. */
uint16_t period_code(const struct period *p);
/* The period a code was made of; false when it is no such code. */
bool period_of_code(struct period *p, uint16_t code);

/* Numbers of a period's first and last month. */
int period_first_month(const struct period *p);
int period_last_month(const struct period *p);
/* The month of a number; the number of the month of a date (yyyymmdd), 0 for a date out of range.
 */
struct period period_of_month(int month);
int month_of_date(int64_t yyyymmdd);
/* Months in a period of a kind; the period of a kind that a month lies in. */
int period_months(enum period_kind kind);
struct period period_around(enum period_kind kind, int month);
/* Days counted through, of a date that stands in the calendar; and back. */
int64_t days_of_date(int64_t yyyymmdd);
int64_t date_of_days(int64_t days);
/* The period's last day, yyyymmdd. */
int64_t period_last_day(const struct period *p);
/* Is it the last day of its month? */
bool date_is_month_end(int64_t yyyymmdd);

#endif
