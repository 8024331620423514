/* Retention (daemon/intake/due.h): the admin sees who is due, the registrar lets them go.
 *
 * erase --due: find → is it the number that the caller gave? → 64 at a time: a line in the access
 * log for each, durable → shred them in one transaction; who was heard of in between is spared, and
 * a line says so → in the end the free pages are overwritten once. A kill in between leaves lines
 * of persons who are still there: they are due again, and get another. Pages that were freed before
 * a kill are overwritten by the next call, also when nobody is due any more.
 *
 * Nothing calls this by itself: what is shredded cannot be brought back, and a wrong clock, a wrong
 * setting or a wrong rule would be noticed too late. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/figures/route_ask.h"
#include "daemon/intake/desk.h"
#include "daemon/intake/due.h"
#include "daemon/registrar/registrar.h"
#include "daemon/registrar/routes.h"
#include "proto/check.h"
#include "proto/identity.pb-c.h"

#define PURPOSE_BYTES 96
#define NOT_GIVEN 1000000000 /* persons */

static bool stopping(void *arg)
{
	return api_stopping(arg);
}

/* `today`, when it is given, must be what this machine says: somebody looked. */
static bool sure(struct api_call *call, bool *out)
{
	const char *given = api_arg(call, "today");
	int today = clock_date(clock_wall_ms());

	*out = given != NULL;
	if (!given || date_parse(text_of(given)) == today)
		return true;
	api_fail(call, 400, "--today is not what the clock of this machine says: %04d-%02d-%02d",
		today / 10000, today / 100 % 100, today % 100);
	return false;
}

/* NULL: it was refused. */
static struct due *find(struct api_call *call)
{
	struct daemon *d = api_context(call);
	struct desk *desk = desk_of(d);
	uint64_t years = conf_number(d->conf, "retention_years");
	struct due_conf conf = { .ledger = d->ledger,
		.view = desk->view,
		.rules = desk->rules,
		.years = (unsigned)years,
		.give_up = stopping,
		.arg = call };
	struct due *due = NULL;
	struct errmsg m;
	int err;

	if (!desk->secrets) {
		api_fail(call, 404, "this node holds no vault");
		return NULL;
	}
	if (!years) {
		api_fail(call, 409,
			"identities are held for ever here: set retention_years in the "
			"configuration and start again");
		return NULL;
	}
	if (!sure(call, &conf.sure))
		return NULL;
	conf.vault = intake_vault(desk->intake);
	err = due_open(&due, &conf, &m);
	if (err == ERR_INVALID)
		api_fail(call, 409, "%s", m.text);
	else if (err)
		api_fail_err(call, err, "who is due cannot be found");
	return due;
}

void route_due_list(struct api_call *call)
{
	static const struct api_column columns[] = {
		{ "person", "人员标识", "person", API_TEXT },
		{ "heard", "最后记录月份", "last heard of", API_TEXT },
	};
	struct due_person batch[DUE_BATCH];
	struct api_table *table;
	uint64_t limit, after = 0, shown = 0;
	struct due *due;
	size_t got;
	int err;

	if (!api_number(call, "limit", 1000, 0, 1000000, &limit))
		return;
	due = find(call);
	if (!due)
		return;
	table = api_table(call, columns, sizeof columns / sizeof *columns);
	do {
		size_t most = limit - shown < DUE_BATCH ? (size_t)(limit - shown) : DUE_BATCH;

		err = due_next(due, &after, batch, most, &got);
		for (size_t i = 0; i < got && !err; i++, shown++) {
			char hex[2 * PID_BYTES + 1], month[8];

			hex_put(hex, (const char *)batch[i].pid, PID_BYTES);
			due_month(month, batch[i].month);
			api_cell_str(table, hex);
			api_cell_str(table, month);
		}
	} while (!err && got);
	if (err) {
		api_set_exit(call, 1);
		api_note(table, "%s", err_words(err));
	}
	api_note(table, ask_zh(call) ? "保存期已满 %llu 人，列出 %llu 人" : "%llu due, %llu shown",
		(unsigned long long)due_count(due), (unsigned long long)shown);
	api_table_end(table);
	due_close(due);
}

/* ---- erase ---- */

struct erasing {
	struct api_call *call;
	struct daemon *daemon;
	struct due *due;
	uint64_t years, erased, spared;
};

/* Lines for a batch: before it is shredded, or of those that were spared. */
static int note(struct erasing *e, const struct due_person *at, size_t n, bool spared)
{
	struct access_line lines[DUE_BATCH];
	char purposes[DUE_BATCH][PURPOSE_BYTES], month[8];
	size_t n_lines = 0;

	for (size_t i = 0; i < n; i++) {
		if (spared && !at[i].spared)
			continue;
		due_month(month, at[i].month);
		(void)snprintf(purposes[n_lines], PURPOSE_BYTES,
			"retention: %llu years, last heard of in %s", (unsigned long long)e->years,
			month);
		lines[n_lines] = (struct access_line){ .act = TALLY__ACCESS_ACT__ACCESS_ERASE,
			.user = api_user(e->call),
			.subject = at[i].pid,
			.purpose = text_of(purposes[n_lines]),
			.refused = spared ? "heard of again, or gone already: not erased" : NULL,
			.count = 1 };
		n_lines++;
	}
	e->spared += spared ? n_lines : 0;
	return n_lines ? access_put_many(registrar_of(e->daemon)->log, lines, n_lines) : 0;
}

static int erase_all(struct erasing *e)
{
	struct due_person batch[DUE_BATCH];
	uint64_t after = 0;
	size_t got;
	int err;

	do {
		err = due_next(e->due, &after, batch, DUE_BATCH, &got);
		if (err || !got)
			break;
		err = api_stopping(e->call) ? ERR_CLOSED : note(e, batch, got, false);
		if (!err)
			err = due_shred(e->due, batch, got);
		if (err)
			break;
		e->erased += got;
		err = note(e, batch, got, true);
	} while (!err);
	e->erased -= e->spared;
	return err;
}

static bool confirmed(struct api_call *call, const struct due *due)
{
	uint64_t n = due_count(due), given;

	if (!api_number(call, "persons", NOT_GIVEN, 0, NOT_GIVEN, &given))
		return false;
	if (given == n || (given == NOT_GIVEN && api_flag(call, "yes")))
		return true;
	api_fail(call, 409,
		"%llu persons are due (person due lists them): give their number, --persons %llu; "
		"what is erased cannot be brought back",
		(unsigned long long)n, (unsigned long long)n);
	return false;
}

void route_due_erase(struct api_call *call)
{
	struct daemon *d = api_context(call);
	struct erasing e = {
		.call = call, .daemon = d, .years = conf_number(d->conf, "retention_years")
	};
	int err;

	if (!api_flag(call, "due")) {
		api_fail(call, 400, "--due is missing");
		return;
	}
	e.due = find(call);
	if (!e.due)
		return;
	if (!confirmed(call, e.due))
		goto out;
	err = erase_all(&e);
	log_info("access", "%llu identities were shredded, their retention being over",
		(unsigned long long)e.erased);
	if (err)
		api_fail_err(call, err, "not all that are due were erased: give the command again");
	else if (registrar_scrub(call))
		api_json(call, json_pack("{s:I, s:I, s:b}", "erased", (json_int_t)e.erased,
				       "spared", (json_int_t)e.spared, "overwritten", 1));
out:
	due_close(e.due);
}
