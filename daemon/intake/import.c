/* Normal path: begin → pieces of the file are put aside → end: all is read, judged and taken in
 * (load.c), the answer has the counts and the refused rows. Importing and taking back are the same
 * road with other rows.
 *
 * A file that cannot be read is answered with 400 and words; no room with 507 and what was taken in
 * until then. When the peer goes away before the end, nothing of the file is taken in. The name of
 * the file is used to tell what it is and kept nowhere: names may be personal. */
#include "daemon/intake/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/intake/desk.h"
#include "daemon/intake/load.h"
#include "daemon/intake/records.h"
#include "daemon/identity/named.h"

static bool give_up(void *arg)
{
	return api_stopping(arg);
}

/* Refused rows come back as a CSV to whoever takes one, whatever he likes better for a report. */
static bool takes_csv(const struct api_call *call)
{
	const char *accept = api_header(call, "Accept");

	return accept && strstr(accept, "text/csv");
}

/* What text is when nothing in it tells. */
static bool encoding(struct api_call *call, enum reader_encoding *out)
{
	static const char *const names[] = { [READER_UTF8] = "utf-8",
		[READER_GB18030] = "gb18030",
		[READER_UTF16LE] = "utf-16le",
		[READER_UTF16BE] = "utf-16be" };
	const char *given = api_arg(call, "encoding");

	*out = READER_UTF8;
	for (size_t i = 0; given && i < sizeof names / sizeof *names; i++)
		if (strcasecmp(given, names[i]) == 0) {
			*out = (enum reader_encoding)i;
			given = NULL;
		}
	if (given)
		api_fail(call, 400, "encoding is one of utf-8, gb18030, utf-16le, utf-16be");
	return !given;
}

static enum report_form report_form(struct api_call *call)
{
	const char *accept = api_header(call, "Accept");

	if (accept && strstr(accept, "application/vnd.tally.table+json"))
		return REPORT_TABLE;
	if (accept && strstr(accept, "application/json"))
		return REPORT_JSON;
	return api_wants_csv(call) ? REPORT_CSV : REPORT_JSON;
}

static void *begin(struct api_call *call, bool retract)
{
	struct daemon *d = api_context(call);
	const struct reg *reg = records_register(call);
	struct load_conf conf = { .intake = desk_of(d)->intake,
		.request = { .reg = reg,
			.author = api_user(call),
			.retract = retract,
			.reason = text_of(retract ? api_arg(call, "reason") : NULL),
			.dry_run = api_flag(call, "dry_run"),
			.report = report_form(call),
			.english = api_english(call),
			.form = takes_csv(call) ? SPOOL_CSV : SPOOL_JSON,
			.give_up = give_up,
			.arg = call },
		.format = reader_format_of(
			api_header(call, "Content-Type"), api_header(call, "Tally-Source")),
		.dir = conf_text(d->conf, "state_dir") };
	struct errmsg why;
	struct load *l;
	int err;

	if (reg && desk_refuses(d, reg, &why)) {
		api_fail(call, 400, "%s", why.text);
		return NULL;
	}
	if (!reg || !encoding(call, &conf.otherwise))
		return NULL;
	if (!text_utf8_ok(conf.request.reason) || text_chars(conf.request.reason) > 200) {
		api_fail(call, 400, "a reason has at most 200 characters");
		return NULL;
	}
	if (text_names_somebody(conf.request.reason)) {
		api_fail(call, 400, "the reason: %s", NAMED_WORDS);
		return NULL;
	}
	err = load_open(&l, &conf);
	if (err)
		api_fail_err(call, err, "the file was not taken");
	return err ? NULL : l;
}

static void *import_begin(struct api_call *call)
{
	return begin(call, false);
}

static void *retract_begin(struct api_call *call)
{
	return begin(call, true);
}

static bool import_data(void *state, const char *p, size_t n)
{
	return load_feed(state, p, n);
}

static void set_count(struct api_call *call, const char *name, uint64_t n)
{
	char value[24];

	(void)snprintf(value, sizeof value, "%llu", (unsigned long long)n);
	api_set_header(call, name, value);
}

/* What became of the file until then; "" when nothing was taken in. */
static void until_then(const struct counts *c, char *out, size_t size)
{
	out[0] = 0;
	if (c->accepted + c->changed + c->retracted + c->unchanged)
		(void)snprintf(out, size,
			" (until then: accepted %llu, changed %llu, retracted %llu, unchanged "
			"%llu)",
			(unsigned long long)c->accepted, (unsigned long long)c->changed,
			(unsigned long long)c->retracted, (unsigned long long)c->unchanged);
}

static void answer_failure(struct api_call *call, const struct intake_result *r)
{
	char tail[160];

	until_then(&r->counts, tail, sizeof tail);
	api_fail(call,
		r->bad_file	       ? 400
		: r->err == ERR_FULL   ? 507
		: r->err == ERR_CLOSED ? 503
				       : 500,
		"%s%s", r->words, tail);
}

static void answer_empty(struct api_call *call, const struct intake_result *r)
{
	struct buf b = { 0 };
	const struct counts *c = &r->counts;

	if (takes_csv(call)) {
		buf_text(&b, r->header);
		api_text(call, "text/csv; charset=utf-8", &b);
		return;
	}
	buf_printf(&b,
		"{\"rows\":[],\"accepted\":%llu,\"changed\":%llu,\"retracted\":%llu,"
		"\"unchanged\":%llu,\"refused\":0}\n",
		(unsigned long long)c->accepted, (unsigned long long)c->changed,
		(unsigned long long)c->retracted, (unsigned long long)c->unchanged);
	api_text(call, "application/json", &b);
}

static void answer(struct api_call *call, const struct intake_result *r, bool retract)
{
	if (r->words) {
		answer_failure(call, r);
		if (r->refused >= 0)
			close(r->refused);
		return;
	}
	if (retract) {
		set_count(call, "Tally-Retracted", r->counts.retracted);
	} else {
		set_count(call, "Tally-Accepted", r->counts.accepted);
		set_count(call, "Tally-Changed", r->counts.changed);
	}
	set_count(call, "Tally-Unchanged", r->counts.unchanged);
	set_count(call, "Tally-Refused", r->counts.refused);
	if (r->report >= 0) {
		static const char *const types[] = { [REPORT_TABLE] =
							     "application/vnd.tally.table+json",
			[REPORT_JSON] = "application/json",
			[REPORT_CSV] = "text/csv; charset=utf-8" };

		api_set_header(call, "Content-Disposition", "inline");
		if (r->counts.refused)
			api_set_exit(call, 3);
		api_file(call, types[report_form(call)], r->report);
	} else if (r->refused >= 0) {
		api_set_exit(call, 3);
		api_file(call, takes_csv(call) ? "text/csv; charset=utf-8" : "application/json",
			r->refused);
	} else {
		answer_empty(call, r);
	}
}

static void import_end(struct api_call *call, void *state, bool whole)
{
	struct load *l = state;

	if (whole) {
		const struct intake_result *r = load_end(l);

		if (load_warning(l))
			api_set_header(call, "Tally-Warning", load_warning(l));
		answer(call, r, load_retracts(l));
	}
	load_free(l);
}

const struct api_upload import_upload = { import_begin, import_data, import_end };
const struct api_upload retract_upload = { retract_begin, import_data, import_end };
