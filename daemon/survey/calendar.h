/* The calendar: when a return of a form is due. A file of lines, one for each form and kind of
 * period that is to be reported: FORM KIND DAYS, the days after the period's last day; # begins a
 * comment. It is a part of the set of forms: what was closed by one calendar can be computed again
 * by it. Pure; once loaded nothing changes. */
#ifndef SURVEY_CALENDAR_H
#define SURVEY_CALENDAR_H

#include "daemon/survey/form.h"

#define CALENDAR_ROWS_MAX 256
#define CALENDAR_DAYS_MAX 366

/* The calendar that the program carries (daemon/survey/calendar.tsv, embedded). */
extern const struct form_source calendar_sources[];
extern const size_t calendar_sources_n;

struct calendar_row {
	const char *form;
	enum period_kind kind;
	int days;
	const struct calendar_row *next;
};

/* Is a file of this name a calendar? (*.tsv) */
bool calendar_is_file(const char *name);
/* Reads one into the set, once all its forms are read. ERR_INVALID and "FILE:LINE: words": what it
 * names must be there. Of the calendar that the program carries, lines of forms that are not in the
 * set are passed over. */
MUST_CHECK int calendar_read(struct forms *fs, const char *file, struct text in, struct errmsg *m);

/* The day on which the return of a form and period is due, yyyymmdd; 0: it is not asked for. */
int calendar_due(const struct forms *fs, struct text form, const struct period *p);
/* Calls fn for every form and period whose due day lies between two days (yyyymmdd, both
 * included), form by form in the order of the file, in the order of time; until it returns false.
 */
void calendar_walk(const struct forms *fs, int first, int last,
	bool (*fn)(void *arg, const char *form, const struct period *p, int due), void *arg);
/* The same for every form and period that lies in `in`. */
void calendar_walk_in(const struct forms *fs, const struct period *in,
	bool (*fn)(void *arg, const char *form, const struct period *p, int due), void *arg);

#endif
