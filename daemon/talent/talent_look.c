/* The look at one person's records, and at one claim beside them.
 *
 * A district may have sent thousands of records of one person, so nothing here goes through their
 * pairs. For a rule of pairs each record that it looks at becomes a line of what the rule compares;
 * the lines are sorted, so that those that may speak with each other stand side by side, and each
 * walks over those behind it for as long as they may:
 *
 *     kind         sorted by                                   a run is one
 *     paid_again   purpose, occupation, rank, day              rank
 *     paid_below   purpose, occupation, rank, day              rank
 *     payees       purpose, enrolment, payee and its kind, day payee
 *     overlap      first day                                   district
 *
 * A line that does not speak with the one where the walk stands speaks with none of the rest of
 * that one's run: the walk goes on behind the run. So a line costs a step for each alert and for
 * each run of its like: of ranks there are nine; of payees and districts every other run speaks.
 * Revoked certificates are found by their number, or by occupation and rank.
 *
 * What stands in the lines is borrowed from the records. Fails without memory only. */
#include <stdlib.h>

#include "daemon/talent/talent_alert_inside.h"

struct line {
	struct text purpose, about; /* what must be the same; about: occupation or enrolment */
	struct text payee, payee_kind;
	uint32_t origin; /* OVERLAP */
	int rank;	 /* PAID_AGAIN, PAID_BELOW */
	int64_t day, last;
	size_t i; /* the record's number */
};

/* A certificate, as claims count it. */
struct paper {
	struct text number, occupation;
	int rank;
	int64_t revoked; /* 0: it holds */
	size_t i;
};

struct look {
	const struct talent_record *records;
	size_t n;
	const struct talent_alert *rule;
	talent_alert_found found;
	void *arg;
	struct line *lines;
	size_t *behind; /* of a line the one behind its run */
	struct paper *by_number, *by_trade;
	size_t n_papers;
};

static int look_init(struct look *l)
{
	l->lines = calloc(l->n + 1, sizeof(*l->lines));
	l->behind = calloc(l->n + 1, sizeof(*l->behind));
	l->by_number = calloc(l->n + 1, sizeof(*l->by_number));
	l->by_trade = calloc(l->n + 1, sizeof(*l->by_trade));
	return l->lines && l->behind && l->by_number && l->by_trade ? 0 : ERR_NOMEM;
}

static void look_deinit(struct look *l)
{
	free(l->lines);
	free(l->behind);
	free(l->by_number);
	free(l->by_trade);
}

/* ---- pairs ---- */

/* False: the rule does not look at it. */
static bool line_of(const struct look *l, size_t i, struct line *out)
{
	const struct talent_alert *rule = l->rule;
	const struct talent_record *of = &l->records[i];
	const struct record *r = of->record;

	if (!alert_looks_at(rule, of))
		return false;
	if (rule->kind == ALERT_OVERLAP) {
		*out = (struct line){ .origin = of->origin,
			.day = alert_number(r, "enrolled_on"),
			.last = alert_number(r, "ended_on"),
			.i = i };
		return alert_full_time(rule, r);
	}
	*out = (struct line){
		.purpose = alert_text(r, "purpose"), .day = alert_number(r, "claimed_on"), .i = i
	};
	if (rule->kind == ALERT_PAYEES) {
		out->about = alert_text(r, "enrolment_no");
		out->payee = alert_text(r, "payee");
		out->payee_kind = alert_text(r, "payee_kind");
		return out->about.n > 0;
	}
	out->about = alert_text(r, "occupation");
	out->rank = alert_rank(r);
	return true;
}

static int by_day(const struct line *x, const struct line *y)
{
	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static int group_cmp(const struct line *x, const struct line *y)
{
	int order = text_cmp(x->purpose, y->purpose);

	return order ? order : text_cmp(x->about, y->about);
}

static int run_cmp(const struct line *x, const struct line *y)
{
	int order = text_cmp(x->payee, y->payee);

	order = order ? order : text_cmp(x->payee_kind, y->payee_kind);
	return order ? order : x->rank - y->rank;
}

static int by_neighbour(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = group_cmp(x, y);

	order = order ? order : run_cmp(x, y);
	return order ? order : by_day(x, y);
}

static bool same_run(const struct line *x, const struct line *y)
{
	return x->origin == y->origin && group_cmp(x, y) == 0 && run_cmp(x, y) == 0;
}

/* Two lines, `x` not later than `y`. */
static bool pair_speaks(enum talent_alert_kind kind, const struct line *x, const struct line *y)
{
	if (group_cmp(x, y) != 0)
		return false;
	switch (kind) {
	case ALERT_PAID_AGAIN:
		return x->rank == y->rank;
	case ALERT_PAID_BELOW:
		return y->rank < x->rank || (x->rank < y->rank && x->day == y->day);
	case ALERT_PAYEES:
		return run_cmp(x, y) != 0;
	case ALERT_OVERLAP:
		return x->origin != y->origin && y->day <= x->last;
	default:
		return false;
	}
}

enum said { SAID_NO, SAID_YES, SAID_ENOUGH };

static enum said pair_look(const struct look *l, const struct line *a, const struct line *b)
{
	bool later = by_day(b, a) < 0;
	const struct line *x = later ? b : a, *y = later ? a : b;

	if (!pair_speaks(l->rule->kind, x, y))
		return SAID_NO;
	return l->found(l->arg, l->rule, x->i, y->i) ? SAID_YES : SAID_ENOUGH;
}

/* May `b`, or one that stands behind it, speak with `a`, which stands before it? */
static bool may_speak(const struct look *l, const struct line *a, const struct line *b)
{
	return l->rule->kind == ALERT_OVERLAP ? b->day <= a->last : group_cmp(a, b) == 0;
}

static void pairs_look(struct look *l)
{
	struct line *at = l->lines;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += line_of(l, i, &at[n]);
	if (n > 1)
		qsort(at, n, sizeof(*at), by_neighbour);
	for (size_t i = n; i-- > 0;)
		l->behind[i] = i + 1 < n && same_run(&at[i], &at[i + 1]) ? l->behind[i + 1] : i + 1;
	for (size_t i = 0; i < n; i++) {
		for (size_t k = i + 1; k < n && may_speak(l, &at[i], &at[k]);) {
			enum said said = pair_look(l, &at[i], &at[k]);

			if (said == SAID_ENOUGH)
				return;
			k = said == SAID_YES ? k + 1 : l->behind[k];
		}
	}
}

/* ---- revoked certificates ---- */

static int by_number(const void *a, const void *b)
{
	const struct paper *x = a, *y = b;
	int order = text_cmp(x->number, y->number);

	order = order ? order : (x->revoked > 0) - (y->revoked > 0);
	return order ? order : (x->i > y->i) - (x->i < y->i);
}

static int trade_cmp(const struct paper *x, const struct paper *y)
{
	int order = text_cmp(x->occupation, y->occupation);

	return order ? order : x->rank - y->rank;
}

/* Those that hold first, then from the one revoked first. */
static int by_trade(const void *a, const void *b)
{
	const struct paper *x = a, *y = b;
	int order = trade_cmp(x, y);

	order = order ? order : (x->revoked > y->revoked) - (x->revoked < y->revoked);
	return order ? order : (x->i > y->i) - (x->i < y->i);
}

static void papers_read(struct look *l)
{
	l->n_papers = 0;
	for (size_t i = 0; i < l->n; i++) {
		const struct record *r = l->records[i].record;

		if (strcmp(r->reg->name, "certificate") != 0)
			continue;
		l->by_number[l->n_papers] = l->by_trade[l->n_papers] = (struct paper){
			.number = alert_text(r, "number"),
			.occupation = alert_text(r, "occupation"),
			.rank = alert_rank(r),
			.revoked = alert_number(r, "revoked_on"),
			.i = i,
		};
		l->n_papers++;
	}
	if (l->n_papers > 1) {
		qsort(l->by_number, l->n_papers, sizeof(*l->by_number), by_number);
		qsort(l->by_trade, l->n_papers, sizeof(*l->by_trade), by_trade);
	}
}

/* The first one that is not before `key`. */
static size_t papers_seek(const struct look *l, const struct paper *list, const struct paper *key,
	int (*cmp)(const void *, const void *))
{
	size_t low = 0, high = l->n_papers;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (cmp(&list[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool numbered_look(const struct look *l, size_t claim, struct text number)
{
	struct paper key = { .number = number, .revoked = 1 };
	size_t k = papers_seek(l, l->by_number, &key, by_number);

	for (; k < l->n_papers && text_eq(l->by_number[k].number, number); k++)
		if (!l->found(l->arg, l->rule, claim, l->by_number[k].i))
			return false;
	return true;
}

/* A claim without a number: what is revoked counts when none of its occupation and rank holds. */
static bool trade_look(const struct look *l, size_t claim)
{
	const struct record *r = l->records[claim].record;
	struct paper key = { .occupation = alert_text(r, "occupation"), .rank = alert_rank(r) };
	int64_t day = alert_number(r, "claimed_on");
	size_t k = papers_seek(l, l->by_trade, &key, by_trade);

	if (!key.occupation.n || key.rank < 0)
		return true;
	for (; k < l->n_papers && trade_cmp(&l->by_trade[k], &key) == 0; k++) {
		int64_t revoked = l->by_trade[k].revoked;

		if (!revoked || revoked > day)
			return true;
		if (!l->found(l->arg, l->rule, claim, l->by_trade[k].i))
			return false;
	}
	return true;
}

/* The claim i, if the rule looks at it. False: enough. */
static bool revoked_look(const struct look *l, size_t i)
{
	struct text number;

	if (!alert_looks_at(l->rule, &l->records[i]))
		return true;
	number = alert_text(l->records[i].record, "certificate_no");
	return number.n ? numbered_look(l, i, number) : trade_look(l, i);
}

/* ---- a person, a claim ---- */

static void ages_look(const struct look *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (alert_impossible(l->rule, &l->records[i]) && !l->found(l->arg, l->rule, i, i))
			return;
}

int talent_alerts_person(const struct talent_rules *t, const struct talent_record *records,
	size_t n, talent_alert_found found, void *arg)
{
	struct look l = { .records = records, .n = n, .found = found, .arg = arg };
	int err = look_init(&l);

	if (!err)
		papers_read(&l);
	for (l.rule = t->alerts; l.rule && !err; l.rule = l.rule->next) {
		switch (l.rule->kind) {
		case ALERT_AGE:
			ages_look(&l);
			break;
		case ALERT_REVOKED:
			for (size_t i = 0; i < n && revoked_look(&l, i); i++)
				;
			break;
		case ALERT_CERTIFICATE:
		case ALERT_JUMP:
		case ALERT_READS:
			break;
		default:
			pairs_look(&l);
			break;
		}
	}
	look_deinit(&l);
	return err;
}

static void claim_look(const struct look *l, size_t claim)
{
	struct line last, other;

	if (!line_of(l, claim, &last))
		return;
	for (size_t i = 0; i < claim; i++)
		if (line_of(l, i, &other) && pair_look(l, &other, &last) == SAID_ENOUGH)
			return;
}

int talent_alerts_claim(const struct talent_rules *t, const struct talent_record *records, size_t n,
	talent_alert_found found, void *arg)
{
	struct look l = { .records = records, .n = n, .found = found, .arg = arg };
	int err = look_init(&l);

	if (!err)
		papers_read(&l);
	for (l.rule = t->alerts; l.rule && !err; l.rule = l.rule->next) {
		if (l.rule->kind == ALERT_REVOKED)
			revoked_look(&l, n - 1);
		else if (l.rule->kind == ALERT_PAID_AGAIN || l.rule->kind == ALERT_PAID_BELOW ||
			 l.rule->kind == ALERT_PAYEES)
			claim_look(&l, n - 1);
	}
	look_deinit(&l);
	return err;
}
