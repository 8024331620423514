/* Normal path of a row: cells → record_from_row (all faults at once) → good: identities become
 * pids, the body is packed and the item goes into the chunk that is being filled; bad: the row goes
 * to the spool with all its faults.
 *
 * A full chunk is handed to the writer (pipeline.c) and the next one filled. Rows that are refused
 * are counted with the next chunk (a chunk may hold nothing else), so that the store's counters
 * move in one commit with what they count.
 *
 * Failures. A commit that fails (no room) ends the run: its rows are not counted, those before it
 * are, and importing again takes in the rest, because what stands is unchanged. A record that does
 * not fit into a chunk is refused, never a stall. When the sender goes away in the middle, what was
 * posted stands and the rest is left out. */
#include "daemon/intake/run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/intake/note.h"

#define ROW_ARENA_BYTES (512 * 1024)
#define SCRATCH_BYTES (64 * 1024)

/* ---- the daemon's intake ---- */

int intake_open(struct intake **out, const struct intake_conf *conf)
{
	struct intake *in = calloc(1, sizeof *in);
	size_t n;

	assert(conf->vault >= LEDGER_TABLES);
	if (!in)
		return ERR_NOMEM;
	(void)fault_defs(&n);
	if (n > FAULT_DEFS_MAX)
		log_warning(
			"intake", "faults from row %d on are not counted by code", FAULT_DEFS_MAX);
	in->conf = *conf;
	in->pids = pids_open(&(struct pids_tables){
		.person = conf->person, .vault = conf->vault, .state = conf->counts });
	if (!in->pids) {
		free(in);
		return ERR_NOMEM;
	}
	in->take = (struct take){ .ledger = conf->ledger,
		.vault = { .secrets = conf->secrets,
			.pids = in->pids,
			.tables = { .person = conf->person,
				.vault = conf->vault,
				.state = conf->counts },
			.sealing = conf->sealing,
			.heard = conf->heard },
		.view = { .view = conf->view, .older = conf->older },
		.counts = conf->counts,
		.refused = conf->refused };
	arena_init(&in->take.scratch, SCRATCH_BYTES);
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->left, NULL);
	*out = in;
	return 0;
}

void intake_close(struct intake *in)
{
	if (!in)
		return;
	pthread_mutex_lock(&in->lock);
	while (in->telling)
		pthread_cond_wait(&in->left, &in->lock);
	pthread_mutex_unlock(&in->lock);
	arena_deinit(&in->take.scratch);
	pids_close(in->pids);
	pthread_cond_destroy(&in->left);
	pthread_mutex_destroy(&in->lock);
	free(in);
}

const struct vault *intake_vault(const struct intake *in)
{
	return &in->take.vault;
}

/* A place among the runs; false: gave up. */
static bool enter(struct intake *in, const struct intake_request *q)
{
	bool entered;

	pthread_mutex_lock(&in->lock);
	while (in->runs >= INTAKE_RUNS_MAX && !(q->give_up && q->give_up(q->arg))) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&in->left, &in->lock, &until);
	}
	entered = in->runs < INTAKE_RUNS_MAX;
	if (entered)
		in->runs++;
	pthread_mutex_unlock(&in->lock);
	return entered;
}

static void leave(struct intake *in)
{
	pthread_mutex_lock(&in->lock);
	in->runs--;
	pthread_cond_signal(&in->left);
	pthread_mutex_unlock(&in->lock);
}

static void tell(void *arg)
{
	struct intake *in = arg;

	in->conf.grew(in->conf.arg);
	pthread_mutex_lock(&in->lock);
	in->telling = false;
	pthread_cond_broadcast(&in->left);
	pthread_mutex_unlock(&in->lock);
}

/* From a job's done. */
static void tell_soon(void *arg)
{
	struct intake *in = arg;

	pthread_mutex_lock(&in->lock);
	in->telling = true;
	pthread_mutex_unlock(&in->lock);
	store_settle(ledger_store(in->conf.ledger), tell, in);
}

/* ---- a run ---- */

int intake_begin(struct intake_run **out, struct intake *in, const struct intake_request *q)
{
	struct intake_run *r;

	if (!enter(in, q))
		return ERR_CLOSED;
	r = calloc(1, sizeof *r);
	if (!r) {
		leave(in);
		return ERR_NOMEM;
	}
	r->in = in;
	r->reg = q->reg;
	r->retract = q->retract;
	buf_text(&r->reason, text_trim(q->reason));
	r->today = clock_date(clock_wall_ms());
	strncpy(r->author, q->author ? q->author : "", AUTHOR_MAX);
	spool_init(&r->spool, in->conf.spool_dir, q->form, q->english, &r->columns);
	report_init(&r->report, q->dry_run ? q->report : REPORT_NONE, in->conf.spool_dir,
		q->english, q->reg);
	arena_init(&r->arena, ROW_ARENA_BYTES);
	pipeline_init(&r->pipeline, &(struct pipeline_conf){ .take = &in->take,
					    .reg = text_of(q->reg->name),
					    .author = text_of(r->author),
					    .retract = q->retract,
					    .dry_run = q->dry_run,
					    .report = r->report.form ? &r->report : NULL,
					    .grew = in->conf.grew ? tell_soon : NULL,
					    .arg = in });
	*out = r;
	return 0;
}

void intake_refuse_file(struct intake_run *r, const char *code, const char *words)
{
	errmsg_set(&r->words, "%s: %s", code, words);
	r->bad_file = true;
}

void intake_fail(struct intake_run *r, int err, const char *words)
{
	pipeline_fail(&r->pipeline, err, words);
}

void intake_interrupt(struct intake_run *r)
{
	pipeline_fail(&r->pipeline, ERR_CLOSED, "the daemon is stopping; import the file again");
}

/* ---- the end ---- */

/* A file without rows is a mistake (an export that failed), and said so; it has changed nothing. */
static void empty_file(struct intake_run *r)
{
	if (run_failed(r) || r->rows)
		return;
	if (r->headed)
		errmsg_set(&r->words, "E011: the file has a header but no rows");
	else
		errmsg_set(
			&r->words, "E001: the file is empty: check that the export was finished");
	r->bad_file = true;
}

/* What was refused goes on record; of a dry run, and of one that broke off, nothing does. */
static void refused_note(struct intake_run *r)
{
	struct note n = { .ledger = r->in->conf.ledger,
		.reg = text_of(r->reg->name),
		.author = text_of(r->author),
		.counts = r->pipeline.counts,
		.faults = &r->refused_for };
	int err;

	if (r->refused == 0 || r->pipeline.conf.dry_run || pipeline_failed(&r->pipeline))
		return;
	err = note_write(&n);
	if (err)
		pipeline_fail(&r->pipeline, err,
			"how many rows were refused cannot be written down; all good rows are "
			"taken in");
	else if (r->in->conf.grew)
		r->in->conf.grew(r->in->conf.arg);
}

void intake_finish(struct intake_run *r, struct intake_result *out)
{
	const struct counts *c = &r->pipeline.counts;
	char tail[200];

	empty_file(r);
	if (!run_failed(r) && (r->pipeline.filling || r->refused_new) &&
		pipeline_slot(&r->pipeline))
		run_post(r);
	pipeline_wait(&r->pipeline);
	r->pipeline.counts.refused = r->refused;
	refused_note(r);
	(void)snprintf(tail, sizeof tail,
		"\"accepted\":%llu,\"changed\":%llu,\"retracted\":%llu,\"unchanged\":%llu,"
		"\"refused\":%llu",
		(unsigned long long)c->accepted, (unsigned long long)c->changed,
		(unsigned long long)c->retracted, (unsigned long long)c->unchanged,
		(unsigned long long)c->refused);
	*out = (struct intake_result){
		.refused = -1, .report = -1, .header = buf_as_text(&r->spool.header)
	};
	if (!run_failed(r)) {
		if (r->report.form)
			out->report = report_finish(&r->report);
		else
			out->refused = spool_finish(&r->spool, tail);
		if (r->spool.aside.err || r->report.aside.err)
			pipeline_fail(&r->pipeline,
				r->report.form ? r->report.aside.err : r->spool.aside.err,
				r->report.form ? "the report cannot be written"
					       : "the list of refused rows cannot be written; all "
						 "good rows are taken in");
	}
	out->counts = r->pipeline.counts;
	out->bad_file = r->bad_file;
	out->err = r->pipeline.err;
	if (r->bad_file)
		out->words = r->words.text;
	else if (out->err)
		out->words = r->pipeline.words.text;
}

void intake_free(struct intake_run *r)
{
	pipeline_deinit(&r->pipeline);
	arena_deinit(&r->arena);
	spool_deinit(&r->spool);
	report_deinit(&r->report);
	buf_deinit(&r->reason);
	leave(r->in);
	free(r);
}

int intake_retract(struct intake *in, const struct reg *reg, struct text key, const char *author,
	struct text reason, uint64_t *position)
{
	struct text by = text_of(author);
	struct retraction retraction = {
		.take = &in->take, .reg = text_of(reg->name), .key = key, .reason = reason
	};
	int err;

	retraction.author = (struct text){ by.p, by.n < AUTHOR_MAX ? by.n : AUTHOR_MAX };
	err = store_write(ledger_store(in->conf.ledger), retraction_take, &retraction, 0);
	if (!err) {
		*position = retraction.position;
		if (in->conf.grew)
			in->conf.grew(in->conf.arg);
	}
	return err;
}
