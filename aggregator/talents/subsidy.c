/* The claim is one more record of the dossier, the last; what the rules find between other records
 * is none of the asker's business, and is not looked for. Of nobody's records nothing speaks
 * against the first claim. */
#include "aggregator/talents/subsidy.h"

#include "daemon/base/clock.h"

/* The first rule, by its id, that speaks: once is enough. */
static bool found(void *arg, const struct talent_alert *rule, size_t i, size_t k)
{
	const char **first = arg;

	(void)i;
	(void)k;
	if (!*first || strcmp(rule->id, *first) < 0)
		*first = rule->id;
	return false;
}

static int judge(const struct talents_view *v, const struct claim *c, const uint8_t pid[PID_BYTES],
	uint32_t origin, const char **rule)
{
	int day = c->day ? c->day : clock_date(clock_wall_ms());
	struct dossier d;
	int err = dossier_init(&d, v, pid);

	/* There is room for one more than were read. */
	if (!err && !claim_record(c, pid, day, &d.arena, &d.records[d.n]))
		err = ERR_LIMIT;
	if (!err) {
		d.facts[d.n] = (struct talent_record){ &d.records[d.n], origin };
		err = talent_alerts_claim(v->office->rules, d.facts, d.n + 1, found, rule);
	}
	dossier_deinit(&d);
	return err;
}

int subsidy_judge(struct daemon *d, const struct claim *c, uint32_t origin, const char **rule)
{
	struct talents_view v;
	uint8_t pid[PID_BYTES];
	int err = talents_view_begin(&v, d);

	*rule = NULL;
	if (err)
		return err;
	err = talents_person_known(v.views, c->person, c->n_person, pid);
	if (!err)
		err = judge(&v, c, pid, origin, rule);
	talents_view_close(&v);
	return err == ERR_NOTFOUND ? 0 : err;
}
