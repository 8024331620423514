/* One talent on a day: what holds now, each with the record that says so, and below it all records
 * from their day on, field by field. What is shown of which register, and from when to when it
 * speaks, is the rules' profile. */
#include <stdlib.h>

#include "aggregator/talents/talents.h"
#include "daemon/fold/talents.h"

static const struct api_column columns[] = {
	{ "part", "部分", "part", API_TEXT },
	{ "field", "项目", "field", API_TEXT },
	{ "value", "值", "value", API_TEXT },
	{ "words", "说明", "words", API_TEXT },
	{ "from", "自", "from", API_TEXT },
	{ "valid", "有效", "valid", API_TEXT },
	{ "origin", "区", "origin", API_TEXT },
	{ "register", "登记册", "register", API_TEXT },
	{ "key", "编号", "key", API_TEXT },
	{ "position", "位置", "position", API_INT },
};

struct show {
	struct api_table *table;
	const struct talent_rules *rules;
	struct dossier *d;
	int day;
	bool zh;
};

/* ---- lines ---- */

static void cell_day(struct api_table *t, int day)
{
	if (day)
		api_cell_printf(t, "%04d-%02d-%02d", day / 10000, day / 100 % 100, day % 100);
	else
		api_cell_str(t, NULL);
}

/* Where record i stands; -1: made of several. */
static void cells_origin(struct show *s, long i)
{
	if (i < 0) {
		for (unsigned k = 0; k < 4; k++)
			api_cell_str(s->table, NULL);
		return;
	}
	api_cell_printf(s->table, "%06u", s->d->refs[i].origin);
	api_cell_str(s->table, s->d->records[i].reg->name);
	api_cell(s->table, dossier_key(s->d, (size_t)i));
	api_cell_int(s->table, (int64_t)s->d->refs[i].position);
}

static void line_now(
	struct show *s, const char *field, struct text value, const char *words, long i)
{
	api_cell_str(s->table, "now");
	api_cell_str(s->table, field);
	api_cell(s->table, value);
	api_cell_str(s->table, words ? words : "");
	cell_day(s->table, s->day);
	api_cell_str(s->table, "yes");
	cells_origin(s, i);
}

static struct value value_of(const struct record *r, const char *field, const struct field **f)
{
	int i = register_field(r->reg, text_of(field));
	struct value none = { 0 };

	*f = i >= 0 ? &r->reg->fields[i] : NULL;
	return !*f || !(*f)->pb ? none : record_value(r, *f);
}

static const char *words_of(const struct show *s, const struct field *f, struct text value)
{
	const char *name = NULL;

	if (f && f->type == FIELD_OCC)
		name = occupation_name(value);
	else if (f && f->type == FIELD_CODE)
		name = talents_words(f->codes, value, s->zh);
	return name ? name : "";
}

/* ---- the records, part by part ---- */

/* A record in its part. */
struct shown {
	size_t i; /* in the dossier */
	unsigned part;
	int from;
	bool valid;
};

static int by_part(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

static void record_lines(struct show *s, const struct shown *r, const char *part)
{
	const struct record *record = &s->d->records[r->i];
	const struct reg *reg = record->reg;

	for (size_t k = 0; reg && k < reg->n_fields; k++) {
		const struct field *f = &reg->fields[k];
		char text[1024];
		struct value v;
		size_t n;

		if (!f->pb)
			continue;
		v = record_value(record, f);
		n = value_print(f, &v, text, sizeof(text));
		if (!v.present || n == 0)
			continue;
		if (n > sizeof(text))
			n = sizeof(text);
		api_cell_str(s->table, part);
		api_cell_str(s->table, f->name);
		api_cell(s->table, (struct text){ text, n });
		api_cell_str(s->table, words_of(s, f, (struct text){ text, n }));
		cell_day(s->table, r->from);
		api_cell_str(s->table, r->valid ? "yes" : "no");
		cells_origin(s, (long)r->i);
	}
}

/* `part`: a name for all of them, or NULL: that of the clause. */
static bool records_show(struct show *s, const char *part)
{
	struct shown *all = calloc(s->d->n + 1, sizeof(*all));
	size_t n = 0;

	if (!all)
		return false;
	for (size_t i = 0; i < s->d->n; i++) {
		const struct talent_record *r = &s->d->facts[i];
		struct shown *one = &all[n];
		const struct talent_clause *c = talent_clause_of(s->rules->profile, r, &one->part);
		int over;

		one->i = i;
		if (!c)
			continue;
		one->valid =
			talent_clause_days(c, r, &one->from, &over) && (!over || s->day < over);
		n += one->from && one->from <= s->day;
	}
	qsort(all, n, sizeof(*all), by_part);
	for (size_t i = 0; i < n; i++) {
		const struct talent_clause *c = s->rules->profile;

		for (unsigned k = 0; k < all[i].part; k++)
			c = c->next;
		record_lines(s, &all[i], part ? part : c->id);
	}
	free(all);
	return true;
}

/* ---- what holds now ---- */

/* Of two records of one day: is the second one's district the same, and its status before? */
static bool status_before(const struct show *s, long best, size_t i)
{
	return s->d->refs[best].origin == s->d->refs[i].origin &&
	       strcmp(s->d->records[i].reg->name, "person") == 0 &&
	       talent_status_order(&s->d->records[i]) < talent_status_order(&s->d->records[best]);
}

/* The newest record of a clause on the day: largest `from`; on a tie the smaller district, then (of
 * person rows) the smaller talent_status_order(), then the one that stands first. -1: none. */
static long newest_of(const struct show *s, const struct talent_clause *c)
{
	long best = -1;
	int newest = 0;

	for (size_t i = 0; i < s->d->n; i++) {
		int from, over;

		if (!talent_clause_takes(c, &s->d->facts[i]) ||
			!talent_clause_days(c, &s->d->facts[i], &from, &over) || from > s->day ||
			from < newest ||
			(from == newest && (best < 0 || !status_before(s, best, i))))
			continue;
		newest = from;
		best = (long)i;
	}
	return best;
}

static void now_level(struct show *s)
{
	long best = -1;
	int rank = -1, newest = 0;
	const struct field *f;
	struct value v;

	for (size_t i = 0; i < s->d->n; i++) {
		const struct talent_record *r = &s->d->facts[i];
		unsigned number;
		const struct talent_clause *c = talent_clause_of(s->rules->level, r, &number);
		int from, over, mine;

		if (!c || !talent_clause_speaks(c, r, s->day) ||
			!talent_clause_days(c, r, &from, &over))
			continue;
		v = value_of(r->record, "level", &f);
		mine = v.present ? level_rank(v.text) : -1;
		if (mine < 1 || mine < rank || (mine == rank && from <= newest))
			continue;
		rank = mine;
		newest = from;
		best = (long)i;
	}
	if (best < 0)
		return;
	v = value_of(&s->d->records[best], "level", &f);
	line_now(s, "level", v.text, words_of(s, f, v.text), best);
}

static void now_gate(struct show *s)
{
	const struct talent_gate *g = talent_gate_at(s->rules, s->day);
	const struct talent_clause *c = talent_qualifies(s->rules, s->d->facts, s->d->n, s->day);

	for (size_t i = 0; c && i < s->d->n; i++) {
		char gate[64];

		if (!talent_clause_speaks(c, &s->d->facts[i], s->day))
			continue;
		snprintf(gate, sizeof(gate), "%s/%s", g->version, c->id);
		line_now(s, "gate", text_of(gate), s->zh ? c->zh : c->en, (long)i);
		return;
	}
}

static void now_home(struct show *s)
{
	char code[12];
	long i = -1;

	for (const struct talent_clause *c = s->rules->home; c && i < 0; c = c->next)
		i = newest_of(s, c);
	if (i < 0)
		return;
	snprintf(code, sizeof(code), "%06u", s->d->refs[i].origin);
	line_now(s, "district", text_of(code), area_name(s->d->refs[i].origin, s->zh), i);
}

/* Every field of the newest person row. */
static void now_status(struct show *s)
{
	long i = -1;

	for (const struct talent_clause *c = s->rules->profile; c; c = c->next)
		if (strcmp(c->reg->name, "person") == 0)
			i = newest_of(s, c);
	for (size_t k = 0; i >= 0 && k < s->d->records[i].reg->n_fields; k++) {
		const struct field *f = &s->d->records[i].reg->fields[k];
		char text[1024];
		struct value v;
		size_t n;

		if (!f->pb)
			continue;
		v = record_value(&s->d->records[i], f);
		n = value_print(f, &v, text, sizeof(text));
		if (v.present && n && n <= sizeof(text))
			line_now(s, f->name, (struct text){ text, n },
				words_of(s, f, (struct text){ text, n }), i);
	}
}

/* Of several documents the greater one, as the search has it. */
static void now_birth(struct show *s)
{
	long sex = -1, birth = -1;
	char text[12];

	for (size_t i = 0; i < s->d->n; i++) {
		struct person_facts p = record_person(&s->d->records[i], 0);
		int best = birth < 0 ? 0 : record_person(&s->d->records[birth], 0).birth_year;

		if (p.birth_year > best)
			birth = (long)i;
		if ((int)p.sex > (sex < 0 ? 0 : (int)record_person(&s->d->records[sex], 0).sex))
			sex = (long)i;
	}
	if (sex >= 0) {
		bool male = record_person(&s->d->records[sex], 0).sex == SEX_MALE;

		line_now(s, "sex", text_of(male ? "1" : "2"),
			s->zh  ? (male ? "男" : "女")
			: male ? "male"
			       : "female",
			sex);
	}
	if (birth < 0)
		return;
	snprintf(text, sizeof(text), "%d", record_person(&s->d->records[birth], 0).birth_year);
	line_now(s, "birth_year", text_of(text), "", birth);
}

/* Each code of the list that a record has by the day, with the earliest one. */
static void now_tags(struct show *s, const char *field)
{
	const struct code_list *list = code_list_find(text_of(field));

	for (size_t code = 0; list && code < list->n; code++) {
		long best = -1;
		int earliest = 0;

		for (size_t i = 0; i < s->d->n; i++) {
			const struct field *f;
			struct value v = value_of(&s->d->records[i], field, &f);
			unsigned number;
			const struct talent_clause *c =
				talent_clause_of(s->rules->profile, &s->d->facts[i], &number);
			bool has = false;
			int from, over;

			for (size_t k = 0; k < v.n_list; k++)
				has = has || text_is((struct text){ (const char *)v.list[k].data,
							     v.list[k].len },
						     list->at[code].code);
			if (!has || !c || !talent_clause_days(c, &s->d->facts[i], &from, &over) ||
				from > s->day || (best >= 0 && from >= earliest))
				continue;
			best = (long)i;
			earliest = from;
		}
		if (best >= 0)
			line_now(s, field, text_of(list->at[code].code),
				s->zh ? list->at[code].zh : list->at[code].en, best);
	}
}

/* ---- talent show ---- */

static void now_show(struct show *s, const uint8_t pid[PID_BYTES])
{
	char id[TALENT_ID_TEXT];

	talent_id_print(pid, id);
	line_now(s, "id", text_of(id), "", -1);
	now_gate(s);
	now_level(s);
	now_home(s);
	now_birth(s);
	now_status(s);
	now_tags(s, "programme");
	now_tags(s, "area");
}

static int show(
	struct api_call *call, const struct talents_view *v, const uint8_t pid[PID_BYTES], int day)
{
	struct dossier d, mentored = { .n = 0 };
	struct show s = { .rules = v->office->rules, .d = &d, .day = day, .zh = talents_zh(call) };
	int err = dossier_init(&d, v, pid);

	if (!err && !talent_qualifies(s.rules, d.facts, d.n, day))
		err = ERR_NOTFOUND;
	if (!err)
		err = dossier_mentored(&mentored, v, pid);
	if (!err) {
		s.table = api_table(call, columns, sizeof(columns) / sizeof(*columns));
		now_show(&s, pid);
		if (!records_show(&s, NULL))
			err = ERR_NOMEM;
		s.d = &mentored;
		if (!err && !records_show(&s, "mentor"))
			err = ERR_NOMEM;
		if (d.unreadable)
			api_note(s.table,
				s.zh ? "有 %zu 条记录在账本中已损坏，未列出"
				     : "%zu records are damaged in their ledgers and left out",
				d.unreadable);
		if (!err)
			api_table_end(s.table);
	}
	dossier_deinit(&mentored);
	dossier_deinit(&d);
	return err;
}

void route_talent_show(struct api_call *call)
{
	const char *id = api_arg(call, "id");
	struct talents_view v;
	uint8_t pid[PID_BYTES];
	int day, err;

	if (!talents_day(call, &day) || !talents_view_open(&v, call))
		return;
	err = talents_person_of(v.views, text_of(id), pid);
	if (!err)
		err = show(call, &v, pid, day);
	talents_view_close(&v);
	if (err == ERR_INVALID)
		api_fail(call, 400, "%s: neither a talent's id (T and 16 signs) nor a pid", id);
	else if (err == ERR_EXISTS)
		api_fail(call, 409, "%s: two persons' ids are alike; ask by the pid", id);
	else if (err == ERR_NOTFOUND)
		api_fail(call, 404, "%s: nobody in the talent database on %d", id, day);
	else if (err)
		api_fail_err(call, err, "the talent cannot be read");
}
