/* Normal path: begin → pieces of the file go through the CSV reader, its first row is the header,
 * the others go to the intake → end: the last row, the last chunk, the answer with the counts.
 *
 * A sender that is faster than the store waits in data(). A fault of the file as a whole ends the
 * reading and is answered with 400 and words; no room with 507 and what was taken in until then.
 * When the peer goes away, what is committed stands, and the half row at the break is not read. The
 * name of the file is not known here: names may be personal. */
#include "daemon/intake/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/intake/desk.h"
#include "daemon/intake/records.h"

struct import {
	struct intake_run *run;
	struct csv_reader *reader;
	bool headed;
	struct api_call *call;
};

static bool on_row(void *arg, const struct csv_row *row)
{
	struct import *im = arg;

	if (im->headed)
		return intake_row(im->run, row);
	im->headed = true;
	return intake_header(im->run, row);
}

static bool give_up(void *arg)
{
	return api_stopping(arg);
}

static void *import_begin(struct api_call *call)
{
	struct desk *c = desk_of(api_context(call));
	const struct reg *reg = records_register(call);
	struct intake_request q = { .reg = reg,
		.author = api_user(call),
		.dry_run = api_flag(call, "dry_run"),
		.english = records_english(call),
		.form = api_wants_csv(call) ? SPOOL_CSV : SPOOL_JSON,
		.give_up = give_up,
		.arg = call };
	struct import *im;
	int err;

	if (!reg)
		return NULL;
	im = calloc(1, sizeof *im);
	err = im ? intake_begin(&im->run, c->intake, &q) : ERR_NOMEM;
	if (err) {
		free(im);
		api_fail_err(call, err, "the import did not begin");
		return NULL;
	}
	im->call = call;
	im->reader = csv_reader_open(on_row, im);
	if (!im->reader)
		intake_refuse_file(im->run, err_words(ERR_NOMEM));
	return im;
}

static bool import_data(void *state, const char *p, size_t n)
{
	struct import *im = state;

	if (api_stopping(im->call)) {
		intake_interrupt(im->run);
		return false;
	}
	return im->reader && csv_reader_feed(im->reader, p, n);
}

static void set_count(struct api_call *call, const char *name, uint64_t n)
{
	char value[24];

	(void)snprintf(value, sizeof value, "%llu", (unsigned long long)n);
	api_set_header(call, name, value);
}

static void answer_failure(struct api_call *call, const struct intake_result *r)
{
	const struct counts *c = &r->counts;

	if (r->bad_file)
		api_fail(call, 400, "%s", r->words);
	else
		api_fail(call,
			r->err == ERR_FULL     ? 507
			: r->err == ERR_CLOSED ? 503
					       : 500,
			"%s (until then: accepted %llu, changed %llu, unchanged %llu, refused "
			"%llu)",
			r->words, (unsigned long long)c->accepted, (unsigned long long)c->changed,
			(unsigned long long)c->unchanged, (unsigned long long)c->refused);
}

static void answer_empty(struct api_call *call, const struct intake_result *r)
{
	struct buf b = { 0 };
	const struct counts *c = &r->counts;

	if (api_wants_csv(call)) {
		buf_text(&b, r->header);
		api_text(call, "text/csv; charset=utf-8", &b);
		return;
	}
	buf_printf(&b,
		"{\"rows\":[],\"accepted\":%llu,\"changed\":%llu,\"unchanged\":%llu,\"refused\":0}"
		"\n",
		(unsigned long long)c->accepted, (unsigned long long)c->changed,
		(unsigned long long)c->unchanged);
	api_text(call, "application/json", &b);
}

static void answer(struct api_call *call, const struct intake_result *r)
{
	set_count(call, "Tally-Accepted", r->counts.accepted);
	set_count(call, "Tally-Changed", r->counts.changed);
	set_count(call, "Tally-Unchanged", r->counts.unchanged);
	set_count(call, "Tally-Refused", r->counts.refused);
	if (r->words) {
		answer_failure(call, r);
	} else if (r->refused >= 0) {
		api_set_exit(call, 3);
		api_file(call, api_wants_csv(call) ? "text/csv; charset=utf-8" : "application/json",
			r->refused);
	} else {
		answer_empty(call, r);
	}
}

static void import_end(struct api_call *call, void *state, bool whole)
{
	struct import *im = state;
	struct intake_result result;
	const char *error = NULL;

	if (im->reader) {
		if (whole)
			(void)csv_reader_end(im->reader);
		error = csv_reader_error(im->reader);
	}
	if (error)
		intake_refuse_file(im->run, error);
	intake_finish(im->run, whole, &result);
	if (whole)
		answer(call, &result);
	else if (result.refused >= 0)
		close(result.refused);
	intake_free(im->run);
	csv_reader_close(im->reader);
	free(im);
}

const struct api_upload import_upload = { import_begin, import_data, import_end };
