/* A district's month against the same month a year before, out of the figures of a form: the row of
 * its totals. Only whole months: what is under way is always less. */
#include "aggregator/talents/alerts.h"
#include <stdlib.h>

#include "daemon/figures/figures.h"

#define AREAS_MOST (ORIGINS_MAX + 64)

static int month_total(const struct talents_view *v, const struct form *f, size_t measure,
	uint32_t area, const struct period *month, int64_t *out)
{
	struct figures figures = { .form = f, .period = *month, .area = area };
	int err = figures_open(&figures, v->views);

	*out = 0;
	if (!err && figures.n_rows)
		*out = figures_value(&figures, figures.n_rows - 1, measure);
	figures_close(&figures);
	return err;
}

static bool jumps(const struct talent_alert *rule, int64_t now, int64_t then)
{
	int64_t off = now > then ? now - then : then - now;

	return off >= rule->least && off * 100 > then * rule->percent;
}

static int area_look(const struct talents_view *v, const struct talent_alert *rule, uint32_t area,
	int last,
	bool (*told)(
		void *arg, uint32_t area, const struct period *month, int64_t now, int64_t then),
	void *arg)
{
	for (int month = last - (int)rule->months + 1; month <= last; month++) {
		struct period p = period_of_month(month), year_ago = period_of_month(month - 12);
		const struct form *f = forms_at(v->office->forms, text_of(rule->form), &p);
		int measure = f ? form_measure_find(f, text_of(rule->measure)) : -1, err;
		int64_t now, then;

		if (measure < 0)
			return 0;
		err = month_total(v, f, (size_t)measure, area, &p, &now);
		if (!err)
			err = month_total(v, f, (size_t)measure, area, &year_ago, &then);
		/* A form without months is not compared. */
		if (err)
			return err == ERR_INVALID ? 0 : err;
		if (jumps(rule, now, then) && !told(arg, area, &p, now, then))
			return 0;
	}
	return 0;
}

int alert_jumps(const struct talents_view *v, const struct talent_alert *rule, int day,
	bool (*told)(
		void *arg, uint32_t area, const struct period *month, int64_t now, int64_t then),
	void *arg)
{
	uint32_t *areas = calloc(AREAS_MOST, sizeof(*areas));
	int last = month_of_date(day) - 1, err = areas ? 0 : ERR_NOMEM;
	size_t n = areas ? office_areas(v->office, v->views, areas, AREAS_MOST) : 0;

	/* The first one is the city. */
	for (size_t i = 1; i < n && !err; i++)
		err = area_look(v, rule, areas[i], last, told, arg);
	free(areas);
	return err;
}
