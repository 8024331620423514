/* Rows that are records: cells → record_from_row → pid → item of the chunk; or the spool. */
#include "daemon/intake/run.h"
#include "daemon/identity/named.h"

#define BODY_MAX (LEDGER_ENTRY_MAX - 512) /* an entry's other fields fit into the rest */

/* Hands the chunk over, with what was refused since the last one. */
void run_post(struct intake_run *r)
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

bool intake_header(struct intake_run *r, const struct reader_row *row)
{
	bool (*init)(struct columns * c, const struct reg *, const struct text *, size_t,
		struct errmsg *) = r->retract ? columns_init_keys : columns_init;

	r->headed = true;
	r->header_line = row->line;
	if (row->flaws & (FLAW_NUL | FLAW_NOT_UTF8))
		errmsg_set(&r->words,
			"%s: line %llu: the header line is not text: save the file as XLSX, or as "
			"CSV in UTF-8",
			row->flaws & FLAW_NUL ? "E014" : "E002", (unsigned long long)row->line);
	else if (row->flaws & FLAW_QUOTE)
		errmsg_set(&r->words, "E003: line %llu: a quote in the header line is never closed",
			(unsigned long long)row->line);
	else if (row->flaws & FLAW_TOO_LONG)
		errmsg_set(&r->words,
			"E010: line %llu: the header line is too long: is this a list?",
			(unsigned long long)row->line);
	else if (row->n_cells > READER_CELLS_MAX)
		errmsg_set(&r->words, "E010: the header has %zu columns, more than %d",
			row->n_cells, READER_CELLS_MAX);
	else if (init(&r->columns, r->reg, row->cells, row->n_cells, &r->words))
		spool_header(&r->spool, row->cells, row->n_cells);
	r->bad_file = r->words.text[0] != 0;
	return !r->bad_file;
}

static void refuse_in_report(struct intake_run *r, uint64_t line, const struct faults *f)
{
	if (report_refused(&r->report, line, f))
		return;
	if (pipeline_slot(&r->pipeline))
		run_post(r); /* settles */
	if (!report_refused(&r->report, line, f))
		pipeline_fail(&r->pipeline, ERR_NOMEM, "the report cannot be written");
}

void run_refuse(struct intake_run *r, const struct reader_row *row, const struct faults *f)
{
	fault_counts_add(&r->faults, f);
	fault_counts_add(&r->refused_for, f);
	r->refused++;
	r->refused_new++;
	refusals_add(&r->refusals, row->line, f);
	if (r->refusals.n == REFUSALS_MAX && r->refused <= REFUSALS_KEPT &&
		pipeline_slot(&r->pipeline))
		run_post(r);
	if (r->report.form) {
		refuse_in_report(r, row->line, f);
		return;
	}
	spool_row(&r->spool, &(struct spool_row){ .line = row->line,
				     .cells = row->cells,
				     .n_cells = row->n_cells < READER_CELLS_MAX ? row->n_cells
										: READER_CELLS_MAX,
				     .faults = f });
	if (r->spool.aside.err)
		pipeline_fail(&r->pipeline, r->spool.aside.err,
			"the list of refused rows cannot be written, the import stopped");
}

/* Numbers that are names: a spreadsheet that takes them for amounts has cut zeros at their front,
 * and digits at their end. */
static bool is_name(const struct field *f)
{
	return f && (f->type == FIELD_DOC_NUMBER || f->type == FIELD_USCC || f->type == FIELD_KEY);
}

static const struct field *field_at(const struct intake_run *r, size_t column)
{
	return column < r->columns.n && r->columns.field[column] >= 0
		       ? &r->reg->fields[r->columns.field[column]]
		       : NULL;
}

static void check_kinds(const struct intake_run *r, const struct reader_row *row, struct faults *f)
{
	for (size_t i = 0; i < row->n_cells && i < r->columns.n; i++)
		if (row->kinds[i] == CELL_NUMBER && is_name(field_at(r, i)))
			faults_add(f, "E116", field_at(r, i));
}

bool run_row_ok(const struct intake_run *r, const struct reader_row *row, struct faults *f)
{
	static const struct {
		unsigned flaw;
		const char *code;
	} flaws[] = { { FLAW_TOO_LONG, "E009" }, { FLAW_NOT_UTF8, "E102" }, { FLAW_NUL, "E103" },
		{ FLAW_ERROR, "E117" }, { FLAW_JSON, "E019" }, { FLAW_KEY, "E020" },
		{ FLAW_VALUE, "E021" } };
	bool other_length = row->n_cells != r->columns.n;
	const struct field *field = field_at(r, row->flawed);

	/* A quote that a later quote closed by chance: rows were swallowed in between. */
	if (row->flaws & FLAW_QUOTE || (other_length && row->lines > 1))
		faults_add(f, "E003", NULL);
	else if (other_length && !(row->flaws & FLAW_TOO_LONG))
		faults_add(f, row->n_cells < r->columns.n ? "E007" : "E008", NULL);
	for (size_t i = 0; row->flaws && i < sizeof flaws / sizeof *flaws; i++)
		if (row->flaws & flaws[i].flaw && !(row->flaws & FLAW_QUOTE && i == 0))
			faults_add(f, flaws[i].code, field);
	check_kinds(r, row, f);
	if (row->flaws & FLAW_DIGITS && !(field && is_name(field)))
		faults_add(f, "E118", field);
	return f->n == 0;
}

/* A month typed into a spreadsheet has become the first of it: a date cell. */
static void cut_months(const struct intake_run *r, const struct reader_row *row, struct row *cells)
{
	for (size_t i = 0; i < row->n_cells; i++) {
		const struct field *f = field_at(r, i);

		if (row->kinds[i] == CELL_DATE && f && f->type == FIELD_MONTH &&
			row->cells[i].n == 10)
			cells->cells[r->columns.field[i]].n = 7;
	}
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
		v->speaks = i == 0 && sealing_speaks(r->in->take.vault.sealing, rec, r->today);
	}
	return true;
}

/* A good record into the slot. False: no room there; nothing is kept. */
static bool put_item(struct intake_run *r, struct slot *s, struct record *rec,
	const struct identity ids[REGISTER_PERSONS_MAX], uint64_t line)
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
	item->line = line;
	s->chunk.n_items++;
	return true;
no_room:
	s->chunk.n_persons = persons;
	return false;
}

static bool put_record(struct intake_run *r, struct record *rec,
	const struct identity ids[REGISTER_PERSONS_MAX], uint64_t line)
{
	struct slot *s = pipeline_slot(&r->pipeline);

	if (s && s->chunk.n_items && !put_item(r, s, rec, ids, line)) {
		run_post(r);
		s = pipeline_slot(&r->pipeline);
	} else if (s && s->chunk.n_items) {
		return true;
	}
	return s && put_item(r, s, rec, ids, line);
}

static bool record_row(struct intake_run *r, const struct reader_row *row)
{
	struct identity ids[REGISTER_PERSONS_MAX];
	struct faults f = { 0 };
	struct record rec;
	struct row cells;

	if (!run_row_ok(r, row, &f)) {
		run_refuse(r, row, &f);
		return !run_failed(r);
	}
	arena_reset(&r->arena);
	columns_row(&r->columns, row->cells, &cells);
	cut_months(r, row, &cells);
	if (record_from_row(&cells, r->today, &r->arena, &rec, ids, &f)) {
		f.hard = true;
		faults_add(&f, "E018", NULL);
	}
	if (!f.hard && row_names_own(&cells, ids))
		faults_add(&f, "E410", row_names_own(&cells, ids));
	if (!f.hard && !put_record(r, &rec, ids, row->line)) {
		if (run_failed(r))
			return false;
		faults_add(&f, "E018", NULL);
	}
	if (f.hard)
		run_refuse(r, row, &f);
	else if (f.n)
		fault_counts_add(&r->faults, &f);
	return !run_failed(r);
}

static bool is_hint(const struct intake_run *r, const struct reader_row *row)
{
	struct text mark = TEXT(INTAKE_HINT);

	return row->line == r->header_line + 1 && row->n_cells && row->cells[0].n >= mark.n &&
	       memcmp(row->cells[0].p, mark.p, mark.n) == 0;
}

bool intake_row(struct intake_run *r, const struct reader_row *row)
{
	size_t filled = 0;

	while (filled < row->n_cells && filled < READER_CELLS_MAX && row->cells[filled].n == 0)
		filled++;
	if ((filled == row->n_cells && !row->flaws) || is_hint(r, row))
		return true;
	r->rows++;
	return r->retract ? back_row(r, row) : record_row(r, row);
}
