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
#include "daemon/intake/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/intake/pipeline.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"

#define ROW_ARENA_BYTES (512 * 1024)
#define SCRATCH_BYTES (64 * 1024)
#define BODY_MAX (LEDGER_ENTRY_MAX - 512) /* an entry's other fields fit into the rest */

struct intake {
	struct take take;
	struct pids *pids;
	struct intake_conf conf;
	pthread_mutex_t lock;
	pthread_cond_t left;
	unsigned runs;
};

struct intake_run {
	struct intake *in;
	const struct reg *reg;
	char author[AUTHOR_MAX + 1];
	int today;
	struct columns columns;
	struct spool spool;
	struct arena arena; /* the row's */
	struct pipeline pipeline;
	uint64_t rows, refused;
	uint64_t refused_new;	    /* not yet in a chunk */
	struct fault_counts faults; /* not yet in a chunk */
	struct refusals refusals;   /* not yet in a chunk */
	bool headed, bad_file;
	struct errmsg words; /* of a bad file */
};

/* ---- the daemon's intake ---- */

int intake_open(struct intake **out, const struct intake_conf *conf)
{
	struct intake *in = calloc(1, sizeof *in);
	size_t n;

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
				.state = conf->counts } },
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
	arena_deinit(&in->take.scratch);
	pids_close(in->pids);
	pthread_cond_destroy(&in->left);
	pthread_mutex_destroy(&in->lock);
	free(in);
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
	r->today = clock_date(clock_wall_ms());
	strncpy(r->author, q->author ? q->author : "", AUTHOR_MAX);
	spool_init(&r->spool, in->conf.spool_dir, q->form, q->english, &r->columns);
	arena_init(&r->arena, ROW_ARENA_BYTES);
	pipeline_init(&r->pipeline, &(struct pipeline_conf){ .take = &in->take,
					    .reg = text_of(q->reg->name),
					    .author = text_of(r->author),
					    .dry_run = q->dry_run,
					    .grew = in->conf.grew,
					    .arg = in->conf.arg });
	*out = r;
	return 0;
}

static bool failed(struct intake_run *r)
{
	return r->bad_file || pipeline_failed(&r->pipeline);
}

/* Hands the chunk over, with what was refused since the last one. */
static void post(struct intake_run *r)
{
	struct chunk *c = &r->pipeline.filling->chunk;

	c->refused = r->refused_new;
	c->refusals.n = r->refusals.n;
	memcpy(c->refusals.at, r->refusals.at,
		(r->refusals.n < REFUSALS_MAX ? r->refusals.n : REFUSALS_MAX) *
			sizeof c->refusals.at[0]);
	r->refusals.n = 0;
	r->refused_new = 0;
	if (r->faults.any) {
		c->faults = r->faults;
		r->faults = (struct fault_counts){ .any = false };
	}
	pipeline_post(&r->pipeline);
}

/* ---- rows ---- */

bool intake_header(struct intake_run *r, const struct csv_row *row)
{
	r->headed = true;
	if (row->flaws & (FLAW_NUL | FLAW_NOT_UTF8))
		errmsg_set(&r->words,
			"%s: line %llu: the header line is not UTF-8 text: save the file as CSV in "
			"UTF-8",
			row->flaws & FLAW_NUL ? "E014" : "E002", (unsigned long long)row->line);
	else if (row->flaws & FLAW_QUOTE)
		errmsg_set(&r->words, "E003: line %llu: a quote in the header line is never closed",
			(unsigned long long)row->line);
	else if (row->flaws & FLAW_TOO_LONG)
		errmsg_set(&r->words,
			"E010: line %llu: the header line is too long: is this a CSV file?",
			(unsigned long long)row->line);
	else if (columns_init(&r->columns, r->reg, row->cells, row->n_cells, &r->words))
		spool_header(&r->spool, row->cells, row->n_cells);
	r->bad_file = r->words.text[0] != 0;
	return !r->bad_file;
}

static void refuse(struct intake_run *r, const struct csv_row *row, const struct faults *f)
{
	fault_counts_add(&r->faults, f);
	r->refused++;
	r->refused_new++;
	refusals_add(&r->refusals, row->line, f);
	if (r->refusals.n == REFUSALS_MAX && r->refused <= REFUSALS_KEPT &&
		pipeline_slot(&r->pipeline))
		post(r);
	spool_row(&r->spool,
		&(struct spool_row){ .line = row->line,
			.cells = row->cells,
			.n_cells = row->n_cells < CSV_CELLS_MAX ? row->n_cells : CSV_CELLS_MAX,
			.faults = f });
	if (r->spool.err)
		pipeline_fail(&r->pipeline, r->spool.err,
			"the list of refused rows cannot be written, the import stopped");
}

/* What is wrong with a row as text. */
static bool well_formed(const struct intake_run *r, const struct csv_row *row, struct faults *f)
{
	bool other_length = row->n_cells != r->columns.n;
	const struct field *field = NULL;

	if (row->flawed < r->columns.n && r->columns.field[row->flawed] >= 0)
		field = &r->reg->fields[r->columns.field[row->flawed]];
	/* A quote that a later quote closed by chance: rows were swallowed in between. */
	if (row->flaws & FLAW_QUOTE || (other_length && row->lines > 1))
		faults_add(f, "E003", NULL);
	else if (row->flaws & FLAW_TOO_LONG)
		faults_add(f, "E009", field);
	else if (other_length)
		faults_add(f, row->n_cells < r->columns.n ? "E007" : "E008", NULL);
	if (row->flaws & FLAW_NOT_UTF8)
		faults_add(f, "E102", field);
	if (row->flaws & FLAW_NUL)
		faults_add(f, "E103", field);
	return f->n == 0;
}

/* Pids, tags and vault items of a row's persons. */
static bool split_persons(struct intake_run *r, struct slot *s, struct record *rec,
	const struct identity ids[REGISTER_PERSONS_MAX])
{
	for (size_t i = 0; i < r->reg->n_persons; i++) {
		struct vault_item *v = &s->chunk.persons[s->chunk.n_persons];
		struct identity id = ids[i];

		if (!id.present)
			continue;
		id.name = arena_copy(&s->arena, ids[i].name);
		id.doc_type = arena_copy(&s->arena, ids[i].doc_type);
		id.doc_number = arena_copy(&s->arena, ids[i].doc_number);
		if (id.phone.n)
			id.phone = arena_copy(&s->arena, ids[i].phone);
		if (!id.name.p || !id.doc_type.p || !id.doc_number.p ||
			(ids[i].phone.n && !id.phone.p))
			return false;
		vault_item_init(v, &r->in->take.vault, &id, (uint32_t)s->chunk.n_persons);
		s->chunk.n_persons++;
		record_set_person(rec, i, &id, v->pid, v->name_tag);
	}
	return true;
}

/* A good record into the slot. False: no room there; nothing is kept. */
static bool put_item(struct intake_run *r, struct slot *s, struct record *rec,
	const struct identity ids[REGISTER_PERSONS_MAX])
{
	size_t persons = s->chunk.n_persons, n;
	struct item *item = &s->chunk.items[s->chunk.n_items];
	struct text key;
	uint8_t *body;

	if (s->chunk.n_items == CHUNK_ITEMS)
		return false;
	if (!split_persons(r, s, rec, ids))
		goto no_room;
	key = record_key(rec, &r->arena);
	item->key = key.p ? view_key(text_of(r->reg->name), key, &s->arena) : key;
	n = record_packed_size(rec);
	body = n <= BODY_MAX ? arena_alloc(&s->arena, n) : NULL;
	if (!item->key.p || !body)
		goto no_room;
	item->body = (struct text){ (const char *)body, record_pack(rec, body) };
	s->chunk.n_items++;
	return true;
no_room:
	s->chunk.n_persons = persons;
	return false;
}

static bool put_record(
	struct intake_run *r, struct record *rec, const struct identity ids[REGISTER_PERSONS_MAX])
{
	struct slot *s = pipeline_slot(&r->pipeline);

	if (s && s->chunk.n_items && !put_item(r, s, rec, ids)) {
		post(r);
		s = pipeline_slot(&r->pipeline);
	} else if (s && s->chunk.n_items) {
		return true;
	}
	return s && put_item(r, s, rec, ids);
}

bool intake_row(struct intake_run *r, const struct csv_row *row)
{
	struct identity ids[REGISTER_PERSONS_MAX];
	struct faults f = { 0 };
	struct record rec;
	struct row cells;
	size_t filled = 0;

	while (filled < row->n_cells && filled < CSV_CELLS_MAX && row->cells[filled].n == 0)
		filled++;
	if (filled == row->n_cells)
		return true;
	r->rows++;
	if (!well_formed(r, row, &f)) {
		refuse(r, row, &f);
		return !failed(r);
	}
	arena_reset(&r->arena);
	columns_row(&r->columns, row->cells, &cells);
	if (record_from_row(&cells, r->today, &r->arena, &rec, ids, &f)) {
		f.hard = true;
		faults_add(&f, "E018", NULL);
	}
	if (!f.hard && !put_record(r, &rec, ids)) {
		if (failed(r))
			return false;
		faults_add(&f, "E018", NULL);
	}
	if (f.hard)
		refuse(r, row, &f);
	else if (f.n)
		fault_counts_add(&r->faults, &f);
	return !failed(r);
}

void intake_refuse_file(struct intake_run *r, const char *words)
{
	errmsg_set(&r->words, "E016: %s", words);
	r->bad_file = true;
}

void intake_interrupt(struct intake_run *r)
{
	pipeline_fail(&r->pipeline, ERR_CLOSED, "the daemon is stopping; import the file again");
}

/* ---- the end ---- */

/* A file without rows is a mistake (an export that failed), and said so; it has changed nothing. */
static void empty_file(struct intake_run *r)
{
	if (failed(r) || r->rows)
		return;
	if (r->headed)
		errmsg_set(&r->words, "E011: the file has a header but no rows");
	else
		errmsg_set(
			&r->words, "E001: the file is empty: check that the export was finished");
	r->bad_file = true;
}

void intake_finish(struct intake_run *r, bool whole, struct intake_result *out)
{
	char tail[160];

	if (whole)
		empty_file(r);
	if (whole && !failed(r) && (r->pipeline.filling || r->refused_new) &&
		pipeline_slot(&r->pipeline))
		post(r);
	pipeline_wait(&r->pipeline);
	r->pipeline.counts.refused = r->refused;
	(void)snprintf(tail, sizeof tail,
		"\"accepted\":%llu,\"changed\":%llu,\"unchanged\":%llu,\"refused\":%llu",
		(unsigned long long)r->pipeline.counts.accepted,
		(unsigned long long)r->pipeline.counts.changed,
		(unsigned long long)r->pipeline.counts.unchanged,
		(unsigned long long)r->pipeline.counts.refused);
	*out = (struct intake_result){ .refused = -1, .header = buf_as_text(&r->spool.header) };
	if (whole && !failed(r)) {
		out->refused = spool_finish(&r->spool, tail);
		if (r->spool.err)
			pipeline_fail(&r->pipeline, r->spool.err,
				"the list of refused rows cannot be written; all good rows are "
				"taken in");
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
